/* Invariant: an estimate is made only from a rate above 0; without one it says so.
 *
 * History is measured by itself: what is made meanwhile goes first and is seen in that rate at
 * once, while the inflow of the outage says little about the inflow now. */
#include "uplink/drain.h"

enum { KNOWN_MS = 2000 };

void meter_init(struct meter *meter, int64_t span_ms)
{
    *meter = (struct meter){.span_ms = span_ms};
}

void meter_skip(struct meter *meter, uint64_t count, int64_t now_mono_ms)
{
    meter->count = count;
    meter->looked_mono_ms = now_mono_ms;
}

void meter_reset(struct meter *meter)
{
    meter->milli_rate = 0;
    meter->measured_ms = 0;
}

void meter_look(struct meter *meter, uint64_t count, int64_t now_mono_ms)
{
    int64_t elapsed_ms = now_mono_ms - meter->looked_mono_ms;
    if (elapsed_ms <= 0) return;
    if (elapsed_ms > meter->span_ms) elapsed_ms = meter->span_ms;
    uint64_t more = count > meter->count ? count - meter->count : 0;
    if (more > UINT32_MAX) more = UINT32_MAX; /* keeps the product in range */
    int64_t milli_rate = (int64_t)more * 1000000 / (now_mono_ms - meter->looked_mono_ms);
    meter_skip(meter, count, now_mono_ms);
    meter->measured_ms += elapsed_ms;
    if (meter->measured_ms > meter->span_ms) meter->measured_ms = meter->span_ms;
    meter->milli_rate += (milli_rate - meter->milli_rate) * elapsed_ms / meter->measured_ms;
}

bool meter_is_known(const struct meter *meter)
{
    return meter->measured_ms >= KNOWN_MS && meter->milli_rate > 0;
}

/* Records at a rate, as time. */
static struct drain_estimate last(uint64_t records, int64_t milli_rate, enum drain_basis basis)
{
    if (milli_rate <= 0) return (struct drain_estimate){.left_ms = -1, .basis = DRAIN_UNKNOWN};
    if (records > UINT32_MAX) records = UINT32_MAX; /* keeps the product in range */
    return (struct drain_estimate){.left_ms = (int64_t)records * 1000000 / milli_rate,
                                   .basis = basis};
}

static struct drain_estimate estimate_history(const struct drain_facts *facts)
{
    struct drain_estimate estimate;
    if (facts->history_milli > 0)
        estimate = last(facts->history, facts->history_milli, DRAIN_MEASURED);
    else if (facts->limit > 0)
        estimate = last(facts->history, facts->limit * 1000, DRAIN_CONFIGURED);
    else
        estimate = last(facts->history, facts->earlier_milli, DRAIN_EARLIER);
    if (estimate.left_ms >= 0) estimate.left_ms += facts->wait_ms;
    return estimate;
}

struct drain_estimate drain_estimate(const struct drain_facts *facts)
{
    if (!facts->is_up) return last(0, 0, DRAIN_UNKNOWN);
    if (facts->history > 0) return estimate_history(facts);
    if (facts->waiting <= facts->pile) return last(0, 1, DRAIN_NONE);
    if (facts->all_milli == 0) return last(0, 0, DRAIN_UNKNOWN);
    int64_t net_milli = facts->all_milli - facts->inflow_milli;
    if (net_milli > 0) return last(facts->waiting, net_milli, DRAIN_MEASURED);
    return (struct drain_estimate){.left_ms = -1, .basis = DRAIN_GROWING};
}
