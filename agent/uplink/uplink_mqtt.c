/* uplink_mqtt: the options of `uplink: {mqtt: ...}`, and an uplink opened with them.
 * The one place where the uplink meets a kind of link. */
#include "uplink/uplink.h"

#include "uplink/link_mqtt.h"

#include <string.h>

static const struct field uplink_mqtt_fields[] = {
    MQTT_CLIENT_FIELDS(struct uplink_mqtt_options, mqtt),
    {.name = "topic",
     .type = FIELD_TEXT,
     .offset = offsetof(struct uplink_mqtt_options, topic),
     .size = sizeof((struct uplink_mqtt_options *)0)->topic,
     .default_text = "isotherm/{gateway}",
     FIELD_HELP("Prefix of every topic; {gateway} is replaced by the gateway's name.")},
    {.name = "in_flight",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct uplink_mqtt_options, in_flight),
     .default_text = "20",
     .min = 1,
     .max = LIMIT_IN_FLIGHT,
     FIELD_HELP(
         "Window results sent and not yet acknowledged, at most; alarms have places of their "
         "own.")},
    {.name = "rate",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct uplink_mqtt_options, pacing.rate),
     .default_text = "0",
     .min = 0,
     .max = 100000,
     FIELD_HELP(
         "Records per second, at most, also when an outage is made up for; alarms do not wait "
         "for it; 0 for no limit.")},
    {.name = "burst",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct uplink_mqtt_options, pacing.burst),
     .default_text = "0",
     .min = 0,
     .max = 100000,
     FIELD_HELP(
         "Records that may go at once after a pause, beyond rate; 0 for a tenth of a second's "
         "worth.")},
    {.name = "rate_bytes",
     .type = FIELD_BYTES,
     .offset = offsetof(struct uplink_mqtt_options, pacing.rate_bytes),
     .default_text = "0",
     .min = 0,
     .max = 1 << 30,
     FIELD_HELP("Bytes of topic and payload per second, at most, as with rate; 0 for no limit.")},
    {.name = "history_share",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct uplink_mqtt_options, pacing.history_share),
     .default_text = "20",
     .min = 1,
     .max = 90,
     FIELD_HELP(
         "Percent of what is sent that records from before the connection get at least, while "
         "newer ones, which go first, wait too.")},
    {.name = "drain_jitter",
     .type = FIELD_DURATION,
     .offset = offsetof(struct uplink_mqtt_options, pacing.jitter_ms),
     .default_text = "2s",
     .min = 0,
     .max = 3600000,
     FIELD_HELP(
         "Records from before the connection begin to move after a random wait up to this, so "
         "that a fleet does not begin at once; new ones and alarms do not wait.")},
    {.name = "lag",
     .type = FIELD_DURATION,
     .offset = offsetof(struct uplink_mqtt_options, pacing.lag_ms),
     .default_text = "200ms",
     .min = 0,
     .max = 60000,
     FIELD_HELP(
         "No more is sent ahead than the link, as measured, carries in this time, so that an "
         "alarm waits no longer behind it; 0s for no limit.")},
    {.name = "ledger_every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct uplink_mqtt_options, ledger_every_ms),
     .default_text = "1min",
     .min = 0,
     .max = 86400000,
     FIELD_HELP("How often the ledger is published under <topic>/ledger; 0s for never.")},
    {.name = "retain",
     .type = FIELD_BOOL,
     .offset = offsetof(struct uplink_mqtt_options, retain),
     .default_text = "false",
     FIELD_HELP("Whether the broker keeps the last summary of each device for late subscribers.")},
    {.name = "alarm_states",
     .type = FIELD_BOOL,
     .offset = offsetof(struct uplink_mqtt_options, has_alarm_states),
     .default_text = "false",
     FIELD_HELP("Whether the broker keeps the present state of each alarm for late subscribers.")},
    {.name = "clock_wait",
     .type = FIELD_DURATION,
     .offset = offsetof(struct uplink_mqtt_options, clock_wait_ms),
     .default_text = "15min",
     .min = 0,
     .max = 86400000,
     FIELD_HELP(
         "After a boot without a set clock, windows of readings that have no time of their own "
         "wait so long for it, outages not counted; then they go without wall time; 0s for at "
         "once.")},
    {.name = "commands",
     .type = FIELD_GROUP,
     .offset = offsetof(struct uplink_mqtt_options, commands),
     .size = sizeof((struct uplink_mqtt_options *)0)->commands,
     .fields = &command_channel_option_table},
};

static void check_options(const void *checked, const struct field_report *report)
{
    const struct uplink_mqtt_options *options = checked;
    mqtt_options_check(&options->mqtt, report);
    if (options->has_alarm_states && command_channel_option_table.left_out != NULL)
        report->add(report->context, "alarm_states", "is not compiled into this program");
    size_t size = strlen(options->topic);
    if (size == 0)
        report->add(report->context, "topic", "must not be empty");
    else if (strpbrk(options->topic, "+#") != NULL)
        report->add(report->context, "topic", "must not contain the wildcards + and #");
    else if (options->topic[0] == '$')
        report->add(report->context, "topic", "must not begin with $, which is the broker's own");
    else if (options->topic[0] == '/' || options->topic[size - 1] == '/')
        report->add(report->context, "topic", "must not begin or end with /");
}

const struct field_table uplink_mqtt_option_table = {
    .fields = uplink_mqtt_fields,
    .count = sizeof uplink_mqtt_fields / sizeof *uplink_mqtt_fields,
    FIELD_HELP("Summaries and alarms as JSON to the central MQTT broker."),
    .check = check_options,
};

size_t uplink_mqtt_size_bytes(void)
{
    return uplink_size_bytes(&link_mqtt);
}

enum status uplink_open(struct uplink **uplink, const struct uplink_mqtt_options *options,
                        const char *gateway, const char *epoch, const struct boot_times *boot_times,
                        struct loop *loop, const struct clock *clock, struct log *log,
                        struct store *store)
{
    const struct uplink_settings settings = {
        .kind = &link_mqtt,
        .link_options = &options->mqtt,
        .part = "uplink[mqtt]",
        .topic = options->topic,
        .gateway = gateway,
        .epoch = epoch,
        .boot_times = boot_times,
        .in_flight = options->in_flight,
        .pacing = options->pacing,
        .retain = options->retain,
        .loop = loop,
        .clock = clock,
        .log = log,
        .store = store,
    };
    return uplink_open_link(uplink, &settings);
}
