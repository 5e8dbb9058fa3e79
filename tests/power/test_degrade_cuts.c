/* degrade cuts: the power goes while windows are merged, dropped as covered, or named by notices.
 * After every start each number is a record or named by a waiting notice, the readings of each
 * device add up to what was committed, and what was handed out before is still there, unchanged.
 *
 * The store is so small that it merges all the time.  The normal share is 600 cuts;
 * ISOTHERM_BUDGET multiplies it. */
#include "power/world.h"

enum {
    CUTS = 600,
    CUTS_OF_A_LIFE = 40,
    DEVICES = 3,
    NUMBERS = 1 << 16,
    SLICE_MS = 10000,
    BATCH_BYTES = 16 * 1024,
    FETCH = 16
};

#define START_MS INT64_C(1760004000000)

struct life {
    struct fault_disk disk;
    sqlite3_vfs vfs;
    uint64_t random;
    struct store_options options;
    struct writer writer;
    struct store_found found;
    struct batch batch;
    bool is_open;
    uint64_t next_seq;
    int64_t at_ms;
    /* as of the last commit that was reported, and of the one under way */
    struct point {
        uint64_t batch, next_seq, readings[DEVICES];
        int64_t at_ms;
    } reported, pending;
    uint64_t hashes[NUMBERS]; /* of what was handed out; 0: was not */
    bool is_there[NUMBERS], is_named[NUMBERS];
};

struct tally {
    uint64_t cuts, commits, merged, covered, dropped, notices;
};

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static uint64_t draw(struct life *life, uint64_t limit)
{
    uint64_t z = life->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static uint64_t hash_record(const struct record *record)
{
    uint8_t bytes[RECORD_CODEC_MAX];
    size_t size = record_codec_encode(record, bytes, sizeof bytes);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

static void init(struct life *life, uint64_t seed)
{
    memset(life, 0, sizeof *life);
    life->random = seed * 1000003;
    fault_disk_init(&life->disk, seed);
    fault_vfs_register(&life->vfs, &life->disk);
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed % 0x7fffffff) + 1, NULL);
    assert_int_equal(batch_init(&life->batch, BATCH_BYTES), ST_OK);
    struct store_options *options = &life->options;
    (void)snprintf(options->path, sizeof options->path, FAULT_DIRECTORY "/store.db");
    options->batch_bytes = BATCH_BYTES;
    options->budget_bytes = database_least_budget(BATCH_BYTES) + (int64_t)draw(life, 8) * 16384;
    options->commit_every_ms = 1000;
    options->kinds.count = 2;
    options->kinds.kinds[0] = (struct store_kind){SLICE_MS, SLICE_MS, 3 * SLICE_MS};
    options->kinds.kinds[1] = (struct store_kind){60000, SLICE_MS, 9 * SLICE_MS};
    life->next_seq = 1;
    life->at_ms = START_MS;
    life->reported = life->pending = (struct point){.next_seq = 1, .at_ms = START_MS};
}

static void fini(struct life *life)
{
    writer_close(&life->writer);
    fault_vfs_unregister(&life->vfs);
    fault_disk_fini(&life->disk);
    batch_fini(&life->batch);
}

/* ---- what the gateway does ---- */

static void emit(struct life *life, unsigned device, int64_t size_ms, int64_t start_ms)
{
    struct record record = {.kind = RECORD_WINDOW,
                            .seq = life->next_seq,
                            .created_ms = start_ms + size_ms + 700,
                            .clock = CLOCK_TRUSTED};
    (void)snprintf(record.device, sizeof record.device, "d%u", device);
    struct window_result *window = &record.window;
    window->size_ms = size_ms;
    window->every_ms = SLICE_MS;
    window->start_ms = start_ms;
    window->end_ms = start_ms + size_ms;
    window->revision = 1;
    uint64_t count = 1 + draw(life, 3);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(summary_add(&window->summary, (int64_t)draw(life, 40000) * 1000,
                                     start_ms + size_ms - SLICE_MS + (int64_t)draw(life, SLICE_MS)),
                         ST_OK);
    assert_int_equal(batch_add_record(&life->batch, &record), ST_OK);
    life->next_seq++;
    if (size_ms == SLICE_MS) life->pending.readings[device] += count;
}

static void emit_slice(struct life *life)
{
    for (unsigned device = 0; device < DEVICES; device++) {
        if (draw(life, 20) == 0) continue;
        emit(life, device, SLICE_MS, life->at_ms);
        if (draw(life, 3) == 0) emit(life, device, 60000, life->at_ms - 50000);
    }
    life->at_ms += SLICE_MS;
}

static bool commit(struct life *life)
{
    if (life->batch.number == 0) {
        life->pending = life->reported;
        uint64_t slices = 1 + draw(life, 20);
        for (uint64_t i = 0; i < slices; i++) emit_slice(life);
        if (batch_is_empty(&life->batch)) return true;
        life->pending.batch = life->reported.batch + 1;
        life->pending.next_seq = life->next_seq;
        life->pending.at_ms = life->at_ms;
    }
    if (writer_commit(&life->writer, &life->batch) != ST_OK) return false;
    life->reported = life->pending;
    batch_clear(&life->batch);
    writer_tend(&life->writer, 1000);
    while (writer_degrade(&life->writer)) continue;
    return life->writer.connection != NULL;
}

/* The centre gets some; no answer ever comes. */
static void hand_out(struct life *life)
{
    static struct record records[FETCH];
    size_t count =
        writer_fetch(&life->writer, LANE_WINDOW, 0, 1 + (size_t)draw(life, FETCH), records);
    for (size_t i = 0; i < count; i++) life->hashes[records[i].seq] = hash_record(&records[i]);
}

/* ---- what must hold ---- */

struct finding {
    struct life *life;
    uint64_t readings[DEVICES], rows, notices;
};

static bool visit(void *context, const struct record *record, size_t bytes)
{
    struct finding *finding = context;
    struct life *life = finding->life;
    (void)bytes;
    finding->rows++;
    assert_true(record->seq < NUMBERS && record->seq < life->writer.state.next_seq);
    assert_false(life->is_there[record->seq]);
    life->is_there[record->seq] = true;
    if (life->hashes[record->seq] != 0)
        assert_true(life->hashes[record->seq] == hash_record(record));
    if (record->kind == RECORD_WINDOW && record->window.size_ms == SLICE_MS)
        finding->readings[record->device[1] - '0'] += record->window.summary.count;
    if (record->kind != RECORD_NOTICE) return true;
    finding->notices++;
    for (uint32_t i = 0; i < record->notice.range_count; i++) {
        const struct seq_range *range = &record->notice.ranges[i];
        for (uint64_t seq = range->first; seq <= range->last; seq++) {
            assert_false(life->is_named[seq]); /* by one notice only */
            life->is_named[seq] = true;
        }
    }
    return true;
}

static void verify(struct life *life, struct tally *tally)
{
    struct finding finding = {.life = life};
    memset(life->is_there, 0, sizeof life->is_there);
    memset(life->is_named, 0, sizeof life->is_named);
    assert_int_equal(outbox_walk(&life->writer.outbox, LANE_WINDOW, 0, visit, &finding), ST_OK);
    const struct meta_state *state = &life->writer.state;
    assert_int_equal(state->waiting[LANE_WINDOW], finding.rows);
    assert_int_equal(state->written, state->next_seq - 1);
    assert_int_equal(state->written, state->merged + state->dropped + finding.rows);
    for (uint64_t seq = 1; seq < state->next_seq; seq++) {
        assert_true(life->is_there[seq] != life->is_named[seq]); /* one of the two */
        if (life->hashes[seq] != 0 && state->dropped == 0) assert_true(life->is_there[seq]);
    }
    for (unsigned device = 0; device < DEVICES && state->dropped == 0; device++)
        assert_int_equal(finding.readings[device], life->reported.readings[device]);
    if (tally == NULL) return;
    tally->merged += state->merged;
    tally->covered += state->covered;
    tally->dropped += state->dropped;
    tally->notices += finding.notices;
}

static void start(struct life *life, struct tally *tally)
{
    for (;;) {
        life->disk.is_off = false;
        life->disk.cut_at = 0;
        fault_disk_restart(&life->disk);
        if (draw(life, 3) == 0) life->disk.cut_at = life->disk.calls + 1 + draw(life, 12);
        enum status status = writer_open(&life->writer, &life->options, NULL, &life->found);
        if (status == ST_OK && !life->disk.is_off) break;
        assert_true(life->disk.is_off);
        if (status == ST_OK) writer_close(&life->writer);
        tally->cuts++;
    }
    life->disk.cut_at = 0;
    assert_false(life->found.was_set_aside);
    batch_clear(&life->batch);
    if (life->writer.state.batch == life->pending.batch) life->reported = life->pending;
    assert_int_equal(life->writer.state.batch, life->reported.batch);
    life->pending = life->reported;
    life->next_seq = life->reported.next_seq;
    life->at_ms = life->reported.at_ms;
    assert_int_equal(life->found.next_seq, life->next_seq);
    verify(life, NULL);
}

static void live(uint64_t seed, struct tally *tally)
{
    static struct life life;
    init(&life, seed);
    for (int i = 0; i < CUTS_OF_A_LIFE; i++) {
        start(&life, tally);
        life.disk.cut_at = life.disk.calls + 1 + draw(&life, 600);
        while (!life.disk.is_off && life.next_seq < NUMBERS - 2000) {
            if (!commit(&life)) assert_true(life.disk.is_off);
            if (!life.disk.is_off) tally->commits++;
            if (!life.disk.is_off && draw(&life, 60) == 0) hand_out(&life);
        }
        writer_close(&life.writer);
        tally->cuts++;
    }
    start(&life, tally);
    verify(&life, tally);
    fini(&life);
}

static void test_no_cut_loses_or_doubles_what_is_merged(void **state)
{
    (void)state;
    struct tally tally = {0};
    uint64_t cuts = CUTS * number_from("ISOTHERM_BUDGET", 1);
    uint64_t first = number_from("ISOTHERM_SEED", 1);
    for (uint64_t seed = first; tally.cuts < cuts; seed++) {
        printf("seed %" PRIu64 "\r", seed);
        fflush(stdout);
        live(seed, &tally);
    }
    printf("%" PRIu64 " cuts, %" PRIu64 " commits, %" PRIu64 " records merged (%" PRIu64
           " covered), %" PRIu64 " dropped, %" PRIu64 " notices\n",
           tally.cuts, tally.commits, tally.merged, tally.covered, tally.dropped, tally.notices);
    assert_true(tally.merged > 1000 && tally.covered > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_cut_loses_or_doubles_what_is_merged),
    };
    return cmocka_run_group_tests_name("degrade_cuts", tests, NULL, NULL);
}
