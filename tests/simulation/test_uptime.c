/* uptime: a board without a clock battery, whose clock is set late or never: every reading of a
 * source that gives no time gets the right one, or is said to have none. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What came before the clock was set gets its times all the same. */
static void boot_in_1970(uint64_t seed)
{
    struct world_options options = world_small_options(seed);
    options.is_delayed_sync = true;
    struct world *world = world_live(&options, 2 * HOUR);
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
    struct world_options options = world_small_options(seed);
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
    world_repeat(2, boot_in_1970_among_trouble);
}

/* Nobody waits for ever: then uptime is told as uptime, and stays so when the clock is set after
 * all. */
static void never_set(uint64_t seed)
{
    struct world_options options = world_small_options(seed);
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
    struct world_options options = world_small_options(seed);
    options.every_ms = 5 * SECOND;
    struct world *world = world_open(&options);
    for (int i = 0; i < 120; i++) {
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
    struct world_options options = world_small_options(seed);
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

/* A store too small for an outage, over reboots without a clock: windows of one boot, and those of
 * true times, are merged among themselves, and nothing is dropped while that makes room. */
static void fill_the_store_without_a_clock(uint64_t seed)
{
    struct world_options options = world_small_options(seed);
    options.devices = 60;
    options.every_ms = 2 * MINUTE;
    options.window_ms = 2 * MINUTE;
    options.budget_bytes = 6 << 20;
    struct world *world = world_open(&options);
    world_run(world, HOUR);
    centre_cut_off(&world->centre);
    world_run(world, 8 * HOUR);
    for (int i = 0; i < 4; i++) {
        world_crash(world);
        life_lose_clock(world);
        virtual_event_clear(&world->synchronise);
        world_boot(world);
        world_run(world, 5 * HOUR);
    }
    struct store_counts counts = store_count(world->flow.store);
    assert_true(counts.merged > 1000);
    assert_int_equal(counts.dropped, 0);
    world_verify(world);
    assert_true(world->oracle.placed > 0);
    assert_true(world->oracle.unplaced > 0);
    world_finish(world);
}

static void test_full_store_over_reboots_without_a_clock(void **state)
{
    (void)state;
    world_repeat(1, fill_the_store_without_a_clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_boot_in_1970_and_a_clock_that_is_set_later),
        cmocka_unit_test(test_first_boot_in_1970_among_trouble),
        cmocka_unit_test(test_a_clock_that_is_never_set),
        cmocka_unit_test(test_reboot_loop_without_a_clock),
        cmocka_unit_test(test_reboots_without_a_battery_do_not_go_back_in_time),
        cmocka_unit_test(test_full_store_over_reboots_without_a_clock),
    };
    return cmocka_run_group_tests_name("uptime", tests, NULL, NULL);
}
