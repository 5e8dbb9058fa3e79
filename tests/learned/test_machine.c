/* The learned alarm on the recorded machine: chosen on the first part, judged on the rest. */
#include "detector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define DEGREE INT64_C(1000000)

/* The first two of the four labelled windows lie before it; what is chosen is chosen there. */
enum { SPLIT_ROW = 9078, ROUNDS = 1000, SEED = 20131202 };

static const struct habit_options HABIT = {
    .memory_days = 14, .warm_up_days = 7, .least_micro = DEGREE / 2};

static struct recorded machine;

/* Better is: more windows found, then fewer false alarms. */
static bool is_better(const struct score *score, const struct score *than)
{
    if (score->hit != than->hit) return score->hit > than->hit;
    return score->outside < than->outside;
}

/* Chooses delay and deviations (or the fixed low limit) by the first part alone; among equals the
 * first, so the grids begin with the least sensitive. */
static struct detector choose(bool is_learned)
{
    static const int64_t delays_ms[] = {0, HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS};
    static const int64_t deviations_milli[] = {6000, 5000, 4000, 3000, 2500};
    static const int64_t lows[] = {30, 40, 50, 60, 70};
    struct openings openings;
    struct detector best = {.habit = NULL};
    struct score best_score = {.outside = SIZE_MAX};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 5; k++) {
            const struct detector detector = {.habit = is_learned ? &HABIT : NULL,
                                              .deviations_milli = deviations_milli[k],
                                              .low_micro = lows[k] * DEGREE,
                                              .on_delay_ms = delays_ms[i],
                                              .off_delay_ms = HOUR_MS};
            detector_run(&detector, &machine, &openings);
            struct score score = detector_score(&machine, &openings, 0, SPLIT_ROW);
            if (!is_better(&score, &best_score)) continue;
            best = detector;
            best_score = score;
        }
    }
    return best;
}

static struct score judge(const struct detector *detector, const char *name, size_t from, size_t to)
{
    struct openings openings;
    detector_run(detector, &machine, &openings);
    struct score score = detector_score(&machine, &openings, from, to);
    print_message("%s, delay %d min: %zu of %zu windows, %zu false alarms, %d.%03d a week, chance "
                  "does as well in %u of 1000\n",
                  name, (int)(detector->on_delay_ms / 60000), score.hit, score.windows,
                  score.outside, (int)(score.false_per_week_milli / 1000),
                  (int)(score.false_per_week_milli % 1000),
                  detector_chance_milli(&machine, &score, from, to, SEED, ROUNDS));
    return score;
}

static void need_machine(void)
{
    if (machine.row_count > 0) return;
    print_message("skipped: no ../shared/data\n");
    skip();
}

static void test_chosen_on_the_first_part_it_finds_what_comes_later(void **state)
{
    (void)state;
    need_machine();
    struct detector learned = choose(true), fixed = choose(false);
    print_message("deviations %d/1000, low limit %d\n", (int)learned.deviations_milli,
                  (int)(fixed.low_micro / DEGREE));
    (void)judge(&learned, "learned, first part", 0, SPLIT_ROW);
    struct score score = judge(&learned, "learned, the rest", SPLIT_ROW, machine.row_count);
    struct score plain = judge(&fixed, "fixed limit, the rest", SPLIT_ROW, machine.row_count);
    assert_int_equal(score.windows, 2);
    assert_int_equal(score.hit, 2);
    assert_true(score.outside <= 3);
    assert_true(score.outside < plain.outside || score.hit > plain.hit);
    assert_true(
        detector_chance_milli(&machine, &score, SPLIT_ROW, machine.row_count, SEED, ROUNDS) < 50);
}

static void test_with_its_defaults_it_finds_all_four(void **state)
{
    (void)state;
    need_machine();
    const struct detector detector = {.habit = &HABIT,
                                      .deviations_milli = 5000,
                                      .on_delay_ms = HOUR_MS / 2,
                                      .off_delay_ms = HOUR_MS};
    struct score score = judge(&detector, "five deviations", 0, machine.row_count);
    assert_int_equal(score.windows, 4);
    assert_int_equal(score.hit, 4);
    assert_true(score.false_per_week_milli < 500);
    assert_true(detector_chance_milli(&machine, &score, 0, machine.row_count, SEED, ROUNDS) < 10);
}

static void test_a_machine_that_does_what_it_did_raises_nothing(void **state)
{
    (void)state;
    need_machine();
    static struct recorded usual;
    enum { DAY_ROWS = 288, DAYS = 60 };
    for (usual.row_count = 0; usual.row_count < (size_t)DAY_ROWS * DAYS; usual.row_count++) {
        struct recorded_row row = machine.rows[usual.row_count % DAY_ROWS];
        row.event_ms = (int64_t)usual.row_count * RECORDED_EVERY_MS;
        usual.rows[usual.row_count] = row;
    }
    const struct detector detector = {.habit = &HABIT, .deviations_milli = 5000};
    struct openings openings;
    detector_run(&detector, &usual, &openings);
    assert_int_equal(openings.count, 0);
}

static int load(void **state)
{
    (void)state;
    (void)recorded_load(&machine);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen_on_the_first_part_it_finds_what_comes_later),
        cmocka_unit_test(test_with_its_defaults_it_finds_all_four),
        cmocka_unit_test(test_a_machine_that_does_what_it_did_raises_nothing),
    };
    return cmocka_run_group_tests(tests, load, NULL);
}
