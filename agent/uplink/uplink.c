/* Invariant: a record is on the way only while the link is up, at most `in_flight` of them, and
 * the store hears of a delivery only after a success code.  What was not delivered is always
 * still in the store, so nothing here needs to survive. */
#include "uplink/uplink.h"

#include "base/backoff.h"
#include "base/text.h"
#include "uplink/encode_json.h"
#include "uplink/flight.h"
#include "uplink/pace.h"
#include "uplink/topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATUS_JSON_SIZE = 512,
    REFUSAL_WAIT_MIN_MS = 1000,
    REFUSAL_WAIT_MAX_MS = 60000,
    PARKED_WAIT_MS = 60000,
    REFUSED_MAX = 16, /* in a lane, more than in_flight; then it takes nothing new */
    RETRY_MS = 200,   /* after the store took no question, or the link was closed */
};

struct uplink_lane {
    struct flight flight;
    bool may_have_more;     /* false: the store had no more; a commit will tell */
    int64_t resume_mono_ms; /* nothing is sent before */
    uint32_t refusals;      /* in a row */
};

struct uplink {
    struct uplink_lane lanes[LANE_COUNT];
    struct uplink_counts counts;
    const struct link_kind *kind;
    struct link *link;
    struct loop_timer *timer;
    const struct clock *clock;
    struct log *log;
    struct store *store;
    const char *part;

    bool is_fetching;
    bool is_fetching_refused; /* one record by itself, for another try */
    enum lane fetch_lane;
    uint64_t fetch_after;
    size_t fetch_max;

    size_t in_flight_limit;
    bool retain;
    uint64_t live_from_seq; /* records below were made before this connection */
    bool is_birth_due;
    int birth_message_id;
    uint64_t random;

    struct pace pace;

    struct encode_json_origin origin;
    char gateway[LIMIT_GATEWAY_SIZE];
    char epoch[32];
    struct topics topics;
    char json[LIMIT_RECORD_JSON];
};

static int64_t now_mono_ms(const struct uplink *uplink)
{
    return clock_mono_ms(uplink->clock);
}

static size_t count_in_flight(const struct uplink *uplink)
{
    size_t count = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++)
        count += flight_count_sent(&uplink->lanes[lane].flight);
    return count;
}

static size_t count_places(const struct uplink *uplink, const struct flight *flight)
{
    size_t limit = uplink->in_flight_limit + REFUSED_MAX;
    if (limit > LIMIT_IN_FLIGHT) limit = LIMIT_IN_FLIGHT;
    return flight->count < limit ? limit - flight->count : 0;
}

/* Entries, not only those without an answer: deliveries that the store cannot take yet hold the
 * sending back as well. */
static size_t count_room(struct uplink *uplink, int64_t now_mono)
{
    size_t used = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        const struct flight *flight = &uplink->lanes[lane].flight;
        used += flight->count - flight_count_refused(flight);
    }
    size_t room = used < uplink->in_flight_limit ? uplink->in_flight_limit - used : 0;
    size_t allowed = pace_count_allowed(&uplink->pace, now_mono);
    if (allowed < room) room = allowed;
    return room < STORE_FETCH_MAX ? room : STORE_FETCH_MAX;
}

/* ---- fetching ---- */

static void wake_after(struct uplink *uplink, int64_t wait_ms)
{
    loop_timer_again(uplink->timer, wait_ms > 0 ? wait_ms : 1, 0);
}

static bool fetch(struct uplink *uplink, enum lane lane, uint64_t after, size_t max)
{
    if (store_fetch(uplink->store, lane, after, max) != ST_OK) {
        wake_after(uplink, RETRY_MS);
        return false;
    }
    uplink->is_fetching = true;
    uplink->is_fetching_refused = false;
    uplink->fetch_lane = lane;
    uplink->fetch_after = after;
    uplink->fetch_max = max;
    return true;
}

static void fetch_more(struct uplink *uplink, enum lane lane, size_t max)
{
    if (!fetch(uplink, lane, uplink->lanes[lane].flight.cursor, max)) return;
    uplink->lanes[lane].may_have_more = false; /* a commit from now on makes it true again */
}

static void fetch_refused(struct uplink *uplink, enum lane lane, uint64_t seq)
{
    if (fetch(uplink, lane, seq - 1, 1)) uplink->is_fetching_refused = true;
}

/* When there is something to do for the lane, INT64_MAX for never; *refused is the record to be
 * tried again then, NULL for new ones. */
static int64_t find_work(const struct uplink *uplink, struct uplink_lane *lane, int64_t now_mono,
                         struct flight_entry **refused)
{
    *refused = flight_find_refused(&lane->flight);
    bool takes_more = lane->may_have_more && count_places(uplink, &lane->flight) > 0;
    int64_t at_mono_ms = takes_more ? lane->resume_mono_ms : INT64_MAX;
    if (*refused == NULL) return at_mono_ms;
    int64_t again_mono_ms = (*refused)->retry_mono_ms;
    if (again_mono_ms < lane->resume_mono_ms) again_mono_ms = lane->resume_mono_ms;
    if (again_mono_ms <= now_mono || again_mono_ms < at_mono_ms) return again_mono_ms;
    *refused = NULL;
    return at_mono_ms;
}

/* The lane to serve now, alarms first; LANE_COUNT when there is none.  *wait_ms is then the time
 * until a lane may be tried again, 0 when only an event can change that. */
static enum lane choose_lane(struct uplink *uplink, int64_t now_mono, int64_t *wait_ms,
                             struct flight_entry **refused)
{
    *wait_ms = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        int64_t at_mono_ms = find_work(uplink, &uplink->lanes[lane], now_mono, refused);
        if (at_mono_ms <= now_mono) return (enum lane)lane;
        if (at_mono_ms == INT64_MAX) continue;
        int64_t left_ms = at_mono_ms - now_mono;
        if (*wait_ms == 0 || left_ms < *wait_ms) *wait_ms = left_ms;
    }
    return LANE_COUNT;
}

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
    return status == ST_OK;
}

/* Nothing goes before the birth.  False: it is still to be sent. */
static bool send_birth(struct uplink *uplink)
{
    char birth[STATUS_JSON_SIZE];
    size_t size = encode_json_birth(&uplink->origin, uplink->live_from_seq, birth, sizeof birth);
    if (!publish_status(uplink, birth, size, &uplink->birth_message_id)) return false;
    uplink->is_birth_due = false;
    return true;
}

/* Asks the store for what can be sent now, or sees to it that this is done later.  Called after
 * every event that may have changed something. */
static void pump(struct uplink *uplink)
{
    if (uplink->counts.state != UPLINK_UP || uplink->is_fetching) return;
    if (uplink->is_birth_due && !send_birth(uplink)) {
        wake_after(uplink, RETRY_MS);
        return;
    }
    int64_t now_mono = now_mono_ms(uplink);
    int64_t wait_ms;
    struct flight_entry *refused;
    enum lane lane = choose_lane(uplink, now_mono, &wait_ms, &refused);
    if (lane == LANE_COUNT) {
        if (wait_ms > 0) wake_after(uplink, wait_ms);
        return;
    }
    size_t room = count_room(uplink, now_mono);
    size_t places = count_places(uplink, &uplink->lanes[lane].flight);
    int64_t token_ms = pace_wait_ms(&uplink->pace);
    if (token_ms > 0)
        wake_after(uplink, token_ms);
    else if (room > 0 && refused != NULL)
        fetch_refused(uplink, lane, refused->seq); /* it has its place already */
    else if (room > 0)
        fetch_more(uplink, lane, room < places ? room : places);
}

static void on_timer(void *context)
{
    struct uplink *uplink = context;
    pump(uplink);
}

/* ---- sending ---- */

static void hold_lane(struct uplink *uplink, struct uplink_lane *lane, int64_t wait_ms)
{
    int64_t resume_mono_ms = now_mono_ms(uplink) + wait_ms;
    if (resume_mono_ms > lane->resume_mono_ms) lane->resume_mono_ms = resume_mono_ms;
    lane->may_have_more = true;
}

/* A refusal mostly means that the centre takes nothing now, so the lane waits.  A record refused
 * again and again is itself the cause: it waits alone. */
static void hold_refused(struct uplink *uplink, struct uplink_lane *lane,
                         struct flight_entry *entry)
{
    flight_refuse(entry, 0);
    if (entry->refusals == FLIGHT_PARK_AFTER)
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "parked",
                    "record %" PRIu64 " was refused %d times: it stays in the outbox and is tried "
                    "again each minute, others go first",
                    entry->seq, FLIGHT_PARK_AFTER);
    if (entry->refusals >= FLIGHT_PARK_AFTER) {
        entry->retry_mono_ms = now_mono_ms(uplink) + PARKED_WAIT_MS;
        return;
    }
    if (now_mono_ms(uplink) < lane->resume_mono_ms) return; /* of the same burst */
    uint64_t random = backoff_random(&uplink->random);
    hold_lane(uplink, lane,
              backoff_wait_ms(lane->refusals, REFUSAL_WAIT_MIN_MS, REFUSAL_WAIT_MAX_MS, random));
    if (lane->refusals < UINT32_MAX) lane->refusals++;
}

/* ST_CLOSED: not connected; anything else but ST_OK: this record cannot be sent. */
static enum status publish_record(struct uplink *uplink, const struct record *record,
                                  int *message_id)
{
    char topic[TOPICS_SIZE];
    size_t size = encode_json_record(record, &uplink->origin, uplink->json, sizeof uplink->json);
    enum status status = ST_FULL;
    if (size > 0 && topics_write(&uplink->topics, record, topic)) {
        const struct link_message message = {
            .topic = topic,
            .payload = uplink->json,
            .size = size,
            .is_retained = uplink->retain && record->kind == RECORD_WINDOW,
            .is_replay = record->seq < uplink->live_from_seq,
        };
        status = uplink->kind->publish(uplink->link, &message, message_id);
    }
    if (status != ST_OK && status != ST_CLOSED) /* a lost link speaks for itself */
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "publish",
                    "record %" PRIu64 " of %s could not be sent: %s", record->seq, record->device,
                    status_text(status));
    if (status != ST_OK) return status;
    uplink->counts.sent++;
    pace_take(&uplink->pace);
    return ST_OK;
}

/* False: no more can be sent now. */
static bool send_record(struct uplink *uplink, struct uplink_lane *lane,
                        const struct record *record)
{
    int message_id = 0;
    enum status status = publish_record(uplink, record, &message_id);
    if (status == ST_CLOSED) {
        hold_lane(uplink, lane, RETRY_MS);
        return false;
    }
    if (!flight_add(&lane->flight, record->seq, message_id)) return false;
    if (status == ST_OK) return true;
    hold_refused(uplink, lane, flight_find(&lane->flight, record->seq));
    return false;
}

/* Only records[0], if at all, is what was asked for. */
static void send_again(struct uplink *uplink, struct uplink_lane *lane,
                       const struct record *records, size_t count)
{
    uint64_t seq = uplink->fetch_after + 1;
    struct flight_entry *entry = flight_find(&lane->flight, seq);
    if (entry == NULL || entry->state != FLIGHT_REFUSED) return;
    if (count == 0 || records[0].seq != seq) { /* the store had to drop it */
        flight_forget(&lane->flight, entry);
        return;
    }
    int message_id = 0;
    enum status status = publish_record(uplink, &records[0], &message_id);
    if (status == ST_OK) {
        entry->state = FLIGHT_SENT;
        entry->message_id = message_id;
    } else if (status == ST_CLOSED) {
        hold_lane(uplink, lane, RETRY_MS);
    } else {
        hold_refused(uplink, lane, entry);
    }
}

/* `has_new`: a commit came after the question. */
static void send_records(struct uplink *uplink, struct uplink_lane *lane,
                         const struct record *records, size_t count, bool has_new)
{
    for (size_t i = 0; i < count; i++) {
        if (flight_skip(&lane->flight, records[i].seq)) continue;
        if (!send_record(uplink, lane, &records[i])) return;
    }
    bool is_last = count < uplink->fetch_max;
    if (is_last) flight_pass_all(&lane->flight);
    lane->may_have_more = has_new || !is_last;
}

/* An answer is of use only if nothing has changed since the question: the link is still up, the
 * lane is not held nor put back, and no alarm may have come in between. */
static bool is_answer_usable(struct uplink *uplink, enum lane lane)
{
    struct flight_entry *refused;
    int64_t wait_ms;
    return uplink->counts.state == UPLINK_UP && !uplink->is_birth_due &&
           (uplink->is_fetching_refused ||
            uplink->fetch_after == uplink->lanes[lane].flight.cursor) &&
           choose_lane(uplink, now_mono_ms(uplink), &wait_ms, &refused) == lane;
}

void uplink_on_fetched(struct uplink *uplink, enum lane lane, const struct record *records,
                       size_t count)
{
    if (!uplink->is_fetching || lane != uplink->fetch_lane) return;
    uplink->is_fetching = false;
    struct uplink_lane *asked = &uplink->lanes[lane];
    if (uplink->is_fetching_refused) {
        if (is_answer_usable(uplink, lane)) send_again(uplink, asked, records, count);
    } else {
        bool has_new = asked->may_have_more;
        asked->may_have_more = true;
        if (is_answer_usable(uplink, lane)) send_records(uplink, asked, records, count, has_new);
    }
    pump(uplink);
}

/* ---- deliveries ---- */

/* Tells the store of every delivery, as far as its batch has room. */
static void report_deliveries(struct uplink *uplink)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct flight *flight = &uplink->lanes[lane].flight;
        struct flight_entry *entry;
        while ((entry = flight_find_delivered(flight)) != NULL) {
            if (store_acknowledge(uplink->store, (enum lane)lane, entry->seq) != ST_OK) return;
            flight_finish(flight, entry);
        }
    }
}

void uplink_on_committed(struct uplink *uplink)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) uplink->lanes[lane].may_have_more = true;
    report_deliveries(uplink);
    pump(uplink);
}

static const char *reason_name(const struct uplink *uplink, int reason)
{
    const char *name = uplink->kind->reason_name(reason);
    return name != NULL ? name : "unknown reason";
}

static void take_delivery(struct uplink *uplink, struct uplink_lane *lane,
                          struct flight_entry *entry, int reason)
{
    uplink->counts.acknowledged++;
    if (reason == LINK_REASON_NO_SUBSCRIBER) uplink->counts.no_subscriber++;
    /* What was still on the way when the lane was held says nothing about what was refused. */
    if (now_mono_ms(uplink) >= lane->resume_mono_ms) lane->refusals = 0;
    entry->state = FLIGHT_DELIVERED;
    report_deliveries(uplink);
}

static void take_refusal(struct uplink *uplink, struct uplink_lane *lane,
                         struct flight_entry *entry, int reason)
{
    uplink->counts.refused++;
    uplink->counts.last_refusal = reason;
    log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "refused",
                "the broker refused record %" PRIu64 ": %s (0x%02x); it is kept and tried again",
                entry->seq, reason_name(uplink, reason), (unsigned)reason);
    hold_refused(uplink, lane, entry);
}

static void on_acknowledged(void *context, int message_id, int reason)
{
    struct uplink *uplink = context;
    if (message_id == uplink->birth_message_id) {
        uplink->birth_message_id = 0;
        if (reason >= LINK_REASON_REFUSED)
            log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "birth",
                        "the broker refused %s: %s (0x%02x)", uplink->topics.status,
                        reason_name(uplink, reason), (unsigned)reason);
        return;
    }
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct uplink_lane *asked = &uplink->lanes[lane];
        struct flight_entry *entry = flight_find_sent(&asked->flight, message_id);
        if (entry == NULL) continue;
        if (reason < LINK_REASON_REFUSED)
            take_delivery(uplink, asked, entry, reason);
        else
            take_refusal(uplink, asked, entry, reason);
        pump(uplink);
        return;
    }
}

/* ---- the link ---- */

static void on_connected(void *context)
{
    struct uplink *uplink = context;
    uplink->counts.state = UPLINK_UP;
    uplink->counts.connects++;
    uplink->counts.up_since_mono_ms = now_mono_ms(uplink);
    uplink->counts.last_problem[0] = '\0';
    uplink->live_from_seq = store_count(uplink->store).written + 1;

    uplink->is_birth_due = true;
    uplink->birth_message_id = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uplink->lanes[lane].may_have_more = true;
        flight_retry_all(&uplink->lanes[lane].flight); /* it may be another broker, or mended */
    }
    pump(uplink);
}

static void on_lost(void *context, const char *reason)
{
    struct uplink *uplink = context;
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
    uplink->birth_message_id = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) flight_lose(&uplink->lanes[lane].flight);
}

/* ---- open and close ---- */

static bool copy_text(char *to, size_t capacity, const char *from)
{
    struct text text;
    text_init(&text, to, capacity);
    text_add(&text, from);
    return !text.is_cut;
}

static bool take_settings(struct uplink *uplink, const struct uplink_settings *settings)
{
    uplink->kind = settings->kind;
    uplink->part = settings->part;
    uplink->clock = settings->clock;
    uplink->log = settings->log;
    uplink->store = settings->store;
    uplink->retain = settings->retain;
    pace_init(&uplink->pace, settings->rate, now_mono_ms(uplink));
    uplink->in_flight_limit = (size_t)settings->in_flight;
    uplink->origin = (struct encode_json_origin){uplink->gateway, uplink->epoch};
    for (const char *c = settings->gateway; *c != '\0'; c++) /* each gateway waits otherwise */
        uplink->random = uplink->random * 31 + (unsigned char)*c;
    if (settings->in_flight < 1 || settings->in_flight > LIMIT_IN_FLIGHT || settings->rate < 0)
        return false;
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
    char death[STATUS_JSON_SIZE];
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
    status = ST_FULL;
    if (made->timer == NULL) goto fail;
    made->counts.state = UPLINK_CONNECTING;
    status = open_link(made, settings);
    if (status != ST_OK) goto fail;
    *uplink = made;
    return ST_OK;

fail:
    loop_timer_stop(&made->timer);
    free(made);
    return status;
}

struct uplink_counts uplink_count(const struct uplink *uplink)
{
    struct uplink_counts counts = uplink->counts;
    counts.in_flight = count_in_flight(uplink);
    for (int lane = 0; lane < LANE_COUNT; lane++)
        counts.parked += flight_count_parked(&uplink->lanes[lane].flight);
    return counts;
}

bool uplink_is_idle(const struct uplink *uplink)
{
    if (uplink->counts.state != UPLINK_UP || uplink->is_fetching) return false;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        const struct flight *flight = &uplink->lanes[lane].flight;
        if (uplink->lanes[lane].may_have_more) return false;
        if (flight->count > flight_count_parked(flight)) return false;
    }
    return true;
}

void uplink_close(struct uplink *uplink)
{
    if (uplink == NULL) return;
    if (uplink->counts.state == UPLINK_UP && uplink->kind->is_connected(uplink->link)) {
        char death[STATUS_JSON_SIZE];
        int message_id;
        size_t size = encode_json_death(&uplink->origin, "stopped", death, sizeof death);
        (void)publish_status(uplink, death, size, &message_id);
    }
    uplink->counts.state = UPLINK_OFF;
    uplink->kind->close(uplink->link);
    loop_timer_stop(&uplink->timer);
    free(uplink);
}
