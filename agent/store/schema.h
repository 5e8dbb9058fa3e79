/* schema: the tables of the store and how they came about, version by version.
 *
 * Store thread, or the thread that opens. */
#ifndef ISOTHERM_STORE_SCHEMA_H
#define ISOTHERM_STORE_SCHEMA_H

#include "base/log.h"
#include "base/status.h"

#include <sqlite3.h>

/* "Isot", at byte 68 of the file: tells our files from others'. */
#define SCHEMA_APPLICATION_ID 0x49736f74

enum { SCHEMA_VERSION = 2 };

/* Brings an empty database, or one of an older version, to SCHEMA_VERSION, in one transaction.
 * ST_FOREIGN: of a newer version, nothing was written; ST_CORRUPT; ST_FULL; ST_IO.  Logged. */
enum status schema_upgrade(sqlite3 *connection, struct log *log) ISOTHERM_CHECK;

#endif
