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

/* Entries above the cursor stay: between them may lie what was forgotten and is fetched again. */
static void settle(struct flight *flight)
{
    size_t done = 0;
    while (done < flight->count && flight->entries[done].state == FLIGHT_DONE &&
           flight->entries[done].seq <= flight->cursor)
        done++;
    if (done == 0) return;
    flight->count -= done;
    memmove(flight->entries, flight->entries + done, flight->count * sizeof *flight->entries);
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

bool flight_skip(struct flight *flight, uint64_t seq)
{
    size_t at = place_of(flight, seq);
    if (at == flight->count || flight->entries[at].seq != seq) return false;
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

void flight_finish(struct flight *flight, struct flight_entry *entry)
{
    entry->state = FLIGHT_DONE;
    settle(flight);
}

void flight_remove(struct flight *flight, struct flight_entry *entry)
{
    if (flight->cursor >= entry->seq) flight->cursor = entry->seq - 1;
    size_t after = (size_t)(flight->entries + flight->count - (entry + 1));
    memmove(entry, entry + 1, after * sizeof *entry);
    flight->count--;
}

void flight_lose(struct flight *flight)
{
    size_t kept = 0;
    for (size_t i = 0; i < flight->count; i++) {
        struct flight_entry entry = flight->entries[i];
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
