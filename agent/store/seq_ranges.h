/* seq_ranges: a set of sequence numbers as ranges in an array of the caller's, ascending, neither
 * overlapping nor adjacent.  Pure. */
#ifndef ISOTHERM_STORE_SEQ_RANGES_H
#define ISOTHERM_STORE_SEQ_RANGES_H

#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seq_ranges {
    struct seq_range *ranges; /* of the caller */
    size_t capacity, count;
};

/* Adds first to last, first <= last.  False: there is no place for one more range; unchanged. */
bool seq_ranges_add(struct seq_ranges *set, uint64_t first, uint64_t last);

/* The same, but where there is no place the two ranges closest to each other become one, so that
 * the set holds more than was added. */
void seq_ranges_add_loosely(struct seq_ranges *set, uint64_t first, uint64_t last);

bool seq_ranges_contain(const struct seq_ranges *set, uint64_t seq);

/* How many numbers there are. */
uint64_t seq_ranges_total(const struct seq_ranges *set);

#endif
