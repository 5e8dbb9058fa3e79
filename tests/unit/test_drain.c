/* pace, turn, drain: the rate is kept, history has its share, and the estimate comes true. */
#include "uplink/drain.h"
#include "uplink/pace.h"
#include "uplink/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- pace ---- */

/* Takes all it may every step_ms; how many that were. */
static int64_t run_pace(struct pace *pace, int64_t *now_ms, int64_t step_ms, int64_t for_ms)
{
    int64_t taken = 0;
    for (int64_t end_ms = *now_ms + for_ms; *now_ms < end_ms; *now_ms += step_ms) {
        int64_t allowed = pace_count_allowed(pace, *now_ms);
        pace_take(pace, allowed);
        taken += allowed;
    }
    return taken;
}

static void test_rate_is_kept_however_often_one_looks(void **state)
{
    (void)state;
    static const int64_t steps_ms[] = {1, 7, 50, 99};
    for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) {
        struct pace pace;
        int64_t now_ms = 5000;
        pace_init(&pace, 20, 0, now_ms);
        assert_in_range(run_pace(&pace, &now_ms, steps_ms[i], 60000), 1195, 1203);
    }
}

static void test_no_more_than_the_burst_is_saved_up(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 20, 0, 0);
    assert_int_equal(pace_count_allowed(&pace, 0), 1);
    assert_int_equal(pace_count_allowed(&pace, 3600000),
                     3); /* one and a tenth of a second's worth */
    pace_init(&pace, 20, 50, 0);
    assert_int_equal(pace_count_allowed(&pace, 1000), 21);
    assert_int_equal(pace_count_allowed(&pace, INT64_MAX), 50);
    pace_init(&pace, 1, 0, 0);
    assert_int_equal(pace_count_allowed(&pace, 3600000), 1); /* never less than one */
}

static void test_wait_ends_when_one_may_leave(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 3, 1, 0);
    assert_int_equal(pace_count_allowed(&pace, 0), 1);
    assert_int_equal(pace_wait_ms(&pace), 0);
    pace_take(&pace, 1);
    int64_t wait_ms = pace_wait_ms(&pace);
    assert_int_equal(wait_ms, 334);
    assert_int_equal(pace_count_allowed(&pace, wait_ms - 1), 0);
    assert_int_equal(pace_count_allowed(&pace, wait_ms), 1);
}

static void test_debt_is_paid_back(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 10, 0, 0);
    pace_take(&pace, 21); /* 20 more than there were */
    assert_int_equal(pace_count_allowed(&pace, 2000), 0);
    assert_int_equal(pace_wait_ms(&pace), 100);
    assert_int_equal(pace_count_allowed(&pace, 2100), 1);
}

static void test_without_a_limit_all_may_leave(void **state)
{
    (void)state;
    struct pace pace;
    pace_init(&pace, 0, 0, 0);
    pace_take(&pace, 1000000);
    assert_true(pace_count_allowed(&pace, 0) == INT64_MAX);
    assert_int_equal(pace_wait_ms(&pace), 0);
}

/* ---- turn ---- */

/* Of 1000 records sent while both wait, how many are history. */
static int count_history_of_1000(int64_t share)
{
    struct turn turn;
    turn_init(&turn, share);
    int history = 0;
    for (int i = 0; i < 1000; i++) {
        if (turn_count_history(&turn) > 0) {
            turn_take_history(&turn);
            history++;
        } else {
            turn_take_live(&turn);
        }
    }
    return history;
}

static void test_history_has_its_share_of_what_is_sent(void **state)
{
    (void)state;
    assert_in_range(count_history_of_1000(20), 199, 201);
    assert_in_range(count_history_of_1000(1), 9, 11);
    assert_in_range(count_history_of_1000(50), 499, 501);
    assert_in_range(count_history_of_1000(90), 898, 902);
    assert_int_equal(count_history_of_1000(0), 0);
}

static void test_history_alone_saves_up_no_turns_for_live(void **state)
{
    (void)state;
    struct turn turn;
    turn_init(&turn, 20);
    for (int i = 0; i < 100000; i++) turn_take_history(&turn);
    for (int i = 0; i < 4; i++) turn_take_live(&turn);
    assert_int_equal(turn_count_history(&turn), 1);
}

static void test_live_alone_saves_up_few_turns_for_history(void **state)
{
    (void)state;
    struct turn turn;
    turn_init(&turn, 20);
    for (int i = 0; i < 100000; i++) turn_take_live(&turn);
    assert_in_range(turn_count_history(&turn), 1, 16);
}

/* ---- meter ---- */

static void test_meter_is_a_mean_at_first(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter, 10000);
    meter_skip(&meter, 100, 0);
    assert_false(meter_is_known(&meter));
    meter_look(&meter, 110, 1000);
    assert_false(meter_is_known(&meter)); /* a second is no rate */
    meter_look(&meter, 140, 2000);
    assert_true(meter_is_known(&meter));
    assert_int_equal(meter.milli_rate, 20000);
}

static void test_meter_follows_a_change(void **state)
{
    (void)state;
    struct meter meter;
    uint64_t count = 0;
    meter_init(&meter, 10000);
    meter_skip(&meter, 0, 0);
    for (int64_t s = 1; s <= 60; s++) meter_look(&meter, count += 20, s * 1000);
    assert_int_equal(meter.milli_rate, 20000);
    for (int64_t s = 61; s <= 120; s++) meter_look(&meter, count += 5, s * 1000);
    assert_in_range(meter.milli_rate, 5000, 5100);
}

static void test_meter_leaves_out_what_it_is_told_to(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter, 10000);
    meter_skip(&meter, 0, 0);
    meter_look(&meter, 100, 5000);
    meter_skip(&meter, 100, 3600000); /* an hour without work is not slowness */
    meter_look(&meter, 120, 3601000);
    assert_int_equal(meter.milli_rate, 20000);
    meter_look(&meter, 0, 3602000); /* a count that goes back is none */
    assert_true(meter.milli_rate < 20000 && meter.milli_rate >= 0);
    meter_look(&meter, UINT64_MAX, 3603000);
    assert_true(meter.milli_rate > 0);
}

/* ---- estimate ---- */

static const struct drain_facts thousand = {
    .is_up = true, .waiting = 1100, .history = 1000, .pile = 40, .history_milli = 20000};

static void test_estimate_is_history_by_its_own_rate(void **state)
{
    (void)state;
    struct drain_facts facts = thousand;
    assert_int_equal(drain_estimate(&facts).left_ms, 50000);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_MEASURED);
    facts.wait_ms = 1500;
    assert_int_equal(drain_estimate(&facts).left_ms, 51500);
    facts.history_milli = 4000; /* its share */
    assert_int_equal(drain_estimate(&facts).left_ms, 251500);
}

static void test_estimate_says_what_it_rests_on(void **state)
{
    (void)state;
    struct drain_facts facts = thousand;
    facts.history_milli = 0;
    assert_int_equal(drain_estimate(&facts).left_ms, -1);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_UNKNOWN);
    facts.earlier_milli = 10000;
    assert_int_equal(drain_estimate(&facts).left_ms, 100000);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_EARLIER);
    facts.limit = 40;
    assert_int_equal(drain_estimate(&facts).left_ms, 25000);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_CONFIGURED);
    facts.is_up = false;
    assert_int_equal(drain_estimate(&facts).left_ms, -1);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_UNKNOWN);
}

static void test_live_records_on_their_way_are_nothing_to_drain(void **state)
{
    (void)state;
    struct drain_facts facts = {.is_up = true, .pile = 40};
    assert_int_equal(drain_estimate(&facts).left_ms, 0);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_NONE);
    facts.waiting = 40;
    assert_int_equal(drain_estimate(&facts).left_ms, 0);
    facts.waiting = 41; /* a pile, and nothing is known about it */
    assert_int_equal(drain_estimate(&facts).left_ms, -1);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_UNKNOWN);
}

static void test_live_records_that_pile_up_have_an_end_or_none(void **state)
{
    (void)state;
    struct drain_facts facts = thousand;
    facts.history = 0;
    facts.all_milli = 20000;
    facts.inflow_milli = 9000;
    assert_int_equal(drain_estimate(&facts).left_ms, 100000);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_MEASURED);
    facts.inflow_milli = 25000;
    assert_int_equal(drain_estimate(&facts).left_ms, -1);
    assert_int_equal(drain_estimate(&facts).basis, DRAIN_GROWING);
}

static void test_estimate_of_too_many_fits(void **state)
{
    (void)state;
    struct drain_facts facts = thousand;
    facts.history = facts.waiting = UINT64_MAX;
    facts.history_milli = 1;
    assert_true(drain_estimate(&facts).left_ms > INT64_C(4000000000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_is_kept_however_often_one_looks),
        cmocka_unit_test(test_no_more_than_the_burst_is_saved_up),
        cmocka_unit_test(test_wait_ends_when_one_may_leave),
        cmocka_unit_test(test_debt_is_paid_back),
        cmocka_unit_test(test_without_a_limit_all_may_leave),
        cmocka_unit_test(test_history_has_its_share_of_what_is_sent),
        cmocka_unit_test(test_history_alone_saves_up_no_turns_for_live),
        cmocka_unit_test(test_live_alone_saves_up_few_turns_for_history),
        cmocka_unit_test(test_meter_is_a_mean_at_first),
        cmocka_unit_test(test_meter_follows_a_change),
        cmocka_unit_test(test_meter_leaves_out_what_it_is_told_to),
        cmocka_unit_test(test_estimate_is_history_by_its_own_rate),
        cmocka_unit_test(test_estimate_says_what_it_rests_on),
        cmocka_unit_test(test_live_records_on_their_way_are_nothing_to_drain),
        cmocka_unit_test(test_live_records_that_pile_up_have_an_end_or_none),
        cmocka_unit_test(test_estimate_of_too_many_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
