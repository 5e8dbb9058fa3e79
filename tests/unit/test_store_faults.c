/* store: the disk is slow, fails or is full: the loop goes on, nothing is told as committed that
 * is not, and nothing is written twice.
 *
 * A VFS over the system's lets the test hold, fail or refuse what SQLite does. */
#include "store_support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* What the VFS is to do; under the mutex, since the store thread asks. */
struct faults {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_holding;       /* xSync waits */
    bool is_held;          /* it does so now */
    int fail_syncs;        /* so many fail, after the data was synced all the same */
    int fail_writes;       /* so many fail with an error of the disk */
    int full_writes;       /* so many find the disk full; -1: all */
    unsigned syncs, opens; /* seen */
    sqlite3_vfs vfs, *below;
};

struct faulty_file {
    sqlite3_file base;
    struct faults *faults;
    sqlite3_file *below;
};

static int faulty_sync(sqlite3_file *file, int flags)
{
    struct faulty_file *faulty = (struct faulty_file *)file;
    struct faults *faults = faulty->faults;
    (void)pthread_mutex_lock(&faults->mutex);
    faults->syncs++;
    while (faults->is_holding) {
        faults->is_held = true;
        (void)pthread_cond_broadcast(&faults->changed);
        (void)pthread_cond_wait(&faults->changed, &faults->mutex);
    }
    faults->is_held = false;
    bool fails = faults->fail_syncs > 0;
    if (fails) faults->fail_syncs--;
    (void)pthread_mutex_unlock(&faults->mutex);
    int result = faulty->below->pMethods->xSync(faulty->below, flags);
    return fails ? SQLITE_IOERR_FSYNC : result;
}

static int faulty_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    struct faulty_file *faulty = (struct faulty_file *)file;
    struct faults *faults = faulty->faults;
    int result = SQLITE_OK;
    (void)pthread_mutex_lock(&faults->mutex);
    if (faults->fail_writes > 0) {
        faults->fail_writes--;
        result = SQLITE_IOERR_WRITE;
    } else if (faults->full_writes != 0) {
        if (faults->full_writes > 0) faults->full_writes--;
        result = SQLITE_FULL;
    }
    (void)pthread_mutex_unlock(&faults->mutex);
    if (result != SQLITE_OK) return result;
    return faulty->below->pMethods->xWrite(faulty->below, bytes, size, at);
}

static sqlite3_file *below(sqlite3_file *file)
{
    return ((struct faulty_file *)file)->below;
}

static int pass_close(sqlite3_file *file)
{
    return below(file)->pMethods->xClose(below(file));
}

static int pass_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    return below(file)->pMethods->xRead(below(file), bytes, size, at);
}

static int pass_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return below(file)->pMethods->xTruncate(below(file), size);
}

static int pass_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return below(file)->pMethods->xFileSize(below(file), size);
}

static int pass_lock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xLock(below(file), level);
}

static int pass_unlock(sqlite3_file *file, int level)
{
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int pass_check(sqlite3_file *file, int *result)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), result);
}

static int pass_control(sqlite3_file *file, int what, void *argument)
{
    return below(file)->pMethods->xFileControl(below(file), what, argument);
}

static int pass_sector(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int pass_characteristics(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

/* Version 1: no shared memory, which exclusive locking does without. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = pass_close,
                                           .xRead = pass_read,
                                           .xWrite = faulty_write,
                                           .xTruncate = pass_truncate,
                                           .xSync = faulty_sync,
                                           .xFileSize = pass_size,
                                           .xLock = pass_lock,
                                           .xUnlock = pass_unlock,
                                           .xCheckReservedLock = pass_check,
                                           .xFileControl = pass_control,
                                           .xSectorSize = pass_sector,
                                           .xDeviceCharacteristics = pass_characteristics};

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags)
{
    struct faults *faults = vfs->pAppData;
    struct faulty_file *faulty = (struct faulty_file *)file;
    memset(faulty, 0, sizeof *faulty);
    faulty->faults = faults;
    faulty->below = (sqlite3_file *)(faulty + 1);
    (void)pthread_mutex_lock(&faults->mutex);
    faults->opens++;
    (void)pthread_mutex_unlock(&faults->mutex);
    int result = faults->below->xOpen(faults->below, name, faulty->below, flags, out_flags);
    if (result == SQLITE_OK) file->pMethods = &methods;
    return result;
}

static void faults_init(struct faults *faults)
{
    memset(faults, 0, sizeof *faults);
    (void)pthread_mutex_init(&faults->mutex, NULL);
    (void)pthread_cond_init(&faults->changed, NULL);
    faults->below = sqlite3_vfs_find("unix");
    assert_non_null(faults->below);
    faults->vfs = *faults->below;
    faults->vfs.zName = "faulty";
    faults->vfs.pNext = NULL;
    faults->vfs.pAppData = faults;
    faults->vfs.szOsFile = (int)sizeof(struct faulty_file) + faults->below->szOsFile;
    faults->vfs.xOpen = faulty_open;
    assert_int_equal(sqlite3_vfs_register(&faults->vfs, 1), SQLITE_OK);
}

static void faults_fini(struct faults *faults)
{
    (void)sqlite3_vfs_unregister(&faults->vfs);
    (void)sqlite3_vfs_register(faults->below, 1);
    (void)pthread_cond_destroy(&faults->changed);
    (void)pthread_mutex_destroy(&faults->mutex);
}

static void hold(struct faults *faults, bool is_holding)
{
    (void)pthread_mutex_lock(&faults->mutex);
    faults->is_holding = is_holding;
    (void)pthread_cond_broadcast(&faults->changed);
    (void)pthread_mutex_unlock(&faults->mutex);
}

static void set_faults(struct faults *faults, int syncs, int writes, int full)
{
    (void)pthread_mutex_lock(&faults->mutex);
    faults->fail_syncs = syncs;
    faults->fail_writes = writes;
    faults->full_writes = full;
    (void)pthread_mutex_unlock(&faults->mutex);
}

static void await_held(struct faults *faults)
{
    (void)pthread_mutex_lock(&faults->mutex);
    while (!faults->is_held) (void)pthread_cond_wait(&faults->changed, &faults->mutex);
    (void)pthread_mutex_unlock(&faults->mutex);
}

static void assert_holds_all(struct bench *bench, uint64_t count)
{
    for (uint64_t after = 0; after < count;) {
        size_t fetched = bench_fetch(bench, LANE_WINDOW, after, 64);
        assert_true(fetched > 0);
        for (size_t i = 0; i < fetched; i++) assert_int_equal(bench->fetched[i].seq, ++after);
    }
    assert_int_equal(bench_fetch(bench, LANE_WINDOW, count, 64), 0);
}

static void test_loop_goes_on_while_a_commit_is_slow(void **state)
{
    (void)state;
    struct bench bench;
    struct faults faults;
    faults_init(&faults);
    bench_init(&bench);
    bench_start(&bench);
    for (int i = 0; i < 10; i++) (void)bench_add(&bench, RECORD_WINDOW);
    hold(&faults, true);
    assert_true(store_commit(bench.store, 1));
    await_held(&faults);
    loop_run_once(bench.loop, false);
    assert_true(store_is_committing(bench.store));
    assert_int_equal(bench.committed, 0); /* not before the sync has returned */
    assert_false(store_commit(bench.store, 2));
    uint64_t last = 0;
    while (store_has_room(bench.store, 320)) last = bench_add(&bench, RECORD_WINDOW);
    assert_true(last > 100);
    assert_int_equal(store_count(bench.store).staged, last);
    assert_int_equal(store_fetch(bench.store, LANE_WINDOW, 0, 64), ST_OK);
    assert_int_equal(store_fetch(bench.store, LANE_WINDOW, 0, 64), ST_AGAIN);
    assert_int_equal(store_fetch(bench.store, LANE_ALARM, 0, 64), ST_OK);
    hold(&faults, false);
    bench_await_commit(&bench, 1);
    assert_true(store_commit(bench.store, 2));
    bench_await_commit(&bench, 2);
    assert_int_equal(bench.fetches, 2); /* answered between the two commits, in order */
    assert_true(store_has_room(bench.store, 320));
    assert_holds_all(&bench, last);
    bench_stop(&bench);
    bench_fini(&bench);
    faults_fini(&faults);
}

/* The batch reaches the disk although the sync is said to have failed; with several failures the
 * WAL is not written back at the close that follows, so that the batch is met again. */
static void test_failed_sync_is_never_committed_and_never_written_twice(void **state)
{
    (void)state;
    struct bench bench;
    struct faults faults;
    faults_init(&faults);
    bench_init(&bench);
    bench_start(&bench);
    uint64_t last = bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    for (int failures = 1; failures <= 3; failures++) {
        unsigned opens_before = faults.opens;
        uint64_t failed_before = store_count(bench.store).failed_commits;
        uint64_t ticket = bench.committed + 1;
        for (int i = 0; i < 10; i++) last = bench_add(&bench, RECORD_WINDOW);
        store_add_journal(bench.store, "x", 1);
        set_faults(&faults, failures, 0, 0);
        assert_true(store_commit(bench.store, ticket));
        bench_await_commit(&bench, ticket);
        struct store_counts counts = store_count(bench.store);
        assert_false(counts.is_failing); /* that it was is seen in the test of the full disk */
        assert_true(counts.failed_commits > failed_before);
        assert_true(faults.opens > opens_before); /* never again on the same descriptor */
        assert_int_equal(counts.written, last);
        assert_int_equal(faults.fail_syncs, 0);
    }
    assert_holds_all(&bench, last);
    bench_stop(&bench);
    bench_fini(&bench);
    faults_fini(&faults);
}

static void test_every_nth_failing_write_is_survived(void **state)
{
    (void)state;
    struct bench bench;
    struct faults faults;
    faults_init(&faults);
    bench_init(&bench);
    bench_start(&bench);
    uint64_t last = 0;
    for (int failures = 1; failures <= 3; failures++) {
        for (int i = 0; i < 50; i++) last = bench_add(&bench, RECORD_WINDOW);
        set_faults(&faults, 0, failures % 2, failures == 2 ? 3 : 0);
        bench_commit(&bench);
    }
    assert_holds_all(&bench, last);
    assert_int_equal(store_count(bench.store).written, last);
    assert_int_equal(store_count(bench.store).dropped, 0);
    bench_stop(&bench);
    bench_fini(&bench);
    faults_fini(&faults);
}

static void test_full_disk_is_waited_out_and_alarms_are_kept(void **state)
{
    (void)state;
    struct bench bench;
    struct faults faults;
    faults_init(&faults);
    bench_init(&bench);
    bench_start(&bench);
    assert_true(bench_exists(&bench, ".reserve"));
    (void)bench_add(&bench, RECORD_ALARM);
    bench_commit(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    (void)bench_add(&bench, RECORD_ALARM);
    set_faults(&faults, 0, 0, -1);
    assert_true(store_commit(bench.store, 2));
    while (!store_count(bench.store).is_failing) loop_run_once(bench.loop, true);
    assert_int_equal(bench.committed, 1);
    assert_false(bench_exists(&bench, ".reserve")); /* given up to make room */
    set_faults(&faults, 0, 0, 0);
    bench_await_commit(&bench, 2);
    assert_int_equal(store_count(bench.store).waiting[LANE_ALARM], 2);
    assert_int_equal(store_count(bench.store).written, 3);
    bench_stop(&bench);
    bench_fini(&bench);
    faults_fini(&faults);
}

static void test_stop_gives_up_on_a_dead_disk(void **state)
{
    (void)state;
    struct bench bench;
    struct faults faults;
    faults_init(&faults);
    bench_init(&bench);
    bench_start(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    bench_commit(&bench);
    (void)bench_add(&bench, RECORD_WINDOW);
    set_faults(&faults, 1000, 1000, 0);
    assert_int_equal(store_stop(bench.store, 2), ST_IO);
    assert_int_equal(bench.committed, 1);
    store_close(bench.store);
    set_faults(&faults, 0, 0, 0);
    bench_start(&bench);
    assert_int_equal(bench.found.next_seq, 2);
    bench_stop(&bench);
    bench_fini(&bench);
    faults_fini(&faults);
}

/* In a mount namespace of its own; exit 77: not allowed here. */
static int run_on_small_disk(struct bench *bench)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", bench->directory, "tmpfs", 0, "size=700k") != 0)
        return 77;
    bench_start(bench);
    uint64_t alarms = 0;
    for (uint64_t ticket = 1; ticket <= 60; ticket++) {
        for (int i = 0; i < 100; i++) (void)bench_add(bench, RECORD_WINDOW);
        (void)bench_add(bench, RECORD_ALARM);
        alarms++;
        bench_commit(bench);
    }
    struct store_counts counts = store_count(bench->store);
    bool is_good = counts.dropped > 0 && counts.waiting[LANE_ALARM] == alarms &&
                   counts.written == 60 * 101 && counts.waiting[LANE_WINDOW] > 0;
    bench_stop(bench);
    return is_good ? 0 : 1;
}

static void test_really_full_disk_costs_the_oldest_windows_only(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(run_on_small_disk(&bench));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool is_skipped = WIFEXITED(status) && WEXITSTATUS(status) == 77;
    if (!is_skipped) {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    bench_fini(&bench);
    if (is_skipped) {
        print_message("skipped: no mount namespace without root\n");
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_goes_on_while_a_commit_is_slow),
        cmocka_unit_test(test_failed_sync_is_never_committed_and_never_written_twice),
        cmocka_unit_test(test_every_nth_failing_write_is_survived),
        cmocka_unit_test(test_full_disk_is_waited_out_and_alarms_are_kept),
        cmocka_unit_test(test_stop_gives_up_on_a_dead_disk),
        cmocka_unit_test(test_really_full_disk_costs_the_oldest_windows_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
