/* reserve: a file beside the store that holds disk space for an emergency.
 *
 * On a full disk even deleting needs room, in the WAL.  Giving the reserve up makes that room;
 * it is taken back when there is space again.  Any one thread. */
#ifndef ISOTHERM_STORE_RESERVE_H
#define ISOTHERM_STORE_RESERVE_H

#include "base/log.h"

#include <stdbool.h>

enum { RESERVE_BYTES = 256 * 1024 };

/* Makes the file when it is not there; on a full disk it stays away.  Whether it is there. */
bool reserve_take(const char *path, struct log *log);

/* Removes it.  False: there was none. */
bool reserve_give_up(const char *path, struct log *log);

#endif
