/* degrade: what is done near the budget, from the least loss to the greatest.
 *
 *   1. views go: windows whose readings are in other windows anyway
 *   2. adjacent windows of a device become one, of a minute, ten minutes, an hour
 *   3. of two kinds of windows that have come to say the same, one goes
 *   4. hours become six hours and days
 *   5. so do windows in spans that are not over
 *   6. the oldest are dropped, and alarms only when there is nothing else
 *
 * Apart from these, the lane of alarms has a budget: beyond, transitions between the first and the
 * last of an alarm are merged.
 *
 * Each step is a transaction of its own that changes a bounded number of pages, and leaves notices
 * of the numbers that became free. */
#ifndef ISOTHERM_STORE_DEGRADE_H
#define ISOTHERM_STORE_DEGRADE_H

#include "base/log.h"
#include "base/status.h"
#include "store/merge.h"
#include "store/meta.h"
#include "store/outbox.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    DEGRADE_LEVELS = 5,
    DEGRADE_BEGIN_PERCENT = 85, /* of the pages that may be used */
    DEGRADE_END_PERCENT = 80
};

struct degrade_level {
    uint64_t after;    /* below, everything was looked at */
    int64_t oldest_ms; /* start of the first window beyond */
    uint32_t modulus, remainder;
    bool is_done; /* nothing to be had until more was committed */
};

/* Embedded by its owner; the fields are private. */
struct degrade {
    struct merge merge;
    struct store_kinds kinds;
    struct outbox *outbox;
    struct meta *meta;
    sqlite3 *connection;
    struct log *log;
    sqlite3_stmt *pages, *free_pages;
    int64_t max_pages;
    struct degrade_level levels[DEGRADE_LEVELS];
    uint64_t views_after, fold_after, tidy_after;
    uint32_t steps; /* since notices were last tidied */
    int64_t newest_ms;
    int64_t newest_uptime_ms; /* likewise of windows of that boot */
    uint32_t newest_boot;     /* 0: none was seen */
    uint64_t tried_seq;       /* next_seq when all was last to be tried again, ... */
    uint64_t whole_seq;       /* ... and when it was last looked at from the beginning */
    bool are_views_done, is_fold_done, is_unfinished_done;
    bool takes_unfinished, is_newest_known;
    bool is_active; /* between the two marks */
    /* The lane of alarms has a budget of its own. */
    sqlite3_stmt *alarm_bytes;
    int64_t alarm_budget_bytes, measured_bytes;
    uint64_t measured_seq;   /* next_seq when it was measured */
    uint64_t alarms_offered; /* up to here handed out, as far as the state does not know */
    uint64_t alarms_after;   /* below, everything was looked at */
    uint64_t alarms_retry_seq;
    bool are_alarms_done, is_merging_alarms;
};

/* Allocates for the life of the store.  ST_NO_MEMORY. */
enum status degrade_init(struct degrade *degrade,
                         const struct store_options *options) ISOTHERM_CHECK;
void degrade_fini(struct degrade *degrade);

/* With a connection, of which `max_pages` may be used. */
enum status degrade_open(struct degrade *degrade, sqlite3 *connection, struct outbox *outbox,
                         struct meta *meta, int64_t max_pages, struct log *log) ISOTHERM_CHECK;
void degrade_close(struct degrade *degrade);

/* Something was committed: when it was much, more may have settled. */
void degrade_note_commit(struct degrade *degrade, const struct meta_state *state);

/* Pages of the database, those included that are still in the WAL only. */
int64_t degrade_count_pages(struct degrade *degrade);

/* Whether the database is near its budget: from the upper mark down to the lower one. */
bool degrade_is_due(struct degrade *degrade);

/* Steps 1 to 4, and 5 where it is needed: one transaction.  *has_gained tells whether it made room;
 * when not, there is nothing to be had now.  *state is that of the database, before and after. */
enum status degrade_step(struct degrade *degrade, bool is_needed, struct meta_state *state,
                         bool *has_gained) ISOTHERM_CHECK;

/* When the lane of alarms is above its budget, or with `is_needed` in any case: of each alarm that
 * is neither HH, LL, high nor critical, the transitions between the first and the last that were
 * not handed out yet become a count in the last one.  One transaction; *has_gained as above. */
enum status degrade_merge_alarms(struct degrade *degrade, bool is_needed, struct meta_state *state,
                                 bool *has_gained) ISOTHERM_CHECK;

/* When not even dropping makes room: the batch without its windows, which are named as dropped by
 * notices under some of their numbers.  In the caller's transaction, on the caller's state. */
enum status degrade_insert_without_windows(struct degrade *degrade, const struct batch *batch,
                                           struct meta_state *state) ISOTHERM_CHECK;

/* Step 6: drops up to `count` of the oldest windows that the centre cannot have, in a transaction.
 * When there are none, *dropped is 0. */
enum status degrade_drop(struct degrade *degrade, uint64_t count, struct meta_state *state,
                         uint64_t *dropped) ISOTHERM_CHECK;

/* Those that it may have, or alarms: their numbers cannot be given to a notice, so one is owed. */
enum status degrade_drop_offered(struct degrade *degrade, enum lane lane, uint64_t count,
                                 struct meta_state *state, uint64_t *dropped) ISOTHERM_CHECK;

#endif
