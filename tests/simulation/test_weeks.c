/* weeks: a plant's ordinary and less ordinary months, in seconds. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct world_options plant(uint64_t seed)
{
    return (struct world_options){.seed = seed,
                                  .devices = 100,
                                  .every_ms = 15 * MINUTE,
                                  .window_ms = HOUR,
                                  .lateness_ms = 5 * MINUTE,
                                  .grace_ms = 5 * MINUTE,
                                  .commit_every_ms = 5 * MINUTE,
                                  .grain_ms = MINUTE};
}

static void live_a_month(uint64_t seed)
{
    struct world_options options = plant(seed);
    struct world *world = world_open(&options);
    world_run(world, 30 * DAY);
    world_verify(world);
    assert_int_equal(world->oracle.promised, world->readings);
    assert_true(world->readings > 250000);
    assert_true(world->oracle.alarms > 1000);
    world_finish(world);
}

static void test_a_month_of_a_hundred_devices(void **state)
{
    (void)state;
    world_repeat(1, live_a_month);
}

static void survive_outages(uint64_t seed)
{
    struct world_options options = plant(seed);
    options.devices = 20;
    options.outage_every_ms = 2 * DAY;
    options.outage_most_ms = seed % 2 == 0 ? 12 * HOUR : 7 * DAY;
    options.crash_every_ms = seed % 2 == 0 ? 2 * DAY : 0; /* a restart would hide what is stuck */
    options.down_most_ms = 2 * HOUR;
    options.refusal_permille = 2;
    struct world *world = world_open(&options);
    world_run(world, 30 * DAY);
    world_verify(world);
    assert_true(world->centre.outages > 2);
    assert_int_equal(world->sources[SOURCE_POLL].overflowed, 0);
    assert_int_equal(world->sources[SOURCE_POLL].refused[VERDICT_LATE], 0);
    world_finish(world);
}

static void test_outages_of_hours_to_a_week(void **state)
{
    (void)state;
    world_repeat(2, survive_outages);
}

/* The link comes and goes all day long, and the agent never restarts. */
static void flap(uint64_t seed)
{
    struct world_options options = plant(seed);
    options.every_ms = MINUTE;
    options.window_ms = 5 * MINUTE;
    options.commit_every_ms = 10 * SECOND;
    options.grain_ms = 5 * SECOND;
    options.devices = 12;
    options.outage_every_ms = 2 * MINUTE;
    options.outage_most_ms = 3 * MINUTE;
    options.refusal_permille = 20;
    struct world *world = world_open(&options);
    world_run(world, DAY);
    world_verify(world);
    assert_true(world->centre.losses > 100);
    assert_true(world->centre.refusals > 10);
    assert_true(world->oracle.repeated > 10);
    world_finish(world);
}

static void test_link_that_comes_and_goes(void **state)
{
    (void)state;
    world_repeat(1, flap);
}

/* A week without a centre and a store that cannot hold it: windows are merged, every number that
 * does not come is named, every reading is counted, and the budget holds at every step. */
static void fill_the_store(uint64_t seed)
{
    struct world_options options = plant(seed);
    options.devices = 60;
    options.every_ms = 10 * MINUTE;
    options.window_ms = 10 * MINUTE;
    options.budget_bytes = 6 << 20;
    struct world *world = world_open(&options);
    world_run(world, 12 * HOUR);
    centre_cut_off(&world->centre);
    world_run(world, 7 * DAY);
    struct store_counts counts = store_count(world->flow.store);
    assert_true(counts.merged > 1000);
    assert_int_equal(counts.dropped, 0);
    world_verify(world);
    counts = store_count(world->flow.store);
    assert_int_equal(world->oracle.highest_seq - world->oracle.distinct, counts.merged);
    assert_int_equal(world->oracle.named, counts.merged);
    world_finish(world);
}

static void test_week_without_centre_and_a_store_too_small_for_it(void **state)
{
    (void)state;
    world_repeat(1, fill_the_store);
}

/* A world follows from its seed alone, or a seed that failed would be worth nothing. */
static void test_same_seed_gives_the_same_world(void **state)
{
    (void)state;
    uint64_t digests[3];
    for (size_t i = 0; i < 3; i++) {
        struct world_options options = plant(i < 2 ? 5 : 6);
        options.devices = 10;
        options.crash_every_ms = 6 * HOUR;
        options.down_most_ms = HOUR;
        options.outage_every_ms = 6 * HOUR;
        options.outage_most_ms = 6 * HOUR;
        options.fails_commits = true;
        struct world *world = world_open(&options);
        world_run(world, 2 * DAY);
        world_verify(world);
        digests[i] = world->oracle.digest;
        world_finish(world);
    }
    assert_true(digests[0] == digests[1]);
    assert_true(digests[1] != digests[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_month_of_a_hundred_devices),
        cmocka_unit_test(test_outages_of_hours_to_a_week),
        cmocka_unit_test(test_link_that_comes_and_goes),
        cmocka_unit_test(test_week_without_centre_and_a_store_too_small_for_it),
        cmocka_unit_test(test_same_seed_gives_the_same_world),
    };
    return cmocka_run_group_tests_name("weeks", tests, NULL, NULL);
}
