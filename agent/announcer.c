/* Invariant: a ledger is published only while connected, and at most once a tick. */
#include "announcer.h"

#include "base/text.h"
#include "report.h"

#include <stdlib.h>

enum { TICK_MS = 1000, JSON_SIZE = 24 * 1024 };

struct announcer {
    struct flow *flow;
    const char *epoch;
    int64_t started_mono_ms;
    int64_t every_ms;
    int64_t due_mono_ms;
    uint64_t connects; /* of the connection on which the last one went */
    struct loop_timer *timer;
    char json[JSON_SIZE];
};

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

enum status announcer_open(struct announcer **announcer, struct flow *flow, const char *epoch,
                           int64_t started_mono_ms, int64_t every_ms)
{
    struct announcer *made = calloc(1, sizeof *made);
    *announcer = made;
    if (made == NULL) return ST_NO_MEMORY;
    made->flow = flow;
    made->epoch = epoch;
    made->started_mono_ms = started_mono_ms;
    made->every_ms = every_ms;
    made->timer = loop_timer_start(flow->host.loop, TICK_MS, TICK_MS, on_tick, made);
    return made->timer != NULL ? ST_OK : ST_FULL;
}

void announcer_close(struct announcer *announcer)
{
    if (announcer == NULL) return;
    if (announcer->timer != NULL) (void)publish(announcer);
    loop_timer_stop(&announcer->timer);
    free(announcer);
}
