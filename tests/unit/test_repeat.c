/* repeat: what is recognised, how often, and what of it survives in the journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repeat.h"

#include <string.h>

#define NOW_MS INT64_C(5000000)
#define AGE_MS INT64_C(247000)

static uint64_t key_of(uint32_t slot, uint32_t mark)
{
    return (uint64_t)slot << 32 | mark;
}

static struct repeat opened(size_t capacity)
{
    struct repeat repeat;
    assert_int_equal(repeat_open(&repeat, capacity), ST_OK);
    return repeat;
}

static bool match(struct repeat *repeat, uint32_t slot, uint32_t mark)
{
    return repeat_match(repeat, key_of(slot, mark), NOW_MS, INT64_MAX);
}

static void remember(struct repeat *repeat, uint32_t slot, uint32_t mark)
{
    repeat_remember(repeat, key_of(slot, mark), NOW_MS);
}

/* Gives what is not yet in the journal to the other; returns how many bytes it took. */
static size_t journal(struct repeat *from, struct repeat *into)
{
    uint8_t bytes[REPEAT_ENTRY_BYTES];
    char name[REPEAT_NAME_SIZE];
    size_t size, all = 0;
    while ((size = repeat_encode(from, "mqtt[0]", NOW_MS, bytes)) > 0) {
        assert_int_equal(repeat_read_name(bytes, size, name), ST_OK);
        assert_string_equal(name, "mqtt[0]");
        assert_int_equal(repeat_restore(into, bytes, size, NOW_MS), ST_OK);
        all += size;
    }
    return all;
}

static void a_key_matches_once_and_only_when_expected(void **context)
{
    (void)context;
    struct repeat repeat = opened(8);
    remember(&repeat, 1, 77);
    assert_false(match(&repeat, 1, 77));
    repeat_expect(&repeat);
    assert_false(match(&repeat, 1, 78));
    assert_false(match(&repeat, 2, 77));
    assert_true(match(&repeat, 1, 77));
    assert_false(match(&repeat, 1, 77));
    repeat_expect(&repeat);
    assert_true(match(&repeat, 1, 77));
    repeat_close(&repeat);
}

static void what_came_after_the_resumption_is_not_expected(void **context)
{
    (void)context;
    struct repeat repeat = opened(8);
    remember(&repeat, 1, 77);
    repeat_expect(&repeat);
    remember(&repeat, 2, 77);
    assert_false(match(&repeat, 2, 77));
    repeat_close(&repeat);
}

static void a_slot_holds_only_the_newest(void **context)
{
    (void)context;
    struct repeat repeat = opened(8);
    for (int i = 0; i < 6; i++) remember(&repeat, 1, 77);
    remember(&repeat, 1, 78);
    repeat_expect(&repeat);
    assert_false(match(&repeat, 1, 77));
    assert_true(match(&repeat, 1, 78));
    assert_false(match(&repeat, 1, 78));
    repeat_close(&repeat);
}

static void the_newest_of_a_full_ring_are_known(void **context)
{
    (void)context;
    struct repeat repeat = opened(250);
    for (uint32_t i = 0; i < 1000; i++) remember(&repeat, i, i + 5);
    repeat_expect(&repeat);
    assert_false(match(&repeat, 749, 754));
    for (uint32_t i = 750; i < 1000; i++) assert_true(match(&repeat, i, i + 5));
    repeat_close(&repeat);
}

static void without_room_nothing_is_remembered(void **context)
{
    (void)context;
    struct repeat repeat = opened(0);
    uint8_t bytes[REPEAT_ENTRY_BYTES];
    remember(&repeat, 1, 77);
    repeat_expect(&repeat);
    assert_false(match(&repeat, 1, 77));
    assert_false(repeat_forget(&repeat));
    repeat_journal_whole(&repeat);
    assert_int_equal(repeat_encode(&repeat, "x", NOW_MS, bytes), 0);
    repeat_close(&repeat);
}

static void the_journal_gives_back_what_was_committed(void **context)
{
    (void)context;
    struct repeat repeat = opened(250), after = opened(250);
    for (uint32_t round = 0; round < 7; round++) {
        for (uint32_t i = 0; i < 100; i++) remember(&repeat, round * 100 + i, i);
        assert_true(journal(&repeat, &after) <= repeat_room_bytes(250));
    }
    remember(&repeat, 9999, 1); /* not committed */
    assert_int_equal(after.total, 700);
    repeat_expect(&after);
    assert_false(match(&after, 9999, 1));
    assert_false(match(&after, 449, 49));
    for (uint32_t i = 450; i < 700; i++) assert_true(match(&after, i, i % 100));
    repeat_close(&repeat);
    repeat_close(&after);
}

static void the_room_holds_for_the_longest_keys(void **context)
{
    (void)context;
    for (size_t capacity = 1; capacity <= REPEAT_KEYS_MAX; capacity = capacity * 2 + 1) {
        struct repeat repeat = opened(capacity), after = opened(capacity);
        for (uint32_t i = 0; i < 2 * capacity; i++)
            repeat_remember(&repeat, key_of(i % 2 == 0 ? i : UINT32_MAX - i, i), 0);
        repeat_journal_whole(&repeat);
        assert_in_range(journal(&repeat, &after), capacity * 6, repeat_room_bytes(capacity));
        repeat_close(&repeat);
        repeat_close(&after);
    }
}

static void a_whole_entry_stands_without_the_older_ones(void **context)
{
    (void)context;
    struct repeat repeat = opened(100), lost = opened(100), after = opened(100);
    for (uint32_t i = 0; i < 100; i++) remember(&repeat, i, i);
    (void)journal(&repeat, &lost);
    repeat_journal_whole(&repeat);
    (void)journal(&repeat, &after);
    remember(&repeat, 200, 200);
    (void)journal(&repeat, &after);
    repeat_expect(&after);
    assert_false(match(&after, 0, 0)); /* pushed out by the newest */
    for (uint32_t i = 1; i < 100; i++) assert_true(match(&after, i, i));
    assert_true(match(&after, 200, 200));
    repeat_close(&repeat);
    repeat_close(&lost);
    repeat_close(&after);
}

static void what_was_forgotten_is_forgotten_after_a_crash_too(void **context)
{
    (void)context;
    struct repeat repeat = opened(100), after = opened(100);
    remember(&repeat, 1, 77);
    (void)journal(&repeat, &after);
    assert_true(repeat_forget(&repeat));
    assert_false(repeat_forget(&repeat));
    assert_true(journal(&repeat, &after) > 0);
    repeat_expect(&after);
    assert_false(match(&after, 1, 77));
    assert_int_equal(journal(&repeat, &after), 0);
    repeat_close(&repeat);
    repeat_close(&after);
}

static void a_key_can_be_too_old(void **context)
{
    (void)context;
    struct repeat repeat = opened(4), after = opened(4);
    uint8_t bytes[REPEAT_ENTRY_BYTES];
    repeat_remember(&repeat, key_of(1, 1), NOW_MS - AGE_MS - 2000);
    repeat_remember(&repeat, key_of(2, 2), NOW_MS - AGE_MS + 2000);
    size_t size = repeat_encode(&repeat, "coap[0]", NOW_MS, bytes);
    assert_int_equal(repeat_restore(&after, bytes, size, NOW_MS), ST_OK);
    repeat_expect(&after);
    assert_false(repeat_match(&after, key_of(1, 1), NOW_MS, AGE_MS));
    assert_true(repeat_match(&after, key_of(2, 2), NOW_MS, AGE_MS));
    repeat_close(&repeat);
    repeat_close(&after);
}

static void a_new_start_of_the_machine_counts_from_there(void **context)
{
    (void)context;
    struct repeat repeat = opened(4), after = opened(4);
    uint8_t bytes[REPEAT_ENTRY_BYTES];
    remember(&repeat, 1, 1);
    remember(&repeat, 2, 2);
    size_t size = repeat_encode(&repeat, "coap[0]", NOW_MS, bytes);
    assert_int_equal(repeat_restore(&after, bytes, size, 30000), ST_OK);
    repeat_expect(&after);
    assert_true(repeat_match(&after, key_of(1, 1), 40000, AGE_MS));
    assert_false(repeat_match(&after, key_of(2, 2), AGE_MS + 1000, AGE_MS));
    repeat_close(&repeat);
    repeat_close(&after);
}

/* The same told by the simplest means. */
struct model {
    uint64_t keys[40];
    bool is_expected[40];
    size_t count;
};

static void model_remember(struct model *model, uint64_t key, size_t capacity)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->keys[i] >> 32 == key >> 32) model->keys[i] = UINT64_MAX;
        if (i == 0 && model->count == capacity) continue;
        model->keys[kept] = model->keys[i];
        model->is_expected[kept++] = model->is_expected[i];
    }
    model->keys[kept] = key;
    model->is_expected[kept] = false;
    model->count = kept + 1;
}

static bool model_match(struct model *model, uint64_t key)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->keys[i] != key || !model->is_expected[i]) continue;
        model->is_expected[i] = false;
        return true;
    }
    return false;
}

static void chance_finds_no_difference_to_the_plain_rule(void **context)
{
    (void)context;
    uint64_t random = 12345;
    size_t matches = 0;
    for (size_t capacity = 1; capacity <= 40; capacity += 13) {
        struct repeat repeat = opened(capacity);
        struct model model = {.count = 0};
        for (int i = 0; i < 20000; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            uint64_t key = key_of((uint32_t)(random >> 40) % 60, (uint32_t)(random >> 33) % 2);
            unsigned choice = (unsigned)(random >> 50) % 100;
            if (choice < 50) {
                repeat_remember(&repeat, key, NOW_MS);
                model_remember(&model, key, capacity);
            } else if (choice < 98) {
                bool is_match = repeat_match(&repeat, key, NOW_MS, INT64_MAX);
                assert_int_equal(is_match, model_match(&model, key));
                matches += is_match;
            } else {
                repeat_expect(&repeat);
                for (size_t k = 0; k < model.count; k++) model.is_expected[k] = true;
            }
        }
        repeat_close(&repeat);
    }
    assert_in_range(matches, 100, 100000);
}

static void a_broken_entry_changes_nothing(void **context)
{
    (void)context;
    struct repeat repeat = opened(8), after = opened(8);
    uint8_t bytes[REPEAT_ENTRY_BYTES], broken[REPEAT_ENTRY_BYTES];
    char name[REPEAT_NAME_SIZE];
    remember(&after, 7, 7);
    for (uint32_t i = 0; i < 5; i++) remember(&repeat, i * 1000000, i);
    size_t size = repeat_encode(&repeat, "mqtt[0]", NOW_MS, bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(repeat_restore(&after, bytes, cut, NOW_MS), ST_CORRUPT);
    memcpy(broken, bytes, size);
    broken[0] = 'L';
    assert_int_equal(repeat_restore(&after, broken, size, NOW_MS), ST_CORRUPT);
    assert_int_equal(repeat_read_name(broken, size, name), ST_CORRUPT);
    memcpy(broken, bytes, size);
    broken[2] = 0x7f; /* a name longer than any */
    assert_int_equal(repeat_read_name(broken, size, name), ST_CORRUPT);
    assert_int_equal(after.total, 1);
    repeat_expect(&after);
    assert_true(match(&after, 7, 7));
    repeat_close(&repeat);
    repeat_close(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_matches_once_and_only_when_expected),
        cmocka_unit_test(what_came_after_the_resumption_is_not_expected),
        cmocka_unit_test(a_slot_holds_only_the_newest),
        cmocka_unit_test(the_newest_of_a_full_ring_are_known),
        cmocka_unit_test(without_room_nothing_is_remembered),
        cmocka_unit_test(the_journal_gives_back_what_was_committed),
        cmocka_unit_test(the_room_holds_for_the_longest_keys),
        cmocka_unit_test(a_whole_entry_stands_without_the_older_ones),
        cmocka_unit_test(what_was_forgotten_is_forgotten_after_a_crash_too),
        cmocka_unit_test(a_key_can_be_too_old),
        cmocka_unit_test(a_new_start_of_the_machine_counts_from_there),
        cmocka_unit_test(chance_finds_no_difference_to_the_plain_rule),
        cmocka_unit_test(a_broken_entry_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
