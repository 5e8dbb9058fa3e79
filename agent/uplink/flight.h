/* flight: which records of one lane were sent, and what became of each.
 *
 * The outbox is read in ascending order of seq, from the cursor on.  Up to the cursor every
 * record that the store still holds is in the table, or the store was told that it is delivered;
 * above it the table may know of records that were delivered already.
 * A loss puts the cursor back, so that what was not delivered is fetched again, and what was
 * delivered above it is recognised.  A refused record stays in the table and is fetched by itself
 * when its time has come: the cursor never goes back for it.  Fixed size, no allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_FLIGHT_H
#define ISOTHERM_UPLINK_FLIGHT_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum flight_state {
    FLIGHT_SENT,      /* no answer yet */
    FLIGHT_REFUSED,   /* to be tried again by itself */
    FLIGHT_DELIVERED, /* acknowledged by the broker; the store is still to be told */
    FLIGHT_DONE       /* the store was told; kept until it cannot be fetched again */
};

/* Embedded by its owner; the entries are in ascending order of seq. */
struct flight {
    uint64_t cursor;
    size_t count; /* entries in the table */
    struct flight_entry {
        uint64_t seq;
        int message_id; /* of FLIGHT_SENT */
        enum flight_state state;
        uint32_t refusals;     /* above 0: fetched by itself from now on */
        int64_t retry_mono_ms; /* of FLIGHT_REFUSED */
        unsigned commits;      /* of FLIGHT_DONE: after so many the store has it no more */
    } entries[LIMIT_IN_FLIGHT];
};

/* Notes that the record was sent and moves the cursor there.  False: the table is full. */
bool flight_add(struct flight *flight, uint64_t seq, int message_id);

/* True when the record needs not be sent: it is in the table.  Moves the cursor there then. */
bool flight_skip(struct flight *flight, uint64_t seq);

/* The store has no more records than it has given: nothing is missing among the entries. */
void flight_pass_all(struct flight *flight);

/* The entry sent under that id and not yet answered, or NULL. */
struct flight_entry *flight_find_sent(struct flight *flight, int message_id);

/* The first entry that was delivered and that the store does not know of, or NULL. */
struct flight_entry *flight_find_delivered(struct flight *flight);

/* The store was told of a delivery, and has deleted the record after so many more commits. */
void flight_finish(struct flight *flight, struct flight_entry *entry, unsigned commits);

/* The store has committed. */
void flight_note_commit(struct flight *flight);

/* Moves every entry of `from` into `flight`; all are newer than those there.  Both together have
 * at most LIMIT_IN_FLIGHT.  The cursors stay. */
void flight_absorb(struct flight *flight, struct flight *from);

/* The record was refused, or could not even be sent: to be tried again at retry_mono_ms. */
void flight_refuse(struct flight_entry *entry, int64_t retry_mono_ms);

/* The refused record to be tried next, or NULL. */
struct flight_entry *flight_find_refused(struct flight *flight);

/* All refused records may be tried again now. */
void flight_retry_all(struct flight *flight);

/* The entry of that record, or NULL. */
struct flight_entry *flight_find(struct flight *flight, uint64_t seq);

/* Entries refused FLIGHT_PARK_AFTER times or more: they wait on their own account while the queue
 * goes on. */
enum { FLIGHT_PARK_AFTER = 3 };
size_t flight_count_parked(const struct flight *flight);

/* Entries that hold others back: on the way, or delivered while the store cannot be told. */
size_t flight_count_open(const struct flight *flight);

/* The store no longer has the refused record. */
void flight_forget(struct flight *flight, struct flight_entry *entry);

/* The connection is lost: forgets what has no answer and moves the cursor back before it; what
 * was refused before is to be tried again by itself. */
void flight_lose(struct flight *flight);

/* Entries without an answer. */
size_t flight_count_sent(const struct flight *flight);

#endif
