/* alarm_engine: everything is allocated here, once, in one block; what it holds follows from the
 * rules and the number of devices alone. */
#include "alarm/alarm_engine.h"

#include "alarm/alarm_inside.h"
#include "alarm/alarm_unusual.h"

#include <stdlib.h>
#include <string.h>

/* Sizes that follow from the options. */
struct plan {
    size_t conditions, alarms, sources, slots;
    size_t conditions_at, alarms_at, timers_at, heap_at, sources_at, slots_at, notes_at;
    size_t block_bytes;
};

static bool has_kind(const struct alarm_rule *rule, enum alarm_kind kind)
{
    for (size_t which = 0; which <= rule->override_count; which++) {
        struct alarm_levels levels = alarm_rule_levels(rule, which);
        if (alarm_rule_has(rule, &levels, kind)) return true;
    }
    return false;
}

static size_t count_kinds(const struct alarm_rule *rule)
{
    size_t count = 0;
    for (int kind = 0; kind < ALARM_KIND_COUNT; kind++)
        count += has_kind(rule, (enum alarm_kind)kind);
    return count;
}

/* A pattern that one device alone can fit. */
static bool is_one_device(const char *pattern)
{
    return strpbrk(pattern, "*?") == NULL && strchr(pattern, '/') != NULL;
}

static size_t place(size_t *at, size_t count, size_t size)
{
    size_t here = *at;
    *at = here + (count * size + 7) / 8 * 8;
    return here;
}

static struct plan make_plan(const struct alarm_options *options)
{
    struct plan plan = {0};
    size_t fixed = options->rule_count > 0;
    for (size_t i = 0; i < options->rule_count; i++) {
        const struct alarm_rule *rule = &options->rules[i];
        size_t kinds = count_kinds(rule);
        plan.conditions += kinds * (rule->override_count + 1);
        bool is_single = !alarm_rule_is_per_device(rule) || is_one_device(rule->devices);
        plan.alarms += kinds * (is_single ? 1 : options->devices);
        if (alarm_rule_is_per_device(rule)) {
            plan.sources = options->devices;
            if (!is_single && strpbrk(rule->devices, "*?") == NULL) plan.alarms += kinds;
            fixed += 2;
        }
    }
    plan.sources += fixed;
    plan.slots = 4;
    while (plan.slots < plan.sources * 2) plan.slots *= 2;
    size_t at = (sizeof(struct alarm_engine) + 7) / 8 * 8;
    plan.conditions_at = place(&at, plan.conditions, sizeof(struct alarm_condition));
    plan.alarms_at = place(&at, plan.alarms, sizeof(struct alarm));
    plan.timers_at = place(&at, plan.alarms, sizeof(struct alarm_timer));
    plan.heap_at = place(&at, plan.alarms, sizeof(uint32_t));
    plan.sources_at = place(&at, plan.sources, sizeof(struct alarm_source));
    plan.slots_at = place(&at, plan.slots, sizeof(struct alarm_slot));
    plan.notes_at = place(&at, plan.alarms > 0 ? ALARM_NOTES : 0, sizeof(struct alarm_note));
    plan.block_bytes = at;
    return plan;
}

size_t alarm_engine_size_bytes(const struct alarm_options *options)
{
    struct plan plan = make_plan(options);
    return plan.block_bytes + alarm_unusual_size_bytes(options, plan.sources);
}

size_t alarm_engine_alarms_per_device(const struct alarm_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < options->rule_count; i++) {
        if (alarm_rule_is_per_device(&options->rules[i])) count += count_kinds(&options->rules[i]);
    }
    return count;
}

static uint8_t find_rule(const struct alarm_engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        if (strcmp(engine->options.rules[i].name, name) == 0) return (uint8_t)i;
    }
    return ALARM_NO_RULE;
}

static uint8_t find_group(struct alarm_engine *engine, const char *name)
{
    if (name[0] == '\0') return ALARM_NO_RULE;
    for (size_t i = 0; i < engine->group_count; i++) {
        if (strcmp(engine->groups[i].name, name) == 0) return (uint8_t)i;
    }
    struct alarm_group *group = &engine->groups[engine->group_count];
    memcpy(group->name, name, strlen(name) + 1);
    group->first = ALARM_NONE;
    return (uint8_t)engine->group_count++;
}

static void set_limit(struct alarm_condition *condition, const struct alarm_levels *levels)
{
    const struct alarm_rule *rule = condition->rule;
    condition->deadband_micro = levels->deadband_micro;
    switch (condition->kind) {
    case ALARM_HIGH_HIGH:
        condition->limit_micro = levels->high_high_micro;
        break;
    case ALARM_HIGH:
        condition->limit_micro = levels->high_micro;
        break;
    case ALARM_LOW:
        condition->limit_micro = levels->low_micro;
        break;
    case ALARM_LOW_LOW:
        condition->limit_micro = levels->low_low_micro;
        break;
    case ALARM_RISE:
    case ALARM_FALL: /* a tenth of the limit keeps a steady slope from raising again and again */
        condition->limit_micro =
            condition->kind == ALARM_RISE ? rule->rise_micro : rule->fall_micro;
        condition->deadband_micro = condition->limit_micro / 10;
        break;
    case ALARM_UNUSUAL: /* its limits move with the hour */
        break;
    default: /* not a limit on values: nothing to come back across */
        condition->deadband_micro = 0;
        break;
    }
}

static void set_timing(const struct alarm_engine *engine, struct alarm_condition *condition,
                       const struct alarm_levels *levels)
{
    enum { FAULT_READINGS = 2, FAULT_MS = 10000, FAULT_OFF_MS = 60000 };
    const struct alarm_rule *rule = condition->rule;
    condition->timing = (struct alarm_timing){
        .on_delay_ms = levels->on_delay_ms,
        .off_delay_ms = levels->off_delay_ms,
        .hold_ms = rule->hold_ms > 0 ? rule->hold_ms : 2 * engine->options.expected_every_ms,
        .min_readings = rule->min_readings > 0 ? (uint32_t)rule->min_readings : 1,
    };
    struct alarm_timing *timing = &condition->timing;
    switch (condition->kind) {
    case ALARM_SENSOR_FAULT:
        *timing = (struct alarm_timing){.on_delay_ms = FAULT_MS,
                                        .off_delay_ms = FAULT_OFF_MS,
                                        .min_readings = FAULT_READINGS,
                                        .is_either = true};
        break;
    case ALARM_RISE:
    case ALARM_FALL: /* the period is the filter */
        timing->on_delay_ms = 0;
        timing->min_readings = 1;
        break;
    case ALARM_STUCK:
        timing->on_delay_ms = rule->stuck_ms;
        timing->off_delay_ms = 0;
        timing->min_readings = 1;
        break;
    case ALARM_NO_DATA:
    case ALARM_SOURCE_SILENT:
        *timing = (struct alarm_timing){.min_readings = 1};
        break;
    case ALARM_AGENT:
        timing->hold_ms = 0;
        timing->min_readings = 1;
        break;
    default:
        break;
    }
    if (rule->basis != ALARM_ON_READING) timing->hold_ms = rule->hold_ms;
}

static void make_conditions(struct alarm_engine *engine)
{
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        const struct alarm_rule *rule = &engine->options.rules[i];
        uint8_t group = find_group(engine, rule->group);
        uint8_t suppressor = ALARM_NO_RULE;
        if (rule->suppressed_by[0] != '\0') suppressor = find_rule(engine, rule->suppressed_by);
        if (suppressor != ALARM_NO_RULE) engine->suppressors |= UINT64_C(1) << suppressor;
        if (rule->silent_ms > 0) engine->silent_rules |= UINT64_C(1) << i;
        for (size_t which = 0; which <= rule->override_count; which++) {
            struct alarm_levels levels = alarm_rule_levels(rule, which);
            for (int kind = 0; kind < ALARM_KIND_COUNT; kind++) {
                if (!alarm_rule_has(rule, &levels, (enum alarm_kind)kind)) continue;
                struct alarm_condition *condition = &engine->conditions[engine->condition_count++];
                *condition = (struct alarm_condition){.rule = rule,
                                                      .kind = (enum alarm_kind)kind,
                                                      .rule_index = (uint8_t)i,
                                                      .override = (uint8_t)which,
                                                      .group = group,
                                                      .suppressor = suppressor};
                set_limit(condition, &levels);
                set_timing(engine, condition, &levels);
            }
        }
    }
    engine->suppressors |= engine->silent_rules;
}

/* The gateway, devices that are named and therefore missed when they never speak, and devices
 * that others are measured against. */
static void add_fixed_sources(struct alarm_engine *engine)
{
    engine->gateway = ALARM_NO_SOURCE;
    if (engine->options.rule_count == 0) return;
    alarm_table_add_gateway(engine);
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        const struct alarm_rule *rule = &engine->options.rules[i];
        bool is_named = alarm_rule_is_per_device(rule) && rule->no_data_ms > 0 &&
                        strpbrk(rule->devices, "*?") == NULL;
        const char *ids[] = {is_named ? rule->devices : "", rule->set_point_device};
        for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
            if (ids[k][0] == '\0') continue;
            uint32_t source = alarm_table_add(engine, ids[k]);
            if (source != ALARM_NO_SOURCE) engine->sources[source].is_fixed = true;
        }
    }
}

enum status alarm_engine_open(struct alarm_engine **engine, const struct alarm_options *options,
                              const struct alarm_sink *sink)
{
    struct plan plan = make_plan(options);
    unsigned char *block = calloc(1, plan.block_bytes);
    *engine = (void *)block;
    if (block == NULL) return ST_NO_MEMORY;
    struct alarm_engine *made = *engine;
    made->options = *options;
    made->sink = *sink;
    made->conditions = (void *)(block + plan.conditions_at);
    made->alarms = (void *)(block + plan.alarms_at);
    made->alarm_capacity = (uint32_t)plan.alarms;
    made->timers = (struct alarm_timers){.timers = (void *)(block + plan.timers_at),
                                         .heap = (void *)(block + plan.heap_at)};
    made->sources = (void *)(block + plan.sources_at);
    made->source_capacity = (uint32_t)plan.sources;
    made->table = (void *)(block + plan.slots_at);
    made->table_mask = (uint32_t)(plan.slots - 1);
    made->notes = (void *)(block + plan.notes_at);
    made->first_free = made->first_dirty = ALARM_NONE;
    made->first_free_source = ALARM_NO_SOURCE;
    for (size_t i = 0; i < LIMIT_ALARMS; i++) made->silence_mono_ms[i] = INT64_MIN;
    for (size_t i = 0; plan.alarms > 0 && i < ALARM_NOTES; i++) made->notes[i].alarm = ALARM_NONE;
    for (size_t i = 0; i < plan.alarms; i++) made->timers.timers[i].place = ALARM_TIMER_NONE;
    make_conditions(made);
    if (alarm_unusual_open(made, plan.sources) != ST_OK) {
        free(made);
        *engine = NULL;
        return ST_NO_MEMORY;
    }
    add_fixed_sources(made);
    return ST_OK;
}

void alarm_engine_close(struct alarm_engine *engine)
{
    if (engine != NULL) alarm_unusual_close(engine);
    free(engine);
}

void alarm_engine_drop_stand_in(struct alarm_engine *engine, const char *id,
                                const struct alarm_now *now)
{
    const char *last = strrchr(id, '/');
    if (last == NULL) return;
    uint32_t source = alarm_table_find(engine, last + 1);
    if (source != ALARM_NO_SOURCE && alarm_table_is_stand_in(engine, source))
        alarm_engine_remove_source(engine, source, now);
}

uint32_t alarm_engine_find_source(struct alarm_engine *engine, const char *id,
                                  const struct alarm_now *now)
{
    alarm_restore_resume(engine, now);
    alarm_engine_drop_stand_in(engine, id, now);
    uint32_t source = alarm_table_find(engine, id);
    if (source != ALARM_NO_SOURCE) return source;
    source = alarm_table_add(engine, id);
    if (source == ALARM_NO_SOURCE) return source;
    engine->sources[source].last_mono_ms = now->mono_ms;
    engine->sources[source].last_wall_ms = now->wall_ms;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next)
        alarm_judge_set_timer(engine, i, true);
    return source;
}

uint32_t alarm_engine_find(const struct alarm_engine *engine, uint32_t source, const char *rule,
                           enum alarm_kind kind)
{
    if (source == ALARM_NO_SOURCE) return ALARM_NONE;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next) {
        const struct alarm_condition *condition = &engine->conditions[engine->alarms[i].condition];
        if (condition->kind == kind && strcmp(condition->rule->name, rule) == 0) return i;
    }
    return ALARM_NONE;
}

size_t alarm_engine_count_active(const struct alarm_engine *engine)
{
    return engine->active;
}

size_t alarm_engine_count_active_of(const struct alarm_engine *engine, const char *id)
{
    size_t count = 0;
    uint32_t source = alarm_table_find(engine, id);
    if (source == ALARM_NO_SOURCE) return 0;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next)
        count += engine->alarms[i].facts.is_active;
    return count;
}
