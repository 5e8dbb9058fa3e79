/* pane: the totals of a pane stay below a share of what a summary holds, one share per pane of
 * the widest window; so merging panes into a window cannot overflow. */
#include "stream/pane.h"

int64_t pane_floor(int64_t event_ms, int64_t slice_ms)
{
    int64_t rest = event_ms % slice_ms;
    return event_ms - (rest < 0 ? rest + slice_ms : rest);
}

struct pane_shape pane_make_shape(int64_t slice_ms, uint32_t slots, uint32_t widest)
{
    /* The squares need no limit: 2^32 readings of at most 1e11 stay below 2^106. */
    return (struct pane_shape){.slice_ms = slice_ms,
                               .slots = slots,
                               .count_limit = UINT32_MAX / widest,
                               .sum_limit = INT64_MAX / (int64_t)widest};
}

uint32_t pane_count_behind(const struct pane_shape *shape, const struct pane_ring *ring,
                           int64_t event_ms)
{
    if (event_ms >= ring->head_ms) return 0;
    int64_t behind = (ring->head_ms - event_ms - 1) / shape->slice_ms + 1;
    return behind < (int64_t)shape->slots ? (uint32_t)behind : shape->slots;
}

uint32_t pane_find_slot(const struct pane_shape *shape, const struct pane_ring *ring,
                        uint32_t behind)
{
    return ring->head >= behind ? ring->head - behind : ring->head + shape->slots - behind;
}

uint32_t pane_move_head(const struct pane_shape *shape, struct pane_ring *ring)
{
    ring->head = ring->head + 1 == shape->slots ? 0 : ring->head + 1;
    ring->head_ms += shape->slice_ms;
    return ring->head;
}

bool pane_has_room(const struct pane_shape *shape, const struct summary *pane, int64_t value_micro)
{
    int64_t sum_micro;
    if (__builtin_add_overflow(pane->sum_micro, value_micro, &sum_micro)) return false;
    return pane->count < shape->count_limit && sum_micro <= shape->sum_limit &&
           sum_micro >= -shape->sum_limit;
}
