/* window_guess: brokers with windows of 1 and 10 are found out, and nobody else. */
#include "window_guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 250, COMMIT_MS = 1000 };

struct line {
    struct window_guess guess;
    int64_t now_ms;
    size_t unacknowledged;
};

static struct line make_line(void)
{
    struct line line = {.now_ms = 1000000};
    window_guess_init(&line.guess, MOST);
    return line;
}

static void receive(struct line *line, size_t count, int64_t every_ms)
{
    for (size_t i = 0; i < count; i++, line->now_ms += every_ms)
        window_guess_arrive(&line->guess, line->unacknowledged++, line->now_ms);
}

static void commit(struct line *line, int64_t took_ms)
{
    window_guess_pause(&line->guess, line->now_ms);
    line->now_ms += took_ms;
    window_guess_release(&line->guess, line->unacknowledged, line->now_ms);
    line->unacknowledged = 0;
}

/* A broker with more to send than its window, and commits by the timer. */
static void go_round(struct line *line, size_t window)
{
    line->now_ms += 2; /* its answer to the acknowledgements */
    receive(line, window, 0);
    line->now_ms += COMMIT_MS;
    commit(line, 5);
}

static void test_broker_that_waits_is_found_out(void **state)
{
    (void)state;
    static const size_t windows[] = {1, 10, 20, MOST - 1};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct line line = make_line();
        for (int round = 0; round < 2; round++) {
            go_round(&line, windows[i]);
            assert_int_equal(window_guess_read(&line.guess), MOST);
        }
        receive(&line, 1, 2);
        assert_true(window_guess_is_guessed(&line.guess));
        assert_int_equal(window_guess_read(&line.guess), windows[i]);
    }
}

/* Once known, the commit comes at once, and it stays known as long as more comes at once. */
static void test_guess_holds_while_the_broker_has_more(void **state)
{
    (void)state;
    struct line line = make_line();
    go_round(&line, 10);
    go_round(&line, 10);
    for (int round = 0; round < 100; round++) {
        line.now_ms += 3;
        receive(&line, 10, 0);
        assert_int_equal(window_guess_read(&line.guess), 10);
        commit(&line, 8);
    }
    line.now_ms += 1000; /* it had nothing more */
    receive(&line, 1, 0);
    assert_int_equal(window_guess_read(&line.guess), MOST);
}

static void test_broker_that_sends_more_was_guessed_wrong(void **state)
{
    (void)state;
    struct line line = make_line();
    go_round(&line, 10);
    go_round(&line, 10);
    line.now_ms += 3;
    receive(&line, 10, 0);
    assert_int_equal(window_guess_read(&line.guess), 10);
    receive(&line, 1, 0);
    assert_int_equal(window_guess_read(&line.guess), MOST);
}

static void test_steady_flow_is_no_broker_that_waits(void **state)
{
    (void)state;
    for (int64_t every_ms = 1; every_ms < WINDOW_GUESS_QUIET_MS; every_ms++) {
        struct line line = make_line();
        for (int round = 0; round < 20; round++) {
            receive(&line, (size_t)(COMMIT_MS / every_ms) % MOST, every_ms);
            commit(&line, 30);
            assert_int_equal(window_guess_read(&line.guess), MOST);
        }
    }
}

/* The n-th commit of the timer comes at n times COMMIT_MS; how many there are with the guess. */
static unsigned count_commits(int64_t mean_ms, uint64_t *random, unsigned timer_commits)
{
    struct line line = make_line();
    unsigned commits = 0;
    int64_t due_ms = line.now_ms + COMMIT_MS, next_ms = line.now_ms;
    for (unsigned passed = 0; passed < timer_commits;) {
        bool is_arrival = next_ms <= due_ms;
        line.now_ms = is_arrival ? next_ms : due_ms;
        if (is_arrival) {
            receive(&line, 1, 0);
            *random = *random * UINT64_C(6364136223846793005) + 1;
            next_ms += (int64_t)((*random >> 33) % (2 * (uint64_t)mean_ms));
        } else {
            due_ms += COMMIT_MS;
            passed++;
        }
        if (is_arrival && line.unacknowledged != window_guess_read(&line.guess)) continue;
        commits++;
        commit(&line, 0);
    }
    return commits;
}

static void test_chance_costs_few_more_commits(void **state)
{
    (void)state;
    enum { TIMER_COMMITS = 2000 };
    uint64_t random = 1;
    for (int64_t mean_ms = 10; mean_ms < 10000; mean_ms += mean_ms / 3) {
        unsigned commits = count_commits(mean_ms, &random, TIMER_COMMITS);
        assert_in_range(commits, TIMER_COMMITS, TIMER_COMMITS * 21 / 20);
    }
}

/* One reading each five seconds, with commits that happen to come just before it. */
static void test_slow_device_costs_no_more_commits(void **state)
{
    (void)state;
    struct line line = make_line();
    size_t at_once = 0;
    for (int round = 0; round < 100; round++) {
        receive(&line, 1, 0);
        bool is_at_once = line.unacknowledged >= window_guess_read(&line.guess);
        at_once += is_at_once;
        if (is_at_once) commit(&line, 5);
        line.now_ms += 4990;
        if (!is_at_once) commit(&line, 5);
        line.now_ms += 5;
    }
    assert_in_range(at_once, 0, 50);
}

static void test_another_connection_begins_anew(void **state)
{
    (void)state;
    struct line line = make_line();
    go_round(&line, 10);
    go_round(&line, 10);
    receive(&line, 1, 0);
    assert_true(window_guess_is_guessed(&line.guess));
    window_guess_reset(&line.guess);
    assert_int_equal(window_guess_read(&line.guess), MOST);
}

static void test_nothing_released_says_nothing(void **state)
{
    (void)state;
    struct line line = make_line();
    window_guess_release(&line.guess, 0, line.now_ms);
    receive(&line, 1, 0);
    window_guess_release(&line.guess, 0, line.now_ms + COMMIT_MS);
    receive(&line, 1, 0);
    assert_int_equal(window_guess_read(&line.guess), MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broker_that_waits_is_found_out),
        cmocka_unit_test(test_guess_holds_while_the_broker_has_more),
        cmocka_unit_test(test_broker_that_sends_more_was_guessed_wrong),
        cmocka_unit_test(test_steady_flow_is_no_broker_that_waits),
        cmocka_unit_test(test_chance_costs_few_more_commits),
        cmocka_unit_test(test_slow_device_costs_no_more_commits),
        cmocka_unit_test(test_another_connection_begins_anew),
        cmocka_unit_test(test_nothing_released_says_nothing),
    };
    return cmocka_run_group_tests_name("window_guess", tests, NULL, NULL);
}
