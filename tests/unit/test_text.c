/* text: JSON and numbers without printf. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *micro(int64_t value_micro)
{
    static char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_micro(&text, value_micro);
    return bytes;
}

static const char *when(int64_t wall_ms)
{
    static char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_time(&text, wall_ms);
    return bytes;
}

static const char *duration(int64_t duration_ms)
{
    static char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_duration(&text, duration_ms);
    return bytes;
}

static void test_numbers(void **state)
{
    (void)state;
    assert_string_equal(micro(0), "0");
    assert_string_equal(micro(-21500000), "-21.5");
    assert_string_equal(micro(1), "0.000001");
    assert_string_equal(micro(-1), "-0.000001");
    assert_string_equal(micro(100000000), "100");
    assert_string_equal(micro(INT64_MIN), "-9223372036854.775808");
}

static void test_times(void **state)
{
    (void)state;
    assert_string_equal(when(0), "1970-01-01T00:00:00Z");
    assert_string_equal(when(1680962879620), "2023-04-08T14:07:59.620Z");
    assert_string_equal(when(-1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(when(INT64_C(4294967296000)), "2106-02-07T06:28:16Z");
    assert_string_equal(duration(10000), "10s");
    assert_string_equal(duration(900000), "15min");
    assert_string_equal(duration(90000), "90s");
    assert_string_equal(duration(86400000), "1d");
    assert_string_equal(duration(0), "0s");
}

static void test_json_is_escaped_and_bounded(void **state)
{
    (void)state;
    char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "a", "x\"\\\n");
    text_json_open(&text, "b", '[');
    text_json_int(&text, NULL, -1);
    text_json_bool(&text, NULL, true);
    text_json_close(&text, ']');
    text_json_null(&text, "c");
    text_json_close(&text, '}');
    assert_string_equal(bytes, "{\"a\":\"x\\\"\\\\\\u000a\",\"b\":[-1,true],\"c\":null}");
    assert_false(text.is_cut);
    for (int i = 0; i < 100; i++) text_add(&text, "more");
    assert_true(text.is_cut);
    assert_true(text.size < sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_json_is_escaped_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
