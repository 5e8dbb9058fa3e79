/* alarm_reading: what a reading or a window says to each alarm of its device.  Only good readings
 * in the order of their event times come here; a bad one concerns the sensor's own alarm alone. */
#include "alarm/alarm_inside.h"

#include "alarm/alarm_unusual.h"
#include "base/device_id.h"

static bool is_limit(enum alarm_kind kind)
{
    return kind == ALARM_HIGH_HIGH || kind == ALARM_HIGH || kind == ALARM_LOW_LOW ||
           kind == ALARM_LOW;
}

static int64_t basis_value(const struct alarm_rule *rule, const struct alarm_window *window)
{
    if (rule->basis == ALARM_ON_MINIMUM) return window->min_micro;
    return rule->basis == ALARM_ON_MAXIMUM ? window->max_micro : window->average_micro;
}

/* What a value is held against its limits as: itself, or its distance from the set point.  False:
 * the set point is not known. */
static bool find_deviation(const struct alarm_engine *engine, const struct alarm_rule *rule,
                           int64_t *value_micro)
{
    if (rule->has_set_point) *value_micro -= rule->set_point_micro;
    if (rule->set_point_device[0] == '\0') return true;
    uint32_t other = alarm_table_find(engine, rule->set_point_device);
    if (other == ALARM_NO_SOURCE) return false;
    const struct alarm_source *source = &engine->sources[other];
    *value_micro -= source->last_micro;
    return source->has_reading && !source->is_faulty;
}

static bool judge_limit(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                        int64_t event_ms, const struct alarm_now *now)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    bool is_low = condition->kind == ALARM_LOW || condition->kind == ALARM_LOW_LOW;
    if (!find_deviation(engine, condition->rule, &value_micro)) return true;
    struct alarm_judgement judgement = {
        .place =
            alarm_zone_find(is_low, condition->limit_micro, condition->deadband_micro, value_micro),
        .value_micro = value_micro,
        .event_ms = event_ms,
        .arrival_ms = now->wall_ms,
        .since_wall_ms = now->wall_ms,
        .now = now};
    return alarm_judge(engine, index, &judgement);
}

void alarm_engine_begin_anew(struct alarm_engine *engine, uint32_t source)
{
    if (source == ALARM_NO_SOURCE) return;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next) {
        if (engine->alarms[i].window_ms == INT64_MIN) continue;
        engine->alarms[i].window_ms = INT64_MIN;
        alarm_journal_mark(engine, i, false);
    }
}

void alarm_engine_add_window(struct alarm_engine *engine, uint32_t source,
                             const struct alarm_window *window, const struct alarm_now *now)
{
    if (source == ALARM_NO_SOURCE) return;
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next) {
        struct alarm *alarm = &engine->alarms[i];
        const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
        const struct alarm_rule *rule = condition->rule;
        if (!is_limit(condition->kind) || rule->basis == ALARM_ON_READING) continue;
        if (rule->window_ms != window->size_ms || window->start_ms < alarm->window_ms) continue;
        alarm->window_ms = window->start_ms;
        alarm_journal_mark(engine, i, false);
        (void)judge_limit(engine, i, basis_value(rule, window), window->event_ms, now);
    }
}

static bool judge_rate(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                       int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    int64_t period_ms =
        condition->rule->period_ms > 0 ? condition->rule->period_ms : ALARM_PERIOD_MS;
    int64_t rate_micro = 0, anchor_ms = alarm->rate.anchor_ms;
    enum alarm_rate_result result =
        alarm_rate_add(&alarm->rate, value_micro, is_of_device ? event_ms : now->mono_ms,
                       is_of_device, period_ms, &rate_micro);
    if (alarm->rate.anchor_ms != anchor_ms) alarm_journal_mark(engine, index, true);
    if (result == ALARM_RATE_UNUSABLE || result == ALARM_RATE_GAP) engine->counts.not_judged++;
    if (result != ALARM_RATE_KNOWN) return true;
    if (condition->kind == ALARM_FALL) rate_micro = -rate_micro;
    struct alarm_judgement judgement = {
        .place =
            alarm_zone_find(false, condition->limit_micro, condition->deadband_micro, rate_micro),
        .value_micro = rate_micro,
        .event_ms = event_ms,
        .arrival_ms = now->wall_ms,
        .since_wall_ms = now->wall_ms,
        .now = now};
    return alarm_judge(engine, index, &judgement);
}

/* A value that never changes is inside from its second reading on; the delay is the time-out. */
static bool judge_stuck(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                        int64_t event_ms, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    bool is_same = alarm->has_value && alarm->value_micro == value_micro;
    struct alarm_judgement judgement = {.place = is_same ? ALARM_INSIDE : ALARM_OUTSIDE,
                                        .value_micro = value_micro,
                                        .event_ms = event_ms,
                                        .arrival_ms = now->wall_ms,
                                        .since_wall_ms = now->wall_ms,
                                        .now = now};
    bool is_done = alarm_judge(engine, index, &judgement);
    if (!is_same) alarm_journal_mark(engine, index, true);
    alarm->has_value = true;
    alarm->value_micro = value_micro;
    return is_done;
}

static void judge_reading(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                          int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    struct alarm_judgement good = {.place = ALARM_OUTSIDE,
                                   .value_micro = value_micro,
                                   .event_ms = event_ms,
                                   .arrival_ms = now->wall_ms,
                                   .since_wall_ms = now->wall_ms,
                                   .now = now};
    switch (condition->kind) {
    case ALARM_HIGH_HIGH:
    case ALARM_HIGH:
    case ALARM_LOW_LOW:
    case ALARM_LOW:
        if (condition->rule->basis == ALARM_ON_READING)
            (void)judge_limit(engine, index, value_micro, event_ms, now);
        break;
    case ALARM_RISE:
    case ALARM_FALL:
        (void)judge_rate(engine, index, value_micro, event_ms, is_of_device, now);
        break;
    case ALARM_STUCK:
        (void)judge_stuck(engine, index, value_micro, event_ms, now);
        break;
    case ALARM_SENSOR_FAULT:
        if (alarm->facts.is_active || alarm->zone.is_timing)
            (void)alarm_judge(engine, index, &good);
        break;
    case ALARM_NO_DATA:
        if (alarm->facts.is_active || alarm->zone.is_timing)
            (void)alarm_judge(engine, index, &good);
        else
            alarm_judge_set_timer(engine, index, false);
        break;
    case ALARM_UNUSUAL:
        alarm_unusual_judge(engine, index, value_micro, event_ms, is_of_device, now);
        break;
    default:
        break;
    }
}

void alarm_engine_add_reading(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                              int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    alarm_restore_resume(engine, now);
    if (index == ALARM_NO_SOURCE) return;
    struct alarm_source *source = &engine->sources[index];
    for (uint32_t i = source->first; i != ALARM_NONE; i = engine->alarms[i].next) {
        if (alarm_condition_of(engine, &engine->alarms[i])->kind == ALARM_NO_DATA)
            (void)alarm_judge_no_data(engine, i, now);
    }
    source->last_mono_ms = now->mono_ms;
    source->last_wall_ms = now->wall_ms;
    source->last_event_ms = event_ms;
    source->last_micro = value_micro;
    source->has_reading = true;
    source->is_faulty = false;
    for (uint32_t i = source->first; i != ALARM_NONE; i = engine->alarms[i].next)
        judge_reading(engine, i, value_micro, event_ms, is_of_device, now);
    alarm_unusual_learn(engine, index, value_micro, event_ms, is_of_device, now);
    alarm_silence_heard(engine, index);
}

/* 85.0 is what a DS18B20 says before its first conversion, and -127 what its drivers say when it
 * does not answer.  A real 85.0 is approached, or comes again. */
static bool is_ds18b20_fault(const struct alarm_source *source, int64_t value_micro)
{
    enum { NEAR_MICRO = 5000000 };
    if (value_micro == -127000000) return true;
    if (value_micro != 85000000 || source->last_raw_micro == value_micro) return false;
    if (!source->has_reading) return true;
    int64_t distance_micro = value_micro - source->last_micro;
    return distance_micro > NEAR_MICRO || distance_micro < -NEAR_MICRO;
}

static bool is_bad(const struct alarm_rule *rule, const struct alarm_source *source,
                   int64_t value_micro)
{
    return rule->is_fault_watched &&
           ((rule->has_valid_low && value_micro < rule->valid_low_micro) ||
            (rule->has_valid_high && value_micro > rule->valid_high_micro) ||
            (rule->is_ds18b20 && is_ds18b20_fault(source, value_micro)));
}

bool alarm_engine_is_first_bad(const struct alarm_engine *engine, const char *id,
                               int64_t value_micro)
{
    const struct alarm_source unknown = {.has_reading = false};
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        const struct alarm_rule *rule = &engine->options.rules[i];
        if (is_bad(rule, &unknown, value_micro) && device_id_matches(rule->devices, id))
            return true;
    }
    return false;
}

bool alarm_engine_is_good(struct alarm_engine *engine, uint32_t index, int64_t value_micro)
{
    if (index == ALARM_NO_SOURCE) return true;
    struct alarm_source *source = &engine->sources[index];
    bool is_good = true;
    for (uint32_t i = source->first; i != ALARM_NONE; i = engine->alarms[i].next) {
        const struct alarm_condition *condition = alarm_condition_of(engine, &engine->alarms[i]);
        if (condition->kind == ALARM_SENSOR_FAULT && is_bad(condition->rule, source, value_micro))
            is_good = false;
    }
    source->last_raw_micro = value_micro;
    return is_good;
}

bool alarm_engine_is_fault_watched(const struct alarm_engine *engine, const char *id,
                                   bool may_be_new)
{
    if (!may_be_new) return alarm_table_find(engine, id) != ALARM_NO_SOURCE;
    for (size_t i = 0; i < engine->options.rule_count; i++) {
        const struct alarm_rule *rule = &engine->options.rules[i];
        if (rule->is_fault_watched && device_id_matches(rule->devices, id)) return true;
    }
    return false;
}

void alarm_engine_add_bad_value(struct alarm_engine *engine, uint32_t index,
                                const struct alarm_bad_value *bad, const struct alarm_now *now)
{
    alarm_restore_resume(engine, now);
    if (index == ALARM_NO_SOURCE) return;
    struct alarm_source *source = &engine->sources[index];
    const struct alarm_judgement judgement = {.place = ALARM_INSIDE,
                                              .has_no_value = !bad->has_value,
                                              .value_micro = bad->has_value ? bad->value_micro : 0,
                                              .event_ms = bad->event_ms,
                                              .arrival_ms = now->wall_ms,
                                              .since_wall_ms = now->wall_ms,
                                              .now = now};
    source->is_faulty = true;
    for (uint32_t i = source->first; i != ALARM_NONE; i = engine->alarms[i].next) {
        if (alarm_condition_of(engine, &engine->alarms[i])->kind != ALARM_SENSOR_FAULT) continue;
        engine->alarms[i].fault = (uint8_t)bad->verdict;
        (void)alarm_judge(engine, i, &judgement);
    }
}
