/* band: outside to the equals sign, the deadband, several bands, and the words of the reason. */
#include "alarm/band.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEGREE INT64_C(1000000)

static const struct band ONE = {10 * DEGREE, 20 * DEGREE, 30 * DEGREE, 0};
static const struct band TWO[] = {{10 * DEGREE, 20 * DEGREE, 30 * DEGREE, 0},
                                  {60 * DEGREE, 70 * DEGREE, 80 * DEGREE, 0}};

static enum band_side judge_one(int64_t value_micro, int64_t deadband_micro, bool was_outside)
{
    size_t nearest = 9;
    enum band_side side = band_judge(&ONE, 1, value_micro, deadband_micro, was_outside, &nearest);
    assert_int_equal(nearest, 0);
    return side;
}

static void test_at_a_limit_is_outside(void **state)
{
    (void)state;
    assert_int_equal(judge_one(10 * DEGREE, 0, false), BAND_BELOW);
    assert_int_equal(judge_one(10 * DEGREE + 1, 0, false), BAND_USUAL);
    assert_int_equal(judge_one(30 * DEGREE - 1, 0, false), BAND_USUAL);
    assert_int_equal(judge_one(30 * DEGREE, 0, false), BAND_ABOVE);
}

static void test_one_that_was_outside_must_pass_the_deadband(void **state)
{
    (void)state;
    assert_int_equal(judge_one(29 * DEGREE, DEGREE, true), BAND_ABOVE);
    assert_int_equal(judge_one(29 * DEGREE - 1, DEGREE, true), BAND_USUAL);
    assert_int_equal(judge_one(29 * DEGREE, DEGREE, false), BAND_USUAL);
    assert_int_equal(judge_one(11 * DEGREE, DEGREE, true), BAND_BELOW);
}

static void test_a_deadband_wider_than_the_band_can_still_be_passed(void **state)
{
    (void)state;
    assert_int_equal(judge_one(20 * DEGREE, 1000 * DEGREE, true), BAND_USUAL);
    assert_int_equal(judge_one(25 * DEGREE, 1000 * DEGREE, true), BAND_ABOVE);
    const struct band lopsided = {10 * DEGREE, 20 * DEGREE, 21 * DEGREE, 0};
    size_t nearest;
    assert_int_equal(band_judge(&lopsided, 1, 20 * DEGREE, 5 * DEGREE, true, &nearest), BAND_USUAL);
}

static void test_inside_any_band_is_inside_and_the_nearest_decides(void **state)
{
    (void)state;
    size_t nearest = 9;
    assert_int_equal(band_judge(TWO, 2, 65 * DEGREE, 0, false, &nearest), BAND_USUAL);
    assert_int_equal(nearest, 1);
    assert_int_equal(band_judge(TWO, 2, 40 * DEGREE, 0, false, &nearest), BAND_ABOVE);
    assert_int_equal(nearest, 0);
    assert_int_equal(band_judge(TWO, 2, 55 * DEGREE, 0, false, &nearest), BAND_BELOW);
    assert_int_equal(nearest, 1);
}

static void assert_reason(const struct band *band, int64_t value_micro, const char *expected)
{
    char bytes[BAND_REASON_SIZE];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    band_add_reason(&text, band, value_micro, 14);
    assert_string_equal(bytes, expected);
    assert_false(text.is_cut);
}

static void test_reason_says_value_distance_usual_value_and_hour(void **state)
{
    (void)state;
    struct band band = {57 * DEGREE, 74 * DEGREE, 91 * DEGREE, 3400000};
    assert_reason(&band, 91200000,
                  "91.2 is 5.1 deviations above the usual 74 \xC2\xB1 3.4 at 14 h");
    assert_reason(&band, 51230049,
                  "51.23 is 6.7 deviations below the usual 74 \xC2\xB1 3.4 at 14 h");
    assert_reason(&ONE, 8000000, "8 is 12 below the usual 20 (10 to 30) at 14 h");
}

static void test_the_longest_reason_fits(void **state)
{
    (void)state;
    char bytes[BAND_REASON_SIZE];
    struct text text;
    const int64_t far = INT64_C(-399999999999);
    struct band bands[] = {
        {far, far, -far, 1}, {far, far, -far, 399999990000}, {far, far, -far, 0}};
    for (size_t i = 0; i < 3; i++) {
        text_init(&text, bytes, sizeof bytes);
        band_add_reason(&text, &bands[i], -far, 23);
        assert_false(text.is_cut);
    }
}

static void test_hours_of_any_time_and_offset(void **state)
{
    (void)state;
    const int64_t hour_ms = 3600000;
    assert_int_equal(band_count_hours(0, 0), 0);
    assert_int_equal(band_count_hours(-1, 0), -1);
    assert_int_equal(band_count_hours(hour_ms - 1, 1), 1);
    assert_int_equal(band_count_hours(hour_ms, -1), 0);
    assert_int_equal(band_hour_of_day(-1), 23);
    assert_int_equal(band_hour_of_day(-24), 0);
    assert_int_equal(band_hour_of_day(49), 1);
    assert_int_equal(band_count_hours(INT64_MAX, 14 * hour_ms), INT32_MAX);
    assert_int_equal(band_count_hours(INT64_MIN, -14 * hour_ms), INT32_MIN);
    assert_in_range(band_hour_of_day(INT32_MIN), 0, 23);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_a_limit_is_outside),
        cmocka_unit_test(test_one_that_was_outside_must_pass_the_deadband),
        cmocka_unit_test(test_a_deadband_wider_than_the_band_can_still_be_passed),
        cmocka_unit_test(test_inside_any_band_is_inside_and_the_nearest_decides),
        cmocka_unit_test(test_reason_says_value_distance_usual_value_and_hour),
        cmocka_unit_test(test_the_longest_reason_fits),
        cmocka_unit_test(test_hours_of_any_time_and_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
