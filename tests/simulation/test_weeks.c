#include "simulation/world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_a_month(void **state)
{
    (void)state;
    struct world_options options = {.seed = 1,
                                    .devices = 100,
                                    .every_ms = 5 * MINUTE,
                                    .window_ms = HOUR,
                                    .lateness_ms = 5 * MINUTE,
                                    .grace_ms = 5 * MINUTE,
                                    .commit_every_ms = 5 * MINUTE,
                                    .grain_ms = MINUTE};
    struct world *world = world_open(&options);
    world_run(world, 30 * DAY);
    world_finish(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_month)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
