/* failing disk: call 1 fails, then call 2 and so on, until the same piece of life passes without
 * meeting the failure; once, and for ever until it is mended; each kind of call, each error.
 * Nothing that was reported is lost, alarms never are, and delivery goes on afterwards. */
#include "power/world.h"

enum { STEPS = 14, TRIES = 8, CALLS_MAX = 3000, STRIDE_FROM = 60 };

struct kind {
    const char *name;
    unsigned calls;
    enum disk_result result;
};

static const struct kind kinds[] = {
    {"read fails", 1U << DISK_READ, DISK_ERROR},
    {"write fails", 1U << DISK_WRITE, DISK_ERROR},
    {"truncation fails", 1U << DISK_TRUNCATE, DISK_ERROR},
    {"sync fails", 1U << DISK_SYNC, DISK_ERROR},
    {"change of a name fails", 1U << DISK_NAME, DISK_ERROR},
    {"no space", 1U << DISK_WRITE | 1U << DISK_TRUNCATE | 1U << DISK_NAME, DISK_FULL},
};

static void mend(struct world *world)
{
    world->disk.fault = (struct disk_fault){0};
}

/* Opens; a start may fail, but not for another reason than the disk, and not for good. */
static void open_at_last(struct world *world)
{
    enum status status = world_open(world);
    for (int i = 0; status != ST_OK; i++) {
        assert_int_equal(status, ST_IO);
        assert_true(world->disk.was_met && i < TRIES);
        if (i == 2) mend(world);
        status = world_open(world);
    }
}

static void do_at_last(struct world *world, bool (*does)(struct world *world))
{
    bool is_good = does(world);
    for (int i = 0; !is_good; i++) {
        assert_true(i < TRIES);
        if (i == 2) mend(world);
        is_good = world_commit(world);
    }
}

/* Alarms all arrived; windows, as many as were not dropped for want of space. */
static void verify_ledger(const struct world *world)
{
    struct store_counts counts;
    uint64_t missing = 0;
    writer_count(&world->writer, &counts);
    for (uint64_t seq = 1; seq < world->next_seq; seq++) {
        const struct model_record *record = &world->records[seq - 1];
        missing += !record->was_delivered;
        assert_true(record->was_delivered || record->lane == LANE_WINDOW);
    }
    assert_true(missing <= counts.dropped + counts.merged);
    assert_int_equal(counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW], 0);
    assert_int_equal(counts.written, world->next_seq - 1);
    assert_int_equal(counts.acknowledged + counts.merged + counts.dropped, counts.written);
}

/* One life with the fault from the second start on; false: it was not met any more. */
static bool live(const struct kind *kind, uint64_t nth, bool is_forever)
{
    static struct world world;
    world_init(&world, 77);
    assert_int_equal(world_open(&world), ST_OK);
    verify_restart(&world);
    for (int i = 0; i < STEPS; i++) assert_true(world_step(&world));
    assert_true(world_commit(&world));
    world.disk.is_off = true;
    world_close(&world);
    fault_disk_restart(&world.disk);

    fault_disk_fail(&world.disk, (struct disk_fault){.calls = kind->calls,
                                                     .nth = nth,
                                                     .is_forever = is_forever,
                                                     .result = kind->result});
    open_at_last(&world);
    bool was_met_early = world.disk.was_met;
    assert_false(world.found.was_set_aside);
    if (!was_met_early) verify_restart(&world);
    for (int i = 0; i < STEPS; i++) do_at_last(&world, world_step);
    do_at_last(&world, world_commit);
    bool was_met = world.disk.was_met;
    mend(&world);
    if (kind->result != DISK_FULL) assert_int_equal(world.writer.state.dropped, 0);
    /* The power goes after all this: what was reported holds. */
    bool has_dropped = world.writer.state.dropped + world.writer.state.merged > 0;
    world.disk.is_off = true;
    world_close(&world);
    fault_disk_restart(&world.disk);
    assert_int_equal(world_open(&world), ST_OK);
    if (!has_dropped) verify_restart(&world);
    for (int i = 0; i < 3; i++) assert_true(world_finish(&world));
    verify_ledger(&world);
    if (!has_dropped) verify_delivered(&world);
    world_fini(&world);
    return was_met;
}

static void fail_each(const struct kind *kind, bool is_forever)
{
    uint64_t lives = 0;
    /* Every early call, later ones in widening steps. */
    for (uint64_t nth = 1;; nth += nth < STRIDE_FROM ? 1 : 1 + nth / STRIDE_FROM) {
        assert_true(nth < CALLS_MAX);
        printf("%s at call %" PRIu64 "%s\r", kind->name, nth, is_forever ? " and on" : "");
        (void)fflush(stdout);
        lives++;
        if (!live(kind, nth, is_forever)) break;
    }
    printf("\n");
    assert_true(lives > 1);
}

static void test_a_call_that_fails_once_costs_nothing_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) fail_each(&kinds[i], false);
}

static void test_a_disk_that_fails_until_mended_costs_nothing_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) fail_each(&kinds[i], true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_fails_once_costs_nothing_reported),
        cmocka_unit_test(test_a_disk_that_fails_until_mended_costs_nothing_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
