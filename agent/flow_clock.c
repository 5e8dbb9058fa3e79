/* Invariant: what becomes of the times of a boot is decided once, and is durable before anything
 * that follows from it is sent. */
#include "flow_clock.h"

enum { READ_MOST_MS = 10 };

struct stream_now flow_now(const struct flow *flow)
{
    struct stream_now now = {.wall_ms = clock_wall_ms(&flow->host.clock),
                             .mono_ms = clock_mono_ms(&flow->host.clock),
                             .clock = CLOCK_UNSET};
    if (now.wall_ms >= CLOCK_FLOOR_MS)
        now.clock = flow->is_synchronised ? CLOCK_TRUSTED : CLOCK_HELD;
    else
        now.wall_ms = UPTIME_BASE_MS + now.mono_ms;
    return now;
}

/* When this boot began by the wall clock; false when we were held up between the two clocks, so
 * that they show different moments. */
static bool find_begin(const struct flow *flow, int64_t *begin_ms)
{
    int64_t before_mono_ms = clock_mono_ms(&flow->host.clock);
    *begin_ms = clock_wall_ms(&flow->host.clock) - before_mono_ms;
    return clock_mono_ms(&flow->host.clock) - before_mono_ms <= READ_MOST_MS;
}

static void decide(struct flow *flow, enum clock_quality clock, int64_t begin_ms)
{
    boot_times_decide(&flow->boot_times, clock, begin_ms);
    flow->is_boot_due = true;
    flow->host.request_commit(flow->host.context, 0);
    log_write(flow->host.log, LOG_LEVEL_INFO, "clock",
              clock != CLOCK_UNSET ? "set: readings since the boot get their times"
                                   : "not set yet: summaries go without times");
}

/* An outage does not count: with the network the time may come back, too. */
static void wait_for_clock(struct flow *flow, int64_t now_mono_ms, bool waits)
{
    if (waits && flow->is_clock_awaited)
        flow->clock_waited_ms += now_mono_ms - flow->clock_judged_mono_ms;
    if (waits && flow->clock_waited_ms >= flow->config->uplink.clock_wait_ms)
        decide(flow, CLOCK_UNSET, 0);
    else if (waits && flow->clock_waited_ms == 0)
        log_limited(flow->host.log, LOG_LEVEL_WARN, "clock", "unset",
                    "not set: summaries wait for it");
    flow->is_clock_awaited = waits;
    flow->clock_judged_mono_ms = now_mono_ms;
}

void flow_clock_judge(struct flow *flow, const struct stream_now *now)
{
    struct boot_times *times = &flow->boot_times;
    bool waits = flow->uplink != NULL && uplink_waits_for_clock(flow->uplink);
    if (now->clock == CLOCK_UNSET || waits) times->is_concerned = true;
    if (!times->is_concerned) return;
    const struct boot_time *known = boot_times_find(times, times->boot);
    int64_t begin_ms;
    if (now->clock == CLOCK_UNSET) {
        if (known == NULL) wait_for_clock(flow, now->mono_ms, waits);
        return;
    }
    if ((known != NULL && known->begin_ms != 0) || !find_begin(flow, &begin_ms)) return;
    if (known == NULL) {
        decide(flow, now->clock, begin_ms);
    } else { /* that the ledger can tell */
        boot_times_decide(times, now->clock, begin_ms);
        flow->is_boot_due = true;
    }
}

void flow_clock_journal(struct flow *flow, bool is_whole)
{
    uint8_t bytes[BOOT_TIMES_BYTES];
    if (!flow->is_boot_due && (!is_whole || flow->boot_times.count == 0)) return;
    store_add_journal(flow->store, bytes, boot_times_encode(&flow->boot_times, bytes));
    flow->is_boot_due = false;
    flow->is_boot_handed = true;
}

void flow_clock_on_committed(struct flow *flow)
{
    if (!flow->is_boot_handed) return;
    flow->is_boot_handed = false;
    if (flow->is_boot_due) return; /* decided since */
    flow->boot_times.is_durable = true;
    if (flow->uplink != NULL) uplink_on_boot_times(flow->uplink);
}
