/* Invariant: an estimate is made only from a rate above 0; without one it says so. */
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

static int64_t choose_rate(const struct drain_facts *facts, enum drain_basis *basis)
{
    *basis = DRAIN_MEASURED;
    if (facts->acknowledged_milli > 0) return facts->acknowledged_milli;
    *basis = DRAIN_CONFIGURED;
    if (facts->limit > 0) return facts->limit * 1000;
    *basis = facts->earlier_milli > 0 ? DRAIN_EARLIER : DRAIN_UNKNOWN;
    return facts->earlier_milli;
}

static int64_t time_for(uint64_t records, int64_t milli_rate)
{
    if (records > UINT32_MAX) records = UINT32_MAX;
    return (int64_t)records * 1000000 / milli_rate;
}

struct drain_estimate drain_estimate(const struct drain_facts *facts)
{
    struct drain_estimate estimate = {.left_ms = -1, .basis = DRAIN_UNKNOWN};
    if (!facts->is_up) return estimate;
    int64_t all_milli = choose_rate(facts, &estimate.basis);
    if (facts->waiting == 0 && facts->history == 0) {
        estimate.left_ms = 0;
        return estimate;
    }
    if (all_milli <= 0) return estimate;
    if (facts->history == 0) {
        estimate.left_ms = time_for(facts->waiting, all_milli);
        return estimate;
    }
    /* Live records take what they need, but never history's share. */
    int64_t left_milli = all_milli - facts->inflow_milli;
    int64_t share_milli = all_milli * facts->share_percent / 100;
    if (left_milli < share_milli) left_milli = share_milli;
    if (left_milli > 0)
        estimate.left_ms = facts->wait_ms + time_for(facts->history, left_milli);
    else
        estimate.basis = DRAIN_UNKNOWN;
    return estimate;
}
