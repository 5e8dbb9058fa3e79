/* Invariant: every event of a world's life is set here or by itself, so that ending the life leaves
 * the gateway alone with what it has. */
#include "simulation/world.h"

enum { SYNC_MOST_MS = 600000 };

/* ---- trouble ---- */

static void on_synchronise(void *context)
{
    (void)context;
    virtual_time_set_wall(virtual_time_wall_ms());
    virtual_time_set_synchronised(true);
}

void life_lose_clock(struct world *world)
{
    WORLD_CHECK(world, ++world->boot < WORLD_BOOTS, "too many boots");
    virtual_time_set_mono(3000 + (int64_t)world_random(world, 9000));
    virtual_time_set_wall(3000 + (int64_t)world_random(world, 9000));
    virtual_time_set_synchronised(false);
    int64_t delay_ms = (int64_t)world_random(world, SYNC_MOST_MS);
    virtual_event_set(&world->synchronise, delay_ms, on_synchronise, world);
}

static void on_trouble(void *context)
{
    struct world *world = context;
    const struct world_options *options = &world->options;
    int64_t next_ms = world_random_wait(world, options->crash_every_ms);
    if (world->is_stopping) {
        virtual_event_set(&world->trouble, 1, on_trouble, world);
        return;
    }
    if (!world->is_up) {
        if (options->reboots && world_chance(world, 500)) life_lose_clock(world);
        world_boot(world);
    } else {
        if (world_chance(world, 800))
            world_crash(world);
        else
            world_stop(world);
        next_ms = 1 + (int64_t)world_random(world, (uint64_t)options->down_most_ms);
    }
    virtual_event_set(&world->trouble, next_ms, on_trouble, world);
}

static void on_step_clock(void *context)
{
    struct world *world = context;
    int64_t most_ms = world->options.step_most_ms, wall_ms = virtual_time_wall_ms();
    int64_t off_ms = clock_wall_ms(&world->clock) - wall_ms;
    if (off_ms == 0) {
        off_ms = world_chance(world, 500) ? most_ms : -most_ms;
        if (world_chance(world, 500)) off_ms = off_ms / 1000 * (int64_t)world_random(world, 1000);
        virtual_time_set_wall(wall_ms + off_ms);
        virtual_time_set_synchronised(world_chance(world, 500));
    } else {
        on_synchronise(world);
    }
    virtual_event_set(&world->step_clock, world_random_wait(world, world->options.step_every_ms),
                      on_step_clock, world);
}

/* ---- devices ---- */

/* A course that crosses 80 degrees now and then, with noise down to the millionth. */
static int64_t choose_value(struct world *world, uint32_t device, int64_t wall_ms)
{
    int64_t period_ms = 5 * HOUR + (int64_t)(device % 7) * 11 * MINUTE;
    int64_t at = (wall_ms + device * MINUTE) % period_ms;
    int64_t height = at < period_ms / 2 ? at : period_ms - at; /* a triangle */
    return height * 50000000 / period_ms * 2 + 40000000 + (int64_t)world_random(world, 2000000) -
           1000000;
}

static void on_measure(void *context)
{
    struct sim_device *device = context;
    struct world *world = device->world;
    const struct world_options *options = &world->options;
    int64_t every_ms = device->number == SOURCE_LINE && options->chatter_every_ms > 0
                           ? options->chatter_every_ms
                           : options->every_ms;
    int64_t wall_ms = virtual_time_wall_ms();
    struct message message = {.device = device->number, .event_ms = wall_ms};
    message.value_micro = choose_value(world, device->number, wall_ms);
    message.event_ms -= (int64_t)world_random(world, 1000);
    if (world_chance(world, options->late_permille))
        message.event_ms -= (int64_t)world_random(world, 4 * (uint64_t)options->lateness_ms + 1);
    world->readings++;
    source_measure(&world->sources[device->number % SOURCE_COUNT], &message);
    int64_t wander_ms = (int64_t)world_random(world, (uint64_t)every_ms / 10 + 1);
    virtual_event_set(&device->event, every_ms - every_ms / 20 + wander_ms, on_measure, device);
}

static void on_stranger(void *context)
{
    struct world *world = context;
    struct message message = {.device = STRANGER + (uint32_t)world->strangers++,
                              .event_ms = virtual_time_wall_ms(),
                              .value_micro = 20000000};
    world->readings++;
    source_measure(&world->sources[world_random(world, SOURCE_COUNT)], &message);
    virtual_event_set(&world->stranger, world_random_wait(world, world->options.stranger_every_ms),
                      on_stranger, world);
}

void life_begin_strangers(struct world *world)
{
    virtual_event_set(&world->stranger, world->options.stranger_every_ms, on_stranger, world);
}

/* ---- from the beginning to the end ---- */

void life_begin(struct world *world)
{
    const struct world_options *options = &world->options;
    for (uint32_t i = 0; i < options->devices; i++) {
        struct sim_device *device = &world->devices[i];
        device->world = world;
        device->number = i;
        int64_t first_ms = (int64_t)world_random(world, (uint64_t)options->every_ms);
        virtual_event_set(&device->event, first_ms, on_measure, device);
    }
    centre_begin_outages(&world->centre);
    if (options->crash_every_ms > 0)
        virtual_event_set(&world->trouble, world_random_wait(world, options->crash_every_ms),
                          on_trouble, world);
    if (options->step_every_ms > 0)
        virtual_event_set(&world->step_clock, world_random_wait(world, options->step_every_ms),
                          on_step_clock, world);
    if (options->stranger_every_ms > 0) life_begin_strangers(world);
    if (options->begin_mono_ms > 0) virtual_time_set_mono(options->begin_mono_ms);
    if (options->is_delayed_sync) life_lose_clock(world);
}

void life_end(struct world *world)
{
    virtual_event_clear(&world->trouble);
    virtual_event_clear(&world->step_clock);
    virtual_event_clear(&world->synchronise);
    virtual_event_clear(&world->stranger);
    for (uint32_t i = 0; i < world->options.devices; i++)
        virtual_event_clear(&world->devices[i].event);
    on_synchronise(world);
}
