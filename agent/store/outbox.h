/* outbox: the records that the centre has not acknowledged, one table per lane.
 *
 * Works inside transactions of the writer and counts in the state it is given; the writer keeps
 * that state only when the transaction is committed. */
#ifndef ISOTHERM_STORE_OUTBOX_H
#define ISOTHERM_STORE_OUTBOX_H

#include "base/log.h"
#include "base/status.h"
#include "store/batch.h"
#include "store/meta.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outbox_job {
    OUTBOX_INSERT,
    OUTBOX_DELETE, /* a range */
    OUTBOX_FETCH,
    OUTBOX_COUNT,
    OUTBOX_NEWEST,
    OUTBOX_READ,
    OUTBOX_AHEAD,
    OUTBOX_JOBS
};

struct outbox {
    sqlite3 *connection; /* of the writer */
    struct log *log;
    sqlite3_stmt *statements[LANE_COUNT][OUTBOX_JOBS];
};

enum status outbox_open(struct outbox *outbox, sqlite3 *connection, struct log *log) ISOTHERM_CHECK;
void outbox_close(struct outbox *outbox);

/* Inserts the batch's records, which were not written before; or one of them. */
enum status outbox_insert(struct outbox *outbox, const struct batch *batch,
                          struct meta_state *state) ISOTHERM_CHECK;
enum status outbox_add(struct outbox *outbox, const struct batch_record *record,
                       struct meta_state *state) ISOTHERM_CHECK;

/* Deletes what the batch says was delivered. */
enum status outbox_acknowledge(struct outbox *outbox, const struct batch *batch,
                               struct meta_state *state) ISOTHERM_CHECK;

/* The same for one range; *count tells how many there were. */
enum status outbox_deliver(struct outbox *outbox, enum lane lane, uint64_t first, uint64_t last,
                           struct meta_state *state, uint64_t *count) ISOTHERM_CHECK;

/* Deletes one damaged record. */
enum status outbox_drop_one(struct outbox *outbox, enum lane lane, uint64_t seq,
                            struct meta_state *state) ISOTHERM_CHECK;

/* One record in, read, or out, where the caller counts what became of it; only `waiting` is kept.
 * Read: ST_NOT_FOUND, ST_CORRUPT. */
enum status outbox_put(struct outbox *outbox, enum lane lane, const struct record *record,
                       struct meta_state *state) ISOTHERM_CHECK;
enum status outbox_read(struct outbox *outbox, enum lane lane, uint64_t seq,
                        struct record *record) ISOTHERM_CHECK;
enum status outbox_remove(struct outbox *outbox, enum lane lane, uint64_t seq,
                          struct meta_state *state) ISOTHERM_CHECK;

/* Steps through a lane upwards from the first seq > after, until `visit` answers false; what
 * cannot be read is left out.  Nothing may be changed meanwhile. */
enum status outbox_walk(struct outbox *outbox, enum lane lane, uint64_t after,
                        bool (*visit)(void *context, const struct record *record, size_t bytes),
                        void *context) ISOTHERM_CHECK;

/* The seq of the count-th record after `after`, or of the last one; 0: there is none. */
enum status outbox_look_ahead(struct outbox *outbox, enum lane lane, uint64_t after, uint64_t count,
                              uint64_t *seq) ISOTHERM_CHECK;

/* Reads up to `max` records with after < seq < before.  ST_CORRUPT with *damaged_seq != 0: records
 * before that one were read, that one itself cannot be; with 0: the table is damaged. */
enum status outbox_fetch(struct outbox *outbox, enum lane lane, uint64_t after, uint64_t before,
                         size_t max, struct record *records, size_t *count,
                         uint64_t *damaged_seq) ISOTHERM_CHECK;

/* Compares the state with the rows and believes the rows. */
enum status outbox_recount(struct outbox *outbox, struct meta_state *state) ISOTHERM_CHECK;

/* Adds to the notice the numbers below `before` that are not in the outbox. */
enum status outbox_find_gaps(struct outbox *outbox, uint64_t before,
                             struct notice *notice) ISOTHERM_CHECK;

/* The largest seq in the outbox; 0: it is empty. */
enum status outbox_find_newest(struct outbox *outbox, uint64_t *seq) ISOTHERM_CHECK;

#endif
