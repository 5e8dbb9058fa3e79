/* Invariant: a state that loads is exactly one that was saved. */
#include "store/meta.h"

#include "base/pack.h"
#include "store/database.h"

#include <string.h>
#include <sys/random.h>

enum { STATE_VERSION = 1, STATE_SIZE = 4 + 1 + 8 + 7 * 8, CRC_SIZE = 4 };

enum status meta_make_state(struct meta_state *state)
{
    memset(state, 0, sizeof *state);
    state->next_seq = 1;
    ssize_t size = getrandom(state->epoch, sizeof state->epoch, 0);
    return size == (ssize_t)sizeof state->epoch ? ST_OK : ST_IO;
}

void meta_drop_waiting(struct meta_state *state)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        state->dropped += state->waiting[lane];
        state->waiting[lane] = 0;
    }
}

enum status meta_open(struct meta *meta, sqlite3 *connection, struct log *log)
{
    *meta = (struct meta){.connection = connection, .log = log};
    return database_prepare(connection, log,
                            "INSERT OR REPLACE INTO meta(key, value) VALUES('state', ?1)",
                            &meta->save);
}

void meta_close(struct meta *meta)
{
    (void)sqlite3_finalize(meta->save);
    memset(meta, 0, sizeof *meta);
}

static void encode(const struct meta_state *state, uint8_t *bytes)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = STATE_SIZE, .size = CRC_SIZE};
    pack_put_u8(&writer, STATE_VERSION);
    pack_put(&writer, state->epoch, sizeof state->epoch);
    pack_put_u64(&writer, state->batch);
    pack_put_u64(&writer, state->next_seq);
    pack_put_u64(&writer, state->written);
    pack_put_u64(&writer, state->acknowledged);
    pack_put_u64(&writer, state->dropped);
    pack_put_u64(&writer, state->waiting[LANE_ALARM]);
    pack_put_u64(&writer, state->waiting[LANE_WINDOW]);
    struct pack_writer head = {.bytes = bytes, .capacity = CRC_SIZE};
    pack_put_u32(&head, pack_crc32(0, bytes + CRC_SIZE, STATE_SIZE - CRC_SIZE));
}

enum status meta_read_state(const uint8_t *bytes, size_t size, struct meta_state *state)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    if (size != STATE_SIZE || crc != pack_crc32(0, bytes + CRC_SIZE, STATE_SIZE - CRC_SIZE))
        return ST_CORRUPT;
    if (pack_get_u8(&reader) != STATE_VERSION) return ST_CORRUPT;
    memcpy(state->epoch, pack_get(&reader, sizeof state->epoch), sizeof state->epoch);
    state->batch = pack_get_u64(&reader);
    state->next_seq = pack_get_u64(&reader);
    state->written = pack_get_u64(&reader);
    state->acknowledged = pack_get_u64(&reader);
    state->dropped = pack_get_u64(&reader);
    state->waiting[LANE_ALARM] = pack_get_u64(&reader);
    state->waiting[LANE_WINDOW] = pack_get_u64(&reader);
    return reader.is_short ? ST_CORRUPT : ST_OK;
}

enum status meta_load(const struct meta *meta, struct meta_state *state)
{
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(meta->connection, meta->log,
                                          "SELECT value FROM meta WHERE key='state'", &statement);
    if (status != ST_OK) return status;
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) {
        status = ST_NOT_FOUND;
    } else if (result != SQLITE_ROW) {
        status = database_report(meta->connection, meta->log, result, "read of the state");
    } else {
        const void *bytes = sqlite3_column_blob(statement, 0);
        int size = sqlite3_column_bytes(statement, 0);
        status = bytes == NULL ? ST_CORRUPT : meta_read_state(bytes, (size_t)size, state);
        if (status != ST_OK)
            log_limited(meta->log, LOG_LEVEL_ERROR, "store", "state", "the state is damaged");
    }
    (void)sqlite3_finalize(statement);
    return status;
}

enum status meta_save(const struct meta *meta, const struct meta_state *state)
{
    uint8_t bytes[STATE_SIZE];
    encode(state, bytes);
    int result = sqlite3_bind_blob(meta->save, 1, bytes, STATE_SIZE, SQLITE_TRANSIENT);
    if (result != SQLITE_OK)
        return database_report(meta->connection, meta->log, result, "save of the state");
    return database_step(meta->connection, meta->log, meta->save);
}
