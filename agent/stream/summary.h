/* summary: the merged result of readings.
 *
 * Two operations, add and merge, and nothing else.  Both are exact, and merging is associative
 * and commutative: the same readings in any order and any split give the same bytes, on every
 * processor.  A single reading is a summary with count 1.  Pure. */
#ifndef ISOTHERM_STREAM_SUMMARY_H
#define ISOTHERM_STREAM_SUMMARY_H

#include "base/status.h"
#include "base/wide.h"

#include <stdint.h>

/* 96 bytes.  With count 0 every field is 0.  Values are millionths, times UTC milliseconds.
 * Ties do not depend on order: min_ms and max_ms are the earliest event time at which the
 * extreme was seen; of several readings at the first (last) event time, first_micro is the
 * smallest and last_micro the largest. */
struct summary {
    int64_t sum_micro;
    struct wide sumsq; /* sum of squares, in millionths squared */
    int64_t min_micro;
    int64_t max_micro;
    int64_t first_micro;
    int64_t last_micro;
    int64_t min_ms;
    int64_t max_ms;
    int64_t first_ms;
    int64_t last_ms;
    uint32_t count;    /* readings */
    uint32_t expected; /* readings that should have come; 0: not known */
};

/* Adds one reading.  ST_FULL when a total would overflow; the summary is then unchanged. */
enum status summary_add(struct summary *summary, int64_t value_micro,
                        int64_t event_ms) ISOTHERM_CHECK;

/* Merges `from` into `into`.  ST_FULL when a total would overflow; `into` is then unchanged. */
enum status summary_merge(struct summary *into, const struct summary *from) ISOTHERM_CHECK;

/* The mean in millionths, rounded half away from zero.  0 when the summary is empty. */
int64_t summary_mean_micro(const struct summary *summary);

#endif
