/* Invariant: every figure is either kept by the engine over restarts or counted now from its
 * table; nothing is reckoned with here that could disagree with it. */
#include "report_alarms.h"

static void add_states(struct text *text, const struct alarm_census *census)
{
    text_json_open(text, "states", '{');
    for (int i = 0; i < ALARM_REMOVED; i++)
        text_json_uint(text, alarm_state_text((enum alarm_state)i), census->by_state[i]);
    text_json_close(text, '}');
}

static void add_now(struct text *text, const struct alarm_census *census)
{
    text_json_uint(text, "known", census->alarms);
    text_json_uint(text, "active", census->active);
    add_states(text, census);
    text_json_uint(text, "pending", census->pending);
    text_json_uint(text, "standing", census->standing);
    text_json_uint(text, "chattering", census->chattering);
    text_json_uint(text, "flapping", census->flapping);
    text_json_bool(text, "in_flood", census->is_in_flood);
    text_json_int(text, "longest_active_ms", census->longest_active_ms);
    text_json_int(text, "longest_unacknowledged_ms", census->longest_unacked_ms);
    text_json_int(text, "longest_shelved_ms", census->longest_shelved_ms);
    text_json_int(text, "longest_suppressed_ms", census->longest_suppressed_ms);
    text_json_int(text, "longest_out_of_service_ms", census->longest_out_of_service_ms);
}

/* A share from 0 to 1; none of nothing. */
static void add_share(struct text *text, const char *key, uint64_t part, uint64_t whole)
{
    if (whole == 0)
        text_json_null(text, key);
    else
        text_json_micro(text, key, (int64_t)(part * 10000 / whole) * 100);
}

static void add_slots(struct text *text, const struct alarm_counts *counts)
{
    text_json_open(text, "per_10min", '{');
    text_json_uint(text, "now", counts->slot_now);
    text_json_uint(text, "peak", counts->slot_peak);
    text_json_uint(text, "slots", counts->slots);
    text_json_uint(text, "slots_over_10", counts->slots_over);
    add_share(text, "share_over_10", counts->slots_over, counts->slots);
    if (counts->slots > 0)
        text_json_micro(
            text, "average",
            (int64_t)((counts->annunciations - counts->slot_now) * 1000 / counts->slots) * 1000);
    else
        text_json_null(text, "average");
    text_json_close(text, '}');
}

static void add_priorities(struct text *text, const struct alarm_counts *counts)
{
    text_json_open(text, "by_priority", '{');
    for (int i = 0; i < ALARM_PRIORITY_COUNT; i++)
        text_json_uint(text, alarm_priority_text((enum alarm_priority)i), counts->by_priority[i]);
    text_json_close(text, '}');
    text_json_open(text, "priority_shares", '{');
    for (int i = 0; i < ALARM_PRIORITY_COUNT; i++)
        add_share(text, alarm_priority_text((enum alarm_priority)i), counts->by_priority[i],
                  counts->annunciations);
    text_json_close(text, '}');
}

static void add_floods(struct text *text, const struct alarm_counts *counts,
                       const struct alarm_census *census)
{
    text_json_open(text, "floods", '{');
    text_json_uint(text, "count", counts->floods);
    text_json_uint(text, "alarms", counts->flood_alarms);
    text_json_uint(text, "peak", counts->flood_peak);
    text_json_int(text, "time_ms", census->flood_ms);
    add_share(text, "share", (uint64_t)census->flood_ms, (uint64_t)census->run_ms);
    text_json_close(text, '}');
}

static void add_lasting(struct text *text, const struct alarm_counts *counts)
{
    text_json_open(text, "acknowledged", '{');
    text_json_uint(text, "count", counts->acks);
    text_json_uint(text, "mean_ms", counts->acks > 0 ? counts->ack_total_ms / counts->acks : 0);
    text_json_uint(text, "longest_ms", counts->ack_longest_ms);
    text_json_close(text, '}');
    text_json_uint(text, "longest_ever_active_ms", counts->active_longest_ms);
    text_json_uint(text, "most_realarms", counts->realarm_most);
    text_json_open(text, "standing_at_midnight", '{');
    text_json_uint(text, "last", counts->standing_at_midnight);
    text_json_uint(text, "peak", counts->standing_peak);
    text_json_close(text, '}');
}

static void add_totals(struct text *text, const struct alarm_counts *counts,
                       const struct alarm_census *census)
{
    text_json_int(text, "running_ms", census->run_ms);
    text_json_uint(text, "events", counts->events);
    text_json_uint(text, "raised", counts->raised);
    text_json_uint(text, "raised_while_suppressed", counts->hidden_raises);
    text_json_uint(text, "annunciations", counts->annunciations);
    text_json_uint(text, "held_back", counts->held_back);
    text_json_uint(text, "realarms", counts->realarms);
    add_priorities(text, counts);
    add_slots(text, counts);
    add_floods(text, counts, census);
    text_json_uint(text, "chattering_marks", counts->chattering);
    text_json_uint(text, "fleeting", counts->fleeting);
    add_lasting(text, counts);
    text_json_uint(text, "not_judged", counts->not_judged);
    text_json_uint(text, "unwatched", counts->unwatched);
}

static void add_ranking(struct text *text, const char *key, const struct alarm_ranking *ranking)
{
    uint64_t calls = 0;
    for (size_t i = 0; i < ranking->count; i++) calls += ranking->top[i].calls;
    text_json_open(text, key, '{');
    text_json_uint(text, "calls", ranking->calls);
    add_share(text, "share", calls, ranking->calls);
    text_json_open(text, "top", '[');
    for (size_t i = 0; i < ranking->count; i++) {
        text_json_open(text, NULL, '{');
        text_json_string(text, "alarm", ranking->top[i].alarm);
        text_json_uint(text, "calls", ranking->top[i].calls);
        text_json_uint(text, "ever", ranking->top[i].ever);
        text_json_close(text, '}');
    }
    text_json_close(text, ']');
    text_json_close(text, '}');
}

static void add_commands(struct text *text, const struct alarm_counts *counts)
{
    static const char *const keys[] = {
        "done",           "nothing_to_do", "unknown", "wrong_occurrence",
        "not_applicable", "out_of_range",  "busy"};
    _Static_assert(sizeof keys / sizeof *keys == ALARM_BUSY + 1, "a key for each answer");
    text_json_open(text, "commands", '{');
    for (int i = 0; i <= ALARM_BUSY; i++) text_json_uint(text, keys[i], counts->commands[i]);
    text_json_close(text, '}');
}

void report_alarms(struct text *text, const struct alarm_engine *engine)
{
    struct alarm_counts counts = alarm_engine_count(engine);
    struct alarm_census census;
    alarm_engine_take_census(engine, &census);
    text_json_open(text, "alarms", '{');
    add_now(text, &census);
    add_totals(text, &counts, &census);
    add_commands(text, &counts);
    add_ranking(text, "two_days", &census.day);
    add_ranking(text, "thirty_days", &census.month);
    text_json_close(text, '}');
}
