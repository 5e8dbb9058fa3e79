/* store: what was promised, kept in SQLite: the journal and the outbox.
 *
 * The loop thread fills a batch in memory (records, journal bytes, acknowledgements) and hands it
 * to the store thread, which alone owns the database and commits each batch in one transaction.
 * Two batches of fixed size go back and forth, so that the loop never waits for the disk.  What
 * was not committed is neither acknowledged to a source nor sent upstream.
 * Every function: loop thread only. */
#ifndef ISOTHERM_STORE_STORE_H
#define ISOTHERM_STORE_STORE_H

#include "base/clock.h"
#include "base/field.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* A kind of window by time, as the stream makes it.  Once a device has shown a reading settle_ms
 * or more after the start of a window of the kind, that window cannot change any more. */
struct store_kind {
    int64_t size_ms, every_ms;
    int64_t settle_ms;
};

struct store_kinds {
    struct store_kind kinds[LIMIT_WINDOWS];
    size_t count;
};

struct store_options {
    char path[LIMIT_PATH_SIZE];
    int64_t budget_bytes;    /* everything of ours on the disk together */
    int64_t commit_every_ms; /* 0: it follows from store_flash_per_day */
    int64_t alarm_bytes;     /* of these, for alarms before they are merged; 0: an eighth */
    int64_t batch_bytes;     /* size of one of the two batches */
    int64_t flash_per_day_bytes;
    bool has_flash_per_day;
    int storage;              /* enum storage_class */
    struct store_kinds kinds; /* not an option: what the windows are */
};

/* What the store lies on, as far as it matters how much may be written. */
enum storage_class {
    STORAGE_SD,
    STORAGE_EMMC,
    STORAGE_NAND,
    STORAGE_SSD,
    STORAGE_HDD,
    STORAGE_RAM
};

extern const char *const store_storage_names[]; /* by class, ended by NULL */

/* Bytes that may be written in a day: as configured, else what its class of storage stands for
 * many years; 0: no limit. */
int64_t store_flash_per_day(const struct store_options *options);

/* Bytes of alarms that may wait before transitions between the first and the last are merged. */
int64_t store_alarm_budget(const struct store_options *options);

/* Lanes of the outbox: alarms have their own. */
enum lane { LANE_ALARM = 0, LANE_WINDOW = 1, LANE_COUNT };

enum { STORE_FETCH_MAX = 64 };

struct store_events {
    /* Everything up to `ticket` is durable; records of that batch may be fetched now. */
    void (*committed)(void *context, uint64_t ticket);
    /* Answer to store_fetch: records in ascending order of seq, valid during the call.
     * count < the max asked for: there are no more at the moment. */
    void (*fetched)(void *context, enum lane lane, const struct record *records, size_t count);
    void *context;
};

/* What was found at open. */
struct store_found {
    char epoch[17]; /* hex, made with the database file: tells two sequences apart */
    uint64_t next_seq;
    uint64_t waiting[LANE_COUNT]; /* records in the outbox */
    bool was_set_aside;           /* a damaged file was moved to `aside_path` and a new one begun */
    char aside_path[LIMIT_PATH_SIZE + 32];
};

struct store_counts {
    uint64_t commits, failed_commits;
    uint64_t written;             /* records committed, over the life of the file */
    uint64_t acknowledged;        /* records deleted after success, likewise */
    uint64_t dropped;             /* records lost for lack of space or to damage, likewise */
    uint64_t merged;              /* records whose readings went into other records, likewise */
    uint64_t covered;             /* of these, into those of another kind of window */
    uint64_t merged_alarms;       /* transitions of alarms merged, likewise */
    uint64_t waiting[LANE_COUNT]; /* records in the outbox, committed */
    uint64_t staged;              /* records in batches, not yet committed */
    uint64_t next_seq;            /* all that was committed is below, all that will be is not */
    int64_t file_bytes;           /* everything of ours on the disk */
    int64_t journal_bytes;
    uint64_t flash_bytes; /* written to the database and its WAL since it was opened */
    int64_t last_commit_ms, longest_commit_ms; /* duration */
    bool is_failing;                           /* the last commit failed and is being tried again */
};

/* The least budget_bytes with which store_open takes batches of this size. */
int64_t store_least_budget(int64_t batch_bytes);

/* Bytes that store_open allocates for these options, SQLite's own not counted. */
size_t store_size_bytes(const struct store_options *options);

/* Opens or creates the database and reads what it holds; does not start the thread.  A damaged
 * file of ours is set aside and a new one begun.  `log` is the loop thread's; the store makes one
 * of its own for its thread.  `options`, `log` and `events` are copied; `loop` outlives the store.
 * The reason of a failure is logged, and *store is then NULL:
 * ST_FOREIGN: what is there is not ours, or of a newer version: left untouched; ST_AGAIN: the
 * directory is not there and only its last level could be made (a disk not mounted yet);
 * ST_IO: cannot be opened or created (permission), or another process has it; ST_INVALID: the
 * budget is too small for the batch; ST_NO_MEMORY. */
enum status store_open(struct store **store, const struct store_options *options, struct loop *loop,
                       const struct log *log, const struct store_events *events,
                       struct store_found *found) ISOTHERM_CHECK;

/* Hands every journal entry, oldest first, to fn.  Only between store_open and store_start. */
enum status store_restore(struct store *store,
                          void (*fn)(void *context, const void *bytes, size_t size),
                          void *context) ISOTHERM_CHECK;

/* Starts the store thread. */
enum status store_start(struct store *store) ISOTHERM_CHECK;

/* Whether `bytes` more fit into the batch being filled (records count as their encoded size, at
 * most STREAM_RECORD_BYTES). */
bool store_has_room(const struct store *store, size_t bytes);

/* Add to the batch; the caller has asked for room. record->seq is set by this call. */
void store_add_record(struct store *store, struct record *record);
void store_add_journal(struct store *store, const void *bytes, size_t size);

/* The record was delivered; it leaves the outbox with the next commit.  ST_FULL: no room in the
 * batch now, try again after the next committed(). */
enum status store_acknowledge(struct store *store, enum lane lane, uint64_t seq) ISOTHERM_CHECK;

/* A round of whole states begins or has ended in this batch: at the end, everything journalled
 * before the beginning is deleted. */
void store_mark_journal(struct store *store, bool is_end);

/* From the next commit on the WAL grows to so much of its usual length (wear.h) before it is
 * written back, as far as the budget has room for it. */
void store_set_wal(struct store *store, int percent);

/* Hands the batch to the thread: everything offered up to `ticket` is in it.  Does nothing and
 * answers false while the thread still works on the other one. An empty batch is handed over too
 * when the ticket is new (nothing is written then). */
bool store_commit(struct store *store, uint64_t ticket);
bool store_is_committing(const struct store *store);

/* Asks for up to `max` records (at most STORE_FETCH_MAX) with seq > after; answered by fetched(),
 * from which the next may be asked for.  Requests and commits
 * are carried out in the order of the calls.  One request per lane at a time: ST_AGAIN. */
enum status store_fetch(struct store *store, enum lane lane, uint64_t after,
                        size_t max) ISOTHERM_CHECK;

struct store_counts store_count(const struct store *store);

/* Waits until what was handed over is committed, commits the rest as well, ends the thread and
 * closes the database.  ST_IO: the last commit failed, what was in it is lost.  Callbacks may
 * still be made from here. */
enum status store_stop(struct store *store, uint64_t ticket);

/* Releases the object, after store_stop or instead of store_start.  NULL does nothing. */
void store_close(struct store *store);

/* The options of the `store:` section. */
extern const struct field_table store_option_table;

#endif
