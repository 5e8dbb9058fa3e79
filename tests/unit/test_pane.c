/* pane, summary, window: sizes, ties, limits, gaps. */
#include "stream/pane.h"

#include "stream/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes_are_decisions(void **state)
{
    (void)state;
    assert_int_equal(sizeof(struct summary), 96);
    assert_int_equal(sizeof(struct window_mark), 4);
    assert_int_equal(sizeof(struct pane_ring), 16);
}

static void test_ties_do_not_depend_on_order(void **state)
{
    (void)state;
    static const int64_t readings[][2] = {{5, 20}, {5, 10}, {5, 10}, {7, 10}, {7, 20}, {1, 15}};
    struct summary forward = {0}, backward = {0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(summary_add(&forward, readings[i][0], readings[i][1]), ST_OK);
        assert_int_equal(summary_add(&backward, readings[5 - i][0], readings[5 - i][1]), ST_OK);
    }
    assert_memory_equal(&forward, &backward, sizeof forward);
    assert_int_equal(forward.first_micro, 5);
    assert_int_equal(forward.last_micro, 7);
    assert_int_equal(forward.max_ms, 10);
    assert_int_equal(forward.sumsq.low, 25 * 3 + 49 * 2 + 1);
}

static void test_summary_refuses_overflow_unchanged(void **state)
{
    (void)state;
    struct summary full = {.count = 1, .sum_micro = INT64_MAX, .first_ms = 5, .last_ms = 5};
    struct summary before = full;
    assert_int_equal(summary_add(&full, 1, 9), ST_FULL);
    assert_memory_equal(&full, &before, sizeof full);
    full.sum_micro = before.sum_micro = 0;
    full.sumsq = before.sumsq = (struct wide){.low = UINT64_MAX, .high = UINT64_MAX};
    assert_int_equal(summary_add(&full, 1, 9), ST_FULL);
    assert_memory_equal(&full, &before, sizeof full);
    full.count = before.count = UINT32_MAX;
    assert_int_equal(summary_add(&full, 0, 9), ST_FULL);
    assert_memory_equal(&full, &before, sizeof full);
}

static void test_mean_is_rounded_half_away_from_zero(void **state)
{
    (void)state;
    struct summary summary = {.sum_micro = -3, .count = 2};
    assert_int_equal(summary_mean_micro(&summary), -2);
    assert_int_equal(summary_mean_micro(&(struct summary){0}), 0);
}

static void test_full_panes_never_overflow_a_window(void **state)
{
    (void)state;
    static const uint32_t widths[] = {1, 2, 3, 15, 4096};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        struct pane_shape shape = pane_make_shape(1000, widths[i] + 1, widths[i]);
        struct summary pane = {.count = shape.count_limit - 1, .sum_micro = shape.sum_limit - 1};
        struct summary window = {0};
        assert_true(pane_has_room(&shape, &pane, 1));
        assert_int_equal(summary_add(&pane, 1, 1), ST_OK);
        assert_false(pane_has_room(&shape, &pane, -1)); /* by count */
        pane.count--;
        assert_false(pane_has_room(&shape, &pane, 1)); /* by sum */
        assert_true(pane_has_room(&shape, &pane, -1));
        pane.count++;
        for (uint32_t k = 0; k < widths[i]; k++) {
            assert_int_equal(summary_merge(&window, &pane), ST_OK);
        }
    }
}

static void test_floor_of_times_before_1970(void **state)
{
    (void)state;
    assert_int_equal(pane_floor(19999, 10000), 10000);
    assert_int_equal(pane_floor(-1, 10000), -10000);
    assert_int_equal(pane_floor(-10000, 10000), -10000);
}

static void test_slots_wrap_around(void **state)
{
    (void)state;
    struct pane_shape shape = pane_make_shape(10, 3, 1);
    struct pane_ring ring = {.head_ms = 100};
    assert_int_equal(pane_count_behind(&shape, &ring, 109), 0);
    assert_int_equal(pane_count_behind(&shape, &ring, 99), 1);
    assert_int_equal(pane_count_behind(&shape, &ring, 80), 2);
    assert_int_equal(pane_count_behind(&shape, &ring, 79), 3);
    assert_int_equal(pane_count_behind(&shape, &ring, INT64_MIN / 4), 3);
    assert_int_equal(pane_find_slot(&shape, &ring, 2), 1);
    assert_int_equal(pane_move_head(&shape, &ring), 1);
    assert_int_equal(pane_move_head(&shape, &ring), 2);
    assert_int_equal(pane_move_head(&shape, &ring), 0);
    assert_int_equal(ring.head_ms, 130);
}

static void test_longest_gap(void **state)
{
    (void)state;
    struct pane_shape shape = pane_make_shape(10, 4, 3);
    struct pane_ring ring = {.head_ms = 120, .head = 2};
    struct summary panes[4] = {{0}};
    struct window_result result = {0};
    assert_int_equal(summary_add(&panes[0], 1, 103), ST_OK);
    assert_int_equal(summary_add(&panes[2], 1, 125), ST_OK);
    window_assemble(&shape, &ring, panes, 2, 30, &result);
    assert_int_equal(result.start_ms, 100);
    assert_int_equal(result.end_ms, 130);
    assert_int_equal(result.summary.count, 2);
    assert_int_equal(result.longest_gap_ms, 22);
    window_assemble(&shape, &ring, panes, 0, 30, &result); /* the panes to come are empty */
    assert_int_equal(result.summary.count, 1);
    assert_int_equal(result.longest_gap_ms, 25);
    assert_int_equal(window_count_open(&shape, &ring, 30, 130), 2);
    assert_int_equal(window_count_open(&shape, &ring, 30, 150), 0);
    assert_int_equal(window_count_open(&shape, &ring, 30, 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_decisions),
        cmocka_unit_test(test_ties_do_not_depend_on_order),
        cmocka_unit_test(test_summary_refuses_overflow_unchanged),
        cmocka_unit_test(test_mean_is_rounded_half_away_from_zero),
        cmocka_unit_test(test_full_panes_never_overflow_a_window),
        cmocka_unit_test(test_floor_of_times_before_1970),
        cmocka_unit_test(test_slots_wrap_around),
        cmocka_unit_test(test_longest_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
