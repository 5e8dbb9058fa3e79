/* uplink_support: an uplink between a fake store and a fake link, under a fake clock. */
#ifndef ISOTHERM_TESTS_UPLINK_SUPPORT_H
#define ISOTHERM_TESTS_UPLINK_SUPPORT_H

#include "support/fake_link.h"
#include "support/fake_store.h"
#include "support/fake_time.h"
#include "uplink/lag.h"
#include "uplink/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Included rather than linked, since they stand in for functions of the product's libraries. */
#include "support/fake_link.c"
#include "support/fake_store.c"
#include "support/fake_time.c"

struct bench {
    struct store *store;
    struct uplink *uplink;
    struct clock clock;
    struct uplink_settings settings;
    struct fake_link *link;
};

static inline void on_store_committed(void *context, uint64_t ticket)
{
    struct bench *bench = context;
    (void)ticket;
    if (bench->uplink != NULL) uplink_on_committed(bench->uplink);
}

static inline void on_store_fetched(void *context, enum lane lane, const struct record *records,
                                    size_t count)
{
    struct bench *bench = context;
    if (bench->uplink != NULL) uplink_on_fetched(bench->uplink, lane, records, count);
}

static inline void open_uplink(struct bench *bench)
{
    assert_int_equal(uplink_open_link(&bench->uplink, &bench->settings), ST_OK);
}

static inline int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL) return -1;
    fake_time_reset();
    fake_link_reset();
    bench->clock = fake_time_clock();
    const struct store_events events = {on_store_committed, on_store_fetched, bench};
    bench->store = fake_store_open(&events);
    bench->link = fake_link_get();
    bench->settings = (struct uplink_settings){.kind = &fake_link_kind,
                                               .part = "uplink",
                                               .topic = "isotherm/{gateway}",
                                               .gateway = "gw-1",
                                               .epoch = "00c0ffee",
                                               .in_flight = 20,
                                               .pacing = {.history_share = 20},
                                               .clock = &bench->clock,
                                               .store = bench->store};
    open_uplink(bench);
    *state = bench;
    return 0;
}

static inline int tear_down(void **state)
{
    struct bench *bench = *state;
    uplink_close(bench->uplink);
    store_close(bench->store);
    free(bench);
    return 0;
}

static inline void add_windows(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) (void)fake_store_add(bench->store, LANE_WINDOW);
}

/* Answers everything with success and commits, until nothing moves any more. */
static inline void run_until_quiet(struct bench *bench)
{
    for (int quiet = 0; quiet < 3; quiet++) {
        fake_store_settle(bench->store);
        while (fake_link_answer(LINK_REASON_SUCCESS)) {
            quiet = 0;
            while (fake_store_step(bench->store)) continue;
        }
        fake_time_advance(100);
    }
}

static inline size_t count_published(const struct bench *bench, uint64_t seq)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->link->count; i++) count += bench->link->messages[i].seq == seq;
    return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
