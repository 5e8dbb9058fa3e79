/* clock: whatever the gateway's clocks do, nothing that was acknowledged is lost or doubled. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void step(uint64_t seed)
{
    static const int64_t most_ms[] = {SECOND, HOUR, 30 * DAY};
    struct world_options options = world_small_options(seed);
    options.step_every_ms = 2 * HOUR;
    options.step_most_ms = most_ms[seed % 3];
    options.outage_every_ms = 5 * HOUR;
    options.outage_most_ms = 2 * HOUR;
    options.crash_every_ms = 6 * HOUR;
    options.down_most_ms = 5 * MINUTE;
    struct world *world = world_live(&options, 12 * HOUR);
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
        struct world_options options = world_small_options(7);
        options.begin_wall_ms = eras[i].wall_ms - eras[i].wall_ms % options.window_ms - HOUR / 2;
        options.begin_mono_ms = eras[i].mono_ms;
        struct world *world = world_live(&options, 2 * HOUR);
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
        cmocka_unit_test(test_no_era_makes_a_difference),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
