/* fake_store: store.h in memory, driven step by step by the test.
 *
 * Keeps the store's promises and its order: requests and commits are carried out in the order of
 * the calls, what is acknowledged leaves with the commit of the batch it was put in, one request
 * per lane.  Included as a .c by a test program, in place of the real store. */
#ifndef ISOTHERM_TESTS_FAKE_STORE_H
#define ISOTHERM_TESTS_FAKE_STORE_H

#include "store/store.h"

enum { FAKE_STORE_RECORDS = 2048 };

/* One at a time; released with store_close. */
struct store *fake_store_open(const struct store_events *events);

/* Puts a record into the batch; its seq is the next one, returned. */
uint64_t fake_store_add(struct store *store, enum lane lane);

/* Carries out the oldest request or commit that was handed over, and calls back.  False when
 * there is none. */
bool fake_store_step(struct store *store);

/* Commits all there is, and carries out every step. */
void fake_store_settle(struct store *store);

/* The next `count` calls of store_acknowledge answer ST_FULL. */
void fake_store_refuse_acknowledge(struct store *store, int count);

/* The next `count` answers bring nothing, as if the database could not be read. */
void fake_store_fail_fetch(struct store *store, int count);

/* The store is opened again after a crash: what was not committed is gone. */
void fake_store_crash(struct store *store);

/* Records that are committed and not deleted. */
size_t fake_store_waiting(const struct store *store, enum lane lane);

/* Acknowledgements that named no record of the lane, or one already acknowledged. */
size_t fake_store_wrong_acknowledges(const struct store *store);

#endif
