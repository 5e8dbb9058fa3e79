/* alarm_judge: what is raised does not depend on how often time is looked at: a delay that was
 * over before a reading came is ended before the reading is judged. */
#include "alarm/alarm_inside.h"

/* What is due is looked at no more often than this, whatever asks for it. */
enum { SHELF_REFRESH_MS = 60000 };

/* The outer limit of the same rule, when it was raised in this very moment: it calls for both. */
static uint32_t find_outer(const struct alarm_engine *engine, uint32_t index, int64_t mono_ms)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    enum alarm_kind outer = condition->kind == ALARM_HIGH  ? ALARM_HIGH_HIGH
                            : condition->kind == ALARM_LOW ? ALARM_LOW_LOW
                                                           : ALARM_KIND_COUNT;
    if (outer == ALARM_KIND_COUNT) return ALARM_NONE;
    for (uint32_t i = engine->sources[alarm->source].first; i != ALARM_NONE;
         i = engine->alarms[i].next) {
        const struct alarm *other = &engine->alarms[i];
        const struct alarm_condition *its = alarm_condition_of(engine, other);
        if (its->kind != outer || its->rule_index != condition->rule_index) continue;
        bool is_together = other->facts.is_active && other->active_mono_ms == mono_ms &&
                           !alarm_state_is_hidden(other->facts);
        return is_together ? i : ALARM_NONE;
    }
    return ALARM_NONE;
}

static bool raise_alarm(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    char outer_id[ALARM_ID_SIZE];
    struct alarm *alarm = &engine->alarms[index];
    if (!alarm_move_suppression(engine, index, now)) return false;
    struct alarm_because because = {.trigger = TRIGGER_RAISE, .now = now};
    uint32_t outer = find_outer(engine, index, now->mono_ms);
    if (outer != ALARM_NONE) {
        alarm_table_write_id(engine, outer, outer_id);
        because.is_held_back = true;
        because.cause = outer_id;
        because.cause_occurrence = engine->alarms[outer].occurrence;
    } else if (alarm->is_reconfigured) {
        because.cause = "config";
    }
    return alarm_move(engine, index, &because) != ALARM_HAS_NO_ROOM;
}

static bool clear_alarm(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    struct alarm_because because = {
        .trigger = TRIGGER_CLEAR, .cause = alarm->is_reconfigured ? "config" : NULL, .now = now};
    bool was_fleeting = now->mono_ms - alarm->active_mono_ms < ALARM_FLEETING_MS;
    if (alarm_move(engine, index, &because) == ALARM_HAS_NO_ROOM) return false;
    if (was_fleeting) engine->counts.fleeting++;
    return true;
}

static void expire(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    struct alarm_because because = {.trigger = TRIGGER_EXPIRE, .now = now};
    (void)alarm_move(engine, index, &because); /* without room: when it is due again */
}

/* Ends a delay that is over.  False: no room. */
static bool settle(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_timing *timing = &alarm_condition_of(engine, alarm)->timing;
    if (!alarm_zone_is_over(&alarm->zone, timing, alarm->facts.is_active, now->mono_ms))
        return true;
    bool is_done =
        alarm->facts.is_active ? clear_alarm(engine, index, now) : raise_alarm(engine, index, now);
    if (!is_done) return false;
    alarm->zone = (struct alarm_zone){0};
    alarm->is_reconfigured = false;
    if (!alarm->facts.is_active && alarm->facts.is_one_shot) expire(engine, index, now);
    return true;
}

bool alarm_judge(struct alarm_engine *engine, uint32_t index,
                 const struct alarm_judgement *judgement)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_now *now = judgement->now;
    if (!settle(engine, index, now)) return false;
    bool is_inside = judgement->place == ALARM_INSIDE;
    bool was_timing = alarm->zone.is_timing;
    alarm_flap_add(&alarm->flap, is_inside);
    if (was_timing && !alarm->facts.is_active && !is_inside &&
        now->mono_ms - alarm->zone.since_mono_ms < ALARM_FLEETING_MS)
        engine->counts.fleeting++;
    alarm_zone_judge(&alarm->zone, alarm->facts.is_active, judgement->place, now->mono_ms,
                     judgement->since_wall_ms);
    if (alarm->zone.is_timing) {
        alarm->has_value = !judgement->has_no_value;
        alarm->value_micro = judgement->value_micro;
        alarm->event_ms = judgement->event_ms;
        alarm->arrival_ms = judgement->arrival_ms;
    }
    if (was_timing || alarm->zone.is_timing)
        alarm_journal_mark(engine, index, was_timing != alarm->zone.is_timing);
    if (!alarm->zone.is_timing) alarm->is_reconfigured = false;
    bool is_done = settle(engine, index, now);
    alarm_judge_set_timer(engine, index, false);
    return is_done;
}

static int64_t due_without_data(const struct alarm_engine *engine, const struct alarm *alarm)
{
    const struct alarm_rule *rule = alarm_condition_of(engine, alarm)->rule;
    if (alarm->facts.is_active || alarm->zone.is_timing) return INT64_MAX;
    return engine->sources[alarm->source].last_mono_ms + rule->no_data_ms;
}

static bool may_realarm(const struct alarm_engine *engine, const struct alarm *alarm)
{
    const struct alarm_rule *rule = alarm_condition_of(engine, alarm)->rule;
    return rule->realarm_ms > 0 && alarm_state_name(alarm->facts) == ALARM_ACKED &&
           (rule->realarm_count == 0 || alarm->realarm < rule->realarm_count);
}

int64_t alarm_judge_due(const struct alarm_engine *engine, uint32_t index)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    int64_t due_ms = alarm_zone_due(&alarm->zone, &condition->timing, alarm->facts.is_active);
    if (condition->kind == ALARM_NO_DATA) {
        int64_t silent_ms = due_without_data(engine, alarm);
        if (silent_ms < due_ms) due_ms = silent_ms;
    }
    if (condition->kind == ALARM_SOURCE_SILENT) {
        int64_t look_ms = alarm_silence_due(engine, index);
        if (look_ms < due_ms) due_ms = look_ms;
    }
    if (alarm->facts.is_shelved) {
        if (alarm->shelf.end_mono_ms < due_ms) due_ms = alarm->shelf.end_mono_ms;
        int64_t refresh_ms = alarm->written_mono_ms + SHELF_REFRESH_MS;
        if (refresh_ms < due_ms) due_ms = refresh_ms;
    }
    if (may_realarm(engine, alarm)) {
        int64_t realarm_ms = alarm->state_mono_ms + condition->rule->realarm_ms;
        if (realarm_ms < due_ms) due_ms = realarm_ms;
    }
    return due_ms;
}

void alarm_judge_set_timer(struct alarm_engine *engine, uint32_t index, bool is_exact)
{
    const struct alarm_timer *timer = &engine->timers.timers[index];
    int64_t due_ms = alarm_judge_due(engine, index);
    bool waits = timer->place != ALARM_TIMER_NONE;
    /* One that waits already looks again by itself: no need to move it for each reading. */
    if (!is_exact && (due_ms == INT64_MAX || (waits && due_ms > timer->due_mono_ms))) return;
    alarm_timer_set(&engine->timers, index, due_ms, engine->alarms[index].event_ms);
}

bool alarm_judge_no_data(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_source *source = &engine->sources[alarm->source];
    if (now->mono_ms < due_without_data(engine, alarm)) return true;
    /* The silence of all behind it comes first: it hides this one. */
    if (!alarm_silence_judge_rules(engine, source->silent_rules, now)) return false;
    struct alarm_judgement judgement = {.place = ALARM_INSIDE,
                                        .has_no_value = !source->has_reading,
                                        .value_micro = source->last_micro,
                                        .event_ms = source->last_event_ms,
                                        .arrival_ms = source->last_wall_ms,
                                        .since_wall_ms = source->last_wall_ms,
                                        .now = now};
    return alarm_judge(engine, index, &judgement);
}

/* Does what time asks of one alarm.  False: no room. */
static bool judge_time(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    if (!settle(engine, index, now)) return false;
    if (condition->kind == ALARM_NO_DATA && !alarm_judge_no_data(engine, index, now)) return false;
    if (condition->kind == ALARM_SOURCE_SILENT && !alarm_silence_judge(engine, index, now))
        return false;
    if (alarm->facts.is_shelved) {
        if (now->mono_ms >= alarm->shelf.end_mono_ms) {
            struct alarm_because because = {.trigger = TRIGGER_EXPIRE, .now = now};
            if (alarm_move(engine, index, &because) == ALARM_HAS_NO_ROOM) return false;
        } else if (now->mono_ms - alarm->written_mono_ms >= SHELF_REFRESH_MS) {
            alarm_journal_mark(engine, index, false);
        }
    }
    if (may_realarm(engine, alarm) &&
        now->mono_ms - alarm->state_mono_ms >= condition->rule->realarm_ms) {
        struct alarm_because because = {.trigger = TRIGGER_REALARM, .now = now};
        if (alarm_move(engine, index, &because) == ALARM_HAS_NO_ROOM) return false;
    }
    return true;
}

bool alarm_judge_time(struct alarm_engine *engine, uint32_t source, const struct alarm_now *now)
{
    for (uint32_t i = engine->sources[source].first; i != ALARM_NONE; i = engine->alarms[i].next) {
        bool is_done = judge_time(engine, i, now);
        int64_t due_ms = alarm_judge_due(engine, i);
        /* What found no room keeps its place, so that order does not depend on room. */
        if (is_done && due_ms <= now->mono_ms) due_ms = now->mono_ms + 1;
        alarm_timer_set(&engine->timers, i, due_ms, engine->alarms[i].event_ms);
        if (!is_done) return false;
    }
    return true;
}

void alarm_engine_judge(struct alarm_engine *engine, uint32_t index, bool is_in_zone,
                        int64_t value_micro, int64_t limit_micro, int64_t event_ms,
                        const struct alarm_now *now)
{
    alarm_restore_resume(engine, now);
    struct alarm *alarm = &engine->alarms[index];
    alarm->limit_micro = limit_micro;
    struct alarm_judgement judgement = {.place = is_in_zone ? ALARM_INSIDE : ALARM_OUTSIDE,
                                        .value_micro = value_micro,
                                        .event_ms = event_ms,
                                        .arrival_ms = now->wall_ms,
                                        .since_wall_ms = now->wall_ms,
                                        .now = now};
    (void)alarm_judge(engine, index, &judgement);
}

void alarm_engine_judge_trouble(struct alarm_engine *engine, enum alarm_trouble trouble,
                                int64_t value_micro, bool is_troubled, const struct alarm_now *now)
{
    if (engine->gateway == ALARM_NO_SOURCE) return;
    for (uint32_t i = engine->sources[engine->gateway].first; i != ALARM_NONE;
         i = engine->alarms[i].next) {
        const struct alarm *alarm = &engine->alarms[i];
        const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
        if (condition->kind != ALARM_AGENT || condition->rule->trouble != (int)trouble) continue;
        int64_t mark_micro = condition->rule->trouble_mark * 1000000;
        bool is_over = trouble == ALARM_OUTBOX_FULL ? value_micro >= mark_micro : is_troubled;
        /* Asked at every tick: only what contradicts the alarm is a reason to judge it. */
        if (is_over == alarm->facts.is_active && !alarm->zone.is_timing) continue;
        alarm_engine_judge(engine, i, is_over, value_micro, condition->rule->trouble_mark * 1000000,
                           now->wall_ms, now);
    }
}

static void count_time(struct alarm_engine *engine, const struct alarm_now *now)
{
    engine->run_ms += now->mono_ms - engine->seen_mono_ms;
    engine->seen_mono_ms = now->mono_ms;
    while (now->mono_ms - engine->slot_mono_ms >= ALARM_SLOT_MS) {
        engine->slot_mono_ms += ALARM_SLOT_MS;
        engine->counts.slots++;
        engine->counts.slots_over += engine->counts.slot_now > 10;
        engine->counts.slot_now = 0;
        engine->is_common_changed = true;
    }
}

/* The wall ends of shelves count again once the clock can be trusted. */
static void trust_clock(struct alarm_engine *engine, const struct alarm_now *now)
{
    bool is_new = now->clock == CLOCK_TRUSTED && engine->clock != CLOCK_TRUSTED;
    engine->clock = now->clock;
    if (!is_new) return;
    for (uint32_t i = 0; i < engine->alarms_used; i++) {
        if (!engine->alarms[i].is_used || !engine->alarms[i].facts.is_shelved) continue;
        alarm_shelf_trust(&engine->alarms[i].shelf, now);
        alarm_judge_set_timer(engine, i, true);
    }
}

static void sweep_suppression(struct alarm_engine *engine, const struct alarm_now *now)
{
    if (engine->is_sweep_due) {
        engine->is_sweep_due = false;
        engine->sweep_cursor = 0;
    }
    for (; engine->sweep_cursor < engine->alarms_used; engine->sweep_cursor++) {
        uint32_t i = (uint32_t)engine->sweep_cursor;
        const struct alarm *alarm = &engine->alarms[i];
        if (!alarm->is_used) continue;
        if (!alarm_move_suppression(engine, i, now)) return;
        alarm_judge_set_timer(engine, i, false);
    }
}

void alarm_engine_advance(struct alarm_engine *engine, const struct alarm_now *now)
{
    alarm_restore_resume(engine, now);
    engine->mono_ms = now->mono_ms;
    count_time(engine, now);
    alarm_census_pass_midnight(engine, now);
    trust_clock(engine, now);
    alarm_move_removed(engine, now);
    for (uint32_t first;
         (first = alarm_timer_first(&engine->timers, now->mono_ms)) != ALARM_TIMER_NONE;) {
        if (!alarm_judge_time(engine, engine->alarms[first].source, now)) break;
    }
    if (engine->suppressors != 0) sweep_suppression(engine, now);
    alarm_move_flood(engine, now);
}
