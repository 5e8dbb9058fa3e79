/* Invariant: ranges[i].last + 1 < ranges[i + 1].first. */
#include "store/seq_ranges.h"

#include <string.h>

/* The first range that ends at or after seq. */
static size_t find(const struct seq_ranges *set, uint64_t seq)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_ranges(struct seq_ranges *set, size_t at, size_t count)
{
    memmove(set->ranges + at, set->ranges + at + count,
            (set->count - at - count) * sizeof *set->ranges);
    set->count -= count;
}

bool seq_ranges_add(struct seq_ranges *set, uint64_t first, uint64_t last)
{
    size_t at = find(set, first > 0 ? first - 1 : 0), end = at;
    while (end < set->count && set->ranges[end].first <= last + 1) end++;
    if (end == at) { /* touches none */
        if (set->count == set->capacity) return false;
        memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof *set->ranges);
        set->ranges[at] = (struct seq_range){first, last};
        set->count++;
        return true;
    }
    struct seq_range *range = &set->ranges[at];
    if (first < range->first) range->first = first;
    if (set->ranges[end - 1].last > last) last = set->ranges[end - 1].last;
    if (last > range->last) range->last = last;
    remove_ranges(set, at + 1, end - at - 1);
    return true;
}

void seq_ranges_add_loosely(struct seq_ranges *set, uint64_t first, uint64_t last)
{
    if (seq_ranges_add(set, first, last)) return;
    size_t closest = 0;
    for (size_t i = 1; i + 1 < set->count; i++) {
        uint64_t here = set->ranges[i + 1].first - set->ranges[i].last;
        if (here < set->ranges[closest + 1].first - set->ranges[closest].last) closest = i;
    }
    set->ranges[closest].last = set->ranges[closest + 1].last;
    remove_ranges(set, closest + 1, 1);
    (void)seq_ranges_add(set, first, last);
}

bool seq_ranges_contain(const struct seq_ranges *set, uint64_t seq)
{
    size_t at = find(set, seq);
    return at < set->count && set->ranges[at].first <= seq;
}

uint64_t seq_ranges_total(const struct seq_ranges *set)
{
    uint64_t total = 0;
    for (size_t i = 0; i < set->count; i++) total += set->ranges[i].last - set->ranges[i].first + 1;
    return total;
}
