/* crash: whenever the process dies, what was acknowledged is counted, and counted once. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct world_options small_world(uint64_t seed)
{
    return (struct world_options){.seed = seed,
                                  .devices = 12,
                                  .every_ms = 5 * SECOND,
                                  .window_ms = MINUTE,
                                  .lateness_ms = 10 * SECOND,
                                  .grace_ms = 10 * SECOND,
                                  .commit_every_ms = 2 * SECOND,
                                  .hurries = true};
}

static void live(const struct world_options *options, int64_t duration_ms)
{
    struct world *world = world_open(options);
    world_run(world, duration_ms);
    world_finish(world);
}

static void crash_often(uint64_t seed)
{
    struct world_options options = small_world(seed);
    options.crash_every_ms = 2 * MINUTE;
    options.down_most_ms = MINUTE;
    options.outage_every_ms = 10 * MINUTE;
    options.outage_most_ms = 20 * MINUTE;
    options.late_permille = 50;
    options.refusal_permille = 5;
    options.fails_commits = seed % 2 == 0;
    live(&options, 2 * HOUR);
}

static void test_crashes_at_any_moment_lose_and_double_nothing(void **state)
{
    (void)state;
    world_repeat(4, crash_often);
}

static void reboot_all_the_time(uint64_t seed)
{
    struct world_options options = small_world(seed);
    options.crash_every_ms = 20 * SECOND;
    options.down_most_ms = 3 * SECOND;
    options.reboots = true;
    live(&options, 3 * HOUR);
}

static void test_reboot_loop_keeps_the_promise_and_the_store_small(void **state)
{
    (void)state;
    world_repeat(1, reboot_all_the_time);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashes_at_any_moment_lose_and_double_nothing),
        cmocka_unit_test(test_reboot_loop_keeps_the_promise_and_the_store_small),
    };
    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
