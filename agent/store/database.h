/* database: one connection to SQLite, set up so that a commit is durable and the file stays
 * within its budget.
 *
 * The connection is the only one to the file in the world: exclusive locking, no shared memory,
 * no second thread.  The thread that owns it may change, but there is one at a time. */
#ifndef ISOTHERM_STORE_DATABASE_H
#define ISOTHERM_STORE_DATABASE_H

#include "base/log.h"
#include "base/status.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DATABASE_PAGE_BYTES = 4096,
    DATABASE_FRAME_BYTES = DATABASE_PAGE_BYTES + 24, /* of a page in the WAL */
    DATABASE_HEAP_BYTES = 8 * 1024 * 1024
};

/* How the byte budget is shared out. */
struct database_shares {
    int64_t max_pages;        /* of the database file */
    int64_t checkpoint_pages; /* WAL length at which it is written back */
    int64_t wal_bytes;        /* WAL length beyond which it is cut */
    int64_t batch_pages;      /* that one transaction may touch */
};

/* `taken_bytes`: what of the budget other files have.  ST_INVALID: what is left, with the reserve,
 * is less than database_least_budget. */
enum status database_share(int64_t budget_bytes, int64_t taken_bytes, int64_t batch_bytes,
                           struct database_shares *shares) ISOTHERM_CHECK;
int64_t database_least_budget(int64_t batch_bytes);

/* Makes a new database at `path`, where no file or an empty one is: under another name first,
 * so that at `path` there is nothing or a whole store at any time.  ST_IO, ST_FULL; logged. */
enum status database_create(const char *path, struct log *log) ISOTHERM_CHECK;

/* Opens the existing database through the VFS of that name (NULL: the system's) and upgrades it.
 * With `is_checked` every page of a file that is
 * not too large is read and checked.  ST_CORRUPT: damaged; ST_FOREIGN: newer; ST_IO: anything
 * else, e.g. another program has it open.  Logged.  On failure *connection is NULL. */
enum status database_open(sqlite3 **connection, const char *path, const char *vfs_name,
                          const struct database_shares *shares, bool is_checked,
                          struct log *log) ISOTHERM_CHECK;

/* Close; every statement must be finalized.  Set *connection to NULL; NULL does nothing.
 * database_close leaves everything as it lies, WAL included: what failed or is damaged is to be
 * looked at first.  database_finish, for a clean end, writes the WAL back and removes it. */
void database_close(sqlite3 **connection);
void database_finish(sqlite3 **connection);

/* Runs statements that give no rows; asks for one number. */
enum status database_execute(sqlite3 *connection, struct log *log, const char *sql) ISOTHERM_CHECK;
enum status database_ask(sqlite3 *connection, struct log *log, const char *sql,
                         int64_t *number) ISOTHERM_CHECK;

enum status database_prepare(sqlite3 *connection, struct log *log, const char *sql,
                             sqlite3_stmt **statement) ISOTHERM_CHECK;

/* Runs a bound statement that gives no rows, and resets it. */
enum status database_step(sqlite3 *connection, struct log *log,
                          sqlite3_stmt *statement) ISOTHERM_CHECK;

/* A transaction: begun, and committed when `status` is ST_OK, else rolled back.  The end answers
 * with what became of it. */
enum status database_begin(sqlite3 *connection, struct log *log) ISOTHERM_CHECK;
enum status database_end(sqlite3 *connection, struct log *log, enum status status) ISOTHERM_CHECK;

/* Logs why the last call failed, once here, and says what it means: ST_FULL, ST_CORRUPT or
 * ST_IO. */
enum status database_report(sqlite3 *connection, struct log *log, int result, const char *doing);

/* Writes the WAL back; cuts it to nothing when `is_cut`. */
enum status database_checkpoint(sqlite3 *connection, struct log *log, bool is_cut) ISOTHERM_CHECK;

#endif
