/* Invariant: a state that loads is exactly one that was saved. */
#include "store/meta.h"

#include "base/pack.h"
#include "store/database.h"
#include "store/record_codec.h"

#include <string.h>
#include <sys/random.h>

enum {
    STATE_VERSION = 3,
    VERSION_WITHOUT_ALARMS = 2, /* had neither alarms_offered nor merged_alarms */
    OLD_VERSION = 1,            /* ended before `merged` */
    CRC_SIZE = 4,
    STATE_MAX = CRC_SIZE + 1 + 8 + 13 * 8 + 1 + META_OFFERED * 2 * PACK_VARINT_MAX
};

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
    state->offered_count = 0;
}

struct seq_ranges meta_offered(struct meta_state *state)
{
    return (struct seq_ranges){
        .ranges = state->offered, .capacity = META_OFFERED, .count = state->offered_count};
}

enum status meta_open(struct meta *meta, sqlite3 *connection, struct log *log)
{
    *meta = (struct meta){.connection = connection, .log = log};
    enum status status = database_prepare(
        connection, log, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)", &meta->save);
    if (status != ST_OK) return status;
    return database_prepare(connection, log, "DELETE FROM meta WHERE key=?1", &meta->forget);
}

void meta_close(struct meta *meta)
{
    (void)sqlite3_finalize(meta->save);
    (void)sqlite3_finalize(meta->forget);
    memset(meta, 0, sizeof *meta);
}

static size_t encode(const struct meta_state *state, uint8_t *bytes)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = STATE_MAX, .size = CRC_SIZE};
    pack_put_u8(&writer, STATE_VERSION);
    pack_put(&writer, state->epoch, sizeof state->epoch);
    pack_put_u64(&writer, state->batch);
    pack_put_u64(&writer, state->next_seq);
    pack_put_u64(&writer, state->written);
    pack_put_u64(&writer, state->acknowledged);
    pack_put_u64(&writer, state->dropped);
    pack_put_u64(&writer, state->waiting[LANE_ALARM]);
    pack_put_u64(&writer, state->waiting[LANE_WINDOW]);
    pack_put_u64(&writer, state->merged);
    pack_put_u64(&writer, state->covered);
    pack_put_u64(&writer, state->kinds);
    pack_put_u64(&writer, state->kinds_since);
    pack_put_u64(&writer, state->alarms_offered);
    pack_put_u64(&writer, state->merged_alarms);
    pack_put_u8(&writer, (uint8_t)state->offered_count);
    uint64_t before = 0;
    for (uint32_t i = 0; i < state->offered_count; i++) {
        pack_put_varint(&writer, state->offered[i].first - before);
        pack_put_varint(&writer, state->offered[i].last - state->offered[i].first);
        before = state->offered[i].last;
    }
    struct pack_writer head = {.bytes = bytes, .capacity = CRC_SIZE};
    pack_put_u32(&head, pack_crc32(0, bytes + CRC_SIZE, writer.size - CRC_SIZE));
    return writer.size;
}

static void decode_offered(struct pack_reader *reader, struct meta_state *state)
{
    uint64_t before = 0;
    uint32_t count = pack_get_u8(reader);
    for (uint32_t i = 0; i < count && i < META_OFFERED; i++) {
        struct seq_range *range = &state->offered[i];
        range->first = before + pack_get_varint(reader);
        range->last = before = range->first + pack_get_varint(reader);
    }
    state->offered_count = count;
    if (count > META_OFFERED) reader->is_short = true;
}

enum status meta_read_state(const uint8_t *bytes, size_t size, struct meta_state *state)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    if (reader.is_short || crc != pack_crc32(0, bytes + CRC_SIZE, size - CRC_SIZE))
        return ST_CORRUPT;
    uint8_t version = pack_get_u8(&reader);
    if (reader.is_short || version < OLD_VERSION || version > STATE_VERSION) return ST_CORRUPT;
    memset(state, 0, sizeof *state);
    const void *epoch = pack_get(&reader, sizeof state->epoch);
    if (epoch == NULL) return ST_CORRUPT;
    memcpy(state->epoch, epoch, sizeof state->epoch);
    state->batch = pack_get_u64(&reader);
    state->next_seq = pack_get_u64(&reader);
    state->written = pack_get_u64(&reader);
    state->acknowledged = pack_get_u64(&reader);
    state->dropped = pack_get_u64(&reader);
    state->waiting[LANE_ALARM] = pack_get_u64(&reader);
    state->waiting[LANE_WINDOW] = pack_get_u64(&reader);
    state->alarms_offered = state->next_seq - 1; /* old ones do not say */
    if (version == OLD_VERSION) {                /* which did not note what it had handed out */
        state->offered[0] = (struct seq_range){1, state->next_seq - 1};
        state->offered_count = state->next_seq > 1;
        return reader.is_short || reader.at != size ? ST_CORRUPT : ST_OK;
    }
    state->merged = pack_get_u64(&reader);
    state->covered = pack_get_u64(&reader);
    state->kinds = pack_get_u64(&reader);
    state->kinds_since = pack_get_u64(&reader);
    if (version > VERSION_WITHOUT_ALARMS) {
        state->alarms_offered = pack_get_u64(&reader);
        state->merged_alarms = pack_get_u64(&reader);
    }
    decode_offered(&reader, state);
    return reader.is_short || reader.at != size ? ST_CORRUPT : ST_OK;
}

/* Hands the value of a row to `read`.  ST_NOT_FOUND: there is no such row. */
static enum status load(const struct meta *meta, const char *key,
                        enum status (*read)(void *context, const uint8_t *bytes, size_t size),
                        void *context)
{
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(meta->connection, meta->log,
                                          "SELECT value FROM meta WHERE key=?1", &statement);
    if (status != ST_OK) return status;
    (void)sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) {
        status = ST_NOT_FOUND;
    } else if (result != SQLITE_ROW) {
        status = database_report(meta->connection, meta->log, result, "read of the state");
    } else {
        const void *bytes = sqlite3_column_blob(statement, 0);
        int size = sqlite3_column_bytes(statement, 0);
        status = bytes == NULL ? ST_CORRUPT : read(context, bytes, (size_t)size);
        if (status != ST_OK)
            log_limited(meta->log, LOG_LEVEL_ERROR, "store", "state", "the %s is damaged", key);
    }
    (void)sqlite3_finalize(statement);
    return status;
}

static enum status read_state(void *context, const uint8_t *bytes, size_t size)
{
    return meta_read_state(bytes, size, context);
}

static const char *const owed_keys[OWED_KINDS] = {
    [OWED_DROPPED] = "owed-dropped", [OWED_DAMAGED] = "owed-damaged"};

struct owed_row {
    struct owed *owed;
    enum owed_kind kind;
};

static enum status read_owed(void *context, const uint8_t *bytes, size_t size)
{
    const struct owed_row *row = context;
    return owed_decode(row->owed, row->kind, bytes, size);
}

/* That a notice was owed is known even when it cannot be read any more. */
static enum status load_owed(const struct meta *meta, struct owed *owed)
{
    for (int kind = 0; kind < OWED_KINDS; kind++) {
        struct owed_row row = {.owed = owed, .kind = (enum owed_kind)kind};
        enum status status = load(meta, owed_keys[kind], read_owed, &row);
        if (status == ST_CORRUPT) (void)owed_change(owed, row.kind);
        if (status != ST_OK && status != ST_NOT_FOUND && status != ST_CORRUPT) return status;
    }
    return ST_OK;
}

enum status meta_load(const struct meta *meta, struct meta_state *state)
{
    enum status status = load(meta, "state", read_state, state);
    return status == ST_OK ? load_owed(meta, &state->owed) : status;
}

static enum status save(const struct meta *meta, const char *key, const uint8_t *bytes, size_t size)
{
    (void)sqlite3_bind_text(meta->save, 1, key, -1, SQLITE_STATIC);
    int result = sqlite3_bind_blob(meta->save, 2, bytes, (int)size, SQLITE_TRANSIENT);
    if (result != SQLITE_OK)
        return database_report(meta->connection, meta->log, result, "save of the state");
    return database_step(meta->connection, meta->log, meta->save);
}

/* A row that is not there costs nothing to delete. */
static enum status save_owed(const struct meta *meta, const struct owed *owed, enum owed_kind kind)
{
    uint8_t bytes[RECORD_CODEC_MAX];
    size_t size = owed->versions[kind] != 0 ? owed_encode(owed, kind, bytes) : 0;
    if (size > 0) return save(meta, owed_keys[kind], bytes, size);
    (void)sqlite3_bind_text(meta->forget, 1, owed_keys[kind], -1, SQLITE_STATIC);
    return database_step(meta->connection, meta->log, meta->forget);
}

enum status meta_save(const struct meta *meta, const struct meta_state *state)
{
    uint8_t bytes[STATE_MAX];
    enum status status = save(meta, "state", bytes, encode(state, bytes));
    for (int kind = 0; kind < OWED_KINDS && status == ST_OK; kind++)
        status = save_owed(meta, &state->owed, (enum owed_kind)kind);
    return status;
}
