/* Invariant: the model changes only by what the stream emitted and by what the writer reported. */
#include "power/world.h"

#include "base/pack.h"

#include <time.h>

enum { TAG_TAKEN = 0xee, TAKEN_SIZE = 9, SWEEP_BYTES = 6000, LOW_ROOM = 8 * STREAM_RECORD_BYTES };

#define START_MS INT64_C(1760000000000)

uint64_t world_draw(struct world *world, uint64_t limit)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

uint64_t world_hash(uint64_t seq, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seq * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

static uint64_t *find_hash(const struct world *world, uint64_t hash)
{
    size_t at = (size_t)(hash >> 7) % WORLD_HASHES;
    while (world->hashes[at] != 0 && world->hashes[at] != hash) at = (at + 1) % WORLD_HASHES;
    return &world->hashes[at];
}

bool world_knows_hash(const struct world *world, uint64_t hash)
{
    return *find_hash(world, hash) == hash;
}

static void append(struct entry_list *list, const void *bytes, size_t size)
{
    assert_true(list->count < WORLD_ENTRIES && size <= STREAM_JOURNAL_BYTES);
    struct model_entry *entry = &list->entries[list->count++];
    entry->size = size;
    memcpy(entry->bytes, bytes, size);
}

/* --- the sink of the stream ----------------------------------------------------------------- */

static bool sink_has_room(void *context, size_t bytes)
{
    struct world *world = context;
    return world->is_dumping || batch_has_room(&world->batch, bytes + 64);
}

static void sink_emit(void *context, struct record *record)
{
    struct world *world = context;
    assert_true(world->next_seq <= WORLD_RECORDS);
    record->seq = world->next_seq++;
    assert_int_equal(batch_add_record(&world->batch, record), ST_OK);
    struct model_record *model = &world->records[record->seq - 1];
    *model = (struct model_record){.lane = record->kind == RECORD_ALARM ? LANE_ALARM : LANE_WINDOW};
    model->size = (uint16_t)record_codec_encode(record, model->bytes, sizeof model->bytes);
    uint64_t hash = world_hash(record->seq, model->bytes, model->size);
    *find_hash(world, hash) = hash;
    const struct window_spec *spec = &world->stream_options.windows[0];
    const struct window_result *window = &record->window;
    if (record->kind != RECORD_WINDOW || window->size_ms != spec->size_ms ||
        window->every_ms != spec->every_ms)
        return;
    model->device = (uint32_t)(record->device[1] - '0');
    model->start_ms = window->start_ms;
    model->revision = window->revision;
    model->count = window->summary.count;
    model->missed = window->missed;
}

static void sink_journal(void *context, const void *bytes, size_t size)
{
    struct world *world = context;
    if (world->is_dumping) {
        append(&world->dump, bytes, size);
        return;
    }
    append(&world->journal, bytes, size);
    uint64_t hash = world_hash(0, bytes, size);
    *find_hash(world, hash) = hash;
    assert_int_equal(batch_add_journal(&world->batch, bytes, size), ST_OK);
}

struct stream *world_new_stream(struct world *world)
{
    struct stream_sink sink = {
        .has_room = sink_has_room, .emit = sink_emit, .journal = sink_journal, .context = world};
    struct stream *stream = NULL;
    assert_int_equal(stream_open(&stream, &world->stream_options, &sink), ST_OK);
    return stream;
}

/* Stable: the several entries of one device keep their order. */
static void sort_by_device(struct entry_list *list)
{
    static struct model_entry entry;
    for (size_t i = 1; i < list->count; i++) {
        size_t at = i;
        entry = list->entries[i];
        /* version, length of the id, the id */
        for (; at > 0 && memcmp(list->entries[at - 1].bytes, entry.bytes, 4) > 0; at--)
            list->entries[at] = list->entries[at - 1];
        list->entries[at] = entry;
    }
}

static void dump_once(struct world *world, struct stream *stream)
{
    world->dump.count = 0;
    world->is_dumping = true;
    assert_true(stream_journal_states(stream, WORLD_DEVICES + 1));
    world->is_dumping = false;
    sort_by_device(&world->dump);
}

/* Twice, since where a pane lies in its ring depends on the stream's past; in a stream made from
 * whole states it does not. */
static int compare_entries(const void *left, const void *right)
{
    const struct model_entry *a = left, *b = right;
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Sorted: the place of a device or an alarm in its table is not part of its state. */
void world_dump(struct world *world, struct stream *stream, struct entry_list *dump)
{
    dump_once(world, stream);
    struct stream *copy = world_new_stream(world);
    for (size_t i = 0; i < world->dump.count; i++) {
        const struct model_entry *entry = &world->dump.entries[i];
        assert_int_equal(stream_restore(copy, entry->bytes, entry->size), ST_OK);
    }
    dump_once(world, copy);
    stream_close(copy);
    qsort(world->dump.entries, world->dump.count, sizeof *world->dump.entries, compare_entries);
    if (dump == &world->dump) return;
    memcpy(dump->entries, world->dump.entries, world->dump.count * sizeof *dump->entries);
    dump->count = world->dump.count;
}

/* --- life ------------------------------------------------------------------------------------ */

static const struct alarm_rule hot = {.name = "hot",
                                      .devices = "d*",
                                      .high_micro = 30000000,
                                      .has_high = true,
                                      .deadband_micro = 1000000};

static void choose_options(struct world *world)
{
    world->stream_options = (struct stream_options){
        .devices = WORLD_DEVICES,
        .admission = ADMISSION_REFUSE,
        .window_count = 3,
        .windows = {{.size_ms = 10000, .every_ms = 10000},
                    {.size_ms = 30000, .every_ms = 10000},
                    {.size_count = 8, .every_count = 4}},
        .lateness_ms = (int64_t)world_draw(world, 3) * 5000,
        .grace_ms = 5000,
        .future_ms = 60000,
        .alarm_count = 1,
        .alarms = &hot,
    };
    struct store_options *options = &world->store_options;
    (void)snprintf(options->path, sizeof options->path, FAULT_DIRECTORY "/store.db");
    options->batch_bytes = WORLD_BATCH_BYTES;
    options->budget_bytes = database_least_budget(WORLD_BATCH_BYTES) + (1 << 20);
    options->commit_every_ms = 1000;
}

static void *claim(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->random = seed * 1000003;
    fault_disk_init(&world->disk, seed);
    fault_vfs_register(&world->vfs, &world->disk);
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed % 0x7fffffff) + 1, NULL);
    choose_options(world);
    assert_int_equal(batch_init(&world->batch, WORLD_BATCH_BYTES), ST_OK);
    world->records = claim(WORLD_RECORDS, sizeof *world->records);
    world->journal.entries = claim(WORLD_ENTRIES, sizeof *world->journal.entries);
    world->dump.entries = claim(WORLD_ENTRIES, sizeof *world->dump.entries);
    world->other_dump.entries = claim(WORLD_ENTRIES, sizeof *world->other_dump.entries);
    world->hashes = claim(WORLD_HASHES, sizeof *world->hashes);
    log_init(&world->log, clock_system(), 2, LOG_LEVEL_DEBUG);
    if (getenv("ISOTHERM_POWER_LOG") != NULL) world->log_to = &world->log;
    world->wall_ms = START_MS;
    world->mono_ms = 1000;
    world->next_seq = 1;
    world->reported = world->pending = (struct model_point){.next_seq = 1};
}

void world_fini(struct world *world)
{
    world_close(world);
    fault_vfs_unregister(&world->vfs);
    fault_disk_fini(&world->disk);
    batch_fini(&world->batch);
    free(world->records);
    free(world->journal.entries);
    free(world->dump.entries);
    free(world->other_dump.entries);
    free(world->hashes);
}

static void on_restored(void *context, const void *bytes, size_t size)
{
    struct world *world = context;
    const uint8_t *at = bytes;
    world->restored_entries++;
    if (!world_knows_hash(world, world_hash(0, bytes, size))) world->foreign_entries++;
    if (size == TAKEN_SIZE && at[0] == TAG_TAKEN) {
        struct pack_reader reader = {.bytes = at + 1, .size = size - 1};
        world->restored_taken = pack_get_u64(&reader);
        return;
    }
    enum status status = stream_restore(world->stream, bytes, size);
    assert_true(status == ST_OK || world->disk.is_lying);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* the disk is memory */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum status world_open(struct world *world)
{
    double before_s = now_s();
    assert_false(world->is_open);
    enum status status =
        writer_open(&world->writer, &world->store_options, world->log_to, &world->found);
    if (status != ST_OK) return status;
    memset(world->told, 0, sizeof world->told);
    if (strcmp(world->told_epoch, world->found.epoch) != 0) {
        memcpy(world->told_epoch, world->found.epoch, sizeof world->told_epoch);
        world->lost_told = 0;
        world->was_aside_told = false;
    }
    world->is_open = true;
    world->is_sweeping = false;
    world->stream = world_new_stream(world);
    batch_clear(&world->batch);
    world->restored_taken = world->restored_entries = world->foreign_entries = 0;
    status = writer_restore(&world->writer, on_restored, world);
    if (status != ST_OK) world_close(world);
    double took_s = now_s() - before_s;
    if (took_s > world->longest_open_s) world->longest_open_s = took_s;
    world->slow_opens += took_s >= 1.0;
    return status;
}

void world_close(struct world *world)
{
    if (!world->is_open) return;
    writer_close(&world->writer);
    stream_close(world->stream);
    world->stream = NULL;
    world->is_open = false;
}

void world_forget(struct world *world)
{
    uint64_t next_seq = world->found.next_seq;
    world->next_seq = next_seq;
    world->taken = world->restored_taken;
    world->journal.count = 0;
    for (uint64_t seq = 1; seq < next_seq; seq++)
        world->records[seq - 1] = (struct model_record){0};
    world->reported = (struct model_point){
        .batch = world->writer.state.batch, .taken = world->taken, .next_seq = next_seq};
    world->pending = world->reported;
    memcpy(world->epoch, world->found.epoch, sizeof world->epoch);
}

static struct stream_now now_of(const struct world *world)
{
    return (struct stream_now){
        .wall_ms = world->wall_ms, .mono_ms = world->mono_ms, .clock = CLOCK_TRUSTED};
}

static void pass_time(struct world *world, uint64_t most_ms)
{
    int64_t passed_ms = (int64_t)world_draw(world, most_ms + 1);
    world->wall_ms += passed_ms;
    world->mono_ms += passed_ms;
}

bool world_take_readings(struct world *world, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        pass_time(world, 900);
        struct reading reading = {.has_event_time = true};
        (void)snprintf(reading.device, sizeof reading.device, "d%u",
                       (unsigned)world_draw(world, WORLD_DEVICES));
        reading.value_micro = (int64_t)world_draw(world, 40000) * 1000 - 5000000;
        reading.event_ms = world->wall_ms - (int64_t)world_draw(world, 4000);
        if (world_draw(world, 12) == 0) reading.event_ms -= (int64_t)world_draw(world, 30000);
        struct stream_now now = now_of(world);
        enum verdict verdict = stream_add_reading(world->stream, &reading, &now);
        if (verdict == VERDICT_BUSY) {
            if (!world_commit(world)) return false;
            verdict = stream_add_reading(world->stream, &reading, &now);
        }
        assert_true(verdict == VERDICT_OK || verdict == VERDICT_LATE);
        if (verdict == VERDICT_OK) world->taken++;
    }
    return true;
}

static void sweep(struct world *world)
{
    if (!world->is_sweeping) {
        if (world->writer.journal_bytes < SWEEP_BYTES) return;
        batch_mark_journal(&world->batch, false);
        world->is_sweeping = true;
    }
    if (!stream_journal_states(world->stream, 1 + (size_t)world_draw(world, 3))) return;
    batch_mark_journal(&world->batch, true);
    world->is_sweeping = false;
}

static void journal_taken(struct world *world)
{
    uint8_t bytes[TAKEN_SIZE] = {TAG_TAKEN};
    struct pack_writer number = {.bytes = bytes + 1, .capacity = TAKEN_SIZE - 1};
    pack_put_u64(&number, world->taken);
    assert_int_equal(batch_add_journal(&world->batch, bytes, sizeof bytes), ST_OK);
    uint64_t hash = world_hash(0, bytes, sizeof bytes);
    *find_hash(world, hash) = hash;
}

/* As store_commit does. */
static void tell_owed(struct world *world)
{
    uint64_t first = world->next_seq;
    struct batch_record row;
    assert_true(world->next_seq + OWED_KINDS <= WORLD_RECORDS);
    owed_tell(&world->writer.state.owed, world->told, &world->batch, world->wall_ms, CLOCK_TRUSTED,
              &world->next_seq);
    for (size_t cursor = 0; batch_next_record(&world->batch, &cursor, &row);) {
        if (row.seq < first) continue;
        struct model_record *model = &world->records[row.seq - 1];
        *model = (struct model_record){.lane = row.lane, .size = (uint16_t)row.size};
        memcpy(model->bytes, row.bytes, row.size);
        uint64_t hash = world_hash(row.seq, row.bytes, row.size);
        *find_hash(world, hash) = hash;
    }
}

bool world_commit(struct world *world)
{
    if (world->batch.number == 0) {
        tell_owed(world);
        stream_flush_journal(world->stream);
        sweep(world);
        if (world->taken != world->reported.taken || world->is_sweeping) journal_taken(world);
        if (batch_is_empty(&world->batch)) return true;
        world->batch.wal_percent = 100 * (1 + (int)(world->reported.batch / 8 % 4));
        world->pending = (struct model_point){.batch = world->reported.batch + 1,
                                              .taken = world->taken,
                                              .next_seq = world->next_seq,
                                              .entry_count = world->journal.count};
    }
    if (writer_commit(&world->writer, &world->batch) != ST_OK) return false;
    assert_int_equal(world->writer.state.batch, world->pending.batch);
    world->reported = world->pending;
    world->commits++;
    batch_clear(&world->batch);
    writer_tend(&world->writer, world->mono_ms);
    return true;
}

/* A disk without room makes the store merge, and say so. */
static bool is_of_the_store(const struct record *record)
{
    return record->kind == RECORD_NOTICE ||
           (record->kind == RECORD_WINDOW && record->window.merged > 0);
}

static void receive_notice(struct world *world, const struct notice *notice)
{
    if (notice->reason != NOTICE_DAMAGED) return;
    world->lost_told += notice->lost;
    if (notice->aside[0] != '\0') world->was_aside_told = true;
    assert_true(notice->from_ms <= notice->to_ms);
}

/* The centre gets some of what waits; some of its answers come back. */
bool world_deliver(struct world *world, bool takes_all)
{
    static struct record fetched[STORE_FETCH_MAX];
    for (enum lane lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t after = 0;
        size_t max = takes_all ? STORE_FETCH_MAX : (size_t)world_draw(world, 12) + 1, count;
        do {
            count = writer_fetch(&world->writer, lane, after, max, fetched);
            for (size_t i = 0; i < count; i++) {
                struct model_record *model = &world->records[fetched[i].seq - 1];
                uint8_t bytes[RECORD_CODEC_MAX];
                size_t size = record_codec_encode(&fetched[i], bytes, sizeof bytes);
                after = fetched[i].seq;
                assert_true(after < world->reported.next_seq); /* nothing before its commit */
                if (is_of_the_store(&fetched[i])) {
                    if (fetched[i].kind == RECORD_NOTICE) receive_notice(world, &fetched[i].notice);
                    world->records[after - 1].was_delivered = true;
                    if (batch_acknowledge(&world->batch, lane, after) != ST_OK) break;
                    continue;
                }
                assert_true(world_knows_hash(world, world_hash(after, bytes, size)));
                bool is_same = size == model->size && memcmp(bytes, model->bytes, size) == 0;
                assert_true(is_same || world->disk.is_lying);
                model->was_delivered = true;
                if (model->acknowledged_in != 0 || (!takes_all && world_draw(world, 8) == 0))
                    continue;
                if (batch_acknowledge(&world->batch, lane, after) != ST_OK) break;
                model->acknowledged_in = world->reported.batch + 1;
            }
        } while (takes_all && count == max);
    }
    return world->writer.connection != NULL;
}

bool world_step(struct world *world)
{
    struct stream_now now = now_of(world);
    switch (world_draw(world, 8)) {
    case 0:
        pass_time(world, 20000);
        if (!batch_has_room(&world->batch, LOW_ROOM) && !world_commit(world)) return false;
        stream_advance(world->stream, &now);
        return true;
    case 1:
    case 2:
    case 3:
        return world_take_readings(world, world_draw(world, 12) + 1);
    case 4:
        return world_commit(world) && world_deliver(world, world_draw(world, 4) == 0);
    default:
        return world_commit(world);
    }
}

bool world_finish(struct world *world)
{
    struct stream_now now = now_of(world);
    while (!stream_close_windows(world->stream, &now)) {
        if (!world_commit(world)) return false;
    }
    return world_commit(world) && world_deliver(world, true) && world_commit(world);
}
