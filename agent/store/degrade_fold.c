/* Invariant: a record goes only when another one of the same device, from the same time to the same
 * time, says the same and stays. */
#include "store/degrade_steps.h"

#include "store/merge_rules.h"

#include <string.h>

enum { ROWS_MOST = 65536 };

struct folding {
    struct degrade *degrade;
    struct seq_ranges offered;
    uint64_t last_seq, rows;
    bool is_full;
};

static bool visit(void *context, const struct record *record, size_t bytes)
{
    struct folding *folding = context;
    struct merge_plan *plan = &folding->degrade->merge.plan;
    const struct window_result *window = &record->window;
    (void)bytes;
    folding->last_seq = record->seq;
    if (++folding->rows >= ROWS_MOST) folding->is_full = true;
    if (record->kind == RECORD_NOTICE && plan->notice_count < MERGE_NOTICES &&
        !seq_ranges_contain(&folding->offered, record->seq))
        plan->notices[plan->notice_count++] = record->seq;
    if (record->kind != RECORD_WINDOW || window->merged == 0 ||
        window->every_ms != window->size_ms || seq_ranges_contain(&folding->offered, record->seq))
        return !folding->is_full;
    plan->entries[plan->count++] = (struct merge_entry){.seq = record->seq,
                                                        .device = merge_plan_hash(record->device),
                                                        .size_ms = window->size_ms,
                                                        .boot = window->boot,
                                                        .start_ms = window->start_ms,
                                                        .end_ms = window->end_ms,
                                                        .run = MERGE_NO_RUN};
    if (plan->count == plan->capacity) folding->is_full = true;
    return !folding->is_full;
}

static bool is_same_place(const struct merge_entry *a, const struct merge_entry *b)
{
    return a->device == b->device && a->boot == b->boot && a->start_ms == b->start_ms &&
           a->end_ms == b->end_ms;
}

static int compare(const struct merge_entry *a, const struct merge_entry *b)
{
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    if (a->boot != b->boot) return a->boot < b->boot ? -1 : 1;
    if (a->start_ms != b->start_ms) return a->start_ms < b->start_ms ? -1 : 1;
    if (a->end_ms != b->end_ms) return a->end_ms < b->end_ms ? -1 : 1;
    if (a->size_ms != b->size_ms) return a->size_ms < b->size_ms ? -1 : 1;
    return a->seq < b->seq ? -1 : 1;
}

static bool says_the_same(const struct record *a, const struct record *b)
{
    const struct summary *x = &a->window.summary, *y = &b->window.summary;
    return strcmp(a->device, b->device) == 0 && a->window.size_ms != b->window.size_ms &&
           a->window.missed == b->window.missed && x->count == y->count &&
           x->sum_micro == y->sum_micro && wide_compare(x->sumsq, y->sumsq) == 0 &&
           x->min_micro == y->min_micro && x->max_micro == y->max_micro &&
           x->first_micro == y->first_micro && x->last_micro == y->last_micro &&
           x->min_ms == y->min_ms && x->max_ms == y->max_ms && x->first_ms == y->first_ms &&
           x->last_ms == y->last_ms;
}

/* Of those that say the same, the finest kind stays. */
static enum status find_pairs(struct degrade *degrade, struct degrade_leaving *leaving)
{
    const struct merge_plan *plan = &degrade->merge.plan;
    size_t kept = 0;
    for (size_t i = 1; i < plan->count && !leaving->is_full; i++) {
        struct record finer, coarser;
        if (!is_same_place(&plan->entries[kept], &plan->entries[i])) {
            kept = i;
            continue;
        }
        enum status status =
            outbox_read(degrade->outbox, LANE_WINDOW, plan->entries[kept].seq, &finer);
        if (status == ST_OK)
            status = outbox_read(degrade->outbox, LANE_WINDOW, plan->entries[i].seq, &coarser);
        if (status != ST_OK) return status;
        if (says_the_same(&finer, &coarser)) degrade_leave(leaving, &coarser);
    }
    return ST_OK;
}

static enum status fold_some(struct degrade *degrade, struct meta_state *state, bool *has_gained)
{
    struct merge_plan *plan = &degrade->merge.plan;
    struct folding folding = {.degrade = degrade, .offered = meta_offered(state)};
    struct degrade_leaving leaving;
    plan->count = plan->notice_count = 0;
    enum status status =
        outbox_walk(degrade->outbox, LANE_WINDOW, degrade->fold_after, visit, &folding);
    if (status != ST_OK) return status;
    merge_plan_sort(plan->entries, plan->count, compare);
    degrade_leaving_begin(&leaving, degrade, NOTICE_MERGED);
    leaving.most = plan->page_limit; /* they may lie anywhere */
    status = find_pairs(degrade, &leaving);
    if (status == ST_OK && leaving.count >= MERGE_GAIN) {
        for (size_t i = 0; i < plan->notice_count; i++)
            degrade_leave_notice(&leaving, plan->notices[i]);
        status = degrade_let_go(&leaving, LANE_WINDOW, state);
        *has_gained = status == ST_OK;
    }
    if (leaving.is_full && *has_gained) return status; /* more of them here */
    degrade->is_fold_done = !folding.is_full;
    /* Pairs lie close to each other, but one may be cut in two. */
    uint64_t step = (folding.last_seq - degrade->fold_after) * 3 / 4;
    degrade->fold_after = folding.is_full ? degrade->fold_after + step + 1 : folding.last_seq;
    return status;
}

enum status degrade_fold(struct degrade *degrade, struct meta_state *state, bool *has_gained)
{
    enum status status = ST_OK;
    while (status == ST_OK && !*has_gained && !degrade->is_fold_done)
        status = fold_some(degrade, state, has_gained);
    return status;
}
