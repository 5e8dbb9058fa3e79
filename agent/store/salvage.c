/* Invariant: nothing goes into the new store whose checksum is not right. */
#include "store/salvage.h"

#include "store/database.h"
#include "store/inquest.h"
#include "store/leaf_page.h"
#include "store/outbox.h"
#include "store/record_codec.h"
#include "store/store_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    ROWS_A_COMMIT = 2000,
    WAL_HEAD_BYTES = 32,
    FRAME_HEAD_BYTES = 24,
    FIRST_HEAD_AT = 100,
    NEW_PAGES_MOST = 0x7ffffffe
};

struct salvaging {
    struct reader *reader;
    struct salvage_report *report;
    struct log *log;
    void (*progress)(void *context, uint64_t records);
    void *context;
    sqlite3 *connection;
    sqlite3_stmt *insert_record[LANE_COUNT], *insert_blob;
    uint64_t rows, last_seq, last_blob;
    struct meta_state state;
    bool is_scanning;
    enum status status; /* of writing */
};

static enum status turn_transaction(struct salvaging *salvaging)
{
    enum status status = database_execute(salvaging->connection, salvaging->log, "COMMIT");
    if (status == ST_OK) status = database_checkpoint(salvaging->connection, salvaging->log, true);
    if (status == ST_OK)
        status = database_execute(salvaging->connection, salvaging->log, "BEGIN IMMEDIATE");
    return status;
}

/* Answers whether it was new and is written. */
static bool insert(struct salvaging *salvaging, sqlite3_stmt *statement, uint64_t number,
                   const uint8_t *bytes, size_t size)
{
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
    (void)sqlite3_bind_blob(statement, 2, bytes, (int)size, SQLITE_STATIC);
    salvaging->status = database_step(salvaging->connection, salvaging->log, statement);
    if (salvaging->status != ST_OK || sqlite3_changes(salvaging->connection) == 0) return false;
    if (++salvaging->rows % ROWS_A_COMMIT != 0) return true;
    salvaging->status = turn_transaction(salvaging);
    salvaging->progress(salvaging->context, salvaging->rows);
    return salvaging->status == ST_OK;
}

static void keep_record(struct salvaging *salvaging, enum lane lane, uint64_t seq,
                        const uint8_t *bytes, size_t size)
{
    if (!insert(salvaging, salvaging->insert_record[lane], seq, bytes, size)) return;
    salvaging->report->saved[lane]++;
    if (salvaging->is_scanning) salvaging->report->scanned[lane]++;
    if (seq > salvaging->last_seq) salvaging->last_seq = seq;
}

static bool on_record(void *context, const struct reader_record *found)
{
    struct salvaging *salvaging = context;
    if (found->status == ST_OK)
        keep_record(salvaging, found->lane, found->seq, found->bytes, found->size);
    else
        salvaging->report->damaged++;
    return salvaging->status == ST_OK;
}

static bool on_blob(void *context, const struct reader_blob *blob)
{
    struct salvaging *salvaging = context;
    if (blob->status != ST_OK) {
        salvaging->report->damaged_blobs++;
        return true;
    }
    if (insert(salvaging, salvaging->insert_blob, blob->id, blob->bytes, blob->size)) {
        salvaging->report->blobs++;
        if (blob->id > salvaging->last_blob) salvaging->last_blob = blob->id;
    }
    return salvaging->status == ST_OK;
}

/* The newest state that a page holds, when the table itself cannot be read. */
static void scan_state(struct salvaging *salvaging, const uint8_t *page)
{
    struct leaf_row row;
    struct meta_state state;
    for (size_t cursor = 0; leaf_page_find(page, DATABASE_PAGE_BYTES, "state", &cursor, &row);) {
        if (meta_read_state(row.blob, row.size, &state) != ST_OK) continue;
        if (salvaging->report->has_state && state.batch <= salvaging->state.batch) continue;
        salvaging->state = state;
        salvaging->report->has_state = true;
    }
}

static void scan_page(struct salvaging *salvaging, const uint8_t *page, size_t head_at)
{
    struct leaf_row row;
    struct record record;
    for (size_t cursor = 0; leaf_page_next(page, DATABASE_PAGE_BYTES, head_at, &cursor, &row);) {
        if (record_codec_decode(row.blob, row.size, row.seq, &record) != ST_OK) continue;
        enum lane lane = record.kind == RECORD_ALARM ? LANE_ALARM : LANE_WINDOW;
        keep_record(salvaging, lane, row.seq, row.blob, row.size);
    }
}

/* Reads one page at `at` and hands it to `scan`; a sector that cannot be read is left out. */
static bool scan_at(struct salvaging *salvaging, int fd, off_t at, size_t head_at, bool for_state)
{
    uint8_t page[DATABASE_PAGE_BYTES];
    ssize_t size = pread(fd, page, sizeof page, at);
    if (size == 0) return false;
    if (size != (ssize_t)sizeof page) {
        if (size < 0 && !for_state) salvaging->report->unreadable_pages++;
        return size < 0;
    }
    if (for_state)
        scan_state(salvaging, page);
    else
        scan_page(salvaging, page, head_at);
    return true;
}

/* The newest frames first: a page may be in the WAL several times. */
static void scan_wal(struct salvaging *salvaging, bool for_state)
{
    char path[STORE_FILE_PATH_SIZE];
    store_file_join(path, reader_path(salvaging->reader), "-wal");
    const int64_t frame_bytes = FRAME_HEAD_BYTES + DATABASE_PAGE_BYTES;
    int64_t frames = (store_file_bytes(path) - WAL_HEAD_BYTES) / frame_bytes;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (int64_t i = frames; fd >= 0 && i-- > 0 && salvaging->status == ST_OK;)
        (void)scan_at(salvaging, fd, WAL_HEAD_BYTES + i * frame_bytes + FRAME_HEAD_BYTES, 0,
                      for_state);
    if (fd >= 0) (void)close(fd);
}

static void scan_database(struct salvaging *salvaging, bool for_state)
{
    int64_t bytes = store_file_bytes(reader_path(salvaging->reader));
    int fd = open(reader_path(salvaging->reader), O_RDONLY | O_CLOEXEC);
    for (int64_t at = 0; fd >= 0 && at < bytes && salvaging->status == ST_OK;
         at += DATABASE_PAGE_BYTES)
        (void)scan_at(salvaging, fd, at, at == 0 ? FIRST_HEAD_AT : 0, for_state);
    if (fd >= 0) (void)close(fd);
}

static enum status open_new(struct salvaging *salvaging, const char *path)
{
    static const char *const inserts[LANE_COUNT] = {
        [LANE_ALARM] = "INSERT OR IGNORE INTO outbox_alarm(seq, record) VALUES(?1, ?2)",
        [LANE_WINDOW] = "INSERT OR IGNORE INTO outbox_window(seq, record) VALUES(?1, ?2)"};
    const struct database_shares shares = {
        .max_pages = NEW_PAGES_MOST, .checkpoint_pages = 1000, .wal_bytes = 4 << 20};
    struct log *log = salvaging->log;
    enum status status = database_create(path, log);
    if (status == ST_OK)
        status = database_open(&salvaging->connection, path, NULL, &shares, false, log);
    for (int lane = 0; lane < LANE_COUNT && status == ST_OK; lane++)
        status = database_prepare(salvaging->connection, log, inserts[lane],
                                  &salvaging->insert_record[lane]);
    if (status == ST_OK)
        status = database_prepare(salvaging->connection, log,
                                  "INSERT OR IGNORE INTO journal(id, entries) VALUES(?1, ?2)",
                                  &salvaging->insert_blob);
    if (status == ST_OK) status = database_execute(salvaging->connection, log, "BEGIN IMMEDIATE");
    return status;
}

static void read_all(struct salvaging *salvaging)
{
    struct salvage_report *report = salvaging->report;
    report->has_state = reader_state(salvaging->reader, &salvaging->state) == ST_OK;
    report->is_complete = true;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        enum status status =
            reader_list_records(salvaging->reader, (enum lane)lane, on_record, salvaging);
        if (status != ST_OK) report->is_complete = false;
    }
    if (reader_list_journal(salvaging->reader, on_blob, salvaging) != ST_OK)
        report->is_complete = false;
    if (!report->has_state) {
        scan_wal(salvaging, true);
        scan_database(salvaging, true);
    }
    if (report->is_complete) return;
    salvaging->is_scanning = true;
    scan_wal(salvaging, false);
    scan_database(salvaging, false);
}

/* To be said by the agent that goes on with it: what is gone cannot be told from what was
 * delivered, so every number that is not there is named. */
static enum status owe(struct salvaging *salvaging)
{
    const struct salvage_report *report = salvaging->report;
    if (report->lost == 0 && report->damaged == 0 && report->damaged_blobs == 0) return ST_OK;
    struct outbox outbox = {.connection = salvaging->connection, .log = salvaging->log};
    struct notice *notice = owed_change(&salvaging->state.owed, OWED_DAMAGED);
    notice->lost += report->lost > report->damaged ? report->lost : report->damaged;
    notice->blobs += (uint32_t)report->damaged_blobs;
    inquest_name(notice, reader_path(salvaging->reader), ".damaged-1");
    return outbox_find_gaps(&outbox, salvaging->state.next_seq, notice);
}

/* The ledger balances again; what the old state counted as waiting and is not there was dropped. */
static void settle_state(struct salvaging *salvaging)
{
    struct salvage_report *report = salvaging->report;
    struct meta_state *state = &salvaging->state;
    uint64_t saved = 0, waited = 0;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        saved += report->saved[lane];
        waited += state->waiting[lane];
        state->waiting[lane] = report->saved[lane];
    }
    report->is_lost_known = report->has_state;
    report->lost = report->has_state && waited > saved ? waited - saved : 0;
    uint64_t accounted =
        state->acknowledged + state->merged + state->dropped + saved + report->lost;
    state->dropped += report->lost;
    if (state->written < accounted) state->written = accounted;
    if (state->written > accounted) state->dropped += state->written - accounted;
    if (state->next_seq <= salvaging->last_seq) state->next_seq = salvaging->last_seq + 1;
    if (state->batch < salvaging->last_blob) state->batch = salvaging->last_blob;
}

static enum status write_state(struct salvaging *salvaging)
{
    if (!salvaging->report->has_state && meta_make_state(&salvaging->state) != ST_OK) return ST_IO;
    settle_state(salvaging);
    struct meta meta;
    enum status status = owe(salvaging);
    if (status != ST_OK) return status;
    status = meta_open(&meta, salvaging->connection, salvaging->log);
    if (status == ST_OK) status = meta_save(&meta, &salvaging->state);
    meta_close(&meta);
    if (status == ST_OK) status = database_execute(salvaging->connection, salvaging->log, "COMMIT");
    return status;
}

static void close_new(struct salvaging *salvaging)
{
    for (int lane = 0; lane < LANE_COUNT; lane++)
        (void)sqlite3_finalize(salvaging->insert_record[lane]);
    (void)sqlite3_finalize(salvaging->insert_blob);
    database_finish(&salvaging->connection);
}

enum status salvage_store(struct reader *reader, const char *path, struct log *log,
                          void (*progress)(void *context, uint64_t records), void *context,
                          struct salvage_report *report)
{
    struct salvaging salvaging = {
        .reader = reader, .report = report, .log = log, .progress = progress, .context = context};
    memset(report, 0, sizeof *report);
    enum status status = open_new(&salvaging, path);
    if (status == ST_OK) {
        read_all(&salvaging);
        status = salvaging.status;
    }
    if (status == ST_OK) status = write_state(&salvaging);
    close_new(&salvaging);
    if (status == ST_OK) return ST_OK;
    (void)unlink(path);
    return status;
}
