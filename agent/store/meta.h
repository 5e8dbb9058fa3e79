/* meta: the few numbers about the whole store, changed in every transaction with what they count.
 *
 * They stand in one row with a checksum, so that opening costs the same for any backlog. */
#ifndef ISOTHERM_STORE_META_H
#define ISOTHERM_STORE_META_H

#include "base/log.h"
#include "base/status.h"
#include "store/owed.h"
#include "store/seq_ranges.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

enum { META_OFFERED = 16 };

/* written = acknowledged + merged + dropped + the sum of waiting, after every transaction. */
struct meta_state {
    uint8_t epoch[8];             /* random, made with the store */
    uint64_t batch;               /* number of the last batch committed */
    uint64_t next_seq;            /* of the next record */
    uint64_t written;             /* records, over the life of the epoch */
    uint64_t acknowledged;        /* likewise */
    uint64_t dropped;             /* likewise */
    uint64_t merged;              /* likewise: what it said is in other records */
    uint64_t covered;             /* of these, in those of another kind of window */
    uint64_t waiting[LANE_COUNT]; /* records in the outbox */
    /* Numbers of windows that may have been handed out, so that the centre may have them: they are
     * never merged. */
    struct seq_range offered[META_OFFERED];
    uint32_t offered_count;
    uint64_t kinds;          /* mark of the kinds of windows that are made, ... */
    uint64_t kinds_since;    /* ... from this number on */
    uint64_t alarms_offered; /* alarms up to this number may have been handed out, likewise */
    uint64_t merged_alarms;  /* over the life of the epoch: transitions that others count */
    struct owed owed;        /* in rows of their own */
};

struct meta {
    sqlite3 *connection; /* of the writer */
    struct log *log;
    sqlite3_stmt *save, *forget;
};

/* A new epoch with empty counters.  ST_IO: the system has no random numbers. */
enum status meta_make_state(struct meta_state *state) ISOTHERM_CHECK;

/* The offered ranges as a set in the state itself; count is to be written back. */
struct seq_ranges meta_offered(struct meta_state *state);

/* Everything waiting counts as dropped: the file it was in is gone.  What was owed still is. */
void meta_drop_waiting(struct meta_state *state);

enum status meta_open(struct meta *meta, sqlite3 *connection, struct log *log) ISOTHERM_CHECK;
void meta_close(struct meta *meta);

/* ST_NOT_FOUND: none yet, as in a new file; ST_CORRUPT. */
enum status meta_load(const struct meta *meta, struct meta_state *state) ISOTHERM_CHECK;

/* Reads the bytes of a saved state, without what is owed.  ST_CORRUPT.  Pure. */
enum status meta_read_state(const uint8_t *bytes, size_t size,
                            struct meta_state *state) ISOTHERM_CHECK;

/* Inside the caller's transaction, or one of its own. */
enum status meta_save(const struct meta *meta, const struct meta_state *state) ISOTHERM_CHECK;

#endif
