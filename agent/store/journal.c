/* Invariant: entries reach the reader whole and in the order they were written, or not at all.
 *
 *   +-------------+---------+-----+-------+-----+-------+
 *   | crc32, LE 4 | version | len | entry | len | entry | ...     len: varint
 *   +-------------+---------+-----+-------+-----+-------+
 *   crc32 over: "journal", id as 8 bytes LE, then everything behind the crc32; the word keeps a
 *   record of the outbox that turns up in the wrong table from passing for a blob */
#include "store/journal.h"

#include "base/pack.h"
#include "store/database.h"

#include <inttypes.h>
#include <string.h>

enum { CRC_SIZE = 4, JOURNAL_VERSION = 1 };

_Static_assert(BATCH_JOURNAL_HEAD == CRC_SIZE + 1, "the batch leaves room for checksum, version");

enum status journal_open(struct journal *journal, sqlite3 *connection, struct log *log)
{
    *journal = (struct journal){.connection = connection, .log = log};
    enum status status = database_prepare(
        connection, log, "INSERT INTO journal(id, entries) VALUES(?1, ?2)", &journal->insert);
    if (status != ST_OK) return status;
    status = database_prepare(connection, log, "DELETE FROM journal WHERE id < ?1", &journal->trim);
    if (status != ST_OK) return status;
    return database_prepare(connection, log, "DELETE FROM journal WHERE id = ?1", &journal->remove);
}

void journal_close(struct journal *journal)
{
    (void)sqlite3_finalize(journal->insert);
    (void)sqlite3_finalize(journal->trim);
    (void)sqlite3_finalize(journal->remove);
    memset(journal, 0, sizeof *journal);
}

static uint32_t checksum(uint64_t id, const uint8_t *bytes, size_t size)
{
    uint8_t number[8];
    struct pack_writer writer = {.bytes = number, .capacity = sizeof number};
    pack_put_u64(&writer, id);
    uint32_t crc = pack_crc32(0, "journal", 7);
    return pack_crc32(pack_crc32(crc, number, sizeof number), bytes, size);
}

enum status journal_insert(struct journal *journal, struct batch *batch)
{
    size_t size = batch->journal_size;
    batch->bytes[CRC_SIZE] = JOURNAL_VERSION;
    struct pack_writer head = {.bytes = batch->bytes, .capacity = CRC_SIZE};
    pack_put_u32(&head, checksum(batch->number, batch->bytes + CRC_SIZE, size - CRC_SIZE));
    (void)sqlite3_bind_int64(journal->insert, 1, (sqlite3_int64)batch->number);
    (void)sqlite3_bind_blob(journal->insert, 2, batch->bytes, (int)size, SQLITE_STATIC);
    return database_step(journal->connection, journal->log, journal->insert);
}

enum status journal_trim(struct journal *journal, uint64_t id)
{
    (void)sqlite3_bind_int64(journal->trim, 1, (sqlite3_int64)id);
    return database_step(journal->connection, journal->log, journal->trim);
}

enum status journal_remove(struct journal *journal, uint64_t id)
{
    (void)sqlite3_bind_int64(journal->remove, 1, (sqlite3_int64)id);
    return database_step(journal->connection, journal->log, journal->remove);
}

enum status journal_measure(struct journal *journal, int64_t *bytes)
{
    return database_ask(journal->connection, journal->log,
                        "SELECT coalesce(sum(length(entries)), 0) FROM journal", bytes);
}

enum status journal_find_newest(struct journal *journal, uint64_t *id)
{
    int64_t newest = 0;
    enum status status = database_ask(journal->connection, journal->log,
                                      "SELECT coalesce(max(id), 0) FROM journal", &newest);
    *id = (uint64_t)newest;
    return status;
}

enum status journal_read_blob(uint64_t id, const uint8_t *bytes, size_t size,
                              void (*fn)(void *context, const void *bytes, size_t size),
                              void *context)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    uint8_t version = pack_get_u8(&reader);
    if (reader.is_short || crc != checksum(id, bytes + CRC_SIZE, size - CRC_SIZE))
        return ST_CORRUPT;
    if (version != JOURNAL_VERSION) return ST_UNSUPPORTED;
    while (reader.at < size) {
        size_t entry_size = pack_get_varint32(&reader);
        const void *entry = pack_get(&reader, entry_size);
        if (entry == NULL) return ST_CORRUPT;
        fn(context, entry, entry_size);
    }
    return ST_OK;
}

enum status journal_restore(struct journal *journal,
                            void (*fn)(void *context, const void *bytes, size_t size),
                            void *context, struct journal_damage *damage)
{
    sqlite3_stmt *statement = NULL;
    damage->count = 0;
    enum status status =
        database_prepare(journal->connection, journal->log,
                         "SELECT id, entries FROM journal ORDER BY id", &statement);
    if (status != ST_OK) return status;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
        const uint8_t *bytes = sqlite3_column_blob(statement, 1);
        size_t size = (size_t)sqlite3_column_bytes(statement, 1);
        enum status read =
            bytes == NULL ? ST_CORRUPT : journal_read_blob(id, bytes, size, fn, context);
        if (read != ST_OK && damage->count < JOURNAL_DAMAGE_MOST) damage->ids[damage->count++] = id;
        if (read != ST_OK)
            log_write(journal->log, LOG_LEVEL_ERROR, "store",
                      "journal entry %" PRIu64 " cannot be read (%s): left out", id,
                      status_text(read));
    }
    if (result != SQLITE_DONE)
        status = database_report(journal->connection, journal->log, result, "restore");
    (void)sqlite3_finalize(statement);
    return status;
}
