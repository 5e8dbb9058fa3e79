/* event_time: the forms of time that devices send. */
#include "base/event_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { UNTOUCHED = -77 };

struct time_case {
    const char *text;
    bool is_text;
    enum time_form form;
    enum verdict verdict;
    int64_t event_ms;
};

static void check_all(const struct time_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t event_ms = UNTOUCHED;
        enum verdict verdict = event_time_parse(cases[i].text, strlen(cases[i].text),
                                                cases[i].is_text, cases[i].form, &event_ms);
        int64_t expected = cases[i].verdict == VERDICT_OK ? cases[i].event_ms : UNTOUCHED;
        if (verdict != cases[i].verdict || event_ms != expected) {
            fail_msg("%s: %s %lld", cases[i].text, verdict_name(verdict), (long long)event_ms);
        }
    }
}

static void test_numbers_by_form(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"1680962879.62", false, TIME_FORM_S, VERDICT_OK, 1680962879620},
        {"1680962879.6299", false, TIME_FORM_S, VERDICT_OK, 1680962879629},
        {"1680962879620", false, TIME_FORM_MS, VERDICT_OK, 1680962879620},
        {"1680962879620.9", false, TIME_FORM_MS, VERDICT_OK, 1680962879620},
        {"1680962879620999", false, TIME_FORM_US, VERDICT_OK, 1680962879620},
        {"1680962879620999999", false, TIME_FORM_NS, VERDICT_OK, 1680962879620},
        {"1680962879", true, TIME_FORM_S, VERDICT_OK, 1680962879000},
        {"-1", false, TIME_FORM_S, VERDICT_OK, -1000},
        {"1e999", false, TIME_FORM_S, VERDICT_TIME, 0},
        {"9999999999999999999", false, TIME_FORM_S, VERDICT_TIME, 0},
        {"1.", false, TIME_FORM_S, VERDICT_SYNTAX, 0},
        {"", true, TIME_FORM_S, VERDICT_SYNTAX, 0},
        {"2020-01-01T00:00:00Z", true, TIME_FORM_MS, VERDICT_SYNTAX, 0},
    };
    check_all(cases, COUNT(cases));
}

static void test_auto_tells_by_size(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"0", false, TIME_FORM_AUTO, VERDICT_OK, 0},
        {"1680962879.62", false, TIME_FORM_AUTO, VERDICT_OK, 1680962879620},
        {"99999999999", false, TIME_FORM_AUTO, VERDICT_OK, 99999999999000},
        {"100000000000", false, TIME_FORM_AUTO, VERDICT_OK, 100000000000},
        {"99999999999999", false, TIME_FORM_AUTO, VERDICT_OK, 99999999999999},
        {"100000000000000", false, TIME_FORM_AUTO, VERDICT_OK, 100000000000},
        {"100000000000000000", false, TIME_FORM_AUTO, VERDICT_OK, 100000000000},
        {"1465839830100400200", false, TIME_FORM_AUTO, VERDICT_OK, 1465839830100},
        {"-1680962879620", false, TIME_FORM_AUTO, VERDICT_OK, -1680962879620},
        {"1680962879620", true, TIME_FORM_AUTO, VERDICT_OK, 1680962879620},
        {"2020-02-12T15:15:46.014773143Z", true, TIME_FORM_AUTO, VERDICT_OK, 1581520546014},
        {"2020-02-12T15:15:46Z", false, TIME_FORM_AUTO, VERDICT_SYNTAX, 0},
        {"1.5e-3", true, TIME_FORM_AUTO, VERDICT_OK, 1},
        {"true", false, TIME_FORM_AUTO, VERDICT_SYNTAX, 0},
        {"now", true, TIME_FORM_AUTO, VERDICT_SYNTAX, 0},
        {"9999999999999999999", false, TIME_FORM_AUTO, VERDICT_TIME, 0},
    };
    check_all(cases, COUNT(cases));
}

static void test_iso_text(void **state)
{
    (void)state;
    static const struct time_case cases[] = {
        {"1970-01-01T00:00:00Z", true, TIME_FORM_ISO, VERDICT_OK, 0},
        {"2017-02-16T10:13:52", true, TIME_FORM_ISO, VERDICT_OK, 1487240032000},
        {"2019-08-29 08:38:19", true, TIME_FORM_ISO, VERDICT_OK, 1567067899000},
        {"2019-08-29t08:38z", true, TIME_FORM_ISO, VERDICT_OK, 1567067880000},
        {"2022-07-18T09:34:15.775023242+00:00", true, TIME_FORM_ISO, VERDICT_OK, 1658136855775},
        {"2022-07-18T11:34:15.7+02:00", true, TIME_FORM_ISO, VERDICT_OK, 1658136855700},
        {"2022-07-18T04:04:15,77-0530", true, TIME_FORM_ISO, VERDICT_OK, 1658136855770},
        {"2022-07-18T11:34:15+02", true, TIME_FORM_ISO, VERDICT_OK, 1658136855000},
        {"1969-12-31T23:59:59.999Z", true, TIME_FORM_ISO, VERDICT_OK, -1},
        {"2016-12-31T23:59:60Z", true, TIME_FORM_ISO, VERDICT_OK, 1483228800000},
        {"2017-01-01T05:29:60+05:30", true, TIME_FORM_ISO, VERDICT_OK, 1483228800000},
        {"2024-02-29T00:00:00Z", true, TIME_FORM_ISO, VERDICT_OK, 1709164800000},
        {"2000-02-29T00:00:00Z", true, TIME_FORM_ISO, VERDICT_OK, 951782400000},
        {"9999-12-31T23:59:59Z", true, TIME_FORM_ISO, VERDICT_OK, 253402300799000},
        {"0000-01-01T00:00:00Z", true, TIME_FORM_ISO, VERDICT_OK, -62167219200000},
        {"2023-02-29T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"1900-02-29T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-13-01T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-00-01T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-31T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-00T00:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-01T24:00:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-01T23:60:00Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-01T12:00:60Z", true, TIME_FORM_ISO, VERDICT_TIME, 0},
        {"2023-04-01", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T1:00:00Z", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T11:00:00.Z", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T11:00:00+2", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T11:00:00+24:00", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T11:00:00Zx", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"2023-04-01T11:00:00 ", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"12023-04-01T11:00:00", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"1680962879", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"1680962879", false, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
        {"", true, TIME_FORM_ISO, VERDICT_SYNTAX, 0},
    };
    check_all(cases, COUNT(cases));
}

static void test_every_day_agrees_with_the_system_calendar(void **state)
{
    (void)state;
    for (int64_t day = -719000; day < 2900000; day += 29) {
        int64_t wall_ms = day * 86400000 + 45296007;
        char bytes[40];
        struct text text;
        text_init(&text, bytes, sizeof bytes);
        text_add_time(&text, wall_ms);
        int64_t event_ms = UNTOUCHED;
        assert_int_equal(event_time_parse(bytes, text.size, true, TIME_FORM_AUTO, &event_ms),
                         VERDICT_OK);
        assert_true(event_ms == wall_ms);
    }
}

static void test_a_cut_text_is_never_read_beyond_its_size(void **state)
{
    (void)state;
    const char *whole = "2022-07-18T11:34:15.775+02:00";
    for (size_t size = 0; size < strlen(whole); size++) {
        char *cut = malloc(size + 1); /* so that the sanitizer watches its end */
        assert_non_null(cut);
        memcpy(cut + 1, whole, size);
        int64_t event_ms = UNTOUCHED;
        enum verdict verdict = event_time_parse(cut + 1, size, true, TIME_FORM_ISO, &event_ms);
        free(cut);
        bool is_whole = size == 16 || size == 19 || (size > 20 && size <= 23) || size == 26;
        assert_int_equal(verdict, is_whole ? VERDICT_OK : VERDICT_SYNTAX);
    }
}

static void test_form_names_follow_the_enum(void **state)
{
    (void)state;
    assert_string_equal(event_time_form_names[TIME_FORM_AUTO], "auto");
    assert_string_equal(event_time_form_names[TIME_FORM_S], "s");
    assert_string_equal(event_time_form_names[TIME_FORM_MS], "ms");
    assert_string_equal(event_time_form_names[TIME_FORM_US], "us");
    assert_string_equal(event_time_form_names[TIME_FORM_NS], "ns");
    assert_string_equal(event_time_form_names[TIME_FORM_ISO], "iso");
    assert_null(event_time_form_names[TIME_FORM_ISO + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_by_form),
        cmocka_unit_test(test_auto_tells_by_size),
        cmocka_unit_test(test_iso_text),
        cmocka_unit_test(test_every_day_agrees_with_the_system_calendar),
        cmocka_unit_test(test_a_cut_text_is_never_read_beyond_its_size),
        cmocka_unit_test(test_form_names_follow_the_enum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
