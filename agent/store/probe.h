/* probe: whether a store lies on a sector that cannot be read, while the medium itself works: then
 * it is as good as damaged, and waiting for a better day would be waiting for ever. */
#ifndef ISOTHERM_STORE_PROBE_H
#define ISOTHERM_STORE_PROBE_H

#include "base/log.h"

#include <stdbool.h>

/* Reads the store and its WAL through.  True: some of it cannot be read, the rest can, and a new
 * file beside it can be written and synced.  Logged.  No connection to it may be open. */
bool probe_finds_bad_sector(const char *path, struct log *log);

#endif
