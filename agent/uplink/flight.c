/* Invariant: every record up to the cursor that the store still holds is in the table, or was
 * reported to the store as delivered. */
#include "uplink/flight.h"

#include <string.h>

/* Index of the first entry with a seq of at least this one. */
static size_t place_of(const struct flight *flight, uint64_t seq)
{
    size_t at = flight->count;
    while (at > 0 && flight->entries[at - 1].seq >= seq) at--;
    return at;
}

static void remove_entry(struct flight *flight, size_t at)
{
    flight->count--;
    memmove(flight->entries + at, flight->entries + at + 1,
            (flight->count - at) * sizeof *flight->entries);
}

/* Whether the cursor may yet go back before the entry. */
static bool may_be_lost(const struct flight_entry *entry)
{
    return entry->state != FLIGHT_DONE && entry->refusals == 0;
}

/* What is done is kept only while the cursor may go back before it, or has gone: it would be
 * fetched again then, as long as the store has not committed that it is done. */
static void settle(struct flight *flight)
{
    size_t at = 0;
    while (at < flight->count && flight->entries[at].seq <= flight->cursor &&
           !may_be_lost(&flight->entries[at])) {
        if (flight->entries[at].state == FLIGHT_DONE)
            remove_entry(flight, at);
        else
            at++;
    }
}

bool flight_add(struct flight *flight, uint64_t seq, int message_id)
{
    if (flight->count == LIMIT_IN_FLIGHT) return false;
    flight->cursor = seq;
    settle(flight); /* what lay between is no longer in the store */
    size_t at = place_of(flight, seq);
    struct flight_entry *entry = &flight->entries[at];
    memmove(entry + 1, entry, (flight->count - at) * sizeof *entry);
    *entry = (struct flight_entry){.seq = seq, .message_id = message_id, .state = FLIGHT_SENT};
    flight->count++;
    return true;
}

struct flight_entry *flight_find(struct flight *flight, uint64_t seq)
{
    size_t at = place_of(flight, seq);
    return at < flight->count && flight->entries[at].seq == seq ? &flight->entries[at] : NULL;
}

bool flight_skip(struct flight *flight, uint64_t seq)
{
    if (flight_find(flight, seq) == NULL) return false;
    flight->cursor = seq;
    settle(flight);
    return true;
}

void flight_pass_all(struct flight *flight)
{
    if (flight->count == 0) return;
    uint64_t last = flight->entries[flight->count - 1].seq;
    if (flight->cursor < last) flight->cursor = last;
    settle(flight);
}

struct flight_entry *flight_find_sent(struct flight *flight, int message_id)
{
    for (size_t i = 0; i < flight->count; i++) {
        struct flight_entry *entry = &flight->entries[i];
        if (entry->state == FLIGHT_SENT && entry->message_id == message_id) return entry;
    }
    return NULL;
}

struct flight_entry *flight_find_delivered(struct flight *flight)
{
    for (size_t i = 0; i < flight->count; i++)
        if (flight->entries[i].state == FLIGHT_DELIVERED) return &flight->entries[i];
    return NULL;
}

void flight_finish(struct flight *flight, struct flight_entry *entry, unsigned commits)
{
    entry->state = FLIGHT_DONE;
    entry->commits = commits;
    settle(flight);
}

void flight_note_commit(struct flight *flight)
{
    for (size_t at = 0; at < flight->count;) {
        struct flight_entry *entry = &flight->entries[at];
        if (entry->state == FLIGHT_DONE && entry->commits <= 1) {
            remove_entry(flight, at);
            continue;
        }
        if (entry->state == FLIGHT_DONE) entry->commits--;
        at++;
    }
}

void flight_absorb(struct flight *flight, struct flight *from)
{
    memcpy(flight->entries + flight->count, from->entries, from->count * sizeof *from->entries);
    flight->count += from->count;
    from->count = 0;
}

void flight_refuse(struct flight_entry *entry, int64_t retry_mono_ms)
{
    entry->state = FLIGHT_REFUSED;
    entry->retry_mono_ms = retry_mono_ms;
    if (entry->refusals < UINT32_MAX) entry->refusals++;
}

struct flight_entry *flight_find_refused(struct flight *flight)
{
    struct flight_entry *first = NULL;
    for (size_t i = 0; i < flight->count; i++) {
        struct flight_entry *entry = &flight->entries[i];
        if (entry->state != FLIGHT_REFUSED) continue;
        if (first == NULL || entry->retry_mono_ms < first->retry_mono_ms) first = entry;
    }
    return first;
}

void flight_retry_all(struct flight *flight)
{
    for (size_t i = 0; i < flight->count; i++) flight->entries[i].retry_mono_ms = 0;
}

size_t flight_count_open(const struct flight *flight)
{
    size_t open = 0;
    for (size_t i = 0; i < flight->count; i++) {
        enum flight_state state = flight->entries[i].state;
        if (state == FLIGHT_SENT || state == FLIGHT_DELIVERED) open++;
    }
    return open;
}

size_t flight_count_parked(const struct flight *flight)
{
    size_t parked = 0;
    for (size_t i = 0; i < flight->count; i++) {
        const struct flight_entry *entry = &flight->entries[i];
        bool is_over = entry->state == FLIGHT_DELIVERED || entry->state == FLIGHT_DONE;
        if (!is_over && entry->refusals >= FLIGHT_PARK_AFTER) parked++;
    }
    return parked;
}

void flight_forget(struct flight *flight, struct flight_entry *entry)
{
    remove_entry(flight, (size_t)(entry - flight->entries));
}

void flight_lose(struct flight *flight)
{
    size_t kept = 0;
    for (size_t i = 0; i < flight->count; i++) {
        struct flight_entry entry = flight->entries[i];
        if (entry.state == FLIGHT_SENT && entry.refusals > 0) entry.state = FLIGHT_REFUSED;
        if (entry.state != FLIGHT_SENT)
            flight->entries[kept++] = entry;
        else if (flight->cursor >= entry.seq)
            flight->cursor = entry.seq - 1;
    }
    flight->count = kept;
}

size_t flight_count_sent(const struct flight *flight)
{
    size_t sent = 0;
    for (size_t i = 0; i < flight->count; i++)
        if (flight->entries[i].state == FLIGHT_SENT) sent++;
    return sent;
}
