/* notice: names the numbers that will not come, under some of those numbers.
 *
 * A draft collects numbers within a transaction; what is then written are as few notices as they
 * take.  Older notices of the place are absorbed, so that notices do not add up. */
#ifndef ISOTHERM_STORE_NOTICE_H
#define ISOTHERM_STORE_NOTICE_H

#include "store/meta.h"
#include "store/outbox.h"
#include "store/seq_ranges.h"

#include <stdbool.h>
#include <stdint.h>

struct notice_draft {
    struct seq_ranges freed;
    struct notice said; /* reason, times, readings */
    int64_t created_ms;
    enum clock_quality clock;
    uint64_t numbers; /* that were of a record until now */
};

/* An empty draft; `memory` for ranges stays the caller's. */
void notice_begin(struct notice_draft *draft, enum notice_reason reason, struct seq_range *memory,
                  size_t capacity);

/* Notes what goes with a record: its times, and its readings when they are lost. */
void notice_tell(struct notice_draft *draft, const struct record *record);

/* Adds the number of a record.  ST_FULL: no place for another range. */
enum status notice_add(struct notice_draft *draft, uint64_t seq) ISOTHERM_CHECK;

/* Takes a waiting notice in, and its number: only one of the same reason, or, when readings are
 * dropped, any.  One that does not fit or is of another reason is left. */
enum status notice_absorb(struct notice_draft *draft, struct outbox *outbox, uint64_t seq,
                          struct meta_state *state) ISOTHERM_CHECK;

/* Writes the notices and counts in the state what became of the numbers. */
enum status notice_write(struct notice_draft *draft, struct outbox *outbox,
                         struct meta_state *state) ISOTHERM_CHECK;

#endif
