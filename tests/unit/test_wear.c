/* Is the budget of the flash kept by a steady load, and the interval short again when the load is
 * low?  In virtual time: a load costs something with each commit and something with each second. */
#include "store/wear.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MIB (INT64_C(1) << 20)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

struct load {
    struct wear wear;
    int64_t now_ms;
    uint64_t written;
    int64_t commit_bytes, second_bytes; /* what a commit costs, and what comes in each second */
    int64_t lump_bytes;                 /* written back at once each 64 commits */
    unsigned commits;
};

static void begin(struct load *load, int64_t budget_bytes, int64_t fixed_ms)
{
    *load = (struct load){.now_ms = 12345};
    wear_init(&load->wear, budget_bytes, fixed_ms, load->now_ms);
}

/* Runs for a while; returns what was written. */
static int64_t run(struct load *load, int64_t duration_ms)
{
    uint64_t before = load->written;
    for (int64_t end_ms = load->now_ms + duration_ms; load->now_ms < end_ms;) {
        int64_t interval_ms = wear_interval_ms(&load->wear);
        assert_in_range(interval_ms, WEAR_LEAST_MS, WEAR_MOST_MS);
        load->now_ms += interval_ms;
        load->written += (uint64_t)(load->commit_bytes + load->second_bytes * interval_ms / 1000);
        if (++load->commits % 64 == 0) load->written += (uint64_t)load->lump_bytes;
        wear_note_commit(&load->wear, load->written, load->now_ms);
    }
    return (int64_t)(load->written - before);
}

static void test_steady_load_keeps_the_budget(void **state)
{
    (void)state;
    static const struct {
        int64_t budget_mib, commit_bytes, second_bytes, lump_bytes;
    } cases[] = {
        {250, 13000, 200, 0},   {250, 13000, 1000, 300000},   {20, 4000, 10, 400000},
        {2048, 90000, 3000, 0}, {1000, 300000, 2000, 500000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct load load;
        begin(&load, cases[i].budget_mib * MIB, 0);
        load.commit_bytes = cases[i].commit_bytes;
        load.second_bytes = cases[i].second_bytes;
        load.lump_bytes = cases[i].lump_bytes;
        (void)run(&load, DAY_MS / 2);
        int64_t day_bytes = run(&load, DAY_MS);
        int64_t budget_bytes = cases[i].budget_mib * MIB;
        /* Kept, and used: the interval is no longer than it must be. */
        assert_in_range(day_bytes, budget_bytes * 9 / 10, budget_bytes * 103 / 100);
        struct wear_report report = wear_report(&load.wear, load.now_ms);
        assert_false(report.is_over);
        assert_true(report.interval_ms > WEAR_LEAST_MS);
        assert_in_range(report.per_day_bytes, day_bytes * 95 / 100, day_bytes * 105 / 100);
    }
}

static void test_any_day_is_within_the_budget_and_one_hour(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 250 * MIB, 0);
    int64_t days[24 * 6] = {0};
    for (size_t hour = 0; hour < 24 * 6; hour++) {
        /* Shifts: eight hours of load, sixteen of nearly none. */
        load.commit_bytes = hour % 24 < 8 ? 30000 : 9000;
        load.second_bytes = hour % 24 < 8 ? 1500 : 1;
        days[hour] = run(&load, HOUR_MS);
        int64_t sum = 0;
        for (size_t i = hour < 23 ? 0 : hour - 23; i <= hour; i++) sum += days[i];
        assert_true(sum <= 250 * MIB * 26 / 24);
    }
}

static void test_low_load_is_committed_each_second(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 250 * MIB, 0);
    load.commit_bytes = 90000;
    load.second_bytes = 1000;
    (void)run(&load, 6 * HOUR_MS);
    assert_true(wear_interval_ms(&load.wear) > 10 * WEAR_LEAST_MS);
    load.commit_bytes = 2000;
    load.second_bytes = 10;
    (void)run(&load, 2 * HOUR_MS);
    assert_int_equal(wear_interval_ms(&load.wear), WEAR_LEAST_MS);
}

static void test_quiet_time_is_saved_for_an_hour_at_most(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 240 * MIB, 0);
    load.now_ms += 30 * DAY_MS; /* nothing was to be committed */
    load.commit_bytes = 100000;
    int64_t hour_bytes = run(&load, HOUR_MS);
    assert_true(hour_bytes <= 10 * MIB * 25 / 10);
}

static void test_load_beyond_the_longest_interval_is_called_over(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 10 * MIB, 0);
    load.commit_bytes = 13000;
    load.second_bytes = 20000;
    (void)run(&load, 3 * HOUR_MS);
    assert_int_equal(wear_interval_ms(&load.wear), WEAR_MOST_MS);
    struct wear_report report = wear_report(&load.wear, load.now_ms);
    assert_true(report.is_over);
    assert_true(report.per_day_bytes > 10 * MIB);
}

static void test_fixed_interval_wins(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 10 * MIB, 2500);
    load.commit_bytes = 50000;
    (void)run(&load, 2 * HOUR_MS);
    assert_int_equal(wear_interval_ms(&load.wear), 2500);
    assert_int_equal(wear_patience_ms(&load.wear, 1000), 0);
    struct wear_report report = wear_report(&load.wear, load.now_ms);
    assert_true(report.is_fixed && report.is_over);
}

static void test_no_limit_commits_each_second(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 0, 0);
    load.commit_bytes = 500000;
    (void)run(&load, HOUR_MS);
    assert_int_equal(wear_interval_ms(&load.wear), WEAR_LEAST_MS);
    assert_false(wear_report(&load.wear, load.now_ms).is_over);
}

static void test_who_asks_waits_only_while_the_account_is_overdrawn(void **state)
{
    (void)state;
    struct load load;
    begin(&load, 100 * MIB, 0);
    assert_int_equal(wear_patience_ms(&load.wear, 500), 0);
    load.commit_bytes = 14000;
    load.second_bytes = 10;
    (void)run(&load, HOUR_MS);
    assert_int_equal(wear_patience_ms(&load.wear, 500), 0);
    /* Asked for each 100 ms, whatever the interval says. */
    for (int i = 0; i < 6000; i++) {
        load.now_ms += 100;
        load.written += 14000;
        wear_note_commit(&load.wear, load.written, load.now_ms);
    }
    assert_int_equal(wear_patience_ms(&load.wear, 500), 500);
    assert_int_equal(wear_patience_ms(&load.wear, 0), 0);
    assert_int_equal(wear_patience_ms(&load.wear, INT64_MAX), wear_interval_ms(&load.wear));
}

static void test_extremes_do_not_overflow(void **state)
{
    (void)state;
    static const int64_t budgets[] = {1, 1000, WEAR_BUDGET_MOST, INT64_MAX, -1};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        struct wear wear;
        wear_init(&wear, budgets[i], 0, INT64_MIN / 4);
        wear_note_commit(&wear, UINT64_MAX / 2, INT64_MIN / 4 + 1);
        wear_note_commit(&wear, UINT64_MAX / 2, INT64_MAX / 4);
        wear_note_commit(&wear, 0, INT64_MAX / 4 + 1);
        wear_note_commit(&wear, UINT64_MAX, INT64_MAX / 4); /* and back in time */
        assert_in_range(wear_interval_ms(&wear), WEAR_LEAST_MS, WEAR_MOST_MS);
        (void)wear_report(&wear, INT64_MAX / 4 + 2);
    }
}

static void test_form_spares_the_flash_only_where_the_budget_binds(void **state)
{
    (void)state;
    static const struct {
        int64_t interval_ms, budget_bytes;
        bool is_fixed, is_exceeded;
        int wal_percent;
    } cases[] = {{60000, 0, false, false, 100},   {300, MIB, false, false, 100},
                 {1000, MIB, false, false, 100},  {2500, MIB, false, false, 250},
                 {60000, MIB, false, false, 400}, {INT64_MAX, MIB, false, false, 400},
                 {600000, MIB, true, false, 100}, {300, MIB, true, true, 400},
                 {300, 0, true, true, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wear_choose_form(cases[i].interval_ms, cases[i].budget_bytes,
                                          cases[i].is_fixed, cases[i].is_exceeded)
                             .wal_percent,
                         cases[i].wal_percent);
    struct wear wear;
    wear_init(&wear, 20 << 20, 0, 0);
    assert_int_equal(wear_form(&wear).interval_ms, wear_interval_ms(&wear));
    assert_int_equal(wear_report(&wear, 0).wal_percent, WEAR_WAL_MOST_PERCENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady_load_keeps_the_budget),
        cmocka_unit_test(test_any_day_is_within_the_budget_and_one_hour),
        cmocka_unit_test(test_low_load_is_committed_each_second),
        cmocka_unit_test(test_quiet_time_is_saved_for_an_hour_at_most),
        cmocka_unit_test(test_load_beyond_the_longest_interval_is_called_over),
        cmocka_unit_test(test_fixed_interval_wins),
        cmocka_unit_test(test_no_limit_commits_each_second),
        cmocka_unit_test(test_who_asks_waits_only_while_the_account_is_overdrawn),
        cmocka_unit_test(test_extremes_do_not_overflow),
        cmocka_unit_test(test_form_spares_the_flash_only_where_the_budget_binds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
