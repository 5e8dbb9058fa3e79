/* version: which version the tables of a store are of, said twice: in SQLite's header
 * (user_version) and, with a checksum, in the row `version` of the table `meta`.
 *
 * So a header in which one bit has turned over is told from a store of a newer program.  The row
 * stays as it is in every version to come. */
#ifndef ISOTHERM_STORE_VERSION_H
#define ISOTHERM_STORE_VERSION_H

#include "base/log.h"
#include "base/status.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum { VERSION_FIRST_NOTED = 2 }; /* stores older than that have no row */

struct version {
    int64_t number;
    bool is_header_wrong; /* one bit of it; the row is right */
};

/* Reads both.  ST_CORRUPT: they contradict each other otherwise, or the row is damaged, and the
 * header does not speak of a version beyond `known` either. */
enum status version_read(sqlite3 *connection, struct log *log, int64_t known,
                         struct version *version) ISOTHERM_CHECK;

/* Writes both, inside the caller's transaction. */
enum status version_write(sqlite3 *connection, struct log *log, int64_t number) ISOTHERM_CHECK;

/* Whether the store at the path, whose header says `header_version`, is really newer than `known`.
 * Nothing is changed.  No connection to it may be open. */
bool version_is_newer(const char *path, int64_t header_version, int64_t known);

#endif
