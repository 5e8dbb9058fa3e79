/* Invariant: writer->state is what the database holds; it changes only after a COMMIT that
 * succeeded, or by reading it from the database. */
#include "store/writer.h"

#include "store/inquest.h"
#include "store/merge_rules.h"
#include "store/offer.h"
#include "store/probe.h"
#include "store/quarantine.h"
#include "store/reserve.h"
#include "store/room.h"
#include "store/store_file.h"
#include "store/wear.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ROOM_ROUNDS = 64, /* tries to make room before the caller waits a while */
    DAMAGE_MOST = 3,  /* then the file is set aside even though a check finds nothing */
    RESERVE_EVERY_MS = 60000
};

static void close_parts(struct writer *writer)
{
    outbox_close(&writer->outbox);
    journal_close(&writer->journal);
    meta_close(&writer->meta);
    degrade_close(&writer->degrade);
}

static void detach(struct writer *writer)
{
    close_parts(writer);
    database_close(&writer->connection);
}

static int on_wal(void *context, sqlite3 *connection, const char *name, int pages)
{
    (void)connection;
    (void)name;
    ((struct writer *)context)->wal_pages = pages;
    return SQLITE_OK;
}

/* Rows younger than the state they were committed with: pages of several times are mixed, as
 * after a power cut on a disk that does not honour sync. */
static enum status check_numbers(struct writer *writer)
{
    uint64_t newest_seq = 0, newest_id = 0;
    enum status status = outbox_find_newest(&writer->outbox, &newest_seq);
    if (status == ST_OK) status = journal_find_newest(&writer->journal, &newest_id);
    if (status != ST_OK) return status;
    if (newest_seq < writer->state.next_seq && newest_id <= writer->state.batch) return ST_OK;
    log_limited(writer->log, LOG_LEVEL_ERROR, "store", "numbers",
                "record %" PRIu64 " and batch %" PRIu64 " are there, the state speaks of %" PRIu64
                " and %" PRIu64,
                newest_seq, newest_id, writer->state.next_seq - 1, writer->state.batch);
    return ST_CORRUPT;
}

static enum status begin(struct writer *writer)
{
    return database_begin(writer->connection, writer->log);
}

/* Commits when `status` is good, else rolls back. */
static enum status end(struct writer *writer, enum status status)
{
    return database_end(writer->connection, writer->log, status);
}

static enum status save_state(struct writer *writer)
{
    enum status status = begin(writer);
    return status == ST_OK ? end(writer, meta_save(&writer->meta, &writer->state)) : status;
}

/* The rows are believed, not the counts; which of the missing numbers are lost cannot be told. */
static enum status recount(struct writer *writer)
{
    struct meta_state *state = &writer->state;
    uint64_t dropped = state->dropped;
    enum status status = outbox_recount(&writer->outbox, state);
    if (status != ST_OK || state->dropped <= dropped) return status;
    struct notice *notice = owed_change(&state->owed, OWED_DAMAGED);
    notice->lost += state->dropped - dropped;
    return outbox_find_gaps(&writer->outbox, state->next_seq, notice);
}

/* The state in the file, or in a new file `known`. */
static enum status load_state(struct writer *writer, const struct meta_state *known,
                              bool is_checked)
{
    enum status status = meta_load(&writer->meta, &writer->state);
    if (status == ST_NOT_FOUND) {
        writer->state = *known;
        return save_state(writer);
    }
    if (status == ST_OK) owed_follow(&writer->state.owed, &known->owed);
    if (status == ST_OK && is_checked) status = recount(writer);
    return status == ST_OK ? check_numbers(writer) : status;
}

/* What was made as other kinds of windows were made is not covered by those of now. */
static void note_kinds(struct writer *writer)
{
    uint64_t mark = merge_rules_mark(&writer->degrade.kinds);
    if (writer->state.kinds == mark) return;
    writer->state.kinds = mark;
    writer->state.kinds_since = writer->state.next_seq;
}

/* Where what waits begins, in case the file is lost; what cannot be read leaves it lower. */
static void note_oldest(struct writer *writer)
{
    uint64_t oldest = writer->state.next_seq;
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t seq = 0;
        if (outbox_look_ahead(&writer->outbox, (enum lane)lane, 0, 1, &seq) != ST_OK) return;
        if (seq != 0 && seq < oldest) oldest = seq;
    }
    writer->oldest_seq = oldest;
}

static enum status attach_existing(struct writer *writer, const struct meta_state *known,
                                   bool is_checked)
{
    enum status status =
        database_open(&writer->connection, writer->path, meter_name(&writer->meter),
                      &writer->shares, is_checked, writer->log);
    if (status != ST_OK) return status;
    (void)sqlite3_wal_hook(writer->connection, on_wal, writer);
    status = outbox_open(&writer->outbox, writer->connection, writer->log);
    if (status == ST_OK) status = journal_open(&writer->journal, writer->connection, writer->log);
    if (status == ST_OK) status = meta_open(&writer->meta, writer->connection, writer->log);
    if (status == ST_OK) status = load_state(writer, known, is_checked);
    if (status == ST_OK) note_kinds(writer);
    if (status == ST_OK) note_oldest(writer);
    if (status == ST_OK) status = journal_measure(&writer->journal, &writer->journal_bytes);
    if (status == ST_OK)
        status = degrade_open(&writer->degrade, writer->connection, &writer->outbox, &writer->meta,
                              writer->shares.max_pages, writer->log);
    if (status != ST_OK) detach(writer);
    return status;
}

/* What cannot be read though the disk works is damage.  No connection is open. */
static enum status judge(struct writer *writer, enum status status)
{
    bool has_failed_read = meter_take_failed_reads(&writer->meter) > 0;
    if (status != ST_IO || !has_failed_read) return status;
    return probe_finds_bad_sector(writer->path, writer->log) ? ST_CORRUPT : ST_IO;
}

/* Whether only a bad sector at its beginning keeps a store of ours from being looked at. */
static bool has_bad_head(struct writer *writer, enum status status)
{
    return status == ST_IO && store_file_is_claimed(writer->path) &&
           probe_finds_bad_sector(writer->path, writer->log);
}

/* A WAL at open means that the last end was not a clean one. */
static bool has_wal(const char *path)
{
    char wal[STORE_FILE_PATH_SIZE];
    store_file_join(wal, path, "-wal");
    return store_file_bytes(wal) > 0;
}

/* What was set aside has its part of the budget, as far as it leaves enough to work with. */
static enum status share_budget(struct writer *writer)
{
    enum status status;
    do {
        status = database_share(writer->budget_bytes, quarantine_bytes(writer->path),
                                writer->batch_bytes, &writer->shares);
    } while (status == ST_INVALID && quarantine_forget(writer->path, writer->log));
    writer->aside_bytes = quarantine_bytes(writer->path);
    return status;
}

/* What the new store says of the one that is gone: where it goes on with its numbers, they were
 * these; else what can still be read of the other epoch. */
static void owe_lost(const struct writer *writer, struct meta_state *fresh, const char *aside_path)
{
    struct inquest inquest;
    struct notice *notice = owed_change(&fresh->owed, OWED_DAMAGED);
    inquest_hold(&inquest, aside_path);
    if (fresh->batch == 0) {
        inquest_tell(&inquest, notice);
        return;
    }
    uint64_t waited = fresh->waiting[LANE_ALARM] + fresh->waiting[LANE_WINDOW];
    notice->lost += waited;
    if (waited == 0) return;
    owed_add_range(notice, writer->oldest_seq > 0 ? writer->oldest_seq : 1, fresh->next_seq - 1);
    owed_add_span(notice, inquest.said.from_ms, inquest.said.to_ms);
}

/* Makes the path free, and notes in `fresh` what is known to be lost by that; also when only the
 * file's absence says that it was moved by a try that went no further. */
static enum status set_aside(struct writer *writer, enum store_file_kind kind, bool was_claimed,
                             struct meta_state *fresh, char *aside_path)
{
    char aside[STORE_FILE_PATH_SIZE];
    bool has_orphans = false;
    store_file_join(aside, writer->path, ".damaged-1");
    enum status status = kind == STORE_FILE_ABSENT
                             ? quarantine_move_orphans(writer->path, writer->log, &has_orphans)
                             : quarantine_move(writer->path, writer->log, aside_path);
    if (status != ST_OK) return status;
    bool has_aside = store_file_bytes(aside) > 0;
    if (kind != STORE_FILE_ABSENT || has_orphans || fresh->batch > 0 || (was_claimed && has_aside))
        owe_lost(writer, fresh, aside);
    if (fresh->owed.versions[OWED_DAMAGED] != 0 && (has_orphans || has_aside))
        inquest_name(&fresh->owed.notices[OWED_DAMAGED], aside, has_orphans ? "-wal" : "");
    meta_drop_waiting(fresh);
    return ST_OK;
}

/* Opens what is there, or begins a new store that goes on from `known`.  A damaged one is set
 * aside; aside_path is "" when none was. */
static enum status attach(struct writer *writer, const struct meta_state *known, char *aside_path)
{
    enum store_file_kind kind;
    aside_path[0] = '\0';
    enum status status = store_file_inspect(writer->path, writer->log, &kind);
    if (has_bad_head(writer, status))
        kind = STORE_FILE_OURS;
    else if (status != ST_OK)
        return status;
    bool was_claimed = store_file_is_claimed(writer->path);
    store_file_claim(writer->path, writer->log);
    status = share_budget(writer);
    if (status != ST_OK) return status;
    struct meta_state fresh = *known;
    unsigned damage = writer->commit_damage + writer->fetch_damage;
    if (kind == STORE_FILE_OURS && damage < DAMAGE_MOST) {
        bool is_checked = damage > 0 || has_wal(writer->path);
        status = judge(writer, attach_existing(writer, known, is_checked));
        /* A read that failed once looks like damage, too: only what is damaged twice goes. */
        if (status == ST_CORRUPT) status = judge(writer, attach_existing(writer, known, true));
        if (status != ST_CORRUPT) return status;
    }
    status = set_aside(writer, kind, was_claimed, &fresh, aside_path);
    if (status == ST_OK) status = share_budget(writer);
    if (status == ST_OK) status = database_create(writer->path, writer->log);
    if (status != ST_OK) return status;
    writer->round_id = 0;
    writer->commit_damage = writer->fetch_damage = 0;
    return attach_existing(writer, &fresh, false);
}

/* What is found in the WAL of an unclean end may stand in the page cache only: written by a
 * process that was killed before its sync, or marked clean by a sync that failed.  Nothing is
 * believed before it was copied into the database itself and that was synced.  Then a first
 * transaction begins the WAL anew: on the disk there may still be the start of the old one, which
 * would be played over newer pages. */
static enum status settle(struct writer *writer)
{
    enum status status = database_checkpoint(writer->connection, writer->log, true);
    return status == ST_OK ? save_state(writer) : status;
}

/* On a disk without room for it the start goes on all the same: the first commit settles it. */
static enum status attach_first(struct writer *writer, const struct meta_state *known,
                                char *aside_path)
{
    bool is_unclean = has_wal(writer->path);
    enum status status = attach(writer, known, aside_path);
    if (status != ST_OK || !is_unclean) return status;
    status = settle(writer);
    if (status == ST_FULL && reserve_give_up(writer->path, writer->log)) status = settle(writer);
    return status == ST_FULL ? ST_OK : status;
}

static void tell_found(const struct writer *writer, struct store_found *found)
{
    for (size_t i = 0; i < sizeof writer->state.epoch; i++)
        (void)snprintf(found->epoch + 2 * i, 3, "%02x", writer->state.epoch[i]);
    found->next_seq = writer->state.next_seq;
    memcpy(found->waiting, writer->state.waiting, sizeof found->waiting);
    found->was_set_aside = found->aside_path[0] != '\0';
}

enum status writer_open(struct writer *writer, const struct store_options *options, struct log *log,
                        struct store_found *found)
{
    memset(writer, 0, sizeof *writer);
    memset(found, 0, sizeof *found);
    writer->lock_fd = -1;
    writer->log = log;
    memcpy(writer->path, options->path, sizeof writer->path);
    writer->path[sizeof writer->path - 1] = '\0';
    struct meta_state known;
    writer->budget_bytes = options->budget_bytes;
    writer->batch_bytes = options->batch_bytes;
    writer->wal_percent = WEAR_WAL_PERCENT;
    enum status status =
        database_share(options->budget_bytes, 0, options->batch_bytes, &writer->shares);
    if (status != ST_OK) {
        log_write(log, LOG_LEVEL_ERROR, "store",
                  "a budget of %" PRId64 " bytes is too small for batches of %" PRId64
                  ": at least %" PRId64,
                  options->budget_bytes, options->batch_bytes,
                  database_least_budget(options->batch_bytes));
        return status;
    }
    (void)sqlite3_hard_heap_limit64(DATABASE_HEAP_BYTES);
    status = degrade_init(&writer->degrade, options);
    if (status == ST_OK) status = meter_begin(&writer->meter);
    if (status == ST_OK) status = meta_make_state(&known);
    if (status == ST_OK) status = store_file_resolve(writer->path, log);
    if (status == ST_OK) status = store_file_lock(writer->path, log, &writer->lock_fd);
    if (status == ST_OK) status = attach_first(writer, &known, found->aside_path);
    if (status != ST_OK) {
        writer_close(writer);
        return status == ST_FULL || status == ST_CORRUPT ? ST_IO : status;
    }
    tell_found(writer, found);
    writer->has_reserve = reserve_take(writer->path, log);
    return ST_OK;
}

void writer_set_log(struct writer *writer, struct log *log)
{
    writer->log = writer->meta.log = writer->outbox.log = writer->journal.log = log;
    writer->degrade.log = log;
}

void writer_close(struct writer *writer)
{
    if (writer->path[0] == '\0') return;
    close_parts(writer);
    database_finish(&writer->connection);
    degrade_fini(&writer->degrade);
    meter_end(&writer->meter);
    if (writer->lock_fd >= 0) (void)close(writer->lock_fd);
    memset(writer, 0, sizeof *writer);
}

/* After a failure the descriptors are not to be trusted: whether the last sync reached the disk
 * can only be found out by opening the file anew. */
void writer_distrust(struct writer *writer, enum status status, unsigned *damage)
{
    detach(writer);
    if (judge(writer, status) == ST_CORRUPT) (*damage)++;
}

/* What was left out is said once, and then gone; when that fails, the next start says it. */
static void owe_journal(struct writer *writer, const struct journal_damage *damage)
{
    struct meta_state state = writer->state;
    if (damage->count == 0) return;
    owed_change(&state.owed, OWED_DAMAGED)->blobs += damage->count;
    enum status status = begin(writer);
    if (status != ST_OK) return;
    for (uint32_t i = 0; i < damage->count && status == ST_OK; i++)
        status = journal_remove(&writer->journal, damage->ids[i]);
    if (status == ST_OK) status = meta_save(&writer->meta, &state);
    if (end(writer, status) == ST_OK) writer->state = state;
}

/* A journal that cannot be read to its end must not stop the start: the first commit opens the
 * database again, checks it, and sets it aside. */
enum status writer_restore(struct writer *writer,
                           void (*fn)(void *context, const void *bytes, size_t size), void *context)
{
    struct journal_damage damage;
    enum status status = journal_restore(&writer->journal, fn, context, &damage);
    if (status == ST_OK) owe_journal(writer, &damage);
    if (status != ST_CORRUPT && status != ST_IO) return status;
    owed_change(&writer->state.owed, OWED_DAMAGED)->blobs += damage.count + 1;
    writer_distrust(writer, status, &writer->commit_damage);
    return writer->commit_damage > 0 ? ST_OK : status;
}

/* Opens the database again after a failure. */
enum status writer_make_ready(struct writer *writer)
{
    if (writer->connection != NULL) return ST_OK;
    struct meta_state known = writer->state;
    char aside_path[STORE_FILE_PATH_SIZE];
    enum status status = attach(writer, &known, aside_path);
    if (status != ST_OK) {
        writer->state = known;
        return status;
    }
    status = settle(writer);
    if (status == ST_OK) return ST_OK;
    if (status == ST_FULL) room_give_up_reserve(writer);
    writer->state = known;
    writer_distrust(writer, status, &writer->commit_damage);
    return status;
}

/* Deletes what rounds of whole states have made needless. */
static enum status trim(struct writer *writer, const struct batch *batch)
{
    uint64_t id = batch->ends_former_round ? writer->round_id : 0;
    if (batch->ends_own_round) id = batch->number;
    if (id == 0) return ST_OK;
    enum status status = journal_trim(&writer->journal, id);
    if (status != ST_OK) return status;
    return journal_measure(&writer->journal, &writer->journal_bytes);
}

/* One try to write the batch. */
static enum status apply(struct writer *writer, struct batch *batch, bool has_windows)
{
    struct meta_state state = writer->state;
    int64_t journal_bytes = writer->journal_bytes;
    state.batch = batch->number;
    if (writer->is_caught_up) offer_batch(&state, batch);
    if (writer->has_no_alarm_left && batch->records[LANE_ALARM] > 0)
        state.alarms_offered = batch->next_seq - 1;
    enum status status = begin(writer);
    if (status != ST_OK) return status;
    /* What goes makes room for what comes. */
    status = trim(writer, batch);
    if (status == ST_OK) status = outbox_acknowledge(&writer->outbox, batch, &state);
    if (status == ST_OK && batch_has_journal(batch)) {
        status = journal_insert(&writer->journal, batch);
        writer->journal_bytes += (int64_t)batch->journal_size;
    }
    if (status == ST_OK)
        status = has_windows ? outbox_insert(&writer->outbox, batch, &state)
                             : degrade_insert_without_windows(&writer->degrade, batch, &state);
    owed_settle(&state.owed, batch->told);
    if (status == ST_OK) status = meta_save(&writer->meta, &state);
    status = end(writer, status);
    if (status == ST_OK)
        writer->state = state;
    else
        writer->journal_bytes = journal_bytes;
    return status;
}

static void finish(struct writer *writer, const struct batch *batch)
{
    writer->commit_damage = 0;
    writer->is_caught_up = false;
    if (batch->records[LANE_ALARM] > 0) writer->has_no_alarm_left = false;
    if (batch->wal_percent > 0) writer->wal_percent = batch->wal_percent;
    note_oldest(writer);
    degrade_note_commit(&writer->degrade, &writer->state);
    if (batch->begins_round) writer->round_id = batch->number;
}

static enum status try_to_commit(struct writer *writer, struct batch *batch)
{
    bool has_windows = true;
    enum status status = room_deliver_ahead(writer, batch);
    if (status != ST_OK && status != ST_FULL) return status;
    for (unsigned round = 0; round < ROOM_ROUNDS; round++) {
        status = apply(writer, batch, has_windows);
        if (status != ST_FULL) return status;
        bool had_reserve = writer->has_reserve;
        status = room_make(writer, round, &has_windows);
        if (status == ST_FULL && had_reserve) {
            room_give_up_reserve(writer);
            status = ST_OK;
        }
        if (status != ST_OK) return status;
    }
    return ST_FULL;
}

enum status writer_commit(struct writer *writer, struct batch *batch)
{
    if (batch_is_empty(batch)) return ST_OK;
    if (batch->number == 0) batch->number = writer->state.batch + 1;
    enum status status = writer_make_ready(writer);
    if (status != ST_OK) return status;
    if (writer->state.batch != batch->number) status = try_to_commit(writer, batch);
    if (status == ST_OK) {
        finish(writer, batch);
        return ST_OK;
    }
    if (status != ST_FULL) writer_distrust(writer, status, &writer->commit_damage);
    return status;
}

void writer_tend(struct writer *writer, int64_t now_mono_ms)
{
    if (writer->connection == NULL) return;
    enum status status = room_write_back(writer);
    if (status != ST_OK && status != ST_FULL)
        writer_distrust(writer, status, &writer->commit_damage);
    if (!writer->has_reserve && now_mono_ms - writer->reserve_mono_ms >= RESERVE_EVERY_MS) {
        writer->reserve_mono_ms = now_mono_ms;
        writer->has_reserve = reserve_take(writer->path, writer->log);
    }
}

bool writer_degrade(struct writer *writer)
{
    bool has_gained = false;
    if (writer->connection == NULL) return false;
    enum status status = degrade_merge_alarms(&writer->degrade, false, &writer->state, &has_gained);
    if (status == ST_OK && !has_gained && degrade_is_due(&writer->degrade))
        status = degrade_step(&writer->degrade, false, &writer->state, &has_gained);
    if (status == ST_OK) status = room_write_back(writer);
    if (status == ST_OK || status == ST_FULL) return has_gained;
    writer_distrust(writer, status, &writer->commit_damage);
    return false;
}

void writer_count(const struct writer *writer, struct store_counts *counts)
{
    counts->written = writer->state.written;
    counts->acknowledged = writer->state.acknowledged;
    counts->dropped = writer->state.dropped;
    counts->merged = writer->state.merged;
    counts->covered = writer->state.covered;
    counts->merged_alarms = writer->state.merged_alarms;
    memcpy(counts->waiting, writer->state.waiting, sizeof counts->waiting);
    counts->next_seq = writer->state.next_seq;
    counts->file_bytes = store_file_total_bytes(writer->path) +
                         (writer->has_reserve ? RESERVE_BYTES : 0) + writer->aside_bytes;
    counts->journal_bytes = writer->journal_bytes;
    counts->flash_bytes = meter_bytes(&writer->meter);
}
