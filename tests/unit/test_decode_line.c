/* decode_line: templates, pairs, JSON and checksums, line by line. */
#include "decode_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct line_options options_of(const char *line, int checksum)
{
    struct line_options options = {.checksum = checksum,
                                   .mapping = {.unit = "C", .good = MAPPING_GOOD}};
    strcpy(options.line, line);
    return options;
}

static enum verdict decode_bytes(const struct line_options *options, const char *line, size_t size,
                                 struct mapping_result *result)
{
    struct line_template template;
    const char *field_name = NULL;
    const char *problem = NULL;
    if (decode_line_compile(options, &template, &field_name, &problem) != ST_OK) {
        fail_msg("%s: %s %s", options->line, field_name, problem);
    }
    /* An exact copy on the heap, so that the sanitizer sees a read beyond the end. */
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, line, size);
    const char *detail = NULL;
    enum verdict verdict =
        decode_line(&template, &options->mapping, copy + 1, size, result, &detail);
    free(copy);
    assert_true((verdict == VERDICT_OK) == (detail == NULL));
    return verdict;
}

static enum verdict decode(const struct line_options *options, const char *line,
                           struct mapping_result *result)
{
    return decode_bytes(options, line, strlen(line), result);
}

struct line_case {
    const char *form, *line;
    enum verdict verdict;
    int64_t value_micro;
    const char *device;
};

static void check_all(const struct line_case *cases, size_t count, int checksum)
{
    for (size_t i = 0; i < count; i++) {
        struct line_options options = options_of(cases[i].form, checksum);
        struct mapping_result result = {.device = ""};
        enum verdict verdict = decode(&options, cases[i].line, &result);
        if (verdict != cases[i].verdict) {
            fail_msg("%s: %s: %s", cases[i].form, cases[i].line, verdict_name(verdict));
        }
        if (verdict != VERDICT_OK) continue;
        if (result.value_micro != cases[i].value_micro) {
            fail_msg("%s: %lld", cases[i].line, (long long)result.value_micro);
        }
        assert_string_equal(result.device, cases[i].device);
        assert_false(result.has_event_time);
    }
}

static void test_templates(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"{value}", "23.50", VERDICT_OK, 23500000, ""},
        {"{value}", " +23.50 \r\n", VERDICT_OK, 23500000, ""},
        {"{value}", "23.50\r", VERDICT_OK, 23500000, ""},
        {"{value}", "nan", VERDICT_NO_VALUE, 0, NULL},
        {"{value}", "1e999", VERDICT_RANGE, 0, NULL},
        {"{device},{value}", "A0,23.50\r\n", VERDICT_OK, 23500000, "A0"},
        {"{device},{value}", " A0 , 23.50 ", VERDICT_OK, 23500000, "A0"},
        {"{device}, {value}", "A0,\t 23.50", VERDICT_OK, 23500000, "A0"},
        {"{device}, {value}", "A0,23.50", VERDICT_SYNTAX, 0, NULL},
        {"{device};{skip};{value}", "A0;x y;-4", VERDICT_OK, -4000000, "A0"},
        {"{device};{skip};{value}", "A0;;-4", VERDICT_OK, -4000000, "A0"},
        {"{device};{skip};{value}", "A0;-4", VERDICT_SYNTAX, 0, NULL},
        {"{device}/{device}:{value}", "line 1/oven:20", VERDICT_OK, 20000000, "line%201/oven"},
        {"{value},{}", "23.50,45.10", VERDICT_OK, 23500000, ""},
        {"{value},{}", "23.50,", VERDICT_OK, 23500000, ""},
        {"T={value} H={}", "T=23.50 H=45.1", VERDICT_OK, 23500000, ""},
        {"T={value} H={}", "T= 23.50 \t H=45.1", VERDICT_OK, 23500000, ""},
        {"T={value} H={}", "T=23.50H=45.1", VERDICT_SYNTAX, 0, NULL},
        {"T={value} H={}", "T=23.50 C H=45.1", VERDICT_SYNTAX, 0, NULL},
        {"{value} {unit}", "73.4 F", VERDICT_OK, 23000000, ""},
        {"{value} {unit}",
         "23 \xC2\xB0"
         "C",
         VERDICT_OK, 23000000, ""},
        {"{value} {unit}",
         "23 \xB0"
         "C",
         VERDICT_OK, 23000000, ""},
        {"{value} {unit}", "23 bar", VERDICT_FIELD, 0, NULL},
        {"{{{device}}}{value}", "{A0}1", VERDICT_OK, 1000000, "A0"},
        {"temp:{value}", "temp:23.5", VERDICT_OK, 23500000, ""},
        {"temp:{value}", "Temp:23.5", VERDICT_SYNTAX, 0, NULL},
        {"temp:{value}", "tem", VERDICT_SYNTAX, 0, NULL},
        {"{value}C", "23.5 C", VERDICT_OK, 23500000, ""},
        {"{value}C", "23.5CC", VERDICT_SYNTAX, 0, NULL},
        {"{value} C", "23.5 C!", VERDICT_SYNTAX, 0, NULL},
        {"{device},{value}", ",23.50", VERDICT_FIELD, 0, NULL},
        {"{device},{value}", "A0,", VERDICT_NO_VALUE, 0, NULL},
        {"{device},{value}", "A0", VERDICT_SYNTAX, 0, NULL},
        {"{value}", "", VERDICT_LENGTH, 0, NULL},
        {"{value}", " \r\n", VERDICT_LENGTH, 0, NULL},
        {"{skip}{{{value}", "Arduino ready.", VERDICT_SYNTAX, 0, NULL},
    };
    check_all(cases, COUNT(cases), LINE_CHECKSUM_NONE);
}

static void test_a_comma_of_another_locale_is_never_cut_off(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"{value}", "23,5", VERDICT_NOT_NUMBER, 0, NULL},
        {"{device};{value}", "A0;23,5", VERDICT_NOT_NUMBER, 0, NULL},
        {"{device},{value}", "A0,23,5", VERDICT_NOT_NUMBER, 0, NULL},
        {"T={value} H={}", "T=23,5 H=4", VERDICT_NOT_NUMBER, 0, NULL},
    };
    check_all(cases, COUNT(cases), LINE_CHECKSUM_NONE);
    struct line_options pairs = options_of("kv", LINE_CHECKSUM_NONE);
    struct mapping_result result = {.device = ""};
    strcpy(pairs.mapping.value, "T");
    assert_int_equal(decode(&pairs, "T=23,5 H=4", &result), VERDICT_SYNTAX);
    static const struct line_case faults[] = {
        {"{device};{quality};{value}", "A0;ok;23.5", VERDICT_OK, 23500000, "A0"},
        {"{device};{quality};{value}", "A0;E4;23.5", VERDICT_QUALITY, 0, NULL},
    };
    check_all(faults, COUNT(faults), LINE_CHECKSUM_NONE);
    strcpy(pairs.mapping.quality, "Q");
    strcpy(pairs.mapping.good, "0");
    assert_int_equal(decode(&pairs, "T=23.5 Q=0", &result), VERDICT_OK);
    assert_int_equal(decode(&pairs, "T=23.5", &result), VERDICT_OK);
    assert_int_equal(decode(&pairs, "T=23.5 Q=3", &result), VERDICT_QUALITY);
    assert_int_equal(decode(&pairs, "Q=3", &result), VERDICT_QUALITY);
    assert_int_equal(decode(&pairs, "Q=0", &result), VERDICT_FIELD);
}

static void test_noise_is_a_broken_frame(void **state)
{
    (void)state;
    struct line_options options = options_of("{device},{value}", LINE_CHECKSUM_NONE);
    struct mapping_result result = {.device = ""};
    assert_int_equal(decode(&options,
                            "\xFF\xFF"
                            "A0,23.5",
                            &result),
                     VERDICT_FRAME);
    assert_int_equal(decode(&options, "A\x1B[0m0,23.5", &result), VERDICT_FRAME);
    assert_int_equal(decode(&options, "A0,23\r5", &result), VERDICT_FRAME);
    assert_int_equal(decode(&options, "A\x7F,23.5", &result), VERDICT_FRAME);
    assert_int_equal(decode_bytes(&options, "A\0,23.5", 7, &result), VERDICT_FRAME);
    assert_string_equal(result.device, "");
    assert_int_equal(decode(&options, "\xC3\xA9\t,23.5", &result), VERDICT_OK);
    assert_string_equal(result.device, "%C3%A9");
}

static void test_times_in_templates(void **state)
{
    (void)state;
    struct line_options options = options_of("{time},{value}", LINE_CHECKSUM_NONE);
    struct mapping_result result = {.device = ""};
    assert_int_equal(decode(&options, "2019-08-29 08:38:19,20.5", &result), VERDICT_OK);
    assert_true(result.has_event_time && result.event_ms == 1567067899000);
    assert_int_equal(decode(&options, "1680962879.62,20.5", &result), VERDICT_OK);
    assert_true(result.has_event_time && result.event_ms == 1680962879620);
    assert_int_equal(decode(&options, ",20.5", &result), VERDICT_SYNTAX);
    assert_false(result.has_event_time);
    assert_int_equal(decode(&options, "2019-02-30 08:38:19,20.5", &result), VERDICT_TIME);
    options.mapping.time_form = TIME_FORM_MS;
    assert_int_equal(decode(&options, "1680962879,20.5", &result), VERDICT_OK);
    assert_true(result.event_ms == 1680962879);
}

static void test_pairs(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum verdict verdict;
        int64_t value_micro;
        const char *device;
    } cases[] = {
        {"T=23.50 H=45.1 id=A0", VERDICT_OK, 23500000, "gw/A0"},
        {"id:A0,H:45.1,T:23.5\r\n", VERDICT_OK, 23500000, "gw/A0"},
        {"id: A0; T = 23.5;", VERDICT_OK, 23500000, "gw/A0"},
        {"id=a/b T=1", VERDICT_OK, 1000000, "gw/a%2Fb"},
        {"id=a:b=c T=1", VERDICT_OK, 1000000, "gw/a:b%3Dc"},
        {"id=A0 T=nan", VERDICT_NO_VALUE, 0, NULL},
        {"id=A0,T=,H=1", VERDICT_NO_VALUE, 0, NULL},
        {"id=A0 H=45.1", VERDICT_FIELD, 0, NULL},
        {"T=23.5", VERDICT_FIELD, 0, NULL},
        {"id= ;T=23.5", VERDICT_FIELD, 0, NULL},
        {"id=A0 T=23.5 T=24", VERDICT_SYNTAX, 0, NULL},
        {"id=A0 T=23.5 C", VERDICT_SYNTAX, 0, NULL},
        {"id=A0 t=23.5", VERDICT_FIELD, 0, NULL},
        {"=23.5", VERDICT_SYNTAX, 0, NULL},
        {"hello", VERDICT_SYNTAX, 0, NULL},
        {"id=A0 T=2x", VERDICT_NOT_NUMBER, 0, NULL},
    };
    struct line_options options = options_of("kv", LINE_CHECKSUM_NONE);
    strcpy(options.mapping.value, "T");
    strcpy(options.mapping.device, "id");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mapping_result result = {.device = "gw"};
        enum verdict verdict = decode(&options, cases[i].line, &result);
        if (verdict != cases[i].verdict) fail_msg("%s: %s", cases[i].line, verdict_name(verdict));
        if (verdict != VERDICT_OK) continue;
        assert_int_equal(result.value_micro, cases[i].value_micro);
        assert_string_equal(result.device, cases[i].device);
    }
}

static void test_pairs_with_time_and_unit(void **state)
{
    (void)state;
    struct line_options options = options_of("kv", LINE_CHECKSUM_NONE);
    struct mapping_result result = {.device = ""};
    options.mapping = (struct mapping){.value = "temp", .time = "at", .unit = "u"};
    assert_int_equal(decode(&options, "temp:212 u:F at:2019-08-29T08:38:19Z", &result), VERDICT_OK);
    assert_int_equal(result.value_micro, 100000000);
    assert_true(result.has_event_time && result.event_ms == 1567067899000);
    assert_int_equal(decode(&options, "temp:212 at:5", &result), VERDICT_FIELD);
    assert_int_equal(decode(&options, "temp:212 u:F", &result), VERDICT_FIELD);
}

static void test_json_per_line(void **state)
{
    (void)state;
    struct line_options options = options_of("json", LINE_CHECKSUM_NONE);
    struct mapping_result result = {.device = ""};
    options.mapping = (struct mapping){.value = "/t", .unit = "C", .device = "/id"};
    assert_int_equal(decode(&options, "{\"t\":23.5,\"id\":\"A0\"}\r\n", &result), VERDICT_OK);
    assert_int_equal(result.value_micro, 23500000);
    assert_string_equal(result.device, "A0");
    assert_int_equal(decode(&options, "{\"t\":23.5,\"id\"", &result), VERDICT_SYNTAX);
    assert_int_equal(decode(&options, "{\"t\":23.5}", &result), VERDICT_FIELD);
}

static void test_nmea_checksums(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1F", VERDICT_OK, 23500000, ""},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1f\r\n", VERDICT_OK, 23500000, ""},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1A", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.6,C*1F", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1F0", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "$WIMTA,23.5,C*1G", VERDICT_CHECKSUM, 0, NULL},
        {"WIMTA,{value},{unit}", "WIMTA,23.5,C*1F", VERDICT_FRAME, 0, NULL},
        {"WIMTA,{value},{unit}", "\xFF\x01$WIM$WIMTA,23.5,C*1F", VERDICT_OK, 23500000, ""},
        {"WIXDR,C,{value},{unit},{device}", "$WIXDR,C,23.5,C,AIRTEMP*1C", VERDICT_OK, 23500000,
         "AIRTEMP"},
        {"{value}", "$*00", VERDICT_NO_VALUE, 0, NULL},
    };
    check_all(cases, COUNT(cases), LINE_CHECKSUM_XOR);
}

static void test_other_checksums(void **state)
{
    (void)state;
    static const struct line_case sums[] = {
        {"{value}", "123*96", VERDICT_OK, 123000000, ""},
        {"{value}", "123*97", VERDICT_CHECKSUM, 0, NULL},
        {"{value}", "123", VERDICT_CHECKSUM, 0, NULL},
        {"{skip}*{value}", "a*1*BC", VERDICT_OK, 1000000, ""},
    };
    static const struct line_case crcs[] = {
        {"{value}", "123456789*4B37", VERDICT_RANGE, 0, NULL}, /* the CRC's published check value */
        {"{skip}56{value}", "123456789*4b37", VERDICT_OK, 789000000, ""},
        {"{value}", "123456789*374B", VERDICT_CHECKSUM, 0, NULL},
        {"{value}", "123456789*4B", VERDICT_CHECKSUM, 0, NULL},
        {"{value}", "123456789", VERDICT_CHECKSUM, 0, NULL},
    };
    check_all(sums, COUNT(sums), LINE_CHECKSUM_SUM8);
    check_all(crcs, COUNT(crcs), LINE_CHECKSUM_CRC16);
    assert_string_equal(line_checksum_names[LINE_CHECKSUM_XOR], "xor");
    assert_string_equal(line_checksum_names[LINE_CHECKSUM_CRC16], "crc16");
    assert_null(line_checksum_names[LINE_CHECKSUM_CRC16 + 1]);
}

static void test_options_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        struct mapping mapping;
        const char *field_name;
    } cases[] = {
        {"", {.unit = "C"}, "line"},
        {"jsno", {.unit = "C"}, "line"},
        {"{device}", {.unit = "C"}, "line"},
        {"{value},{value}", {.unit = "C"}, "line"},
        {"{value},{time},{time}", {.unit = "C"}, "line"},
        {"{value},{unit},{unit}", {.unit = "C"}, "line"},
        {"{device}{value}", {.unit = "C"}, "line"},
        {"{value},{humidity}", {.unit = "C"}, "line"},
        {"{value", {.unit = "C"}, "line"},
        {"{value}}", {.unit = "C"}, "line"},
        {"{value},}", {.unit = "C"}, "line"},
        {"{device},{device},{device},{device},{device},{value}", {.unit = "C"}, "line"},
        {"a b a b a b a b a b a b a b a b a b a b a b a b a b a b a b {value}",
         {.unit = "C"},
         "line"},
        {"{value}", {.value = "/t", .unit = "C"}, "value"},
        {"{value}", {.time = "/t", .unit = "C"}, "time"},
        {"{value}", {.device = "/t", .unit = "C"}, "device"},
        {"{value}", {.unit = "/u"}, "unit"},
        {"json", {.unit = "C"}, "value"},
        {"json", {.value = "a..b", .unit = "C"}, "value"},
        {"json", {.value = "/t", .unit = "Celcius"}, "unit"},
        {"kv", {.unit = "C"}, "value"},
        {"kv", {.value = "a b", .unit = "C"}, "value"},
        {"kv", {.value = "t", .time = "a=", .unit = "C"}, "time"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct line_options options = options_of(cases[i].line, LINE_CHECKSUM_NONE);
        struct line_template template;
        const char *field_name = "none";
        const char *problem = NULL;
        options.mapping = cases[i].mapping;
        if (decode_line_compile(&options, &template, &field_name, &problem) != ST_INVALID) {
            fail_msg("taken: %s", cases[i].line);
        }
        assert_string_equal(field_name, cases[i].field_name);
        assert_non_null(problem);
    }
}

static void count_problem(void *context, const char *field_name, const char *problem)
{
    size_t *count = context;
    assert_true(field_name != NULL && problem != NULL);
    (*count)++;
}

static void test_all_problems_are_reported_at_once(void **state)
{
    (void)state;
    struct line_options options = options_of("{", LINE_CHECKSUM_NONE);
    size_t count = 0;
    struct field_report report = {.add = count_problem, .context = &count};
    options.mapping = (struct mapping){.value = "/t", .time = "/a", .unit = "X", .device = "/b"};
    decode_line_check(&options, &report);
    assert_int_equal(count, 5);
    count = 0;
    options = options_of("{device},{value}", LINE_CHECKSUM_NONE);
    decode_line_check(&options, &report);
    assert_int_equal(count, 0);
}

static void test_the_longest_template_fits(void **state)
{
    (void)state;
    struct line_options options = options_of("", LINE_CHECKSUM_NONE);
    char line[160];
    memset(options.line, 'x', sizeof options.line - 1);
    memcpy(options.line + sizeof options.line - 8, "{value}", 8);
    memset(line, 'x', sizeof line);
    strcpy(line + sizeof options.line - 8, "21.5");
    struct mapping_result result = {.device = ""};
    assert_int_equal(decode(&options, line, &result), VERDICT_OK);
    assert_int_equal(result.value_micro, 21500000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_a_comma_of_another_locale_is_never_cut_off),
        cmocka_unit_test(test_noise_is_a_broken_frame),
        cmocka_unit_test(test_times_in_templates),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_pairs_with_time_and_unit),
        cmocka_unit_test(test_json_per_line),
        cmocka_unit_test(test_nmea_checksums),
        cmocka_unit_test(test_other_checksums),
        cmocka_unit_test(test_options_that_make_no_sense),
        cmocka_unit_test(test_all_problems_are_reported_at_once),
        cmocka_unit_test(test_the_longest_template_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
