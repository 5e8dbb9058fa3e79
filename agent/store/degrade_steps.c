/* Invariant: *state changes only with a COMMIT that succeeded. */
#include "store/degrade_steps.h"

#include "store/database.h"
#include "store/merge_rules.h"

#include <inttypes.h>
#include <string.h>

enum { ROWS_MOST = 65536 };

void degrade_leaving_begin(struct degrade_leaving *leaving, struct degrade *degrade,
                           enum notice_reason reason)
{
    struct merge *merge = &degrade->merge;
    memset(leaving, 0, sizeof *leaving);
    leaving->degrade = degrade;
    leaving->seqs = merge->seqs;
    leaving->most = merge->plan.capacity;
    leaving->bytes_most = merge->plan.page_limit * DATABASE_PAGE_BYTES / 2;
    notice_begin(&leaving->draft, reason, merge->ranges, merge->range_capacity);
}

void degrade_leave(struct degrade_leaving *leaving, const struct record *record)
{
    leaving->seqs[leaving->count++] = record->seq;
    notice_tell(&leaving->draft, record);
    if (leaving->count == leaving->most) leaving->is_full = true;
}

void degrade_leave_notice(struct degrade_leaving *leaving, uint64_t seq)
{
    if (leaving->notice_count < MERGE_NOTICES) leaving->notices[leaving->notice_count++] = seq;
}

static void owe(struct degrade_leaving *leaving, struct meta_state *state)
{
    const struct seq_ranges *freed = &leaving->draft.freed;
    struct notice *notice = owed_change(&state->owed, OWED_DROPPED);
    owed_add_notice(notice, &leaving->draft.said);
    for (size_t i = 0; i < freed->count; i++)
        owed_add_range(notice, freed->ranges[i].first, freed->ranges[i].last);
    state->dropped += leaving->draft.numbers;
}

/* Removes the rows and writes the notices, in a transaction. */
enum status degrade_let_go(struct degrade_leaving *leaving, enum lane lane,
                           struct meta_state *state)
{
    struct degrade *degrade = leaving->degrade;
    struct outbox *outbox = degrade->outbox;
    struct meta_state changed = *state;
    enum status status = database_begin(degrade->connection, degrade->log);
    if (status != ST_OK) return status;
    for (size_t i = 0; i < leaving->count && status == ST_OK; i++) {
        status = outbox_remove(outbox, lane, leaving->seqs[i], &changed);
        if (status == ST_OK) status = notice_add(&leaving->draft, leaving->seqs[i]);
    }
    for (size_t i = 0; i < leaving->notice_count && status == ST_OK; i++)
        status = notice_absorb(&leaving->draft, outbox, leaving->notices[i], &changed);
    if (leaving->draft.said.reason == NOTICE_MERGED) {
        leaving->draft.said.covered += leaving->count;
        changed.covered += leaving->count;
    }
    if (status == ST_OK && leaving->is_owed)
        owe(leaving, &changed);
    else if (status == ST_OK)
        status = notice_write(&leaving->draft, outbox, &changed);
    if (status == ST_OK) status = meta_save(degrade->meta, &changed);
    status = database_end(degrade->connection, degrade->log, status);
    if (status == ST_OK) *state = changed;
    return status;
}

enum status degrade_apply_merge(struct degrade *degrade, struct meta_state *state)
{
    struct meta_state changed = *state;
    enum status status = database_begin(degrade->connection, degrade->log);
    if (status != ST_OK) return status;
    status = merge_apply(&degrade->merge, degrade->outbox, &changed);
    if (status == ST_OK) status = meta_save(degrade->meta, &changed);
    status = database_end(degrade->connection, degrade->log, status);
    if (status == ST_OK) *state = changed;
    return status;
}

/* ---- views ---- */

static bool visit_view(void *context, const struct record *record, size_t bytes)
{
    struct degrade_leaving *leaving = context;
    leaving->rows++;
    leaving->last_seq = record->seq;
    if (leaving->count > 0) leaving->bytes += bytes;
    bool is_offered = seq_ranges_contain(&leaving->offered, record->seq);
    if (record->kind == RECORD_NOTICE && !is_offered) degrade_leave_notice(leaving, record->seq);
    if (record->kind == RECORD_WINDOW && !is_offered && record->seq >= leaving->since &&
        merge_rules_classify(&leaving->degrade->kinds, &record->window) == MERGE_VIEW)
        degrade_leave(leaving, record);
    if (leaving->rows >= ROWS_MOST || leaving->bytes >= leaving->bytes_most)
        leaving->is_full = true;
    return !leaving->is_full;
}

enum status degrade_drop_views(struct degrade *degrade, struct meta_state *state, bool *has_gained)
{
    struct degrade_leaving leaving;
    enum status status = ST_OK;
    while (status == ST_OK && !*has_gained && !degrade->are_views_done) {
        degrade_leaving_begin(&leaving, degrade, NOTICE_MERGED);
        leaving.offered = meta_offered(state);
        leaving.since = state->kinds_since;
        leaving.last_seq = degrade->views_after;
        status =
            outbox_walk(degrade->outbox, LANE_WINDOW, degrade->views_after, visit_view, &leaving);
        if (status == ST_OK && leaving.count >= MERGE_GAIN) {
            status = degrade_let_go(&leaving, LANE_WINDOW, state);
            *has_gained = status == ST_OK;
        }
        if (status != ST_OK) return status;
        degrade->are_views_done = !leaving.is_full;
        degrade->views_after = leaving.last_seq;
    }
    return status;
}

/* ---- the oldest ---- */

static bool visit_oldest(void *context, const struct record *record, size_t bytes)
{
    struct degrade_leaving *leaving = context;
    (void)bytes;
    if (seq_ranges_contain(&leaving->offered, record->seq)) return true;
    if (record->kind == RECORD_NOTICE)
        degrade_leave_notice(leaving, record->seq);
    else
        degrade_leave(leaving, record);
    return !leaving->is_full;
}

static bool visit_offered(void *context, const struct record *record, size_t bytes)
{
    struct degrade_leaving *leaving = context;
    (void)bytes;
    if (record->kind != RECORD_NOTICE) degrade_leave(leaving, record);
    return !leaving->is_full;
}

static enum status drop(struct degrade_leaving *leaving, enum lane lane, uint64_t count,
                        struct meta_state *state, uint64_t *dropped)
{
    uint64_t before = state->dropped;
    if (count < leaving->most) leaving->most = (size_t)count;
    enum status status = outbox_walk(leaving->degrade->outbox, lane, 0,
                                     leaving->is_owed ? visit_offered : visit_oldest, leaving);
    bool has_some = leaving->count > 0 || leaving->notice_count > 1;
    if (status == ST_OK && has_some) status = degrade_let_go(leaving, lane, state);
    *dropped = state->dropped - before;
    return status;
}

enum status degrade_drop(struct degrade *degrade, uint64_t count, struct meta_state *state,
                         uint64_t *dropped)
{
    struct degrade_leaving leaving;
    degrade_leaving_begin(&leaving, degrade, NOTICE_DROPPED);
    leaving.offered = meta_offered(state);
    return drop(&leaving, LANE_WINDOW, count, state, dropped);
}

enum status degrade_drop_offered(struct degrade *degrade, enum lane lane, uint64_t count,
                                 struct meta_state *state, uint64_t *dropped)
{
    struct degrade_leaving leaving;
    degrade_leaving_begin(&leaving, degrade, NOTICE_DROPPED);
    leaving.is_owed = true;
    return drop(&leaving, lane, count, state, dropped);
}

/* ---- notices ---- */

static bool visit_notice(void *context, const struct record *record, size_t bytes)
{
    struct degrade_leaving *leaving = context;
    (void)bytes;
    leaving->last_seq = record->seq;
    if (++leaving->rows >= ROWS_MOST) leaving->is_full = true;
    if (record->kind == RECORD_NOTICE && record->notice.reason == NOTICE_MERGED &&
        record->notice.range_count < NOTICE_RANGES / 2 &&
        !seq_ranges_contain(&leaving->offered, record->seq)) {
        degrade_leave_notice(leaving, record->seq);
        if (leaving->notice_count == MERGE_NOTICES) leaving->is_full = true;
    }
    return !leaving->is_full;
}

enum status degrade_tidy(struct degrade *degrade, struct meta_state *state)
{
    struct degrade_leaving leaving;
    degrade_leaving_begin(&leaving, degrade, NOTICE_MERGED);
    leaving.offered = meta_offered(state);
    enum status status =
        outbox_walk(degrade->outbox, LANE_WINDOW, degrade->tidy_after, visit_notice, &leaving);
    if (status != ST_OK) return status;
    if (leaving.notice_count >= MERGE_GAIN) status = degrade_let_go(&leaving, LANE_WINDOW, state);
    degrade->tidy_after = leaving.is_full ? leaving.last_seq : 0;
    return status;
}
