/* The lane of alarms has a budget of its own: beyond it, transitions are merged, never the latest
 * state, nor what is HH, LL, high or critical; and every one is counted. */
#include "alarm/alarm_event.h"
#include "base/log.h"
#include "store/writer.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALARMS = 24, BATCH_BYTES = 64 << 10, BUDGET_BYTES = 8 << 20, LANE_BYTES = 4 << 10 };

struct alarm_model {
    uint64_t made, arrived, counted;  /* transitions: made, at the centre, counted in those */
    uint64_t last_made, last_arrived; /* their numbers */
    bool is_kept;                     /* none of its transitions may go */
};

struct bench {
    char directory[64];
    struct store_options options;
    struct writer writer;
    struct store_found found;
    struct batch batch;
    struct log log;
    uint64_t next_seq, random;
    struct alarm_model alarms[ALARMS];
    uint8_t is_at_centre[1 << 17];
    uint64_t named;
};

static uint64_t draw(struct bench *bench, uint64_t limit)
{
    uint64_t z = bench->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

static void open_writer(struct bench *bench)
{
    assert_int_equal(writer_open(&bench->writer, &bench->options, &bench->log, &bench->found),
                     ST_OK);
    assert_int_equal(bench->found.next_seq, bench->next_seq);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL) return -1;
    (void)snprintf(bench->directory, sizeof bench->directory, "/tmp/isotherm-lane-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->options.path, sizeof bench->options.path, "%s/store.db",
                   bench->directory);
    bench->options.budget_bytes = BUDGET_BYTES;
    bench->options.batch_bytes = BATCH_BYTES;
    bench->options.alarm_bytes = LANE_BYTES;
    log_init(&bench->log, clock_system(), STDERR_FILENO, LOG_LEVEL_ERROR);
    assert_int_equal(batch_init(&bench->batch, BATCH_BYTES), ST_OK);
    bench->next_seq = 1;
    for (int i = 0; i < ALARMS; i++) bench->alarms[i].is_kept = i % 4 == 3;
    open_writer(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char command[128];
    writer_close(&bench->writer);
    batch_fini(&bench->batch);
    (void)snprintf(command, sizeof command, "rm -rf %s", bench->directory);
    free(bench);
    return system(command);
}

static void add(struct bench *bench, struct record *record)
{
    record->seq = bench->next_seq;
    record->clock = CLOCK_TRUSTED;
    record->created_ms = INT64_C(1760000000000) + (int64_t)record->seq;
    assert_int_equal(batch_add_record(&bench->batch, record), ST_OK);
    bench->next_seq++;
}

/* A transition of that alarm.  Every fourth alarm must be kept, each for another reason. */
static void add_alarm(struct bench *bench, int number)
{
    static const char *const ids[] = {"HH", "H", "LL", "H"};
    struct alarm_model *model = &bench->alarms[number];
    struct record record;
    memset(&record, 0, sizeof record);
    record.kind = RECORD_ALARM;
    (void)snprintf(record.device, sizeof record.device, "press-%d", number / 4);
    struct alarm_event *alarm = &record.alarm;
    (void)snprintf(alarm->name, sizeof alarm->name, "rule-%d", number % 4);
    strcpy(alarm->id, model->is_kept ? ids[number / 4 % 4] : number % 2 == 0 ? "H" : "L");
    strcpy(alarm->kind, "high");
    alarm->priority = number % 4 == 1 ? ALARM_PRIORITY_MEDIUM : ALARM_PRIORITY_LOW;
    if (model->is_kept && strlen(alarm->id) == 1)
        alarm->priority = number / 4 % 4 == 1 ? ALARM_PRIORITY_HIGH : ALARM_PRIORITY_CRITICAL;
    alarm->occurrence = (uint32_t)(model->made / 2 + 1);
    alarm->to = model->made % 2 == 0 ? ALARM_UNACK : ALARM_NORM;
    alarm->event_ms = (int64_t)bench->next_seq;
    model->last_made = bench->next_seq;
    model->made++;
    add(bench, &record);
}

static void add_window(struct bench *bench)
{
    struct record record;
    memset(&record, 0, sizeof record);
    record.kind = RECORD_WINDOW;
    strcpy(record.device, "press-1");
    record.window.size_ms = record.window.every_ms = 10000;
    record.window.start_ms = (int64_t)bench->next_seq * 10000;
    record.window.end_ms = record.window.start_ms + 10000;
    record.window.revision = 1;
    assert_int_equal(summary_add(&record.window.summary, 20000000, record.window.start_ms + 1),
                     ST_OK);
    add(bench, &record);
}

/* The batch is committed, and what is due is done as in the store's spare time. */
static void commit(struct bench *bench)
{
    assert_int_equal(writer_commit(&bench->writer, &bench->batch), ST_OK);
    batch_clear(&bench->batch);
    writer_tend(&bench->writer, 0);
    for (int i = 0; i < 1000 && writer_degrade(&bench->writer); i++) continue;
}

static void reopen(struct bench *bench)
{
    writer_close(&bench->writer);
    open_writer(bench);
}

static struct store_counts count(const struct bench *bench)
{
    struct store_counts counts;
    memset(&counts, 0, sizeof counts);
    writer_count(&bench->writer, &counts);
    assert_true(counts.written == counts.acknowledged + counts.merged + counts.dropped +
                                      counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW]);
    return counts;
}

static struct alarm_model *find_model(struct bench *bench, const struct record *record)
{
    int press = atoi(record->device + strlen("press-"));
    int rule = atoi(record->alarm.name + strlen("rule-"));
    assert_in_range(press * 4 + rule, 0, ALARMS - 1);
    return &bench->alarms[press * 4 + rule];
}

/* At the centre: records by their number, as the reference consumer takes them. */
static void arrive(struct bench *bench, const struct record *record)
{
    assert_in_range(record->seq, 1, sizeof bench->is_at_centre - 1);
    if (bench->is_at_centre[record->seq] == 1) return; /* a repeat */
    assert_int_equal(bench->is_at_centre[record->seq], 0);
    bench->is_at_centre[record->seq] = 1;
    if (record->kind == RECORD_NOTICE) {
        assert_int_equal(record->notice.reason, NOTICE_MERGED);
        for (uint32_t i = 0; i < record->notice.range_count; i++)
            for (uint64_t seq = record->notice.ranges[i].first;
                 seq <= record->notice.ranges[i].last; seq++) {
                assert_int_equal(bench->is_at_centre[seq], 0);
                bench->is_at_centre[seq] = 2;
                bench->named++;
            }
    }
    if (record->kind != RECORD_ALARM) return;
    struct alarm_model *model = find_model(bench, record);
    assert_true(record->seq > model->last_arrived); /* in order */
    model->last_arrived = record->seq;
    model->arrived++;
    model->counted += record->alarm.merged;
    if (model->is_kept) assert_int_equal(record->alarm.merged, 0);
}

/* Up to `max` records of a lane are handed out, and acknowledged if the connection holds. */
static size_t deliver(struct bench *bench, enum lane lane, uint64_t after, size_t max, bool holds)
{
    static struct record records[STORE_FETCH_MAX];
    size_t fetched = writer_fetch(&bench->writer, lane, after, max, records);
    for (size_t i = 0; i < fetched; i++) {
        arrive(bench, &records[i]);
        if (holds) assert_int_equal(batch_acknowledge(&bench->batch, lane, records[i].seq), ST_OK);
    }
    return fetched;
}

static void deliver_all(struct bench *bench)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        while (deliver(bench, (enum lane)lane, 0, STORE_FETCH_MAX, true) > 0) commit(bench);
    }
    struct store_counts counts = count(bench);
    assert_int_equal(counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW], 0);
}

/* All that was ever made is at the centre or counted there, the latest state of each has come,
 * and no number is unaccounted for. */
static void check_centre(struct bench *bench)
{
    uint64_t counted = 0;
    for (int i = 0; i < ALARMS; i++) {
        const struct alarm_model *model = &bench->alarms[i];
        assert_int_equal(model->made, model->arrived + model->counted);
        assert_int_equal(model->last_made, model->last_arrived);
        if (model->is_kept) assert_int_equal(model->made, model->arrived);
        counted += model->counted;
    }
    for (uint64_t seq = 1; seq < bench->next_seq; seq++)
        assert_int_not_equal(bench->is_at_centre[seq], 0);
    struct store_counts counts = count(bench);
    assert_int_equal(counts.merged_alarms, counted);
    assert_int_equal(counts.dropped, 0);
    assert_int_equal(counts.merged, bench->named);
}

static int64_t lane_bytes(struct bench *bench)
{
    sqlite3_stmt *statement = bench->writer.degrade.alarm_bytes;
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t bytes = sqlite3_column_int64(statement, 0);
    (void)sqlite3_reset(statement);
    return bytes;
}

/* ---- */

static void test_first_and_last_stay_and_the_rest_is_counted(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 10; k++) add_alarm(bench, 0);
        commit(bench);
    }
    struct store_counts counts = count(bench);
    assert_true(counts.merged_alarms > 250);
    assert_true(lane_bytes(bench) <= LANE_BYTES);
    static struct record records[STORE_FETCH_MAX];
    size_t fetched = writer_fetch(&bench->writer, LANE_ALARM, 0, STORE_FETCH_MAX, records);
    assert_in_range(fetched, 2, 64);
    assert_int_equal(records[0].seq, 1);
    assert_int_equal(records[0].alarm.merged, 0);
    assert_true(records[1].alarm.merged > 250);
    deliver_all(bench);
    check_centre(bench);
}

static void test_nothing_is_merged_within_the_budget(void **state)
{
    struct bench *bench = *state;
    for (int k = 0; k < 40; k++) add_alarm(bench, k % 2);
    commit(bench);
    assert_true(lane_bytes(bench) <= LANE_BYTES);
    assert_int_equal(count(bench).merged_alarms, 0);
    deliver_all(bench);
    check_centre(bench);
}

static void test_high_critical_and_outer_limits_are_never_merged(void **state)
{
    struct bench *bench = *state;
    for (int i = 0; i < 300; i++) {
        for (int number = 3; number < ALARMS; number += 4) add_alarm(bench, number);
        if (i % 20 == 19) commit(bench);
    }
    assert_int_equal(count(bench).merged_alarms, 0);
    assert_true(lane_bytes(bench) > LANE_BYTES); /* at the cost of windows */
    for (int k = 0; k < 400; k++) add_alarm(bench, 0);
    commit(bench);
    assert_true(count(bench).merged_alarms > 100);
    deliver_all(bench);
    check_centre(bench);
}

/* What the centre may have is not counted a second time. */
static void test_what_was_handed_out_is_never_merged(void **state)
{
    struct bench *bench = *state;
    for (int k = 0; k < 40; k++) add_alarm(bench, 0);
    commit(bench);
    assert_int_equal(deliver(bench, LANE_ALARM, 0, 40, false), 40); /* the connection is lost */
    reopen(bench);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 20; k++) add_alarm(bench, 0);
        commit(bench);
    }
    assert_true(count(bench).merged_alarms > 100);
    deliver_all(bench);
    check_centre(bench);
}

/* While the centre keeps up, that an alarm may be there is noted with the alarm itself. */
static void test_alarm_is_noted_as_handed_out_in_its_own_commit(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(deliver(bench, LANE_ALARM, 0, STORE_FETCH_MAX, true), 0);
    for (int k = 0; k < 50; k++) {
        add_alarm(bench, 0);
        commit(bench);
        uint64_t before = meter_bytes(&bench->writer.meter);
        assert_int_equal(deliver(bench, LANE_ALARM, bench->next_seq - 2, 64, false), 1);
        assert_true(meter_bytes(&bench->writer.meter) == before);
        assert_int_equal(bench->writer.state.alarms_offered, bench->next_seq - 1);
    }
    deliver_all(bench);
    check_centre(bench);
}

static void test_random_transitions_are_all_accounted_for(void **state)
{
    struct bench *bench = *state;
    const char *seed = getenv("ISOTHERM_SEED");
    bench->random = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    bool is_up = false;
    uint64_t after = 0;
    for (int step = 0; step < 300; step++) {
        uint64_t most = draw(bench, 30);
        for (uint64_t k = 0; k < most; k++) {
            if (draw(bench, 4) == 0)
                add_window(bench);
            else
                add_alarm(bench, (int)draw(bench, draw(bench, 2) == 0 ? 3 : ALARMS));
        }
        commit(bench);
        if (draw(bench, 60) == 0) is_up = true, after = 0;
        if (draw(bench, 10) == 0) is_up = false;
        if (draw(bench, 50) == 0) {
            reopen(bench);
            is_up = false;
        }
        if (!is_up) continue;
        static struct record records[STORE_FETCH_MAX];
        size_t fetched = writer_fetch(&bench->writer, LANE_ALARM, after, 16, records);
        for (size_t i = 0; i < fetched; i++) {
            after = records[i].seq;
            arrive(bench, &records[i]);
            if (draw(bench, 8) == 0) continue; /* the answer is lost */
            assert_int_equal(batch_acknowledge(&bench->batch, LANE_ALARM, after), ST_OK);
        }
        commit(bench);
    }
    assert_true(count(bench).merged_alarms > 500);
    deliver_all(bench);
    check_centre(bench);
}

/* A lane that is the whole store: merged before the oldest is dropped. */
static void test_full_store_merges_alarms_before_it_drops_any(void **state)
{
    struct bench *bench = *state;
    writer_close(&bench->writer);
    bench->options.budget_bytes = store_least_budget(BATCH_BYTES);
    bench->options.alarm_bytes = bench->options.budget_bytes;
    open_writer(bench);
    for (int i = 0; i < 120; i++) {
        for (int k = 0; k < 100; k++) add_alarm(bench, k % 3);
        assert_int_equal(writer_commit(&bench->writer, &bench->batch), ST_OK);
        batch_clear(&bench->batch);
        writer_tend(&bench->writer, 0);
    }
    assert_true(count(bench).merged_alarms > 1000);
    deliver_all(bench);
    check_centre(bench);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_first_and_last_stay_and_the_rest_is_counted),
        TEST(test_nothing_is_merged_within_the_budget),
        TEST(test_high_critical_and_outer_limits_are_never_merged),
        TEST(test_what_was_handed_out_is_never_merged),
        TEST(test_alarm_is_noted_as_handed_out_in_its_own_commit),
        TEST(test_random_transitions_are_all_accounted_for),
        TEST(test_full_store_merges_alarms_before_it_drops_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
