/* log: is a cause that repeats said rarely, one that lasts ever more rarely, and never lost count
 * of? */
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000)

struct bench {
    struct log log;
    int64_t mono_ms;
    int pipes[2];
    char said[1 << 16];
};

static int64_t mono_ms(void *context)
{
    return ((struct bench *)context)->mono_ms;
}

static void begin(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->mono_ms = 5;
    assert_int_equal(pipe(bench->pipes), 0);
    assert_int_equal(fcntl(bench->pipes[0], F_SETFL, O_NONBLOCK), 0);
    struct clock clock = {.wall_ms = mono_ms, .mono_ms = mono_ms, .context = bench};
    log_init(&bench->log, clock, bench->pipes[1], LOG_LEVEL_INFO);
}

static void end(struct bench *bench)
{
    (void)close(bench->pipes[0]);
    (void)close(bench->pipes[1]);
}

static size_t count_lines(struct bench *bench)
{
    ssize_t size = read(bench->pipes[0], bench->said, sizeof bench->said - 1);
    bench->said[size > 0 ? size : 0] = '\0';
    size_t lines = 0;
    for (const char *at = bench->said; (at = strchr(at, '\n')) != NULL; at++) lines++;
    return lines;
}

static void test_limited_is_said_once_a_minute(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int second = 0; second < 300; second++) {
        log_limited(&bench.log, LOG_LEVEL_WARN, "part", "cause", "it is so");
        bench.mono_ms += 1000;
    }
    assert_int_equal(count_lines(&bench), 5);
    assert_non_null(strstr(bench.said, "(59 more since the last such line)"));
    end(&bench);
}

static void test_growing_is_said_ever_more_rarely_but_each_hour(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    /* 0, 1, 3, 7, 15, 31, 63 and from then on each hour */
    for (int minute = 0; minute < 24 * 60; minute++) {
        log_growing(&bench.log, LOG_LEVEL_ERROR, "store", "full", "no room");
        bench.mono_ms += MINUTE;
    }
    size_t lines = count_lines(&bench);
    assert_in_range(lines, 7 + 21, 7 + 24);
    end(&bench);
}

static void test_growing_begins_anew_after_it_was_quiet(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    for (int minute = 0; minute < 40; minute++) {
        log_growing(&bench.log, LOG_LEVEL_ERROR, "store", "full", "no room");
        bench.mono_ms += MINUTE;
    }
    (void)count_lines(&bench);
    bench.mono_ms += 3 * 60 * MINUTE;
    for (int minute = 0; minute < 4; minute++) {
        log_growing(&bench.log, LOG_LEVEL_ERROR, "store", "full", "no room");
        bench.mono_ms += MINUTE;
    }
    assert_int_equal(count_lines(&bench), 3); /* after 0, 1 and 3 minutes */
    end(&bench);
}

static void test_one_event_is_one_line(void **state)
{
    (void)state;
    struct bench bench;
    begin(&bench);
    log_write(&bench.log, LOG_LEVEL_INFO, "mqtt[0]", "device %s", "a\nb\x1b[31m%n");
    assert_int_equal(count_lines(&bench), 1);
    assert_non_null(strstr(bench.said, "a\\x0ab\\x1b[31m%n"));
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limited_is_said_once_a_minute),
        cmocka_unit_test(test_growing_is_said_ever_more_rarely_but_each_hour),
        cmocka_unit_test(test_growing_begins_anew_after_it_was_quiet),
        cmocka_unit_test(test_one_event_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
