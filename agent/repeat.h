/* repeat: recognises what a source sends again after a crash or a lost connection.
 *
 * A source that waits for acknowledgements names each input by a key: in the upper 32 bits the
 * slot, a place of the source that holds one input at a time (an MQTT message id), in the lower
 * 32 the mark, a hash of what it holds.  A newer input in a slot takes the place of the older.
 * The newest `capacity` keys are kept and go into the journal with the readings they belong to,
 * in the same commit, so that after a crash they are those of what survived.
 *
 * A key matches only while a repeat is expected, and once: a source that uses a slot again for
 * the same value is not mistaken for one that repeats.  No allocation but in open; loop thread
 * only. */
#ifndef ISOTHERM_REPEAT_H
#define ISOTHERM_REPEAT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REPEAT_TAG = 'K', /* first byte of a journal entry */
    REPEAT_NAME_SIZE = 48,
    REPEAT_KEYS_MAX = 4096, /* the largest capacity */
    REPEAT_KEYS_AN_ENTRY = 64,
    REPEAT_KEY_BYTES = 14,
    REPEAT_HEAD_BYTES = REPEAT_NAME_SIZE + 16,
    REPEAT_ENTRY_BYTES = REPEAT_HEAD_BYTES + REPEAT_KEYS_AN_ENTRY * REPEAT_KEY_BYTES
};

struct repeat_key; /* private */

struct repeat {
    struct repeat_key *keys; /* a ring; the key of number n is at n % capacity */
    size_t capacity;
    uint16_t *heads; /* of the chains of keys whose slots share a place; 0: empty */
    size_t place_mask;
    uint64_t total;      /* keys remembered so far, which is the number of the next one */
    uint64_t journalled; /* numbers below are in the journal */
    bool is_whole_due;   /* the next entry must first make a reader forget */
};

/* Room for `capacity` keys, at most REPEAT_KEYS_MAX; with 0 nothing is ever remembered.
 * ST_NO_MEMORY: the capacity is 0. */
enum status repeat_open(struct repeat *repeat, size_t capacity) ISOTHERM_CHECK;
/* What repeat_open allocates. */
size_t repeat_size_bytes(size_t capacity);
void repeat_close(struct repeat *repeat);

/* Remembers the key of an input that was dealt with. */
void repeat_remember(struct repeat *repeat, uint64_t key, int64_t now_mono_ms);

/* From now on everything that is remembered may come again, each once. */
void repeat_expect(struct repeat *repeat);

/* Whether the key is expected and not older than that; it is not expected any more afterwards. */
bool repeat_match(struct repeat *repeat, uint64_t key, int64_t now_mono_ms, int64_t max_age_ms);

/* Nothing comes again.  True when there was something to forget: then it is to be journalled. */
bool repeat_forget(struct repeat *repeat);

/* What all entries until the next commit may need in the journal at most. */
size_t repeat_room_bytes(size_t capacity);

/* Lets the next entries say everything again, since older ones will be deleted. */
void repeat_journal_whole(struct repeat *repeat);

/* Writes the next entry with what is not in the journal yet into `bytes` of REPEAT_ENTRY_BYTES;
 * returns its size, 0 when there is nothing left to write. */
size_t repeat_encode(struct repeat *repeat, const char *name, int64_t now_mono_ms, uint8_t *bytes);

/* Whose entry it is.  ST_CORRUPT: not one. */
enum status repeat_read_name(const void *bytes, size_t size,
                             char name[REPEAT_NAME_SIZE]) ISOTHERM_CHECK;

/* Gives an entry back, oldest entry first.  Its keys are as old as they were when the machine has
 * not been started anew since, and else as old as that start: older they may be, never younger.
 * ST_CORRUPT: nothing of it was taken. */
enum status repeat_restore(struct repeat *repeat, const void *bytes, size_t size,
                           int64_t now_mono_ms) ISOTHERM_CHECK;

#endif
