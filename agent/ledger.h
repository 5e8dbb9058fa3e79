/* ledger: how often each source was given each verdict, kept over restarts.
 *
 * An entry goes into the journal with the readings it speaks of, in the same commit, so that after
 * a crash the counts are those of what survived.  Loop thread only. */
#ifndef ISOTHERM_LEDGER_H
#define ISOTHERM_LEDGER_H

#include "base/limits.h"
#include "base/status.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEDGER_TAG = 'L', /* first byte of an entry; the stream's entries begin otherwise */
    LEDGER_NAME_SIZE = 48,
    LEDGER_LINES = LIMIT_SOURCES + 1, /* every source, and those that were */
    LEDGER_BYTES = LEDGER_LINES * (LEDGER_NAME_SIZE + 10 * (VERDICT_COUNT + 1)) + 16
};

/* The line of all sources that are no longer configured; no source can have this name. */
#define LEDGER_FORMER "(former sources)"

/* The counts of one source. */
struct ledger_line {
    char name[LEDGER_NAME_SIZE];
    struct verdict_counts counts;
};

struct ledger {
    struct ledger_line lines[LEDGER_LINES];
    size_t count;
};

/* Writes an entry into `bytes` of LEDGER_BYTES; returns its size. */
size_t ledger_encode(const struct ledger *ledger, uint8_t *bytes);

/* Reads an entry.  ST_CORRUPT: not one; *ledger is then empty. */
enum status ledger_decode(struct ledger *ledger, const void *bytes, size_t size) ISOTHERM_CHECK;

/* Takes the line of that name out; false when there is none, and *counts is then zero. */
bool ledger_take(struct ledger *ledger, const char *name, struct verdict_counts *counts);

/* All that came in, by the counts. */
uint64_t ledger_count_received(const struct verdict_counts *counts);

#endif
