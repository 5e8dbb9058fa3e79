/* lag: on links of all kinds what is sent next is soon there, and the link is kept busy. */
#include "uplink/lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TARGET_MS = 250, RECORD_BYTES = 600 };

/* A link that carries one message after the other and answers a way later. */
struct road {
    struct lag lag;
    int64_t bytes_per_s, way_ms, now_ms;
    int64_t free_us; /* when the last byte sent so far will have left */
    int64_t answer_ms[LAG_MESSAGES];
    int ids[LAG_MESSAGES];
    size_t count;
    int next_id;
    int64_t delivered;
};

static void open_road(struct road *road, int64_t bytes_per_s, int64_t way_ms)
{
    *road = (struct road){.bytes_per_s = bytes_per_s, .way_ms = way_ms, .next_id = 1};
    lag_init(&road->lag, TARGET_MS);
}

static void send_one(struct road *road, int64_t bytes)
{
    if (road->free_us < road->now_ms * 1000) road->free_us = road->now_ms * 1000;
    road->free_us += bytes * 1000000 / road->bytes_per_s;
    road->answer_ms[road->count] = road->free_us / 1000 + road->way_ms;
    road->ids[road->count++] = road->next_id;
    lag_note_sent(&road->lag, road->next_id++, bytes, road->now_ms);
}

/* How long a byte sent now would lie before it begins to leave. */
static int64_t queue_ms(const struct road *road)
{
    return road->free_us / 1000 > road->now_ms ? road->free_us / 1000 - road->now_ms : 0;
}

static void take_answers(struct road *road)
{
    size_t kept = 0;
    for (size_t i = 0; i < road->count; i++) {
        if (road->answer_ms[i] > road->now_ms) {
            road->answer_ms[kept] = road->answer_ms[i];
            road->ids[kept++] = road->ids[i];
            continue;
        }
        assert_true(lag_note_answer(&road->lag, road->ids[i], road->now_ms));
        road->delivered++;
    }
    road->count = kept;
}

/* Sends all it may for so long; the longest queue. */
static int64_t drain(struct road *road, int64_t for_ms)
{
    int64_t longest_ms = 0;
    for (int64_t end_ms = road->now_ms + for_ms; road->now_ms < end_ms; road->now_ms++) {
        take_answers(road);
        while (road->count < 100 && lag_count_allowed(&road->lag, RECORD_BYTES) > 0)
            send_one(road, RECORD_BYTES);
        if (queue_ms(road) > longest_ms) longest_ms = queue_ms(road);
    }
    return longest_ms;
}

/* Percent of what the link could have carried. */
static int64_t percent_used(const struct road *road, int64_t delivered_before, int64_t in_ms)
{
    return (road->delivered - delivered_before) * RECORD_BYTES * 100000 / road->bytes_per_s / in_ms;
}

static void test_alarm_never_waits_long_and_link_is_busy(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes_per_s, way_ms, least_percent;
    } links[] = {
        {1200, 20, 90},   {6250, 0, 95},    {6250, 150, 95},   {6250, 600, 95},
        {25000, 300, 95}, {125000, 50, 95}, {125000, 600, 70}, /* 100 in flight are its limit */
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct road road;
        open_road(&road, links[i].bytes_per_s, links[i].way_ms);
        (void)drain(&road, 20000);
        int64_t before = road.delivered;
        int64_t one_ms = RECORD_BYTES * 1000 / links[i].bytes_per_s;
        assert_in_range(drain(&road, 60000), 0, TARGET_MS + 2 * one_ms); /* one is a try */
        assert_in_range(percent_used(&road, before, 60000), links[i].least_percent, 101);
    }
}

static void test_link_that_becomes_slow_is_noticed(void **state)
{
    (void)state;
    struct road road;
    open_road(&road, 125000, 30);
    (void)drain(&road, 10000);
    road.bytes_per_s = 6250;
    (void)drain(&road, 12000); /* what was sent ahead must go first */
    assert_in_range(drain(&road, 30000), 0, TARGET_MS + 200);
    road.bytes_per_s = 125000;
    (void)drain(&road, 5000);
    int64_t before = road.delivered;
    (void)drain(&road, 10000);
    assert_in_range(percent_used(&road, before, 10000), 90, 101);
}

static void test_way_that_becomes_longer_does_not_stop_history(void **state)
{
    (void)state;
    struct road road;
    open_road(&road, 25000, 20);
    (void)drain(&road, 10000);
    road.way_ms = 900;
    (void)drain(&road, 60000);
    int64_t before = road.delivered;
    assert_in_range(drain(&road, 30000), 0, TARGET_MS + 50);
    assert_in_range(percent_used(&road, before, 30000), 90, 101);
}

/* Answers are held up now and then and come together, as on a busy machine or by radio. */
static void test_answers_that_come_together_deceive_nobody(void **state)
{
    (void)state;
    struct road road;
    int64_t over_ms = 0;
    open_road(&road, 6250, 20);
    (void)drain(&road, 10000);
    int64_t before = road.delivered;
    for (int i = 0; i < 100; i++) {
        int64_t hold_ms = 50 + i * 37 % 350;
        for (size_t k = 0; k < road.count; k++)
            if (road.answer_ms[k] < road.now_ms + hold_ms)
                road.answer_ms[k] = road.now_ms + hold_ms;
        for (int ms = 0; ms < 1000; ms++) over_ms += drain(&road, 1) > TARGET_MS + 100;
    }
    assert_in_range(over_ms, 0, 100000 / 100);
    assert_in_range(percent_used(&road, before, 100000), 80, 101);
}

static void test_broker_that_stands_still_once_is_forgiven(void **state)
{
    (void)state;
    struct road road;
    open_road(&road, 25000, 20);
    (void)drain(&road, 10000);
    road.free_us += 10000000;
    (void)drain(&road, 15000);
    int64_t before = road.delivered;
    assert_in_range(drain(&road, 10000), 0, TARGET_MS + 50);
    assert_in_range(percent_used(&road, before, 10000), 90, 101);
}

static void test_fast_link_is_not_held_back(void **state)
{
    (void)state;
    struct road road;
    open_road(&road, 10000000, 0);
    (void)drain(&road, 20);
    assert_true(lag_count_allowed(&road.lag, RECORD_BYTES) > 100);
}

static void test_first_messages_are_few_and_one_may_always_go(void **state)
{
    (void)state;
    struct lag lag;
    lag_init(&lag, TARGET_MS);
    assert_int_equal(lag_count_allowed(&lag, RECORD_BYTES), LAG_FIRST_BYTES / RECORD_BYTES);
    assert_int_equal(lag_count_allowed(&lag, 1 << 20), 1);
    lag_note_sent(&lag, 1, 1 << 20, 0);
    assert_int_equal(lag_count_allowed(&lag, 1), 0);
    assert_false(lag_note_answer(&lag, 2, 1));
    assert_true(lag_note_answer(&lag, 1, 1));
    lag_note_sent(&lag, 2, 1, 1); /* so that none is alone */
    for (int id = 3; id < 40; id++) {
        lag_note_sent(&lag, id, RECORD_BYTES, 1);
        assert_true(lag_note_answer(&lag, id, 10001));
    }
    assert_int_equal(lag_count_allowed(&lag, RECORD_BYTES), 0);
    assert_true(lag_note_answer(&lag, 2, 10001));
    assert_int_equal(lag_count_allowed(&lag, RECORD_BYTES), 1);
    lag_restart(&lag);
    assert_int_equal(lag_count_allowed(&lag, RECORD_BYTES), 1); /* it was a slow one */
}

static void test_without_a_limit_everything_goes(void **state)
{
    (void)state;
    struct lag lag;
    lag_init(&lag, 0);
    for (int id = 1; id <= 2 * LAG_MESSAGES; id++) {
        assert_true(lag_count_allowed(&lag, RECORD_BYTES) == SIZE_MAX);
        lag_note_sent(&lag, id, RECORD_BYTES, 0);
    }
    assert_int_equal(lag.count, LAG_MESSAGES);
    assert_true(lag_note_answer(&lag, 1, 5));
    assert_false(lag_note_answer(&lag, 2 * LAG_MESSAGES, 5)); /* there was no place to note it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alarm_never_waits_long_and_link_is_busy),
        cmocka_unit_test(test_link_that_becomes_slow_is_noticed),
        cmocka_unit_test(test_way_that_becomes_longer_does_not_stop_history),
        cmocka_unit_test(test_answers_that_come_together_deceive_nobody),
        cmocka_unit_test(test_broker_that_stands_still_once_is_forgiven),
        cmocka_unit_test(test_fast_link_is_not_held_back),
        cmocka_unit_test(test_first_messages_are_few_and_one_may_always_go),
        cmocka_unit_test(test_without_a_limit_everything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
