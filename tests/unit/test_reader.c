/* Does a tool see of a store exactly what is in it, change nothing, and save all of a damaged one
 * but what was on the damaged page? */
#include "store/leaf_page.h"
#include "store/reader.h"
#include "store/salvage.h"
#include "store_support.h"

enum { RECORDS = 300, PAGE = 4096, PAGE_ROWS = 80 };

struct seen {
    uint64_t good, bad, newest, entries;
};

static bool see_record(void *context, const struct reader_record *record)
{
    struct seen *seen = context;
    if (record->status == ST_OK)
        seen->good++;
    else
        seen->bad++;
    assert_true(record->seq > seen->newest);
    seen->newest = record->seq;
    return true;
}

static void see_entry(void *context, const void *bytes, size_t size)
{
    struct seen *seen = context;
    assert_memory_equal(bytes, "entry", size);
    seen->entries++;
}

static bool see_blob(void *context, const struct reader_blob *blob)
{
    assert_int_equal(blob->status, ST_OK);
    reader_list_entries(blob, see_entry, context);
    return true;
}

static void ignore_problem(void *context, const char *problem)
{
    (void)context;
    (void)problem;
}

static void ignore_progress(void *context, uint64_t records)
{
    (void)context;
    (void)records;
}

/* Some alarms, RECORDS summaries, three journal blobs; some of the summaries acknowledged. */
static void fill(struct bench *bench, bool is_killed)
{
    bench_start(bench);
    for (int i = 0; i < RECORDS; i++) {
        (void)bench_add(bench, i % 50 == 0 ? RECORD_ALARM : RECORD_WINDOW);
        if (i % 100 == 0) store_add_journal(bench->store, "entry", 5);
        if (i % 10 == 9) bench_commit(bench);
    }
    for (uint64_t seq = 2; seq <= 21; seq++)
        assert_int_equal(store_acknowledge(bench->store, LANE_WINDOW, seq), ST_OK);
    bench_commit(bench);
    if (is_killed) {
        char command[512];
        (void)snprintf(command, sizeof command,
                       "cd %s && for f in '' -wal; do cp store.db$f c.db$f; done",
                       bench->directory);
        assert_int_equal(system(command), 0);
    }
    bench_stop(bench);
}

static void check_contents(struct bench *bench, const char *path)
{
    struct reader *reader;
    int64_t holder;
    assert_int_equal(reader_open(&reader, path, READER_SHARES, &bench->log, &holder), ST_OK);
    struct meta_state state;
    assert_int_equal(reader_state(reader, &state), ST_OK);
    assert_true(state.written == RECORDS && state.acknowledged == 20);
    struct seen windows = {0}, alarms = {0}, journal = {0};
    assert_int_equal(reader_list_records(reader, LANE_WINDOW, see_record, &windows), ST_OK);
    assert_int_equal(reader_list_records(reader, LANE_ALARM, see_record, &alarms), ST_OK);
    assert_int_equal(reader_list_journal(reader, see_blob, &journal), ST_OK);
    assert_true(windows.good == RECORDS - 6 - 20 && windows.bad == 0);
    assert_true(alarms.good == 6 && journal.entries == 3);
    size_t count;
    assert_int_equal(reader_check_pages(reader, ignore_problem, NULL, &count), ST_OK);
    assert_int_equal(count, 0);
    reader_close(reader);
}

static void test_reads_what_is_there(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill(&bench, false);
    check_contents(&bench, bench.options.path);
    bench_fini(&bench);
}

static void test_reads_the_wal_of_a_killed_agent_and_leaves_it(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill(&bench, true);
    char path[128], wal[128];
    (void)snprintf(path, sizeof path, "%s/c.db", bench.directory);
    (void)snprintf(wal, sizeof wal, "%s/c.db-wal", bench.directory);
    struct stat before, after;
    assert_int_equal(stat(wal, &before), 0);
    assert_true(before.st_size > 0);
    assert_int_equal(chmod(bench.directory, 0500), 0);
    check_contents(&bench, path);
    assert_int_equal(chmod(bench.directory, 0700), 0);
    assert_int_equal(stat(wal, &after), 0);
    assert_true(before.st_size == after.st_size && before.st_mtime == after.st_mtime);
    char shm[128];
    (void)snprintf(shm, sizeof shm, "%s/c.db-shm", bench.directory);
    assert_int_not_equal(access(shm, F_OK), 0);
    bench_fini(&bench);
}

static void test_store_in_use_is_named_with_its_owner(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    struct reader *reader;
    int64_t holder = -1;
    assert_int_equal(reader_open(&reader, bench.options.path, READER_OWNS, &bench.log, &holder),
                     ST_AGAIN);
    assert_null(reader);
    assert_true(holder == getpid() || holder == 0); /* where /proc does not say */
    bench_stop(&bench);
    bench_fini(&bench);
}

static void overwrite_page(const char *path, long page)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, page * PAGE, SEEK_SET), 0);
    for (int i = 0; i < PAGE; i++) (void)fputc((i * 31 + 7) & 0xff, file);
    assert_int_equal(fclose(file), 0);
}

static void copy_file(const char *from, const char *to)
{
    char command[512];
    (void)snprintf(command, sizeof command, "cp %s %s && touch %s.claim", from, to, to);
    assert_int_equal(system(command), 0);
}

/* What is saved can be opened by an agent, balances, and lacks at most what fits on a page. */
static void check_salvage(struct bench *bench, const char *damaged, const char *saved, long page)
{
    struct reader *reader;
    int64_t holder;
    struct salvage_report report;
    assert_int_equal(reader_open(&reader, damaged, READER_OWNS, &bench->log, &holder), ST_OK);
    assert_int_equal(salvage_store(reader, saved, &bench->log, ignore_progress, NULL, &report),
                     ST_OK);
    reader_close(reader);
    uint64_t count = report.saved[LANE_ALARM] + report.saved[LANE_WINDOW];
    assert_true(count >= RECORDS - 20 - PAGE_ROWS);
    assert_true(count <= RECORDS); /* acknowledged ones may turn up again */
    if (report.has_state && page > 0) assert_true(report.lost <= PAGE_ROWS);
    memcpy(bench->options.path, saved, strlen(saved) + 1);
    assert_int_equal(bench_open(bench), ST_OK);
    assert_false(bench->found.was_set_aside);
    assert_true(bench->found.next_seq == RECORDS + 1);
    struct store_counts counts = store_count(bench->store);
    assert_true(counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW] == count);
    bench_check_ledger(bench);
    assert_int_equal(store_start(bench->store), ST_OK);
    bench_commit(bench);
    bool is_told = bench_fetch(bench, LANE_WINDOW, RECORDS, 64) == 1;
    assert_true(is_told || report.lost == 0);
    if (is_told) assert_true(bench->fetched[0].notice.lost >= report.lost);
    if (is_told) assert_string_equal(strrchr(bench->fetched[0].notice.aside, '.'), ".damaged-1");
    bench_stop(bench);
}

static void test_damaged_page_costs_what_was_on_it(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill(&bench, false);
    struct stat info;
    assert_int_equal(stat(bench.options.path, &info), 0);
    char path[LIMIT_PATH_SIZE], damaged[128], saved[128];
    memcpy(path, bench.options.path, sizeof path);
    for (long page = 0; page < info.st_size / PAGE; page++) {
        (void)snprintf(damaged, sizeof damaged, "%s/d%ld.db", bench.directory, page);
        (void)snprintf(saved, sizeof saved, "%s/s%ld.db", bench.directory, page);
        copy_file(path, damaged);
        overwrite_page(damaged, page);
        check_salvage(&bench, damaged, saved, page);
    }
    assert_true(info.st_size / PAGE > 6);
    bench_fini(&bench);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_any_bytes_are_a_page_without_harm(void **state)
{
    (void)state;
    uint8_t *page = malloc(PAGE); /* so that a byte too far is noticed */
    assert_non_null(page);
    uint64_t seed = 88172645463325252, rows = 0;
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < PAGE; i++)
            page[i] = (uint8_t)(next_random(&seed) >> (round % 3 == 0 ? 56 : 60));
        page[0] = 0x0d;
        memcpy(page + next_random(&seed) % (PAGE - 5), "state", 5);
        struct leaf_row row;
        for (size_t cursor = 0; leaf_page_next(page, PAGE, 0, &cursor, &row); rows++)
            assert_true(row.blob >= page && row.blob + row.size <= page + PAGE);
        for (size_t cursor = 0; leaf_page_find(page, PAGE, "state", &cursor, &row);)
            assert_true(row.blob >= page && row.blob + row.size <= page + PAGE);
    }
    assert_true(rows > 0);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_is_there),
        cmocka_unit_test(test_reads_the_wal_of_a_killed_agent_and_leaves_it),
        cmocka_unit_test(test_store_in_use_is_named_with_its_owner),
        cmocka_unit_test(test_damaged_page_costs_what_was_on_it),
        cmocka_unit_test(test_any_bytes_are_a_page_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
