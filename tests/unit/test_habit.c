/* habit: what is learned by hour of the day, what an outlier does to it, and that a crash at any
 * commit loses nothing of it. */
#include "alarm/habit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define DEGREE INT64_C(1000000)

enum { ALL_HOURS = (1 << 24) - 1, FIVE = 5000 };

static const struct habit_options OPTIONS = {
    .memory_days = 14, .warm_up_days = 7, .least_micro = 100000};

/* Readings every ten minutes for so many days: 20 degrees by night and 30 by day, half a degree to
 * either side in turn. */
static void live(struct habit *habit, int64_t first_day, int64_t days)
{
    for (int64_t at = first_day * 144; at < (first_day + days) * 144; at++) {
        int64_t level = at % 144 >= 48 && at % 144 < 108 ? 30 : 20;
        int64_t swing = at % 2 == 0 ? DEGREE / 2 : -DEGREE / 2;
        habit_add(habit, &OPTIONS, level * DEGREE + swing, START_MS + at * HOUR_MS / 6);
    }
}

static struct band find(const struct habit *habit, int64_t deviations_milli, int64_t event_ms)
{
    struct band band = {0};
    assert_true(habit_find_band(habit, &OPTIONS, deviations_milli, event_ms, &band));
    return band;
}

static void test_each_hour_has_its_own_usual_value(void **state)
{
    (void)state;
    struct habit habit = {0};
    live(&habit, 0, 10);
    struct band night = find(&habit, FIVE, START_MS + 10 * DAY_MS);
    struct band day = find(&habit, FIVE, START_MS + 10 * DAY_MS + 12 * HOUR_MS);
    assert_int_equal(night.usual_micro, 20 * DEGREE);
    assert_int_equal(night.deviation_micro, DEGREE / 2);
    assert_int_equal(night.low_micro, 20 * DEGREE - 5 * DEGREE / 2);
    assert_int_equal(night.high_micro, 20 * DEGREE + 5 * DEGREE / 2);
    assert_int_equal(day.usual_micro, 30 * DEGREE);
}

static void test_nothing_is_judged_before_the_hour_was_learned_often_enough(void **state)
{
    (void)state;
    struct habit habit = {0};
    struct band band;
    assert_false(habit_find_band(&habit, &OPTIONS, FIVE, START_MS, &band));
    live(&habit, 0, 7); /* the last hour of the seventh day still runs */
    assert_true(habit_find_band(&habit, &OPTIONS, FIVE, START_MS + 22 * HOUR_MS, &band));
    assert_false(habit_find_band(&habit, &OPTIONS, FIVE, START_MS + 23 * HOUR_MS, &band));
    live(&habit, 7, 1);
    assert_true(habit_find_band(&habit, &OPTIONS, FIVE, START_MS + 23 * HOUR_MS, &band));
}

static void test_the_hour_that_runs_does_not_move_what_is_usual(void **state)
{
    (void)state;
    struct habit habit = {0};
    live(&habit, 0, 8);
    int64_t at_ms = START_MS + 8 * DAY_MS;
    struct band before = find(&habit, FIVE, at_ms);
    for (int i = 0; i < 50; i++) habit_add(&habit, &OPTIONS, 90 * DEGREE, at_ms + i * 60000);
    struct band after = find(&habit, FIVE, at_ms);
    assert_memory_equal(&before, &after, sizeof before);
    habit_add(&habit, &OPTIONS, 20 * DEGREE, at_ms + HOUR_MS);
    assert_true(find(&habit, FIVE, at_ms).usual_micro > before.usual_micro);
}

static void test_an_outlier_counts_as_three_deviations_whatever_its_size(void **state)
{
    (void)state;
    struct habit far = {0}, farther = {0};
    live(&far, 0, 14);
    farther = far;
    int64_t at_ms = START_MS + 14 * DAY_MS;
    for (int i = 0; i < 6; i++) {
        habit_add(&far, &OPTIONS, 40 * DEGREE, at_ms + i * 600000);
        habit_add(&farther, &OPTIONS, 90000 * DEGREE, at_ms + i * 600000);
    }
    assert_memory_equal(&far, &farther, sizeof far);
    habit_add(&far, &OPTIONS, 20 * DEGREE, at_ms + HOUR_MS);
    /* 20 + 3 * 0.5 / 14, and 0.5 + (1.5 - 0.5) / 14, in steps of a tenth of a thousandth */
    struct band band = find(&far, FIVE, at_ms);
    assert_int_equal(band.usual_micro, 20107100);
    assert_int_equal(band.deviation_micro, 571400);
}

static void test_a_lasting_change_becomes_the_habit(void **state)
{
    (void)state;
    struct habit habit = {0};
    live(&habit, 0, 30);
    int64_t day = 30;
    struct band band = find(&habit, FIVE, START_MS + day * DAY_MS);
    assert_true(band.high_micro < 26 * DEGREE);
    for (; day < 60 && band.high_micro <= 26 * DEGREE; day++) {
        for (int hour = 0; hour < 24; hour++)
            habit_add(&habit, &OPTIONS, 26 * DEGREE, START_MS + day * DAY_MS + hour * HOUR_MS);
        band = find(&habit, FIVE, START_MS + day * DAY_MS);
    }
    assert_in_range(day, 34, 44); /* not at once, and not never: see docs/alarms-learned.md */
}

static void test_neither_rate_nor_order_within_an_hour_matters(void **state)
{
    (void)state;
    struct habit slow = {0}, fast = {0}, mixed = {0};
    for (int64_t hour = 0; hour < 24 * 10; hour++) {
        int64_t at_ms = START_MS + hour * HOUR_MS;
        for (int64_t i = 0; i < 4; i++) {
            habit_add(&slow, &OPTIONS, (10 + i) * DEGREE, at_ms + i);
            habit_add(&mixed, &OPTIONS, (10 + (i * 3 + 1) % 4) * DEGREE, at_ms + i);
            for (int n = 0; n < 50; n++) habit_add(&fast, &OPTIONS, (10 + i) * DEGREE, at_ms + i);
        }
    }
    assert_memory_equal(&slow, &mixed, sizeof slow);
    struct band a = find(&slow, FIVE, START_MS), b = find(&fast, FIVE, START_MS);
    assert_memory_equal(&a, &b, sizeof a);
}

static void test_a_flat_device_has_the_least_deviation(void **state)
{
    (void)state;
    struct habit habit = {0};
    for (int64_t hour = 0; hour < 24 * 9; hour++)
        habit_add(&habit, &OPTIONS, 5 * DEGREE, START_MS + hour * HOUR_MS);
    struct band band = find(&habit, FIVE, START_MS);
    assert_int_equal(band.deviation_micro, OPTIONS.least_micro);
    assert_int_equal(band.high_micro, 5 * DEGREE + 5 * OPTIONS.least_micro);
}

static void test_the_day_goes_by_the_configured_offset(void **state)
{
    (void)state;
    struct habit_options india = OPTIONS;
    india.utc_offset_ms = 5 * HOUR_MS + HOUR_MS / 2;
    struct habit habit = {0};
    for (int64_t at = 0; at < 48 * 9; at++) { /* 25 degrees from 12:00 to 13:00 in India */
        bool is_noon = at % 48 == 13 || at % 48 == 14;
        int64_t value_micro = (is_noon ? 25 : 10) * DEGREE;
        habit_add(&habit, &india, value_micro, START_MS + at * HOUR_MS / 2);
    }
    struct band band;
    assert_true(habit_find_band(&habit, &india, FIVE, START_MS + 13 * HOUR_MS / 2, &band));
    assert_int_equal(band.usual_micro, 25 * DEGREE);
    assert_int_equal(band.deviation_micro, india.least_micro);
}

/* What one run wrote to its journal, entry after entry. */
struct journal {
    uint8_t bytes[4096][HABIT_ENTRY_BYTES];
    size_t sizes[4096], count;
};

static void commit(struct habit *habit, struct journal *journal)
{
    size_t size, most = habit_encode_bytes(habit), total = 0;
    while ((size = habit_encode(habit, journal->bytes[journal->count])) > 0) {
        journal->sizes[journal->count++] = size;
        total += size;
    }
    assert_true(total <= most);
    assert_false(habit_has_changed(habit));
}

static struct habit replay(const struct journal *journal)
{
    struct habit habit = {0};
    for (size_t i = 0; i < journal->count; i++)
        assert_int_equal(habit_restore(&habit, journal->bytes[i], journal->sizes[i]), ST_OK);
    return habit;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 16;
}

/* The agent is killed after every commit: it goes on with what the journal gives back. */
static void test_killed_at_any_commit_the_bytes_are_the_same(void **state)
{
    (void)state;
    static struct journal journal;
    struct habit whole = {0}, killed = {0};
    uint32_t seed = 7;
    journal.count = 0;
    for (int64_t at = 0; at < 2000; at++) {
        int64_t value_micro = (int64_t)next_random(&seed) * 1000 - 20 * DEGREE;
        int64_t at_ms = START_MS + at * 7 * HOUR_MS / 9;
        habit_add(&whole, &OPTIONS, value_micro, at_ms);
        habit_add(&killed, &OPTIONS, value_micro, at_ms);
        if (next_random(&seed) % 40 != 0) continue; /* many hours may change between commits */
        if (next_random(&seed) % 10 == 0) {         /* a journal begun anew */
            habit_encode_whole(&killed);
            journal.count = 0;
        }
        commit(&killed, &journal);
        killed = replay(&journal);
        struct journal ignored = {.count = 0};
        struct habit expected = whole;
        commit(&expected, &ignored);
        assert_memory_equal(&killed, &expected, sizeof killed);
    }
    commit(&killed, &journal);
    static struct journal ignored;
    commit(&whole, &ignored);
    assert_memory_equal(&killed, &whole, sizeof killed);
}

static void test_an_entry_is_small_when_one_hour_changed(void **state)
{
    (void)state;
    struct habit habit = {0};
    uint8_t bytes[HABIT_ENTRY_BYTES];
    live(&habit, 0, 20);
    while (habit_encode(&habit, bytes) > 0) {
    }
    habit_add(&habit, &OPTIONS, 20 * DEGREE, START_MS + 20 * DAY_MS);
    assert_in_range(habit_encode(&habit, bytes), 1, 32);
    assert_int_equal(habit_encode(&habit, bytes), 0);
}

static void test_damaged_entries_change_nothing(void **state)
{
    (void)state;
    struct habit habit = {0};
    uint8_t bytes[HABIT_ENTRY_BYTES], damaged[HABIT_ENTRY_BYTES + 1];
    live(&habit, 0, 9);
    size_t size = habit_encode(&habit, bytes);
    struct habit before = habit;
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(habit_restore(&habit, bytes, cut), ST_CORRUPT);
    memcpy(damaged, bytes, size);
    damaged[size] = 0;
    assert_int_equal(habit_restore(&habit, damaged, size + 1), ST_CORRUPT);
    assert_memory_equal(&habit, &before, sizeof habit);
    for (size_t at = 0; at < size * 8;
         at++) { /* accepted or not: no state may break the arithmetic */
        memcpy(damaged, bytes, size);
        damaged[at / 8] ^= (uint8_t)(1U << at % 8);
        struct habit changed = before;
        struct band band;
        if (habit_restore(&changed, damaged, size) != ST_OK) continue;
        habit_add(&changed, &OPTIONS, 99999 * DEGREE, START_MS + 40 * DAY_MS);
        habit_add(&changed, &OPTIONS, -99999 * DEGREE, START_MS + 41 * DAY_MS);
        for (int hour = 0; hour < 24; hour++)
            (void)habit_find_band(&changed, &OPTIONS, 100000, START_MS + hour * HOUR_MS, &band);
    }
}

static void test_extreme_times_and_values_do_no_harm(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2};
    struct habit habit = {0};
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof times_ms / sizeof *times_ms; i++)
            habit_add(&habit, &OPTIONS, round % 2 == 0 ? 100000 * DEGREE : -100000 * DEGREE,
                      times_ms[i] + round * DAY_MS);
    }
    struct band band = find(&habit, 100000, 0);
    assert_true(band.low_micro < band.usual_micro && band.usual_micro < band.high_micro);
}

static void test_size_per_device_is_a_decision(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct habit), HABIT_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_hour_has_its_own_usual_value),
        cmocka_unit_test(test_nothing_is_judged_before_the_hour_was_learned_often_enough),
        cmocka_unit_test(test_the_hour_that_runs_does_not_move_what_is_usual),
        cmocka_unit_test(test_an_outlier_counts_as_three_deviations_whatever_its_size),
        cmocka_unit_test(test_a_lasting_change_becomes_the_habit),
        cmocka_unit_test(test_neither_rate_nor_order_within_an_hour_matters),
        cmocka_unit_test(test_a_flat_device_has_the_least_deviation),
        cmocka_unit_test(test_the_day_goes_by_the_configured_offset),
        cmocka_unit_test(test_killed_at_any_commit_the_bytes_are_the_same),
        cmocka_unit_test(test_an_entry_is_small_when_one_hour_changed),
        cmocka_unit_test(test_damaged_entries_change_nothing),
        cmocka_unit_test(test_extreme_times_and_values_do_no_harm),
        cmocka_unit_test(test_size_per_device_is_a_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
