/* Invariant: the ranges of the batch hold what is still to be deleted. */
#include "store/acknowledge.h"

enum { PAGE_ROWS = 30 }; /* at least so many records lie on a page, mostly */

bool acknowledge_is_much(const struct batch *batch, int64_t pages)
{
    uint64_t most = (uint64_t)pages * PAGE_ROWS, rows = 0;
    for (size_t i = 0; i < batch->range_count; i++) {
        const struct batch_range *range = &batch->ranges[i];
        if (range->first > range->last) continue;
        rows += range->last - range->first + PAGE_ROWS; /* each begins on some page */
        if (rows > most) return true;
    }
    return false;
}

enum status acknowledge_some(struct outbox *outbox, struct batch *batch, int64_t pages,
                             struct meta_state *state)
{
    for (size_t i = 0; i < batch->range_count && pages > 0; i++) {
        struct batch_range *range = &batch->ranges[i];
        if (range->first > range->last) continue;
        uint64_t bound, count;
        enum status status = outbox_look_ahead(outbox, range->lane, range->first - 1,
                                               (uint64_t)pages * PAGE_ROWS, &bound);
        if (status != ST_OK) return status;
        uint64_t last = bound > 0 && bound < range->last ? bound : range->last;
        status = outbox_deliver(outbox, range->lane, range->first, last, state, &count);
        if (status != ST_OK) return status;
        range->first = last + 1;
        pages -= (int64_t)(count / PAGE_ROWS) + 1;
    }
    return ST_OK;
}
