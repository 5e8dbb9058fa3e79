/* meter: counts the bytes that SQLite really writes to its files, WAL and write-back included, and
 * the reads that the disk refuses.
 *
 * What the file system adds for its own journal is not seen here; docs/store.md says how much
 * that is.  The thread that owns the connections through it. */
#ifndef ISOTHERM_STORE_METER_H
#define ISOTHERM_STORE_METER_H

#include "base/status.h"
#include "store/vfs_pass.h"

#include <stdint.h>

/* Embedded by its owner, who does not move it; the fields are private. */
struct meter {
    struct vfs_pass pass;
    uint64_t bytes, failed_reads;
};

/* Makes it known to SQLite.  ST_NO_MEMORY. */
enum status meter_begin(struct meter *meter) ISOTHERM_CHECK;

/* After the last connection through it was closed.  A zeroed object: does nothing. */
void meter_end(struct meter *meter);

/* To be given to sqlite3_open_v2. */
const char *meter_name(const struct meter *meter);

/* Written since meter_begin. */
uint64_t meter_bytes(const struct meter *meter);

/* Reads that failed since the last call. */
uint64_t meter_take_failed_reads(struct meter *meter);

#endif
