/* mapping: from a payload to a value with its time. */
#include "mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

struct payload_case {
    const char *payload;
    enum verdict verdict;
    int64_t value_micro;
};

/* Decodes an exact copy on the heap, so that the sanitizer sees a read beyond the end. */
static enum verdict decode(const struct mapping *mapping, const char *payload,
                           struct mapping_result *result)
{
    size_t size = strlen(payload);
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, payload, size);
    const char *detail = NULL;
    enum verdict verdict = mapping_decode(mapping, copy + 1, size, result, &detail);
    free(copy);
    assert_true((verdict == VERDICT_OK) == (detail == NULL));
    return verdict;
}

static void check_all(const struct mapping *mapping, const struct payload_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mapping_result result = {.device = ""};
        enum verdict verdict = decode(mapping, cases[i].payload, &result);
        if (verdict != cases[i].verdict) {
            fail_msg("%s: %s", cases[i].payload, verdict_name(verdict));
        }
        if (verdict != VERDICT_OK) continue;
        assert_false(result.has_event_time);
        if (result.value_micro != cases[i].value_micro) {
            fail_msg("%s: %lld", cases[i].payload, (long long)result.value_micro);
        }
    }
}

static void test_a_payload_that_is_one_number(void **state)
{
    (void)state;
    static const struct mapping mapping = {.unit = "C"};
    static const struct payload_case cases[] = {
        {"21.5", VERDICT_OK, 21500000},       {" 21.5\n", VERDICT_OK, 21500000},
        {"\t21.5\r\n", VERDICT_OK, 21500000}, {"+21.50", VERDICT_OK, 21500000},
        {"-4", VERDICT_OK, -4000000},         {"2.15e1", VERDICT_OK, 21500000},
        {"007", VERDICT_OK, 7000000},         {"", VERDICT_LENGTH, 0},
        {" \n", VERDICT_NO_VALUE, 0},         {"nan", VERDICT_NO_VALUE, 0},
        {"NaN", VERDICT_NO_VALUE, 0},         {"null\n", VERDICT_NO_VALUE, 0},
        {"None", VERDICT_NO_VALUE, 0},        {"unavailable", VERDICT_NO_VALUE, 0},
        {"unknown", VERDICT_NO_VALUE, 0},     {"nano", VERDICT_NOT_NUMBER, 0},
        {"Infinity", VERDICT_NOT_NUMBER, 0},  {"-inf", VERDICT_NOT_NUMBER, 0},
        {"0x15", VERDICT_NOT_NUMBER, 0},      {"1.", VERDICT_NOT_NUMBER, 0},
        {".5", VERDICT_NOT_NUMBER, 0},        {"23,5", VERDICT_NOT_NUMBER, 0},
        {"21.5 C", VERDICT_NOT_NUMBER, 0},    {"2 1", VERDICT_NOT_NUMBER, 0},
        {"{\"t\":1}", VERDICT_NOT_NUMBER, 0}, {"1e999", VERDICT_RANGE, 0},
        {"100001", VERDICT_RANGE, 0},         {"-100001", VERDICT_RANGE, 0},
        {"-273.15", VERDICT_OK, -273150000},  {"-273.150001", VERDICT_IMPOSSIBLE, 0},
        {"-1000", VERDICT_IMPOSSIBLE, 0},
    };
    check_all(&mapping, cases, COUNT(cases));
}

static void test_a_value_in_json(void **state)
{
    (void)state;
    static const char *const pointers[] = {"/data/0/t", "data.0.t"};
    static const struct payload_case cases[] = {
        {"{\"data\":[{\"t\":21.5}]}", VERDICT_OK, 21500000},
        {" {\"x\":[1,{}],\"data\":[{\"t\":\"21.5\",\"u\":2}]}\r\n", VERDICT_OK, 21500000},
        {"{\"data\":[{\"t\":\" +021.5 \"}]}", VERDICT_OK, 21500000},
        {"{\"data\":[{\"t\":\"2\\u0031.5\"}]}", VERDICT_OK, 21500000},
        {"{\"data\":[{\"\\u0074\":21.5}]}", VERDICT_OK, 21500000},
        {"{\"data\":[{\"t\":-0}]}", VERDICT_OK, 0},
        {"{\"data\":[{\"t\":1e-400}]}", VERDICT_OK, 0},
        {"{\"data\":[{\"t\":null}]}", VERDICT_NO_VALUE, 0},
        {"{\"data\":[{\"t\":\"nan\"}]}", VERDICT_NO_VALUE, 0},
        {"{\"data\":[{\"t\":\"\"}]}", VERDICT_NO_VALUE, 0},
        {"{\"data\":[{\"t\":\"unavailable\"}]}", VERDICT_NO_VALUE, 0},
        {"{\"data\":[{\"t\":true}]}", VERDICT_NOT_NUMBER, 0},
        {"{\"data\":[{\"t\":[21.5]}]}", VERDICT_NOT_NUMBER, 0},
        {"{\"data\":[{\"t\":{}}]}", VERDICT_NOT_NUMBER, 0},
        {"{\"data\":[{}]}", VERDICT_FIELD, 0},
        {"{\"data\":[]}", VERDICT_FIELD, 0},
        {"{}", VERDICT_FIELD, 0},
        {"21.5", VERDICT_FIELD, 0},
        {"null", VERDICT_FIELD, 0},
        {"{\"data\":[{\"t\":1e999}]}", VERDICT_RANGE, 0},
        {"{\"data\":[{\"t\":\"warm\"}]}", VERDICT_NOT_NUMBER, 0},
        {"{\"data\":[{\"t\":NaN}]}", VERDICT_SYNTAX, 0},
        {"{\"data\":[{\"t\":01}]}", VERDICT_SYNTAX, 0},
        {"{\"data\":[{\"t\":1,\"t\":2}]}", VERDICT_SYNTAX, 0},
        {"{\"data\":[{\"t\":1}]}x", VERDICT_SYNTAX, 0},
        {"{\"data\":[{\"t\":1}],\"x\":\"\xFF\"}", VERDICT_SYNTAX, 0},
        {"\n", VERDICT_SYNTAX, 0},
        {"", VERDICT_LENGTH, 0},
    };
    for (size_t i = 0; i < COUNT(pointers); i++) {
        struct mapping mapping = {.unit = "C"};
        strcpy(mapping.value, pointers[i]);
        check_all(&mapping, cases, COUNT(cases));
    }
}

static void test_numbers_of_any_length(void **state)
{
    (void)state;
    static const struct mapping mapping = {.value = "/t", .unit = "C"};
    char payload[512] = "{\"t\":21.5";
    memset(payload + 9, '0', 400);
    strcpy(payload + 409, "1}");
    struct mapping_result result = {.device = ""};
    assert_int_equal(decode(&mapping, payload, &result), VERDICT_OK);
    assert_int_equal(result.value_micro, 21500000);
    /* With escapes only what fits the scratch text. */
    strcpy(payload, "{\"t\":\"\\u0032");
    memset(payload + 12, '0', 300);
    strcpy(payload + 312, "\"}");
    assert_int_equal(decode(&mapping, payload, &result), VERDICT_NOT_NUMBER);
}

static void test_units(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *payload;
        enum verdict verdict;
        int64_t value_micro;
    } cases[] = {
        {"F", "{\"t\":212}", VERDICT_OK, 100000000},
        {"K", "{\"t\":0}", VERDICT_OK, -273150000},
        {"/u", "{\"t\":212,\"u\":\"F\"}", VERDICT_OK, 100000000},
        {"/u",
         "{\"u\":\"\xC2\xB0"
         "F\",\"t\":212}",
         VERDICT_OK, 100000000},
        {"/u", "{\"u\":\"\\u00b0F\",\"t\":212}", VERDICT_OK, 100000000},
        {"/u", "{\"t\":21.5,\"u\":\"Cel\"}", VERDICT_OK, 21500000},
        {"a.u", "{\"t\":0,\"a\":{\"u\":\"kelvin\"}}", VERDICT_OK, -273150000},
        {"/u", "{\"t\":212}", VERDICT_FIELD, 0},
        {"/u", "{\"t\":212,\"u\":null}", VERDICT_FIELD, 0},
        {"/u", "{\"t\":212,\"u\":\"furlong\"}", VERDICT_FIELD, 0},
        {"K", "{\"t\":-0.000001}", VERDICT_IMPOSSIBLE, 0},
        {"K", "{\"t\":-100000}", VERDICT_IMPOSSIBLE, 0},
        {"F", "{\"t\":-459.67}", VERDICT_OK, -273150000},
        {"F", "{\"t\":-459.670001}", VERDICT_IMPOSSIBLE, 0},
        {"C", "{\"t\":-273.150001}", VERDICT_IMPOSSIBLE, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mapping mapping = {.value = "/t"};
        struct mapping_result result = {.device = ""};
        strcpy(mapping.unit, cases[i].unit);
        assert_int_equal(decode(&mapping, cases[i].payload, &result), cases[i].verdict);
        if (cases[i].verdict == VERDICT_OK) {
            assert_int_equal(result.value_micro, cases[i].value_micro);
        }
    }
    static const struct mapping plain = {.unit = "F"};
    struct mapping_result result = {.device = ""};
    assert_int_equal(decode(&plain, "212\n", &result), VERDICT_OK);
    assert_int_equal(result.value_micro, 100000000);
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        int form;
        const char *time;
        enum verdict verdict;
        int64_t event_ms;
    } cases[] = {
        {TIME_FORM_AUTO, "1680962879.62", VERDICT_OK, 1680962879620},
        {TIME_FORM_AUTO, "1680962879620", VERDICT_OK, 1680962879620},
        {TIME_FORM_AUTO, "\"1680962879620\"", VERDICT_OK, 1680962879620},
        {TIME_FORM_AUTO, "\"2020-02-12T15:15:46.014773143Z\"", VERDICT_OK, 1581520546014},
        {TIME_FORM_ISO, "\"2017-02-16T10:13:52\"", VERDICT_OK, 1487240032000},
        {TIME_FORM_NS, "1465839830100400200", VERDICT_OK, 1465839830100},
        {TIME_FORM_AUTO, "null", VERDICT_FIELD, 0},
        {TIME_FORM_AUTO, "true", VERDICT_FIELD, 0},
        {TIME_FORM_AUTO, "{}", VERDICT_FIELD, 0},
        {TIME_FORM_AUTO, "\"soon\"", VERDICT_SYNTAX, 0},
        {TIME_FORM_ISO, "5", VERDICT_SYNTAX, 0},
        {TIME_FORM_AUTO, "\"2023-02-30T00:00:00Z\"", VERDICT_TIME, 0},
        {TIME_FORM_S, "1e300", VERDICT_TIME, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mapping mapping = {
            .value = "/t", .time = "/ts", .unit = "C", .time_form = cases[i].form};
        struct mapping_result result = {.device = ""};
        char payload[128] = "{\"t\":1,\"ts\":";
        strcat(strcat(payload, cases[i].time), "}");
        enum verdict verdict = decode(&mapping, payload, &result);
        if (verdict != cases[i].verdict) fail_msg("%s: %s", payload, verdict_name(verdict));
        assert_int_equal(result.has_event_time, cases[i].verdict == VERDICT_OK);
        if (result.has_event_time) assert_true(result.event_ms == cases[i].event_ms);
    }
    static const struct mapping mapping = {.value = "/t", .time = "/ts", .unit = "C"};
    struct mapping_result result = {.device = "", .has_event_time = true};
    assert_int_equal(decode(&mapping, "{\"t\":1}", &result), VERDICT_FIELD);
    assert_false(result.has_event_time);
}

static void test_devices(void **state)
{
    (void)state;
    static const struct {
        const char *before, *payload, *after;
        enum verdict verdict;
    } cases[] = {
        {"", "{\"t\":1,\"id\":\"oven\"}", "oven", VERDICT_OK},
        {"line-1", "{\"id\":\"oven\",\"t\":1}", "line-1/oven", VERDICT_OK},
        {"a", "{\"t\":1,\"id\":42}", "a/42", VERDICT_OK},
        {"", "{\"t\":1,\"id\":-7}", "-7", VERDICT_OK},
        {"a", "{\"t\":1,\"id\":\"b/../$SYS\"}", "a/b%2F..%2F%24SYS", VERDICT_OK},
        {"", "{\"t\":1,\"id\":\"\\n\\u00e9\"}", "%0A%C3%A9", VERDICT_OK},
        {"a", "{\"t\":1,\"id\":\"\"}", "a", VERDICT_FIELD},
        {"a", "{\"t\":1,\"id\":null}", "a", VERDICT_FIELD},
        {"a", "{\"t\":1,\"id\":true}", "a", VERDICT_FIELD},
        {"a", "{\"t\":1,\"id\":1.5}", "a", VERDICT_FIELD},
        {"a", "{\"t\":1,\"id\":1e3}", "a", VERDICT_FIELD},
        {"a", "{\"t\":1}", "a", VERDICT_FIELD},
        {"a", "{\"t\":null,\"id\":\"oven\"}", "a/oven", VERDICT_NO_VALUE},
        {"a", "{\"t\":1,\"id\":\"0123456789012345678901234567890123456789012345678901234567890\"}",
         "a/0123456789012345678901234567890123456789012345678901234567890", VERDICT_OK},
        {"a", "{\"t\":1,\"id\":\"01234567890123456789012345678901234567890123456789012345678901\"}",
         "a", VERDICT_LENGTH},
        {"a",
         "{\"t\":1,\"id\":\"\\u0030123456789012345678901234567890123456789012345678901234567890123"
         "4567890123456789\"}",
         "a", VERDICT_LENGTH},
    };
    static const struct mapping mapping = {.value = "/t", .unit = "C", .device = "/id"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mapping_result result;
        strcpy(result.device, cases[i].before);
        enum verdict verdict = decode(&mapping, cases[i].payload, &result);
        if (verdict != cases[i].verdict) {
            fail_msg("%s: %s", cases[i].payload, verdict_name(verdict));
        }
        assert_string_equal(result.device, cases[i].after);
    }
}

static void test_real_payloads(void **state)
{
    (void)state;
    static const struct mapping shelly = {
        .value = "/params/temperature:0/tC", .time = "/params/ts", .unit = "C", .device = "/src"};
    struct mapping_result result = {.device = ""};
    assert_int_equal(
        decode(&shelly,
               "{\"src\":\"shellyplusht-b8d61a8b17cc\",\"dst\":\"x/events\",\"method\":"
               "\"NotifyFullStatus\",\"params\":{\"ts\":1680962879.62,\"humidity:0\":{\"id\":0,"
               "\"rh\":42.2},\"temperature:0\":{\"id\":0,\"tC\":19.8,\"tF\":67.6}}}",
               &result),
        VERDICT_OK);
    assert_string_equal(result.device, "shellyplusht-b8d61a8b17cc");
    assert_int_equal(result.value_micro, 19800000);
    assert_true(result.has_event_time && result.event_ms == 1680962879620);
    static const struct mapping tasmota = {
        .value = "/DS18B20/Temperature", .unit = "/TempUnit", .device = "/DS18B20/Id"};
    strcpy(result.device, "ds1820");
    assert_int_equal(
        decode(&tasmota,
               "{\"Time\":\"2021-01-13T23:58:41\",\"DS18B20\":{\"Id\":\"030597946B04\","
               "\"Temperature\":20.9},\"TempUnit\":\"C\"}",
               &result),
        VERDICT_OK);
    assert_string_equal(result.device, "ds1820/030597946B04");
    assert_int_equal(result.value_micro, 20900000);
    assert_false(result.has_event_time);
}

struct problems {
    char names[8][16];
    size_t count;
};

static void keep_problem(void *context, const char *field_name, const char *problem)
{
    struct problems *problems = context;
    assert_non_null(problem);
    assert_true(problems->count < COUNT(problems->names));
    strcpy(problems->names[problems->count++], field_name);
}

static struct problems check(struct mapping mapping)
{
    struct problems problems = {.count = 0};
    struct field_report report = {.add = keep_problem, .context = &problems};
    mapping_check(&mapping, &report);
    return problems;
}

static void test_options_that_do_not_fit_together(void **state)
{
    (void)state;
    assert_int_equal(check((struct mapping){.unit = "C"}).count, 0);
    assert_int_equal(check((struct mapping){.value = "/t", .unit = "/u"}).count, 0);
    assert_int_equal(check((struct mapping){.value = "t", .time = "a.b", .unit = "K"}).count, 0);
    struct problems problems = check((struct mapping){.unit = "Celcius"});
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.names[0], "unit");
    problems = check((struct mapping){.time = "/ts", .unit = "/u", .device = "/id"});
    assert_int_equal(problems.count, 3);
    assert_string_equal(problems.names[0], "time");
    assert_string_equal(problems.names[1], "device");
    assert_string_equal(problems.names[2], "unit");
    problems = check((struct mapping){.value = "a..b", .time = "/~x", .unit = "C"});
    assert_int_equal(problems.count, 2);
    assert_string_equal(problems.names[0], "value");
}

static void test_the_rows_of_a_field_table(void **state)
{
    (void)state;
    struct options {
        int64_t other;
        struct mapping map;
    };
    static const struct field fields[] = {MAPPING_FIELDS(struct options, map)};
    assert_int_equal(COUNT(fields), 7);
    assert_string_equal(fields[0].name, "value");
    assert_int_equal(fields[0].offset, offsetof(struct options, map));
    assert_int_equal(fields[4].offset, offsetof(struct options, map.quality));
    assert_int_equal(fields[4].size, sizeof((struct mapping *)0)->quality);
    assert_string_equal(fields[6].name, "device");
}

/* What is told to the sensor's alarm needs a device and a time, whatever the value is. */
static void test_a_bad_value_still_says_whose_and_when(void **state)
{
    (void)state;
    static const struct mapping mapping = {.value = "/t",
                                           .time = "/ts",
                                           .unit = "C",
                                           .device = "/id",
                                           .quality = "/s",
                                           .good = MAPPING_GOOD};
    static const struct {
        const char *value;
        enum verdict verdict;
    } cases[] = {
        {"null", VERDICT_NO_VALUE},        {"\"nan\"", VERDICT_NO_VALUE},
        {"\"fault\"", VERDICT_NOT_NUMBER}, {"false", VERDICT_NOT_NUMBER},
        {"[1]", VERDICT_NOT_NUMBER},       {"1e9", VERDICT_RANGE},
        {"-300", VERDICT_IMPOSSIBLE},      {"20,\"s\":\"open circuit\"", VERDICT_QUALITY},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char payload[128];
        struct mapping_result result = {.device = "oven"};
        (void)snprintf(payload, sizeof payload, "{\"id\":7,\"ts\":1600000000,\"t\":%s}",
                       cases[i].value);
        assert_int_equal(decode(&mapping, payload, &result), cases[i].verdict);
        assert_true(verdict_is_of_sensor(cases[i].verdict));
        assert_string_equal(result.device, "oven/7");
        assert_true(result.has_event_time);
        assert_int_equal(result.event_ms, INT64_C(1600000000000));
        if (cases[i].verdict == VERDICT_IMPOSSIBLE)
            assert_int_equal(result.value_micro, -300000000);
    }
}

static void test_a_device_may_say_that_its_value_is_bad(void **state)
{
    (void)state;
    static const struct payload_case words[] = {
        {"{\"t\":1,\"s\":\"OK\"}", VERDICT_OK, 1000000},
        {"{\"t\":1,\"s\":\"good\"}", VERDICT_OK, 1000000},
        {"{\"t\":1,\"s\":true}", VERDICT_OK, 1000000},
        {"{\"t\":1,\"s\":192}", VERDICT_OK, 1000000},
        {"{\"t\":1}", VERDICT_OK, 1000000}, /* said only when there is something to say */
        {"{\"t\":1,\"s\":\"goo\"}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":\"good ok\"}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":\"\"}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":false}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":null}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":{\"x\":1}}", VERDICT_QUALITY, 0},
        {"{\"t\":null,\"s\":\"fault\"}", VERDICT_QUALITY, 0},
        {"{\"s\":\"fault\"}", VERDICT_QUALITY, 0},
        {"{\"s\":\"ok\"}", VERDICT_FIELD, 0},
    };
    static const struct payload_case codes[] = {
        {"{\"t\":1,\"s\":0}", VERDICT_OK, 1000000},
        {"{\"t\":1,\"s\":4}", VERDICT_QUALITY, 0},
        {"{\"t\":1,\"s\":\"good\"}", VERDICT_QUALITY, 0},
    };
    struct mapping mapping = {.value = "/t", .unit = "C", .quality = "/s", .good = MAPPING_GOOD};
    check_all(&mapping, words, COUNT(words));
    strcpy(mapping.good, "0");
    check_all(&mapping, codes, COUNT(codes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_payload_that_is_one_number),
        cmocka_unit_test(test_a_value_in_json),
        cmocka_unit_test(test_numbers_of_any_length),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_real_payloads),
        cmocka_unit_test(test_options_that_do_not_fit_together),
        cmocka_unit_test(test_the_rows_of_a_field_table),
        cmocka_unit_test(test_a_bad_value_still_says_whose_and_when),
        cmocka_unit_test(test_a_device_may_say_that_its_value_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
