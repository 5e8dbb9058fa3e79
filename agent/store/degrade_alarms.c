/* Invariant: of each alarm the first and the last transition that wait stay, and the last one says
 * how many between them are gone. */
#include "store/degrade_steps.h"

#include "store/database.h"

#include <string.h>

enum {
    ROWS_MOST = 65536,
    ROW_BYTES = 16, /* that a row costs beside the record */
    RETRY_LEAST = 64,
    RETRY_PART = 8, /* of what waits, until what had nothing is asked again */
    END_PERCENT = 75
};

static bool is_mergeable(const struct record *record)
{
    const struct alarm_event *alarm = &record->alarm;
    return record->kind == RECORD_ALARM && alarm->priority < ALARM_PRIORITY_HIGH &&
           strcmp(alarm->id, alarm_kind_id(ALARM_HIGH_HIGH)) != 0 &&
           strcmp(alarm->id, alarm_kind_id(ALARM_LOW_LOW)) != 0;
}

static void write_id(const struct record *record, char *id)
{
    alarm_id_write(id, record->device, record->alarm.name, record->alarm.id);
}

/* ---- how much there is ---- */

static enum status measure(struct degrade *degrade, const struct meta_state *state)
{
    sqlite3_stmt *statement = degrade->alarm_bytes;
    int result = sqlite3_step(statement);
    enum status status = ST_OK;
    if (result == SQLITE_ROW)
        degrade->measured_bytes = sqlite3_column_int64(statement, 0);
    else
        status = database_report(degrade->connection, degrade->log, result, "size of the lane");
    (void)sqlite3_reset(statement);
    degrade->measured_bytes += (int64_t)state->waiting[LANE_ALARM] * ROW_BYTES;
    degrade->measured_seq = state->next_seq;
    return status;
}

/* Looks only when what has come since the last look may have made it too much. */
static enum status is_above(struct degrade *degrade, const struct meta_state *state,
                            int64_t limit_bytes, bool *is_it)
{
    enum { RECORD_MOST = STREAM_ALARM_BYTES + ROW_BYTES };
    int64_t waiting = (int64_t)state->waiting[LANE_ALARM];
    int64_t come = (int64_t)(state->next_seq - degrade->measured_seq);
    enum status status = ST_OK;
    *is_it = false;
    if (waiting * RECORD_MOST <= limit_bytes) return ST_OK;
    if (degrade->measured_bytes + come * RECORD_MOST > limit_bytes)
        status = measure(degrade, state);
    *is_it = status == ST_OK && degrade->measured_bytes > limit_bytes;
    return status;
}

/* ---- what may go ---- */

struct looking {
    struct degrade *degrade;
    uint64_t last_seq, rows;
    size_t bytes, bytes_most;
    bool is_full;
};

static bool visit(void *context, const struct record *record, size_t bytes)
{
    struct looking *looking = context;
    struct merge_plan *plan = &looking->degrade->merge.plan;
    char id[ALARM_ID_SIZE];
    looking->last_seq = record->seq;
    looking->bytes += bytes;
    if (is_mergeable(record)) {
        write_id(record, id);
        plan->entries[plan->count++] =
            (struct merge_entry){.seq = record->seq, .device = merge_plan_hash(id)};
    }
    looking->is_full = ++looking->rows >= ROWS_MOST || plan->count == plan->capacity ||
                       looking->bytes >= looking->bytes_most;
    return !looking->is_full;
}

static int compare(const struct merge_entry *a, const struct merge_entry *b)
{
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Entries with the same alarm as the first of them. */
static size_t count_group(const struct merge_entry *entries, size_t count)
{
    size_t members = 1;
    while (members < count && entries[members].device == entries[0].device) members++;
    return members;
}

/* What is between the first and the last of an alarm goes, and the last says so. */
static enum status merge_group(struct degrade_leaving *leaving, const struct merge_entry *entries,
                               size_t count, struct meta_state *state)
{
    struct outbox *outbox = leaving->degrade->outbox;
    struct record last, between;
    char id[ALARM_ID_SIZE], other_id[ALARM_ID_SIZE];
    enum status status = outbox_read(outbox, LANE_ALARM, entries[count - 1].seq, &last);
    if (status != ST_OK) return status;
    write_id(&last, id);
    uint32_t merged = last.alarm.merged;
    for (size_t i = 1; i + 1 < count && status == ST_OK; i++) {
        status = outbox_read(outbox, LANE_ALARM, entries[i].seq, &between);
        if (status != ST_OK) break;
        write_id(&between, other_id);
        if (strcmp(id, other_id) != 0) continue; /* of the same hash */
        last.alarm.merged += 1 + between.alarm.merged;
        notice_tell(&leaving->draft, &between);
        status = outbox_remove(outbox, LANE_ALARM, between.seq, state);
        if (status == ST_OK) status = notice_add(&leaving->draft, between.seq);
    }
    if (status != ST_OK || last.alarm.merged == merged) return status;
    status = outbox_remove(outbox, LANE_ALARM, last.seq, state);
    return status == ST_OK ? outbox_put(outbox, LANE_ALARM, &last, state) : status;
}

static enum status merge_all(struct degrade *degrade, struct meta_state *state)
{
    const struct merge_plan *plan = &degrade->merge.plan;
    struct degrade_leaving leaving;
    enum status status = ST_OK;
    degrade_leaving_begin(&leaving, degrade, NOTICE_MERGED);
    for (size_t at = 0; at < plan->count && status == ST_OK;) {
        size_t count = count_group(plan->entries + at, plan->count - at);
        if (count > 2) status = merge_group(&leaving, plan->entries + at, count, state);
        at += count;
    }
    state->merged_alarms += leaving.draft.numbers;
    return status == ST_OK ? notice_write(&leaving.draft, degrade->outbox, state) : status;
}

static enum status apply(struct degrade *degrade, struct meta_state *state)
{
    struct meta_state changed = *state;
    enum status status = database_begin(degrade->connection, degrade->log);
    if (status != ST_OK) return status;
    status = merge_all(degrade, &changed);
    if (status == ST_OK) status = meta_save(degrade->meta, &changed);
    status = database_end(degrade->connection, degrade->log, status);
    if (status == ST_OK) *state = changed;
    return status;
}

/* How many transitions are between the first and the last of their alarm. */
static size_t count_between(const struct merge_plan *plan)
{
    size_t between = 0;
    for (size_t at = 0; at < plan->count;) {
        size_t count = count_group(plan->entries + at, plan->count - at);
        if (count > 2) between += count - 2;
        at += count;
    }
    return between;
}

/* One stretch of the lane, no longer than a transaction may touch. */
static enum status merge_stretch(struct degrade *degrade, struct meta_state *state,
                                 bool *has_gained)
{
    struct merge_plan *plan = &degrade->merge.plan;
    struct looking looking = {.degrade = degrade,
                              .bytes_most = plan->page_limit * DATABASE_PAGE_BYTES / 2};
    uint64_t offered = state->alarms_offered;
    if (offered < degrade->alarms_offered) offered = degrade->alarms_offered;
    uint64_t after = degrade->alarms_after > offered ? degrade->alarms_after : offered;
    plan->count = 0;
    enum status status = outbox_walk(degrade->outbox, LANE_ALARM, after, visit, &looking);
    if (status != ST_OK) return status;
    merge_plan_sort(plan->entries, plan->count, compare);
    if (count_between(plan) >= MERGE_GAIN) {
        status = apply(degrade, state);
        *has_gained = status == ST_OK;
        return status;
    }
    degrade->are_alarms_done = !looking.is_full;
    degrade->alarms_after = looking.is_full ? looking.last_seq : 0;
    return ST_OK;
}

enum status degrade_merge_alarms(struct degrade *degrade, bool is_needed, struct meta_state *state,
                                 bool *has_gained)
{
    enum status status = ST_OK;
    bool is_due = is_needed;
    *has_gained = false;
    if (state->next_seq >= degrade->alarms_retry_seq) degrade->are_alarms_done = false;
    if (degrade->are_alarms_done) return ST_OK;
    if (!is_needed) {
        int64_t limit_bytes = degrade->alarm_budget_bytes;
        if (degrade->is_merging_alarms) limit_bytes = limit_bytes / 100 * END_PERCENT;
        status = is_above(degrade, state, limit_bytes, &is_due);
        degrade->is_merging_alarms = is_due;
    }
    while (status == ST_OK && is_due && !*has_gained && !degrade->are_alarms_done)
        status = merge_stretch(degrade, state, has_gained);
    if (degrade->are_alarms_done) {
        uint64_t enough = state->waiting[LANE_ALARM] / RETRY_PART;
        degrade->is_merging_alarms = false;
        degrade->alarms_retry_seq = state->next_seq + (enough > RETRY_LEAST ? enough : RETRY_LEAST);
    }
    if (*has_gained) degrade->measured_bytes = INT64_MAX / 2; /* to be measured again */
    return status;
}
