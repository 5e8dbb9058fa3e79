/* How many bytes does a commit write?  Counts, not times: a commit that becomes dearer fails here.
 */
#include "store_support.h"

#include "store/meter.h"
#include "store/wear.h"

static uint64_t written(const struct bench *bench)
{
    return store_count(bench->store).flash_bytes;
}

/* Mean cost of a commit with so many journal bytes, write-back and acknowledgements included. */
static uint64_t mean_cost(struct bench *bench, size_t journal_bytes, int records)
{
    enum { COMMITS = 200, ENTRY = 200 };
    static const char entry[ENTRY];
    uint64_t before = written(bench), oldest = 0;
    for (int i = 0; i < COMMITS; i++) {
        for (size_t size = 0; size < journal_bytes; size += ENTRY)
            store_add_journal(bench->store, entry, ENTRY);
        for (int k = 0; k < records; k++) {
            uint64_t seq = bench_add(bench, RECORD_WINDOW);
            if (oldest == 0) oldest = seq;
        }
        if (i % 60 == 0) { /* a round of whole states in one batch */
            store_mark_journal(bench->store, false);
            store_mark_journal(bench->store, true);
        }
        for (int k = 0; k < records && i > 2; k++)
            assert_int_equal(store_acknowledge(bench->store, LANE_WINDOW, oldest++), ST_OK);
        bench_commit(bench);
    }
    return (written(bench) - before) / COMMITS;
}

static void test_commit_costs_what_is_published(void **state)
{
    (void)state;
    static const struct {
        size_t journal_bytes;
        int records;
    } cases[] = {{200, 0}, {2000, 0}, {8000, 0}, {2000, 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench;
        bench_init(&bench);
        bench.options.budget_bytes = 64 << 20; /* as by default: it says how long the WAL grows */
        bench_start(&bench);
        uint64_t cost = mean_cost(&bench, cases[i].journal_bytes, cases[i].records);
        uint64_t payload = cases[i].journal_bytes + 100 * (uint64_t)cases[i].records;
        print_message("%zu bytes of journal, %d records: %llu bytes a commit\n",
                      cases[i].journal_bytes, cases[i].records, (unsigned long long)cost);
        /* Three pages and 3.5 times the payload; records touch pages of a table more, twice. */
        uint64_t most = 3 * 4096 + 7 * payload / 2 + (cases[i].records > 0 ? 4 * 4096 : 0);
        assert_in_range(cost, 4096, most * 12 / 10);
        bench_stop(&bench);
        bench_fini(&bench);
    }
}

/* With the same commits. */
static uint64_t cost_with_wal(int percent)
{
    struct bench bench;
    bench_init(&bench);
    bench.options.budget_bytes = 64 << 20;
    bench_start(&bench);
    store_set_wal(bench.store, percent);
    uint64_t cost = mean_cost(&bench, 16000, 40);
    assert_true(store_count(bench.store).file_bytes <= bench.options.budget_bytes);
    bench_stop(&bench);
    bench_fini(&bench);
    return cost;
}

static void test_long_wal_writes_pages_back_less_often(void **state)
{
    (void)state;
    uint64_t usual = cost_with_wal(WEAR_WAL_PERCENT), most = cost_with_wal(WEAR_WAL_MOST_PERCENT);
    print_message("%llu bytes a commit, %llu with a long WAL\n", (unsigned long long)usual,
                  (unsigned long long)most);
    assert_true(most * 20 < usual * 19);
}

static void test_nothing_new_costs_nothing(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    bench_commit(&bench);
    uint64_t before = written(&bench);
    assert_true(before > 0);
    for (int i = 0; i < 20; i++) bench_commit(&bench);
    assert_true(written(&bench) == before);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_meter_counts_whole_pages(void **state)
{
    (void)state;
    struct bench bench;
    struct meter meter;
    sqlite3 *connection;
    bench_init(&bench);
    assert_int_equal(meter_begin(&meter), ST_OK);
    assert_int_equal(sqlite3_open_v2(bench.options.path, &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                     meter_name(&meter)),
                     SQLITE_OK);
    const char *setup = "PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;"
                        "PRAGMA synchronous=FULL;CREATE TABLE t(a)";
    assert_int_equal(sqlite3_exec(connection, setup, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "INSERT INTO t VALUES(1)", NULL, NULL, NULL),
                     SQLITE_OK);
    uint64_t before = meter_bytes(&meter);
    assert_int_equal(sqlite3_exec(connection, "UPDATE t SET a=2", NULL, NULL, NULL), SQLITE_OK);
    /* One frame, and the page in which the WAL now ends once more. */
    assert_int_equal(meter_bytes(&meter) - before, 24 + 4096 + 4096);
    assert_int_equal(meter_take_failed_reads(&meter), 0);
    assert_int_equal(sqlite3_close(connection), SQLITE_OK);
    meter_end(&meter);
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_costs_what_is_published),
        cmocka_unit_test(test_long_wal_writes_pages_back_less_often),
        cmocka_unit_test(test_nothing_new_costs_nothing),
        cmocka_unit_test(test_meter_counts_whole_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
