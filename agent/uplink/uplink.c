/* Invariant: a record is on the way only while the link is up, at most `in_flight` of them, and
 * the store hears of a delivery only after a success code.  What was not delivered is always
 * still in the store, so nothing here needs to survive. */
#include "uplink/uplink.h"

#include "base/backoff.h"
#include "base/text.h"
#include "uplink/uplink_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    LOOK_MS = 10000,  /* at least, between two searches for what was left behind */
    METER_MS = 30000, /* over which rates are weighted: windows close in bursts */
};

/* ---- status messages ---- */

/* False: not sent. */
static bool publish_status(struct uplink *uplink, const char *json, size_t size, int *message_id)
{
    const struct link_message message = {
        .topic = uplink->topics.status, .payload = json, .size = size, .is_retained = true};
    enum status status =
        size > 0 ? uplink->kind->publish(uplink->link, &message, message_id) : ST_FULL;
    if (status != ST_OK && status != ST_CLOSED)
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "status",
                    "%s could not be published: %s", uplink->topics.status, status_text(status));
    if (status == ST_OK)
        lag_note_sent(&uplink->lag, *message_id, (int64_t)(size + strlen(message.topic)),
                      uplink_now_mono_ms(uplink));
    return status == ST_OK;
}

bool uplink_send_birth(struct uplink *uplink)
{
    char birth[UPLINK_STATUS_JSON_SIZE];
    size_t size = encode_json_birth(&uplink->origin, uplink->live_from_seq, birth, sizeof birth);
    if (!publish_status(uplink, birth, size, &uplink->birth_message_id)) return false;
    uplink->is_birth_due = false;
    return true;
}

enum status uplink_publish_ledger(struct uplink *uplink, const char *json, size_t size)
{
    if (uplink->counts.state != UPLINK_UP || uplink->is_birth_due) return ST_CLOSED;
    const struct link_message message = {
        .topic = uplink->topics.ledger, .payload = json, .size = size};
    int message_id;
    enum status status = uplink->kind->publish(uplink->link, &message, &message_id);
    if (status == ST_OK)
        lag_note_sent(&uplink->lag, message_id, (int64_t)(size + strlen(message.topic)),
                      uplink_now_mono_ms(uplink));
    return status;
}

/* ---- how fast it goes ---- */

static bool may_history_have_more(const struct uplink *uplink)
{
    bool is_asked = uplink->is_fetching && uplink->fetch_stretch == STRETCH_HISTORY;
    return is_asked || uplink->stretches[STRETCH_HISTORY].may_have_more;
}

static bool is_history_left(const struct uplink *uplink)
{
    return may_history_have_more(uplink) ||
           flight_count_open(&uplink->stretches[STRETCH_HISTORY].flight) > 0;
}

static bool is_history_moving(const struct uplink *uplink)
{
    const struct stretch *history = &uplink->stretches[STRETCH_HISTORY];
    return uplink->counts.state == UPLINK_UP && may_history_have_more(uplink) &&
           history->commits_due == 0 && !history->waits_for_clock &&
           uplink_now_mono_ms(uplink) >= history->resume_mono_ms;
}

static uint64_t pile(const struct uplink *uplink)
{
    return 2 * uplink->in_flight_limit;
}

static void look(struct meter *meter, bool counts, uint64_t count, int64_t now_mono)
{
    if (counts)
        meter_look(meter, count, now_mono);
    else
        meter_skip(meter, count, now_mono);
}

/* Only while something waits all the time does the rate of answers say how fast it can go. */
static void measure(struct uplink *uplink)
{
    struct store_counts store = store_count(uplink->store);
    int64_t now_mono = uplink_now_mono_ms(uplink);
    bool is_moving = is_history_moving(uplink);
    bool is_busy = uplink->counts.state == UPLINK_UP &&
                   (is_moving || store.waiting[LANE_WINDOW] > pile(uplink)) &&
                   !uplink_waits_for_clock(uplink);
    if (!is_busy) meter_reset(&uplink->all_meter);
    if (!is_busy) meter_reset(&uplink->inflow_meter);
    bool counts = is_busy && uplink->was_busy;
    look(&uplink->all_meter, counts, uplink->counts.acknowledged, now_mono);
    look(&uplink->inflow_meter, counts, store.written, now_mono);
    look(&uplink->history_meter, is_moving && uplink->was_moving, uplink->history_acknowledged,
         now_mono);
    uplink->was_busy = is_busy;
    uplink->was_moving = is_moving;
}

/* Records of a lane that wait, and of which nothing is known here. */
static uint64_t count_unknown(const struct uplink *uplink, enum lane lane)
{
    uint64_t known = 0;
    for (int name = 0; name < STRETCH_COUNT; name++) {
        const struct stretch *stretch = &uplink->stretches[name];
        if (stretch_lane((enum stretch_name)name) != lane) continue;
        if (stretch->may_have_more) return 0;
        known += stretch->flight.count;
    }
    uint64_t waiting = store_count(uplink->store).waiting[lane];
    return waiting > known ? waiting - known : 0;
}

/* What a read that failed, or a merge in the store, has left behind. */
static void look_again(struct uplink *uplink, enum stretch_name name)
{
    const struct stretch *stretch = &uplink->stretches[name];
    if (uplink->counts.state != UPLINK_UP || uplink->is_fetching || uplink->commits_due > 0) return;
    if (uplink_now_mono_ms(uplink) - stretch->restart_mono_ms < LOOK_MS) return;
    uint64_t unknown = count_unknown(uplink, stretch_lane(name));
    if (unknown == 0) return;
    if (name == STRETCH_HISTORY) {
        uplink->history_left = unknown;
        uplink_restart(uplink, STRETCH_LIVE);
    }
    uplink_restart(uplink, name);
    uplink_pump(uplink);
}

static void on_tick(void *context)
{
    measure(context);
    look_again(context, STRETCH_ALARM);
    look_again(context, STRETCH_HISTORY);
}

static void on_timer(void *context)
{
    uplink_pump(context);
}

/* ---- the store's and the link's news ---- */

void uplink_on_committed(struct uplink *uplink)
{
    if (uplink->commits_due > 0) uplink->commits_due--;
    for (int name = 0; name < STRETCH_COUNT; name++) {
        struct stretch *stretch = &uplink->stretches[name];
        if (stretch->commits_due > 0) stretch->commits_due--;
        flight_note_commit(&stretch->flight);
    }
    uplink->stretches[STRETCH_ALARM].may_have_more = true;
    uplink->stretches[STRETCH_LIVE].may_have_more = true;
    uplink_report_deliveries(uplink);
    uplink_pump(uplink);
}

static void on_acknowledged(void *context, int message_id, int reason)
{
    struct uplink *uplink = context;
    if (uplink_take_answer(uplink, message_id, reason)) uplink_pump(uplink);
}

/* All windows that wait are history now; what is made from now on is live. */
static void divide_windows(struct uplink *uplink)
{
    struct stretch *live = &uplink->stretches[STRETCH_LIVE];
    struct stretch *history = &uplink->stretches[STRETCH_HISTORY];
    struct store_counts store = store_count(uplink->store);
    uplink->live_from_seq = store.next_seq;
    uplink->history_left = store.waiting[LANE_WINDOW];
    flight_absorb(&history->flight, &live->flight);
    live->flight.cursor = store.next_seq - 1;
    live->commits_due = 0;
    uplink_restart(uplink, STRETCH_HISTORY);
    if (uplink->history_left == 0 || uplink->pacing.jitter_ms == 0) return;
    uint64_t random = backoff_random(&uplink->random);
    uplink_hold(uplink, history, (int64_t)(random % (uint64_t)(uplink->pacing.jitter_ms + 1)));
}

static void on_connected(void *context)
{
    struct uplink *uplink = context;
    uplink->counts.state = UPLINK_UP;
    uplink->counts.connects++;
    uplink->counts.up_since_mono_ms = uplink_now_mono_ms(uplink);
    uplink->counts.last_problem[0] = '\0';
    uplink->is_birth_due = true;
    uplink->birth_message_id = 0;
    uplink->is_fetch_stale = true;
    lag_restart(&uplink->lag);
    divide_windows(uplink);
    for (int name = 0; name < STRETCH_COUNT; name++) {
        uplink->stretches[name].may_have_more = true;
        uplink->stretches[name].waits_for_clock = false;
        flight_retry_all(&uplink->stretches[name].flight); /* another broker, or mended */
    }
    uplink_pump(uplink);
}

static void note_loss(struct uplink *uplink, const char *reason)
{
    struct uplink_counts *counts = &uplink->counts;
    bool is_news = counts->state == UPLINK_UP || counts->last_problem[0] == '\0';
    if (is_news)
        log_write(uplink->log, LOG_LEVEL_WARN, uplink->part,
                  "not connected, what is due waits in the store: %s", reason);
    else
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "connect", "still not connected: %s",
                    reason);
    counts->losses++;
    counts->state = UPLINK_DOWN;
    counts->up_since_mono_ms = 0;
    strncpy(counts->last_problem, reason, sizeof counts->last_problem - 1);
    counts->last_problem[sizeof counts->last_problem - 1] = '\0';
}

static int64_t known_rate(const struct meter *meter, int64_t otherwise)
{
    return meter_is_known(meter) ? meter->milli_rate : otherwise;
}

static void on_lost(void *context, const char *reason)
{
    struct uplink *uplink = context;
    note_loss(uplink, reason);
    uplink->birth_message_id = 0;
    uplink->is_fetch_stale = true;
    for (int name = 0; name < STRETCH_COUNT; name++) flight_lose(&uplink->stretches[name].flight);
    uplink->earlier_milli = known_rate(&uplink->history_meter, uplink->earlier_milli);
    meter_reset(&uplink->history_meter);
    uplink->was_busy = uplink->was_moving = false;
}

/* ---- open and close ---- */

static bool copy_text(char *to, size_t capacity, const char *from)
{
    struct text text;
    text_init(&text, to, capacity);
    text_add(&text, from);
    return !text.is_cut;
}

static bool prepare_pace(struct uplink *uplink, const struct uplink_pacing *pacing)
{
    int64_t now_mono = uplink_now_mono_ms(uplink);
    if (pacing->rate < 0 || pacing->burst < 0 || pacing->rate_bytes < 0 || pacing->jitter_ms < 0 ||
        pacing->lag_ms < 0)
        return false;
    lag_init(&uplink->lag, pacing->lag_ms);
    pace_init(&uplink->pace, pacing->rate, pacing->burst, now_mono);
    pace_init(&uplink->byte_pace, pacing->rate_bytes, 0, now_mono);
    turn_init(&uplink->turn, pacing->history_share);
    meter_init(&uplink->history_meter, METER_MS);
    meter_init(&uplink->all_meter, METER_MS);
    meter_init(&uplink->inflow_meter, METER_MS);
    return true;
}

static bool take_settings(struct uplink *uplink, const struct uplink_settings *settings)
{
    uplink->kind = settings->kind;
    uplink->part = settings->part;
    uplink->clock = settings->clock;
    uplink->log = settings->log;
    uplink->store = settings->store;
    uplink->retain = settings->retain;
    uplink->pacing = settings->pacing;
    uplink->in_flight_limit = (size_t)settings->in_flight;
    uplink->origin =
        (struct encode_json_origin){uplink->gateway, uplink->epoch, settings->boot_times};
    for (const char *c = settings->gateway; *c != '\0'; c++) /* each gateway waits otherwise */
        uplink->random = uplink->random * 31 + (unsigned char)*c;
    if (settings->in_flight < 1 || settings->in_flight > LIMIT_IN_FLIGHT) return false;
    if (!prepare_pace(uplink, &settings->pacing)) return false;
    if (!copy_text(uplink->gateway, sizeof uplink->gateway, settings->gateway)) return false;
    if (!copy_text(uplink->epoch, sizeof uplink->epoch, settings->epoch)) return false;
    return topics_init(&uplink->topics, settings->topic, uplink->gateway);
}

static enum status open_link(struct uplink *uplink, const struct uplink_settings *settings)
{
    char client_id[LIMIT_GATEWAY_SIZE + 32];
    struct text text;
    text_init(&text, client_id, sizeof client_id);
    text_add(&text, "isotherm-");
    text_add(&text, uplink->gateway);
    text_add(&text, "-uplink");
    char death[UPLINK_STATUS_JSON_SIZE];
    if (encode_json_death(&uplink->origin, "lost", death, sizeof death) == 0) return ST_INVALID;
    const struct link_settings link_settings = {
        .loop = settings->loop,
        .log = settings->log,
        .part = settings->part,
        .client_id = client_id,
        .death_topic = uplink->topics.status,
        .death_payload = death,
    };
    const struct link_events events = {.connected = on_connected,
                                       .lost = on_lost,
                                       .acknowledged = on_acknowledged,
                                       .context = uplink};
    return uplink->kind->open(&uplink->link, settings->link_options, &link_settings, &events);
}

size_t uplink_size_bytes(const struct link_kind *kind)
{
    return sizeof(struct uplink) + kind->size_bytes();
}

enum status uplink_open_link(struct uplink **uplink, const struct uplink_settings *settings)
{
    *uplink = NULL;
    struct uplink *made = calloc(1, sizeof *made);
    if (made == NULL) return ST_NO_MEMORY;
    enum status status = ST_INVALID;
    if (!take_settings(made, settings)) {
        log_write(settings->log, LOG_LEVEL_ERROR, settings->part,
                  "topic \"%s\" with gateway \"%s\" makes no usable topic, or in_flight or rate is "
                  "out of range",
                  settings->topic, settings->gateway);
        goto fail;
    }
    made->timer = loop_timer_start(settings->loop, 0, 0, on_timer, made);
    made->tick_timer = loop_timer_start(settings->loop, TICK_MS, TICK_MS, on_tick, made);
    status = ST_FULL;
    if (made->timer == NULL || made->tick_timer == NULL) goto fail;
    made->counts.state = UPLINK_CONNECTING;
    status = open_link(made, settings);
    if (status != ST_OK) goto fail;
    *uplink = made;
    return ST_OK;

fail:
    loop_timer_stop(&made->timer);
    loop_timer_stop(&made->tick_timer);
    free(made);
    return status;
}

/* Records of history, without those that are parked; while not connected all windows are. */
static uint64_t count_history(const struct uplink *uplink, const struct store_counts *store)
{
    if (uplink->counts.state != UPLINK_UP) return store->waiting[LANE_WINDOW];
    if (!is_history_left(uplink)) return 0;
    uint64_t left = uplink->history_left;
    if (left > store->waiting[LANE_WINDOW]) left = store->waiting[LANE_WINDOW];
    return left;
}

static struct drain_estimate estimate(const struct uplink *uplink, uint64_t waiting,
                                      uint64_t history)
{
    int64_t wait_ms =
        uplink->stretches[STRETCH_HISTORY].resume_mono_ms - uplink_now_mono_ms(uplink);
    const struct drain_facts facts = {
        .is_up = uplink->counts.state == UPLINK_UP,
        .waiting = waiting,
        .history = history,
        .pile = pile(uplink),
        .wait_ms = wait_ms > 0 ? wait_ms : 0,
        .limit = uplink->pacing.rate,
        .history_milli = known_rate(&uplink->history_meter, 0),
        .earlier_milli = uplink->earlier_milli,
        .all_milli = known_rate(&uplink->all_meter, 0),
        .inflow_milli = uplink->inflow_meter.milli_rate,
    };
    return drain_estimate(&facts);
}

struct uplink_counts uplink_count(const struct uplink *uplink)
{
    struct uplink_counts counts = uplink->counts;
    struct store_counts store = store_count(uplink->store);
    for (int name = 0; name < STRETCH_COUNT; name++) {
        const struct flight *flight = &uplink->stretches[name].flight;
        counts.in_flight += flight_count_sent(flight);
        counts.parked += flight_count_parked(flight);
    }
    for (int lane = 0; lane < LANE_COUNT; lane++) counts.waiting += store.waiting[lane];
    counts.history = count_history(uplink, &store);
    counts.drain = estimate(uplink, counts.waiting, counts.history);
    return counts;
}

bool uplink_waits_for_clock(const struct uplink *uplink)
{
    return uplink->counts.state == UPLINK_UP &&
           (uplink->stretches[STRETCH_LIVE].waits_for_clock ||
            uplink->stretches[STRETCH_HISTORY].waits_for_clock);
}

void uplink_on_boot_times(struct uplink *uplink)
{
    for (int name = 0; name < STRETCH_COUNT; name++)
        uplink->stretches[name].waits_for_clock = false;
    uplink_pump(uplink);
}

bool uplink_is_idle(const struct uplink *uplink)
{
    if (uplink->counts.state != UPLINK_UP || uplink->is_fetching) return false;
    for (int name = 0; name < STRETCH_COUNT; name++) {
        const struct flight *flight = &uplink->stretches[name].flight;
        const struct stretch *stretch = &uplink->stretches[name];
        if (stretch->may_have_more && !stretch->waits_for_clock) return false;
        if (flight->count > flight_count_parked(flight)) return false;
    }
    return true;
}

void uplink_close(struct uplink *uplink)
{
    if (uplink == NULL) return;
    if (uplink->counts.state == UPLINK_UP && uplink->kind->is_connected(uplink->link)) {
        char death[UPLINK_STATUS_JSON_SIZE];
        int message_id;
        size_t size = encode_json_death(&uplink->origin, "stopped", death, sizeof death);
        (void)publish_status(uplink, death, size, &message_id);
    }
    uplink->counts.state = UPLINK_OFF;
    uplink->kind->close(uplink->link);
    loop_timer_stop(&uplink->timer);
    loop_timer_stop(&uplink->tick_timer);
    free(uplink);
}
