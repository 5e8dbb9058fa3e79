/* clock: whatever the gateway's clocks do, nothing that was acknowledged is lost or doubled. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct world_options clock_world(uint64_t seed)
{
    return (struct world_options){.seed = seed,
                                  .devices = 12,
                                  .every_ms = 30 * SECOND,
                                  .window_ms = 5 * MINUTE,
                                  .lateness_ms = 30 * SECOND,
                                  .grace_ms = 30 * SECOND,
                                  .commit_every_ms = 5 * SECOND,
                                  .grain_ms = 2 * SECOND};
}

static struct world *live(const struct world_options *options, int64_t duration_ms)
{
    struct world *world = world_open(options);
    world_run(world, duration_ms);
    world_verify(world);
    return world;
}

static void step(uint64_t seed)
{
    static const int64_t most_ms[] = {SECOND, HOUR, 30 * DAY};
    struct world_options options = clock_world(seed);
    options.step_every_ms = 2 * HOUR;
    options.step_most_ms = most_ms[seed % 3];
    options.outage_every_ms = 5 * HOUR;
    options.outage_most_ms = 2 * HOUR;
    options.crash_every_ms = 6 * HOUR;
    options.down_most_ms = 5 * MINUTE;
    struct world *world = live(&options, 12 * HOUR);
    /* A second is within what event times may be ahead: nothing is refused for it. */
    for (size_t i = 0; seed % 3 == 0 && i < SOURCE_COUNT; i++) {
        assert_int_equal(world->sources[i].refused[VERDICT_TIME], 0);
        assert_int_equal(world->sources[i].refused[VERDICT_LATE], 0);
    }
    world_finish(world);
}

static void test_steps_of_the_wall_clock(void **state)
{
    (void)state;
    world_repeat(3, step);
}

/* What came before the clock was set gets its times all the same. */
static void boot_in_1970(uint64_t seed)
{
    struct world_options options = clock_world(seed);
    options.is_delayed_sync = true;
    struct world *world = live(&options, 2 * HOUR);
    assert_int_equal(world->oracle.promised, world->readings);
    assert_true(world->oracle.placed > 0);
    assert_int_equal(world->oracle.unplaced, 0);
    world_finish(world);
}

static void test_first_boot_in_1970_and_a_clock_that_is_set_later(void **state)
{
    (void)state;
    world_repeat(2, boot_in_1970);
}

/* So it does when the agent crashes meanwhile, when the network is away, and when the next boot
 * comes before anything was sent. */
static void boot_in_1970_among_trouble(uint64_t seed)
{
    struct world_options options = clock_world(seed);
    options.outage_every_ms = HOUR;
    options.outage_most_ms = 2 * HOUR;
    options.crash_every_ms = 5 * MINUTE;
    options.down_most_ms = SECOND;
    options.fails_commits = true;
    options.late_permille = 20;
    options.refusal_permille = 50;
    struct world *world = world_open(&options);
    for (int i = 0; i < 4; i++) {
        if (world->is_up) world_crash(world);
        life_lose_clock(world);
        world_boot(world);
        world_run(world, HOUR);
    }
    world_verify(world);
    assert_true(world->oracle.placed > 0);
    world_finish(world);
}

static void test_first_boot_in_1970_among_trouble(void **state)
{
    (void)state;
    world_repeat(3, boot_in_1970_among_trouble);
}

/* Nobody waits for ever: then uptime is told as uptime, and stays so when the clock is set after
 * all. */
static void never_set(uint64_t seed)
{
    struct world_options options = clock_world(seed);
    options.is_delayed_sync = true;
    options.clock_wait_ms = 20 * MINUTE;
    options.refusal_permille = 50;
    struct world *world = world_open(&options);
    virtual_event_clear(&world->synchronise);
    world_run(world, 19 * MINUTE);
    assert_int_equal(world->oracle.unplaced, 0);
    world_run(world, 41 * MINUTE);
    assert_true(world->oracle.unplaced > 0);
    world_crash(world); /* the agent alone: what was decided stays */
    world_boot(world);
    world_run(world, 20 * MINUTE);
    world_verify(world);
    assert_int_equal(world->oracle.placed, 0);
    world_finish(world);
}

static void test_a_clock_that_is_never_set(void **state)
{
    (void)state;
    world_repeat(2, never_set);
}

/* Boot after boot too short for the clock to be set, and the centre away: the store stays within
 * its budget, and what it can keep arrives. */
static void reboot_loop(uint64_t seed)
{
    struct world_options options = clock_world(seed);
    options.every_ms = 5 * SECOND;
    struct world *world = world_open(&options);
    for (int i = 0; i < 200; i++) {
        world_crash(world);
        life_lose_clock(world);
        virtual_event_clear(&world->synchronise);
        world_boot(world);
        world_run(world, 20 * SECOND);
    }
    world_verify(world);
    assert_true(world->oracle.unplaced > 0);
    assert_true(world->oracle.placed > 0); /* of the last boot */
    world_finish(world);
}

static void test_reboot_loop_without_a_clock(void **state)
{
    (void)state;
    world_repeat(1, reboot_loop);
}

/* Later boots too: nothing is of 1970, nothing is late. */
static void reboot_in_1970(uint64_t seed)
{
    struct world_options options = clock_world(seed);
    struct world *world = world_open(&options);
    for (int i = 0; i < 5; i++) {
        world_run(world, HOUR);
        world_crash(world);
        world_run(world, 3 * MINUTE);
        life_lose_clock(world);
        world_boot(world);
    }
    world_verify(world);
    assert_true(world->oracle.placed > 0);
    assert_int_equal(world->oracle.unplaced, 0);
    assert_true(world->oracle.earliest_ms >= CLOCK_FLOOR_MS);
    assert_int_equal(world->sources[SOURCE_LINE].refused[VERDICT_LATE], 0);
    world_finish(world);
}

static void test_reboots_without_a_battery_do_not_go_back_in_time(void **state)
{
    (void)state;
    world_repeat(2, reboot_in_1970);
}

struct era {
    int64_t wall_ms, mono_ms;
};

static void test_no_era_makes_a_difference(void **state)
{
    (void)state;
    static const struct era eras[] = {
        {INT64_C(1795219200000), 1000},
        {INT64_C(2147481847000), 1000}, /* 2038-01-19, half an hour before */
        {INT64_C(4294965496000), 1000}, /* 2106-02-07, likewise */
        {INT64_C(1795219200000), INT64_C(4294967296) - 1800000}, /* 49.7 days up */
        {INT64_C(1795219200000), INT64_C(315576000000)},         /* ten years up */
        {INT64_C(7000000000000), INT64_C(9223372036854) * 1000}, /* 2191 */
    };
    for (size_t i = 0; i < sizeof eras / sizeof *eras; i++) {
        struct world_options options = clock_world(7);
        options.begin_wall_ms = eras[i].wall_ms - eras[i].wall_ms % options.window_ms - HOUR / 2;
        options.begin_mono_ms = eras[i].mono_ms;
        struct world *world = live(&options, 2 * HOUR);
        assert_true(world->readings > 2000);
        assert_int_equal(world->oracle.promised, world->readings);
        assert_int_equal(world->oracle.unset_clock, 0);
        world_finish(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_of_the_wall_clock),
        cmocka_unit_test(test_first_boot_in_1970_and_a_clock_that_is_set_later),
        cmocka_unit_test(test_first_boot_in_1970_among_trouble),
        cmocka_unit_test(test_a_clock_that_is_never_set),
        cmocka_unit_test(test_reboot_loop_without_a_clock),
        cmocka_unit_test(test_reboots_without_a_battery_do_not_go_back_in_time),
        cmocka_unit_test(test_no_era_makes_a_difference),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
