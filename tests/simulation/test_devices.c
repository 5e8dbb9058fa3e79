/* devices: ids nobody counted on, and devices nobody can stop, cost the others nothing. */
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct world_options device_world(uint64_t seed)
{
    return (struct world_options){.seed = seed,
                                  .devices = 20,
                                  .every_ms = 20 * SECOND,
                                  .window_ms = 5 * MINUTE,
                                  .lateness_ms = 30 * SECOND,
                                  .grace_ms = 30 * SECOND,
                                  .commit_every_ms = 5 * SECOND,
                                  .grain_ms = SECOND};
}

static void explode(uint64_t seed)
{
    struct world_options options = device_world(seed);
    options.table = 50;
    struct world *world = world_open(&options);
    world_run(world, 10 * MINUTE); /* all devices are known by now */
    world->options.stranger_every_ms = 20;
    world_run(world, HOUR);
    assert_int_equal(stream_count(world->flow.stream).devices, 20);
    world_close(world);
}

static void test_explosion_of_ids_is_refused_and_known_devices_are_unaffected(void **state)
{
    (void)state;
    world_repeat(1, explode);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explosion_of_ids_is_refused_and_known_devices_are_unaffected),
    };
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
