/* Invariant: a ledger is published only while connected, and at most once a tick. */
#include "announcer.h"

#include "base/text.h"
#include "report.h"

enum { TICK_MS = 1000 };

static bool publish(struct announcer *announcer)
{
    struct flow *flow = announcer->flow;
    struct text text;
    text_init(&text, announcer->json, sizeof announcer->json);
    report_ledger(&text, flow, announcer->epoch, announcer->started_mono_ms);
    enum status status =
        text.is_cut ? ST_FULL : uplink_publish_ledger(flow->uplink, announcer->json, text.size);
    if (status != ST_OK && status != ST_CLOSED)
        log_limited(flow->host.log, LOG_LEVEL_WARN, "ledger", "publish",
                    "the ledger could not be published: %s", status_text(status));
    return status == ST_OK;
}

static void on_tick(void *context)
{
    struct announcer *announcer = context;
    struct uplink_counts counts = uplink_count(announcer->flow->uplink);
    int64_t now_mono_ms = clock_mono_ms(&announcer->flow->host.clock);
    bool is_new = counts.connects != announcer->connects;
    if (counts.state != UPLINK_UP || (!is_new && now_mono_ms < announcer->due_mono_ms)) return;
    if (!publish(announcer)) return;
    announcer->connects = counts.connects;
    announcer->due_mono_ms = now_mono_ms + announcer->every_ms;
}

size_t announcer_size_bytes(void)
{
    return sizeof(struct announcer);
}

enum status announcer_open(struct announcer *announcer, struct flow *flow, const char *epoch,
                           int64_t started_mono_ms, int64_t every_ms)
{
    announcer->epoch = epoch;
    announcer->started_mono_ms = started_mono_ms;
    announcer->every_ms = every_ms;
    announcer->timer = loop_timer_start(flow->host.loop, TICK_MS, TICK_MS, on_tick, announcer);
    if (announcer->timer == NULL) return ST_FULL;
    announcer->flow = flow;
    return ST_OK;
}

void announcer_close(struct announcer *announcer)
{
    if (announcer->flow == NULL) return;
    (void)publish(announcer);
    loop_timer_stop(&announcer->timer);
    announcer->flow = NULL;
}
