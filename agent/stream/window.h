/* window: what a window over panes holds, and which windows are open.
 *
 * A window by time begins at a pane of its ring and is named by how far that pane lies behind
 * the head; panes after the head do not exist yet and hold nothing.  Pure. */
#ifndef ISOTHERM_STREAM_WINDOW_H
#define ISOTHERM_STREAM_WINDOW_H

#include "stream/pane.h"
#include "stream/record.h"

#include <stdint.h>

/* What is known of a window beside its panes; one per window kind and pane that stands, at the
 * slot of the pane with which the window begins.  All zero: never published, nothing owed. */
struct window_mark {
    uint32_t revision : 13; /* the last one published */
    uint32_t late : 11;     /* readings after it was first closed and published; saturates */
    uint32_t tally : 8;     /* closed: readings that the next revision owes;
                               open: the count last published provisionally, lowest bits */
};

enum {
    WINDOW_REVISION_MAX = (1 << 13) - 1,
    WINDOW_PROVISIONAL_MAX = 1 << 11, /* revisions spent on provisional results at most */
    WINDOW_LATE_MAX = (1 << 11) - 1,
    WINDOW_TALLY_MAX = (1 << 8) - 1
};

/* Windows of size_ms that are open at this watermark: those behind the head by less than the
 * number returned, at most shape->slots. */
uint32_t window_count_open(const struct pane_shape *shape, const struct pane_ring *ring,
                           int64_t size_ms, int64_t watermark_ms);

/* Merges the panes of the window that begins `behind` panes behind the head, behind < slots, into
 * result->summary, and sets start_ms, end_ms and longest_gap_ms.  size_ms is a multiple of the
 * slice, and the panes keep within the shape's limits. */
void window_assemble(const struct pane_shape *shape, const struct pane_ring *ring,
                     const struct summary *panes, uint32_t behind, int64_t size_ms,
                     struct window_result *result);

/* Whether that window holds a reading. */
bool window_has_readings(const struct pane_shape *shape, const struct pane_ring *ring,
                         const struct summary *panes, uint32_t behind, int64_t size_ms);

/* A window by count: the pane that fills and the full ones before it.  Per device; private. */
struct window_count_ring {
    uint32_t sequence; /* of the pane that fills; tells panes apart in the journal */
    uint16_t head;     /* its slot */
    uint16_t filled;   /* full panes before it, at most slots - 1 */
};

/* Makes the next pane the one that fills and empties it. */
void window_move_count_ring(struct window_count_ring *ring, struct summary *panes, uint32_t slots);

/* Merges the pane that fills and those before it, like window_assemble. */
void window_assemble_count(const struct window_count_ring *ring, const struct summary *panes,
                           uint32_t slots, struct window_result *result);

#endif
