/* learned: which device is judged by what, that judging comes before learning, and restoring. */
#include "alarm/learned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define DEGREE INT64_C(1000000)

enum { ODD, OTHER, BY_MODEL, RULES, SOURCES = 4 };

struct fixture {
    struct model model;
    struct learned_rule rules[RULES];
    struct learned *learned;
};

static const char MODEL[] = "{\"isotherm_model\":1,\"utc_offset\":2,\"devices\":["
                            "{\"devices\":\"oven-1\",\"hours\":[[[10,20,30]]]}]}";

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct model_problem problem;
    assert_int_equal(model_parse(&fixture.model, MODEL, sizeof MODEL - 1, &problem), ST_OK);
    fixture.rules[ODD] = (struct learned_rule){.devices = "oven-*", .deviations_milli = 5000};
    fixture.rules[BY_MODEL] = (struct learned_rule){.devices = "*", .model = &fixture.model};
    fixture.rules[OTHER] = (struct learned_rule){.devices = "*"};
    const struct learned_options options = {
        .sources = SOURCES,
        .habit = {.memory_days = 14, .warm_up_days = 3, .least_micro = DEGREE},
        .rules = fixture.rules,
        .rule_count = RULES};
    assert_int_equal(learned_open(&fixture.learned, &options), ST_OK);
    assert_true(learned_size_bytes(&options) >= SOURCES * (HABIT_BYTES + 2));
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    learned_close(fixture->learned);
    model_fini(&fixture->model);
    return 0;
}

static bool judge(const struct learned *learned, uint32_t source, size_t rule, int64_t value_micro,
                  int64_t event_ms, bool was_outside, struct learned_finding *finding)
{
    const struct learned_value value = {.value_micro = value_micro,
                                        .event_ms = event_ms,
                                        .deadband_micro = DEGREE,
                                        .was_outside = was_outside};
    return learned_judge(learned, source, rule, &value, finding);
}

static void live(struct learned *learned, uint32_t source, int64_t days)
{
    for (int64_t hour = 0; hour < days * 24; hour++)
        learned_add(learned, source, 50 * DEGREE, hour * HOUR_MS);
}

static void test_a_device_is_judged_by_the_rules_that_are_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct learned *learned = fixture->learned;
    struct learned_finding finding;
    assert_true(learned_admit(learned, 0, "oven-1"));
    assert_true(learned_admit(learned, 1, "oven-2"));
    assert_true(learned_admit(learned, 2, "press")); /* the model's rule is for all */
    for (uint32_t source = 0; source < 3; source++) live(learned, source, 5);
    int64_t now_ms = 5 * DAY_MS;
    assert_true(judge(learned, 0, ODD, 50 * DEGREE, now_ms, false, &finding));
    assert_true(judge(learned, 1, ODD, 50 * DEGREE, now_ms, false, &finding));
    assert_false(judge(learned, 2, ODD, 50 * DEGREE, now_ms, false, &finding));
    assert_true(judge(learned, 0, BY_MODEL, 50 * DEGREE, now_ms, false, &finding));
    assert_false(judge(learned, 1, BY_MODEL, 50 * DEGREE, now_ms, false, &finding));
    assert_false(judge(learned, 0, OTHER, 50 * DEGREE, now_ms, false, &finding));
}

static void test_a_finding_says_limit_hour_and_reason(void **state)
{
    struct fixture *fixture = *state;
    struct learned *learned = fixture->learned;
    struct learned_finding finding;
    char reason[BAND_REASON_SIZE];
    assert_true(learned_admit(learned, 0, "oven-1"));
    live(learned, 0, 4);
    int64_t now_ms = 4 * DAY_MS + 7 * HOUR_MS;
    assert_true(judge(learned, 0, ODD, 44 * DEGREE, now_ms, false, &finding));
    assert_true(finding.is_outside);
    assert_int_equal(finding.limit_micro, 45 * DEGREE);
    assert_int_equal(finding.hour, 7);
    learned_explain(&finding, 44 * DEGREE, reason);
    assert_string_equal(reason, "44 is 6 deviations below the usual 50 \xC2\xB1 1 at 7 h");
    assert_true(judge(learned, 0, BY_MODEL, 30 * DEGREE, now_ms, false, &finding));
    assert_true(finding.is_outside);
    assert_int_equal(finding.hour, 9);
    learned_explain(&finding, 30 * DEGREE, reason);
    assert_string_equal(reason, "30 is 10 above the usual 20 (10 to 30) at 9 h");
    assert_true(judge(learned, 0, BY_MODEL, 29 * DEGREE, now_ms, true, &finding));
    assert_true(finding.is_outside);
    assert_true(judge(learned, 0, BY_MODEL, 29 * DEGREE, now_ms, false, &finding));
    assert_false(finding.is_outside);
}

static void test_a_source_given_to_another_device_knows_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct learned *learned = fixture->learned;
    struct learned_finding finding;
    assert_true(learned_admit(learned, 3, "oven-1"));
    live(learned, 3, 5);
    assert_true(learned_admit(learned, 3, "oven-9"));
    assert_false(judge(learned, 3, ODD, 50 * DEGREE, 5 * DAY_MS, false, &finding));
    assert_false(judge(learned, 3, BY_MODEL, 50 * DEGREE, 5 * DAY_MS, false, &finding));
}

static void test_what_is_restored_judges_alike(void **state)
{
    struct fixture *fixture = *state;
    struct learned *learned = fixture->learned;
    struct learned_finding before, after;
    uint8_t bytes[HABIT_ENTRY_BYTES];
    size_t size, total = 0;
    assert_true(learned_admit(learned, 0, "oven-1"));
    assert_true(learned_admit(learned, 1, "oven-2"));
    assert_true(learned_admit(learned, 2, "press"));
    live(learned, 0, 6);
    size_t reserved = learned_reserved_bytes(learned);
    assert_int_equal(learned_take_changed(learned), 0);
    assert_int_equal(learned_take_changed(learned), LEARNED_NO_SOURCE);
    assert_int_equal(learned_reserved_bytes(learned), 0);
    while ((size = learned_encode(learned, 0, bytes)) > 0) {
        assert_int_equal(learned_restore(learned, 1, bytes, size), ST_OK);
        assert_int_equal(learned_restore(learned, 2, bytes, size), ST_NOT_FOUND);
        total += size + LEARNED_HEAD_BYTES;
    }
    assert_in_range(total, 1, reserved);
    assert_true(reserved <= LEARNED_WHOLE_BYTES);
    assert_true(judge(learned, 0, ODD, 9 * DEGREE, 6 * DAY_MS, false, &before));
    assert_true(judge(learned, 1, ODD, 9 * DEGREE, 6 * DAY_MS, false, &after));
    assert_memory_equal(&before.band, &after.band, sizeof before.band);
    assert_int_equal(learned_restore(learned, 1, "\2", 1), ST_CORRUPT);
    learned_encode_whole(learned, 0);
    assert_true(learned_encode(learned, 0, bytes) > 0);
}

static void test_changes_of_many_are_handed_over_once_and_not_of_those_who_left(void **state)
{
    struct fixture *fixture = *state;
    struct learned *learned = fixture->learned;
    uint8_t bytes[HABIT_ENTRY_BYTES];
    for (uint32_t source = 0; source < SOURCES; source++) {
        assert_true(learned_admit(learned, source, "oven-1"));
        live(learned, source, 1);
    }
    learned_remove(learned, 2);
    unsigned seen = 0;
    for (uint32_t source; (source = learned_take_changed(learned)) != LEARNED_NO_SOURCE;) {
        assert_int_equal(seen & 1U << source, 0);
        seen |= 1U << source;
        while (learned_encode(learned, source, bytes) > 0) {
        }
    }
    assert_int_equal(seen, 0xb);
    assert_int_equal(learned_reserved_bytes(learned), 0);
    learned_add(learned, 1, DEGREE, 0);
    assert_in_range(learned_reserved_bytes(learned), 1, 160);
    assert_int_equal(learned_take_changed(learned), 1);
}

static void test_without_such_rules_it_takes_next_to_nothing(void **state)
{
    (void)state;
    const struct learned_options options = {.sources = 100000, .rules = NULL, .rule_count = 0};
    struct learned *learned = NULL;
    assert_true(learned_size_bytes(&options) < 256);
    assert_int_equal(learned_open(&learned, &options), ST_OK);
    assert_false(learned_admit(learned, 99999, "oven-1"));
    learned_add(learned, 99999, DEGREE, 0);
    learned_remove(learned, 99999);
    assert_int_equal(learned_reserved_bytes(learned), 0);
    assert_int_equal(learned_take_changed(learned), LEARNED_NO_SOURCE);
    learned_close(learned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_device_is_judged_by_the_rules_that_are_for_it,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_a_finding_says_limit_hour_and_reason, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_a_source_given_to_another_device_knows_nothing,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_what_is_restored_judges_alike, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(
            test_changes_of_many_are_handed_over_once_and_not_of_those_who_left, open_fixture,
            close_fixture),
        cmocka_unit_test(test_without_such_rules_it_takes_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
