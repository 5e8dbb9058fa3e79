/* Invariant: the oracle and the consumer share nothing but the plant's options. */
#include "outage/plant.h"

#include "outage/folder.h"
#include "store/record_codec.h"
#include "store/wear.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define START_MS INT64_C(1760004000000) /* the beginning of an hour */

enum { FETCH = 64, LOW_ROOM = 64 * STREAM_RECORD_BYTES, DEGRADES = 1000 };

struct tally {
    uint64_t count;
    int64_t sum_micro, min_micro, max_micro;
};

/* A window as the consumer knows it. */
struct seen {
    int64_t start_ms, end_ms;
    uint32_t device, kind, revision;
    bool is_used;
    struct tally tally;
};

struct plant {
    struct plant_options options;
    uint64_t random;
    char folder[64];
    struct stream_options stream_options;
    struct stream *stream;
    struct store_options store_options;
    struct writer writer;
    struct log log;
    struct batch batch;
    struct store_found found;
    uint64_t next_seq;
    int64_t wall_ms, end_ms;
    int64_t *due_ms, *silent_until_ms; /* per device */
    int64_t *value_micro;
    uint64_t readings, alarms;
    int64_t most_bytes, longest_ms;
    /* oracle: [device][hour] */
    struct tally *hours;
    size_t hour_count;
    /* consumer */
    struct seen *seen;
    size_t seen_slots, seen_count;
    uint8_t *by_seq;
    size_t seqs;
    uint64_t received, missed[LIMIT_WINDOWS], notices;
    uint64_t *contents; /* by number: a hash of what came */
    uint64_t told[OWED_KINDS];
};

enum { SEQ_RECEIVED = 1, SEQ_MERGED = 2, SEQ_DROPPED = 8 };

static uint64_t draw(struct plant *plant, uint64_t limit)
{
    uint64_t z = plant->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static bool chance(struct plant *plant, unsigned permille)
{
    return permille > 0 && draw(plant, 1000) < permille;
}

static void *claim(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static void add(struct tally *into, const struct tally *from)
{
    if (from->count == 0) return;
    if (into->count == 0 || from->min_micro < into->min_micro) into->min_micro = from->min_micro;
    if (into->count == 0 || from->max_micro > into->max_micro) into->max_micro = from->max_micro;
    into->count += from->count;
    into->sum_micro += from->sum_micro;
}

/* ---- the gateway ---- */

static void commit(struct plant *plant);

static bool has_room(void *context, size_t bytes)
{
    struct plant *plant = context;
    return batch_has_room(&plant->batch, bytes + 256);
}

static void emit(void *context, struct record *record)
{
    struct plant *plant = context;
    record->seq = plant->next_seq++;
    assert_int_equal(batch_add_record(&plant->batch, record), ST_OK);
}

static void journal(void *context, const void *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

static void weigh(struct plant *plant)
{
    int64_t total = folder_measure_bytes(plant->folder);
    if (total > plant->options.budget_bytes) (void)printf("%" PRId64 " bytes\n", total);
    if (total > plant->most_bytes) plant->most_bytes = total;
    assert_true(total <= plant->options.budget_bytes);
}

static void open_store(struct plant *plant)
{
    assert_int_equal(writer_open(&plant->writer, &plant->store_options, &plant->log, &plant->found),
                     ST_OK);
    memset(plant->told, 0, sizeof plant->told);
    assert_int_equal(plant->found.next_seq, plant->next_seq);
}

static void check_ledger(const struct plant *plant)
{
    struct store_counts counts;
    writer_count(&plant->writer, &counts);
    assert_true(counts.written == counts.acknowledged + counts.merged + counts.dropped +
                                      counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW]);
}

static void glimpse(struct plant *plant);

/* As store_commit does. */
static void tell_owed(struct plant *plant)
{
    owed_tell(&plant->writer.state.owed, plant->told, &plant->batch, plant->wall_ms, CLOCK_TRUSTED,
              &plant->next_seq);
}

static void raise_alarms(struct plant *plant)
{
    if (!chance(plant, plant->options.alarm_permille)) return;
    struct record alarm = {.kind = RECORD_ALARM, .device = "d0", .created_ms = plant->wall_ms};
    memcpy(alarm.alarm.name, "hot", 4);
    if (plant->options.alarms_at_once > 0) alarm.alarm.priority = ALARM_PRIORITY_HIGH; /* stay */
    for (unsigned i = 0; i == 0 || i < plant->options.alarms_at_once; i++) {
        if (i > 0 && !batch_has_room(&plant->batch, STREAM_ALARM_BYTES)) return;
        emit(plant, &alarm);
        plant->alarms++;
    }
}

static void commit(struct plant *plant)
{
    raise_alarms(plant);
    tell_owed(plant);
    if (plant->options.seed % 2 == 0) plant->batch.wal_percent = WEAR_WAL_MOST_PERCENT;
    assert_int_equal(writer_commit(&plant->writer, &plant->batch), ST_OK);
    batch_clear(&plant->batch);
    writer_tend(&plant->writer, plant->wall_ms);
    for (int i = 0; writer_degrade(&plant->writer); i++) assert_true(i < DEGRADES);
    weigh(plant);
    check_ledger(plant);
    if (chance(plant, plant->options.glimpse_permille)) glimpse(plant);
    if (chance(plant, plant->options.reopen_permille)) {
        writer_close(&plant->writer);
        open_store(plant);
    }
}

static struct stream_now now_of(const struct plant *plant)
{
    return (struct stream_now){.wall_ms = plant->wall_ms,
                               .mono_ms = plant->wall_ms - START_MS + 1000,
                               .clock = CLOCK_TRUSTED};
}

/* ---- the devices ---- */

static struct tally *find_hour(struct plant *plant, uint32_t device, int64_t time_ms)
{
    size_t hour = (size_t)((time_ms - START_MS + DAY) / HOUR); /* late ones lie before the start */
    assert_true(hour < plant->hour_count);
    return &plant->hours[device * plant->hour_count + hour];
}

static void measure(struct plant *plant, uint32_t device)
{
    const struct plant_options *options = &plant->options;
    struct reading reading = {.has_event_time = true, .event_ms = plant->wall_ms};
    (void)snprintf(reading.device, sizeof reading.device, "d%u", (unsigned)device);
    plant->value_micro[device] += ((int64_t)draw(plant, 2001) - 1000) * 500;
    reading.value_micro = plant->value_micro[device];
    if (chance(plant, options->late_permille))
        reading.event_ms -= (int64_t)draw(plant, (uint64_t)(3 * options->lateness_ms + MINUTE));
    struct stream_now now = now_of(plant);
    enum verdict verdict = stream_add_reading(plant->stream, &reading, &now);
    if (verdict == VERDICT_BUSY) {
        stream_flush_journal(plant->stream);
        commit(plant);
        verdict = stream_add_reading(plant->stream, &reading, &now);
    }
    if (verdict == VERDICT_LATE) return;
    assert_int_equal(verdict, VERDICT_OK);
    struct tally one = {1, reading.value_micro, reading.value_micro, reading.value_micro};
    add(find_hour(plant, device, reading.event_ms), &one);
    plant->readings++;
}

static void fall_silent(struct plant *plant, uint32_t device)
{
    if (plant->wall_ms % HOUR >= plant->options.every_ms) return;
    if (!chance(plant, plant->options.silent_permille)) return;
    plant->silent_until_ms[device] = plant->wall_ms + (int64_t)draw(plant, 3 * HOUR);
}

static void tick(struct plant *plant)
{
    for (uint32_t device = 0; device < plant->options.devices; device++) {
        if (plant->wall_ms < plant->due_ms[device]) continue;
        plant->due_ms[device] += plant->options.every_ms;
        fall_silent(plant, device);
        if (plant->wall_ms >= plant->silent_until_ms[device]) measure(plant, device);
    }
}

void plant_run(struct plant *plant, int64_t duration_ms)
{
    int64_t step_ms = plant->options.every_ms < SECOND ? plant->options.every_ms : SECOND;
    if (plant->options.every_ms % (10 * SECOND) == 0) step_ms = 10 * SECOND;
    int64_t commit_ms = plant->wall_ms + plant->options.commit_every_ms;
    for (plant->end_ms = plant->wall_ms + duration_ms; plant->wall_ms < plant->end_ms;
         plant->wall_ms += step_ms) {
        tick(plant);
        if (plant->wall_ms < commit_ms) continue;
        commit_ms += plant->options.commit_every_ms;
        struct stream_now now = now_of(plant);
        stream_advance(plant->stream, &now);
        stream_flush_journal(plant->stream);
        commit(plant);
    }
}

/* ---- the centre ---- */

static struct seen *find_seen(struct plant *plant, const struct seen *wanted)
{
    uint64_t hash = (uint64_t)wanted->start_ms * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= (uint64_t)wanted->end_ms * UINT64_C(0xbf58476d1ce4e5b9) + wanted->device * 31U;
    hash = (hash ^ (hash >> 31)) * UINT64_C(0x94d049bb133111eb) + wanted->kind;
    size_t at = (size_t)(hash >> 20) % plant->seen_slots;
    for (;; at = (at + 1) % plant->seen_slots) {
        struct seen *seen = &plant->seen[at];
        if (!seen->is_used) return seen;
        if (seen->start_ms == wanted->start_ms && seen->end_ms == wanted->end_ms &&
            seen->device == wanted->device && seen->kind == wanted->kind)
            return seen;
    }
}

static uint32_t find_kind(const struct plant *plant, const struct window_result *window)
{
    for (uint32_t i = 0; i < plant->options.window_count; i++) {
        const struct window_spec *spec = &plant->options.windows[i];
        if (window->size_ms == spec->size_ms && window->every_ms == spec->every_ms &&
            window->size_count == (uint32_t)spec->size_count)
            return i;
    }
    fail_msg("a window of %" PRId64 " ms", window->size_ms);
    return 0;
}

static void receive_window(struct plant *plant, const struct record *record)
{
    const struct window_result *window = &record->window;
    struct seen wanted = {.start_ms = window->start_ms,
                          .end_ms = window->end_ms,
                          .device = (uint32_t)strtoul(record->device + 1, NULL, 10),
                          .kind = find_kind(plant, window),
                          .revision = window->revision,
                          .is_used = true};
    wanted.tally = (struct tally){window->summary.count, window->summary.sum_micro,
                                  window->summary.min_micro, window->summary.max_micro};
    plant->missed[wanted.kind] += window->missed;
    if (window->merged > 0 && window->end_ms - window->start_ms > plant->longest_ms)
        plant->longest_ms = window->end_ms - window->start_ms;
    struct seen *seen = find_seen(plant, &wanted);
    if (seen->is_used && seen->revision >= wanted.revision) return;
    if (!seen->is_used) assert_true(++plant->seen_count < plant->seen_slots / 4 * 3);
    *seen = wanted;
}

static void receive_notice(struct plant *plant, const struct notice *notice)
{
    static const uint8_t marks[] = {[NOTICE_MERGED] = SEQ_MERGED,
                                    [NOTICE_DROPPED] = SEQ_DROPPED,
                                    [NOTICE_DAMAGED] = SEQ_DROPPED};
    plant->notices++;
    for (uint32_t i = 0; i < notice->range_count; i++) {
        assert_true(notice->ranges[i].last < plant->seqs);
        for (uint64_t seq = notice->ranges[i].first; seq <= notice->ranges[i].last; seq++)
            plant->by_seq[seq] |= marks[notice->reason];
    }
}

/* A number that comes twice comes with the same contents. */
static uint64_t hash_contents(const struct record *record)
{
    uint8_t bytes[RECORD_CODEC_MAX];
    size_t size = record_codec_encode(record, bytes, sizeof bytes);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void receive(struct plant *plant, const struct record *record)
{
    assert_true(record->seq > 0 && record->seq < plant->next_seq && record->seq < plant->seqs);
    uint64_t hash = hash_contents(record);
    if (plant->by_seq[record->seq] & SEQ_RECEIVED) {
        assert_true(plant->contents[record->seq] == hash);
        return;
    }
    plant->contents[record->seq] = hash;
    plant->by_seq[record->seq] |= SEQ_RECEIVED;
    plant->received++;
    if (record->kind == RECORD_WINDOW) receive_window(plant, record);
    if (record->kind == RECORD_NOTICE) receive_notice(plant, &record->notice);
}

/* Some are handed out; each arrives or not, and of those that do some acknowledgements come. */
static void glimpse(struct plant *plant)
{
    static struct record records[FETCH];
    size_t max = 1 + (size_t)draw(plant, FETCH);
    size_t count = writer_fetch(&plant->writer, LANE_WINDOW, 0, max, records);
    for (size_t i = 0; i < count; i++) {
        if (draw(plant, 3) == 0) continue;
        receive(plant, &records[i]);
        if (draw(plant, 2) == 0)
            assert_int_equal(batch_acknowledge(&plant->batch, LANE_WINDOW, records[i].seq), ST_OK);
    }
}

static void deliver_lane(struct plant *plant, enum lane lane)
{
    static struct record records[FETCH];
    uint64_t after = 0;
    size_t count;
    while ((count = writer_fetch(&plant->writer, lane, after, FETCH, records)) > 0) {
        for (size_t i = 0; i < count; i++) {
            assert_true(records[i].seq > after);
            after = records[i].seq;
            receive(plant, &records[i]);
            if (batch_acknowledge(&plant->batch, lane, after) == ST_OK) continue;
            assert_int_equal(writer_commit(&plant->writer, &plant->batch), ST_OK);
            batch_clear(&plant->batch);
            writer_tend(&plant->writer, plant->wall_ms);
            assert_int_equal(batch_acknowledge(&plant->batch, lane, after), ST_OK);
        }
    }
    assert_int_equal(writer_commit(&plant->writer, &plant->batch), ST_OK);
    batch_clear(&plant->batch);
    weigh(plant);
}

void plant_drain(struct plant *plant)
{
    struct stream_now now = now_of(plant);
    while (!stream_close_windows(plant->stream, &now)) commit(plant);
    commit(plant);
    for (int i = 0; plant->writer.state.owed.versions[OWED_DROPPED] != 0; i++) {
        assert_true(i < 20); /* what the last commit gave up */
        tell_owed(plant);
        assert_int_equal(writer_commit(&plant->writer, &plant->batch), ST_OK);
        batch_clear(&plant->batch);
    }
    deliver_lane(plant, LANE_ALARM);
    deliver_lane(plant, LANE_WINDOW);
    check_ledger(plant);
    struct store_counts counts = plant_count(plant);
    assert_int_equal(counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW], 0);
}

/* ---- the comparison ---- */

static void verify_sequence(const struct plant *plant)
{
    uint64_t received = 0, named = 0;
    for (uint64_t seq = 1; seq < plant->next_seq; seq++) {
        uint8_t mark = plant->by_seq[seq];
        if (mark == 0)
            fail_msg("number %" PRIu64 " of %" PRIu64 " neither came nor was named", seq,
                     plant->next_seq - 1);
        if ((mark & SEQ_RECEIVED) != 0 && (mark & SEQ_MERGED) != 0)
            fail_msg("number %" PRIu64 " came, and was merged", seq);
        received += mark & SEQ_RECEIVED;
        named += (mark & SEQ_RECEIVED) == 0;
    }
    assert_int_equal(received, plant->received);
    struct store_counts counts = plant_count(plant);
    if (counts.dropped == 0) assert_int_equal(named, counts.merged);
}

static bool is_equal(const struct tally *a, const struct tally *b)
{
    return a->count == b->count && a->sum_micro == b->sum_micro && a->min_micro == b->min_micro &&
           a->max_micro == b->max_micro;
}

/* Adds up what was received of a kind, per device and part. */
static void gather(const struct plant *plant, uint32_t kind, int64_t part_ms, struct tally *got,
                   size_t parts)
{
    for (size_t i = 0; i < plant->seen_slots; i++) {
        const struct seen *seen = &plant->seen[i];
        if (!seen->is_used || seen->kind != kind) continue;
        size_t part = (size_t)((seen->start_ms - START_MS + DAY) / part_ms);
        assert_true(part < parts && seen->end_ms - seen->start_ms <= part_ms);
        add(&got[seen->device * parts + part], &seen->tally);
    }
}

static void verify_kind(const struct plant *plant, uint32_t kind, int64_t part_ms)
{
    if (part_ms == 0) part_ms = (int64_t)plant->hour_count * HOUR;
    size_t ratio = (size_t)(part_ms / HOUR), parts = plant->hour_count / ratio + 1;
    struct tally *got = claim(plant->options.devices * parts, sizeof *got);
    gather(plant, kind, part_ms, got, parts);
    for (uint32_t device = 0; device < plant->options.devices; device++) {
        for (size_t part = 0; part < parts; part++) {
            struct tally expected = {0};
            for (size_t i = part * ratio; i < (part + 1) * ratio && i < plant->hour_count; i++)
                add(&expected, &plant->hours[device * plant->hour_count + i]);
            const struct tally *found = &got[device * parts + part];
            if (is_equal(found, &expected)) continue;
            fail_msg("kind %u, device %u, part %zu: %" PRIu64 " readings, sum %" PRId64
                     "; got %" PRIu64 ", sum %" PRId64,
                     kind, device, part, expected.count, expected.sum_micro, found->count,
                     found->sum_micro);
        }
    }
    free(got);
}

/* Where some readings came too late for the kind, its records say how many. */
static void verify_total(const struct plant *plant, uint32_t kind)
{
    uint64_t total = plant->missed[kind];
    for (size_t i = 0; i < plant->seen_slots; i++)
        if (plant->seen[i].is_used && plant->seen[i].kind == kind)
            total += plant->seen[i].tally.count;
    assert_int_equal(total, plant->readings);
}

void plant_verify(struct plant *plant, int64_t part_ms)
{
    verify_sequence(plant);
    if (plant_count(plant).dropped > 0) return;
    bool has_folded = plant_count(plant).covered > 0;
    bool is_finest = true; /* the first kind; once others were given up it alone is complete */
    for (uint32_t kind = 0; kind < plant->options.window_count; kind++) {
        const struct window_spec *spec = &plant->options.windows[kind];
        if (spec->size_count > 0 || spec->size_ms != spec->every_ms) continue;
        if (plant->missed[kind] == 0 && (is_finest || !has_folded))
            verify_kind(plant, kind, part_ms);
        if (plant->missed[kind] > 0 && (is_finest || !has_folded)) verify_total(plant, kind);
        is_finest = false;
    }
}

struct store_counts plant_count(const struct plant *plant)
{
    struct store_counts counts = {0};
    writer_count(&plant->writer, &counts);
    return counts;
}

uint64_t plant_count_readings(const struct plant *plant)
{
    return plant->readings;
}

int64_t plant_most_bytes(const struct plant *plant)
{
    return plant->most_bytes;
}

uint64_t plant_count_received(const struct plant *plant)
{
    return plant->received;
}

int64_t plant_longest_ms(const struct plant *plant)
{
    return plant->longest_ms;
}

/* ---- open and close ---- */

static void open_stream(struct plant *plant)
{
    const struct plant_options *options = &plant->options;
    plant->stream_options = (struct stream_options){.devices = options->devices,
                                                    .admission = ADMISSION_REFUSE,
                                                    .window_count = options->window_count,
                                                    .lateness_ms = options->lateness_ms,
                                                    .grace_ms = 5000,
                                                    .future_ms = 60000};
    memcpy(plant->stream_options.windows, options->windows, sizeof options->windows);
    struct stream_sink sink = {has_room, emit, journal, plant};
    assert_int_equal(stream_open(&plant->stream, &plant->stream_options, &sink), ST_OK);
}

static void choose_store_options(struct plant *plant)
{
    struct plant_options *options = &plant->options;
    struct store_options *store = &plant->store_options;
    /* As the agent does. */
    int64_t least_bytes = 2 * (int64_t)stream_room_bytes(&plant->stream_options) + 4096;
    if (options->batch_bytes < least_bytes) options->batch_bytes = least_bytes;
    int64_t least_budget_bytes = store_least_budget(options->batch_bytes);
    if (options->budget_bytes < 0)
        options->budget_bytes = least_budget_bytes - options->budget_bytes;
    (void)snprintf(store->path, sizeof store->path, "%s/store.db", plant->folder);
    store->budget_bytes = options->budget_bytes;
    store->batch_bytes = options->batch_bytes;
    store->commit_every_ms = options->commit_every_ms;
    for (size_t i = 0; i < options->window_count; i++) {
        if (options->windows[i].size_count > 0) continue;
        store->kinds.kinds[store->kinds.count++] =
            (struct store_kind){.size_ms = options->windows[i].size_ms,
                                .every_ms = options->windows[i].every_ms,
                                .settle_ms = stream_settle_ms(&plant->stream_options, i)};
    }
}

enum { SEEN_SLOTS = 1 << 20, SEQS = 1 << 25, HOURS = 100 * 24 };

struct plant *plant_open(const struct plant_options *options)
{
    struct plant *plant = claim(1, sizeof *plant);
    plant->options = *options;
    plant->random = options->seed;
    plant->next_seq = 1;
    plant->wall_ms = START_MS;
    (void)snprintf(plant->folder, sizeof plant->folder, "%s/isotherm-plant-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(plant->folder));
    log_init(&plant->log, clock_system(), 2, LOG_LEVEL_ERROR);
    plant->due_ms = claim(options->devices, sizeof *plant->due_ms);
    plant->silent_until_ms = claim(options->devices, sizeof *plant->silent_until_ms);
    plant->value_micro = claim(options->devices, sizeof *plant->value_micro);
    for (uint32_t i = 0; i < options->devices; i++) {
        plant->due_ms[i] = START_MS + (int64_t)draw(plant, (uint64_t)options->every_ms);
        plant->value_micro[i] = 15000000 + (int64_t)draw(plant, 20000000);
    }
    plant->hour_count = HOURS;
    plant->hours = claim(options->devices * plant->hour_count, sizeof *plant->hours);
    plant->seen_slots = SEEN_SLOTS;
    plant->seen = claim(plant->seen_slots, sizeof *plant->seen);
    plant->seqs = SEQS;
    plant->by_seq = claim(plant->seqs, 1);
    plant->contents = claim(plant->seqs, sizeof *plant->contents);
    open_stream(plant);
    choose_store_options(plant);
    assert_int_equal(batch_init(&plant->batch, (size_t)plant->options.batch_bytes), ST_OK);
    open_store(plant);
    return plant;
}

void plant_close(struct plant *plant)
{
    writer_close(&plant->writer);
    stream_close(plant->stream);
    batch_fini(&plant->batch);
    folder_remove(plant->folder);
    free(plant->due_ms);
    free(plant->silent_until_ms);
    free(plant->value_micro);
    free(plant->hours);
    free(plant->seen);
    free(plant->by_seq);
    free(plant->contents);
    free(plant);
}
