/* Invariant: every row that goes is counted, as acknowledged or as dropped, in the transaction
 * in which it goes. */
#include "store/outbox.h"

#include "store/database.h"
#include "store/record_codec.h"

#include <inttypes.h>
#include <string.h>

static const char *const sql[LANE_COUNT][OUTBOX_JOBS] = {
    [LANE_ALARM] =
        {
            "INSERT INTO outbox_alarm(seq, record) VALUES(?1, ?2)",
            "DELETE FROM outbox_alarm WHERE seq BETWEEN ?1 AND ?2",
            "SELECT seq, record FROM outbox_alarm WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            "SELECT count(*) FROM outbox_alarm",
            "SELECT max(seq) FROM outbox_alarm",
            "SELECT seq, record FROM outbox_alarm WHERE seq = ?1",
            ("SELECT max(seq) FROM (SELECT seq FROM outbox_alarm WHERE seq > ?1 ORDER BY seq LIMIT "
             "?2)"),
        },
    [LANE_WINDOW] =
        {
            "INSERT INTO outbox_window(seq, record) VALUES(?1, ?2)",
            "DELETE FROM outbox_window WHERE seq BETWEEN ?1 AND ?2",
            "SELECT seq, record FROM outbox_window WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            "SELECT count(*) FROM outbox_window",
            "SELECT max(seq) FROM outbox_window",
            "SELECT seq, record FROM outbox_window WHERE seq = ?1",
            ("SELECT max(seq) FROM (SELECT seq FROM outbox_window WHERE seq > ?1 ORDER BY seq "
             "LIMIT "
             "?2)"),
        },
};

enum status outbox_open(struct outbox *outbox, sqlite3 *connection, struct log *log)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->connection = connection;
    outbox->log = log;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        for (int job = 0; job < OUTBOX_JOBS; job++) {
            enum status status =
                database_prepare(connection, log, sql[lane][job], &outbox->statements[lane][job]);
            if (status != ST_OK) return status;
        }
    }
    return ST_OK;
}

void outbox_close(struct outbox *outbox)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        for (int job = 0; job < OUTBOX_JOBS; job++)
            (void)sqlite3_finalize(outbox->statements[lane][job]);
    }
    memset(outbox, 0, sizeof *outbox);
}

static enum status insert_one(struct outbox *outbox, const struct batch_record *record)
{
    sqlite3_stmt *statement = outbox->statements[record->lane][OUTBOX_INSERT];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)record->seq);
    (void)sqlite3_bind_blob(statement, 2, record->bytes, (int)record->size, SQLITE_STATIC);
    return database_step(outbox->connection, outbox->log, statement);
}

enum status outbox_add(struct outbox *outbox, const struct batch_record *record,
                       struct meta_state *state)
{
    enum status status = insert_one(outbox, record);
    if (status != ST_OK) return status;
    state->written++;
    state->waiting[record->lane]++;
    return ST_OK;
}

enum status outbox_insert(struct outbox *outbox, const struct batch *batch,
                          struct meta_state *state)
{
    struct batch_record record;
    for (size_t cursor = 0; batch_next_record(batch, &cursor, &record);) {
        enum status status = outbox_add(outbox, &record, state);
        if (status != ST_OK) return status;
    }
    if (batch->next_seq != 0) state->next_seq = batch->next_seq;
    return ST_OK;
}

/* Deletes what there is of the range; *count tells how many, also counted off `waiting`. */
static enum status delete_range(struct outbox *outbox, enum lane lane, uint64_t first,
                                uint64_t last, struct meta_state *state, uint64_t *count)
{
    sqlite3_stmt *statement = outbox->statements[lane][OUTBOX_DELETE];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)first);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)last);
    enum status status = database_step(outbox->connection, outbox->log, statement);
    *count = status == ST_OK ? (uint64_t)sqlite3_changes(outbox->connection) : 0;
    state->waiting[lane] -= *count <= state->waiting[lane] ? *count : state->waiting[lane];
    return status;
}

enum status outbox_deliver(struct outbox *outbox, enum lane lane, uint64_t first, uint64_t last,
                           struct meta_state *state, uint64_t *count)
{
    enum status status = delete_range(outbox, lane, first, last, state, count);
    state->acknowledged += *count;
    return status;
}

enum status outbox_acknowledge(struct outbox *outbox, const struct batch *batch,
                               struct meta_state *state)
{
    for (size_t i = 0; i < batch->range_count; i++) {
        const struct batch_range *range = &batch->ranges[i];
        uint64_t count;
        enum status status =
            outbox_deliver(outbox, range->lane, range->first, range->last, state, &count);
        if (status != ST_OK) return status;
    }
    return ST_OK;
}

/* Runs a statement that gives one number; NULL counts as 0. */
static enum status ask(struct outbox *outbox, sqlite3_stmt *statement, uint64_t *number)
{
    int result = sqlite3_step(statement);
    enum status status = ST_OK;
    if (result == SQLITE_ROW)
        *number = (uint64_t)sqlite3_column_int64(statement, 0);
    else
        status = database_report(outbox->connection, outbox->log, result, sqlite3_sql(statement));
    (void)sqlite3_reset(statement);
    return status;
}

enum status outbox_look_ahead(struct outbox *outbox, enum lane lane, uint64_t after, uint64_t count,
                              uint64_t *seq)
{
    sqlite3_stmt *statement = outbox->statements[lane][OUTBOX_AHEAD];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)after);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)count);
    return ask(outbox, statement, seq);
}

enum status outbox_drop_one(struct outbox *outbox, enum lane lane, uint64_t seq,
                            struct meta_state *state)
{
    uint64_t count;
    enum status status = delete_range(outbox, lane, seq, seq, state, &count);
    state->dropped += count;
    return status;
}

/* Reads the record of the row that the statement is at. */
static enum status read_row(struct outbox *outbox, sqlite3_stmt *statement, enum lane lane,
                            uint64_t seq, struct record *record)
{
    const uint8_t *bytes = sqlite3_column_blob(statement, 1);
    size_t size = (size_t)sqlite3_column_bytes(statement, 1);
    enum status status = bytes == NULL ? ST_CORRUPT : record_codec_decode(bytes, size, seq, record);
    if (status == ST_OK && (record->kind == RECORD_ALARM) != (lane == LANE_ALARM))
        status = ST_CORRUPT; /* of the other table */
    if (status == ST_OK) return ST_OK;
    log_limited(outbox->log, LOG_LEVEL_ERROR, "store", "record",
                "record %" PRIu64 " cannot be read (%s): dropped", seq, status_text(status));
    return ST_CORRUPT;
}

enum status outbox_put(struct outbox *outbox, enum lane lane, const struct record *record,
                       struct meta_state *state)
{
    uint8_t bytes[RECORD_CODEC_MAX];
    struct batch_record row = {.seq = record->seq, .lane = lane, .bytes = bytes};
    row.size = record_codec_encode(record, bytes, sizeof bytes);
    if (row.size == 0) return ST_INVALID;
    enum status status = insert_one(outbox, &row);
    if (status == ST_OK) state->waiting[lane]++;
    return status;
}

enum status outbox_read(struct outbox *outbox, enum lane lane, uint64_t seq, struct record *record)
{
    sqlite3_stmt *statement = outbox->statements[lane][OUTBOX_READ];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)seq);
    int result = sqlite3_step(statement);
    enum status status;
    if (result == SQLITE_ROW)
        status = read_row(outbox, statement, lane, seq, record);
    else if (result == SQLITE_DONE)
        status = ST_NOT_FOUND;
    else
        status = database_report(outbox->connection, outbox->log, result, "read of a record");
    (void)sqlite3_reset(statement);
    return status;
}

enum status outbox_remove(struct outbox *outbox, enum lane lane, uint64_t seq,
                          struct meta_state *state)
{
    uint64_t count;
    return delete_range(outbox, lane, seq, seq, state, &count);
}

enum status outbox_walk(struct outbox *outbox, enum lane lane, uint64_t after,
                        bool (*visit)(void *context, const struct record *record, size_t bytes),
                        void *context)
{
    sqlite3_stmt *statement = outbox->statements[lane][OUTBOX_FETCH];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)after);
    (void)sqlite3_bind_int64(statement, 2, -1);
    enum status status = ST_OK;
    bool goes_on = true;
    while (goes_on) {
        int result = sqlite3_step(statement);
        if (result == SQLITE_DONE) break;
        if (result != SQLITE_ROW) {
            status = database_report(outbox->connection, outbox->log, result, "walk");
            break;
        }
        struct record record;
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        if (read_row(outbox, statement, lane, seq, &record) != ST_OK) continue;
        goes_on = visit(context, &record, (size_t)sqlite3_column_bytes(statement, 1));
    }
    (void)sqlite3_reset(statement);
    return status;
}

enum status outbox_fetch(struct outbox *outbox, enum lane lane, uint64_t after, uint64_t before,
                         size_t max, struct record *records, size_t *count, uint64_t *damaged_seq)
{
    sqlite3_stmt *statement = outbox->statements[lane][OUTBOX_FETCH];
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)after);
    (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)max);
    *count = 0;
    *damaged_seq = 0;
    enum status status = ST_OK;
    int result;
    while (status == ST_OK && *count < max && (result = sqlite3_step(statement)) != SQLITE_DONE) {
        if (result != SQLITE_ROW) {
            status = database_report(outbox->connection, outbox->log, result, "fetch");
            break;
        }
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        if (seq <= after || seq >= before) {
            log_limited(outbox->log, LOG_LEVEL_ERROR, "store", "order",
                        "record %" PRIu64 " is not where it should be", seq);
            status = ST_CORRUPT;
            break;
        }
        after = seq;
        status = read_row(outbox, statement, lane, seq, &records[*count]);
        if (status == ST_OK)
            (*count)++;
        else
            *damaged_seq = seq;
    }
    (void)sqlite3_reset(statement);
    return status;
}

enum status outbox_recount(struct outbox *outbox, struct meta_state *state)
{
    uint64_t total = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        enum status status =
            ask(outbox, outbox->statements[lane][OUTBOX_COUNT], &state->waiting[lane]);
        if (status != ST_OK) return status;
        total += state->waiting[lane];
    }
    uint64_t accounted = state->acknowledged + state->merged + total;
    uint64_t dropped = state->written > accounted ? state->written - accounted : 0;
    if (dropped == state->dropped && state->written >= accounted) return ST_OK;
    log_write(outbox->log, LOG_LEVEL_ERROR, "store",
              "the counters did not fit the records: dropped is now %" PRIu64 ", was %" PRIu64,
              dropped, state->dropped);
    state->dropped = dropped;
    state->written = accounted + dropped;
    return ST_OK;
}

enum status outbox_find_gaps(struct outbox *outbox, uint64_t before, struct notice *notice)
{
    static const char *const list =
        "SELECT seq FROM outbox_alarm UNION ALL SELECT seq FROM outbox_window ORDER BY seq";
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(outbox->connection, outbox->log, list, &statement);
    if (status != ST_OK) return status;
    uint64_t next = 1;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        owed_add_range(notice, next, seq - 1);
        next = seq + 1;
    }
    if (result != SQLITE_DONE)
        status = database_report(outbox->connection, outbox->log, result, list);
    (void)sqlite3_finalize(statement);
    owed_add_range(notice, next, before - 1);
    return status;
}

enum status outbox_find_newest(struct outbox *outbox, uint64_t *seq)
{
    *seq = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t newest = 0;
        enum status status = ask(outbox, outbox->statements[lane][OUTBOX_NEWEST], &newest);
        if (status != ST_OK) return status;
        if (newest > *seq) *seq = newest;
    }
    return ST_OK;
}
