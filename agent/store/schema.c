/* Invariant: the version changes in the same transaction as the tables it speaks of. */
#include "store/schema.h"

#include "store/database.h"
#include "store/version.h"

/* steps[n] leads from version n to n + 1.  A step that was shipped is never edited. */
static const char *const steps[SCHEMA_VERSION] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE outbox_alarm(seq INTEGER PRIMARY KEY, record BLOB NOT NULL);"
    "CREATE TABLE outbox_window(seq INTEGER PRIMARY KEY, record BLOB NOT NULL);"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY, entries BLOB NOT NULL);",
    "", /* the version is noted in meta as well */
};

static enum status upgrade_from(sqlite3 *connection, int64_t version, struct log *log)
{
    enum status status = database_execute(connection, log, "BEGIN IMMEDIATE");
    for (int64_t i = version; status == ST_OK && i < SCHEMA_VERSION; i++)
        status = database_execute(connection, log, steps[i]);
    if (status == ST_OK) status = version_write(connection, log, SCHEMA_VERSION);
    if (status == ST_OK) status = database_execute(connection, log, "COMMIT");
    if (sqlite3_get_autocommit(connection) == 0)
        (void)sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

enum status schema_upgrade(sqlite3 *connection, struct log *log)
{
    struct version version;
    enum status status = version_read(connection, log, SCHEMA_VERSION, &version);
    if (status != ST_OK) return status;
    if (version.is_header_wrong)
        log_write(log, LOG_LEVEL_WARN, "store",
                  "one bit of the version in the header was wrong: mended, it is %lld",
                  (long long)version.number);
    else if (version.number == SCHEMA_VERSION)
        return ST_OK;
    if (version.number <= SCHEMA_VERSION) return upgrade_from(connection, version.number, log);
    log_limited(log, LOG_LEVEL_ERROR, "store", "version",
                "the store is of version %lld, this program knows up to %d: left untouched, use "
                "the newer program or name another path",
                (long long)version.number, SCHEMA_VERSION);
    return ST_FOREIGN;
}
