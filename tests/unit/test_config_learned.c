/* config_learned: defaults, what contradicts itself, and models read and checked with the rest. */
#include "config_learned.h"
#include "support/config_case.h"

#define MODEL(hours)                                                                               \
    "{\"isotherm_model\": 1,\n \"devices\": [{\"devices\": \"oven-*\",\n \"hours\": " hours "}]}"  \
    "\n"

static void test_defaults_of_what_learns(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "alarms: [{name: odd, unusual: {}}, {name: hot, high: 9}]\n" CASE_REST);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_true(test.config.alarms[0].is_unusual);
    assert_int_equal(test.config.alarms[0].unusual.deviations_micro, 5000000);
    assert_false(test.config.alarms[1].is_unusual);
    assert_null(test.config.alarms[1].model);
    struct stream_options options = config_stream_options(&test.config);
    assert_int_equal(options.habit.utc_offset_ms, 0);
    assert_int_equal(options.habit.memory_days, 14);
    assert_int_equal(options.habit.warm_up_days, 7);
    assert_int_equal(options.habit.least_micro, 500000);
    case_close(&test);
}

static void test_what_is_given_is_taken(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "alarms: [{name: odd, unusual: {deviations: 3.5}}]\n"
                    "habit: {utc_offset: -3.5, memory: 28d, warm_up: 3d, least: 0.1}\n" CASE_REST);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    struct stream_options options = config_stream_options(&test.config);
    assert_int_equal(options.alarms[0].unusual.deviations_micro, 3500000);
    assert_int_equal(options.habit.utc_offset_ms, -12600000);
    assert_int_equal(options.habit.memory_days, 28);
    assert_int_equal(options.habit.warm_up_days, 3);
    assert_int_equal(options.habit.least_micro, 100000);
    case_close(&test);
}

static void test_what_contradicts_itself_is_named(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "alarms:\n"
                    "  - {name: a, unusual: {}, model: x.json}\n"
                    "  - {name: b, unusual: {deviations: 0.5}}\n"
                    "  - {name: c, unusual: {deviatons: 5}}\n"
                    "habit: {warm_up: 20d, utc_offset: 1}\n" CASE_REST);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_some(&test, 2, "model: and unusual need a rule each");
    case_assert_some(&test, 3, "deviations: must be a number between 1 and 100");
    case_assert_some(&test, 4, "did you mean \"deviations\"?");
    case_assert_some(&test, 5, "warm_up: must not be longer than memory");
    case_close(&test);
}

/* A configuration with a model of that text beside it. */
static void run_with_model(struct config_case *test, const char *text)
{
    char yaml[512];
    case_open(test);
    if (text != NULL) case_write(test, "model.json", text);
    (void)snprintf(yaml, sizeof yaml,
                   "alarms:\n"
                   "  - {name: hot, high: 90}\n"
                   "  - {name: known, on_delay: 1h, model: %s/model.json}\n" CASE_REST,
                   test->directory);
    case_write(test, "a.yaml", yaml);
    case_load(test);
}

static void test_a_model_is_read_and_kept_as_long_as_the_configuration(void **state)
{
    (void)state;
    struct config_case test;
    run_with_model(&test, MODEL("[[[1, 2, 3]]]"));
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    struct stream_options options = config_stream_options(&test.config);
    assert_null(options.alarms[0].model);
    assert_non_null(options.alarms[1].model);
    assert_int_equal(model_find_device(options.alarms[1].model, "l1/oven-7"), 0);
    assert_true(config_model_bytes(&test.config) >= sizeof(struct model_device));
    case_close(&test);
}

static void test_a_wrong_model_is_named_with_its_own_place(void **state)
{
    (void)state;
    struct config_case test;
    run_with_model(&test, MODEL("[[[3, 2, 1]]]"));
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 1);
    case_assert_problem(&test, 0,
                        "model.json:3:22: error: a band is [low, usual, high] in rising order");
    case_close(&test);
}

static void test_a_model_that_is_not_there_is_named_where_it_is_asked_for(void **state)
{
    (void)state;
    struct config_case test;
    run_with_model(&test, NULL);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_some(&test, 3, "/model.json cannot be read: No such file or directory");
    case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_of_what_learns),
        cmocka_unit_test(test_what_is_given_is_taken),
        cmocka_unit_test(test_what_contradicts_itself_is_named),
        cmocka_unit_test(test_a_model_is_read_and_kept_as_long_as_the_configuration),
        cmocka_unit_test(test_a_wrong_model_is_named_with_its_own_place),
        cmocka_unit_test(test_a_model_that_is_not_there_is_named_where_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
