/* Invariant: a store is called newer unless it is certain that it is not: the row with its right
 * checksum says so, and the header differs from it by one bit.
 *
 *   meta, key "version":  crc 4, number 4    little-endian; crc over "version", number */
#include "store/version.h"

#include "base/pack.h"
#include "store/database.h"
#include "store/frozen.h"

#include <stdio.h>
#include <string.h>

#define KEY "version"

enum { NOTE_SIZE = 8, CRC_SIZE = 4 };

static uint32_t checksum(const uint8_t *number)
{
    return pack_crc32(pack_crc32(0, KEY, sizeof KEY - 1), number, NOTE_SIZE - CRC_SIZE);
}

static enum status decode(const uint8_t *bytes, size_t size, int64_t *number)
{
    if (bytes == NULL || size != NOTE_SIZE) return ST_CORRUPT;
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    *number = pack_get_u32(&reader);
    return crc == checksum(bytes + CRC_SIZE) ? ST_OK : ST_CORRUPT;
}

/* ST_NOT_FOUND: no row, or no table yet. */
static enum status read_note(sqlite3 *connection, struct log *log, int64_t *number)
{
    int64_t tables = 0;
    enum status status = database_ask(
        connection, log, "SELECT count(*) FROM sqlite_master WHERE name='meta'", &tables);
    if (status != ST_OK || tables == 0) return status == ST_OK ? ST_NOT_FOUND : status;
    sqlite3_stmt *statement = NULL;
    status =
        database_prepare(connection, log, "SELECT value FROM meta WHERE key='" KEY "'", &statement);
    if (status != ST_OK) return status;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        status = decode(sqlite3_column_blob(statement, 0),
                        (size_t)sqlite3_column_bytes(statement, 0), number);
    else if (result == SQLITE_DONE)
        status = ST_NOT_FOUND;
    else
        status = database_report(connection, log, result, "read of the version");
    (void)sqlite3_finalize(statement);
    return status;
}

static bool differ_by_one_bit(int64_t a, int64_t b)
{
    uint64_t bits = (uint64_t)a ^ (uint64_t)b;
    return bits != 0 && (bits & (bits - 1)) == 0;
}

enum status version_read(sqlite3 *connection, struct log *log, int64_t known,
                         struct version *version)
{
    int64_t header = 0, note = 0;
    *version = (struct version){.number = 0};
    enum status status = database_ask(connection, log, "PRAGMA user_version", &header);
    if (status != ST_OK) return status;
    header = (int64_t)(uint32_t)header; /* the pragma has a sign */
    version->number = header;
    status = read_note(connection, log, &note);
    if (status == ST_OK && note == header) return ST_OK;
    if (status == ST_OK && note <= known && differ_by_one_bit(note, header)) {
        *version = (struct version){.number = note, .is_header_wrong = true};
        return ST_OK;
    }
    if (status == ST_OK || status == ST_CORRUPT || status == ST_NOT_FOUND) {
        bool is_old = status == ST_NOT_FOUND && header < VERSION_FIRST_NOTED;
        if (header > known || is_old) return ST_OK;
        log_limited(log, LOG_LEVEL_ERROR, "store", "version",
                    "the version of the tables is damaged");
        return ST_CORRUPT;
    }
    return status;
}

enum status version_write(sqlite3 *connection, struct log *log, int64_t number)
{
    uint8_t bytes[NOTE_SIZE];
    struct pack_writer writer = {.bytes = bytes, .capacity = sizeof bytes, .size = CRC_SIZE};
    pack_put_u32(&writer, (uint32_t)number);
    writer.size = 0;
    pack_put_u32(&writer, checksum(bytes + CRC_SIZE));
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(
        connection, log, "INSERT OR REPLACE INTO meta(key, value) VALUES('" KEY "', ?1)",
        &statement);
    if (status != ST_OK) return status;
    (void)sqlite3_bind_blob(statement, 1, bytes, NOTE_SIZE, SQLITE_STATIC);
    status = database_step(connection, log, statement);
    (void)sqlite3_finalize(statement);
    char pragma[64];
    (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version=%lld", (long long)number);
    return status == ST_OK ? database_execute(connection, log, pragma) : status;
}

bool version_is_newer(const char *path, int64_t header_version, int64_t known)
{
    struct frozen frozen;
    sqlite3 *connection = NULL;
    struct version version = {.number = header_version};
    if (header_version <= known) return false;
    if (frozen_begin(&frozen) != ST_OK) return true;
    enum status status = frozen_connect(&frozen, path, NULL, &connection);
    if (status == ST_OK) status = version_read(connection, NULL, known, &version);
    database_close(&connection);
    frozen_end(&frozen);
    /* The WAL may hold another page with the header than the file. */
    return !(status == ST_OK && version.number <= known);
}
