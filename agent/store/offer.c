/* Invariant: a window outside the ranges was never handed out. */
#include "store/offer.h"

enum { AHEAD = 256 };

void offer_batch(struct meta_state *state, const struct batch *batch)
{
    if (batch->next_seq <= state->next_seq) return;
    struct seq_ranges offered = meta_offered(state);
    seq_ranges_add_loosely(&offered, state->next_seq, batch->next_seq - 1);
    state->offered_count = (uint32_t)offered.count;
}

bool offer_is_noted(const struct meta_state *state, const struct record *records, size_t count)
{
    struct meta_state copy = *state;
    struct seq_ranges offered = meta_offered(&copy);
    for (size_t i = 0; i < count; i++)
        if (!seq_ranges_contain(&offered, records[i].seq)) return false;
    return true;
}

/* Forgets ranges of which nothing waits any more. */
static enum status prune(struct outbox *outbox, struct seq_ranges *offered)
{
    size_t kept = 0;
    for (size_t i = 0; i < offered->count; i++) {
        struct seq_range range = offered->ranges[i];
        uint64_t next;
        enum status status = outbox_look_ahead(outbox, LANE_WINDOW, range.first - 1, 1, &next);
        if (status != ST_OK) return status;
        if (next == 0 || next > range.last) continue;
        range.first = next;
        offered->ranges[kept++] = range;
    }
    offered->count = kept;
    return ST_OK;
}

enum status offer_note(struct outbox *outbox, struct meta_state *state,
                       const struct record *records, size_t count)
{
    struct seq_ranges offered = meta_offered(state);
    enum status status = prune(outbox, &offered);
    if (status != ST_OK) return status;
    uint64_t ahead;
    size_t first = 0;
    while (first + 1 < count && seq_ranges_contain(&offered, records[first].seq)) first++;
    uint64_t last = records[count - 1].seq;
    status = outbox_look_ahead(outbox, LANE_WINDOW, last, AHEAD, &ahead);
    if (status != ST_OK) return status;
    seq_ranges_add_loosely(&offered, records[first].seq, ahead > last ? ahead : last);
    state->offered_count = (uint32_t)offered.count;
    return ST_OK;
}

enum status offer_note_alarms(struct outbox *outbox, struct meta_state *state, uint64_t last)
{
    uint64_t ahead;
    enum status status = outbox_look_ahead(outbox, LANE_ALARM, last, AHEAD, &ahead);
    if (status == ST_OK) state->alarms_offered = ahead > last ? ahead : last;
    return status;
}
