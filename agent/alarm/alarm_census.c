/* alarm_census: counted over the whole table when somebody asks, so that keeping the figures costs
 * nothing in between and they cannot drift from the truth. */
#include "alarm/alarm_inside.h"

#include <string.h>

bool alarm_is_standing(const struct alarm_engine *engine, const struct alarm *alarm)
{
    return alarm->facts.is_active && !alarm->is_suspended &&
           engine->mono_ms - alarm->active_mono_ms >= ALARM_STANDING_MS;
}

struct alarm_counts alarm_engine_count(const struct alarm_engine *engine)
{
    return engine->counts;
}

static void keep_longest(int64_t *longest_ms, bool is_so, int64_t ms)
{
    if (is_so && ms > *longest_ms) *longest_ms = ms;
}

static void rank(const struct alarm_engine *engine, uint32_t index, uint32_t calls,
                 struct alarm_ranking *ranking)
{
    enum { MOST = sizeof ranking->top / sizeof *ranking->top };
    uint32_t ever = engine->alarms[index].annunciated;
    ranking->calls += calls;
    if (calls == 0) return;
    size_t place = ranking->count;
    while (place > 0 &&
           (ranking->top[place - 1].calls < calls ||
            (ranking->top[place - 1].calls == calls && ranking->top[place - 1].ever < ever)))
        place--;
    if (place == MOST) return;
    if (ranking->count < MOST) ranking->count++;
    memmove(&ranking->top[place + 1], &ranking->top[place],
            (ranking->count - 1 - place) * sizeof *ranking->top);
    ranking->top[place] = (struct alarm_top){.calls = calls, .ever = ever};
    alarm_table_write_id(engine, index, ranking->top[place].alarm);
}

static void keep_all_longest(const struct alarm_engine *engine, const struct alarm *alarm,
                             enum alarm_state state, struct alarm_census *census)
{
    int64_t state_ms = engine->mono_ms - alarm->state_mono_ms;
    bool is_unacked = alarm->facts.is_unacked && !alarm_state_is_hidden(alarm->facts);
    keep_longest(&census->longest_active_ms, alarm->facts.is_active,
                 engine->mono_ms - alarm->active_mono_ms);
    keep_longest(&census->longest_unacked_ms, is_unacked, engine->mono_ms - alarm->unacked_mono_ms);
    keep_longest(&census->longest_shelved_ms, state == ALARM_SHLVD, state_ms);
    keep_longest(&census->longest_suppressed_ms, state == ALARM_DSUPR, state_ms);
    keep_longest(&census->longest_out_of_service_ms, state == ALARM_OOSRV, state_ms);
}

void alarm_engine_take_census(const struct alarm_engine *engine, struct alarm_census *census)
{
    uint32_t day = (uint32_t)(engine->run_ms / ALARM_DAY_MS);
    memset(census, 0, sizeof *census);
    census->is_in_flood = engine->flood.is_on;
    census->run_ms = engine->run_ms;
    census->flood_ms = (int64_t)engine->counts.flood_ms;
    if (engine->flood.is_on && engine->has_resumed)
        census->flood_ms += engine->mono_ms - engine->flood.since_mono_ms;
    for (uint32_t i = 0; i < engine->alarms_used; i++) {
        const struct alarm *alarm = &engine->alarms[i];
        if (!alarm->is_used) continue;
        enum alarm_state state = alarm_state_name(alarm->facts);
        census->alarms++;
        census->active += alarm->facts.is_active;
        census->by_state[state]++;
        census->pending += alarm->zone.is_timing && !alarm->facts.is_active;
        census->standing += alarm_is_standing(engine, alarm);
        census->chattering += alarm_chatter_is_marked(&alarm->chatter, engine->mono_ms);
        census->flapping += alarm->flap.is_flapping;
        rank(engine, i, alarm_tally_day(&alarm->tally, day), &census->day);
        rank(engine, i, alarm_tally_month(&alarm->tally, day), &census->month);
        if (!alarm->is_suspended) keep_all_longest(engine, alarm, state, census);
    }
}

/* A clock that is set back, or not at all, passes no midnight. */
void alarm_census_pass_midnight(struct alarm_engine *engine, const struct alarm_now *now)
{
    struct alarm_counts *counts = &engine->counts;
    uint64_t day = now->wall_ms > 0 ? (uint64_t)(now->wall_ms / ALARM_DAY_MS) : 0;
    if (now->clock == CLOCK_UNSET || day <= counts->midnight_day) return;
    bool is_first = counts->midnight_day == 0;
    counts->midnight_day = day;
    engine->is_common_changed = true;
    if (is_first) return;
    counts->standing_at_midnight = 0;
    for (uint32_t i = 0; i < engine->alarms_used; i++) {
        const struct alarm *alarm = &engine->alarms[i];
        if (alarm->is_used && alarm_is_standing(engine, alarm)) counts->standing_at_midnight++;
    }
    if (counts->standing_at_midnight > counts->standing_peak)
        counts->standing_peak = counts->standing_at_midnight;
}
