/* The pure parts of the alarm engine, each against a second, simpler way to say the same. */
#include "alarm/alarm_nuisance.h"
#include "alarm/alarm_rate.h"
#include "alarm/alarm_rule.h"
#include "alarm/alarm_state.h"
#include "alarm/alarm_tally.h"
#include "alarm/alarm_timer.h"
#include "alarm/alarm_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* ---- the state machine, as the reference's table says it ---- */

static struct alarm_facts facts_of(enum alarm_state state, bool is_active)
{
    return (struct alarm_facts){
        .is_active = state == ALARM_UNACK || state == ALARM_ACKED || is_active,
        .is_unacked = state == ALARM_UNACK || state == ALARM_RTNUN || state == ALARM_LATUN,
        .is_latched = state == ALARM_LATUN || state == ALARM_LATAK,
        .is_shelved = state == ALARM_SHLVD,
        .is_suppressed = state == ALARM_DSUPR,
        .is_out_of_service = state == ALARM_OOSRV};
}

static void expect(enum alarm_state from, bool is_active, struct alarm_policy policy,
                   enum alarm_trigger trigger, enum alarm_outcome outcome, enum alarm_state to,
                   bool annunciate)
{
    struct alarm_facts facts = facts_of(from, is_active);
    assert_int_equal(alarm_state_name(facts), from);
    struct alarm_step step = alarm_state_apply(&facts, policy, trigger);
    assert_int_equal(step.outcome, outcome);
    assert_int_equal(step.from, from);
    assert_int_equal(step.to, to);
    assert_int_equal(alarm_state_name(facts), to);
    assert_int_equal(step.annunciate, annunciate);
}

static void test_each_row_of_the_table(void **unused)
{
    (void)unused;
    const struct alarm_policy ack = {.needs_ack = true}, plain = {0},
                              latch = {.needs_ack = true, .is_latching = true};
    const struct {
        enum alarm_state from;
        bool is_active;
        const struct alarm_policy *policy;
        enum alarm_trigger trigger;
        enum alarm_outcome outcome;
        enum alarm_state to;
        bool annunciate;
    } rows[] = {
        {ALARM_NORM, false, &ack, TRIGGER_RAISE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_NORM, false, &ack, TRIGGER_ACK, ALARM_SAME, ALARM_NORM, false},
        {ALARM_NORM, false, &ack, TRIGGER_RESET, ALARM_SAME, ALARM_NORM, false},
        {ALARM_UNACK, true, &ack, TRIGGER_ACK, ALARM_CHANGED, ALARM_ACKED, false},
        {ALARM_UNACK, true, &ack, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_RTNUN, false},
        {ALARM_UNACK, true, &plain, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_UNACK, true, &latch, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_LATUN, false},
        {ALARM_UNACK, true, &ack, TRIGGER_RESET, ALARM_REFUSED, ALARM_UNACK, false},
        {ALARM_UNACK, true, &ack, TRIGGER_REALARM, ALARM_SAME, ALARM_UNACK, false},
        {ALARM_ACKED, true, &ack, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_ACKED, true, &latch, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_LATAK, false},
        {ALARM_ACKED, true, &ack, TRIGGER_REALARM, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_ACKED, true, &ack, TRIGGER_ACK, ALARM_SAME, ALARM_ACKED, false},
        {ALARM_ACKED, true, &ack, TRIGGER_RESET, ALARM_REFUSED, ALARM_ACKED, false},
        {ALARM_RTNUN, false, &ack, TRIGGER_ACK, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_RTNUN, false, &ack, TRIGGER_RAISE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_RTNUN, false, &ack, TRIGGER_RESET, ALARM_REFUSED, ALARM_RTNUN, false},
        {ALARM_LATUN, false, &latch, TRIGGER_ACK, ALARM_CHANGED, ALARM_LATAK, false},
        {ALARM_LATUN, false, &latch, TRIGGER_RAISE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_LATUN, false, &latch, TRIGGER_RESET, ALARM_REFUSED, ALARM_LATUN, false},
        {ALARM_LATAK, false, &latch, TRIGGER_RAISE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_LATAK, false, &latch, TRIGGER_RESET, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_SHLVD, false, &ack, TRIGGER_RAISE, ALARM_CHANGED, ALARM_SHLVD, false},
        {ALARM_SHLVD, true, &ack, TRIGGER_CLEAR, ALARM_CHANGED, ALARM_SHLVD, false},
        {ALARM_SHLVD, true, &ack, TRIGGER_SHELVE, ALARM_CHANGED, ALARM_SHLVD, false},
        {ALARM_SHLVD, true, &ack, TRIGGER_ACK, ALARM_REFUSED, ALARM_SHLVD, false},
        {ALARM_SHLVD, true, &ack, TRIGGER_EXPIRE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_SHLVD, false, &ack, TRIGGER_EXPIRE, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_SHLVD, true, &ack, TRIGGER_UNSHELVE, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_SHLVD, true, &ack, TRIGGER_OOS, ALARM_CHANGED, ALARM_OOSRV, false},
        {ALARM_DSUPR, true, &ack, TRIGGER_UNSUPPRESS, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_DSUPR, false, &ack, TRIGGER_UNSUPPRESS, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_DSUPR, false, &ack, TRIGGER_SUPPRESS, ALARM_SAME, ALARM_DSUPR, false},
        {ALARM_OOSRV, true, &ack, TRIGGER_RETURN, ALARM_CHANGED, ALARM_UNACK, true},
        {ALARM_OOSRV, false, &ack, TRIGGER_RETURN, ALARM_CHANGED, ALARM_NORM, false},
        {ALARM_NORM, false, &ack, TRIGGER_UNSHELVE, ALARM_SAME, ALARM_NORM, false},
        {ALARM_NORM, false, &ack, TRIGGER_RETURN, ALARM_SAME, ALARM_NORM, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect(rows[i].from, rows[i].is_active, *rows[i].policy, rows[i].trigger, rows[i].outcome,
               rows[i].to, rows[i].annunciate);
    }
    for (enum alarm_state state = ALARM_NORM; state <= ALARM_LATAK; state++) {
        bool is_active = state == ALARM_UNACK || state == ALARM_ACKED;
        expect(state, is_active, latch, TRIGGER_SHELVE, ALARM_CHANGED, ALARM_SHLVD, false);
        expect(state, is_active, latch, TRIGGER_SUPPRESS, ALARM_CHANGED, ALARM_DSUPR, false);
        expect(state, is_active, latch, TRIGGER_OOS, ALARM_CHANGED, ALARM_OOSRV, false);
    }
}

static void test_three_suppressions_end_each_on_its_own(void **unused)
{
    (void)unused;
    const struct alarm_policy policy = {0};
    struct alarm_facts facts = {.is_active = true, .is_unacked = true};
    (void)alarm_state_apply(&facts, policy, TRIGGER_SHELVE);
    (void)alarm_state_apply(&facts, policy, TRIGGER_SUPPRESS);
    (void)alarm_state_apply(&facts, policy, TRIGGER_OOS);
    assert_int_equal(alarm_state_name(facts), ALARM_OOSRV);
    struct alarm_step step = alarm_state_apply(&facts, policy, TRIGGER_RETURN);
    assert_int_equal(step.to, ALARM_DSUPR);
    assert_false(step.annunciate);
    step = alarm_state_apply(&facts, policy, TRIGGER_UNSUPPRESS);
    assert_int_equal(step.to, ALARM_SHLVD);
    assert_false(step.annunciate);
    step = alarm_state_apply(&facts, policy, TRIGGER_EXPIRE);
    assert_int_equal(step.to, ALARM_UNACK);
    assert_true(step.annunciate);
}

/* Whatever comes in whatever order, a state has the facts that its name says. */
static void test_no_sequence_of_triggers_leads_out_of_the_states(void **unused)
{
    (void)unused;
    uint64_t random = 42;
    for (int run = 0; run < 200; run++) {
        struct alarm_facts facts = {0};
        struct alarm_policy policy = {.needs_ack = run % 2 != 0, .is_latching = run % 3 == 0};
        for (int i = 0; i < 200; i++) {
            struct alarm_facts before = facts;
            enum alarm_trigger trigger =
                (enum alarm_trigger)(next_random(&random) % TRIGGER_CONFIG);
            struct alarm_step step = alarm_state_apply(&facts, policy, trigger);
            assert_int_equal(step.to, alarm_state_name(facts));
            assert_true(!step.annunciate || step.to == ALARM_UNACK);
            assert_true(!alarm_state_is_hidden(facts) || !facts.is_unacked);
            assert_true(policy.is_latching || !facts.is_latched);
            if (step.outcome != ALARM_CHANGED) assert_memory_equal(&facts, &before, sizeof facts);
            if (trigger == TRIGGER_RAISE) assert_true(facts.is_active);
            if (trigger == TRIGGER_CLEAR) assert_false(facts.is_active);
        }
    }
}

/* ---- timers ---- */

static void test_the_first_due_is_found_whatever_was_set(void **unused)
{
    (void)unused;
    enum { ALARMS = 60 };
    struct alarm_timer timers[ALARMS];
    uint32_t heap[ALARMS];
    int64_t due_ms[ALARMS];
    struct alarm_timers all = {.timers = timers, .heap = heap};
    uint64_t random = 7;
    for (uint32_t i = 0; i < ALARMS; i++) {
        timers[i].place = ALARM_TIMER_NONE;
        due_ms[i] = INT64_MAX;
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t alarm = (uint32_t)(next_random(&random) % ALARMS);
        due_ms[alarm] =
            next_random(&random) % 3 == 0 ? INT64_MAX : (int64_t)(next_random(&random) % 1000);
        alarm_timer_set(&all, alarm, due_ms[alarm], 0);
        int64_t now_ms = (int64_t)(next_random(&random) % 1000);
        uint32_t first = ALARM_TIMER_NONE;
        for (uint32_t i = 0; i < ALARMS; i++) {
            if (due_ms[i] > now_ms) continue;
            if (first == ALARM_TIMER_NONE || due_ms[i] < due_ms[first]) first = i;
        }
        assert_int_equal(alarm_timer_first(&all, now_ms), first);
    }
}

/* ---- nuisance ---- */

static void test_chattering_is_three_within_a_minute_and_ends_after_ten(void **unused)
{
    (void)unused;
    struct alarm_chatter chatter = {0};
    assert_int_equal(alarm_chatter_add(&chatter, 1000), ALARM_CALM);
    assert_int_equal(alarm_chatter_add(&chatter, 2000), ALARM_CALM);
    assert_int_equal(alarm_chatter_add(&chatter, 61001), ALARM_CALM);
    assert_int_equal(alarm_chatter_add(&chatter, 62000), ALARM_BEGINS);
    assert_int_equal(alarm_chatter_add(&chatter, 600000), ALARM_NOISY);
    assert_true(alarm_chatter_is_marked(&chatter, 1199999));
    assert_false(alarm_chatter_is_marked(&chatter, 1200000));
    assert_int_equal(alarm_chatter_add(&chatter, 1200000), ALARM_CALM);
}

static void test_a_flood_is_ten_in_ten_minutes_and_ends_below_five(void **unused)
{
    (void)unused;
    struct alarm_flood flood = {0};
    for (int i = 0; i < 9; i++)
        assert_false(alarm_flood_add(&flood, "a/t/H", 1, ALARM_PRIORITY_LOW, i * 1000, 0));
    assert_true(alarm_flood_add(&flood, "b/t/H", 1, ALARM_PRIORITY_HIGH, 600000, 0));
    assert_string_equal(flood.first, "b/t/H");
    assert_int_equal(flood.highest, ALARM_PRIORITY_HIGH);
    assert_false(alarm_flood_end(&flood, 605000)); /* the fifth last came at 5000 */
    assert_true(alarm_flood_end(&flood, 605001));
    assert_false(alarm_flood_end(&flood, 605002));
    struct alarm_flood calm = {0};
    for (int i = 0; i < 100; i++)
        assert_false(alarm_flood_add(&calm, "a/t/H", 1, ALARM_PRIORITY_LOW, i * 66667, 0));
}

static void test_flapping_weighs_the_newest_most(void **unused)
{
    (void)unused;
    struct alarm_flap flap = {0};
    for (int i = 0; i < 21; i++) alarm_flap_add(&flap, i % 2 != 0);
    assert_int_equal(alarm_flap_percent(&flap), 100);
    assert_true(flap.is_flapping);
    for (int i = 0; i < 20; i++) alarm_flap_add(&flap, false);
    assert_int_equal(alarm_flap_percent(&flap), 0);
    assert_false(flap.is_flapping);
    alarm_flap_add(&flap, true); /* one change, the newest: 1.2 of 20 */
    assert_int_equal(alarm_flap_percent(&flap), 6);
    for (int i = 0; i < 19; i++) alarm_flap_add(&flap, true); /* now the oldest: 0.8 of 20 */
    assert_int_equal(alarm_flap_percent(&flap), 4);
}

static void test_rates_need_a_period_and_no_gap(void **unused)
{
    (void)unused;
    struct alarm_rate rate = {0};
    int64_t per_minute = 0;
    assert_int_equal(alarm_rate_add(&rate, 0, 0, false, 60000, &per_minute), ALARM_RATE_WAITS);
    assert_int_equal(alarm_rate_add(&rate, 9, 0, false, 60000, &per_minute), ALARM_RATE_UNUSABLE);
    assert_int_equal(alarm_rate_add(&rate, 9, 59999, false, 60000, &per_minute), ALARM_RATE_WAITS);
    assert_int_equal(alarm_rate_add(&rate, 3000000, 90000, false, 60000, &per_minute),
                     ALARM_RATE_KNOWN);
    assert_int_equal(per_minute, 2000000);
    assert_int_equal(alarm_rate_add(&rate, 0, 270001, false, 60000, &per_minute), ALARM_RATE_GAP);
    assert_int_equal(alarm_rate_add(&rate, 0, 1000, true, 60000, &per_minute), ALARM_RATE_WAITS);
    assert_int_equal(alarm_rate_add(&rate, LIMIT_VALUE_MICRO, 61000, true, 60000, &per_minute),
                     ALARM_RATE_KNOWN);
    assert_true(per_minute == LIMIT_VALUE_MICRO);
}

/* ---- rules ---- */

static void test_limits_must_leave_room_for_their_deadbands(void **unused)
{
    (void)unused;
    const char *field = NULL;
    struct alarm_levels levels = {.high_high_micro = 90,
                                  .high_micro = 80,
                                  .low_micro = 20,
                                  .low_low_micro = 10,
                                  .has_high_high = true,
                                  .has_high = true,
                                  .has_low = true,
                                  .has_low_low = true,
                                  .deadband_micro = 9};
    assert_null(alarm_levels_problem(&levels, false, &field));
    levels.deadband_micro = 10;
    assert_non_null(alarm_levels_problem(&levels, false, &field));
    assert_string_equal(field, "deadband");
    levels.deadband_micro = 0;
    levels.low_low_micro = 20;
    assert_string_equal(alarm_levels_problem(&levels, false, &field), "must be less than low");
    assert_string_equal(field, "low_low");
    levels.low_low_micro = -10;
    assert_non_null(alarm_levels_problem(&levels, true, &field)); /* low is above 0 */
    assert_string_equal(field, "low");
}

static void test_every_word_is_there(void **unused)
{
    (void)unused;
    for (int i = 0; i < ALARM_KIND_COUNT; i++) {
        assert_in_range(strlen(alarm_kind_word((enum alarm_kind)i)), 1, ALARM_KIND_SIZE - 1);
        assert_in_range(strlen(alarm_kind_id((enum alarm_kind)i)), 1, ALARM_KIND_SIZE - 1);
    }
    for (int i = 0; i < ALARM_STATE_COUNT; i++)
        assert_in_range(strlen(alarm_state_text((enum alarm_state)i)), 1, ALARM_STATE_SIZE - 1);
    for (int i = 0; i < TRIGGER_COUNT; i++) {
        assert_non_null(alarm_trigger_text((enum alarm_trigger)i));
        assert_non_null(alarm_trigger_verb((enum alarm_trigger)i));
    }
    for (int i = 0; i <= ALARM_BUSY; i++) assert_non_null(alarm_answer_text((enum alarm_answer)i));
}

static void test_a_tally_knows_two_days_and_thirty(void **unused)
{
    (void)unused;
    struct alarm_tally tally = {0};
    assert_int_equal(alarm_tally_month(&tally, 0), 0);
    for (uint32_t day = 0; day < 200; day++) {
        for (uint32_t i = 0; i <= day % 2; i++) alarm_tally_add(&tally, day); /* 1, 2, 1, 2 ... */
        assert_int_equal(alarm_tally_day(&tally, day), day == 0 ? 1 : 3);
        if (day < 29) continue;
        /* So many days lie in the ten parts, the present one included. */
        uint32_t days = 28 + day % 3;
        uint32_t twos = day % 2 == 1 ? (days + 1) / 2 : days / 2;
        assert_int_equal(alarm_tally_month(&tally, day), days + twos);
    }
    assert_int_equal(alarm_tally_day(&tally, 200), 2);
    assert_int_equal(alarm_tally_day(&tally, 201), 0);
    uint32_t before = alarm_tally_month(&tally, 199);
    for (uint32_t day = 200; day < 240; day++) {
        assert_true(alarm_tally_month(&tally, day) <= before);
        before = alarm_tally_month(&tally, day);
    }
    assert_int_equal(before, 0);
    alarm_tally_add(&tally, 1000000); /* what is of long ago is not counted as of now */
    assert_int_equal(alarm_tally_month(&tally, 1000000), 1);
    for (int i = 0; i < 70000; i++) alarm_tally_add(&tally, 1000000);
    assert_int_equal(alarm_tally_day(&tally, 1000000), UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_of_the_table),
        cmocka_unit_test(test_three_suppressions_end_each_on_its_own),
        cmocka_unit_test(test_no_sequence_of_triggers_leads_out_of_the_states),
        cmocka_unit_test(test_the_first_due_is_found_whatever_was_set),
        cmocka_unit_test(test_chattering_is_three_within_a_minute_and_ends_after_ten),
        cmocka_unit_test(test_a_flood_is_ten_in_ten_minutes_and_ends_below_five),
        cmocka_unit_test(test_flapping_weighs_the_newest_most),
        cmocka_unit_test(test_rates_need_a_period_and_no_gap),
        cmocka_unit_test(test_limits_must_leave_room_for_their_deadbands),
        cmocka_unit_test(test_a_tally_knows_two_days_and_thirty),
        cmocka_unit_test(test_every_word_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
