/* Invariant: a reading is in at most one member of each kind, so that members may be added. */
#include "store/merge_rules.h"

static bool is_tumbling(const struct store_kind *kind)
{
    return kind->size_ms > 0 && kind->every_ms == kind->size_ms;
}

static bool has_tumbling(const struct store_kinds *kinds)
{
    for (size_t i = 0; i < kinds->count; i++)
        if (is_tumbling(&kinds->kinds[i])) return true;
    return false;
}

int64_t merge_rules_floor(int64_t time_ms, int64_t size_ms)
{
    int64_t rest_ms = time_ms % size_ms;
    return time_ms - (rest_ms < 0 ? rest_ms + size_ms : rest_ms);
}

enum merge_class merge_rules_classify(const struct store_kinds *kinds,
                                      const struct window_result *window)
{
    if (window->size_count > 0) return has_tumbling(kinds) ? MERGE_VIEW : MERGE_NEVER;
    if (window->size_ms <= 0 || window->every_ms <= 0 || window->end_ms <= window->start_ms)
        return MERGE_NEVER;
    if (window->every_ms == window->size_ms || window->merged > 0) return MERGE_MEMBER;
    if (has_tumbling(kinds)) return MERGE_VIEW;
    /* Those whose starts lie a size apart do not overlap, and together they hold everything. */
    return merge_rules_floor(window->start_ms, window->size_ms) == window->start_ms ? MERGE_MEMBER
                                                                                    : MERGE_VIEW;
}

int64_t merge_rules_settle_ms(const struct store_kinds *kinds, int64_t size_ms, int64_t every_ms)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < kinds->count; i++) {
        const struct store_kind *kind = &kinds->kinds[i];
        if (kind->size_ms == size_ms && kind->every_ms == every_ms) return kind->settle_ms;
        if (kind->settle_ms > longest_ms) longest_ms = kind->settle_ms;
    }
    return longest_ms;
}

uint64_t merge_rules_mark(const struct store_kinds *kinds)
{
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < kinds->count; i++) {
        mark = (mark ^ (uint64_t)kinds->kinds[i].size_ms) * UINT64_C(0x100000001b3);
        mark = (mark ^ (uint64_t)kinds->kinds[i].every_ms) * UINT64_C(0x100000001b3);
    }
    return mark;
}

static uint32_t add_counts(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The longest stretch without a reading: within one of the two, or between them. */
static int64_t find_gap_ms(const struct window_result *a, const struct window_result *b)
{
    int64_t gap_ms = larger(a->longest_gap_ms, b->longest_gap_ms);
    if (a->summary.count == 0 || b->summary.count == 0) return gap_ms;
    gap_ms = larger(gap_ms, a->summary.first_ms - b->summary.last_ms);
    return larger(gap_ms, b->summary.first_ms - a->summary.last_ms);
}

static uint32_t add_expected(const struct summary *a, const struct summary *b)
{
    return a->expected == 0 || b->expected == 0 ? 0 : add_counts(a->expected, b->expected);
}

enum status merge_rules_add(struct record *into, const struct record *from)
{
    struct window_result *window = &into->window;
    const struct window_result *other = &from->window;
    uint32_t windows = other->merged > 0 ? other->merged : 1;
    if (window->merged == 0) {
        *into = *from;
        window->merged = windows;
        window->revision = 1;
        return ST_OK;
    }
    struct summary summary = window->summary;
    enum status status = summary_merge(&summary, &other->summary);
    if (status != ST_OK) return status;
    summary.expected = add_expected(&window->summary, &other->summary);
    window->longest_gap_ms = find_gap_ms(window, other);
    window->summary = summary;
    window->merged = add_counts(window->merged, windows);
    if (other->part > window->part) window->part = other->part;
    window->late = add_counts(window->late, other->late);
    window->missed = add_counts(window->missed, other->missed);
    window->rejected = add_counts(window->rejected, other->rejected);
    if (other->start_ms < window->start_ms) window->start_ms = other->start_ms;
    if (other->end_ms > window->end_ms) window->end_ms = other->end_ms;
    into->created_ms = larger(into->created_ms, from->created_ms);
    if (from->clock < into->clock) into->clock = from->clock;
    return ST_OK;
}
