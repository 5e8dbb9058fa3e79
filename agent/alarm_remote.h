/* alarm_remote: alarms and the central broker: commands come in over a connection of their own,
 * answers and the retained states go out after their commit.
 *
 * Without commands and states in the options there is none: NULL stands for it in every call.
 * Memory is taken by open.  Loop thread only. */
#ifndef ISOTHERM_ALARM_REMOTE_H
#define ISOTHERM_ALARM_REMOTE_H

#include "alarm/alarm_command.h"
#include "alarm_desk.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"
#include "base/text.h"
#include "uplink/uplink.h"

#include <stddef.h>
#include <stdint.h>

struct alarm_remote_settings {
    const struct uplink_mqtt_options *uplink; /* NULL: none; valid until close, like the gateway */
    const char *gateway;
    struct loop *loop;
    struct log *log;
};

/* Who knows the alarms. */
struct alarm_remote_host {
    /* Copies views as alarm_engine_list does; one of them as alarm_engine_view does. */
    size_t (*list)(void *context, size_t *cursor, struct alarm_view *views, size_t max);
    bool (*find)(void *context, const char *alarm, struct alarm_view *view);
    /* Deals with a request and writes the answer (ALARM_ANSWER_BYTES).  Returns the ticket that
     * must be durable before the answer may leave; 0: at once. */
    uint64_t (*take)(void *context, const struct alarm_desk_request *request, struct text *answer);
    void *context;
};

struct alarm_remote;

/* Begins to connect where the options ask for it; else *remote is NULL.  ST_INVALID: the options
 * cannot work (reason logged); ST_NO_MEMORY, ST_FULL.  To be closed in any case. */
enum status alarm_remote_open(struct alarm_remote **remote,
                              const struct alarm_remote_settings *settings,
                              const struct alarm_remote_host *host) ISOTHERM_CHECK;
void alarm_remote_close(struct alarm_remote *remote);

/* What alarm_remote_open allocates for these options; NULL: none. */
size_t alarm_remote_size_bytes(const struct uplink_mqtt_options *uplink);

/* The state of that alarm changed; to be published once `ticket` is durable. */
void alarm_remote_note(struct alarm_remote *remote, const char *id, const char *device,
                       uint64_t ticket);

/* Everything up to the ticket is durable: sends what the connection takes. */
void alarm_remote_pump(struct alarm_remote *remote, uint64_t durable_ticket);

/* Adds its members to the object `commands` of the status. */
void alarm_remote_report(const struct alarm_remote *remote, struct text *text);

#endif
