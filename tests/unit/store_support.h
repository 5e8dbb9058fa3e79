/* What the tests of the store share: one store in a directory of its own, its answers written
 * down, and records that can be told apart. */
#ifndef ISOTHERM_TESTS_STORE_SUPPORT_H
#define ISOTHERM_TESTS_STORE_SUPPORT_H

#include "base/log.h"
#include "base/loop.h"
#include "store/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    char directory[64];
    struct store_options options;
    struct store *store;
    struct store_found found;
    struct loop *loop;
    struct log log;
    FILE *said; /* what was logged */
    uint64_t committed, commits;
    size_t fetches, fetched_count;
    struct record fetched[STORE_FETCH_MAX];
};

static inline void bench_on_committed(void *context, uint64_t ticket)
{
    struct bench *bench = context;
    assert_true(ticket >= bench->committed);
    bench->committed = ticket;
    bench->commits++;
}

static inline void bench_on_fetched(void *context, enum lane lane, const struct record *records,
                                    size_t count)
{
    struct bench *bench = context;
    (void)lane;
    bench->fetches++;
    bench->fetched_count = count;
    memcpy(bench->fetched, records, count * sizeof *records);
}

static inline void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    (void)snprintf(bench->directory, sizeof bench->directory, "/tmp/isotherm-store-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    (void)snprintf(bench->options.path, sizeof bench->options.path, "%s/store.db",
                   bench->directory);
    bench->options.budget_bytes = 4 << 20;
    bench->options.batch_bytes = 64 << 10;
    bench->options.commit_every_ms = 1000;
    assert_int_equal(loop_open(&bench->loop), ST_OK);
    bench->said = tmpfile();
    assert_non_null(bench->said);
    log_init(&bench->log, clock_system(), fileno(bench->said), LOG_LEVEL_DEBUG);
}

static inline enum status bench_open(struct bench *bench)
{
    struct store_events events = {bench_on_committed, bench_on_fetched, bench};
    loop_run_once(bench->loop, false); /* lets the loop forget the handles of the store before */
    return store_open(&bench->store, &bench->options, bench->loop, &bench->log, &events,
                      &bench->found);
}

static inline void bench_start(struct bench *bench)
{
    assert_int_equal(bench_open(bench), ST_OK);
    assert_int_equal(store_start(bench->store), ST_OK);
}

static inline void bench_check_ledger(const struct bench *bench)
{
    struct store_counts counts = store_count(bench->store);
    assert_true(counts.written == counts.acknowledged + counts.merged + counts.dropped +
                                      counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW]);
}

/* Stops well, checks the ledger and releases. */
static inline void bench_stop(struct bench *bench)
{
    assert_int_equal(store_stop(bench->store, bench->committed + 1), ST_OK);
    bench_check_ledger(bench);
    assert_true(store_count(bench->store).staged == 0);
    store_close(bench->store);
    bench->store = NULL;
}

static inline void bench_fini(struct bench *bench)
{
    loop_close(bench->loop);
    (void)fclose(bench->said);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", bench->directory);
    assert_int_equal(system(command), 0);
}

static inline bool bench_has_said(struct bench *bench, const char *text)
{
    static char bytes[65536];
    rewind(bench->said);
    size_t size = fread(bytes, 1, sizeof bytes - 1, bench->said);
    bytes[size] = '\0';
    (void)fseek(bench->said, 0, SEEK_END);
    return strstr(bytes, text) != NULL;
}

static inline char *bench_path(const struct bench *bench, const char *suffix)
{
    static char paths[4][LIMIT_PATH_SIZE + 64];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s%s", bench->options.path, suffix);
    return path;
}

static inline bool bench_exists(const struct bench *bench, const char *suffix)
{
    return access(bench_path(bench, suffix), F_OK) == 0;
}

static inline uint64_t bench_add(struct bench *bench, enum record_kind kind)
{
    struct record record = {.kind = kind, .device = "line-1/oven-3", .clock = CLOCK_TRUSTED};
    record.created_ms = 1700000000000;
    if (kind == RECORD_ALARM) {
        memcpy(record.alarm.name, "hot", 4);
        record.alarm.priority = ALARM_PRIORITY_HIGH; /* never merged */
    } else {
        record.window.summary.count = 7;
    }
    assert_true(store_has_room(bench->store, 320));
    store_add_record(bench->store, &record);
    return record.seq;
}

static inline void bench_await_commit(struct bench *bench, uint64_t ticket)
{
    while (bench->committed < ticket) loop_run_once(bench->loop, true);
}

/* Commits what was added and waits for it. */
static inline void bench_commit(struct bench *bench)
{
    uint64_t ticket = bench->committed + 1;
    assert_true(store_commit(bench->store, ticket));
    bench_await_commit(bench, ticket);
}

static inline size_t bench_fetch(struct bench *bench, enum lane lane, uint64_t after, size_t max)
{
    size_t before = bench->fetches;
    assert_int_equal(store_fetch(bench->store, lane, after, max), ST_OK);
    while (bench->fetches == before) loop_run_once(bench->loop, true);
    return bench->fetched_count;
}

#endif
