/* window: a result is a function of what its panes hold and of nothing else, so that the order
 * in which readings came, crashes and revisions cannot show in it. */
#include "stream/window.h"

#include <assert.h>

uint32_t window_count_open(const struct pane_shape *shape, const struct pane_ring *ring,
                           int64_t size_ms, int64_t watermark_ms)
{
    int64_t ahead_ms = ring->head_ms + size_ms - watermark_ms; /* of the newest window's end */
    if (ahead_ms <= 0) return 0;
    int64_t open = (ahead_ms - 1) / shape->slice_ms + 1;
    return open < (int64_t)shape->slots ? (uint32_t)open : shape->slots;
}

static void merge_pane(struct window_result *result, const struct summary *pane, int64_t *last_ms)
{
    if (pane->count == 0) return;
    if (pane->first_ms - *last_ms > result->longest_gap_ms) {
        result->longest_gap_ms = pane->first_ms - *last_ms;
    }
    *last_ms = pane->last_ms;
    enum status status = summary_merge(&result->summary, pane);
    assert(status == ST_OK); /* pane_has_room sees to it */
    (void)status;
}

static uint32_t last_behind(const struct pane_shape *shape, uint32_t behind, int64_t size_ms)
{
    uint32_t span = (uint32_t)(size_ms / shape->slice_ms);
    return behind + 1 > span ? behind + 1 - span : 0;
}

void window_assemble(const struct pane_shape *shape, const struct pane_ring *ring,
                     const struct summary *panes, uint32_t behind, int64_t size_ms,
                     struct window_result *result)
{
    uint32_t end = last_behind(shape, behind, size_ms);
    result->start_ms = ring->head_ms - (int64_t)behind * shape->slice_ms;
    result->end_ms = result->start_ms + size_ms;
    result->summary = (struct summary){0};
    result->longest_gap_ms = 0;
    int64_t last_ms = result->start_ms;
    for (uint32_t at = behind + 1; at > end; at--) {
        merge_pane(result, &panes[pane_find_slot(shape, ring, at - 1)], &last_ms);
    }
    if (result->end_ms - last_ms > result->longest_gap_ms) {
        result->longest_gap_ms = result->end_ms - last_ms;
    }
}

bool window_has_readings(const struct pane_shape *shape, const struct pane_ring *ring,
                         const struct summary *panes, uint32_t behind, int64_t size_ms)
{
    uint32_t end = last_behind(shape, behind, size_ms);
    for (uint32_t at = behind + 1; at > end; at--) {
        if (panes[pane_find_slot(shape, ring, at - 1)].count > 0) return true;
    }
    return false;
}

void window_move_count_ring(struct window_count_ring *ring, struct summary *panes, uint32_t slots)
{
    ring->sequence++;
    ring->head = (uint16_t)(ring->head + 1U == slots ? 0 : ring->head + 1U);
    if (ring->filled + 1U < slots) ring->filled++;
    panes[ring->head] = (struct summary){0};
}

void window_assemble_count(const struct window_count_ring *ring, const struct summary *panes,
                           uint32_t slots, struct window_result *result)
{
    result->summary = (struct summary){0};
    result->longest_gap_ms = 0;
    int64_t last_ms = INT64_MAX; /* no gap before the first pane */
    for (uint32_t behind = ring->filled + 1U; behind > 0; behind--) {
        uint32_t slot = (ring->head + slots - (behind - 1)) % slots;
        merge_pane(result, &panes[slot], &last_ms);
    }
    result->start_ms = result->summary.first_ms;
    result->end_ms = result->summary.last_ms;
}
