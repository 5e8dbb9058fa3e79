/* Is the copy of a store what the store was, and is nothing left of it? */
#include "store_support.h"

#include "store/reader.h"
#include "store/snapshot.h"

#include <dirent.h>

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory) != NULL) count++;
    (void)closedir(directory);
    return count;
}

static void assert_same_bytes(const char *path, const char *other)
{
    char command[1200];
    (void)snprintf(command, sizeof command, "cmp -s %s %s", path, other);
    assert_int_equal(system(command), 0);
}

static void test_copy_is_whole_and_leaves_nothing_behind(void **state)
{
    (void)state;
    struct bench bench;
    char copy[SNAPSHOT_PATH_SIZE], wal[SNAPSHOT_PATH_SIZE + 8];
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 100; i++) (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench); /* in the WAL */
    assert_int_equal(setenv("TMPDIR", bench.directory, 1), 0);
    size_t before = count_entries(bench.directory);
    assert_int_equal(snapshot_take(bench.options.path, &bench.log, copy), ST_OK);
    assert_int_equal(strncmp(copy, bench.directory, strlen(bench.directory)), 0);
    assert_same_bytes(bench.options.path, copy);
    (void)snprintf(wal, sizeof wal, "%s-wal", copy);
    assert_same_bytes(bench_path(&bench, "-wal"), wal);
    snapshot_remove(copy);
    assert_int_equal(count_entries(bench.directory), before);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_beside_an_agent_a_copy_is_read(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 100; i++) (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    assert_int_equal(setenv("TMPDIR", bench.directory, 1), 0);
    size_t before = count_entries(bench.directory);
    struct reader *reader;
    struct meta_state found;
    int64_t holder;
    assert_int_equal(reader_open(&reader, bench.options.path, READER_SHARES, &bench.log, &holder),
                     ST_OK);
    assert_true(reader_is_copy(reader) && holder >= 0);
    assert_int_equal(count_entries(bench.directory), before); /* the connection alone has it */
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    assert_int_equal(reader_state(reader, &found), ST_OK);
    assert_int_equal(found.waiting[LANE_WINDOW], 100); /* as it was */
    reader_close(reader);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_what_cannot_be_copied_is_said(void **state)
{
    (void)state;
    struct bench bench;
    char copy[SNAPSHOT_PATH_SIZE];
    bench_init(&bench);
    assert_int_equal(setenv("TMPDIR", bench.directory, 1), 0);
    size_t before = count_entries(bench.directory);
    assert_int_equal(snapshot_take(bench.options.path, &bench.log, copy), ST_NOT_FOUND);
    assert_int_equal(count_entries(bench.directory), before);
    assert_int_equal(setenv("TMPDIR", "/nowhere", 1), 0);
    assert_int_equal(snapshot_take(bench.options.path, &bench.log, copy), ST_IO);
    assert_true(bench_has_said(&bench, "/nowhere"));
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_whole_and_leaves_nothing_behind),
        cmocka_unit_test(test_beside_an_agent_a_copy_is_read),
        cmocka_unit_test(test_what_cannot_be_copied_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
