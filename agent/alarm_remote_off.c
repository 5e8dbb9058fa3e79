/* Stands in for alarm_remote.c in a build without commands for alarms from afar.  Invariant: there
 * is never one, and the configuration says so to who asks for it. */
#include "alarm_remote.h"

enum status alarm_remote_open(struct alarm_remote **remote,
                              const struct alarm_remote_settings *settings,
                              const struct alarm_remote_host *host)
{
    (void)settings;
    (void)host;
    *remote = NULL;
    return ST_OK;
}

void alarm_remote_close(struct alarm_remote *remote)
{
    (void)remote;
}

size_t alarm_remote_size_bytes(const struct uplink_mqtt_options *uplink)
{
    (void)uplink;
    return 0;
}

void alarm_remote_note(struct alarm_remote *remote, const char *id, const char *device,
                       uint64_t ticket)
{
    (void)remote;
    (void)id;
    (void)device;
    (void)ticket;
}

void alarm_remote_pump(struct alarm_remote *remote, uint64_t durable_ticket)
{
    (void)remote;
    (void)durable_ticket;
}

void alarm_remote_report(const struct alarm_remote *remote, struct text *text)
{
    (void)remote;
    (void)text;
}
