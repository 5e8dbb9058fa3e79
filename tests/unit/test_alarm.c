/* alarm: the worked examples of the alarm reference, as far as this cut goes. */
#include "stream/alarm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A step: at t seconds a value in thousandths comes, or (value 0) only time passes. */
struct step {
    int64_t at_s, value;
    enum alarm_change change;
};

static void play(const struct alarm_limit *limit, const struct step *steps, size_t count)
{
    struct alarm alarm = {0};
    for (size_t i = 0; i < count; i++) {
        struct alarm_reading reading = {.value_micro = steps[i].value * 1000,
                                        .event_ms = steps[i].at_s,
                                        .wall_ms = 5000 - steps[i].at_s, /* goes back: no matter */
                                        .mono_ms = steps[i].at_s * 1000};
        enum alarm_change change = steps[i].value == 0
                                       ? alarm_advance(&alarm, limit, reading.mono_ms)
                                       : alarm_evaluate(&alarm, limit, &reading);
        assert_int_equal(change, steps[i].change);
    }
}

#define PLAY(limit, ...)                                                                           \
    do {                                                                                           \
        const struct step steps[] = {__VA_ARGS__};                                                 \
        play(&(limit), steps, sizeof steps / sizeof *steps);                                       \
    } while (0)

static const struct alarm_limit HIGH = {
    .limit_micro = 80000000, .deadband_micro = 1000000, .on_delay_ms = 60000};
static const struct alarm_limit LOW = {
    .is_low = true, .limit_micro = 2000000, .deadband_micro = 500000, .on_delay_ms = 10000};

static void test_condition_must_hold_for_the_whole_delay(void **state)
{
    (void)state;
    PLAY(HIGH, {0, 79999, ALARM_UNCHANGED}, {1, 80000, ALARM_UNCHANGED}, {60, 0, ALARM_UNCHANGED},
         {61, 0, ALARM_RAISED}, {62, 0, ALARM_UNCHANGED});
    PLAY(HIGH, {0, 81000, ALARM_UNCHANGED}, {60, 81000, ALARM_RAISED});
}

static void test_reading_below_the_limit_cancels_the_delay(void **state)
{
    (void)state;
    PLAY(HIGH, {0, 81000, ALARM_UNCHANGED}, {55, 79500, ALARM_UNCHANGED},
         {60, 81000, ALARM_UNCHANGED}, {61, 0, ALARM_UNCHANGED}, {120, 0, ALARM_RAISED});
}

static void test_deadband_to_the_equals_sign(void **state)
{
    (void)state;
    PLAY(HIGH, {0, 81000, ALARM_UNCHANGED}, {60, 0, ALARM_RAISED}, {61, 79000, ALARM_UNCHANGED},
         {62, 78999, ALARM_CLEARED}, {63, 79999, ALARM_UNCHANGED}, {200, 0, ALARM_UNCHANGED});
    PLAY(LOW, {0, 2001, ALARM_UNCHANGED}, {20, 2000, ALARM_UNCHANGED}, {30, 0, ALARM_RAISED},
         {31, 2500, ALARM_UNCHANGED}, {32, 2501, ALARM_CLEARED});
}

static void test_no_delay_raises_at_once_and_occurrences_count(void **state)
{
    (void)state;
    const struct alarm_limit limit = {.limit_micro = 80000000};
    struct alarm alarm = {0};
    for (uint32_t i = 1; i <= 3; i++) {
        struct alarm_reading reading = {.value_micro = 80000000, .wall_ms = 7, .event_ms = i};
        assert_int_equal(alarm_evaluate(&alarm, &limit, &reading), ALARM_RAISED);
        assert_int_equal(alarm_name_state(&alarm), ALARM_ACTIVE);
        assert_int_equal(alarm.occurrence, i);
        assert_int_equal(alarm.since_ms, 7);
        reading.value_micro--;
        assert_int_equal(alarm_evaluate(&alarm, &limit, &reading), ALARM_CLEARED);
        assert_int_equal(alarm.value_micro, 79999999);
    }
}

static void test_restored_delay_goes_on(void **state)
{
    (void)state;
    struct alarm alarm = {.is_pending = true, .is_suspended = true, .pending_mono_ms = 50000};
    assert_int_equal(alarm_count_elapsed_ms(&alarm, 123), 50000);
    alarm_resume(&alarm, 1000);
    assert_int_equal(alarm_advance(&alarm, &HIGH, 10999), ALARM_UNCHANGED);
    assert_int_equal(alarm_advance(&alarm, &HIGH, 11000), ALARM_RAISED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_condition_must_hold_for_the_whole_delay),
        cmocka_unit_test(test_reading_below_the_limit_cancels_the_delay),
        cmocka_unit_test(test_deadband_to_the_equals_sign),
        cmocka_unit_test(test_no_delay_raises_at_once_and_occurrences_count),
        cmocka_unit_test(test_restored_delay_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
