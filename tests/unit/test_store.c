/* store: what is committed stays, in order, until it is acknowledged. */
#include "store_support.h"

#include "store/database.h"

#include <sqlite3.h>

static void test_records_come_back_in_order_and_leave_when_acknowledged(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    assert_int_equal(bench.found.next_seq, 1);
    assert_int_equal(strlen(bench.found.epoch), 16);
    for (int i = 0; i < 100; i++)
        (void)bench_add(&bench, i % 10 == 9 ? RECORD_ALARM : RECORD_WINDOW);
    assert_int_equal(store_count(bench.store).staged, 100);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 0);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 64);
    for (size_t i = 1; i < 64; i++) assert_true(bench.fetched[i].seq > bench.fetched[i - 1].seq);
    assert_string_equal(bench.fetched[63].device, "line-1/oven-3");
    assert_int_equal(bench.fetched[63].window.summary.count, 7);
    assert_int_equal(bench_fetch(&bench, LANE_ALARM, 20, 3), 3);
    assert_int_equal(bench.fetched[0].seq, 30);
    assert_string_equal(bench.fetched[0].alarm.name, "hot");
    for (uint64_t seq = 1; seq <= 50; seq++)
        assert_int_equal(
            store_acknowledge(bench.store, seq % 10 == 0 ? LANE_ALARM : LANE_WINDOW, seq), ST_OK);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 45);
    assert_int_equal(bench.fetched[0].seq, 51);
    struct store_counts counts = store_count(bench.store);
    assert_int_equal(counts.acknowledged, 50);
    assert_int_equal(counts.waiting[LANE_ALARM], 5);
    assert_int_equal(counts.waiting[LANE_WINDOW], 45);
    assert_true(counts.file_bytes > 0);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_sequence_and_epoch_go_on_after_reopening(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 5; i++) (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    for (uint64_t seq = 1; seq <= 5; seq++)
        assert_int_equal(store_acknowledge(bench.store, LANE_WINDOW, seq), ST_OK);
    char epoch[17];
    memcpy(epoch, bench.found.epoch, sizeof epoch);
    bench_stop(&bench);
    assert_false(bench_exists(&bench, "-wal"));
    assert_false(bench_exists(&bench, "-shm"));
    bench_start(&bench);
    assert_string_equal(bench.found.epoch, epoch);
    assert_int_equal(bench.found.next_seq, 6);
    assert_int_equal(bench.found.waiting[LANE_WINDOW], 0);
    assert_false(bench.found.was_set_aside);
    assert_int_equal(bench_add(&bench, RECORD_WINDOW), 6);
    bench_commit(&bench);
    assert_int_equal(store_count(bench.store).written, 6);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_nothing_new_writes_nothing(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    bench_commit(&bench);
    bench_commit(&bench);
    assert_int_equal(bench.commits, 2);
    assert_int_equal(store_count(bench.store).commits, 0);
    assert_true(store_commit(bench.store, bench.committed));
    assert_false(store_is_committing(bench.store));
    bench_stop(&bench);
    bench_fini(&bench);
}

struct collected {
    char text[256];
};

static void collect(void *context, const void *bytes, size_t size)
{
    struct collected *collected = context;
    strncat(collected->text, bytes, size);
    strcat(collected->text, " ");
}

static void restore_as(struct bench *bench, const char *expected)
{
    struct collected collected = {""};
    assert_int_equal(bench_open(bench), ST_OK);
    assert_int_equal(store_restore(bench->store, collect, &collected), ST_OK);
    assert_string_equal(collected.text, expected);
    assert_int_equal(store_start(bench->store), ST_OK);
}

static void add_entry(struct bench *bench, const char *text)
{
    store_add_journal(bench->store, text, strlen(text));
    bench_commit(bench);
}

static void test_journal_comes_back_in_order_until_a_round_ends(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    store_add_journal(bench.store, "a", 1);
    store_add_journal(bench.store, "bb", 2);
    add_entry(&bench, "c");
    add_entry(&bench, "d");
    bench_stop(&bench);
    restore_as(&bench, "a bb c d ");
    store_mark_journal(bench.store, false);
    add_entry(&bench, "e");
    add_entry(&bench, "f");
    int64_t before_bytes = store_count(bench.store).journal_bytes;
    store_mark_journal(bench.store, true);
    store_mark_journal(bench.store, false);
    add_entry(&bench, "g");
    assert_true(store_count(bench.store).journal_bytes < before_bytes);
    bench_stop(&bench);
    restore_as(&bench, "e f g ");
    add_entry(&bench, "h");
    store_mark_journal(bench.store, true); /* of a round begun before the restart: not known */
    add_entry(&bench, "i");
    store_mark_journal(bench.store, false);
    store_mark_journal(bench.store, true);
    add_entry(&bench, "j");
    bench_stop(&bench);
    restore_as(&bench, "j ");
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_second_instance_is_refused_and_the_first_unharmed(void **state)
{
    (void)state;
    struct bench bench;
    struct store *second;
    struct store_found found;
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    struct store_events events = {bench_on_committed, bench_on_fetched, &bench};
    assert_int_equal(store_open(&second, &bench.options, bench.loop, &bench.log, &events, &found),
                     ST_IO);
    assert_null(second);
    assert_true(bench_has_said(&bench, "another isotherm uses this store"));
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 2);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_budget_holds_windows_go_and_alarms_stay(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench.options.budget_bytes = 5 << 18;
    bench.options.batch_bytes = 32 << 10;
    bench_start(&bench);
    uint64_t alarms = 0;
    for (int commit = 0; commit < 150; commit++) {
        for (int i = 0; i < 80; i++) (void)bench_add(&bench, RECORD_WINDOW);
        (void)bench_add(&bench, RECORD_ALARM);
        alarms++;
        bench_commit(&bench);
        assert_true(store_count(bench.store).file_bytes <= bench.options.budget_bytes);
    }
    struct store_counts counts = store_count(bench.store);
    assert_true(counts.dropped > 0);
    assert_int_equal(counts.waiting[LANE_ALARM], alarms);
    assert_int_equal(counts.written, 150 * 81);
    assert_true(counts.waiting[LANE_WINDOW] > 1000);
    bench_check_ledger(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 1), 1);
    assert_int_equal(bench.fetched[0].kind, RECORD_NOTICE); /* the oldest went, and it is said */
    assert_int_equal(bench.fetched[0].notice.reason, NOTICE_DROPPED);
    assert_true(bench_has_said(&bench, "dropped the"));
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_alarms_alone_make_way_for_newer_alarms(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench.options.budget_bytes = database_least_budget(64 << 10);
    bench_start(&bench);
    for (int commit = 0; commit < 100; commit++) {
        for (int i = 0; i < 150; i++) (void)bench_add(&bench, RECORD_ALARM);
        (void)bench_add(&bench, RECORD_WINDOW);
        bench_commit(&bench);
    }
    struct store_counts counts = store_count(bench.store);
    assert_in_range(counts.written, 100 * 151, 100 * 152); /* and notices */
    assert_true(counts.dropped > 0);
    assert_true(counts.waiting[LANE_ALARM] > 1000);
    assert_true(counts.waiting[LANE_WINDOW] <= 8); /* the newest, and notices */
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_wrong_budget_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench.options.budget_bytes = database_least_budget(64 << 10) - 1;
    assert_int_equal(bench_open(&bench), ST_INVALID);
    assert_false(bench_exists(&bench, ""));
    bench.options.budget_bytes++;
    bench_start(&bench);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_damaged_record_is_dropped_and_never_sent(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 5; i++) (void)bench_add(&bench, RECORD_WINDOW);
    bench_stop(&bench);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(connection,
                     "UPDATE outbox_window SET record=x'0102030405060708' WHERE seq=2;"
                     "UPDATE outbox_window SET record=(SELECT record FROM outbox_window WHERE "
                     "seq=5) WHERE seq=4;",
                     NULL, NULL, NULL),
        SQLITE_OK);
    (void)sqlite3_close(connection);
    bench_start(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 3);
    assert_int_equal(bench.fetched[1].seq, 3);
    assert_int_equal(bench.fetched[2].seq, 5);
    struct store_counts counts = store_count(bench.store);
    assert_int_equal(counts.dropped, 2);
    assert_int_equal(counts.waiting[LANE_WINDOW], 3);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 5, 64), 1); /* and it is said */
    const struct notice *notice = &bench.fetched[0].notice;
    assert_int_equal(notice->reason, NOTICE_DAMAGED);
    assert_int_equal(notice->lost, 2);
    assert_int_equal(notice->range_count, 2);
    assert_int_equal(notice->ranges[0].first, 2);
    assert_int_equal(notice->ranges[1].last, 4);
    assert_string_equal(notice->aside, "");
    bench_check_ledger(&bench);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_files_are_not_for_everybody(void **state)
{
    (void)state;
    struct bench bench;
    struct stat info;
    bench_init(&bench);
    mode_t before = umask(0022);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    const char *const suffixes[] = {"", "-wal", ".lock", ".reserve"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stat(bench_path(&bench, suffixes[i]), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0640);
    }
    (void)umask(before);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_full_batch_says_so_and_takes_what_it_promised(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    char entry[8] = "1234567";
    size_t entries = 0;
    for (; store_has_room(bench.store, sizeof entry); entries++)
        store_add_journal(bench.store, entry, sizeof entry);
    assert_true(entries > 7000);
    assert_false(store_has_room(bench.store, 320));
    for (uint64_t seq = 1; seq < 3000; seq += 2) {
        enum status status = store_acknowledge(bench.store, LANE_WINDOW, seq);
        if (status == ST_OK) continue;
        assert_int_equal(status, ST_FULL);
        break;
    }
    bench_commit(&bench);
    assert_true(store_has_room(bench.store, 320));
    bench_stop(&bench);
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_come_back_in_order_and_leave_when_acknowledged),
        cmocka_unit_test(test_sequence_and_epoch_go_on_after_reopening),
        cmocka_unit_test(test_nothing_new_writes_nothing),
        cmocka_unit_test(test_journal_comes_back_in_order_until_a_round_ends),
        cmocka_unit_test(test_second_instance_is_refused_and_the_first_unharmed),
        cmocka_unit_test(test_budget_holds_windows_go_and_alarms_stay),
        cmocka_unit_test(test_alarms_alone_make_way_for_newer_alarms),
        cmocka_unit_test(test_wrong_budget_is_refused),
        cmocka_unit_test(test_damaged_record_is_dropped_and_never_sent),
        cmocka_unit_test(test_files_are_not_for_everybody),
        cmocka_unit_test(test_full_batch_says_so_and_takes_what_it_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
