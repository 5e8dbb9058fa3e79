/* store: kill it, damage it, give it other people's files: nothing reported as committed is lost,
 * nothing foreign is touched, and it starts. */
#include "store_support.h"

#include "store/schema.h"
#include "store/version.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

static char file_bytes[1 << 20];

static size_t read_file(const char *path, char *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof file_bytes, file);
    (void)fclose(file);
    return size;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    (void)fclose(file);
}

/* What the child says once its commit was reported. */
struct progress {
    uint64_t last_seq, acknowledged;
};

struct child {
    struct bench bench;
    int pipe;
    struct progress next; /* in the commit under way */
};

static void child_committed(void *context, uint64_t ticket)
{
    struct child *child = context;
    child->bench.committed = ticket;
    (void)!write(child->pipe, &child->next, sizeof child->next);
}

/* Commits as fast as it can until it is killed; acknowledges the oldest. */
_Noreturn static void run_child(struct child *child)
{
    struct bench *bench = &child->bench;
    struct store_events events = {child_committed, bench_on_fetched, child};
    assert_int_equal(loop_open(&bench->loop), ST_OK);
    if (store_open(&bench->store, &bench->options, bench->loop, &bench->log, &events,
                   &bench->found) != ST_OK ||
        store_start(bench->store) != ST_OK)
        _exit(1);
    for (uint64_t ticket = 1;; ticket++) {
        for (int i = 0; i < 5; i++) child->next.last_seq = bench_add(bench, RECORD_WINDOW);
        store_add_journal(bench->store, &child->next.last_seq, sizeof child->next.last_seq);
        if (ticket % 2 == 0 &&
            store_acknowledge(bench->store, LANE_WINDOW, child->next.acknowledged + 1) == ST_OK)
            child->next.acknowledged++;
        if (!store_commit(bench->store, ticket)) _exit(2);
        while (bench->committed < ticket) loop_run_once(bench->loop, true);
    }
}

/* Runs the child until it has reported `reports` commits, kills it, and leaves in *progress the
 * last report. */
static void kill_child(struct bench *bench, int reports, struct progress *progress)
{
    int pipes[2];
    static struct child child;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child = (struct child){.bench = *bench, .pipe = pipes[1], .next = *progress};
        run_child(&child);
    }
    (void)close(pipes[1]);
    for (int i = 0; i < reports; i++)
        assert_int_equal(read(pipes[0], progress, sizeof *progress), sizeof *progress);
    (void)kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    struct progress more;
    while (read(pipes[0], &more, sizeof more) == (ssize_t)sizeof more) *progress = more;
    (void)close(pipes[0]);
}

static void find_last_entry(void *context, const void *bytes, size_t size)
{
    assert_int_equal(size, sizeof(uint64_t));
    memcpy(context, bytes, size);
}

static void test_kill_loses_nothing_that_was_reported(void **state)
{
    (void)state;
    const char *wanted = getenv("ISOTHERM_KILL_CYCLES");
    int cycles = wanted != NULL ? atoi(wanted) : 50;
    struct bench bench;
    struct progress progress = {0, 0};
    bench_init(&bench);
    for (int i = 0; i < cycles; i++) {
        kill_child(&bench, 1 + i % 4, &progress);
        assert_int_equal(bench_open(&bench), ST_OK);
        assert_false(bench.found.was_set_aside);
        assert_true(bench.found.next_seq > progress.last_seq);
        /* The commit under way may be in: wholly. */
        uint64_t newest = bench.found.next_seq - 1, entry = 0;
        assert_true(newest == progress.last_seq || newest == progress.last_seq + 5);
        assert_int_equal(store_restore(bench.store, find_last_entry, &entry), ST_OK);
        assert_int_equal(entry, newest);
        uint64_t gone = newest - bench.found.waiting[LANE_WINDOW];
        assert_true(gone == progress.acknowledged || gone == progress.acknowledged + 1);
        assert_int_equal(store_count(bench.store).acknowledged, gone);
        progress = (struct progress){newest, gone};
        bench_check_ledger(&bench);
        store_close(bench.store);
    }
    bench_start(&bench);
    for (uint64_t after = progress.acknowledged; after < progress.last_seq;) {
        size_t count = bench_fetch(&bench, LANE_WINDOW, after, 64);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++) assert_int_equal(bench.fetched[i].seq, ++after);
    }
    bench_stop(&bench);
    bench_fini(&bench);
}

static void assert_refused_untouched(struct bench *bench, const void *bytes, size_t size)
{
    write_file(bench->options.path, bytes, size);
    assert_int_equal(bench_open(bench), ST_FOREIGN);
    assert_null(bench->store);
    static char after[sizeof file_bytes];
    assert_int_equal(read_file(bench->options.path, after), size);
    assert_memory_equal(after, bytes, size);
    assert_false(bench_exists(bench, ".damaged-1"));
    assert_false(bench_exists(bench, "-wal"));
}

static void test_files_of_others_are_left_untouched(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    assert_refused_untouched(&bench, "set points of the oven\n", 23);
    assert_refused_untouched(&bench, "x", 1);
    assert_int_equal(unlink(bench.options.path), 0);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(connection);
    size_t size = read_file(bench.options.path, file_bytes);
    assert_refused_untouched(&bench, file_bytes, size);
    assert_true(bench_has_said(&bench, "another SQLite database"));
    bench_fini(&bench);
}

static void test_newer_schema_is_left_untouched(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_stop(&bench);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(version_write(connection, &bench.log, SCHEMA_VERSION + 1), ST_OK);
    (void)sqlite3_close(connection);
    size_t size = read_file(bench.options.path, file_bytes);
    assert_refused_untouched(&bench, file_bytes, size);
    assert_true(bench_has_said(&bench, "newer isotherm"));
    /* One that does not keep the row, and one that keeps it badly. */
    static const char *const others[] = {"DELETE FROM meta", "UPDATE meta SET value=x'00'"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
        assert_int_equal(version_write(connection, &bench.log, 77), ST_OK);
        assert_int_equal(sqlite3_exec(connection, others[i], NULL, NULL, NULL), SQLITE_OK);
        (void)sqlite3_close(connection);
        size = read_file(bench.options.path, file_bytes);
        assert_refused_untouched(&bench, file_bytes, size);
    }
    bench_fini(&bench);
}

static void test_flipped_version_is_mended_and_nothing_lost(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_stop(&bench);
    for (int bit = 0; bit < 32; bit++) {
        size_t size = read_file(bench.options.path, file_bytes);
        file_bytes[60 + bit / 8] = (char)(file_bytes[60 + bit / 8] ^ 1 << bit % 8);
        write_file(bench.options.path, file_bytes, size);
        bench_start(&bench);
        assert_false(bench.found.was_set_aside);
        assert_int_equal(bench.found.waiting[LANE_WINDOW], 1);
        bench_stop(&bench);
    }
    assert_true(bench_has_said(&bench, "mended"));
    bench_fini(&bench);
}

static void test_version_one_is_brought_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_stop(&bench);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection,
                                  "DELETE FROM meta WHERE key='version';PRAGMA user_version=1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(connection);
    bench_start(&bench);
    assert_false(bench.found.was_set_aside);
    assert_int_equal(bench.found.waiting[LANE_WINDOW], 1);
    bench_stop(&bench);
    struct version version;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(version_read(connection, &bench.log, SCHEMA_VERSION, &version), ST_OK);
    assert_int_equal(version.number, SCHEMA_VERSION);
    (void)sqlite3_close(connection);
    bench_fini(&bench);
}

static void test_what_is_no_file_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    assert_int_equal(mkdir(bench.options.path, 0700), 0);
    assert_int_equal(bench_open(&bench), ST_FOREIGN);
    assert_int_equal(rmdir(bench.options.path), 0);
    assert_int_equal(mkfifo(bench.options.path, 0600), 0);
    assert_int_equal(bench_open(&bench), ST_FOREIGN);
    assert_int_equal(unlink(bench.options.path), 0);
    assert_int_equal(symlink("store.db", bench.options.path), 0);
    assert_int_equal(bench_open(&bench), ST_FOREIGN);
    assert_int_equal(unlink(bench.options.path), 0);
    assert_int_equal(symlink("elsewhere.db", bench.options.path), 0);
    char target[128];
    (void)snprintf(target, sizeof target, "%s/elsewhere.db", bench.directory);
    write_file(target, "", 0);
    bench_start(&bench); /* a link is followed */
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_missing_directory_is_made_or_waited_for(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    (void)snprintf(bench.options.path, sizeof bench.options.path, "%s/a/b/store.db",
                   bench.directory);
    assert_int_equal(bench_open(&bench), ST_AGAIN);
    (void)snprintf(bench.options.path, sizeof bench.options.path, "%s/a/store.db", bench.directory);
    bench_start(&bench);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void ignore_entry(void *context, const void *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

static void fill_and_stop(struct bench *bench)
{
    bench_start(bench);
    for (int i = 0; i < 100; i++) (void)bench_add(bench, RECORD_WINDOW);
    bench_stop(bench);
}

/* Of what was fetched, the record at `at`. */
static void assert_damage_is_told(const struct bench *bench, size_t at)
{
    const struct record *record = &bench->fetched[at];
    assert_int_equal(record->kind, RECORD_NOTICE);
    assert_int_equal(record->notice.reason, NOTICE_DAMAGED);
    assert_string_equal(record->notice.aside, "store.db.damaged-1");
    assert_true(record->created_ms > 0 && record->notice.from_ms <= record->notice.to_ms);
}

static void assert_set_aside(struct bench *bench)
{
    bench_start(bench);
    assert_true(bench->found.was_set_aside);
    assert_string_equal(bench->found.aside_path, bench_path(bench, ".damaged-1"));
    assert_true(bench_exists(bench, ".damaged-1"));
    assert_int_equal(bench->found.next_seq, 1);
    (void)bench_add(bench, RECORD_WINDOW);
    bench_commit(bench);
    assert_int_equal(bench_fetch(bench, LANE_WINDOW, 0, 64), 2);
    assert_damage_is_told(bench, 1);
    bench_stop(bench);
}

static void test_damaged_store_is_set_aside_and_a_new_one_begun(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    size_t size = read_file(bench.options.path, file_bytes);
    assert_true(size >= 5 * 4096);
    for (size_t pages = 1; pages < size / 4096; pages++) { /* cut short */
        write_file(bench.options.path, file_bytes, pages * 4096);
        assert_set_aside(&bench);
    }
    assert_true(bench_exists(&bench, ".damaged-2"));
    assert_false(bench_exists(&bench, ".damaged-3"));
    memset(file_bytes, 'x', 60); /* garbled, our mark still there */
    write_file(bench.options.path, file_bytes, size);
    assert_set_aside(&bench);
    memset(file_bytes, 0, size); /* blank */
    write_file(bench.options.path, file_bytes, size);
    assert_set_aside(&bench);
    write_file(bench.options.path, "", 0); /* nothing in it to set aside */
    bench_start(&bench);
    assert_false(bench.found.was_set_aside);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_garbled_page_is_found_after_an_unclean_end(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    size_t size = read_file(bench.options.path, file_bytes);
    for (size_t page = 1; page < size / 4096; page++) memset(file_bytes + page * 4096, 0x5a, 64);
    write_file(bench.options.path, file_bytes, size);
    write_file(bench_path(&bench, "-wal"), "left over", 9);
    assert_set_aside(&bench);
    bench_fini(&bench);
}

static void test_what_was_set_aside_is_told_as_far_as_it_can_be_read(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    char epoch[17];
    memcpy(epoch, bench.found.epoch, sizeof epoch);
    size_t size = read_file(bench.options.path, file_bytes);
    memset(file_bytes + 3 * 4096, 0x5a, 64); /* the root of the windows; the state is whole */
    write_file(bench.options.path, file_bytes, size);
    write_file(bench_path(&bench, "-wal"), "left over", 9);
    assert_set_aside(&bench);
    const struct notice *notice = &bench.fetched[1].notice;
    assert_int_equal(notice->lost, 100);
    assert_int_equal(notice->former_seq, 100);
    assert_string_equal(notice->former_epoch, epoch);
    assert_int_equal(notice->range_count, 0); /* its numbers are of the other epoch */
    bench_start(&bench);                      /* said once */
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 3);
    bench_stop(&bench);
    bench_fini(&bench);
}

/* The power goes between setting aside and saying so, in every way that leaves files behind. */
static void test_store_that_was_set_aside_by_a_start_that_ended_is_told(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    char aside[sizeof bench.options.path + 16];
    (void)snprintf(aside, sizeof aside, "%s.damaged-1", bench.options.path);
    assert_int_equal(rename(bench.options.path, aside), 0);
    bench_start(&bench);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 1);
    assert_damage_is_told(&bench, 0);
    assert_int_equal(bench.fetched[0].notice.lost, 100);
    bench_stop(&bench);
    bench_fini(&bench);
}

/* What was owed when the process was killed is still owed. */
static void test_owed_notice_survives_until_it_is_committed(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    size_t size = read_file(bench.options.path, file_bytes);
    write_file(bench.options.path, file_bytes, size / 4096 * 4096 - 4096);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench_open(&bench), ST_OK);
        assert_int_equal(bench.found.was_set_aside, i == 0);
        store_close(bench.store); /* nothing was committed */
    }
    bench_start(&bench);
    bench_commit(&bench);
    assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 1);
    assert_damage_is_told(&bench, 0);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_damaged_journal_entry_is_told_once(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 3; i++) {
        store_add_journal(bench.store, "entry", 5);
        bench_commit(&bench);
    }
    bench_stop(&bench);
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(bench.options.path, &connection), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(connection, "UPDATE journal SET entries=x'00' WHERE id=2", NULL, NULL, NULL),
        SQLITE_OK);
    (void)sqlite3_close(connection);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bench_open(&bench), ST_OK);
        assert_int_equal(store_restore(bench.store, ignore_entry, NULL), ST_OK);
        assert_int_equal(store_start(bench.store), ST_OK);
        bench_commit(&bench);
        assert_int_equal(bench_fetch(&bench, LANE_WINDOW, 0, 64), 1);
        assert_int_equal(bench.fetched[0].notice.reason, NOTICE_DAMAGED);
        assert_int_equal(bench.fetched[0].notice.blobs, 1);
        assert_int_equal(bench.fetched[0].notice.lost, 0);
        bench_stop(&bench);
    }
    bench_fini(&bench);
}

/* One bit of the file flips: whatever is then handed out is right, and the agent starts, unless
 * the bit makes the file another's or a newer one's. */
static void test_flipped_bits_never_give_a_wrong_record(void **state)
{
    (void)state;
    struct bench bench;
    static char flipped[sizeof file_bytes];
    bench_init(&bench);
    fill_and_stop(&bench);
    size_t size = read_file(bench.options.path, file_bytes);
    unsigned opened = 0, aside = 0;
    for (size_t at = 0; at < size; at += at < 100 ? 1 : 397) {
        memcpy(flipped, file_bytes, size);
        flipped[at] ^= (char)(1 << at % 8);
        write_file(bench.options.path, flipped, size);
        enum status status = bench_open(&bench);
        assert_true(status == ST_OK || status == ST_FOREIGN);
        if (status != ST_OK) continue;
        opened++;
        if (bench.found.was_set_aside) aside++;
        assert_int_equal(store_start(bench.store), ST_OK);
        size_t count = bench_fetch(&bench, LANE_WINDOW, 0, 64);
        for (size_t i = 0; i < count; i++) {
            if (bench.fetched[i].kind == RECORD_NOTICE) continue; /* of the flip before */
            assert_true(bench.fetched[i].seq >= 1 && bench.fetched[i].seq <= 100);
            assert_string_equal(bench.fetched[i].device, "line-1/oven-3");
            assert_int_equal(bench.fetched[i].window.summary.count, 7);
            assert_true(i == 0 || bench.fetched[i].seq > bench.fetched[i - 1].seq);
        }
        (void)bench_add(&bench, RECORD_WINDOW);
        bench_stop(&bench);
    }
    assert_true(opened > 100 && aside > 0);
    bench_fini(&bench);
}

/* The database turns out to be damaged while it runs: the sequence goes on in a new file. */
static void test_damage_found_while_running_keeps_the_sequence(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    fill_and_stop(&bench);
    for (int i = 0; i < 4; i++) fill_and_stop(&bench);
    size_t size = read_file(bench.options.path, file_bytes);
    assert_int_equal(bench_open(&bench), ST_OK);
    char epoch[17];
    memcpy(epoch, bench.found.epoch, sizeof epoch);
    /* Every page but the first goes bad under the connection; a few are in its cache. */
    FILE *file = fopen(bench.options.path, "r+b");
    for (size_t at = 4096; at < size; at += 4096) {
        (void)fseek(file, (long)at, SEEK_SET);
        for (int i = 0; i < 4096; i++) (void)fputc(0x5a, file);
    }
    (void)fclose(file);
    assert_int_equal(store_start(bench.store), ST_OK);
    for (int i = 0; i < 200; i++) (void)bench_add(&bench, RECORD_WINDOW);
    for (uint64_t seq = 2; seq <= 500; seq += 9)
        assert_int_equal(store_acknowledge(bench.store, LANE_WINDOW, seq), ST_OK);
    bench_commit(&bench);
    (void)bench_fetch(&bench, LANE_WINDOW, 0, 64);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    bench_check_ledger(&bench);
    bench_commit(&bench); /* tells */
    size_t count = bench_fetch(&bench, LANE_WINDOW, 701, 64);
    assert_true(count > 0);
    assert_damage_is_told(&bench, count - 1);
    const struct notice *notice = &bench.fetched[count - 1].notice;
    assert_int_equal(notice->lost, store_count(bench.store).dropped);
    assert_int_equal(notice->range_count, 1);
    assert_int_equal(notice->ranges[0].first, 1);
    assert_true(notice->ranges[0].last >= 500);
    assert_string_equal(notice->former_epoch, "");
    bench_stop(&bench);
    assert_true(bench_exists(&bench, ".damaged-1"));
    bench_start(&bench);
    assert_string_equal(bench.found.epoch, epoch);
    assert_int_equal(bench.found.next_seq, 703);
    assert_true(store_count(bench.store).dropped > 0);
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_orphaned_wal_is_not_played_into_a_new_store(void **state)
{
    (void)state;
    struct bench bench;
    struct progress progress = {0, 0};
    bench_init(&bench);
    kill_child(&bench, 3, &progress);
    assert_true(bench_exists(&bench, "-wal"));
    assert_int_equal(unlink(bench.options.path), 0);
    bench_start(&bench);
    assert_int_equal(bench.found.next_seq, 1);
    assert_true(bench_exists(&bench, ".damaged-1-wal"));
    bench_stop(&bench);
    bench_fini(&bench);
}

static void test_unfinished_creation_is_begun_again(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    write_file(bench_path(&bench, ".new"), "half a store", 12);
    write_file(bench_path(&bench, ".new-journal"), "half", 4);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_stop(&bench);
    assert_false(bench_exists(&bench, ".new"));
    assert_false(bench_exists(&bench, ".new-journal"));
    bench_fini(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_loses_nothing_that_was_reported),
        cmocka_unit_test(test_files_of_others_are_left_untouched),
        cmocka_unit_test(test_newer_schema_is_left_untouched),
        cmocka_unit_test(test_flipped_version_is_mended_and_nothing_lost),
        cmocka_unit_test(test_version_one_is_brought_up),
        cmocka_unit_test(test_what_is_no_file_is_refused),
        cmocka_unit_test(test_missing_directory_is_made_or_waited_for),
        cmocka_unit_test(test_damaged_store_is_set_aside_and_a_new_one_begun),
        cmocka_unit_test(test_garbled_page_is_found_after_an_unclean_end),
        cmocka_unit_test(test_what_was_set_aside_is_told_as_far_as_it_can_be_read),
        cmocka_unit_test(test_store_that_was_set_aside_by_a_start_that_ended_is_told),
        cmocka_unit_test(test_owed_notice_survives_until_it_is_committed),
        cmocka_unit_test(test_damaged_journal_entry_is_told_once),
        cmocka_unit_test(test_flipped_bits_never_give_a_wrong_record),
        cmocka_unit_test(test_damage_found_while_running_keeps_the_sequence),
        cmocka_unit_test(test_orphaned_wal_is_not_played_into_a_new_store),
        cmocka_unit_test(test_unfinished_creation_is_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
