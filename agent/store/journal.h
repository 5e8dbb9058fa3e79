/* journal: what changed in the panes, one blob per batch, until a round of whole states makes the
 * older ones needless.
 *
 * Works inside transactions of the writer. */
#ifndef ISOTHERM_STORE_JOURNAL_H
#define ISOTHERM_STORE_JOURNAL_H

#include "base/log.h"
#include "base/status.h"
#include "store/batch.h"

#include <sqlite3.h>
#include <stdint.h>

struct journal {
    sqlite3 *connection; /* of the writer */
    struct log *log;
    sqlite3_stmt *insert, *trim, *remove;
};

enum { JOURNAL_DAMAGE_MOST = 16 };

/* Blobs that were left out, as many as there is a place for. */
struct journal_damage {
    uint64_t ids[JOURNAL_DAMAGE_MOST];
    uint32_t count;
};

enum status journal_open(struct journal *journal, sqlite3 *connection,
                         struct log *log) ISOTHERM_CHECK;
void journal_close(struct journal *journal);

/* Writes the batch's entries under its number; completes their head in the batch's memory. */
enum status journal_insert(struct journal *journal, struct batch *batch) ISOTHERM_CHECK;

/* Deletes the blobs of all batches before `id`. */
enum status journal_trim(struct journal *journal, uint64_t id) ISOTHERM_CHECK;

/* Deletes one. */
enum status journal_remove(struct journal *journal, uint64_t id) ISOTHERM_CHECK;

/* Bytes of all blobs; the cost grows with their number. */
enum status journal_measure(struct journal *journal, int64_t *bytes) ISOTHERM_CHECK;

/* The number of the newest blob; 0: there is none. */
enum status journal_find_newest(struct journal *journal, uint64_t *id) ISOTHERM_CHECK;

/* Hands each entry of one blob to fn.  ST_CORRUPT, ST_UNSUPPORTED; entries before the damaged one
 * may have been handed out when its checksum was right all the same.  Pure. */
enum status journal_read_blob(uint64_t id, const uint8_t *bytes, size_t size,
                              void (*fn)(void *context, const void *bytes, size_t size),
                              void *context) ISOTHERM_CHECK;

/* Hands each entry, oldest first, to fn.  A damaged blob is logged, noted and left out. */
enum status journal_restore(struct journal *journal,
                            void (*fn)(void *context, const void *bytes, size_t size),
                            void *context, struct journal_damage *damage) ISOTHERM_CHECK;

#endif
