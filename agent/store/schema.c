/* Invariant: user_version changes in the same transaction as the tables it speaks of. */
#include "store/schema.h"

#include "store/database.h"

#include <stdio.h>

/* steps[n] leads from version n to n + 1.  A step that was shipped is never edited. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox_alarm(seq INTEGER PRIMARY KEY, record BLOB NOT NULL);"
    "CREATE TABLE outbox_window(seq INTEGER PRIMARY KEY, record BLOB NOT NULL);"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY, entries BLOB NOT NULL);",
    "", /* the tables stay; records and state are written in their second version from here on */
};

static enum status upgrade_from(sqlite3 *connection, int64_t version, struct log *log)
{
    enum status status = database_execute(connection, log, "BEGIN IMMEDIATE");
    for (int64_t i = version; status == ST_OK && i < SCHEMA_VERSION; i++)
        status = database_execute(connection, log, steps[i]);
    char pragma[64];
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version=%d", SCHEMA_VERSION);
    if (status == ST_OK) status = database_execute(connection, log, pragma);
    if (status == ST_OK) status = database_execute(connection, log, "COMMIT");
    if (sqlite3_get_autocommit(connection) == 0)
        (void)sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status schema_upgrade(sqlite3 *connection, struct log *log)
{
    int64_t version = 0;
    enum status status = database_ask(connection, log, "PRAGMA user_version", &version);
    if (status != ST_OK || version == SCHEMA_VERSION) return status;
    if (version >= 0 && version < SCHEMA_VERSION) return upgrade_from(connection, version, log);
    log_limited(log, LOG_LEVEL_ERROR, "store", "version",
                "the store is of version %lld, this program knows up to %d: left untouched, use "
                "the newer program or name another path",
                (long long)version, SCHEMA_VERSION);
    return ST_FOREIGN;
}
