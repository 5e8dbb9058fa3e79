/* Invariant: what the table of a stretch says was sent is on the way on the present connection,
 * and the store hears of a delivery once, after a success code. */
#include "uplink/uplink_state.h"

#include "base/backoff.h"

#include <inttypes.h>
#include <string.h>

enum {
    REFUSAL_WAIT_MIN_MS = 1000,
    REFUSAL_WAIT_MAX_MS = 60000,
    PARKED_WAIT_MS = 60000,
    ALARM_DEBT_MS = 1000, /* a flood of alarms holds up the rest for so long at most */
};

/* A refusal mostly means that the centre takes nothing now, so the stretch waits.  A record
 * refused again and again is itself the cause: it waits alone. */
static void hold_refused(struct uplink *uplink, struct stretch *stretch, struct flight_entry *entry)
{
    flight_refuse(entry, 0);
    int64_t now_mono = uplink_now_mono_ms(uplink);
    if (entry->refusals == FLIGHT_PARK_AFTER)
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "parked",
                    "record %" PRIu64 " was refused %d times: it stays in the outbox and is tried "
                    "again each minute, others go first",
                    entry->seq, FLIGHT_PARK_AFTER);
    if (entry->refusals >= FLIGHT_PARK_AFTER) {
        entry->retry_mono_ms = now_mono + PARKED_WAIT_MS;
        return;
    }
    if (now_mono < stretch->resume_mono_ms) return; /* of the same burst */
    uint64_t random = backoff_random(&uplink->random);
    uplink_hold(
        uplink, stretch,
        backoff_wait_ms(stretch->refusals, REFUSAL_WAIT_MIN_MS, REFUSAL_WAIT_MAX_MS, random));
    if (stretch->refusals < UINT32_MAX) stretch->refusals++;
}

static void charge(struct uplink *uplink, const struct record *record, size_t bytes)
{
    uplink->last_bytes = (int64_t)bytes;
    if (record->kind == RECORD_ALARM && (pace_wait_ms(&uplink->pace) > ALARM_DEBT_MS ||
                                         pace_wait_ms(&uplink->byte_pace) > ALARM_DEBT_MS))
        return;
    pace_take(&uplink->pace, 1);
    pace_take(&uplink->byte_pace, (int64_t)bytes);
}

/* ST_CLOSED: not connected; anything else but ST_OK: this record cannot be sent. */
static enum status publish_record(struct uplink *uplink, const struct record *record,
                                  int *message_id)
{
    char topic[TOPICS_SIZE];
    bool is_replay = record->seq < uplink->live_from_seq;
    size_t size =
        encode_json_record(record, &uplink->origin, is_replay, uplink->json, sizeof uplink->json);
    enum status status = ST_FULL;
    if (size > 0 && topics_write(&uplink->topics, record, topic)) {
        const struct link_message message = {
            .topic = topic,
            .payload = uplink->json,
            .size = size,
            .is_retained = uplink->retain && record->kind == RECORD_WINDOW,
            .is_replay = is_replay,
        };
        status = uplink->kind->publish(uplink->link, &message, message_id);
    }
    if (status != ST_OK && status != ST_CLOSED) /* a lost link speaks for itself */
        log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "publish",
                    "record %" PRIu64 " of %s could not be sent: %s", record->seq, record->device,
                    status_text(status));
    if (status != ST_OK) return status;
    uplink->counts.sent++;
    charge(uplink, record, size + strlen(topic));
    lag_note_sent(&uplink->lag, *message_id, (int64_t)(size + strlen(topic)),
                  uplink_now_mono_ms(uplink));
    return ST_OK;
}

static void take_turn(struct uplink *uplink, enum stretch_name name)
{
    if (name == STRETCH_HISTORY)
        turn_take_history(&uplink->turn);
    else if (name == STRETCH_LIVE && uplink->stretches[STRETCH_HISTORY].may_have_more)
        turn_take_live(&uplink->turn);
}

/* False: no more can be sent now. */
static bool send_record(struct uplink *uplink, enum stretch_name name, const struct record *record)
{
    struct stretch *stretch = &uplink->stretches[name];
    int message_id = 0;
    enum status status = publish_record(uplink, record, &message_id);
    if (status == ST_CLOSED) {
        uplink_hold(uplink, stretch, UPLINK_RETRY_MS);
        return false;
    }
    if (!flight_add(&stretch->flight, record->seq, message_id)) return false;
    take_turn(uplink, name);
    if (status == ST_OK) return true;
    hold_refused(uplink, stretch, flight_find(&stretch->flight, record->seq));
    return false;
}

void uplink_send_again(struct uplink *uplink, enum stretch_name name, const struct record *records,
                       size_t count)
{
    struct stretch *stretch = &uplink->stretches[name];
    uint64_t seq = uplink->fetch_after + 1;
    struct flight_entry *entry = flight_find(&stretch->flight, seq);
    if (entry == NULL || entry->state != FLIGHT_REFUSED) return;
    if (count == 0 || records[0].seq != seq) { /* the store had to drop it */
        flight_forget(&stretch->flight, entry);
        return;
    }
    int message_id = 0;
    enum status status = publish_record(uplink, &records[0], &message_id);
    if (status == ST_OK) {
        entry->state = FLIGHT_SENT;
        entry->message_id = message_id;
    } else if (status == ST_CLOSED) {
        uplink_hold(uplink, stretch, UPLINK_RETRY_MS);
    } else {
        hold_refused(uplink, stretch, entry);
    }
}

/* Whether what becomes of the record's times is still open: its content could not stay. */
static bool is_early(const struct uplink *uplink, const struct record *record)
{
    const struct boot_times *times = uplink->origin.boot_times;
    return record->kind == RECORD_WINDOW && record->window.boot > 0 && times != NULL &&
           boot_times_is_open(times, record->window.boot);
}

/* `has_new`: a commit came after the question. */
void uplink_send(struct uplink *uplink, enum stretch_name name, const struct record *records,
                 size_t count, bool has_new)
{
    struct stretch *stretch = &uplink->stretches[name];
    for (size_t i = 0; i < count; i++) {
        if (flight_skip(&stretch->flight, records[i].seq)) continue;
        if (!uplink_may_send_ahead(uplink, name)) return;
        stretch->waits_for_clock = is_early(uplink, &records[i]);
        if (stretch->waits_for_clock || !send_record(uplink, name, &records[i])) return;
    }
    bool is_last = count < uplink->fetch_max;
    if (is_last) flight_pass_all(&stretch->flight);
    stretch->may_have_more = has_new || !is_last;
}

/* ---- answers ---- */

void uplink_report_deliveries(struct uplink *uplink)
{
    for (int name = 0; name < STRETCH_COUNT; name++) {
        struct flight *flight = &uplink->stretches[name].flight;
        enum lane lane = stretch_lane((enum stretch_name)name);
        struct flight_entry *entry;
        while ((entry = flight_find_delivered(flight)) != NULL) {
            if (store_acknowledge(uplink->store, lane, entry->seq) != ST_OK) return;
            /* A commit that runs took the batch before this one. */
            uplink->commits_due = store_is_committing(uplink->store) ? 2 : 1;
            flight_finish(flight, entry, uplink->commits_due);
        }
    }
}

static const char *reason_name(const struct uplink *uplink, int reason)
{
    const char *name = uplink->kind->reason_name(reason);
    return name != NULL ? name : "unknown reason";
}

static void take_delivery(struct uplink *uplink, enum stretch_name name, struct flight_entry *entry,
                          int reason)
{
    struct stretch *stretch = &uplink->stretches[name];
    uplink->counts.acknowledged++;
    if (reason == LINK_REASON_NO_SUBSCRIBER) uplink->counts.no_subscriber++;
    if (name == STRETCH_HISTORY) uplink->history_acknowledged++;
    if (name == STRETCH_HISTORY && uplink->history_left > 0) uplink->history_left--;
    /* What was still on the way when the stretch was held says nothing about what was refused. */
    if (uplink_now_mono_ms(uplink) >= stretch->resume_mono_ms) stretch->refusals = 0;
    entry->state = FLIGHT_DELIVERED;
    uplink_report_deliveries(uplink);
}

static void take_refusal(struct uplink *uplink, enum stretch_name name, struct flight_entry *entry,
                         int reason)
{
    uplink->counts.refused++;
    uplink->counts.last_refusal = reason;
    log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "refused",
                "the broker refused record %" PRIu64 ": %s (0x%02x); it is kept and tried again",
                entry->seq, reason_name(uplink, reason), (unsigned)reason);
    hold_refused(uplink, &uplink->stretches[name], entry);
}

bool uplink_take_answer(struct uplink *uplink, int message_id, int reason)
{
    bool makes_room = lag_note_answer(&uplink->lag, message_id, uplink_now_mono_ms(uplink));
    if (message_id == uplink->birth_message_id) {
        uplink->birth_message_id = 0;
        if (reason >= LINK_REASON_REFUSED)
            log_limited(uplink->log, LOG_LEVEL_WARN, uplink->part, "birth",
                        "the broker refused %s: %s (0x%02x)", uplink->topics.status,
                        reason_name(uplink, reason), (unsigned)reason);
        return makes_room;
    }
    for (int name = 0; name < STRETCH_COUNT; name++) {
        struct flight_entry *entry = flight_find_sent(&uplink->stretches[name].flight, message_id);
        if (entry == NULL) continue;
        if (reason < LINK_REASON_REFUSED)
            take_delivery(uplink, (enum stretch_name)name, entry, reason);
        else
            take_refusal(uplink, (enum stretch_name)name, entry, reason);
        return true;
    }
    return makes_room;
}
