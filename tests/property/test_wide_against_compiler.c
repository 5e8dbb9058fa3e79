/* wide: sums, squares, order and text agree with the compiler's 128-bit type, where it has one. */
#include "property/support.h"

__extension__ typedef unsigned __int128 wide_number;

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
        cmocka_unit_test(test_wide_agrees_with_the_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
