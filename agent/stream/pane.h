/* pane: the panes of one device and one slice of event time, as a ring.
 *
 * A pane is a summary of the readings whose event time falls into one slice.  The ring holds the
 * newest pane, its head, and those before it; where a pane lies follows from the head alone.
 * Pure; the panes themselves are memory of the caller. */
#ifndef ISOTHERM_STREAM_PANE_H
#define ISOTHERM_STREAM_PANE_H

#include "stream/summary.h"

#include <stdbool.h>
#include <stdint.h>

/* The same for all devices. */
struct pane_shape {
    int64_t slice_ms;
    uint32_t slots;       /* panes that stand */
    uint32_t count_limit; /* readings a pane takes at most, and ... */
    int64_t sum_limit;    /* ... magnitude of its sum, so that no window can overflow */
};

/* Per device. The fields are private. */
struct pane_ring {
    int64_t head_ms; /* start of the newest pane */
    uint32_t head;   /* its slot */
};

/* The start of the slice that holds event_ms, for any sign.  slice_ms > 0. */
int64_t pane_floor(int64_t event_ms, int64_t slice_ms);

/* The shape of a ring whose widest window covers `widest` panes. */
struct pane_shape pane_make_shape(int64_t slice_ms, uint32_t slots, uint32_t widest);

/* How many panes event_ms lies behind the head; slots or more: it does not stand.  event_ms is
 * before the end of the head.  Divides only when it is not the head. */
uint32_t pane_count_behind(const struct pane_shape *shape, const struct pane_ring *ring,
                           int64_t event_ms);

/* The slot of the pane so many behind the head; behind < slots. */
uint32_t pane_find_slot(const struct pane_shape *shape, const struct pane_ring *ring,
                        uint32_t behind);

/* Makes the next slice the head and returns its slot, which the caller empties. */
uint32_t pane_move_head(const struct pane_shape *shape, struct pane_ring *ring);

/* Whether the pane takes one more reading without any window ever overflowing. */
bool pane_has_room(const struct pane_shape *shape, const struct summary *pane, int64_t value_micro);

#endif
