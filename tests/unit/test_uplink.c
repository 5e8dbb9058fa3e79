/* uplink: what is in the outbox arrives once by id, whatever the link and the store do. */
#include "uplink_support.h"

#include "base/backoff.h"

static void test_birth_comes_before_records(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 3);
    fake_store_settle(bench->store);
    assert_int_equal(bench->link->count, 0);
    assert_non_null(strstr(bench->link->death_payload, "\"online\":false"));
    fake_link_connect();
    assert_int_equal(bench->link->count, 1);
    assert_string_equal(bench->link->messages[0].topic, "isotherm/gw-1/status");
    assert_true(bench->link->messages[0].is_retained);
    assert_non_null(strstr(bench->link->last_payload, "\"next_seq\":4"));
    run_until_quiet(bench);
    assert_int_equal(bench->link->count, 4);
    assert_string_equal(bench->link->messages[1].topic, "isotherm/gw-1/summary/oven-1");
    assert_true(uplink_is_idle(bench->uplink));
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_at_most_the_limit_is_in_flight(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 100);
    fake_link_connect();
    (void)fake_link_answer(0); /* the birth */
    fake_store_settle(bench->store);
    assert_int_equal(fake_link_count_open(), 20);
    assert_int_equal(uplink_count(bench->uplink).in_flight, 20);
    (void)fake_link_answer(0);
    while (fake_store_step(bench->store)) continue;
    assert_int_equal(fake_link_count_open(), 20);
    run_until_quiet(bench);
    assert_int_equal(bench->link->count, 101);
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 100);
}

static void test_alarms_go_before_windows(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 60);
    for (int i = 0; i < 30; i++) (void)fake_store_add(bench->store, LANE_ALARM);
    fake_link_connect();
    run_until_quiet(bench);
    assert_int_equal(bench->link->count, 91);
    for (size_t i = 1; i <= 30; i++) assert_true(bench->link->messages[i].seq > 60);
    assert_string_equal(bench->link->messages[1].topic, "isotherm/gw-1/alarm/oven-1");
    for (size_t i = 31; i <= 90; i++) assert_int_equal(bench->link->messages[i].seq, i - 30);
}

static void test_alarm_committed_meanwhile_overtakes_fetched_windows(void **state)
{
    struct bench *bench = *state;
    fake_link_connect();
    run_until_quiet(bench);
    size_t before = bench->link->count;
    add_windows(bench, 5);
    (void)store_commit(bench->store, 0);
    (void)fake_store_step(bench->store); /* commit: alarms are asked for */
    (void)fake_store_step(bench->store); /* none: windows are asked for */
    uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
    finish_commit(bench->store); /* nothing staged before this call is left */
    (void)store_commit(bench->store, 0);
    finish_commit(bench->store);
    uplink_on_committed(bench->uplink); /* its news come before the answer about windows */
    run_until_quiet(bench);
    assert_int_equal(bench->link->messages[before].seq, alarm);
    assert_int_equal(bench->link->count, before + 6);
}

static void test_loss_sends_again_only_what_was_not_acknowledged(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 10);
    fake_link_connect();
    (void)fake_link_answer(0);
    fake_store_settle(bench->store);
    for (int i = 0; i < 4; i++) (void)fake_link_answer(0); /* 1 to 4; not yet committed */
    fake_link_lose("reset by peer");
    assert_int_equal(uplink_count(bench->uplink).state, UPLINK_DOWN);
    assert_string_equal(uplink_count(bench->uplink).last_problem, "reset by peer");
    fake_link_connect();
    while (fake_store_step(bench->store)) continue;
    run_until_quiet(bench);
    for (uint64_t seq = 1; seq <= 10; seq++)
        assert_int_equal(count_published(bench, seq), seq <= 4 ? 1 : 2);
    assert_int_equal(uplink_count(bench->uplink).losses, 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
}

static void test_records_older_than_the_connection_are_replays(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 2);
    fake_store_settle(bench->store);
    fake_link_connect();
    run_until_quiet(bench);
    add_windows(bench, 1);
    run_until_quiet(bench);
    assert_int_equal(bench->link->count, 4);
    assert_true(bench->link->messages[1].is_replay);
    assert_true(bench->link->messages[2].is_replay);
    assert_false(bench->link->messages[3].is_replay);
}

static void test_refused_record_is_kept_and_tried_again_after_a_wait(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 3);
    fake_link_connect();
    (void)fake_link_answer(0);
    fake_store_settle(bench->store);
    (void)fake_link_answer(0x87); /* record 1 */
    (void)fake_link_answer(0);
    (void)fake_link_answer(0);
    fake_store_settle(bench->store);
    fake_store_settle(bench->store);
    struct uplink_counts counts = uplink_count(bench->uplink);
    assert_int_equal(counts.refused, 1);
    assert_int_equal(counts.last_refusal, 0x87);
    assert_int_equal(count_published(bench, 1), 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 1);
    assert_false(uplink_is_idle(bench->uplink));

    fake_time_advance(999); /* the shortest wait is a second */
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, 1), 1);
    fake_time_advance(1001); /* the longest first one is two */
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 1), 2);
    assert_int_equal(count_published(bench, 2), 1);
    assert_int_equal(count_published(bench, 3), 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
    assert_true(uplink_is_idle(bench->uplink));
}

static void test_refused_window_does_not_hold_alarms(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 1);
    fake_link_connect();
    (void)fake_link_answer(0);
    fake_store_settle(bench->store);
    (void)fake_link_answer(0x97);
    uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, alarm), 1);
    assert_int_equal(count_published(bench, 1), 1);
}

/* Answers what is open: record `poison` with a refusal, the rest with success. */
static void answer_all_but(struct bench *bench, uint64_t poison)
{
    for (size_t i = 0; i < bench->link->count; i++) {
        struct fake_link_message *message = &bench->link->messages[i];
        if (!message->is_open) continue;
        (void)fake_link_answer(message->seq == poison ? 0x99 : LINK_REASON_SUCCESS);
    }
    fake_store_settle(bench->store);
}

static void test_record_always_refused_is_parked_and_the_queue_goes_on(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 300);
    fake_link_connect();
    for (int ms = 0; ms < 20000; ms += 100) {
        fake_store_settle(bench->store);
        answer_all_but(bench, 3);
        fake_time_advance(100);
    }
    assert_int_equal(uplink_count(bench->uplink).parked, 1);
    assert_int_equal(count_published(bench, 3), 3);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 1);
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 299);
    assert_true(uplink_is_idle(bench->uplink));

    fake_time_advance(60000); /* it is tried again, and taken at last */
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 3), 4);
    assert_int_equal(uplink_count(bench->uplink).parked, 0);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    for (uint64_t seq = 4; seq <= 300; seq++) assert_int_equal(count_published(bench, seq), 1);
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
}

static void test_broker_that_refuses_all_gets_few_tries(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 500);
    fake_link_connect();
    for (int s = 0; s < 3600; s++) {
        fake_store_settle(bench->store);
        while (fake_link_count_open() > 0) (void)fake_link_answer(0x87);
        fake_time_advance(1000);
    }
    assert_in_range(uplink_count(bench->uplink).sent, 100, 3600);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 500);
    fake_link_lose("mended");
    fake_link_connect();
    for (int s = 0; s < 120; s++) {
        run_until_quiet(bench);
        fake_time_advance(1000);
    }
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 500);
}

static void test_no_subscriber_is_delivered_and_counted(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 1);
    fake_link_connect();
    (void)fake_link_answer(LINK_REASON_NO_SUBSCRIBER);
    fake_store_settle(bench->store);
    (void)fake_link_answer(LINK_REASON_NO_SUBSCRIBER);
    run_until_quiet(bench);
    assert_int_equal(uplink_count(bench->uplink).no_subscriber, 1);
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_full_store_is_told_after_the_next_commit(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 60);
    fake_link_connect();
    (void)fake_link_answer(0);
    fake_store_settle(bench->store);
    fake_store_refuse_acknowledge(bench->store, 1000);
    while (fake_link_answer(0))
        while (fake_store_step(bench->store)) continue;
    assert_int_equal(bench->link->count, 21); /* no more is sent than can be remembered */
    fake_link_lose("gone");
    fake_link_connect();
    (void)fake_link_answer(0);
    while (fake_store_step(bench->store)) continue;
    assert_int_equal(bench->link->count, 22); /* delivered is delivered: only a birth */
    fake_store_refuse_acknowledge(bench->store, 0);
    run_until_quiet(bench);
    for (uint64_t seq = 1; seq <= 60; seq++) assert_int_equal(count_published(bench, seq), 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
}

static void test_rate_is_kept(void **state)
{
    struct bench *bench = *state;
    uplink_close(bench->uplink);
    bench->settings.pacing.rate = 10;
    open_uplink(bench);
    add_windows(bench, 100);
    fake_link_connect();
    for (int ms = 0; ms < 5000; ms += 10) {
        fake_store_settle(bench->store);
        while (fake_link_answer(0)) continue;
        fake_time_advance(10);
    }
    assert_in_range(bench->link->count - 1, 49, 51);
}

static void test_failed_publish_is_tried_again(void **state)
{
    struct bench *bench = *state;
    fake_link_connect();
    (void)fake_link_answer(0);
    add_windows(bench, 2);
    bench->link->publish_status = ST_IO;
    fake_store_settle(bench->store);
    bench->link->publish_status = ST_OK;
    assert_int_equal(count_published(bench, 1), 0);
    fake_time_advance(2001); /* the longest first wait of a refused record */
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 1), 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_close_publishes_the_death(void **state)
{
    struct bench *bench = *state;
    fake_link_connect();
    uplink_close(bench->uplink);
    bench->uplink = NULL;
    assert_string_equal(bench->link->messages[1].topic, "isotherm/gw-1/status");
    assert_true(bench->link->messages[1].is_retained);
    assert_non_null(strstr(bench->link->last_payload, "\"reason\":\"stopped\""));
}

static void test_unusable_settings_are_refused(void **state)
{
    struct bench *bench = *state;
    struct uplink *none = (struct uplink *)bench;
    struct uplink_settings settings = bench->settings;
    char longest[2 * LIMIT_TOPIC_SIZE];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    settings.topic = longest;
    assert_int_equal(uplink_open_link(&none, &settings), ST_INVALID);
    assert_null(none);
    settings = bench->settings;
    settings.in_flight = LIMIT_IN_FLIGHT + 1;
    assert_int_equal(uplink_open_link(&none, &settings), ST_INVALID);
}

/* ---- any order of events ---- */

struct chance {
    struct bench *bench;
    uint64_t random;
    bool delivered[FAKE_STORE_RECORDS + 1]; /* success was answered */
    size_t answered;                        /* index of the next message to look at */
};

static uint64_t roll(struct chance *chance, uint64_t sides)
{
    return backoff_random(&chance->random) % sides;
}

static void answer_one(struct chance *chance, int reason)
{
    struct fake_link *link = chance->bench->link;
    for (size_t i = 0; i < link->count; i++) {
        if (!link->messages[i].is_open) continue;
        uint64_t seq = link->messages[i].seq;
        if (reason < LINK_REASON_REFUSED) {
            assert_true(seq == 0 || !chance->delivered[seq]); /* never sent after success */
            chance->delivered[seq] = true;
        }
        break;
    }
    (void)fake_link_answer(reason);
}

static void one_event(struct chance *chance)
{
    struct bench *bench = chance->bench;
    switch (roll(chance, 16)) {
    case 0:
        if (bench->link->is_connected && roll(chance, 4) == 0) fake_link_lose("flap");
        break;
    case 1:
        if (!bench->link->is_connected) fake_link_connect();
        break;
    case 2:
        if (bench->store->count < 1500)
            (void)fake_store_add(bench->store, roll(chance, 5) == 0 ? LANE_ALARM : LANE_WINDOW);
        break;
    case 3:
        (void)store_commit(bench->store, 0);
        break;
    case 4:
        answer_one(chance, roll(chance, 8) == 0 ? 0x97 : LINK_REASON_NO_SUBSCRIBER);
        break;
    case 5:
        fake_time_advance((int64_t)roll(chance, 3000));
        break;
    case 6:
        fake_store_refuse_acknowledge(bench->store, (int)roll(chance, 4));
        if (roll(chance, 8) == 0) fake_store_fail_fetch(bench->store, 1);
        break;
    case 7:
        bench->link->publish_status = roll(chance, 8) == 0 ? ST_IO : ST_OK;
        break;
    case 8:
    case 9:
    case 10:
        (void)fake_store_step(bench->store);
        break;
    default:
        answer_one(chance, LINK_REASON_SUCCESS);
    }
    assert_true(fake_link_count_open() <= 20 + 1); /* and a birth */
    assert_true(uplink_count(bench->uplink).in_flight <= 20);
}

/* Every other seed goes without limits. */
static void pace_by_chance(struct chance *chance)
{
    struct bench *bench = chance->bench;
    if (roll(chance, 2) == 0) return;
    uplink_close(bench->uplink);
    bench->settings.in_flight = 1 + (int64_t)roll(chance, 20);
    bench->settings.pacing =
        (struct uplink_pacing){.rate = roll(chance, 2) == 0 ? 0 : 20 + (int64_t)roll(chance, 200),
                               .burst = (int64_t)roll(chance, 30),
                               .rate_bytes = roll(chance, 4) == 0 ? 40000 : 0,
                               .history_share = 1 + (int64_t)roll(chance, 90),
                               .jitter_ms = (int64_t)roll(chance, 2000)};
    open_uplink(bench);
}

static void deliver_the_rest(struct chance *chance)
{
    struct bench *bench = chance->bench;
    bench->link->publish_status = ST_OK;
    fake_store_refuse_acknowledge(bench->store, 0);
    fake_store_fail_fetch(bench->store, 0);
    if (!bench->link->is_connected) fake_link_connect();
    fake_store_settle(bench->store);
    for (int round = 0; round < 2000; round++) {
        struct uplink_counts counts = uplink_count(bench->uplink);
        if (uplink_is_idle(bench->uplink) && counts.parked == 0 && counts.waiting == 0) break;
        fake_store_settle(bench->store);
        while (fake_link_count_open() > 0) answer_one(chance, LINK_REASON_SUCCESS);
        fake_time_advance(1000);
    }
    fake_store_settle(bench->store);
}

static void test_every_record_arrives_whatever_happens(void **state)
{
    const char *given = getenv("ISOTHERM_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    uint64_t last = given != NULL ? first : 60;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct chance chance = {.random = seed};
        tear_down(state);
        assert_int_equal(set_up(state), 0);
        struct bench *bench = *state;
        chance.bench = bench;
        pace_by_chance(&chance);
        for (int i = 0; i < 3000; i++) one_event(&chance);
        deliver_the_rest(&chance);
        assert_true(bench->store->count > 100);
        for (size_t seq = 1; seq <= bench->store->count; seq++) assert_true(chance.delivered[seq]);
        assert_int_equal(fake_store_waiting(bench->store, LANE_ALARM), 0);
        assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
        assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
        assert_int_equal(bench->link->published_while_down, 0);
    }
}

static void test_restart_sends_what_was_not_committed_as_delivered(void **state)
{
    struct bench *bench = *state;
    add_windows(bench, 5);
    fake_store_settle(bench->store);
    fake_link_connect();
    (void)fake_link_answer(0);
    while (fake_store_step(bench->store)) continue;
    (void)fake_link_answer(0);
    fake_store_settle(bench->store); /* 1 is gone for good */
    (void)fake_link_answer(0);       /* 2 is acknowledged, but that is not committed */
    uplink_close(bench->uplink);
    bench->uplink = NULL;
    fake_store_crash(bench->store);
    open_uplink(bench);
    fake_link_connect();
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 1), 1);
    for (uint64_t seq = 2; seq <= 5; seq++) assert_int_equal(count_published(bench, seq), 2);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void add_window_of_boot(struct bench *bench, uint32_t boot)
{
    (void)fake_store_add(bench->store, LANE_WINDOW);
    bench->store->records[bench->store->count - 1].record.window.boot = boot;
}

static void reopen(struct bench *bench, const struct boot_times *times)
{
    uplink_close(bench->uplink);
    bench->settings.boot_times = times;
    open_uplink(bench);
}

static void test_windows_wait_until_the_boot_has_its_times(void **state)
{
    struct bench *bench = *state;
    struct boot_times times = {.boot = 7};
    reopen(bench, &times);
    add_window_of_boot(bench, 6); /* of a former one: nothing is to be waited for */
    add_windows(bench, 1);
    add_window_of_boot(bench, 7);
    add_windows(bench, 1);
    fake_link_connect();
    run_until_quiet(bench);
    (void)fake_store_add(bench->store, LANE_ALARM);
    add_window_of_boot(bench, 7);
    run_until_quiet(bench);
    const size_t published[] = {1, 1, 0, 0, 1, 0};
    for (uint64_t seq = 1; seq <= 6; seq++)
        assert_int_equal(count_published(bench, seq), published[seq - 1]);
    assert_true(uplink_waits_for_clock(bench->uplink));
    assert_true(uplink_is_idle(bench->uplink)); /* an orderly stop is not held up by it */
    boot_times_decide(&times, CLOCK_HELD, 1795226400000);
    uplink_on_boot_times(bench->uplink); /* not durable */
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 3), 0);
    assert_true(uplink_waits_for_clock(bench->uplink));
    times.is_durable = true;
    uplink_on_boot_times(bench->uplink);
    run_until_quiet(bench);
    for (uint64_t seq = 1; seq <= 6; seq++) assert_int_equal(count_published(bench, seq), 1);
    assert_null(strstr(bench->link->last_payload, "\"boot\":"));
    assert_false(uplink_waits_for_clock(bench->uplink));
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_windows_wait_over_a_loss_and_go_without_times(void **state)
{
    struct bench *bench = *state;
    struct boot_times times = {.boot = 7};
    reopen(bench, &times);
    add_window_of_boot(bench, 7);
    fake_link_connect();
    run_until_quiet(bench);
    assert_true(uplink_waits_for_clock(bench->uplink));
    fake_link_lose("gone");
    assert_false(uplink_waits_for_clock(bench->uplink)); /* but for the broker */
    fake_link_connect();
    run_until_quiet(bench);
    assert_true(uplink_waits_for_clock(bench->uplink));
    assert_int_equal(count_published(bench, 1), 0);
    boot_times_decide(&times, CLOCK_UNSET, 0);
    times.is_durable = true;
    uplink_on_boot_times(bench->uplink);
    run_until_quiet(bench);
    assert_int_equal(count_published(bench, 1), 1);
    assert_non_null(strstr(bench->link->last_payload, "\"clock\":\"unset\",\"boot\":7"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_windows_wait_until_the_boot_has_its_times),
        TEST(test_windows_wait_over_a_loss_and_go_without_times),
        TEST(test_birth_comes_before_records),
        TEST(test_at_most_the_limit_is_in_flight),
        TEST(test_alarms_go_before_windows),
        TEST(test_alarm_committed_meanwhile_overtakes_fetched_windows),
        TEST(test_loss_sends_again_only_what_was_not_acknowledged),
        TEST(test_records_older_than_the_connection_are_replays),
        TEST(test_refused_record_is_kept_and_tried_again_after_a_wait),
        TEST(test_refused_window_does_not_hold_alarms),
        TEST(test_record_always_refused_is_parked_and_the_queue_goes_on),
        TEST(test_broker_that_refuses_all_gets_few_tries),
        TEST(test_no_subscriber_is_delivered_and_counted),
        TEST(test_full_store_is_told_after_the_next_commit),
        TEST(test_rate_is_kept),
        TEST(test_failed_publish_is_tried_again),
        TEST(test_close_publishes_the_death),
        TEST(test_unusable_settings_are_refused),
        TEST(test_restart_sends_what_was_not_committed_as_delivered),
        TEST(test_every_record_arrives_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
