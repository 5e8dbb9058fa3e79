/* uplink: after an outage alarms go first, live records next, and history with its share, at the
 * rate, and what is said about it comes true. */
#include "uplink_support.h"

enum { STEP_MS = 50 };

static void open_paced(struct bench *bench, struct uplink_pacing pacing)
{
    uplink_close(bench->uplink);
    bench->settings.pacing = pacing;
    open_uplink(bench);
}

/* Windows from before the connection, which then comes up; the birth is answered. */
static void connect_after_outage(struct bench *bench, int history)
{
    add_windows(bench, history);
    fake_store_settle(bench->store);
    fake_link_connect();
    (void)fake_link_answer(LINK_REASON_SUCCESS);
}

/* A step of the clock; what was sent is answered and committed. */
static void step(struct bench *bench)
{
    fake_store_settle(bench->store);
    while (fake_link_answer(LINK_REASON_SUCCESS)) continue;
    fake_time_advance(STEP_MS);
}

static void run_for(struct bench *bench, int64_t ms)
{
    for (; ms > 0; ms -= STEP_MS) step(bench);
    fake_store_settle(bench->store);
}

/* Records published from message `first` on with seq from low to high. */
static size_t count_range(const struct bench *bench, size_t first, uint64_t low, uint64_t high)
{
    size_t count = 0;
    for (size_t i = first; i < bench->link->count; i++) {
        uint64_t seq = bench->link->messages[i].seq;
        count += seq >= low && seq <= high;
    }
    return count;
}

/* Milliseconds until the record is published, at most limit_ms. */
static int64_t wait_for(struct bench *bench, uint64_t seq, int64_t limit_ms)
{
    int64_t waited_ms = 0;
    for (; waited_ms < limit_ms && count_published(bench, seq) == 0; waited_ms += STEP_MS)
        step(bench);
    return waited_ms;
}

static void test_live_record_does_not_wait_for_history(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate = 20, .history_share = 20});
    connect_after_outage(bench, 1000);
    for (int i = 0; i < 20; i++) {
        run_for(bench, 1000);
        uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
        assert_in_range(wait_for(bench, live, 60000), 0, 200);
        assert_false(bench->link->messages[bench->link->count - 1].seq == 0);
    }
    assert_in_range(count_range(bench, 0, 1, 1000), 360, 420); /* what live has left of the rate */
}

static void test_history_has_its_share_while_live_takes_all(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate = 20, .history_share = 20});
    connect_after_outage(bench, 500);
    size_t first = bench->link->count;
    for (int i = 0; i < 30; i++) {
        add_windows(bench, 40); /* twice what can go */
        run_for(bench, 1000);
    }
    size_t sent = bench->link->count - first;
    assert_in_range(sent, 590, 610);
    assert_in_range(count_range(bench, first, 1, 500), sent / 5 - 5, sent / 5 + 10);
    /* both in their own order */
    uint64_t history = 0, live = 500;
    for (size_t i = first; i < bench->link->count; i++) {
        uint64_t seq = bench->link->messages[i].seq;
        uint64_t *newest = seq <= 500 ? &history : &live;
        assert_int_equal(seq, *newest + 1);
        *newest = seq;
    }
}

static void test_history_has_its_share_without_a_rate(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 500);
    add_windows(bench, 1000);
    fake_store_settle(bench->store);
    size_t first = bench->link->count;
    while (bench->link->count < first + 400) { /* one answer, one place */
        assert_true(fake_link_answer(LINK_REASON_SUCCESS));
        fake_store_settle(bench->store);
    }
    assert_in_range(count_range(bench, first, 1, 500), 78, 120);
}

static void test_alarm_waits_for_neither_rate_nor_jitter(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate = 1, .history_share = 20, .jitter_ms = 3600000});
    uint64_t before = fake_store_add(bench->store, LANE_ALARM);
    connect_after_outage(bench, 2000);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, before), 1);
    for (int i = 0; i < 5; i++) {
        uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
        fake_store_settle(bench->store);
        assert_int_equal(bench->link->messages[bench->link->count - 1].seq, alarm);
    }
}

static void test_flood_of_alarms_holds_the_rest_up_for_a_second(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate = 10, .history_share = 20});
    for (int i = 0; i < 400; i++) (void)fake_store_add(bench->store, LANE_ALARM);
    connect_after_outage(bench, 100);
    for (int i = 0; i < 40 && count_range(bench, 0, 1, 400) < 400; i++) {
        fake_store_settle(bench->store);
        while (fake_link_answer(LINK_REASON_SUCCESS)) continue;
    }
    fake_store_settle(bench->store);
    assert_int_equal(count_range(bench, 0, 1, 400), 400); /* without a tick of the clock */
    assert_int_equal(count_range(bench, 0, 401, 500), 0);
    run_for(bench, 2000);
    assert_in_range(count_range(bench, 0, 401, 500), 5, 11);
}

static void test_jitter_holds_only_history(void **state)
{
    struct bench *bench = *state;
    static const char *const gateways[] = {"gw-1", "gw-2", "gw-3", "gw-4"};
    int64_t waits_ms[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
        bench = *state;
        bench->settings.gateway = gateways[i];
        open_paced(bench, (struct uplink_pacing){.history_share = 20, .jitter_ms = 60000});
        connect_after_outage(bench, 10);
        uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
        assert_int_equal(wait_for(bench, live, 1000), STEP_MS);
        assert_true(uplink_count(bench->uplink).drain.left_ms != 0);
        waits_ms[i] = wait_for(bench, 1, 61000);
        assert_in_range(waits_ms[i], 0, 60000);
    }
    assert_true(waits_ms[0] != waits_ms[1] && waits_ms[1] != waits_ms[2]);
    assert_true(waits_ms[0] + waits_ms[1] + waits_ms[2] + waits_ms[3] > 4 * STEP_MS);
}

static void test_jitter_without_history_makes_nobody_wait(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.history_share = 20, .jitter_ms = 60000});
    connect_after_outage(bench, 0);
    fake_store_settle(bench->store);
    assert_true(uplink_is_idle(bench->uplink));
}

static void test_what_live_could_not_send_is_history_after_a_loss(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 0);
    fake_store_settle(bench->store);
    add_windows(bench, 30); /* 20 go, none is answered */
    fake_store_settle(bench->store);
    assert_int_equal(count_range(bench, 0, 1, 30), 20);
    assert_false(bench->link->messages[bench->link->count - 1].is_replay);
    fake_link_lose("gone");
    size_t first = bench->link->count;
    fake_link_connect();
    uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
    run_for(bench, 1000);
    assert_int_equal(count_range(bench, first, 1, 30), 30);
    for (size_t i = first + 1; i < bench->link->count; i++) {
        const struct fake_link_message *message = &bench->link->messages[i];
        assert_int_equal(message->is_replay, message->seq < live);
    }
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_replay_is_marked_in_the_record(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 1);
    run_for(bench, 100);
    assert_non_null(strstr(bench->link->last_payload, ",\"replayed\":true}"));
    add_windows(bench, 1);
    run_for(bench, 100);
    assert_null(strstr(bench->link->last_payload, "replayed"));
}

/* A live record was answered, but its deletion is not committed when the connection is lost:
 * history, which is read from the beginning, must not bring it again. */
static void test_what_was_answered_does_not_come_again_as_history(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 0);
    uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, live), 1);
    (void)store_commit(bench->store, 0); /* runs while the answer comes */
    (void)fake_link_answer(LINK_REASON_SUCCESS);
    fake_link_lose("gone");
    uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
    fake_link_connect();
    (void)fake_link_answer(LINK_REASON_SUCCESS);
    while (fake_store_step(bench->store)) continue; /* this commit is not the one */
    assert_int_equal(count_published(bench, live), 1);
    (void)store_commit(bench->store, 0);
    while (fake_store_step(bench->store)) continue;
    assert_int_equal(count_published(bench, live), 1);
    assert_int_equal(count_published(bench, alarm), 1);
    run_for(bench, 1000);
    assert_true(uplink_is_idle(bench->uplink));
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
}

/* Answers what is open, records named in `poison` with a refusal. */
static void answer_all_but(struct bench *bench, const uint64_t *poison, size_t poisons)
{
    for (size_t i = 0; i < bench->link->count; i++) {
        struct fake_link_message *message = &bench->link->messages[i];
        bool is_poison = false;
        for (size_t k = 0; k < poisons; k++) is_poison |= message->seq == poison[k];
        if (message->is_open) (void)fake_link_answer(is_poison ? 0x99 : LINK_REASON_SUCCESS);
    }
    fake_store_settle(bench->store);
}

static void test_poison_in_each_stretch_is_parked_and_outlives_a_loss(void **state)
{
    struct bench *bench = *state;
    const uint64_t poison[] = {7, 60, 62};
    connect_after_outage(bench, 50);
    add_windows(bench, 11); /* 51 .. 61 live; 62 is an alarm */
    (void)fake_store_add(bench->store, LANE_ALARM);
    for (int ms = 0; ms < 30000; ms += 100) {
        fake_store_settle(bench->store);
        answer_all_but(bench, poison, 3);
        fake_time_advance(100);
    }
    assert_int_equal(uplink_count(bench->uplink).parked, 3);
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 59);
    assert_int_equal(uplink_count(bench->uplink).history, 0); /* what is parked is told apart */
    for (size_t i = 0; i < 3; i++) assert_int_equal(count_published(bench, poison[i]), 3);
    assert_true(uplink_is_idle(bench->uplink));
    fake_link_lose("mended");
    fake_link_connect();
    run_for(bench, 2000);
    for (uint64_t seq = 1; seq <= 62; seq++)
        assert_int_equal(count_published(bench, seq), seq == 7 || seq == 60 || seq == 62 ? 4 : 1);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(fake_store_waiting(bench->store, LANE_ALARM), 0);
    assert_int_equal(fake_store_wrong_acknowledges(bench->store), 0);
}

static void test_history_full_of_refusals_leaves_live_its_places(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 500);
    uint64_t all[500];
    for (uint64_t seq = 1; seq <= 500; seq++) all[seq - 1] = seq;
    for (int s = 0; s < 600; s++) {
        fake_store_settle(bench->store);
        answer_all_but(bench, all, 500);
        fake_time_advance(1000);
    }
    assert_true(uplink_count(bench->uplink).parked > 10);
    uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, live), 1);
}

static void test_estimate_comes_true(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate = 20, .history_share = 20});
    connect_after_outage(bench, 1000);
    assert_int_equal(uplink_count(bench->uplink).drain.basis, DRAIN_CONFIGURED);
    int64_t estimates_ms[200];
    int seconds = 0;
    for (; seconds < 200 && uplink_count(bench->uplink).history > 0; seconds++) {
        add_windows(bench, 5);
        struct drain_estimate estimate = uplink_count(bench->uplink).drain;
        estimates_ms[seconds] = estimate.left_ms;
        assert_int_equal(estimate.basis, seconds < 4 ? estimate.basis : DRAIN_MEASURED);
        run_for(bench, 1000);
    }
    assert_in_range(seconds, 62, 70); /* 1000 by 20 - 5 */
    for (int s = 10; s < seconds; s++) {
        int64_t true_ms = (seconds - s) * 1000;
        assert_in_range(estimates_ms[s] + 20000, true_ms * 9 / 10 + 18500,
                        true_ms * 11 / 10 + 21500);
        if (s > 10) assert_true(estimates_ms[s] <= estimates_ms[s - 1]);
    }
    run_for(bench, 5000);
    assert_int_equal(uplink_count(bench->uplink).drain.left_ms, 0);
    assert_int_equal(uplink_count(bench->uplink).waiting, 0);
}

static void test_estimate_is_unknown_without_a_connection(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 1000);
    assert_int_equal(uplink_count(bench->uplink).drain.left_ms, -1); /* nothing measured yet */
    for (int i = 0; i < 60; i++) {                                   /* 5 records a second */
        fake_store_settle(bench->store);
        (void)fake_link_answer(LINK_REASON_SUCCESS);
        fake_time_advance(200);
    }
    struct drain_estimate estimate = uplink_count(bench->uplink).drain;
    assert_int_equal(estimate.basis, DRAIN_MEASURED);
    assert_in_range(estimate.left_ms, 170000, 200000);
    fake_link_lose("gone");
    struct uplink_counts counts = uplink_count(bench->uplink);
    assert_int_equal(counts.drain.left_ms, -1);
    assert_int_equal(counts.drain.basis, DRAIN_UNKNOWN);
    assert_in_range(counts.history, 930, 945);
    assert_int_equal(counts.history, counts.waiting);
    fake_link_connect();
    estimate = uplink_count(bench->uplink).drain;
    assert_int_equal(estimate.basis, DRAIN_EARLIER);
    assert_in_range(estimate.left_ms, 170000, 200000);
}

static void test_bytes_are_paced_as_well(void **state)
{
    struct bench *bench = *state;
    open_paced(bench, (struct uplink_pacing){.rate_bytes = 2000, .history_share = 20});
    connect_after_outage(bench, 1000);
    size_t bytes = 0;
    for (int ms = 0; ms < 60000; ms += STEP_MS) {
        size_t before = bench->link->count;
        step(bench);
        size_t sent = bench->link->count - before;
        bytes +=
            sent * (strlen(bench->link->last_payload) + strlen(bench->link->messages[1].topic));
    }
    assert_in_range(bytes, 2000 * 57, 2000 * 61);
}

/* The database could not be read for a moment, and it looked as if nothing were left. */
static void test_what_a_failed_fetch_left_behind_is_found(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 30);
    fake_store_fail_fetch(bench->store, 3); /* alarms, live, history */
    run_for(bench, 1000);
    fake_store_fail_fetch(bench->store, 0);
    run_for(bench, 12000);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    for (uint64_t seq = 1; seq <= 30; seq++) assert_int_equal(count_published(bench, seq), 1);
}

/* The same for a live record that was refused and is read again by itself. */
static void test_refused_record_that_could_not_be_read_is_found(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 0);
    uint64_t live = fake_store_add(bench->store, LANE_WINDOW);
    fake_store_settle(bench->store);
    (void)fake_link_answer(0x97);
    fake_store_settle(bench->store);
    fake_store_fail_fetch(bench->store, 1);
    fake_time_advance(2001); /* the longest first wait of a refused record */
    while (fake_store_step(bench->store)) continue;
    assert_int_equal(count_published(bench, live), 1);
    run_for(bench, 12000);
    assert_int_equal(count_published(bench, live), 2);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

/* ---- alarms beside a full window ---- */

static void test_full_window_of_history_never_holds_an_alarm_back(void **state)
{
    struct bench *bench = *state;
    connect_after_outage(bench, 500);
    fake_store_settle(bench->store);
    assert_int_equal(fake_link_count_open(), 20); /* none is answered */
    for (int i = 0; i < 4; i++) {
        uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
        fake_store_settle(bench->store);
        assert_int_equal(count_published(bench, alarm), 1);
    }
    uint64_t fifth = fake_store_add(bench->store, LANE_ALARM);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, fifth), 0);
    assert_true(fake_link_answer(LINK_REASON_SUCCESS));
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, fifth), 1); /* the first place is an alarm's */
    assert_int_equal(fake_link_count_open(), 24);
}

static void test_smallest_window_leaves_a_place_to_alarms(void **state)
{
    struct bench *bench = *state;
    uplink_close(bench->uplink);
    bench->settings.in_flight = 1;
    open_uplink(bench);
    connect_after_outage(bench, 10);
    fake_store_settle(bench->store);
    assert_int_equal(fake_link_count_open(), 1);
    uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, alarm), 1);
}

/* What goes beyond the broker's places would wait in the library, and an alarm behind it. */
static void test_places_of_the_broker_are_shared_with_alarms(void **state)
{
    struct bench *bench = *state;
    static const struct {
        size_t places, windows;
    } brokers[] = {{20, 16}, {8, 4}, {3, 2}, {2, 1}, {1, 1}};
    for (size_t i = 0; i < sizeof brokers / sizeof *brokers; i++) {
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
        bench = *state;
        bench->link->places = brokers[i].places;
        connect_after_outage(bench, 100);
        fake_store_settle(bench->store);
        assert_int_equal(fake_link_count_open(), brokers[i].windows);
        uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
        fake_store_settle(bench->store);
        assert_int_equal(count_published(bench, alarm), brokers[i].places > 1);
        run_for(bench, 20000);
        assert_int_equal(count_published(bench, alarm), 1);
        assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    }
}

/* Everything on the way, the ledger too, has a place at the broker. */
static void test_never_more_on_the_way_than_the_broker_takes(void **state)
{
    struct bench *bench = *state;
    static const char ledger[] = "{}";
    bench->link->places = 10;
    add_windows(bench, 300);
    fake_store_settle(bench->store);
    fake_link_connect();
    for (int i = 0; i < 300; i++) {
        for (int k = 0; i % 50 == 0 && k < 8; k++) (void)fake_store_add(bench->store, LANE_ALARM);
        if (i % 50 == 0 && fake_link_count_open() < 10)
            assert_int_equal(uplink_publish_ledger(bench->uplink, ledger, sizeof ledger - 1),
                             ST_OK);
        fake_store_settle(bench->store);
        assert_in_range(fake_link_count_open(), 1, 10);
        (void)fake_link_answer(LINK_REASON_SUCCESS);
    }
    run_for(bench, 3000);
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
    assert_int_equal(fake_store_waiting(bench->store, LANE_ALARM), 0);
}

static size_t count_open_bytes(const struct bench *bench)
{
    return fake_link_count_open() * strlen(bench->link->last_payload);
}

/* The link answers one message each 100 ms, the birth as well. */
static void connect_slow_link(struct bench *bench, int history)
{
    open_paced(bench, (struct uplink_pacing){.history_share = 20, .lag_ms = 250});
    add_windows(bench, history);
    fake_store_settle(bench->store);
    fake_link_connect();
    fake_store_settle(bench->store);
}

/* In 250 ms beyond its own 100 the link answers 2.5 messages. */
static void test_little_is_sent_ahead_on_a_slow_link(void **state)
{
    struct bench *bench = *state;
    connect_slow_link(bench, 300);
    assert_in_range(count_open_bytes(bench), 1, LAG_FIRST_BYTES);
    size_t most = 0;
    for (int i = 0; i < 200; i++) {
        fake_time_advance(100);
        assert_true(fake_link_answer(LINK_REASON_SUCCESS));
        fake_store_settle(bench->store);
        size_t open = fake_link_count_open();
        if (i > 20 && open > most) most = open;
        if (i % 20 != 19) continue;
        uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
        fake_store_settle(bench->store);
        assert_int_equal(count_published(bench, alarm), 1);
    }
    assert_in_range(most, 2, 5); /* with a try, or an alarm */
    run_for(bench, 5000);        /* and when the link is fast again, it goes fast again */
    assert_int_equal(fake_store_waiting(bench->store, LANE_WINDOW), 0);
}

static void test_unanswered_ledger_is_on_the_way_too(void **state)
{
    struct bench *bench = *state;
    static char ledger[2 * LAG_FIRST_BYTES];
    memset(ledger, ' ', sizeof ledger - 1);
    connect_slow_link(bench, 0);
    fake_time_advance(100);
    assert_true(fake_link_answer(LINK_REASON_SUCCESS));
    assert_int_equal(uplink_publish_ledger(bench->uplink, ledger, sizeof ledger - 1), ST_OK);
    add_windows(bench, 5);
    uint64_t alarm = fake_store_add(bench->store, LANE_ALARM);
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, 1), 0);
    assert_int_equal(count_published(bench, alarm), 1);
    assert_true(fake_link_answer(LINK_REASON_SUCCESS));
    fake_store_settle(bench->store);
    assert_int_equal(count_published(bench, 1), 1); /* its answer makes room */
}

static void test_ledger_is_published_after_the_birth(void **state)
{
    struct bench *bench = *state;
    static const char ledger[] = "{\"type\":\"ledger\"}";
    assert_int_equal(uplink_publish_ledger(bench->uplink, ledger, sizeof ledger - 1), ST_CLOSED);
    fake_link_connect();
    assert_int_equal(uplink_publish_ledger(bench->uplink, ledger, sizeof ledger - 1), ST_OK);
    assert_string_equal(bench->link->messages[1].topic, "isotherm/gw-1/ledger");
    assert_false(bench->link->messages[1].is_retained);
    assert_string_equal(bench->link->last_payload, ledger);
    add_windows(bench, 2);
    run_for(bench, 1000); /* its answer is taken for no record's */
    assert_int_equal(uplink_count(bench->uplink).acknowledged, 2);
    assert_true(uplink_is_idle(bench->uplink));
}

static void test_unusable_pacing_is_refused(void **state)
{
    struct bench *bench = *state;
    struct uplink *none;
    struct uplink_settings settings = bench->settings;
    settings.pacing.rate = -1;
    assert_int_equal(uplink_open_link(&none, &settings), ST_INVALID);
    settings.pacing = (struct uplink_pacing){.jitter_ms = -1};
    assert_int_equal(uplink_open_link(&none, &settings), ST_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_live_record_does_not_wait_for_history),
        TEST(test_history_has_its_share_while_live_takes_all),
        TEST(test_history_has_its_share_without_a_rate),
        TEST(test_alarm_waits_for_neither_rate_nor_jitter),
        TEST(test_flood_of_alarms_holds_the_rest_up_for_a_second),
        TEST(test_jitter_holds_only_history),
        TEST(test_jitter_without_history_makes_nobody_wait),
        TEST(test_what_live_could_not_send_is_history_after_a_loss),
        TEST(test_replay_is_marked_in_the_record),
        TEST(test_what_was_answered_does_not_come_again_as_history),
        TEST(test_poison_in_each_stretch_is_parked_and_outlives_a_loss),
        TEST(test_history_full_of_refusals_leaves_live_its_places),
        TEST(test_estimate_comes_true),
        TEST(test_estimate_is_unknown_without_a_connection),
        TEST(test_bytes_are_paced_as_well),
        TEST(test_what_a_failed_fetch_left_behind_is_found),
        TEST(test_refused_record_that_could_not_be_read_is_found),
        TEST(test_full_window_of_history_never_holds_an_alarm_back),
        TEST(test_smallest_window_leaves_a_place_to_alarms),
        TEST(test_places_of_the_broker_are_shared_with_alarms),
        TEST(test_never_more_on_the_way_than_the_broker_takes),
        TEST(test_little_is_sent_ahead_on_a_slow_link),
        TEST(test_unanswered_ledger_is_on_the_way_too),
        TEST(test_ledger_is_published_after_the_birth),
        TEST(test_unusable_pacing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
