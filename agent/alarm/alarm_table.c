/* alarm_table: an alarm belongs to one source from its first day to its last, and every alarm in
 * use is found from its source. */
#include "alarm/alarm_inside.h"
#include "alarm/alarm_unusual.h"

#include "base/device_id.h"

#include <string.h>
#include <xxhash.h>

const struct alarm_condition *alarm_condition_of(const struct alarm_engine *engine,
                                                 const struct alarm *alarm)
{
    return &engine->conditions[alarm->condition];
}

static uint32_t tag_of(const struct alarm_engine *engine, const char *id)
{
    return (uint32_t)XXH3_64bits_withSeed(id, strlen(id), engine->options.hash_seed);
}

uint32_t alarm_table_find(const struct alarm_engine *engine, const char *id)
{
    uint32_t tag = tag_of(engine, id);
    for (uint32_t i = tag & engine->table_mask; engine->table[i].index != 0;
         i = (i + 1) & engine->table_mask) {
        uint32_t source = engine->table[i].index - 1;
        if (engine->table[i].tag == tag && strcmp(engine->sources[source].id, id) == 0)
            return source;
    }
    return ALARM_NO_SOURCE;
}

/* Whether a condition is for the device with that id. */
static bool is_for(const struct alarm_condition *condition, const char *id)
{
    const struct alarm_rule *rule = condition->rule;
    if (!alarm_rule_is_per_device(rule) || !device_id_matches(rule->devices, id)) return false;
    if (strcmp(rule->set_point_device, id) == 0) return false; /* not against itself */
    return alarm_rule_find_override(rule, id) == condition->override;
}

static bool is_set_point(const struct alarm_engine *engine, const char *id)
{
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        if (strcmp(engine->options.rules[i].set_point_device, id) == 0) return true;
    }
    return false;
}

static uint32_t take_alarm(struct alarm_engine *engine)
{
    uint32_t alarm = engine->first_free;
    if (alarm != ALARM_NONE) {
        engine->first_free = engine->alarms[alarm].next;
    } else if (engine->alarms_used < engine->alarm_capacity) {
        alarm = engine->alarms_used++;
    } else {
        engine->counts.unwatched++;
        return ALARM_NONE;
    }
    engine->alarms[alarm] = (struct alarm){.is_used = true,
                                           .next = ALARM_NONE,
                                           .next_dirty = ALARM_NONE,
                                           .note = ALARM_NOTES,
                                           .window_ms = INT64_MIN};
    return alarm;
}

static void add_alarms(struct alarm_engine *engine, uint32_t source)
{
    const char *id = engine->sources[source].id;
    uint32_t *link = &engine->sources[source].first;
    for (uint32_t i = 0; i < engine->condition_count; i++) {
        const struct alarm_condition *condition = &engine->conditions[i];
        bool is_wanted = source == engine->gateway ? !alarm_rule_is_per_device(condition->rule)
                                                   : is_for(condition, id);
        if (!is_wanted) continue;
        uint32_t alarm = take_alarm(engine);
        if (alarm == ALARM_NONE) return;
        engine->alarms[alarm].source = source;
        engine->alarms[alarm].condition = i;
        engine->alarms[alarm].limit_micro = engine->conditions[i].limit_micro;
        *link = alarm;
        link = &engine->alarms[alarm].next;
    }
}

static bool is_watched(const struct alarm_engine *engine, const char *id)
{
    for (size_t i = 0; i < engine->condition_count; i++) {
        if (is_for(&engine->conditions[i], id)) return true;
    }
    return false;
}

static uint64_t find_silent_rules(const struct alarm_engine *engine, const char *id)
{
    uint64_t rules = 0;
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        bool is_silent = (engine->silent_rules >> i & 1) != 0;
        if (is_silent && device_id_matches(engine->options.rules[i].devices, id))
            rules |= UINT64_C(1) << i;
    }
    return rules;
}

static uint32_t take_source(struct alarm_engine *engine)
{
    uint32_t source = engine->first_free_source;
    if (source != ALARM_NO_SOURCE) {
        engine->first_free_source = engine->sources[source].first;
        return source;
    }
    return engine->sources_used < engine->source_capacity ? engine->sources_used++
                                                          : ALARM_NO_SOURCE;
}

bool alarm_table_is_stand_in(const struct alarm_engine *engine, uint32_t source)
{
    const struct alarm_source *found = &engine->sources[source];
    return found->is_fixed && !found->has_reading && source != engine->gateway &&
           !is_set_point(engine, found->id);
}

/* It stands outside the table: a device may bear the same name. */
void alarm_table_add_gateway(struct alarm_engine *engine)
{
    const char *id = engine->options.gateway;
    engine->gateway = take_source(engine);
    struct alarm_source *made = &engine->sources[engine->gateway];
    *made = (struct alarm_source){.first = ALARM_NONE, .is_used = true, .is_fixed = true};
    memcpy(made->id, id, strlen(id) + 1);
    add_alarms(engine, engine->gateway);
}

uint32_t alarm_table_add(struct alarm_engine *engine, const char *id)
{
    uint32_t source = alarm_table_find(engine, id);
    if (source != ALARM_NO_SOURCE) return source;
    uint64_t silent_rules = find_silent_rules(engine, id);
    bool is_needed = is_set_point(engine, id) || silent_rules != 0 || is_watched(engine, id);
    if (engine->options.rule_count == 0 || !is_needed) return ALARM_NO_SOURCE;
    source = take_source(engine);
    if (source == ALARM_NO_SOURCE) {
        engine->counts.unwatched++;
        return source;
    }
    struct alarm_source *made = &engine->sources[source];
    *made = (struct alarm_source){.first = ALARM_NONE,
                                  .tag = tag_of(engine, id),
                                  .silent_rules = silent_rules,
                                  .last_mono_ms = engine->mono_ms,
                                  .is_used = true};
    memcpy(made->id, id, strlen(id) + 1);
    uint32_t i = made->tag & engine->table_mask;
    while (engine->table[i].index != 0) i = (i + 1) & engine->table_mask;
    engine->table[i] = (struct alarm_slot){.tag = made->tag, .index = source + 1};
    add_alarms(engine, source);
    alarm_unusual_admit(engine, source);
    return source;
}

/* An entry behind the hole moves into it unless its search would then begin behind it. */
static void close_hole(struct alarm_engine *engine, uint32_t hole)
{
    uint32_t mask = engine->table_mask;
    for (uint32_t i = (hole + 1) & mask; engine->table[i].index != 0; i = (i + 1) & mask) {
        uint32_t from_home = (i - engine->table[i].tag) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home < from_hole) continue;
        engine->table[hole] = engine->table[i];
        hole = i;
    }
    engine->table[hole] = (struct alarm_slot){0};
}

static void leave_group(struct alarm_engine *engine, uint32_t index)
{
    struct alarm *alarm = &engine->alarms[index];
    uint8_t number = alarm_condition_of(engine, alarm)->group;
    if (number == ALARM_NO_RULE) return;
    struct alarm_group *group = &engine->groups[number];
    if (alarm->is_in_group) group->active--;
    if (group->first == index) group->first = ALARM_NONE;
}

static void free_alarm(struct alarm_engine *engine, uint32_t index)
{
    struct alarm *alarm = &engine->alarms[index];
    leave_group(engine, index);
    if (alarm->facts.is_active) {
        engine->active--;
        engine->rule_active[alarm_condition_of(engine, alarm)->rule_index]--;
        engine->is_sweep_due = true;
    }
    alarm_timer_set(&engine->timers, index, INT64_MAX, 0);
    alarm_journal_unlink(engine, index);
    if (alarm->note < ALARM_NOTES && engine->notes[alarm->note].alarm == index)
        engine->notes[alarm->note].alarm = ALARM_NONE;
    *alarm = (struct alarm){.next = engine->first_free};
    engine->first_free = index;
}

void alarm_table_remove(struct alarm_engine *engine, uint32_t source)
{
    struct alarm_source *removed = &engine->sources[source];
    for (uint32_t i = removed->first; i != ALARM_NONE;) {
        uint32_t next = engine->alarms[i].next;
        free_alarm(engine, i);
        i = next;
    }
    uint32_t at = removed->tag & engine->table_mask;
    while (engine->table[at].index != source + 1) at = (at + 1) & engine->table_mask;
    close_hole(engine, at);
    alarm_unusual_remove(engine, source);
    *removed = (struct alarm_source){.first = engine->first_free_source};
    engine->first_free_source = source;
}

void alarm_table_write_id(const struct alarm_engine *engine, uint32_t index, char *id)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    alarm_id_write(id, engine->sources[alarm->source].id, condition->rule->name,
                   alarm_kind_id(condition->kind));
}

static uint32_t find_of_source(const struct alarm_engine *engine, uint32_t source, const char *id)
{
    char written[ALARM_ID_SIZE];
    if (source == ALARM_NO_SOURCE) return ALARM_NONE;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next) {
        alarm_table_write_id(engine, i, written);
        if (strcmp(written, id) == 0) return i;
    }
    return ALARM_NONE;
}

uint32_t alarm_table_find_alarm(const struct alarm_engine *engine, const char *id)
{
    /* A device id may hold slashes; the rule and the kind never do. */
    char device[ALARM_ID_SIZE];
    if (strnlen(id, ALARM_ID_SIZE) == ALARM_ID_SIZE) return ALARM_NONE;
    memcpy(device, id, strlen(id) + 1);
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(device, '/');
        if (slash == NULL) return ALARM_NONE;
        *slash = '\0';
    }
    uint32_t alarm = find_of_source(engine, alarm_table_find(engine, device), id);
    return alarm != ALARM_NONE ? alarm : find_of_source(engine, engine->gateway, id);
}
