/* decimal: text to millionths, exactly. */
#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/limits.h"
#include "base/text.h"

enum { UNTOUCHED = -77 };

struct number_case {
    const char *text;
    enum verdict verdict;
    int64_t value_micro;
};

static void check_all(const struct number_case *cases, size_t count, enum decimal_grammar grammar)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value_micro = UNTOUCHED;
        enum verdict verdict =
            decimal_parse_micro(cases[i].text, strlen(cases[i].text), grammar, &value_micro);
        int64_t expected = cases[i].verdict == VERDICT_OK ? cases[i].value_micro : UNTOUCHED;
        if (verdict != cases[i].verdict || value_micro != expected) {
            fail_msg("%s: %s %lld", cases[i].text, verdict_name(verdict), (long long)value_micro);
        }
    }
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_json_numbers_are_exact(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0", VERDICT_OK, 0},
        {"-0", VERDICT_OK, 0},
        {"-0.0e5", VERDICT_OK, 0},
        {"21.5", VERDICT_OK, 21500000},
        {"-4", VERDICT_OK, -4000000},
        {"2.15e1", VERDICT_OK, 21500000},
        {"2.15E+1", VERDICT_OK, 21500000},
        {"2150e-2", VERDICT_OK, 21500000},
        {"0.1", VERDICT_OK, 100000},
        {"33.200001", VERDICT_OK, 33200001},
        {"0.0000004", VERDICT_OK, 0},
        {"0.00000049999999999999999999999999", VERDICT_OK, 0},
        {"0.0000005", VERDICT_OK, 1},
        {"-0.0000005", VERDICT_OK, -1},
        {"-0.0000004", VERDICT_OK, 0},
        {"1.0000015", VERDICT_OK, 1000002},
        {"0.9999995", VERDICT_OK, 1000000},
        {"5e-7", VERDICT_OK, 1},
        {"5e-8", VERDICT_OK, 0},
        {"1e-400", VERDICT_OK, 0},
        {"1e-99999999999999999999999999", VERDICT_OK, 0},
        {"0e99999999999999999999999999", VERDICT_OK, 0},
        {"100000", VERDICT_OK, LIMIT_VALUE_MICRO},
        {"-1e5", VERDICT_OK, -LIMIT_VALUE_MICRO},
        {"100000.0000004", VERDICT_OK, LIMIT_VALUE_MICRO},
        {"100000.0000005", VERDICT_RANGE, 0},
        {"100000.000001", VERDICT_RANGE, 0},
        {"1e999", VERDICT_RANGE, 0},
        {"-1e999", VERDICT_RANGE, 0},
        {"1e99999999999999999999999999", VERDICT_RANGE, 0},
        {"0.00001e11", VERDICT_RANGE, 0},
        {"18446744073709551616", VERDICT_RANGE, 0},
    };
    check_all(cases, COUNT(cases), DECIMAL_JSON);
}

static void test_what_is_no_json_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",    "-",     "+1",   "01",       "-01", "1.",  ".5",   "1.e3", "1e",          "1e+",
        "1e-", "e1",    "0x10", "Infinity", "NaN", "nan", "-inf", "1 ",   " 1",          "1,5",
        "--1", "1.2.3", "1e1e", "1e1.5",    "1_0", "1f",  "0.e1", "-.5",  "\xEF\xBC\x91"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct number_case number = {texts[i], VERDICT_SYNTAX, 0};
        check_all(&number, 1, DECIMAL_JSON);
    }
}

static void test_plain_numbers_may_have_plus_and_leading_zeros(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"+21.50", VERDICT_OK, 21500000}, {"007", VERDICT_OK, 7000000},
        {"-00.5", VERDICT_OK, -500000},   {"+-1", VERDICT_SYNTAX, 0},
        {".5", VERDICT_SYNTAX, 0},        {"5.", VERDICT_SYNTAX, 0},
        {"23,5", VERDICT_SYNTAX, 0},      {"0x1F", VERDICT_SYNTAX, 0},
    };
    check_all(cases, COUNT(cases), DECIMAL_PLAIN);
}

static void test_size_ends_the_text(void **state)
{
    (void)state;
    int64_t value_micro = 0;
    assert_int_equal(decimal_parse_micro("21.55", 4, DECIMAL_JSON, &value_micro), VERDICT_OK);
    assert_int_equal(value_micro, 21500000);
    assert_int_equal(decimal_parse_micro("1\0002", 3, DECIMAL_JSON, &value_micro), VERDICT_SYNTAX);
}

static void test_four_hundred_digits_are_exact(void **state)
{
    (void)state;
    char text[1024];
    int64_t value_micro = 0;
    /* 0.00 ... 0021 * 10^401 */
    size_t size = 0;
    text[size++] = '0';
    text[size++] = '.';
    memset(text + size, '0', 400);
    size += 400;
    memcpy(text + size, "215e402", 7);
    size += 7;
    assert_int_equal(decimal_parse_micro(text, size, DECIMAL_JSON, &value_micro), VERDICT_OK);
    assert_int_equal(value_micro, 21500000);
    /* 2150 ... 0 * 10^-400 */
    size = 0;
    memcpy(text, "215", 3);
    memset(text + 3, '0', 400);
    memcpy(text + 403, "e-401", 5);
    assert_int_equal(decimal_parse_micro(text, 408, DECIMAL_JSON, &value_micro), VERDICT_OK);
    assert_int_equal(value_micro, 21500000);
    /* 0.4999 ... 9 millionths stay below one half, however many nines there are */
    memcpy(text, "0.0000004", 9);
    memset(text + 9, '9', 400);
    assert_int_equal(decimal_parse_micro(text, 409, DECIMAL_JSON, &value_micro), VERDICT_OK);
    assert_int_equal(value_micro, 0);
    memset(text, '9', 400);
    assert_int_equal(decimal_parse_micro(text, 400, DECIMAL_JSON, &value_micro), VERDICT_RANGE);
    memset(text, '0', 400);
    text[399] = '7';
    assert_int_equal(decimal_parse_micro(text, 400, DECIMAL_PLAIN, &value_micro), VERDICT_OK);
    assert_int_equal(value_micro, 7000000);
}

static void test_every_printed_value_reads_back(void **state)
{
    (void)state;
    uint64_t seed = 20261121;
    for (int i = 0; i < 20000; i++) {
        int64_t span = 2 * LIMIT_VALUE_MICRO + 1;
        int64_t value_micro = (int64_t)(backoff_random(&seed) % (uint64_t)span) - LIMIT_VALUE_MICRO;
        char bytes[64];
        struct text text;
        text_init(&text, bytes, sizeof bytes);
        text_add_micro(&text, value_micro);
        int64_t again = 0;
        assert_int_equal(decimal_parse_micro(bytes, text.size, DECIMAL_JSON, &again), VERDICT_OK);
        assert_true(again == value_micro);
    }
}

static int64_t scaled(const char *text, int scale)
{
    int64_t number = UNTOUCHED;
    if (decimal_parse_scaled(text, strlen(text), DECIMAL_JSON, scale, &number) != VERDICT_OK) {
        return UNTOUCHED;
    }
    return number;
}

static void test_scaled_numbers_are_cut(void **state)
{
    (void)state;
    assert_true(scaled("1680962879.62", 3) == INT64_C(1680962879620));
    assert_true(scaled("1680962879.6209", 3) == INT64_C(1680962879620));
    assert_true(scaled("-1.9999", 3) == -1999);
    assert_true(scaled("1.68096287962e9", 3) == INT64_C(1680962879620));
    assert_true(scaled("1465839830100400200", -6) == INT64_C(1465839830100));
    assert_true(scaled("999999", -6) == 0);
    assert_true(scaled("4611686018427387904", 0) == INT64_C(4611686018427387904));
    assert_true(scaled("4611686018427387905", 0) == UNTOUCHED);
    assert_true(scaled("x", 0) == UNTOUCHED);
}

static void test_division_rounds_half_away_from_zero(void **state)
{
    (void)state;
    assert_true(decimal_divide(5, 2) == 3);
    assert_true(decimal_divide(-5, 2) == -3);
    assert_true(decimal_divide(4, 3) == 1);
    assert_true(decimal_divide(5, 3) == 2);
    assert_true(decimal_divide(-4, 3) == -1);
    assert_true(decimal_divide(0, 7) == 0);
    assert_true(decimal_divide(INT64_MAX, 1) == INT64_MAX);
    assert_true(decimal_divide(INT64_MIN, 1) == INT64_MIN);
    assert_true(decimal_divide(INT64_MIN, INT64_MAX) == -1);
    assert_true(decimal_divide(INT64_MAX - 1, INT64_MAX) == 1);
}

static void test_units_become_celsius(void **state)
{
    (void)state;
    assert_true(decimal_to_celsius(212000000, UNIT_FAHRENHEIT) == 100000000);
    assert_true(decimal_to_celsius(-40000000, UNIT_FAHRENHEIT) == -40000000);
    assert_true(decimal_to_celsius(82000000, UNIT_FAHRENHEIT) == 27777778);
    assert_true(decimal_to_celsius(0, UNIT_FAHRENHEIT) == -17777778);
    assert_true(decimal_to_celsius(273150000, UNIT_KELVIN) == 0);
    assert_true(decimal_to_celsius(21500000, UNIT_CELSIUS) == 21500000);
    assert_true(decimal_to_celsius(-LIMIT_VALUE_MICRO, UNIT_FAHRENHEIT) == INT64_C(-55573333333));
}

static void test_unit_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int unit; /* -1: none */
    } cases[] = {
        {"C", UNIT_CELSIUS},
        {"c", UNIT_CELSIUS},
        {"Cel", UNIT_CELSIUS},
        {"degC", UNIT_CELSIUS},
        {"\xC2\xB0"
         "C",
         UNIT_CELSIUS},
        {"\xB0"
         "C",
         UNIT_CELSIUS},
        {"Celsius", UNIT_CELSIUS},
        {"F", UNIT_FAHRENHEIT},
        {"\xC2\xB0"
         "f",
         UNIT_FAHRENHEIT},
        {"degf", UNIT_FAHRENHEIT},
        {"FAHRENHEIT", UNIT_FAHRENHEIT},
        {"K", UNIT_KELVIN},
        {"kelvin", UNIT_KELVIN},
        {"", -1},
        {"\xC2\xB0", -1},
        {"\xC2\xB0"
         "K",
         -1},
        {"\xC2\xB0"
         "Cel",
         -1},
        {"Cels", -1},
        {"CC", -1},
        {"%", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum unit unit = UNIT_COUNT;
        enum verdict verdict = decimal_parse_unit(cases[i].text, strlen(cases[i].text), &unit);
        assert_int_equal(verdict, cases[i].unit < 0 ? VERDICT_FIELD : VERDICT_OK);
        assert_int_equal((int)unit, cases[i].unit < 0 ? (int)UNIT_COUNT : cases[i].unit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_numbers_are_exact),
        cmocka_unit_test(test_what_is_no_json_number_is_refused),
        cmocka_unit_test(test_plain_numbers_may_have_plus_and_leading_zeros),
        cmocka_unit_test(test_size_ends_the_text),
        cmocka_unit_test(test_four_hundred_digits_are_exact),
        cmocka_unit_test(test_every_printed_value_reads_back),
        cmocka_unit_test(test_scaled_numbers_are_cut),
        cmocka_unit_test(test_division_rounds_half_away_from_zero),
        cmocka_unit_test(test_units_become_celsius),
        cmocka_unit_test(test_unit_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
