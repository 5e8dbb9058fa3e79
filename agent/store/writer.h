/* writer: the database and all that happens to it: open, commit, fetch, make room, recover.
 *
 * It knows nothing of threads; one thread at a time calls it.  Our own code allocates nothing
 * here. */
#ifndef ISOTHERM_STORE_WRITER_H
#define ISOTHERM_STORE_WRITER_H

#include "base/log.h"
#include "base/status.h"
#include "store/batch.h"
#include "store/database.h"
#include "store/degrade.h"
#include "store/journal.h"
#include "store/meta.h"
#include "store/meter.h"
#include "store/outbox.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct writer {
    char path[LIMIT_PATH_SIZE];
    int64_t budget_bytes, batch_bytes;
    int64_t aside_bytes; /* of damaged stores */
    struct database_shares shares;
    struct meter meter; /* of every connection */
    struct log *log;
    int lock_fd;         /* held until writer_close */
    sqlite3 *connection; /* NULL after a failure, until it is opened again */
    struct meta meta;
    struct outbox outbox;
    struct journal journal;
    struct degrade degrade;
    struct meta_state state; /* as of the last commit */
    uint64_t round_id;       /* batch in which the round of whole states began; 0: none */
    int64_t journal_bytes;
    uint64_t oldest_seq; /* of what waits; next_seq: nothing does */
    int wal_pages;       /* after the last commit */
    int wal_percent;     /* of its usual length, at which it is written back */
    bool is_wal_long;    /* the file may have outgrown its share */
    /* Times in a row that the database called itself damaged: commits may go well beside fetches
     * that never do, and the other way round. */
    unsigned commit_damage, fetch_damage;
    bool has_reserve;
    bool is_caught_up;       /* all windows were handed out before the last commit */
    bool has_no_alarm_left;  /* all alarms were handed out before the last commit with any */
    int64_t reserve_mono_ms; /* when the reserve was last tried for */
};

/* Opens or creates; statuses as store_open.  `log` is used until writer_set_log. */
enum status writer_open(struct writer *writer, const struct store_options *options, struct log *log,
                        struct store_found *found) ISOTHERM_CHECK;
void writer_set_log(struct writer *writer, struct log *log);

/* Closes the connection and lets go of the lock.  A zeroed object: does nothing. */
void writer_close(struct writer *writer);

enum status writer_restore(struct writer *writer,
                           void (*fn)(void *context, const void *bytes, size_t size),
                           void *context) ISOTHERM_CHECK;

/* Writes the batch in one transaction, opening the database again and making room where that is
 * needed.  Never twice: a batch that is already in is recognised by its number.  ST_OK: it is
 * durable.  Otherwise nothing is known to be, and the same batch is to be given again: ST_FULL,
 * ST_CORRUPT, ST_IO, ST_FOREIGN; the cause is logged. */
enum status writer_commit(struct writer *writer, struct batch *batch) ISOTHERM_CHECK;

/* For the files of the writer.  Opens the database again when it was closed: ST_OK, or why not. */
enum status writer_make_ready(struct writer *writer) ISOTHERM_CHECK;

/* Closes the database after a failure; when `damage` has counted too many, it is set aside. */
void writer_distrust(struct writer *writer, enum status status, unsigned *damage);

/* Reads records; damaged ones are dropped on the way.  Returns how many. */
size_t writer_fetch(struct writer *writer, enum lane lane, uint64_t after, size_t max,
                    struct record *records);

/* What is due after a commit and need not hold it up: checkpoint, reserve. */
void writer_tend(struct writer *writer, int64_t now_mono_ms);

/* One step of making room near the budget; true: it gained something, and there may be more. */
bool writer_degrade(struct writer *writer);

/* Fills in what the writer knows of the counts. */
void writer_count(const struct writer *writer, struct store_counts *counts);

#endif
