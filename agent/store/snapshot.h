/* snapshot: a copy of a store beside which an agent runs, as it was at one moment.
 *
 * The agent is not asked and does not notice.  It changes the database itself only when it writes
 * the WAL back, and begins the WAL anew only after that; so two files that were copied while
 * neither happened are one state of the store: what is appended to the WAL meanwhile ends in a
 * commit or is not looked at.  For tools, in a process of their own. */
#ifndef ISOTHERM_STORE_SNAPSHOT_H
#define ISOTHERM_STORE_SNAPSHOT_H

#include "base/log.h"
#include "base/status.h"

enum { SNAPSHOT_PATH_SIZE = 512 };

/* Copies `path` and its WAL into a new directory of TMPDIR or /tmp, for this user only; `copy`
 * (SNAPSHOT_PATH_SIZE bytes) is where the store then lies.  The reason of a failure is logged, and
 * nothing is left then.  ST_NOT_FOUND; ST_AGAIN: the store changed during each of several tries;
 * ST_FULL: there is no room for the copy; ST_IO. */
enum status snapshot_take(const char *path, struct log *log, char *copy) ISOTHERM_CHECK;

/* Deletes the copy; a connection that has read from it keeps it. */
void snapshot_remove(const char *copy);

#endif
