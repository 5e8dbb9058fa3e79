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

static uint64_t count_refused(const struct world *world, enum verdict verdict)
{
    uint64_t refused = 0;
    for (size_t i = 0; i < SOURCE_COUNT; i++) refused += world->sources[i].refused[verdict];
    return refused;
}

/* Every reading is either of a known device and taken, or of a stranger beyond the table. */
static void explode(uint64_t seed)
{
    struct world_options options = device_world(seed);
    options.table = 50;
    struct world *world = world_open(&options);
    world_run(world, MINUTE); /* all devices are known by now */
    world->options.stranger_every_ms = 20;
    life_begin_strangers(world);
    world_run(world, 20 * MINUTE);
    world_verify(world);
    assert_int_equal(stream_count(world->flow.stream).devices, 50);
    assert_true(world->strangers > 30000);
    assert_int_equal(count_refused(world, VERDICT_DEVICE_LIMIT), world->strangers - 30);
    assert_int_equal(world->oracle.promised, world->readings - world->strangers + 30);
    world_finish(world);
}

static void test_explosion_of_ids_is_refused_and_known_devices_are_unaffected(void **state)
{
    (void)state;
    world_repeat(1, explode);
}

/* The longest silent make room: strangers push each other out, never a device that speaks. */
static void evict(uint64_t seed)
{
    struct world_options options = device_world(seed);
    options.table = 50;
    options.admission = ADMISSION_EVICT;
    options.stranger_every_ms = 2000; /* a device speaks before 30 of them have come */
    options.crash_every_ms = HOUR;
    options.down_most_ms = 10 * SECOND;
    struct world *world = world_open(&options);
    world_run(world, 3 * HOUR);
    world_verify(world);
    assert_int_equal(count_refused(world, VERDICT_DEVICE_LIMIT), 0);
    assert_true(stream_count(world->flow.stream).evicted > 100);
    world_finish(world);
}

static void test_eviction_publishes_what_it_pushes_out(void **state)
{
    (void)state;
    world_repeat(2, evict);
}

/* A hundred readings a second on a source that cannot wait, beside all others. */
static void chatter(uint64_t seed)
{
    struct world_options options = device_world(seed);
    options.chatter_every_ms = 10;
    struct world *world = world_open(&options);
    world_run(world, 20 * MINUTE);
    world_verify(world);
    assert_true(world->readings > 100000);
    assert_int_equal(world->oracle.promised, world->readings);
    world_finish(world);
}

static void test_one_chatty_device_does_not_silence_the_others(void **state)
{
    (void)state;
    world_repeat(1, chatter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_explosion_of_ids_is_refused_and_known_devices_are_unaffected),
        cmocka_unit_test(test_eviction_publishes_what_it_pushes_out),
        cmocka_unit_test(test_one_chatty_device_does_not_silence_the_others),
    };
    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
