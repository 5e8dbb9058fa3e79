/* power cuts: the power goes at any call, also during recovery.  What was reported as committed
 * is there afterwards, what was not is there whole or not at all, nothing is there twice.
 *
 * One life: a new disk and some cuts on it; every life has a seed of its own, printed on failure.
 * The normal share is 20,000 cuts; ISOTHERM_BUDGET multiplies it. */
#include "power/world.h"

enum { CUTS = 20000, CUTS_OF_A_LIFE = 24, STEPS_MAX = 400 };

struct tally {
    uint64_t cuts, cuts_in_recovery, kills, lives, commits, readings;
    double longest_open_s;
};

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

/* Near, so that every early call is met often, or anywhere within some commits. */
static uint64_t choose_cut(struct world *world)
{
    static const uint64_t ranges[] = {4, 30, 30, 150, 400};
    return 1 + world_draw(world, ranges[world_draw(world, sizeof ranges / sizeof *ranges)]);
}

/* Opens, with cuts on the way.  After a kill the system still has what was not synced. */
static void start(struct world *world, struct tally *tally, bool is_kill)
{
    world->disk.is_off = false;
    world->disk.cut_at = 0;
    if (!is_kill) fault_disk_restart(&world->disk);
    for (;;) {
        bool is_hunted = world_draw(world, 3) == 0;
        if (is_hunted) world->disk.cut_at = world->disk.calls + 1 + world_draw(world, 8);
        enum status status = world_open(world);
        if (status == ST_OK && !world->disk.is_off) break;
        assert_true(world->disk.is_off); /* nothing but the power may stop it */
        world_close(world);
        tally->cuts++;
        tally->cuts_in_recovery++;
        fault_disk_restart(&world->disk);
    }
    world->disk.cut_at = 0;
    verify_restart(world);
}

static void live(uint64_t seed, struct tally *tally)
{
    static struct world world;
    world_init(&world, seed);
    for (int i = 0; i < CUTS_OF_A_LIFE; i++) {
        bool is_kill = i > 0 && world_draw(&world, 4) == 0;
        start(&world, tally, is_kill);
        tally->kills += is_kill;
        tally->cuts -= is_kill;
        world.disk.cut_at = world.disk.calls + choose_cut(&world);
        for (int steps = 0; steps < STEPS_MAX && !world.disk.is_off; steps++) {
            bool is_good = world_step(&world);
            assert_true(is_good || world.disk.is_off);
            if (world_draw(&world, 40) == 0) break; /* a clean stop, perhaps cut short */
        }
        world_close(&world);
        world.disk.is_off = true;
        tally->cuts++;
    }
    start(&world, tally, false);
    assert_true(world_finish(&world));
    verify_delivered(&world);
    tally->lives++;
    tally->commits += world.commits;
    tally->readings += world.taken;
    if (world.longest_open_s > tally->longest_open_s) tally->longest_open_s = world.longest_open_s;
    world_fini(&world);
}

static void test_no_cut_loses_or_doubles_what_was_reported(void **state)
{
    (void)state;
    struct tally tally = {0};
    uint64_t cuts = CUTS * number_from("ISOTHERM_BUDGET", 1);
    uint64_t first = number_from("ISOTHERM_SEED", 1);
    for (uint64_t seed = first; tally.cuts < cuts; seed++) {
        if (seed % 512 == 0) (void)sqlite3_release_memory(0);
        printf("seed %" PRIu64 "\r", seed);
        fflush(stdout);
        live(seed, &tally);
    }
    printf("%" PRIu64 " cuts (%" PRIu64 " in recovery, %" PRIu64 " kills instead), %" PRIu64
           " lives, %" PRIu64 " commits reported, %" PRIu64
           " readings delivered; longest start %.0f ms\n",
           tally.cuts, tally.cuts_in_recovery, tally.kills, tally.lives, tally.commits,
           tally.readings, tally.longest_open_s * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_cut_loses_or_doubles_what_was_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
