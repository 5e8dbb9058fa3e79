/* store_file: what lies at the path of the store, seen from outside SQLite.
 *
 * Nothing here may be called for a path while a connection to it is open in this process: closing
 * any descriptor of a file drops SQLite's locks on it.  Any one thread. */
#ifndef ISOTHERM_STORE_STORE_FILE_H
#define ISOTHERM_STORE_STORE_FILE_H

#include "base/limits.h"
#include "base/log.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A path with a suffix such as "-wal" or ".damaged-1-wal". */
enum { STORE_FILE_PATH_SIZE = LIMIT_PATH_SIZE + 32 };

enum store_file_kind {
    STORE_FILE_ABSENT, /* nothing, or zero bytes */
    STORE_FILE_OURS,   /* has our mark, or had it; may be damaged */
    STORE_FILE_BLANK   /* only zeros, as a file system leaves it after a power cut */
};

/* Path and suffix as one; STORE_FILE_PATH_SIZE bytes. */
void store_file_join(char *joined, const char *path, const char *suffix);

/* Follows symbolic links, so that the files beside the store are looked for in the right
 * directory; makes the last level of a missing directory.  ST_AGAIN: the directory is not there
 * (a disk not mounted yet); ST_IO: not allowed, or the path is too long; ST_FOREIGN: a loop of
 * links.  The reason is logged. */
enum status store_file_resolve(char *path, struct log *log) ISOTHERM_CHECK;

/* Takes the lock beside the store and leaves it in *fd until that is closed.  ST_IO: another
 * process has it, or the file cannot be made; logged. */
enum status store_file_lock(const char *path, struct log *log, int *fd) ISOTHERM_CHECK;

/* Notes, by an empty file beside it, that what lies at `path` is a store of ours, durably: a
 * power cut may garble the first page with our mark while its good copy is still in the WAL.
 * When it cannot be noted, that is logged and the next start tries again. */
void store_file_claim(const char *path, struct log *log);
bool store_file_is_claimed(const char *path);

/* Looks at the file.  A claimed one that no longer looks like anything is damage of ours.
 * ST_FOREIGN: it is not ours, or not a regular file; ST_IO: it cannot be read.  Logged. */
enum status store_file_inspect(const char *path, struct log *log,
                               enum store_file_kind *kind) ISOTHERM_CHECK;

/* Makes the names in the directory of `path` durable. */
enum status store_file_sync_directory(const char *path, struct log *log) ISOTHERM_CHECK;

/* Bytes of path and its WAL together; of one file: 0 when it is absent. */
int64_t store_file_total_bytes(const char *path);
int64_t store_file_bytes(const char *path);

#endif
