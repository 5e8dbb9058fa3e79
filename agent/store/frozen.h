/* frozen: a way for SQLite to read a store, WAL included, of which nothing can change: not the
 * file, not its WAL, not the directory.  Works on a copy on a read-only medium as well.
 *
 * It takes no locks; the caller sees to it that nobody writes.  For tools. */
#ifndef ISOTHERM_STORE_FROZEN_H
#define ISOTHERM_STORE_FROZEN_H

#include "base/status.h"

#include <sqlite3.h>

/* Embedded by its owner; the fields are private. */
struct frozen {
    sqlite3_vfs vfs;
    sqlite3_vfs *system; /* answers what is not about contents */
};

/* Makes it known to SQLite under FROZEN_NAME; one at a time in a process.  ST_NO_MEMORY. */
#define FROZEN_NAME "isotherm-frozen"
enum status frozen_begin(struct frozen *frozen) ISOTHERM_CHECK;

/* After the last connection through it was closed. */
void frozen_end(struct frozen *frozen);

#endif
