/* wide: the ends of the range, and text. */
#include "base/wide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_squares_at_the_ends(void **state)
{
    (void)state;
    static const struct {
        int64_t number;
        uint64_t high, low;
    } cases[] = {
        {0, 0, 0},
        {-1, 0, 1},
        {INT64_C(4294967296), 1, 0},
        {INT64_C(-4294967297), 1, UINT64_C(8589934593)},
        {INT64_MAX, UINT64_C(0x3fffffffffffffff), 1},
        {INT64_MIN, UINT64_C(0x4000000000000000), 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wide square = wide_square(cases[i].number);
        assert_int_equal(square.high, cases[i].high);
        assert_int_equal(square.low, cases[i].low);
    }
}

static void test_overflow_changes_nothing(void **state)
{
    (void)state;
    struct wide sum = {.low = UINT64_MAX, .high = UINT64_MAX};
    assert_false(wide_add(&sum, (struct wide){.low = 1}));
    assert_false(wide_add(&sum, (struct wide){.high = 1}));
    assert_true(wide_add(&sum, (struct wide){0}));
    assert_int_equal(sum.low, UINT64_MAX);
    assert_int_equal(sum.high, UINT64_MAX);
}

static void test_text(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "340282366920938463463374607431768211456"};
    char text[WIDE_TEXT_SIZE];
    struct wide number;
    assert_int_equal(wide_format((struct wide){0}, text), 1);
    assert_string_equal(text, "0");
    assert_int_equal(wide_format((struct wide){.low = UINT64_MAX, .high = UINT64_MAX}, text), 39);
    assert_string_equal(text, "340282366920938463463374607431768211455");
    assert_true(wide_parse(text, &number));
    assert_int_equal(number.high, UINT64_MAX);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_false(wide_parse(refused[i], &number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_squares_at_the_ends),
        cmocka_unit_test(test_overflow_changes_nothing),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
