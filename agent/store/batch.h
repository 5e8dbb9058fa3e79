/* batch: everything that one transaction will hold, in memory of fixed size.
 *
 *   bytes: [ journal entries ->        free        <- records ]
 *
 * Filled by one thread, then handed whole to another; it does no locking of its own. */
#ifndef ISOTHERM_STORE_BATCH_H
#define ISOTHERM_STORE_BATCH_H

#include "base/status.h"
#include "store/owed.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BATCH_RANGES = 1024, BATCH_JOURNAL_HEAD = 5 };

/* Records `first` to `last` of a lane were delivered. */
struct batch_range {
    uint64_t first, last;
    enum lane lane;
};

/* Embedded by its owner; the fields are for batch.c and the writer. */
struct batch {
    uint8_t *bytes;
    size_t capacity;     /* with the slack for what entries cost beyond their own bytes */
    size_t promised;     /* of the capacity, what store_has_room may give away */
    size_t journal_size; /* bytes at the front, BATCH_JOURNAL_HEAD included */
    size_t record_size;  /* bytes at the end */
    uint64_t records[LANE_COUNT];
    uint64_t next_seq; /* after the last record; 0: none here */
    struct batch_range *ranges;
    size_t range_count;
    uint64_t told[OWED_KINDS]; /* versions of owed notices among the records; 0: none */
    int wal_percent;           /* how long the WAL grows from then on; 0: as before */
    uint64_t number;           /* given by the writer at the first try; 0 before */
    bool ends_former_round, begins_round, ends_own_round;
};

/* Allocates for `size_bytes` of records and journal.  ST_NO_MEMORY. */
enum status batch_init(struct batch *batch, size_t size_bytes) ISOTHERM_CHECK;
/* What batch_init allocates. */
size_t batch_size_bytes(size_t size_bytes);
void batch_fini(struct batch *batch);
void batch_clear(struct batch *batch);

/* Whether a transaction is needed for it. */
bool batch_is_empty(const struct batch *batch);
bool batch_has_journal(const struct batch *batch);
bool batch_has_room(const struct batch *batch, size_t bytes);
uint64_t batch_record_count(const struct batch *batch);

/* ST_FULL: it does not fit, a bug of the caller, who has to ask for room first; ST_INVALID: a
 * text in the record has no end.  The batch is then unchanged. */
enum status batch_add_record(struct batch *batch, const struct record *record) ISOTHERM_CHECK;
enum status batch_add_journal(struct batch *batch, const void *bytes, size_t size) ISOTHERM_CHECK;
enum status batch_acknowledge(struct batch *batch, enum lane lane, uint64_t seq) ISOTHERM_CHECK;
void batch_mark_journal(struct batch *batch, bool is_end);

/* One record as it stands in the batch. */
struct batch_record {
    uint64_t seq;
    enum lane lane;
    const uint8_t *bytes;
    size_t size;
};

/* Steps through the records, oldest first; *cursor is 0 at first.  False: no more. */
bool batch_next_record(const struct batch *batch, size_t *cursor, struct batch_record *record);

#endif
