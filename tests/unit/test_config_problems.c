/* config: every problem at once, each at its line and column. */
#include "support/config_case.h"

/* Exactly these lines, in this order; each may go on behind what is given here. */
static void check_problems(const char *yaml, const char *const *expected, size_t count)
{
    struct config_case test;
    case_run(&test, yaml);
    case_print(&test);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, count);
    for (size_t i = 0; i < count; i++) {
        char line[640];
        const struct config_problem *problem = &test.items[i];
        (void)snprintf(line, sizeof line, "a.yaml:%u:%u: %s: %s", problem->line, problem->column,
                       problem->is_warning ? "warning" : "error", problem->text);
        line[strlen(line) > strlen(expected[i]) ? strlen(expected[i]) : strlen(line)] = '\0';
        assert_string_equal(line, expected[i]);
    }
    case_close(&test);
}

static void test_several_problems_are_reported_in_order(void **state)
{
    (void)state;
    static const char yaml[] = "gatewy: line-7\n"
                               "limits: {devices: 0, admision: evict}\n"
                               "windows:\n"
                               "  - size: 10s\n"
                               "    every: 3s\n"
                               "  - {size: 5 minutes}\n"
                               "lateness: yes\n"
                               "sources:\n"
                               "  - mqtt:\n"
                               "      brokr: mqtt://127.0.0.1\n"
                               "      subscribe:\n"
                               "        - topic: a/+device\n"
                               "        - topc: b/+device\n"
                               "  - serial: {port: /dev/ttyUSB0, baud: 115200abc}\n"
                               "alarms: [{name: hot}]\n"
                               "uplink: {mqtt: {}}\n";
    static const char *const expected[] = {
        "a.yaml:1:1: error: unknown key \"gatewy\"; did you mean \"gateway\"?",
        "a.yaml:2:19: error: devices: must be a whole number between 1 and 100000, not \"0\"",
        "a.yaml:2:22: error: unknown key \"admision\"; did you mean \"admission\"?",
        "a.yaml:5:12: error: every: size must be a multiple of it",
        "a.yaml:6:12: error: size: must be a duration between 100ms and 366d (units ms, s, min, h, "
        "d), not \"5 minutes\"",
        "a.yaml:7:11: error: lateness: must be a duration between 0s and 366d (units ms, s, min, "
        "h, d), not \"yes\"",
        "a.yaml:10:7: error: unknown key \"brokr\"; did you mean \"broker\"?",
        "a.yaml:13:11: error: unknown key \"topc\"; did you mean \"topic\"?",
        "a.yaml:14:40: error: baud: must be a whole number between",
        "a.yaml:15:10: error: high: an alarm needs high, low or another condition such as no_data",
        "a.yaml:16:16: error: key \"broker\" is missing",
    };
    check_problems(yaml, expected, sizeof expected / sizeof *expected);
}

static void test_what_is_wrong_hides_nothing_else(void **state)
{
    (void)state;
    static const char yaml[] = "sorces:\n"
                               "  - mqt:\n"
                               "      brokr: http://h\n"
                               "      nme: plant\n"
                               "      subscribe:\n"
                               "        - {topc: a/#/d, qos: 2}\n"
                               "  - serial: {baud: 9601, parity: Even, line: [1]}\n"
                               "alarms: [{name: a b, hgh: 5, low: 10, deadband: x},\n"
                               "         {name: b, high: hot}]\n"
                               "uplnk: {mqtt: {in_flight: 0, topic: a/#}}\n";
    static const char *const expected[] = {
        "a.yaml:1:1: error: unknown key \"sorces\"; did you mean \"sources\"?",
        "a.yaml:2:5: error: unknown source \"mqt\"; did you mean \"mqtt\"?",
        "a.yaml:3:7: error: unknown key \"brokr\"; did you mean \"broker\"?",
        "a.yaml:3:14: error: broker: must begin with mqtt:// or mqtts://",
        "a.yaml:4:7: error: unknown key \"nme\"; did you mean \"name\"?",
        "a.yaml:6:12: error: unknown key \"topc\"; did you mean \"topic\"?",
        "a.yaml:6:18: error: topic: has # before its end",
        "a.yaml:6:30: error: qos: must be a whole number between 0 and 1",
        "a.yaml:7:13: error: key \"port\" is missing",
        "a.yaml:7:20: error: baud: is not a standard rate",
        "a.yaml:7:34: error: parity: must be one of none, even or odd",
        "a.yaml:7:46: error: line: must be a single value, not a list",
        "a.yaml:8:17: error: name: may hold only letters, digits, . _ -",
        "a.yaml:8:22: error: unknown key \"hgh\"; did you mean \"high\"?",
        "a.yaml:8:35: error: low: must be less than high",
        "a.yaml:8:49: error: deadband: must be a number between 0 and 100000",
        "a.yaml:9:26: error: high: must be a number",
        "a.yaml:10:1: error: unknown key \"uplnk\"; did you mean \"uplink\"?",
        "a.yaml:10:15: error: key \"broker\" is missing",
        "a.yaml:10:27: error: in_flight: must be a whole number between 1 and 100",
        "a.yaml:10:37: error: topic: must not contain the wildcards + and #",
    };
    check_problems(yaml, expected, sizeof expected / sizeof *expected);
}

struct line_case {
    const char *text; /* stands before CASE_REST */
    unsigned line, column;
    const char *problem;
};

static void check_lines(const struct line_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_case test;
        char text[4096], expected[640];
        (void)snprintf(text, sizeof text, "%s%s", cases[i].text, CASE_REST);
        (void)snprintf(expected, sizeof expected, "a.yaml:%u:%u: error: %s", cases[i].line,
                       cases[i].column, cases[i].problem);
        case_run(&test, text);
        case_assert_problem(&test, 0, expected);
        assert_int_equal(test.problems.count, 1);
        assert_int_equal(test.status, ST_INVALID);
        case_close(&test);
    }
}

static void test_a_secret_that_is_none(void **state)
{
    (void)state;
    static const char yaml[] =
        "sources: [{coap: {}}, {mqtt: {broker: mqtt://h, username: u, password_file: /,\n"
        "  subscribe: [{topic: a/+d}]}}]\n"
        "uplink: {mqtt: {broker: mqtt://h, username: u, password_file: /proc/version}}\n";
    static const char *const expected[] = {
        "a.yaml:1:77: error: password_file: is not a file",
        "a.yaml:3:63: error: password_file: is open to everybody (mode 444); chmod it to 600",
    };
    check_problems(yaml, expected, sizeof expected / sizeof *expected);
}

static void test_types_of_nodes(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"limits: 5\n", 1, 9, "must be a group of keys, not a single value"},
        {"limits: [5]\n", 1, 9, "must be a group of keys, not a list"},
        {"limits: {devices: [1]}\n", 1, 19, "devices: must be a single value, not a list"},
        {"limits: {devices: {a: 1}}\n", 1, 19,
         "devices: must be a single value, not a group of keys"},
        {"limits: {devices: }\n", 1, 19, "devices: has no value"},
        {"gateway:\n", 1, 9, "gateway: has no value; write \"\" for an empty text"},
        {"windows: {size: 1s}\n", 1, 10,
         "windows: must be a list, not a group of keys; begin each item with \"- \""},
        {"windows: 1s\n", 1, 10,
         "windows: must be a list, not a single value; begin each item with \"- \""},
        {"windows: [1s]\n", 1, 11, "must be a group of keys, not a single value"},
        {"windows:\n- size: 1s\n- [2s]\n", 3, 3, "must be a group of keys, not a list"},
        {"log: {level: verbose}\n", 1, 14,
         "level: must be one of error, warn, info or debug, not \"verbose\""},
        {"control: {sockt: a}\n", 1, 11, "unknown key \"sockt\"; did you mean \"socket\"?"},
        {"control: {temperature: a}\n", 1, 11, "unknown key \"temperature\"; known here: socket"},
    };
    check_lines(cases, sizeof cases / sizeof *cases);
}

static void test_yaml_beyond_the_safe_subset(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"gateway: a\nlateness: 1s\ngateway: b\n", 3, 1,
         "key \"gateway\" is there twice; first in line 1"},
        {"limits: {devices: 1, payload: 64, devices: 2}\n", 1, 35,
         "key \"devices\" is there twice; first in line 1"},
        {"gateway: &a b\n", 1, 10, "anchors (&) are not supported"},
        {"gateway: *a\n", 1, 10,
         "aliases (*) are not supported; put text that begins with * in quotes"},
        {"lateness: !!int 1s\n", 1, 11, "tags (!) are not supported"},
        {"? [a, b]\n: c\n", 1, 3, "a key must be a word"},
        {"gateway: \"a\\0b\"\n", 1, 10, "a NUL character cannot stand in a value"},
    };
    check_lines(cases, sizeof cases / sizeof *cases);
}

static void test_variables_that_cannot_be_expanded(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"gateway: ${ISOTHERM_T_NONE}\n", 1, 10,
         "environment variable ISOTHERM_T_NONE is not set and no default is given "
         "(${ISOTHERM_T_NONE:-default})"},
        {"gateway: a-${B\n", 1, 10, "\"${\" without \"}\"; write $$ for a dollar sign"},
        {"gateway: ${}\n", 1, 10,
         "after \"${\" comes a variable's name and \"}\" or \":-default}\"; write $$ for a dollar "
         "sign"},
        {"gateway: ${A-b}\n", 1, 10,
         "after \"${\" comes a variable's name and \"}\" or \":-default}\"; write $$ for a dollar "
         "sign"},
    };
    assert_int_equal(unsetenv("ISOTHERM_T_NONE"), 0);
    check_lines(cases, sizeof cases / sizeof *cases);
}

static void test_values_that_do_not_go_together(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"gateway: a/b\n", 1, 10, "gateway: must be letters, digits, . _ -"},
        {"gateway: \"\"\n", 1, 10, "gateway: must be letters, digits, . _ -"},
        {"windows: [{}]\n", 1, 11, "size: a window needs a size such as 1min, or a count"},
        {"windows: [{size: 1s, count: 5}]\n", 1, 29,
         "count: a window has either size or count, not both"},
        {"windows: [{count: 5, every: 5s}]\n", 1, 29,
         "every: belongs to size; with count, write every_count"},
        {"windows: [{count: 5, every_count: 2}]\n", 1, 35,
         "every_count: count must be a multiple of it"},
        {"windows: [{size: 1s, every_count: 2}]\n", 1, 35,
         "every_count: belongs to count; with size, write every"},
        {"windows: [{size: 10s, every: 20s}]\n", 1, 30, "every: size must be a multiple of it"},
        {"windows: [{size: 1d, every: 1s}]\n", 1, 29,
         "every: is too small: at most 4096 windows may overlap"},
        {"windows: [{size: 1s}]\nlateness: 2h\n", 1, 11,
         "with this lateness the window needs 7202 panes for each device, where at most 4096 are "
         "possible; use a larger every or a smaller lateness"},
        {"windows: [{size: 1s}]\nlateness: 4094s\nlimits: 5\n", 3, 9,
         "must be a group of keys, not a single value"},
        {"windows: [{size: 1s}]\nlateness: 4094001ms\n", 1, 11,
         "with this lateness the window needs 4097 panes for each device, where at most 4096 are "
         "possible; use a larger every or a smaller lateness"},
        {"windows: [{count: 5, provisional: 1s}]\n", 1, 35,
         "provisional: is for windows with a size, not a count"},
        {"windows: [{size: 1d, provisional: 40s}]\n", 1, 35,
         "provisional: is too small: at most 2000 times per window"},
        {"windows: [{size: 60s}, {size: 1h},\n {size: 1min, every: 1min}]\n", 2, 2,
         "the same window as in line 1"},
        {"alarms: [{name: a, low: 5, high: 5}]\n", 1, 25, "low: must be less than high"},
        {"alarms: [{name: a, low: 0, high: 4, deadband: 2}]\n", 1, 47,
         "deadband: is too large: low + deadband must stay below high - deadband"},
        {"alarms: [{name: a b, high: 4}]\n", 1, 17, "name: may hold only letters, digits, . _ -"},
        {"alarms:\n- {name: a, high: 4}\n- {name: b, high: 4}\n- {high: 5, name: a}\n", 4, 19,
         "name: the alarm in line 2 is called \"a\" too"},
        {"alarms: [{name: a, high: -273.2}]\n", 1, 26, "high: is below absolute zero"},
        {"alarms: [{name: a, source_silent: 1min, silent_count: 1}]\n", 1, 55,
         "silent_count: is at least 2; for each device by itself there is no_data"},
        {"alarms:\n- name: a\n  devices: o*\n  high: 5\n  high_high: 9\n  overrides:\n"
         "  - {devices: o1, high: 6}\n  - {devices: o2, high: 9}\n",
         8, 25, "high: must be less than high_high, for this override"},
        {"alarms:\n- name: a\n  devices: o*\n  high: 5\n  overrides:\n  - {devices: z1, high: 6}\n",
         6, 15, "devices: \"z1\" is none of the rule's own, \"o*\""},
        {"alarms: [{name: a, high: 5, overrides: [{devices: \"\", high: 6}]}]\n", 1, 51,
         "devices: is empty"},
        {"alarms: [{name: a, high: 200000}]\n", 1, 26, "high: must be a number, not \"200000\""},
    };
    check_lines(cases, sizeof cases / sizeof *cases);
}

/* Else check would call good what run refuses. */
static void test_budget_must_hold_a_batch(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "windows: [{size: 34h, every: 30s}]\nstore: {budget: 16MiB}\n" CASE_REST);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 1);
    assert_int_equal(test.items[0].line, 2);
    assert_int_equal(test.items[0].column, 17);
    assert_non_null(strstr(test.items[0].text, "budget: these windows, alarms and devices need"));
    case_close(&test);
}

static void test_too_many_items(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        {"windows: [{size: 1s}, {size: 2s}, {size: 3s}, {size: 4s}, {size: 5s}, {size: 6s}, "
         "{size: 7s}, {size: 8s}, {size: 9s}]\n",
         1, 10, "windows: 9 items, where at most 8 are possible"},
    };
    check_lines(cases, sizeof cases / sizeof *cases);
}

static void test_socket_must_fit(void **state)
{
    (void)state;
    struct config_case test;
    char text[1024], path[103 + 1];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0'; /* 103 bytes + ".sock" = 108, one too many with the NUL */
    (void)snprintf(text, sizeof text, "store:\n  path: %s\n%s", path, CASE_REST);
    case_run(&test, text);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0,
                        "a.yaml:2:9: error: path: with .sock behind it, longer than the 107 bytes "
                        "the path of a socket may have; set control: {socket: ...}");
    case_close(&test);
    (void)snprintf(text, sizeof text, "store: {path: %s}\n%s", path + 1, CASE_REST);
    case_run(&test, text);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(strlen(test.config.control_socket), 107);
    case_close(&test);
}

static void check_sources(const char *sources, const char *expected)
{
    struct config_case test;
    char text[2048];
    (void)snprintf(text, sizeof text, "uplink: {mqtt: {broker: \"mqtt://a\"}}\n%s", sources);
    case_run(&test, text);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0, expected);
    case_close(&test);
}

static void test_sources(void **state)
{
    (void)state;
    check_sources("", "a.yaml:1:1: error: key \"sources\" is missing");
    check_sources("sources: []", "a.yaml:2:10: error: sources: needs at least one item");
    check_sources("sources:", "a.yaml:2:9: error: sources: needs at least one item");
    check_sources("sources: [mqt: {}]",
                  "a.yaml:2:11: error: unknown source \"mqt\"; did you mean \"mqtt\"?");
    check_sources("sources: [{}]",
                  "a.yaml:2:11: error: a source is the name of a driver with its options, e.g. "
                  "mqtt: {broker: ...}");
    check_sources("sources: [mqtt]",
                  "a.yaml:2:11: error: a source is the name of a driver with its options, e.g. "
                  "mqtt: {broker: ...}");
    check_sources("sources:\n- mqtt:\n  broker: \"mqtt://a\"\n",
                  "a.yaml:4:3: error: a source has one key, its driver; indent the options below "
                  "it, and begin another source with \"- \"");
    check_sources("sources:\n- mqtt:\n", "a.yaml:3:8: error: key \"broker\" is missing");
}

static void test_sources_that_share(void **state)
{
    (void)state;
    check_sources("sources:\n"
                  "- serial: {port: /dev/ttyS0, line: \"{device},{value}\"}\n"
                  "- serial: {port: /dev/ttyS1, line: \"{device},{value}\"}\n"
                  "- serial: {port: /dev/ttyS0, line: \"{device},{value}\"}\n",
                  "a.yaml:5:18: error: port: source serial[0] has /dev/ttyS0 already");
    check_sources("sources:\n"
                  "- serial: {name: a, port: /dev/ttyS0, line: \"{device},{value}\"}\n"
                  "- serial: {name: a, port: /dev/ttyS1, line: \"{device},{value}\"}\n",
                  "a.yaml:4:18: error: name: another source is called \"a\" too");
    check_sources("sources:\n"
                  "- serial: {name: \"a[0]\", port: /dev/ttyS0, line: \"{device},{value}\"}\n",
                  "a.yaml:3:18: error: name: may hold only letters, digits, . _ -");
}

static void test_driver_not_compiled(void **state)
{
    (void)state;
    char text[256], expected[256];
    const char *name = NULL;
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        if (!(*at)->is_compiled) name = (*at)->name;
    }
    if (name == NULL) {
        print_message("skipped: every driver is compiled in\n");
        skip();
    }
    (void)snprintf(text, sizeof text, "sources: [%s: {port: 1}]\n", name);
    (void)snprintf(expected, sizeof expected,
                   "a.yaml:2:11: error: source \"%s\" is not compiled into this program", name);
    check_sources(text, expected);
}

static void test_problems_in_the_directory_have_its_file(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml", "windows:\n- size: 1\n" CASE_REST);
    case_write(&test, "conf.d/b.yaml", "windows:\n- size: 1s\n- every: 1s\n");
    case_write(&test, "conf.d/c.yaml", "\n gatway: x\n");
    case_write(&test, "conf.d/d.yaml", "gateway: [x\n");
    case_write(&test, "conf.d/e.yaml", "- x\n");
    case_load(&test);
    case_print(&test);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 5);
    case_assert_problem(&test, 0,
                        "a.yaml:2:9: error: size: must be a duration between 100ms and 366d (units "
                        "ms, s, min, h, d), not \"1\"");
    case_assert_problem(&test, 1,
                        "b.yaml:3:3: error: size: a window needs a size such as 1min, or a count");
    case_assert_problem(&test, 2,
                        "c.yaml:2:2: error: unknown key \"gatway\"; did you mean \"gateway\"?");
    assert_string_equal(strrchr(test.items[3].file, '/'), "/d.yaml");
    case_assert_problem(&test, 4,
                        "e.yaml:1:1: error: the file must be a group of keys such as \"gateway: "
                        "line-7\"");
    case_close(&test);
}

static void test_items_of_all_files_are_counted(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml",
               "windows: [{size: 1s}, {size: 2s}, {size: 3s}, {size: 4s}]\n" CASE_REST);
    case_write(&test, "conf.d/b.yaml", "windows: [{size: 5s}, {size: 6s}, {size: 7s}]\n");
    case_write(&test, "conf.d/c.yaml", "windows: [{size: 8s}, {size: 9s}]\n");
    case_load(&test);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 1);
    case_assert_problem(&test, 0,
                        "a.yaml:1:10: error: windows: 9 items, where at most 8 are possible");
    case_close(&test);
}

static void test_directory_is_read_behind_a_broken_main_file(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml", "gateway: a: b\n");
    case_write(&test, "conf.d/b.yaml", "gateway: b\ngateway: c\n");
    case_load(&test);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 2);
    case_assert_problem(&test, 0,
                        "a.yaml:1:11: error: mapping values are not allowed in this context");
    case_assert_problem(&test, 1,
                        "b.yaml:2:1: error: key \"gateway\" is there twice; first in line 1");
    case_close(&test);
}

static void test_more_problems_than_room_are_counted(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    test.problems.capacity = 2;
    case_write(&test, "a.yaml", "a1: 1\nb1: 1\nc1: 1\nd1: 1\n" CASE_REST);
    case_load(&test);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 4);
    assert_int_equal(test.items[1].line, 2);
    assert_string_equal(test.items[2].text, "");
    test.problems.capacity = 0;
    case_load(&test);
    assert_int_equal(test.status, ST_INVALID);
    case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several_problems_are_reported_in_order),
        cmocka_unit_test(test_what_is_wrong_hides_nothing_else),
        cmocka_unit_test(test_a_secret_that_is_none),
        cmocka_unit_test(test_types_of_nodes),
        cmocka_unit_test(test_yaml_beyond_the_safe_subset),
        cmocka_unit_test(test_variables_that_cannot_be_expanded),
        cmocka_unit_test(test_values_that_do_not_go_together),
        cmocka_unit_test(test_budget_must_hold_a_batch),
        cmocka_unit_test(test_too_many_items),
        cmocka_unit_test(test_socket_must_fit),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_sources_that_share),
        cmocka_unit_test(test_driver_not_compiled),
        cmocka_unit_test(test_problems_in_the_directory_have_its_file),
        cmocka_unit_test(test_items_of_all_files_are_counted),
        cmocka_unit_test(test_directory_is_read_behind_a_broken_main_file),
        cmocka_unit_test(test_more_problems_than_room_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
