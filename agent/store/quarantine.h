/* quarantine: sets a damaged store aside, whole, so that a new one can be begun unattended.
 *
 * Two generations are kept: PATH.damaged-1 (the newer) and PATH.damaged-2, each with its WAL under
 * the name by which SQLite finds it.  A power cut between any two steps leaves a state from which
 * the next start finishes the job.  No connection may be open.  Any one thread. */
#ifndef ISOTHERM_STORE_QUARANTINE_H
#define ISOTHERM_STORE_QUARANTINE_H

#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Moves the store and its WAL aside; `aside_path` (STORE_FILE_PATH_SIZE bytes) tells where to.
 * ST_IO: it could not be moved; logged. */
enum status quarantine_move(const char *path, struct log *log, char *aside_path) ISOTHERM_CHECK;

/* For a path at which there is no store: moves aside a WAL or rollback journal left without
 * one, since SQLite would play it into the new store; *is_moved: there was one.  ST_IO: it could
 * not be moved. */
enum status quarantine_move_orphans(const char *path, struct log *log,
                                    bool *is_moved) ISOTHERM_CHECK;

/* Bytes of everything that was set aside. */
int64_t quarantine_bytes(const char *path);

/* Deletes the older generation, or the only one, to make room.  False: there is none; logged. */
bool quarantine_forget(const char *path, struct log *log);

#endif
