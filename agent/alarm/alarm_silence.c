/* alarm_silence: one alarm for a bus, broker or link in place of one for each device behind it.
 * It is looked at again and again while the time-out runs, never for each reading. */
#include "alarm/alarm_inside.h"

enum { LEAST_LOOK_MS = 500, MOST_LOOK_MS = 10000, LOOKS = 8 };

static int64_t look_every_ms(const struct alarm_rule *rule)
{
    int64_t every_ms = rule->silent_ms / LOOKS;
    if (every_ms < LEAST_LOOK_MS) return LEAST_LOOK_MS;
    return every_ms > MOST_LOOK_MS ? MOST_LOOK_MS : every_ms;
}

int64_t alarm_silence_due(const struct alarm_engine *engine, uint32_t index)
{
    const struct alarm_rule *rule = alarm_condition_of(engine, &engine->alarms[index])->rule;
    return engine->mono_ms + look_every_ms(rule);
}

/* No reading is no return: what was silent before a restart is so until it is heard. */
static bool is_silent(const struct alarm_source *source, const struct alarm *alarm,
                      int64_t silent_ms, int64_t mono_ms)
{
    if (alarm->facts.is_active && !source->has_reading) return true;
    return mono_ms - source->last_mono_ms >= silent_ms;
}

bool alarm_silence_judge(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const struct alarm_source *newest = NULL;
    int64_t silent = 0, all = 0;
    /* Many devices may be due at once: once a moment is enough. */
    if (engine->silence_mono_ms[condition->rule_index] == now->mono_ms) return true;
    engine->silence_mono_ms[condition->rule_index] = now->mono_ms;
    for (uint32_t i = 0; i < engine->sources_used; i++) {
        const struct alarm_source *source = &engine->sources[i];
        if (!source->is_used || (source->silent_rules >> condition->rule_index & 1) == 0) continue;
        all++;
        silent += is_silent(source, alarm, condition->rule->silent_ms, now->mono_ms);
        if (newest == NULL || source->last_mono_ms > newest->last_mono_ms) newest = source;
    }
    int64_t needed = condition->rule->silent_count > 0 ? condition->rule->silent_count : all;
    if (needed < 2) needed = 2;
    bool are_silent = silent >= needed;
    if (newest == NULL || (are_silent == alarm->facts.is_active && !alarm->zone.is_timing))
        return true;
    struct alarm_judgement judgement = {.place = are_silent ? ALARM_INSIDE : ALARM_OUTSIDE,
                                        .value_micro = silent * 1000000,
                                        .event_ms = newest->last_event_ms,
                                        .arrival_ms = newest->last_wall_ms,
                                        .since_wall_ms = newest->last_wall_ms,
                                        .now = now};
    return alarm_judge(engine, index, &judgement);
}

bool alarm_silence_judge_rules(struct alarm_engine *engine, uint64_t rules,
                               const struct alarm_now *now)
{
    if (rules == 0) return true;
    for (uint32_t i = engine->sources[engine->gateway].first; i != ALARM_NONE;
         i = engine->alarms[i].next) {
        const struct alarm_condition *condition = alarm_condition_of(engine, &engine->alarms[i]);
        if (condition->kind != ALARM_SOURCE_SILENT) continue;
        if ((rules >> condition->rule_index & 1) == 0 || engine->alarms[i].facts.is_active)
            continue;
        if (!alarm_silence_judge(engine, i, now)) return false;
    }
    return true;
}

void alarm_silence_heard(struct alarm_engine *engine, uint32_t index)
{
    uint64_t rules = engine->sources[index].silent_rules;
    if (rules == 0) return;
    for (uint32_t i = engine->sources[engine->gateway].first; i != ALARM_NONE;
         i = engine->alarms[i].next) {
        const struct alarm *alarm = &engine->alarms[i];
        const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
        if (condition->kind != ALARM_SOURCE_SILENT || !alarm->facts.is_active) continue;
        if ((rules >> condition->rule_index & 1) == 0) continue;
        engine->silence_mono_ms[condition->rule_index] = INT64_MIN;
        alarm_timer_set(&engine->timers, i, engine->mono_ms, 0);
    }
}
