/* command_channel: options and topics; what goes over the wire is in tests/scenario/30. */
#include "uplink/command_channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_answers_go_nowhere_that_is_ours_or_the_brokers(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        bool may;
    } cases[] = {
        {"console/answers/7", true},
        {"isotherm/line-7/answer", true},
        {"isotherm/line-7/answer/anna", true},
        {"isotherm/line-77/answer", true},
        {"isotherm/line-7", false},
        {"isotherm/line-7/answers", false},
        {"isotherm/line-7/status", false},
        {"isotherm/line-7/summary/oven", false},
        {"isotherm/line-7/alarm-state/oven/hot%2FH", false},
        {"isotherm/line-7/command", false},
        {"all/command", false},
        {"", false},
        {"$SYS/x", false},
        {"a/+/b", false},
        {"a/#", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool may = command_channel_may_answer(cases[i].topic, "isotherm/line-7", "all/command");
        if (may != cases[i].may) fail_msg("%s", cases[i].topic);
    }
}

static void note(void *context, const char *field_name, const char *problem)
{
    (void)problem;
    (void)snprintf(context, 64, "%s", field_name);
}

static void assert_complains(const struct command_channel_options *options, const char *field_name)
{
    char found[64] = "";
    const struct field_report report = {.add = note, .context = found};
    command_channel_option_table.check(options, &report);
    assert_string_equal(found, field_name);
}

static void test_options_are_held_against_each_other(void **state)
{
    (void)state;
    struct command_channel_options options;
    memset(&options, 0, sizeof options);
    assert_int_equal(field_set_defaults(&command_channel_option_table, &options), ST_OK);
    assert_string_equal(options.topic, ""); /* off unless it is configured */
    assert_complains(&options, "");
    const struct command_channel_options good = options;
    (void)strcpy(options.topic, "a/+/b");
    assert_complains(&options, "topic");
    (void)strcpy(options.topic, "$SYS/a");
    assert_complains(&options, "topic");
    options = good;
    options.actors[0] = '\0';
    assert_complains(&options, "actors");
    options = good;
    (void)strcpy(options.allow, "ack, oos return");
    assert_complains(&options, "");
    (void)strcpy(options.allow, "ack acknowledge");
    assert_complains(&options, "allow");
    options.allow[0] = '\0';
    assert_complains(&options, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_go_nowhere_that_is_ours_or_the_brokers),
        cmocka_unit_test(test_options_are_held_against_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
