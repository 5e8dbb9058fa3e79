/* health: stuck is a part that has work and makes no step, and nothing else. */
#include "health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LOOK_MS = 5000 };

static const int64_t limits_ms[HEALTH_PARTS] = {60000, 120000, 900000};

static struct health begin(int64_t now_mono_ms)
{
    struct health health;
    health_init(&health, limits_ms, now_mono_ms);
    return health;
}

/* Milliseconds of looking until something is stuck, and what; 0: nothing within two hours. */
static int64_t look_until_stuck(struct health *health, const struct health_work *work,
                                int64_t now_mono_ms, enum health_part *stuck)
{
    for (int64_t passed_ms = LOOK_MS; passed_ms < 7200000; passed_ms += LOOK_MS) {
        *stuck = health_judge(health, work, now_mono_ms + passed_ms);
        if (*stuck != HEALTH_PARTS) return passed_ms;
    }
    return 0;
}

static void each_part_is_stuck_just_after_its_limit(void **state)
{
    (void)state;
    for (int part = 0; part < HEALTH_PARTS; part++) {
        struct health health = begin(1000);
        struct health_work work[HEALTH_PARTS] = {0};
        enum health_part stuck;
        work[part].is_due = true;
        assert_int_equal(look_until_stuck(&health, work, 1000, &stuck), limits_ms[part] + LOOK_MS);
        assert_int_equal(stuck, part);
    }
}

static void parts_without_work_are_never_stuck(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {0};
    enum health_part stuck;
    assert_int_equal(look_until_stuck(&health, work, 0, &stuck), 0);
}

static void a_step_now_and_then_is_progress(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {[HEALTH_STORE] = {.is_due = true, .steps = 5}};
    for (int64_t now_ms = LOOK_MS; now_ms < 7200000; now_ms += LOOK_MS) {
        if (now_ms % 100000 == 0) work[HEALTH_STORE].steps++;
        assert_int_equal(health_judge(&health, work, now_ms), HEALTH_PARTS);
    }
}

static void a_moment_without_work_begins_the_time_anew(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {[HEALTH_INTAKE] = {.is_due = true}};
    for (int64_t now_ms = LOOK_MS; now_ms < 7200000; now_ms += LOOK_MS) {
        work[HEALTH_INTAKE].is_due = now_ms % 50000 != 0;
        assert_int_equal(health_judge(&health, work, now_ms), HEALTH_PARTS);
    }
}

static void a_part_that_gets_on_again_is_well_again(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {[HEALTH_STORE] = {.is_due = true}};
    enum health_part stuck;
    int64_t stuck_at_ms = look_until_stuck(&health, work, 0, &stuck);
    assert_true(stuck_at_ms > 0);
    work[HEALTH_STORE].steps++;
    assert_int_equal(health_judge(&health, work, stuck_at_ms + LOOK_MS), HEALTH_PARTS);
}

static void a_sleep_of_hours_is_nobodys_fault(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {{.is_due = true}, {.is_due = true}, {.is_due = true}};
    assert_int_equal(health_judge(&health, work, 1), HEALTH_PARTS);
    assert_int_equal(health_judge(&health, work, 36000000), HEALTH_PARTS);
}

static void the_first_of_several_is_named(void **state)
{
    (void)state;
    struct health health = begin(0);
    struct health_work work[HEALTH_PARTS] = {{.is_due = true}, {.is_due = true}, {.is_due = true}};
    enum health_part stuck;
    for (int64_t now_ms = 0; now_ms < 3600000; now_ms += LOOK_MS)
        stuck = health_judge(&health, work, now_ms);
    assert_int_equal(stuck, HEALTH_INTAKE);
    assert_string_equal(health_part_name(HEALTH_INTAKE), "intake");
    assert_string_equal(health_part_name(HEALTH_STORE), "store");
    assert_string_equal(health_part_name(HEALTH_UPLINK), "uplink");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_is_stuck_just_after_its_limit),
        cmocka_unit_test(parts_without_work_are_never_stuck),
        cmocka_unit_test(a_step_now_and_then_is_progress),
        cmocka_unit_test(a_moment_without_work_begins_the_time_anew),
        cmocka_unit_test(a_part_that_gets_on_again_is_well_again),
        cmocka_unit_test(a_sleep_of_hours_is_nobodys_fault),
        cmocka_unit_test(the_first_of_several_is_named),
    };
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
