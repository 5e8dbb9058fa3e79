/* SQLite's n-th allocation fails, for each n, once and from then on: the store refuses to open or
 * goes on; nothing committed is lost, nothing is called damaged, and it opens again afterwards. */
#include "store_support.h"

#include <pthread.h>
#include <sqlite3.h>

enum { RECORDS = 30, ALLOCATIONS_MOST = 20000 };

/* What SQLite's own allocator is to refuse; both threads ask. */
struct refusal {
    sqlite3_mem_methods below;
    pthread_mutex_t mutex;
    uint64_t seen, nth; /* nth 0: none */
    bool is_forever, was_met;
};

static struct refusal refusal;

static bool is_refused(void)
{
    (void)pthread_mutex_lock(&refusal.mutex);
    uint64_t seen = ++refusal.seen;
    bool refuses =
        refusal.nth != 0 && (seen == refusal.nth || (refusal.is_forever && seen > refusal.nth));
    refusal.was_met = refusal.was_met || refuses;
    (void)pthread_mutex_unlock(&refusal.mutex);
    return refuses;
}

static void *refusing_malloc(int size)
{
    return is_refused() ? NULL : refusal.below.xMalloc(size);
}

static void *refusing_realloc(void *old, int size)
{
    return is_refused() ? NULL : refusal.below.xRealloc(old, size);
}

static void refuse(uint64_t nth, bool is_forever)
{
    (void)pthread_mutex_lock(&refusal.mutex);
    refusal.seen = 0;
    refusal.nth = nth;
    refusal.is_forever = is_forever;
    refusal.was_met = false;
    (void)pthread_mutex_unlock(&refusal.mutex);
}

static int install(void **state)
{
    (void)state;
    (void)pthread_mutex_init(&refusal.mutex, NULL);
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &refusal.below) != SQLITE_OK) return -1;
    sqlite3_mem_methods methods = refusal.below;
    methods.xMalloc = refusing_malloc;
    methods.xRealloc = refusing_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK ? 0 : -1;
}

static void count_entry(void *context, const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    ++*(uint64_t *)context;
}

static void fill(struct bench *bench)
{
    bench_start(bench);
    for (int i = 0; i < RECORDS; i++) (void)bench_add(bench, i % 5 ? RECORD_WINDOW : RECORD_ALARM);
    store_add_journal(bench->store, "entry", 5);
    bench_commit(bench);
    bench_stop(bench);
}

/* Opens, reads, adds one record, ends; whatever of that goes. */
static void live(struct bench *bench)
{
    uint64_t entries = 0;
    if (bench_open(bench) != ST_OK) return;
    enum status status = store_restore(bench->store, count_entry, &entries);
    if (status == ST_OK && store_start(bench->store) == ST_OK) {
        (void)bench_fetch(bench, LANE_ALARM, 0, 8);
        (void)bench_fetch(bench, LANE_WINDOW, 0, 8);
        (void)bench_add(bench, RECORD_WINDOW);
        (void)store_stop(bench->store, bench->committed + 1);
    }
    store_close(bench->store);
    bench->store = NULL;
}

static void check_whole(struct bench *bench)
{
    assert_false(bench_exists(bench, ".damaged-1"));
    bench_start(bench);
    struct store_counts counts = store_count(bench->store);
    assert_int_equal(counts.dropped, 0);
    assert_true(counts.waiting[LANE_ALARM] == RECORDS / 5);
    assert_true(counts.waiting[LANE_WINDOW] >= RECORDS * 4 / 5);
    bench_stop(bench);
}

static void fail_each(bool is_forever)
{
    uint64_t tries = 0;
    bool was_met = true;
    for (uint64_t nth = 1; was_met; nth += 1 + nth / 5) {
        struct bench bench;
        bench_init(&bench);
        fill(&bench);
        refuse(nth, is_forever);
        live(&bench);
        was_met = refusal.was_met;
        refuse(0, false);
        check_whole(&bench);
        bench_fini(&bench);
        tries++;
        assert_true(nth < ALLOCATIONS_MOST);
    }
    print_message("%llu tries\n", (unsigned long long)tries);
    assert_true(tries > 20);
}

static void test_one_failed_allocation_costs_nothing(void **state)
{
    (void)state;
    fail_each(false);
}

static void test_no_memory_from_then_on_costs_nothing_committed(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_failed_allocation_costs_nothing),
        cmocka_unit_test(test_no_memory_from_then_on_costs_nothing_committed),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
