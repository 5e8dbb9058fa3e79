/* Invariant: every key of the configuration that is not a driver's, the store's or the uplink's
 * has its row here and nowhere else. */
#include "config_tables.h"

#include "base/log.h"
#include "config_alarms.h"
#include "config_learned.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

static const char *const admission_names[] = {"refuse", "evict", NULL};
static const char *const log_level_names[] = {"error", "warn", "info", "debug", NULL};

_Static_assert(ADMISSION_REFUSE == 0 && ADMISSION_EVICT == 1, "order of admission_names");
_Static_assert(LOG_LEVEL_ERROR == 0 && LOG_LEVEL_DEBUG == 3, "order of log_level_names");

bool config_is_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static const struct field limits_fields[] = {
    {.name = "devices",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct config_limits, devices),
     .default_text = "1000",
     .min = 1,
     .max = LIMIT_DEVICES,
     FIELD_HELP("Devices in the table; its memory is taken at start.")},
    {.name = "admission",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct config_limits, admission),
     .choices = admission_names,
     .default_text = "refuse",
     FIELD_HELP("When the table is full: refuse a new device, or evict the one silent longest.")},
    {.name = "payload",
     .type = FIELD_BYTES,
     .offset = offsetof(struct config_limits, payload_bytes),
     .default_text = "4 KiB",
     .min = 64,
     .max = LIMIT_PAYLOAD,
     FIELD_HELP("Largest payload that is looked at; a larger one is refused and counted.")},
    {.name = "memory",
     .type = FIELD_BYTES,
     .offset = offsetof(struct config_limits, memory_bytes),
     .default_text = "0",
     .min = 0,
     .max = INT64_C(1) << 40,
     FIELD_HELP(
         "What isotherm plan may come to for the whole process; a configuration that plans more "
         "is refused. 0: no limit but the board's.")},
};

static const struct field_table limits_table = {.fields = limits_fields,
                                                .count =
                                                    sizeof limits_fields / sizeof *limits_fields,
                                                FIELD_HELP("What bounds the agent's memory.")};

static const struct field times_fields[] = {
    {.name = "future",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config_times, future_ms),
     .default_text = "5min",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("A reading whose time is further ahead of our clock than this is refused.")},
    {.name = "past",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config_times, past_ms),
     .default_text = "366d",
     .min = 0,
     .max = 10000 * DAY_MS,
     FIELD_HELP(
         "A reading whose time is further behind our clock than this is refused; 0: no limit, as "
         "recorded data needs it.")},
};

static const struct field_table times_table = {
    .fields = times_fields,
    .count = sizeof times_fields / sizeof *times_fields,
    FIELD_HELP("Which times of measurement are believed.")};

static const struct field window_fields[] = {
    {.name = "size",
     .type = FIELD_DURATION,
     .offset = offsetof(struct window_spec, size_ms),
     .min = 100,
     .max = 366 * DAY_MS,
     .example = "1min",
     FIELD_HELP("Length of the window in event time; aligned to midnight UTC of 1 January 1970.")},
    {.name = "every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct window_spec, every_ms),
     .min = 100,
     .max = 366 * DAY_MS,
     .example = "1min",
     FIELD_HELP(
         "How often a window begins; by default its size, so that windows do not overlap. The "
         "size must be a multiple of it.")},
    {.name = "count",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct window_spec, size_count),
     .min = 1,
     .max = 1000000,
     .example = "100",
     FIELD_HELP("In place of size: a window over this many readings of a device.")},
    {.name = "every_count",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct window_spec, every_count),
     .min = 1,
     .max = 1000000,
     .example = "100",
     FIELD_HELP(
         "With count: after how many readings a window begins; by default count, which must be "
         "a multiple of it.")},
    {.name = "provisional",
     .type = FIELD_DURATION,
     .offset = offsetof(struct window_spec, provisional_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("Publish the unfinished window this often as provisional; 0: never.")},
};

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static void check_window(const void *options, const struct field_report *report)
{
    const struct window_spec *window = options;
    bool is_time = window->size_ms > 0, is_count = window->size_count > 0;
    if (is_time == is_count) {
        report->add(report->context, is_time ? "count" : "size",
                    is_time ? "a window has either size or count, not both"
                            : "a window needs a size such as 1min, or a count");
        return;
    }
    if (is_count && window->every_ms > 0) {
        report->add(report->context, "every", "belongs to size; with count, write every_count");
    } else if (is_time && window->every_count > 0) {
        report->add(report->context, "every_count", "belongs to count; with size, write every");
    }
    if (is_count && window->provisional_ms > 0) {
        report->add(report->context, "provisional", "is for windows with a size, not a count");
    } else if (window->provisional_ms > 0 && window->size_ms / window->provisional_ms > 2000) {
        report->add(report->context, "provisional", "is too small: at most 2000 times per window");
    }
    int64_t size = is_time ? window->size_ms : window->size_count;
    int64_t every = is_time ? window->every_ms : window->every_count;
    const char *every_name = is_time ? "every" : "every_count";
    if (every == 0) return;
    if (size % every != 0) {
        report->add(report->context, every_name,
                    is_time ? "size must be a multiple of it" : "count must be a multiple of it");
    } else if (divide_up(size, every) > LIMIT_PANES) {
        report->add(report->context, every_name, "is too small: at most 4096 windows may overlap");
    }
}

_Static_assert(LIMIT_PANES == 4096, "said in check_window");

static const struct field_table window_table = {
    .fields = window_fields,
    .count = sizeof window_fields / sizeof *window_fields,
    FIELD_HELP("The summaries that are published of every device; []: none."),
    .check = check_window};

static const struct field uplink_fields[] = {
    {.name = "mqtt",
     .type = FIELD_GROUP,
     .offset = offsetof(struct config, uplink),
     .size = sizeof((struct config *)0)->uplink,
     .is_required = true,
     .given_offset = offsetof(struct config, has_uplink),
     .fields = &uplink_mqtt_option_table,
     FIELD_HELP("A central MQTT broker.")},
};

static const struct field_table uplink_table = {
    .fields = uplink_fields,
    .count = sizeof uplink_fields / sizeof *uplink_fields,
    FIELD_HELP("Where the summaries and alarms go. Without it they wait in the store.")};

static const struct field control_fields[] = {
    {.name = "socket",
     .type = FIELD_TEXT,
     .offset = offsetof(struct config, control_socket),
     .size = sizeof((struct config *)0)->control_socket,
     .default_text = "",
     FIELD_HELP(
         "Path of the local socket on which the agent answers isotherm status and the like; by "
         "default the store's path with .sock behind it.")},
};

static const struct field_table control_table = {.fields = control_fields,
                                                 .count =
                                                     sizeof control_fields / sizeof *control_fields,
                                                 FIELD_HELP("How the running agent is asked.")};

static const struct field log_fields[] = {
    {.name = "level",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct config, log_level),
     .choices = log_level_names,
     .default_text = "info",
     FIELD_HELP("How much is logged on standard error.")},
};

static const struct field_table log_table = {.fields = log_fields,
                                             .count = sizeof log_fields / sizeof *log_fields,
                                             FIELD_HELP("What the agent says of itself.")};

const struct field config_source_name = {
    .name = "name",
    .type = FIELD_TEXT,
    .offset = offsetof(struct config_source, name),
    .size = sizeof((struct config_source *)0)->name,
    .default_text = NULL,
    .example = "hall-2",
    FIELD_HELP(
        "Name of this source in logs and status; by default the driver's name with a number, "
        "e.g. mqtt[0]. Letters, digits, . _ -")};

const struct field_table config_source_table = {
    FIELD_HELP("Where readings come from: a list, each item one driver's name with its options.")};

static const struct field config_fields[] = {
    {.name = "gateway",
     .type = FIELD_TEXT,
     .offset = offsetof(struct config, gateway),
     .size = LIMIT_GATEWAY_SIZE,
     .example = "line-7",
     FIELD_HELP("Name of this gateway, unique in the fleet; by default the machine's host name. "
                "Letters, digits, . _ -")},
    {.name = "board",
     .type = FIELD_TEXT,
     .offset = offsetof(struct config, board_name),
     .size = sizeof((struct config *)0)->board_name,
     .default_text = "auto",
     FIELD_HELP(
         "The board's profile, which names serial ports and lowers limits: auto recognises it, "
         "isotherm board --list shows all.")},
    {.name = "store",
     .type = FIELD_GROUP,
     .offset = offsetof(struct config, store),
     .size = sizeof((struct config *)0)->store,
     .fields = &store_option_table},
    {.name = "limits",
     .type = FIELD_GROUP,
     .offset = offsetof(struct config, limits),
     .size = sizeof((struct config *)0)->limits,
     .fields = &limits_table},
    {.name = "times",
     .type = FIELD_GROUP,
     .offset = offsetof(struct config, times),
     .size = sizeof((struct config *)0)->times,
     .fields = &times_table},
    {.name = "windows",
     .type = FIELD_LIST,
     .offset = offsetof(struct config, windows),
     .size = sizeof(struct window_spec),
     .default_text = "[{size: 1min}]",
     .fields = &window_table,
     .count_offset = offsetof(struct config, window_count),
     .max_count = LIMIT_WINDOWS},
    {.name = "lateness",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config, lateness_ms),
     .default_text = "30s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("How far behind a device's newest reading another may come and still be on time; "
                "windows close that much later.")},
    {.name = "grace",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config, grace_ms),
     .default_text = "5s",
     .min = 0,
     .max = DAY_MS,
     FIELD_HELP("How much longer the windows of a device that fell silent stay open.")},
    {.name = "expected_every",
     .type = FIELD_DURATION,
     .offset = offsetof(struct config, expected_every_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP(
         "How often a device should send, so that a window can say how many readings it should "
         "hold; 0: not known.")},
    {.name = "sources",
     .type = FIELD_LIST,
     .offset = offsetof(struct config, sources),
     .size = sizeof(struct config_source),
     .is_required = true,
     .fields = &config_source_table,
     .count_offset = offsetof(struct config, source_count),
     .max_count = LIMIT_SOURCES},
    {.name = "alarms",
     .type = FIELD_LIST,
     .offset = offsetof(struct config, alarms),
     .size = sizeof(struct alarm_rule),
     .fields = &config_alarm_table,
     .count_offset = offsetof(struct config, alarm_count),
     .max_count = LIMIT_ALARMS},
    {.name = "habit",
     .type = FIELD_GROUP,
     .offset = offsetof(struct config, habit),
     .size = sizeof(struct config_habit),
     .fields = &config_habit_table},
    {.name = "actions",
     .type = FIELD_LIST,
     .offset = offsetof(struct config, actions),
     .size = sizeof(struct action_options),
     .fields = &action_option_table,
     .count_offset = offsetof(struct config, action_count),
     .max_count = LIMIT_ACTIONS},
    {.name = "uplink", .type = FIELD_GROUP, .size = sizeof(struct config), .fields = &uplink_table},
    {.name = "control",
     .type = FIELD_GROUP,
     .size = sizeof(struct config),
     .fields = &control_table},
    {.name = "log", .type = FIELD_GROUP, .size = sizeof(struct config), .fields = &log_table},
};

const struct field_table config_table = {.fields = config_fields,
                                         .count = sizeof config_fields / sizeof *config_fields,
                                         FIELD_HELP("Configuration of an Isotherm agent.")};
