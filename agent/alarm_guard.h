/* alarm_guard: carries a command out once, however often its request comes, in fixed memory and
 * over restarts.
 *
 * It keeps the newest ids with what was asked and what was answered.  When it must forget one, it
 * forgets the one with the oldest time of sending and remembers that time: from then on everything
 * sent at or before it is too old.  So a request is either still known or too old, and can never be
 * carried out a second time, whatever our clock says.  Loop thread only. */
#ifndef ISOTHERM_ALARM_GUARD_H
#define ISOTHERM_ALARM_GUARD_H

#include "alarm/alarm_command.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALARM_GUARD_TAG = 'I', /* first byte of a journal entry */
    ALARM_GUARD_IDS = 128,
    ALARM_GUARD_ENTRY_BYTES = ALARM_COMMAND_ID_SIZE + 32,
    ALARM_GUARD_ROOM_BYTES = ALARM_GUARD_IDS * ALARM_GUARD_ENTRY_BYTES /* of a whole round */
};

/* Embedded by its owner; all zero is empty; the fields are private. */
struct alarm_guard {
    struct alarm_guard_entry {
        char id[ALARM_COMMAND_ID_SIZE];
        uint64_t fingerprint;
        int64_t sent_ms; /* 0: a local command, the first to be forgotten */
        uint8_t result;
        bool is_unwritten; /* not in the journal yet */
    } entries[ALARM_GUARD_IDS];
    size_t count;
    int64_t floor_ms; /* everything sent then or before is forgotten */
};

enum alarm_guard_finding {
    ALARM_GUARD_NEW,
    ALARM_GUARD_REPEAT,  /* *result is what was answered */
    ALARM_GUARD_ID_USED, /* for something else */
    ALARM_GUARD_TOO_OLD  /* it may have been carried out and forgotten */
};

/* What is known of an id, which is not "".  sent_ms 0 is never too old. */
enum alarm_guard_finding alarm_guard_find(const struct alarm_guard *guard, const char *id,
                                          uint64_t fingerprint, int64_t sent_ms, uint8_t *result);

/* Remembers an id that is new. */
void alarm_guard_remember(struct alarm_guard *guard, const char *id, uint64_t fingerprint,
                          int64_t sent_ms, uint8_t result);

/* Lets the next entries say everything again, since older ones will be deleted. */
void alarm_guard_journal_whole(struct alarm_guard *guard);

/* Writes the next entry that is not in the journal into `bytes` of ALARM_GUARD_ENTRY_BYTES; returns
 * its size, 0 when there is none left. */
size_t alarm_guard_encode(struct alarm_guard *guard, uint8_t *bytes);

/* Gives an entry back, oldest first.  ST_CORRUPT: nothing of it was taken. */
enum status alarm_guard_restore(struct alarm_guard *guard, const void *bytes,
                                size_t size) ISOTHERM_CHECK;

#endif
