/* bad sectors: each page of the store and of its WAL in turn cannot be read, while the disk works
 * otherwise.  The start succeeds unattended, what is handed out is genuine, and from then on the
 * store keeps what it promises. */
#include "power/world.h"

enum { STEPS_BEFORE = 120, STEPS = 40, PAGE = 4096, FRAME = 24 + PAGE };

static size_t size_of(const struct world *world, const char *name)
{
    int file = fault_disk_find(&world->disk, name);
    return file < 0 ? 0 : world->disk.files[file].now.size;
}

static void live_before(struct world *world, bool is_clean)
{
    world_init(world, 41);
    assert_int_equal(world_open(world), ST_OK);
    verify_restart(world);
    for (int i = 0; i < STEPS_BEFORE; i++) assert_true(world_step(world));
    assert_true(world_commit(world));
    if (!is_clean) world->disk.is_off = true;
    world_close(world);
    world->disk.is_off = false;
    if (!is_clean) fault_disk_restart(&world->disk);
}

/* The agent goes on: what it cannot read it does without. */
static void live_after(struct world *world)
{
    for (int i = 0; i < STEPS; i++) {
        bool is_good = world_step(world);
        for (int tries = 0; !is_good && tries < 4; tries++) is_good = world_commit(world);
        assert_true(is_good);
    }
    verify_genuine(world);
}

/* False: the file has no such page. */
static bool spoil_and_start(bool is_clean, const char *name, size_t at, bool *was_set_aside)
{
    static struct world world;
    live_before(&world, is_clean);
    bool is_there = at < size_of(&world, name);
    if (is_there) {
        fault_disk_spoil(&world.disk, name, at, PAGE);
        world.disk.is_lying = true; /* so that the model does not expect all of it */
        assert_int_equal(world_open(&world), ST_OK);
        *was_set_aside = world.found.was_set_aside;
        world_forget(&world);
        live_after(&world);
    }
    world_close(&world);
    world_fini(&world);
    return is_there;
}

static void spoil_each(bool is_clean, const char *name, size_t first, size_t step)
{
    size_t pages = 0, set_aside = 0;
    bool was_set_aside = false;
    while (spoil_and_start(is_clean, name, first + pages * step, &was_set_aside)) {
        pages++;
        set_aside += was_set_aside;
    }
    printf("%s, %s end: %zu pages, %zu times set aside\n", name, is_clean ? "clean" : "unclean",
           pages, set_aside);
    assert_true(pages > 0 && set_aside > 0);
}

static void test_unreadable_page_is_damage_after_a_clean_end(void **state)
{
    (void)state;
    spoil_each(true, "store.db", 0, PAGE);
}

static void test_unreadable_page_is_damage_after_an_unclean_end(void **state)
{
    (void)state;
    spoil_each(false, "store.db", 0, PAGE);
}

static void test_unreadable_wal_is_damage(void **state)
{
    (void)state;
    spoil_each(false, "store.db-wal", 0, FRAME);
}

static void test_disk_that_reads_nothing_is_waited_for(void **state)
{
    (void)state;
    static struct world world;
    live_before(&world, true);
    fault_disk_fail(&world.disk, (struct disk_fault){.calls = 1U << DISK_READ,
                                                     .nth = 1,
                                                     .is_forever = true,
                                                     .result = DISK_ERROR});
    assert_int_equal(world_open(&world), ST_IO);
    world.disk.fault = (struct disk_fault){0};
    assert_int_equal(world_open(&world), ST_OK);
    assert_false(world.found.was_set_aside);
    verify_restart(&world);
    world_close(&world);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreadable_page_is_damage_after_a_clean_end),
        cmocka_unit_test(test_unreadable_page_is_damage_after_an_unclean_end),
        cmocka_unit_test(test_unreadable_wal_is_damage),
        cmocka_unit_test(test_disk_that_reads_nothing_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
