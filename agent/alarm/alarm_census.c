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

static uint32_t count_recent(const struct alarm_engine *engine, const struct alarm *alarm)
{
    uint32_t day = (uint32_t)(engine->run_ms / ALARM_DAY_MS);
    if (alarm->day == day) return alarm->today + alarm->yesterday;
    return alarm->day + 1 == day ? alarm->today : 0;
}

static void rank(const struct alarm_engine *engine, uint32_t index, struct alarm_census *census)
{
    enum { MOST = sizeof census->top / sizeof *census->top };
    const struct alarm *alarm = &engine->alarms[index];
    uint32_t recent = count_recent(engine, alarm);
    if (alarm->annunciated == 0) return;
    size_t place = census->top_count;
    while (place > 0 && (census->top[place - 1].today < recent ||
                         (census->top[place - 1].today == recent &&
                          census->top[place - 1].ever < alarm->annunciated)))
        place--;
    if (place == MOST) return;
    if (census->top_count < MOST) census->top_count++;
    memmove(&census->top[place + 1], &census->top[place],
            (census->top_count - 1 - place) * sizeof *census->top);
    census->top[place] = (struct alarm_top){.today = recent, .ever = alarm->annunciated};
    alarm_table_write_id(engine, index, census->top[place].alarm);
}

void alarm_engine_take_census(const struct alarm_engine *engine, struct alarm_census *census)
{
    memset(census, 0, sizeof *census);
    census->is_in_flood = engine->flood.is_on;
    for (uint32_t i = 0; i < engine->alarms_used; i++) {
        const struct alarm *alarm = &engine->alarms[i];
        if (!alarm->is_used) continue;
        enum alarm_state state = alarm_state_name(alarm->facts);
        int64_t state_ms = engine->mono_ms - alarm->state_mono_ms;
        bool is_unacked = alarm->facts.is_unacked && !alarm_state_is_hidden(alarm->facts);
        census->alarms++;
        census->active += alarm->facts.is_active;
        census->by_state[state]++;
        census->pending += alarm->zone.is_timing && !alarm->facts.is_active;
        census->standing += alarm_is_standing(engine, alarm);
        census->chattering += alarm_chatter_is_marked(&alarm->chatter, engine->mono_ms);
        census->flapping += alarm->flap.is_flapping;
        rank(engine, i, census);
        if (alarm->is_suspended) continue;
        keep_longest(&census->longest_active_ms, alarm->facts.is_active,
                     engine->mono_ms - alarm->active_mono_ms);
        keep_longest(&census->longest_unacked_ms, is_unacked,
                     engine->mono_ms - alarm->unacked_mono_ms);
        keep_longest(&census->longest_shelved_ms, state == ALARM_SHLVD, state_ms);
        keep_longest(&census->longest_out_of_service_ms, state == ALARM_OOSRV, state_ms);
    }
}
