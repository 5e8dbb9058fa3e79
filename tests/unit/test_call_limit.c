/* call_limit: a call that would wait for ever is ended, and a long list of them soon gone through.
 */
#include "base/call_limit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { INTERVAL_MS = 20, ROUNDS = 4 };

/* Reads from a pipe into which nobody writes. */
static void wait_for_interruption(int fd)
{
    char byte;
    errno = 0;
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, EINTR);
}

static int64_t read_interval_ms(const struct call_limit *limit)
{
    struct itimerspec when;
    assert_int_equal(timer_gettime(limit->timer, &when), 0);
    return (int64_t)when.it_interval.tv_sec * 1000 + when.it_interval.tv_nsec / 1000000;
}

static void test_call_that_waits_is_ended_again_and_again(void **state)
{
    (void)state;
    int fds[2];
    struct call_limit limit;
    assert_int_equal(pipe(fds), 0);
    assert_true(call_limit_start(&limit, INTERVAL_MS, INT64_C(1000) * INTERVAL_MS));
    for (int i = 0; i < ROUNDS; i++) wait_for_interruption(fds[0]);
    assert_int_equal(read_interval_ms(&limit), INTERVAL_MS);
    call_limit_stop(&limit);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_after_the_total_each_call_gets_only_a_moment(void **state)
{
    (void)state;
    int fds[2];
    struct call_limit limit;
    assert_int_equal(pipe(fds), 0);
    assert_true(call_limit_start(&limit, INTERVAL_MS, ROUNDS * INTERVAL_MS));
    for (int i = 1; i < ROUNDS; i++) wait_for_interruption(fds[0]);
    for (int i = 0; i < 2; i++) wait_for_interruption(fds[0]);
    assert_int_equal(read_interval_ms(&limit), CALL_LIMIT_HURRY_MS);
    call_limit_stop(&limit);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_stop_without_start_that_worked_does_nothing(void **state)
{
    (void)state;
    struct call_limit limit = {.is_armed = false};
    call_limit_stop(&limit);
    assert_false(limit.is_armed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_that_waits_is_ended_again_and_again),
        cmocka_unit_test(test_after_the_total_each_call_gets_only_a_moment),
        cmocka_unit_test(test_stop_without_start_that_worked_does_nothing),
    };
    return cmocka_run_group_tests_name("call_limit", tests, NULL, NULL);
}
