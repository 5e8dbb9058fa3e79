/* summary: every field is a function of the set of readings alone, never of the order in which
 * they came; the rules for ties exist for nothing else. */
#include "stream/summary.h"

#include "base/decimal.h"

static void take_extremes(struct summary *into, const struct summary *from)
{
    if (from->min_micro < into->min_micro ||
        (from->min_micro == into->min_micro && from->min_ms < into->min_ms)) {
        into->min_micro = from->min_micro;
        into->min_ms = from->min_ms;
    }
    if (from->max_micro > into->max_micro ||
        (from->max_micro == into->max_micro && from->max_ms < into->max_ms)) {
        into->max_micro = from->max_micro;
        into->max_ms = from->max_ms;
    }
    if (from->first_ms < into->first_ms ||
        (from->first_ms == into->first_ms && from->first_micro < into->first_micro)) {
        into->first_ms = from->first_ms;
        into->first_micro = from->first_micro;
    }
    if (from->last_ms > into->last_ms ||
        (from->last_ms == into->last_ms && from->last_micro > into->last_micro)) {
        into->last_ms = from->last_ms;
        into->last_micro = from->last_micro;
    }
}

enum status summary_merge(struct summary *into, const struct summary *from)
{
    if (from->count == 0) return ST_OK;
    if (into->count == 0) {
        *into = *from;
        return ST_OK;
    }
    int64_t sum_micro;
    uint32_t count, expected;
    if (__builtin_add_overflow(into->sum_micro, from->sum_micro, &sum_micro) ||
        __builtin_add_overflow(into->count, from->count, &count) ||
        __builtin_add_overflow(into->expected, from->expected, &expected) ||
        !wide_add(&into->sumsq, from->sumsq)) {
        return ST_FULL;
    }
    into->sum_micro = sum_micro;
    into->count = count;
    into->expected = expected;
    take_extremes(into, from);
    return ST_OK;
}

enum status summary_add(struct summary *summary, int64_t value_micro, int64_t event_ms)
{
    const struct summary reading = {
        .sum_micro = value_micro,
        .sumsq = wide_square(value_micro),
        .min_micro = value_micro,
        .max_micro = value_micro,
        .first_micro = value_micro,
        .last_micro = value_micro,
        .min_ms = event_ms,
        .max_ms = event_ms,
        .first_ms = event_ms,
        .last_ms = event_ms,
        .count = 1,
    };
    return summary_merge(summary, &reading);
}

int64_t summary_mean_micro(const struct summary *summary)
{
    if (summary->count == 0) return 0;
    return decimal_divide(summary->sum_micro, summary->count);
}
