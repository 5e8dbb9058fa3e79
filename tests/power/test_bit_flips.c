/* bit flips: one bit of the database or its WAL is wrong at a start.  It is found or harmless:
 * whatever is handed out, records and journal, was once made just so.
 *
 * The normal share is 3,000 flips; ISOTHERM_BUDGET multiplies it. */
#include "power/world.h"

enum { FLIPS = 3000, STEPS = 120 };

struct image {
    char name[32];
    uint8_t *bytes;
    size_t size;
};

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void take_image(const struct world *world, const char *name, struct image *image)
{
    int file = fault_disk_find(&world->disk, name);
    assert_true(file >= 0);
    const struct disk_bytes *now = &world->disk.files[file].now;
    (void)snprintf(image->name, sizeof image->name, "%s", name);
    image->size = now->size;
    image->bytes = malloc(now->size + 1);
    assert_non_null(image->bytes);
    memcpy(image->bytes, now->bytes, now->size);
}

/* A store in the middle of its life, its WAL not written back. */
static void make_images(struct world *world, struct image images[2])
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(world_open(world), ST_OK);
        for (int k = 0; k < STEPS; k++) assert_true(world_step(world));
        assert_true(world_commit(world));
        world->disk.is_off = i == 2;
        world_close(world);
    }
    world->disk.is_off = false;
    fault_disk_restart(&world->disk);
    take_image(world, "store.db", &images[0]);
    take_image(world, "store.db-wal", &images[1]);
    assert_true(images[0].size > 8 * 4096 && images[1].size > 4096);
}

static void test_a_wrong_bit_is_found_or_harmless(void **state)
{
    (void)state;
    static struct world world;
    struct image images[2];
    uint64_t aside = 0, refused = 0, flips = FLIPS * number_from("ISOTHERM_BUDGET", 1);
    /* One in which not every page has a newer copy in the WAL. */
    uint64_t seed = number_from("ISOTHERM_SEED", 2);
    printf("seed %" PRIu64 "\n", seed);
    world_init(&world, seed);
    make_images(&world, images);
    world.disk.is_lying = true; /* nothing of it need be whole */
    for (uint64_t i = 0; i < flips; i++) {
        const struct image *image = &images[world_draw(&world, 2)];
        /* Every fourth one in the headers, where it matters most. */
        size_t bits = world_draw(&world, 4) == 0 ? 8 * 132 : 8 * image->size;
        size_t bit = (size_t)world_draw(&world, bits);
        for (int k = 0; k < 2; k++)
            fault_disk_put(&world.disk, images[k].name, images[k].bytes, images[k].size);
        world.disk.files[fault_disk_find(&world.disk, image->name)].now.bytes[bit / 8] ^=
            (uint8_t)(1 << bit % 8);
        enum status status = world_open(&world);
        assert_true(status == ST_OK || status == ST_FOREIGN);
        refused += status == ST_FOREIGN;
        if (status != ST_OK) continue;
        aside += world.found.was_set_aside;
        verify_genuine(&world);
        world.disk.is_off = true;
        world_close(&world);
        fault_disk_restart(&world.disk);
    }
    printf("%" PRIu64 " flips: %" PRIu64 " set aside, %" PRIu64 " taken for a newer version\n",
           flips, aside, refused);
    assert_true(aside > 0 && refused < flips / 100 + 10);
    free(images[0].bytes);
    free(images[1].bytes);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_bit_is_found_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
