/* frozen: a way for SQLite to read a store, WAL included, of which nothing can change: not the
 * file, not its WAL, not the directory.  Works on a copy on a read-only medium as well.
 *
 * It takes no locks; the caller sees to it that nobody writes.  For tools. */
#ifndef ISOTHERM_STORE_FROZEN_H
#define ISOTHERM_STORE_FROZEN_H

#include "base/log.h"
#include "base/status.h"
#include "store/vfs_pass.h"

#include <sqlite3.h>

/* Embedded by its owner; the fields are private. */
struct frozen {
    struct vfs_pass pass;
};

/* Makes it known to SQLite; the object is not moved.  ST_NO_MEMORY. */
enum status frozen_begin(struct frozen *frozen) ISOTHERM_CHECK;

/* Opens the database at `path`.  ST_NO_MEMORY, ST_IO, ST_CORRUPT; logged.  *connection may be set
 * after a failure, too; it is the caller's to close, unless it is NULL. */
enum status frozen_connect(struct frozen *frozen, const char *path, struct log *log,
                           sqlite3 **connection) ISOTHERM_CHECK;

/* After the last connection through it was closed. */
void frozen_end(struct frozen *frozen);

#endif
