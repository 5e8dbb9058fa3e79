/* plan: numbers that follow from each other, and a store that is filled to see whether it holds
 * what was planned. */
#include "plan.h"
#include "plan_traffic.h"
#include "store_support.h"
#include "support/config_case.h"

#define SOURCES                                                                                    \
    "sources:\n  - mqtt: {broker: \"mqtt://127.0.0.1\", subscribe: [{topic: \"f/+device\"}]}\n"    \
    "uplink: {mqtt: {broker: \"mqtt://127.0.0.1\", ledger_every: 0s}}\ngateway: g\n"

static struct plan plan_of(const char *text, struct plan_assumptions assumptions)
{
    struct config_case test;
    struct plan plan;
    char whole[1024];
    (void)snprintf(whole, sizeof whole, "%s%s", text, SOURCES);
    case_run(&test, whole);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(plan_make(&plan, &test.config, &assumptions), ST_OK);
    case_close(&test);
    return plan;
}

static void test_memory_is_the_sum_of_its_parts(void **state)
{
    (void)state;
    struct plan plan = plan_of("limits: {devices: 300}\n", plan_assume());
    int64_t ours = 0, resident = 0;
    for (size_t i = 0; i < plan.part_count; i++) {
        assert_true(plan.parts[i].bytes > 0 && plan.parts[i].name[0] != '\0');
        assert_true(plan.parts[i].resident_bytes <= plan.parts[i].bytes);
        ours += plan.parts[i].is_ours ? plan.parts[i].bytes : 0;
        resident += plan.parts[i].resident_bytes;
    }
    assert_int_equal(plan.ours_bytes, ours);
    assert_int_equal(plan.resident_bytes, resident);
    assert_true(plan.anonymous_bytes < plan.resident_bytes);
}

static void test_devices_cost_what_is_said_of_each(void **state)
{
    (void)state;
    struct plan few = plan_of("limits: {devices: 1024}\n", plan_assume());
    struct plan many = plan_of("limits: {devices: 2048}\n", plan_assume());
    int64_t table = many.parts[0].bytes - few.parts[0].bytes;
    assert_in_range(table, 1024 * (many.device_bytes - 8), 1024 * (many.device_bytes + 8));
}

static void test_records_a_day_follow_from_the_windows(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 7;
    struct plan plan = plan_of("windows: [{size: 10s}, {size: 15min, every: 1min}]\n", assumed);
    assert_int_equal(plan.records_per_day, 7 * (8640 + 1440));
    assert_int_equal(plan.payload_bytes_per_day / plan.records_per_day, plan.json_bytes - 1);
    assert_true(plan.packet_bytes > plan.json_bytes);
    assumed.every_ms = 2000; /* 43,200 readings a day */
    plan = plan_of("windows: [{count: 100, every_count: 50}]\n", assumed);
    assert_int_equal(plan.records_per_day, 7 * 864);
    plan = plan_of("windows: [{size: 1h, provisional: 15min}]\n", assumed);
    assert_int_equal(plan.records_per_day, 7 * 24 * 5);
    plan = plan_of("windows: []\n", assumed);
    assert_int_equal(plan.records_per_day, 0);
    assert_int_equal(plan.level_count, 0);
}

static void test_coarser_windows_cover_longer_outages(void **state)
{
    (void)state;
    struct plan plan = plan_of("windows: [{size: 10s}, {size: 1h}]\n", plan_assume());
    assert_true(plan.level_count >= 4);
    assert_int_equal(plan.levels[0].resolution_ms, 0);
    for (size_t i = 1; i < plan.level_count; i++) {
        assert_true(plan.levels[i].resolution_ms > plan.levels[i - 1].resolution_ms);
        assert_true(plan.levels[i].records_per_hour < plan.levels[i - 1].records_per_hour);
        assert_true(plan.levels[i].covered_ms > plan.levels[i - 1].covered_ms);
    }
}

static void test_a_longer_interval_spares_the_flash(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 20;
    assumed.every_ms = 60000;
    struct plan often = plan_of("store: {commit_every: 1s}\n", assumed);
    struct plan seldom = plan_of("store: {commit_every: 1min}\n", assumed);
    assert_true(often.is_commit_fixed);
    assert_true(often.commits_per_day > seldom.commits_per_day);
    assert_true(often.flash_bytes_per_day > 5 * seldom.flash_bytes_per_day);
    assert_true(often.commits_per_day <= 20 * 1440); /* nothing new: no commit */
}

static void test_the_budget_of_the_flash_decides_the_interval(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 10;
    assumed.every_ms = 10000;
    struct plan plan = plan_of("store: {flash_per_day: 400 MiB}\n", assumed);
    assert_false(plan.is_commit_fixed);
    assert_true(plan.commit_every_ms > 1000 && plan.commit_every_ms < 60000);
    assert_true(plan.flash_bytes_per_day <= INT64_C(400) << 20);
    plan = plan_of("store: {flash_per_day: 0}\n", assumed);
    assert_int_equal(plan.commit_every_ms, 1000);
}

static void test_more_readings_than_milliseconds_are_planned(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.every_ms = 1;
    struct plan plan = plan_of("windows: [{size: 1s}, {count: 1}]\n", assumed);
    assert_true(plan.commits_per_day > INT64_C(86400000));
    assert_true(plan.flash_bytes_per_day > 0);
    plan = plan_of("limits: {devices: 100000}\nwindows: [{count: 1}]\n"
                   "store: {commit_every: 1s, budget: 1 GiB}\n",
                   assumed);
    assert_true(plan.flash_bytes_per_day > plan.uplink_bytes_per_day / 100);
}

static void test_what_is_learned_is_written_too(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 100;
    assumed.every_ms = 10000;
    struct plan plain = plan_of("store: {commit_every: 10s}\n", assumed);
    struct plan limits = plan_of("store: {commit_every: 10s}\n"
                                 "alarms: [{name: a, devices: none, high: 90}]\n",
                                 assumed);
    struct plan learned = plan_of("store: {commit_every: 10s}\n"
                                  "alarms: [{name: a, devices: none, unusual: {}}]\n",
                                  assumed);
    assert_int_equal(limits.journal_bytes, plain.journal_bytes);
    /* of each device what its hour has come to, with its id, at each commit */
    assert_in_range(learned.journal_bytes - plain.journal_bytes, 100 * 30, 100 * 90);
    assert_true(learned.flash_bytes_per_day > plain.flash_bytes_per_day);
}

static void test_a_small_store_writes_whole_states_sooner(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 1000;
    assumed.every_ms = 10000;
    struct plan large = plan_of("store: {commit_every: 10s}\n", assumed);
    struct plan small = plan_of("store: {commit_every: 10s, budget: 8 MiB}\n", assumed);
    assert_true(small.journal_bytes > large.journal_bytes);
}

static void test_what_cannot_keep_up_never_makes_up(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 1000;
    assumed.latency_ms = 10000; /* 20 in flight: 2 records a second */
    struct plan plan = plan_of("windows: [{size: 1min}]\n", assumed);
    assert_int_equal(plan.drain_records_per_s, 2);
    assert_int_equal(plan.drain_day_ms, -1);
    assumed.latency_ms = 20;
    plan = plan_of("windows: [{size: 1min}]\n", assumed);
    assert_int_equal(plan.drain_records_per_s, 1000);
    /* 1,440,000 records, while 17 new ones come each second */
    assert_int_equal(plan.drain_day_ms, (1440000 * INT64_C(1000) + 982) / 983);
}

/* Writes records of a minute until the store merges the first; how many it held before. */
static uint64_t fill_store(struct bench *bench)
{
    uint64_t ticket = 0;
    for (int64_t minute = 0;; minute++) {
        struct store_counts counts = store_count(bench->store);
        if (counts.merged + counts.dropped > 0) return (uint64_t)(minute - 1) * 200;
        for (int i = 0; i < 200; i++) {
            struct record record = {.kind = RECORD_WINDOW, .clock = CLOCK_TRUSTED};
            (void)snprintf(record.device, sizeof record.device, "line-1/devices/oven%05d", i);
            int64_t start_ms = INT64_C(1795219200000) + minute * 60000;
            record.created_ms = start_ms + 90123;
            record.window = (struct window_result){.size_ms = 60000,
                                                   .every_ms = 60000,
                                                   .start_ms = start_ms,
                                                   .end_ms = start_ms + 60000,
                                                   .revision = 1,
                                                   .longest_gap_ms = 1000};
            for (int k = 0; k < 60; k++)
                assert_int_equal(summary_add(&record.window.summary, 21000000 + k * 7919000 % 9999,
                                             start_ms + k * 1000),
                                 ST_OK);
            assert_true(store_has_room(bench->store, STREAM_RECORD_BYTES));
            store_add_record(bench->store, &record);
        }
        assert_true(store_commit(bench->store, ++ticket));
        bench_await_commit(bench, ticket);
        assert_true(minute < 1000);
    }
}

static void test_a_store_holds_the_hours_that_were_planned(void **state)
{
    (void)state;
    struct plan_assumptions assumed = plan_assume();
    assumed.devices = 200;
    struct plan plan = plan_of("store: {budget: 8 MiB, batch: 128 KiB}\n"
                               "limits: {devices: 200}\nlateness: 0s\n",
                               assumed);
    struct bench bench;
    bench_init(&bench);
    bench.options.budget_bytes = 8 << 20;
    bench.options.batch_bytes = 128 << 10;
    bench_start(&bench);
    uint64_t held = fill_store(&bench);
    bench_stop(&bench);
    bench_fini(&bench);
    int64_t planned = plan.levels[0].covered_ms / 60000 * 200;
    print_message("held %llu, planned %lld\n", (unsigned long long)held, (long long)planned);
    /* The plan leaves room for a journal, which there was none of here, and counts until merging
     * begins; a store that has no idle moment between commits begins later. */
    assert_in_range(planned, held * 65 / 100, held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_the_sum_of_its_parts),
        cmocka_unit_test(test_devices_cost_what_is_said_of_each),
        cmocka_unit_test(test_records_a_day_follow_from_the_windows),
        cmocka_unit_test(test_coarser_windows_cover_longer_outages),
        cmocka_unit_test(test_a_longer_interval_spares_the_flash),
        cmocka_unit_test(test_the_budget_of_the_flash_decides_the_interval),
        cmocka_unit_test(test_more_readings_than_milliseconds_are_planned),
        cmocka_unit_test(test_what_is_learned_is_written_too),
        cmocka_unit_test(test_a_small_store_writes_whole_states_sooner),
        cmocka_unit_test(test_what_cannot_keep_up_never_makes_up),
        cmocka_unit_test(test_a_store_holds_the_hours_that_were_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
