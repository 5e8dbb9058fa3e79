/* Invariant: a rule that passes these checks can be decided at every value and by every clock; no
 * combination is left to surprise at run time. */
#include "config_alarms.h"

#include "base/device_id.h"
#include "config_fill.h"
#include "config_learned.h"
#include "config_tables.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define AT(member) offsetof(struct alarm_rule, member)
#define LEVEL(member) offsetof(struct alarm_override, levels.member)

static const char *const basis_names[] = {"reading", "average", "minimum", "maximum", NULL};
static const char *const trouble_names[] = {
    "none",        "uplink_down", "store_degraded", "clock_untrusted", "devices_full",
    "outbox_full", NULL};
static const char *const priority_names[] = {"low", "medium", "high", "critical", NULL};

_Static_assert(ALARM_ON_READING == 0 && ALARM_ON_MAXIMUM == 3, "order of basis_names");
_Static_assert(sizeof trouble_names / sizeof *trouble_names == ALARM_TROUBLE_COUNT + 1,
               "a name for each trouble");
_Static_assert(sizeof priority_names / sizeof *priority_names == ALARM_PRIORITY_COUNT + 1,
               "a name for each priority");

/* Rows that a rule and an override share, with the place of the member in either. */
#define LIMIT_ROW(key, at, given, text)                                                            \
    {                                                                                              \
        .name = key, .type = FIELD_DECIMAL, .offset = at, .given_offset = given,                   \
        .min = -LIMIT_VALUE_MICRO, .max = LIMIT_VALUE_MICRO, FIELD_HELP(text)                      \
    }

static const struct field override_fields[] = {
    {.name = "devices",
     .type = FIELD_TEXT,
     .offset = offsetof(struct alarm_override, devices),
     .size = sizeof((struct alarm_override *)0)->devices,
     .is_required = true,
     .example = "oven-3",
     FIELD_HELP("Which of the rule's devices: a pattern as above.")},
    LIMIT_ROW("high_high", LEVEL(high_high_micro), LEVEL(has_high_high), "As of the rule."),
    LIMIT_ROW("high", LEVEL(high_micro), LEVEL(has_high), "As of the rule."),
    LIMIT_ROW("low", LEVEL(low_micro), LEVEL(has_low), "As of the rule."),
    LIMIT_ROW("low_low", LEVEL(low_low_micro), LEVEL(has_low_low), "As of the rule."),
    {.name = "deadband",
     .type = FIELD_DECIMAL,
     .offset = LEVEL(deadband_micro),
     .given_offset = LEVEL(has_deadband),
     .min = 0,
     .max = LIMIT_VALUE_MICRO,
     FIELD_HELP("As of the rule.")},
    {.name = "on_delay",
     .type = FIELD_DURATION,
     .offset = LEVEL(on_delay_ms),
     .given_offset = LEVEL(has_on_delay),
     .min = 0,
     .max = 7 * DAY_MS,
     FIELD_HELP("As of the rule.")},
    {.name = "off_delay",
     .type = FIELD_DURATION,
     .offset = LEVEL(off_delay_ms),
     .given_offset = LEVEL(has_off_delay),
     .min = 0,
     .max = 7 * DAY_MS,
     FIELD_HELP("As of the rule.")},
};

static const struct field_table override_table = {
    .fields = override_fields,
    .count = sizeof override_fields / sizeof *override_fields,
    FIELD_HELP(
        "Other limits and delays for some of the devices; the first item that fits counts.")};

static const struct field rule_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .offset = AT(name),
     .size = sizeof((struct alarm_rule *)0)->name,
     .is_required = true,
     .example = "hot",
     FIELD_HELP("Name of the rule, unique among all: letters, digits, . _ -")},
    {.name = "devices",
     .type = FIELD_TEXT,
     .offset = AT(devices),
     .size = sizeof((struct alarm_rule *)0)->devices,
     .default_text = "*",
     FIELD_HELP(
         "Which devices: a pattern with * and ?, held against the last part of the device id, "
         "or against the whole id when it has a slash.")},
    LIMIT_ROW("high_high", AT(high_high_micro), AT(has_high_high),
              "The outer upper limit (HH), in degrees Celsius; never held back in a flood."),
    {.name = "high",
     .type = FIELD_DECIMAL,
     .offset = AT(high_micro),
     .given_offset = AT(has_high),
     .example = "250",
     FIELD_HELP("The alarm is active at and above this (H), in degrees Celsius.")},
    {.name = "low",
     .type = FIELD_DECIMAL,
     .offset = AT(low_micro),
     .given_offset = AT(has_low),
     .example = "-20",
     FIELD_HELP("The alarm is active at and below this (L), in degrees Celsius.")},
    LIMIT_ROW("low_low", AT(low_low_micro), AT(has_low_low),
              "The outer lower limit (LL), in degrees Celsius; never held back in a flood."),
    {.name = "deadband",
     .type = FIELD_DECIMAL,
     .offset = AT(deadband_micro),
     .default_text = "0",
     .min = 0,
     .max = LIMIT_VALUE_MICRO,
     FIELD_HELP(
         "How far the value must come back inside the limit before the alarm ends, in degrees; "
         "keeps a value that swings around the limit from raising it again and again.")},
    {.name = "on_delay",
     .type = FIELD_DURATION,
     .offset = AT(on_delay_ms),
     .default_text = "0s",
     .min = 0,
     .max = 7 * DAY_MS,
     FIELD_HELP("How long the value must stay beyond the limit before the alarm is raised.")},
    {.name = "off_delay",
     .type = FIELD_DURATION,
     .offset = AT(off_delay_ms),
     .default_text = "0s",
     .min = 0,
     .max = 7 * DAY_MS,
     FIELD_HELP("How long it must stay inside, past the deadband, before the alarm ends.")},
    {.name = "hold",
     .type = FIELD_DURATION,
     .offset = AT(hold_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("How old the last reading may be when a delay ends; with an older one the next "
                "reading decides. 0: twice expected_every, or any age where that is not known.")},
    {.name = "min_readings",
     .type = FIELD_INTEGER,
     .offset = AT(min_readings),
     .default_text = "1",
     .min = 1,
     .max = 1000,
     FIELD_HELP("So many readings in a row must agree, beside the delay.")},
    {.name = "of",
     .type = FIELD_CHOICE,
     .offset = AT(basis),
     .choices = basis_names,
     .default_text = "reading",
     FIELD_HELP("What is held against the limits: each reading, or a figure of each window.")},
    {.name = "window",
     .type = FIELD_DURATION,
     .offset = AT(window_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP(
         "Which window, by its size, when it is not the reading; 0: the first one by time.")},
    {.name = "set_point",
     .type = FIELD_DECIMAL,
     .offset = AT(set_point_micro),
     .given_offset = AT(has_set_point),
     .min = -LIMIT_VALUE_MICRO,
     .max = LIMIT_VALUE_MICRO,
     FIELD_HELP("Makes the limits deviations from this value, in degrees: the upper ones above 0, "
                "the lower ones below.")},
    {.name = "set_point_device",
     .type = FIELD_TEXT,
     .offset = AT(set_point_device),
     .size = sizeof((struct alarm_rule *)0)->set_point_device,
     .default_text = "",
     FIELD_HELP("The same, from the last good reading of another device, by its whole id.")},
    {.name = "rise",
     .type = FIELD_DECIMAL,
     .offset = AT(rise_micro),
     .given_offset = AT(has_rise),
     .min = 1,
     .max = LIMIT_VALUE_MICRO,
     FIELD_HELP("Active when the value rises at this rate or faster, in degrees per minute.")},
    {.name = "fall",
     .type = FIELD_DECIMAL,
     .offset = AT(fall_micro),
     .given_offset = AT(has_fall),
     .min = 1,
     .max = LIMIT_VALUE_MICRO,
     FIELD_HELP("Active when it falls at this rate or faster, in degrees per minute.")},
    {.name = "period",
     .type = FIELD_DURATION,
     .offset = AT(period_ms),
     .default_text = "5min",
     .min = 1000,
     .max = 7 * DAY_MS,
     FIELD_HELP("Over what time rise and fall are taken.")},
    {.name = "no_data",
     .type = FIELD_DURATION,
     .offset = AT(no_data_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("Active when a device has sent nothing good for this long; counted from the start "
                "for devices that are named without * and ?. 0: not watched.")},
    {.name = "stuck",
     .type = FIELD_DURATION,
     .offset = AT(stuck_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("Active when the value has not changed by one digit for this long, which should be "
                "hours; 0: not watched.")},
    {.name = "unusual",
     .type = FIELD_GROUP,
     .offset = AT(unusual),
     .size = sizeof(struct alarm_habit),
     .given_offset = AT(is_unusual),
     .fields = &config_unusual_table},
    {.name = "model",
     .type = FIELD_TEXT,
     .offset = AT(model_path),
     .size = sizeof((struct alarm_rule *)0)->model_path,
     .default_text = "",
     FIELD_HELP(
         "Active when a reading is outside what this file says is usual: the path of a model "
         "made by isotherm-learn.")},
    {.name = "source_silent",
     .type = FIELD_DURATION,
     .offset = AT(silent_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP(
         "Active when all these devices (at least 2) have been silent for this long: one alarm "
         "for a bus or link, which hides the no_data alarms behind it. Make it shorter than "
         "no_data by more than expected_every; 0: not watched.")},
    {.name = "silent_count",
     .type = FIELD_INTEGER,
     .offset = AT(silent_count),
     .default_text = "0",
     .min = 0,
     .max = LIMIT_DEVICES,
     FIELD_HELP("How many of them must be silent; 0: all.")},
    {.name = "sensor_fault",
     .type = FIELD_BOOL,
     .offset = AT(is_fault_watched),
     .default_text = "false",
     FIELD_HELP("Active when the device sends no number, says that its value is bad, or sends what "
                "the sensor cannot measure; such a value is refused.")},
    LIMIT_ROW("valid_low", AT(valid_low_micro), AT(has_valid_low),
              "With sensor_fault: no value of this sensor is below this, in degrees Celsius."),
    LIMIT_ROW("valid_high", AT(valid_high_micro), AT(has_valid_high),
              "With sensor_fault: no value of this sensor is above this, in degrees Celsius."),
    {.name = "ds18b20",
     .type = FIELD_BOOL,
     .offset = AT(is_ds18b20),
     .default_text = "false",
     FIELD_HELP("With sensor_fault: 85 (out of nothing) and -127 are signs of a fault.")},
    {.name = "agent",
     .type = FIELD_CHOICE,
     .offset = AT(trouble),
     .choices = trouble_names,
     .default_text = "none",
     FIELD_HELP(
         "An alarm of the gateway itself, about what troubles the agent; on_delay says for how "
         "long it must.")},
    {.name = "mark",
     .type = FIELD_INTEGER,
     .offset = AT(trouble_mark),
     .default_text = "80",
     .min = 1,
     .max = 100,
     FIELD_HELP("With agent: outbox_full, from which share of the store's budget on, in percent.")},
    {.name = "priority",
     .type = FIELD_CHOICE,
     .offset = AT(priority),
     .choices = priority_names,
     .default_text = "low",
     FIELD_HELP("About 80 of 100 alarms should be low, 15 medium, 5 high.")},
    {.name = "group",
     .type = FIELD_TEXT,
     .offset = AT(group),
     .size = sizeof((struct alarm_rule *)0)->group,
     .default_text = "",
     FIELD_HELP("Alarms of one group say which of them came first.")},
    {.name = "acknowledge",
     .type = FIELD_BOOL,
     .offset = AT(needs_ack),
     .default_text = "false",
     FIELD_HELP(
         "Whether an alarm that went by itself before anybody saw it waits to be acknowledged.")},
    {.name = "latching",
     .type = FIELD_BOOL,
     .offset = AT(is_latching),
     .default_text = "false",
     FIELD_HELP("Whether it then waits for a reset.")},
    {.name = "realarm",
     .type = FIELD_DURATION,
     .offset = AT(realarm_ms),
     .default_text = "0s",
     .min = 0,
     .max = 366 * DAY_MS,
     FIELD_HELP("An acknowledged alarm that is still active calls again after this; 0: never.")},
    {.name = "realarm_count",
     .type = FIELD_INTEGER,
     .offset = AT(realarm_count),
     .default_text = "0",
     .min = 0,
     .max = 1000,
     FIELD_HELP("At most so often; 0: without end.")},
    {.name = "max_shelve",
     .type = FIELD_DURATION,
     .offset = AT(max_shelve_ms),
     .default_text = "8h",
     .min = 1000,
     .max = 31 * DAY_MS,
     FIELD_HELP("For how long at most it may be shelved.")},
    {.name = "suppressed_by",
     .type = FIELD_TEXT,
     .offset = AT(suppressed_by),
     .size = sizeof((struct alarm_rule *)0)->suppressed_by,
     .default_text = "",
     FIELD_HELP("Another rule: while its alarm of the same device is active, this one is hidden; "
                "where it does not watch the device, while any of its alarms is.")},
    {.name = "overrides",
     .type = FIELD_LIST,
     .offset = AT(overrides),
     .size = sizeof(struct alarm_override),
     .fields = &override_table,
     .count_offset = AT(override_count),
     .max_count = ALARM_OVERRIDES},
};

static bool has_levels(const struct alarm_rule *rule)
{
    for (size_t which = 0; which <= rule->override_count; which++) {
        struct alarm_levels levels = alarm_rule_levels(rule, which);
        if (levels.has_high_high || levels.has_high || levels.has_low || levels.has_low_low)
            return true;
    }
    return false;
}

static bool is_of_device(const struct alarm_rule *rule)
{
    return has_levels(rule) || rule->has_rise || rule->has_fall || rule->no_data_ms > 0 ||
           rule->stuck_ms > 0 || rule->is_fault_watched || rule->is_unusual ||
           rule->model_path[0] != '\0';
}

static void check_levels(const struct alarm_rule *rule, const struct field_report *report)
{
    bool is_relative = rule->has_set_point || rule->set_point_device[0] != '\0';
    if (rule->has_set_point && rule->set_point_device[0] != '\0')
        report->add(report->context, "set_point", "and set_point_device exclude each other");
    if (is_relative && !has_levels(rule))
        report->add(report->context, rule->has_set_point ? "set_point" : "set_point_device",
                    "needs limits such as high, which are then relative to it");
    struct alarm_levels levels = alarm_rule_levels(rule, 0);
    const char *field = NULL;
    const char *problem = alarm_levels_problem(&levels, is_relative, &field);
    if (problem != NULL) report->add(report->context, field, problem);
}

static void check_own_kind(const struct alarm_rule *rule, const struct field_report *report)
{
    bool is_silent = rule->silent_ms > 0, is_agent = rule->trouble != ALARM_TROUBLE_NONE;
    if ((is_silent || is_agent) && is_of_device(rule)) {
        report->add(report->context, is_silent ? "source_silent" : "agent",
                    "is an alarm of the gateway; limits on devices need a rule of their own");
    } else if (is_silent && is_agent) {
        report->add(report->context, "agent", "and source_silent need a rule each");
    } else if (!is_silent && !is_agent && !is_of_device(rule)) {
        report->add(report->context, "high",
                    "an alarm needs high, low or another condition such as no_data");
    }
    if (!rule->is_fault_watched &&
        (rule->has_valid_low || rule->has_valid_high || rule->is_ds18b20)) {
        report->add(report->context,
                    rule->has_valid_low    ? "valid_low"
                    : rule->has_valid_high ? "valid_high"
                                           : "ds18b20",
                    "belongs to sensor_fault: true");
    }
    if (rule->has_valid_low && rule->has_valid_high &&
        rule->valid_low_micro >= rule->valid_high_micro)
        report->add(report->context, "valid_low", "must be less than valid_high");
    if (rule->is_unusual && rule->model_path[0] != '\0')
        report->add(report->context, "model", "and unusual need a rule each");
    if (rule->silent_count > 0 && !is_silent)
        report->add(report->context, "silent_count", "belongs to source_silent");
    if (rule->silent_count == 1)
        report->add(report->context, "silent_count",
                    "is at least 2; for each device by itself there is no_data");
}

static void check_rule(const void *options, const struct field_report *report)
{
    const struct alarm_rule *rule = options;
    if (!config_is_name(rule->name))
        report->add(report->context, "name", "may hold only letters, digits, . _ -");
    if (rule->group[0] != '\0' && !config_is_name(rule->group))
        report->add(report->context, "group", "may hold only letters, digits, . _ -");
    if (rule->devices[0] == '\0')
        report->add(report->context, "devices", "is empty; * stands for all devices");
    if (rule->basis != ALARM_ON_READING && !has_levels(rule))
        report->add(report->context, "of", "needs limits such as high");
    check_own_kind(rule, report);
    check_levels(rule, report);
}

const struct field_table config_alarm_table = {
    .fields = rule_fields,
    .count = sizeof rule_fields / sizeof *rule_fields,
    FIELD_HELP("What raises an alarm. Each limit of each device is an alarm of its own."),
    .check = check_rule};

static const struct config_node *place_of(const struct config_node *map, const char *name)
{
    const struct config_node *child = map->kind == CONFIG_MAP ? config_node_find(map, name) : NULL;
    return child != NULL ? child : map;
}

static const struct config_node *item_of(const struct config_node *list, size_t index)
{
    const struct config_node *item = list->first;
    for (size_t i = 0; i < index && item != NULL; i++) item = item->next;
    return item != NULL ? item : list;
}

static size_t find_rule(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->alarm_count; i++) {
        if (strcmp(config->alarms[i].name, name) == 0) return i;
    }
    return config->alarm_count;
}

static void check_name(struct config_tree *tree, const struct config_node *list,
                       const struct config *config, size_t index)
{
    const char *name = config->alarms[index].name;
    size_t first = find_rule(config, name);
    if (name[0] == '\0' || first >= index) return;
    config_node_report(tree, place_of(item_of(list, index), "name"),
                       "name: the alarm in line %u is called \"%s\" too",
                       item_of(list, first)->line, name);
}

/* Follows the rules that suppress each other; back where it began: none of them could ever be. */
static void check_suppression(struct config_tree *tree, const struct config_node *list,
                              const struct config *config, size_t index)
{
    const struct alarm_rule *rule = &config->alarms[index];
    const struct config_node *at = place_of(item_of(list, index), "suppressed_by");
    if (rule->suppressed_by[0] == '\0') return;
    size_t next = find_rule(config, rule->suppressed_by);
    if (next == config->alarm_count) {
        config_node_report(tree, at, "suppressed_by: there is no alarm \"%s\"",
                           rule->suppressed_by);
        return;
    }
    for (size_t steps = 0; steps <= config->alarm_count && next < config->alarm_count; steps++) {
        if (next == index) {
            config_node_report(tree, at,
                               "suppressed_by: goes round in a circle: in the end \"%s\" "
                               "would suppress itself",
                               rule->name);
            return;
        }
        const char *further = config->alarms[next].suppressed_by;
        if (further[0] == '\0') return;
        next = find_rule(config, further);
    }
}

/* Whether some device can fit both patterns, as far as that is easily told. */
static bool may_fit_both(const char *rule, const char *override)
{
    if (strpbrk(override, "*?") != NULL) return true;
    bool is_comparable = strchr(rule, '/') == NULL || strchr(override, '/') != NULL;
    return !is_comparable || device_id_matches(rule, override);
}

/* Each override together with what it leaves as the rule has it. */
static void check_overrides(struct config_tree *tree, const struct config_node *list,
                            const struct config *config, size_t index)
{
    const struct alarm_rule *rule = &config->alarms[index];
    bool is_relative = rule->has_set_point || rule->set_point_device[0] != '\0';
    const struct config_node *items = place_of(item_of(list, index), "overrides");
    for (size_t i = 0; i < rule->override_count; i++) {
        const char *devices = rule->overrides[i].devices;
        const struct config_node *item = item_of(items, i);
        if (devices[0] == '\0')
            config_node_report(tree, place_of(item, "devices"), "devices: is empty");
        else if (!may_fit_both(rule->devices, devices))
            config_node_report(tree, place_of(item, "devices"),
                               "devices: \"%s\" is none of the rule's own, \"%s\"", devices,
                               rule->devices);
        struct alarm_levels levels = alarm_rule_levels(rule, i + 1);
        const char *field = NULL;
        const char *problem = alarm_levels_problem(&levels, is_relative, &field);
        if (problem != NULL)
            config_node_report(tree, place_of(item, field), "%s: %s, for this override", field,
                               problem);
    }
}

static void check_window(struct config_tree *tree, const struct config_node *list,
                         const struct config *config, size_t index)
{
    const struct alarm_rule *rule = &config->alarms[index];
    if (rule->basis == ALARM_ON_READING) return;
    for (size_t i = 0; i < config->window_count; i++) {
        int64_t size_ms = config->windows[i].size_ms;
        if (size_ms > 0 && (rule->window_ms == 0 || rule->window_ms == size_ms)) return;
    }
    config_node_report(tree, place_of(item_of(list, index), "window"),
                       "window: there is no window of this size among windows");
}

void config_check_alarms(struct config_tree *tree, const struct config_node *root,
                         const struct config *config)
{
    const struct config_node *list = place_of(root, "alarms");
    for (size_t i = 0; i < config->alarm_count; i++) {
        check_name(tree, list, config, i);
        check_suppression(tree, list, config, i);
        check_overrides(tree, list, config, i);
        check_window(tree, list, config, i);
    }
}
