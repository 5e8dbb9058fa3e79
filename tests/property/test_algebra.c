/* algebra: any order and any split of the same readings gives the same bytes, and wide sums agree
 * with the compiler's 128-bit type. */
#include "property/support.h"

__extension__ typedef unsigned __int128 wide_number;

enum { READINGS = 60, PARTS = 7 };

static void merge_and_check(struct random *random)
{
    int64_t values[READINGS], times[READINGS];
    struct summary whole = {0}, parts[PARTS] = {{0}}, merged = {0};
    for (size_t i = 0; i < READINGS; i++) {
        values[i] = random_between(random, -4, 4) * LIMIT_VALUE_MICRO / 4; /* many ties */
        times[i] = random_between(random, 1, 9);
        assert_int_equal(summary_add(&whole, values[i], times[i]), ST_OK);
    }
    for (size_t i = READINGS; i > 0; i--) {
        size_t k = (size_t)random_between(random, 0, (int64_t)i - 1);
        struct summary *part = &parts[random_between(random, 0, PARTS - 1)];
        assert_int_equal(summary_add(part, values[k], times[k]), ST_OK);
        values[k] = values[i - 1];
        times[k] = times[i - 1];
    }
    while (merged.count < READINGS) {
        struct summary *part = &parts[random_between(random, 0, PARTS - 1)];
        struct summary *into = random_between(random, 0, 1) == 0 ? &merged : &parts[0];
        if (part == into) into = &merged;
        assert_int_equal(summary_merge(into, part), ST_OK);
        *part = (struct summary){0};
    }
    assert_memory_equal(&merged, &whole, sizeof whole);
}

static void test_order_and_split_do_not_show(void **state)
{
    (void)state;
    repeat(200, merge_and_check);
}

static wide_number number_of(struct wide wide)
{
    return (wide_number)wide.high << 64 | wide.low;
}

static uint64_t random_word(struct random *random)
{
    uint64_t word = random_next(random);
    switch (random_between(random, 0, 4)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return word >> random_between(random, 0, 63);
    default:
        return word;
    }
}

static void compare_with_compiler(struct random *random)
{
    for (int i = 0; i < 1000; i++) {
        struct wide a = {.low = random_word(random), .high = random_word(random)};
        struct wide b = {.low = random_word(random), .high = random_word(random)};
        wide_number x = number_of(a), y = number_of(b);
        assert_int_equal(wide_compare(a, b), x < y ? -1 : x > y);
        struct wide sum = a;
        bool fits = x + y >= x;
        assert_int_equal(wide_add(&sum, b), fits);
        assert_true(number_of(sum) == (fits ? x + y : x));
        uint64_t magnitude = a.low > INT64_MAX ? 0 - a.low : a.low;
        assert_true(number_of(wide_square((int64_t)a.low)) == (wide_number)magnitude * magnitude);
        char text[WIDE_TEXT_SIZE];
        struct wide back;
        size_t size = wide_format(a, text);
        assert_int_equal(size, strlen(text));
        wide_number digits = x;
        for (size_t k = size; k > 0; k--, digits /= 10) {
            assert_int_equal(text[k - 1] - '0', (int)(digits % 10));
        }
        assert_true(digits == 0);
        assert_true(wide_parse(text, &back));
        assert_int_equal(wide_compare(a, back), 0);
    }
}

static void test_wide_agrees_with_the_compiler(void **state)
{
    (void)state;
    repeat(20, compare_with_compiler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_split_do_not_show),
        cmocka_unit_test(test_wide_agrees_with_the_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
