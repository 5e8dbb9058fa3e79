/* quarantine: the power goes at each of its steps.  The next start finishes the job: nothing is
 * deleted, the damaged store keeps its WAL, and it is never opened without it. */
#include "power/world.h"

enum { SEEDS = 12, CALLS_MAX = 200 };

struct image {
    uint8_t *bytes;
    size_t size;
};

static struct image copy_file(const struct fault_disk *disk, const char *name)
{
    int file = fault_disk_find(disk, name);
    assert_true(file >= 0);
    const struct disk_bytes *now = &disk->files[file].now;
    struct image image = {.bytes = malloc(now->size + 1), .size = now->size};
    assert_non_null(image.bytes);
    if (now->size > 0) memcpy(image.bytes, now->bytes, now->size);
    return image;
}

static bool is_image(const struct fault_disk *disk, const char *name, const struct image *image)
{
    int file = fault_disk_find(disk, name);
    if (file < 0) return false;
    const struct disk_bytes *now = &disk->files[file].now;
    return now->size == image->size && memcmp(now->bytes, image->bytes, image->size) == 0;
}

static bool is_in_wal(const struct image *wal, size_t page)
{
    for (size_t at = 32; at + 24 <= wal->size; at += 24 + 4096) {
        const uint8_t *number = wal->bytes + at;
        if (((size_t)number[2] << 8 | number[3]) == page) return true;
    }
    return false;
}

/* A leaf of a table that the WAL does not hold: only a check of all pages finds it. */
static void garble_leaf(const struct image *database, const struct image *wal)
{
    for (size_t page = 8; page * 4096 <= database->size; page++) {
        uint8_t *bytes = database->bytes + (page - 1) * 4096;
        if (bytes[0] != 13 || is_in_wal(wal, page)) continue;
        memset(bytes, 0x5a, 64);
        return;
    }
    fail_msg("no such page");
}

static void make_damaged(struct world *world, struct image *database, struct image *wal)
{
    assert_int_equal(world_open(world), ST_OK);
    memcpy(world->epoch, world->found.epoch, sizeof world->epoch);
    for (int i = 0; i < 4; i++) assert_true(world_take_readings(world, 100) && world_commit(world));
    world_close(world);
    assert_int_equal(world_open(world), ST_OK);
    assert_true(world_take_readings(world, 60) && world_commit(world));
    world->disk.is_off = true;
    world_close(world);
    world->disk.is_off = false;
    fault_disk_restart(&world->disk);
    *wal = copy_file(&world->disk, "store.db-wal");
    *database = copy_file(&world->disk, "store.db");
    garble_leaf(database, wal);
    fault_disk_put(&world->disk, "store.db", database->bytes, database->size);
    fault_disk_put(&world->disk, "store.db.damaged-1", "former", 6);
    fault_disk_put(&world->disk, "store.db.damaged-1-wal", "former wal", 10);
    fault_disk_put(&world->disk, "store.db.damaged-2", "oldest", 6);
    fault_disk_put(&world->disk, "store.db.damaged-2-wal", "oldest wal", 10);
}

static bool open_with_cut(struct world *world, uint64_t call)
{
    world->disk.cut_at = world->disk.calls + call;
    bool is_whole = world_open(world) == ST_OK && !world->disk.is_off;
    world_close(world);
    bool was_cut = world->disk.is_off;
    assert_true(is_whole || was_cut);
    fault_disk_restart(&world->disk);
    return was_cut;
}

static void assert_pair(const struct fault_disk *disk, const char *name, const struct image *first,
                        const struct image *second)
{
    char wal[DISK_NAME_SIZE];
    (void)snprintf(wal, sizeof wal, "%s-wal", name);
    assert_true(is_image(disk, name, first));
    assert_true(is_image(disk, wal, second));
}

static bool cut_and_check(uint64_t seed, uint64_t call)
{
    static struct world world;
    struct image database, wal;
    struct image former = {(uint8_t *)"former", 6}, former_wal = {(uint8_t *)"former wal", 10};
    world_init(&world, seed);
    make_damaged(&world, &database, &wal);
    bool was_cut = open_with_cut(&world, call);
    assert_int_equal(world_open(&world), ST_OK);
    assert_string_not_equal(world.found.epoch, world.epoch);
    assert_int_equal(world.found.next_seq, 1);
    assert_pair(&world.disk, "store.db.damaged-1", &database, &wal);
    assert_pair(&world.disk, "store.db.damaged-2", &former, &former_wal);
    free(database.bytes);
    free(wal.bytes);
    world_fini(&world);
    return was_cut;
}

static void test_cut_at_each_step_is_finished_by_the_next_start(void **state)
{
    (void)state;
    for (uint64_t call = 1;; call++) {
        bool was_cut = false;
        assert_true(call < CALLS_MAX);
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            printf("call %" PRIu64 " seed %" PRIu64 "\r", call, seed);
            (void)fflush(stdout);
            was_cut = cut_and_check(seed, call) || was_cut;
        }
        if (was_cut) continue;
        printf("\n%" PRIu64 " steps, %d seeds each\n", call - 1, SEEDS);
        assert_true(call > 10);
        return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_each_step_is_finished_by_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
