/* Invariant: every connection runs with WAL, synchronous=FULL and exclusive locking, or is not
 * handed out. */
#include "store/database.h"

#include "store/reserve.h"
#include "store/schema.h"
#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    CHECKPOINT_LEAST = 16,
    CHECKPOINT_MOST = 250,
    BATCH_EXTRA_PAGES = 32, /* inner pages, tables, scattered deletions */
    DATABASE_LEAST = 64,    /* pages */
    CHECK_BYTES = 64 << 20, /* larger files are not read through at start */
    SQL_SIZE = 320
};

static int64_t batch_pages(int64_t batch_bytes)
{
    return batch_bytes * 3 / 2 / DATABASE_PAGE_BYTES + BATCH_EXTRA_PAGES;
}

/* The WAL holds what is not yet written back and the batch that goes beyond that; the batch is
 * counted twice, since deletions go into the same transaction. */
static int64_t wal_bytes(int64_t checkpoint_pages, int64_t batch_bytes)
{
    return (checkpoint_pages + 2 * batch_pages(batch_bytes)) * DATABASE_FRAME_BYTES;
}

int64_t database_least_budget(int64_t batch_bytes)
{
    return RESERVE_BYTES + wal_bytes(CHECKPOINT_LEAST, batch_bytes) +
           (DATABASE_LEAST + batch_pages(batch_bytes) + 1) * DATABASE_PAGE_BYTES;
}

enum status database_share(int64_t budget_bytes, int64_t taken_bytes, int64_t batch_bytes,
                           struct database_shares *shares)
{
    budget_bytes -= taken_bytes;
    if (budget_bytes < database_least_budget(batch_bytes)) return ST_INVALID;
    budget_bytes -= RESERVE_BYTES;
    int64_t checkpoint = budget_bytes / 32 / DATABASE_PAGE_BYTES;
    if (checkpoint < CHECKPOINT_LEAST) checkpoint = CHECKPOINT_LEAST;
    if (checkpoint > CHECKPOINT_MOST) checkpoint = CHECKPOINT_MOST;
    shares->batch_pages = batch_pages(batch_bytes);
    shares->checkpoint_pages = checkpoint;
    shares->wal_bytes = wal_bytes(checkpoint, batch_bytes);
    shares->max_pages = (budget_bytes - shares->wal_bytes) / DATABASE_PAGE_BYTES;
    int64_t least = DATABASE_LEAST + batch_pages(batch_bytes);
    if (shares->max_pages < least) { /* a small budget: a shorter WAL */
        shares->checkpoint_pages = CHECKPOINT_LEAST;
        shares->wal_bytes = wal_bytes(CHECKPOINT_LEAST, batch_bytes);
        shares->max_pages = (budget_bytes - shares->wal_bytes) / DATABASE_PAGE_BYTES;
    }
    return ST_OK;
}

enum status database_report(sqlite3 *connection, struct log *log, int result, const char *doing)
{
    int system_error = sqlite3_system_errno(connection);
    log_growing(log, LOG_LEVEL_ERROR, "store", sqlite3_errstr(result), "%s: %s (SQLite %d%s%s)",
                doing, sqlite3_errmsg(connection), sqlite3_extended_errcode(connection),
                system_error != 0 ? ", " : "", system_error != 0 ? strerror(system_error) : "");
    switch (result & 0xff) {
    case SQLITE_FULL:
        return ST_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:      /* our own fixed statements fail only on tables that are not ours */
    case SQLITE_CONSTRAINT: /* nor is a number ever given twice */
        return ST_CORRUPT;
    default:
        return ST_IO;
    }
}

enum status database_execute(sqlite3 *connection, struct log *log, const char *sql)
{
    int result = sqlite3_exec(connection, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? ST_OK : database_report(connection, log, result, sql);
}

enum status database_prepare(sqlite3 *connection, struct log *log, const char *sql,
                             sqlite3_stmt **statement)
{
    int result =
        sqlite3_prepare_v3(connection, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    return result == SQLITE_OK ? ST_OK : database_report(connection, log, result, sql);
}

enum status database_step(sqlite3 *connection, struct log *log, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    enum status status = ST_OK;
    if (result != SQLITE_DONE)
        status = database_report(connection, log, result, sqlite3_sql(statement));
    (void)sqlite3_reset(statement);
    return status;
}

enum status database_begin(sqlite3 *connection, struct log *log)
{
    return database_execute(connection, log, "BEGIN IMMEDIATE");
}

enum status database_end(sqlite3 *connection, struct log *log, enum status status)
{
    if (status == ST_OK) status = database_execute(connection, log, "COMMIT");
    if (sqlite3_get_autocommit(connection) == 0)
        (void)sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status database_ask(sqlite3 *connection, struct log *log, const char *sql, int64_t *number)
{
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(connection, log, sql, &statement);
    if (status != ST_OK) return status;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *number = sqlite3_column_int64(statement, 0);
    else
        status = database_report(connection, log, result, sql);
    (void)sqlite3_finalize(statement);
    return status;
}

static enum status connect_file(sqlite3 **connection, const char *path, const char *vfs_name,
                                struct log *log)
{
    int result =
        sqlite3_open_v2(path, connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs_name);
    if (result == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(*connection, 1);
        (void)sqlite3_busy_timeout(*connection, 0);
        (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        return ST_OK;
    }
    enum status status = ST_IO;
    if (*connection != NULL) status = database_report(*connection, log, result, path);
    database_close(connection);
    return status;
}

void database_finish(sqlite3 **connection)
{
    if (*connection != NULL)
        (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    database_close(connection);
}

void database_close(sqlite3 **connection)
{
    (void)sqlite3_close(*connection);
    *connection = NULL;
}

/* The pragma may answer with another mode than was asked for, without failing. */
static enum status set_wal(sqlite3 *connection, struct log *log)
{
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(connection, log, "PRAGMA journal_mode=WAL", &statement);
    if (status != ST_OK) return status;
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW)
        status = database_report(connection, log, result, "PRAGMA journal_mode=WAL");
    else if (strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
        status = ST_IO;
    (void)sqlite3_finalize(statement);
    return status;
}

static enum status fill_new(sqlite3 *connection, struct log *log)
{
    char sql[SQL_SIZE];
    /* Still with a rollback journal, so that our mark lands in the file itself, not in a WAL. */
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA page_size=%d;PRAGMA synchronous=FULL;PRAGMA locking_mode=EXCLUSIVE;"
                   "PRAGMA temp_store=MEMORY;PRAGMA application_id=%d",
                   DATABASE_PAGE_BYTES, SCHEMA_APPLICATION_ID);
    enum status status = database_execute(connection, log, sql);
    if (status == ST_OK) status = schema_upgrade(connection, log);
    if (status == ST_OK) status = set_wal(connection, log);
    return status;
}

static void remove_unfinished(const char *unfinished)
{
    static const char *const suffixes[] = {"", "-journal", "-wal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[STORE_FILE_PATH_SIZE];
        store_file_join(path, unfinished, suffixes[i]);
        (void)unlink(path);
    }
}

static enum status write_new(const char *unfinished, struct log *log)
{
    /* Made here for the sake of its mode; SQLite takes over an empty file, and its WAL gets the
     * same mode. */
    int fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0) {
        int error = errno;
        log_limited(log, LOG_LEVEL_ERROR, "store", "create", "%s: %s", unfinished, strerror(error));
        return error == ENOSPC ? ST_FULL : ST_IO;
    }
    (void)close(fd);
    sqlite3 *connection = NULL;
    enum status status = connect_file(&connection, unfinished, NULL, log);
    if (status == ST_OK) status = fill_new(connection, log);
    database_finish(&connection);
    return status;
}

enum status database_create(const char *path, struct log *log)
{
    char unfinished[STORE_FILE_PATH_SIZE];
    store_file_join(unfinished, path, ".new");
    remove_unfinished(unfinished);
    enum status status = write_new(unfinished, log);
    if (status == ST_OK && rename(unfinished, path) != 0) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "create", "%s: %s", path, strerror(errno));
        status = ST_IO;
    }
    if (status == ST_OK) return store_file_sync_directory(path, log);
    remove_unfinished(unfinished);
    return status == ST_CORRUPT ? ST_IO : status;
}

static enum status check_pages(sqlite3 *connection, const char *path, struct log *log)
{
    if (store_file_total_bytes(path) > CHECK_BYTES) return ST_OK;
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(connection, log, "PRAGMA quick_check(1)", &statement);
    if (status != ST_OK) return status;
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        status = database_report(connection, log, result, "PRAGMA quick_check(1)");
    } else if (strcmp((const char *)sqlite3_column_text(statement, 0), "ok") != 0) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "check", "%s: %s", path,
                    (const char *)sqlite3_column_text(statement, 0));
        status = ST_CORRUPT;
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static enum status configure(sqlite3 *connection, const struct database_shares *shares,
                             struct log *log)
{
    char sql[SQL_SIZE];
    /* Locking first: then SQLite keeps the index of the WAL in its own memory.  Debian's SQLite
     * overwrites what is deleted unless told not to, which would cost a third more writes. */
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA locking_mode=EXCLUSIVE;PRAGMA synchronous=FULL;"
                   "PRAGMA cache_size=-256;PRAGMA temp_store=MEMORY;PRAGMA mmap_size=0;"
                   "PRAGMA secure_delete=OFF;"
                   "PRAGMA wal_autocheckpoint=0;PRAGMA journal_size_limit=%lld",
                   (long long)shares->wal_bytes);
    enum status status = database_execute(connection, log, sql);
    if (status == ST_OK) status = set_wal(connection, log);
    if (status == ST_OK) status = schema_upgrade(connection, log);
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count=%lld", (long long)shares->max_pages);
    if (status == ST_OK) status = database_execute(connection, log, sql);
    return status;
}

/* SQLite falls back to reading only for want of permission, but also when a damaged header asks
 * for a format that it does not know. */
static enum status check_writable(sqlite3 *connection, const char *path, struct log *log)
{
    if (sqlite3_db_readonly(connection, "main") != 1) return ST_OK;
    if (access(path, W_OK) == 0) return ST_CORRUPT;
    log_limited(log, LOG_LEVEL_ERROR, "store", "permission", "%s cannot be written: %s", path,
                strerror(errno));
    return ST_IO;
}

enum status database_open(sqlite3 **connection, const char *path, const char *vfs_name,
                          const struct database_shares *shares, bool is_checked, struct log *log)
{
    *connection = NULL;
    enum status status = connect_file(connection, path, vfs_name, log);
    if (status != ST_OK) return status;
    status = configure(*connection, shares, log);
    if (status == ST_OK || status == ST_IO) {
        enum status writable = check_writable(*connection, path, log);
        if (writable != ST_OK) status = writable;
    }
    if (status == ST_OK && is_checked) status = check_pages(*connection, path, log);
    if (status != ST_OK) database_close(connection);
    return status;
}

enum status database_checkpoint(sqlite3 *connection, struct log *log, bool is_cut)
{
    int result = sqlite3_wal_checkpoint_v2(
        connection, NULL, is_cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL,
        NULL);
    return result == SQLITE_OK ? ST_OK : database_report(connection, log, result, "checkpoint");
}
