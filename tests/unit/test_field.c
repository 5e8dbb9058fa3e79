/* field: tables of named fields. */
#include "base/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct inner {
    int64_t depth;
};

struct options {
    bool is_on;
    bool has_limit;
    int64_t port, wait_ms, room_bytes, limit_micro, free_number;
    char name[8];
    int colour;
    struct inner inner;
    struct inner list[2];
    size_t list_count;
};

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct field inner_fields[] = {{.name = "depth",
                                             .type = FIELD_INTEGER,
                                             .offset = offsetof(struct inner, depth),
                                             .default_text = "7"}};
static const struct field_table inner_table = {.fields = inner_fields, .count = 1};

enum { ON, PORT, WAIT, ROOM, LIMIT, FREE, NAME, COLOUR, INNER, LIST, ROWS };

static const struct field rows[ROWS] = {
    [ON] = {.name = "on",
            .type = FIELD_BOOL,
            .offset = offsetof(struct options, is_on),
            .default_text = "true"},
    [PORT] = {.name = "port",
              .type = FIELD_INTEGER,
              .offset = offsetof(struct options, port),
              .default_text = "1883",
              .min = 1,
              .max = 65535},
    [WAIT] = {.name = "wait",
              .type = FIELD_DURATION,
              .offset = offsetof(struct options, wait_ms),
              .default_text = "10s",
              .min = 250,
              .max = 900000},
    [ROOM] = {.name = "room",
              .type = FIELD_BYTES,
              .offset = offsetof(struct options, room_bytes),
              .default_text = "64 KiB",
              .min = 64,
              .max = INT64_C(1) << 30},
    [LIMIT] = {.name = "limit",
               .type = FIELD_DECIMAL,
               .offset = offsetof(struct options, limit_micro),
               .given_offset = offsetof(struct options, has_limit),
               .default_text = "21.5",
               .min = INT64_MIN,
               .max = 300000000},
    [FREE] = {.name = "free",
              .type = FIELD_INTEGER,
              .offset = offsetof(struct options, free_number)},
    [NAME] = {.name = "name",
              .type = FIELD_TEXT,
              .offset = offsetof(struct options, name),
              .size = 8,
              .default_text = "oven"},
    [COLOUR] = {.name = "colour",
                .type = FIELD_CHOICE,
                .offset = offsetof(struct options, colour),
                .choices = colours,
                .default_text = "green"},
    [INNER] = {.name = "inner",
               .type = FIELD_GROUP,
               .offset = offsetof(struct options, inner),
               .size = sizeof(struct inner),
               .fields = &inner_table},
    [LIST] = {.name = "list",
              .type = FIELD_LIST,
              .offset = offsetof(struct options, list),
              .size = sizeof(struct inner),
              .fields = &inner_table,
              .count_offset = offsetof(struct options, list_count),
              .max_count = 2},
};
static const struct field_table table = {.fields = rows, .count = ROWS};

static struct options with_defaults(void)
{
    struct options options;
    memset(&options, 0, sizeof options);
    options.list_count = 9;
    assert_int_equal(field_set_defaults(&table, &options), ST_OK);
    return options;
}

static void test_defaults_reach_every_member(void **state)
{
    (void)state;
    struct options options = with_defaults();
    assert_true(options.is_on);
    assert_int_equal(options.port, 1883);
    assert_int_equal(options.wait_ms, 10000);
    assert_int_equal(options.room_bytes, 65536);
    assert_int_equal(options.limit_micro, 21500000);
    assert_int_equal(options.free_number, 0);
    assert_string_equal(options.name, "oven");
    assert_int_equal(options.colour, 1);
    assert_int_equal(options.inner.depth, 7);
    assert_int_equal(options.list_count, 0);
    assert_false(options.has_limit); /* a default is not given */
}

static void test_wrong_default_is_found(void **state)
{
    (void)state;
    struct options options = {0};
    struct field wrong[] = {rows[PORT], rows[NAME]};
    wrong[0].default_text = "70000";
    const struct field_table wrong_table = {.fields = wrong, .count = 2};
    assert_int_equal(field_set_defaults(&wrong_table, &options), ST_INVALID);
    assert_string_equal(options.name, "oven");
}

struct number_case {
    int row;
    const char *text;
    int64_t number;
};

static void test_numbers_are_read_in_their_units(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {PORT, "1", 1},
        {PORT, "65535", 65535},
        {PORT, "+80", 80},
        {FREE, "-9223372036854775807", -INT64_MAX},
        {FREE, "9223372036854775807", INT64_MAX},
        {FREE, "0", 0},
        {WAIT, "250ms", 250},
        {WAIT, "10s", 10000},
        {WAIT, "15 min", 900000},
        {WAIT, "15min", 900000},
        {ROOM, "64", 64},
        {ROOM, "64 B", 64},
        {ROOM, "64KiB", 65536},
        {ROOM, "256 MiB", INT64_C(1) << 28},
        {ROOM, "1 GiB", INT64_C(1) << 30},
        {LIMIT, "-40.000001", -40000001},
        {LIMIT, "0.1", 100000},
        {LIMIT, "3e2", 300000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct options options = with_defaults();
        const struct field *row = &rows[cases[i].row];
        char problem[200] = "";
        assert_int_equal(field_set_text(row, &options, cases[i].text, problem, sizeof problem),
                         ST_OK);
        int64_t number = 0;
        memcpy(&number, field_member(row, &options), sizeof number);
        assert_int_equal(number, cases[i].number);
    }
}

static void test_long_durations(void **state)
{
    (void)state;
    struct options options = with_defaults();
    struct field row = rows[WAIT];
    char problem[200];
    row.min = row.max = 0;
    assert_int_equal(field_set_text(&row, &options, "1h", problem, sizeof problem), ST_OK);
    assert_int_equal(options.wait_ms, 3600000);
    assert_int_equal(field_set_text(&row, &options, "7d", problem, sizeof problem), ST_OK);
    assert_int_equal(options.wait_ms, 604800000);
    assert_int_equal(field_set_text(&row, &options, "0", problem, sizeof problem), ST_OK);
    assert_int_equal(options.wait_ms, 0);
    const char *too_long = "106751991168d"; /* beyond 2^63 ms */
    assert_int_equal(field_set_text(&row, &options, too_long, problem, sizeof problem), ST_INVALID);
    assert_int_equal(options.wait_ms, 0);
}

struct problem_case {
    int row;
    const char *text, *problem;
};

static void test_problems_are_said_in_the_units_of_the_row(void **state)
{
    (void)state;
    static const struct problem_case cases[] = {
        {PORT, "1883abc", "must be a whole number between 1 and 65535, not \"1883abc\""},
        {PORT, "70000", "must be a whole number between 1 and 65535, not \"70000\""},
        {PORT, "0", "must be a whole number between 1 and 65535, not \"0\""},
        {PORT, "", "must be a whole number between 1 and 65535, not \"\""},
        {PORT, "0x10", "must be a whole number between 1 and 65535, not \"0x10\""},
        {PORT, "017", "must be a whole number between 1 and 65535, not \"017\""},
        {PORT, "1.0", "must be a whole number between 1 and 65535, not \"1.0\""},
        {FREE, "9223372036854775808", "must be a whole number, not \"9223372036854775808\""},
        {WAIT, "10",
         "must be a duration between 250ms and 15min (units ms, s, min, h, d), not \"10\""},
        {WAIT, "-1s",
         "must be a duration between 250ms and 15min (units ms, s, min, h, d), not \"-1s\""},
        {WAIT, "16min",
         "must be a duration between 250ms and 15min (units ms, s, min, h, d), not \"16min\""},
        {ROOM, "4 KB",
         "must be a number of bytes between 64 and 1 GiB (units KiB, MiB, GiB), not \"4 KB\""},
        {LIMIT, "300.000001", "must be a number of at most 300, not \"300.000001\""},
        {LIMIT, "nan", "must be a number of at most 300, not \"nan\""},
        {ON, "yes",
         "must be true or false, not \"yes\" (yes, no, on and off are not booleans in YAML 1.2)"},
        {ON, "1", "must be true or false, not \"1\""},
        {COLOUR, "gren",
         "must be one of red, green or blue, not \"gren\"; did you mean \"green\"?"},
        {COLOUR, "", "must be one of red, green or blue, not \"\""},
        {NAME, "12345678", "is too long: 8 bytes, where at most 7 fit"},
        {INNER, "x", "must be a group of keys"},
        {LIST, "x", "must be a list"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct options before = with_defaults(), options;
        char problem[200] = "";
        memcpy(&options, &before, sizeof options);
        assert_int_equal(
            field_set_text(&rows[cases[i].row], &options, cases[i].text, problem, sizeof problem),
            ST_INVALID);
        assert_string_equal(problem, cases[i].problem);
        assert_memory_equal(&options, &before, sizeof options);
    }
}

static void test_foreign_text_in_problems_is_short_and_on_one_line(void **state)
{
    (void)state;
    struct options options = with_defaults();
    char problem[200];
    /* 39 bytes, then a character of two bytes across the limit of 40. */
    const char *text = "012345678901234567890123456789\n\x1b[31m789\xc3\xa9xxxxxxxxxx";
    assert_int_equal(field_set_text(&rows[FREE], &options, text, problem, sizeof problem),
                     ST_INVALID);
    assert_string_equal(problem, "must be a whole number, not "
                                 "\"012345678901234567890123456789??[31m789...\"");
    char tiny[1];
    assert_int_equal(field_set_text(&rows[FREE], &options, text, tiny, sizeof tiny), ST_INVALID);
    assert_int_equal(tiny[0], '\0');
}

static void test_given_is_marked(void **state)
{
    (void)state;
    struct options options = with_defaults();
    char problem[200];
    assert_int_equal(field_set_text(&rows[LIMIT], &options, "x", problem, sizeof problem),
                     ST_INVALID);
    assert_false(options.has_limit);
    assert_int_equal(field_set_text(&rows[LIMIT], &options, "0", problem, sizeof problem), ST_OK);
    assert_true(options.has_limit);
}

static void test_nearest_name(void **state)
{
    (void)state;
    assert_ptr_equal(field_find(&table, "colour"), &rows[COLOUR]);
    assert_null(field_find(&table, "color"));
    assert_string_equal(field_find_nearest(&table, "color"), "colour");
    assert_string_equal(field_find_nearest(&table, "prot"), "port");
    assert_string_equal(field_find_nearest(&table, "Name"), "name");
    assert_null(field_find_nearest(&table, "temperature"));
    assert_null(field_find_nearest(&table, "x"));
    assert_null(field_find_nearest(&table, ""));
    char longest[2000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(field_find_nearest(&table, longest));
    assert_int_equal(field_name_distance("brokr", "broker"), 1);
    assert_int_equal(field_name_distance("borker", "broker"), 1);
    assert_true(field_name_distance("topic", "port") == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_reach_every_member),
        cmocka_unit_test(test_wrong_default_is_found),
        cmocka_unit_test(test_numbers_are_read_in_their_units),
        cmocka_unit_test(test_long_durations),
        cmocka_unit_test(test_problems_are_said_in_the_units_of_the_row),
        cmocka_unit_test(test_foreign_text_in_problems_is_short_and_on_one_line),
        cmocka_unit_test(test_given_is_marked),
        cmocka_unit_test(test_nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
