/* vfs_pass: what two layers below SQLite have in common: a named VFS of which only opening and
 * deleting are its own, and all that is not about contents is answered by the system's. */
#ifndef ISOTHERM_STORE_VFS_PASS_H
#define ISOTHERM_STORE_VFS_PASS_H

#include "base/status.h"

#include <sqlite3.h>
#include <stdbool.h>

/* Embedded by its owner, who does not move it. */
struct vfs_pass {
    sqlite3_vfs vfs;     /* first: SQLite knows us by it */
    sqlite3_vfs *system; /* NULL: not registered */
    char name[48];       /* for sqlite3_open_v2; another one for each owner */
};

/* The system's VFS behind the one that SQLite calls. */
sqlite3_vfs *vfs_pass_system(sqlite3_vfs *vfs);

/* Registers `pass`.  Of `own` are used: zName (the beginning of the name), szOsFile (bytes of a
 * file of the owner, those of a file of the system not counted), pAppData, xOpen and xDelete.
 * `holds_system_file`: a file of the system lies behind each of the owner's.  ST_NO_MEMORY. */
enum status vfs_pass_begin(struct vfs_pass *pass, const sqlite3_vfs *own,
                           bool holds_system_file) ISOTHERM_CHECK;

/* After the last connection through it was closed.  A zeroed object: does nothing. */
void vfs_pass_end(struct vfs_pass *pass);

#endif
