/* What the coap driver answers, when, and what it does when a request is sent again.
 * The peer is made of raw datagrams, so that every byte is known. */
#include "support/coap_rig.h"
#include "support/coap_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Acknowledging. */

static void test_the_answer_comes_in_the_ack_after_the_commit(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/oven-1", "21.5");
    coap_rig_send_and_take(rig, &request);
    assert_int_equal(rig->intake->commit_requests, 1);
    assert_string_equal(rig->intake->offers[0].reading.device, "oven-1");
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 21500000);
    coap_rig_assert_silence(rig);
    coap_rig_commit(rig);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->message_id, 1);
    coap_rig_assert_answers(got, &request, 204);
    coap_rig_assert_silence(rig);
}

static void test_without_ack_wait_the_answer_is_separate(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "ack_wait", "0s");
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(7, "t/oven-1", "21.5");
    coap_rig_send_and_take(rig, &request);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 7);
    coap_rig_assert_silence(rig);
    coap_rig_commit(rig);
    got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    coap_rig_assert_answers(got, &request, 204);
    coap_peer_acknowledge(&rig->peer, got->message_id);
    coap_rig_assert_silence(rig);
}

static void test_a_late_commit_makes_the_answer_separate(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "ack_wait", "20ms");
    coap_rig_open_driver(rig);
    struct coap_peer_request first = coap_peer_post(1, "t/a", "1");
    struct coap_peer_request second = coap_peer_post(2, "t/a", "2");
    coap_rig_send_and_take(rig, &first);
    coap_rig_send_and_take(rig, &second);
    rig->now_mono_ms += 20;
    for (uint16_t id = 1; id <= 2; id++) {
        const struct coap_peer_message *got = coap_rig_receive(rig);
        assert_int_equal(got->type, COAP_PEER_ACK);
        assert_int_equal(got->code, 0);
        assert_int_equal(got->message_id, id);
    }
    coap_rig_commit(rig);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    coap_rig_assert_answers(got, &first, 204);
    coap_peer_acknowledge(&rig->peer, got->message_id); /* one at a time: NSTART is 1 */
    got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    coap_rig_assert_answers(got, &second, 204);
}

static void test_a_commit_answers_only_what_it_covers(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request first = coap_peer_post(1, "t/a", "1");
    struct coap_peer_request second = coap_peer_post(2, "t/a", "2");
    coap_rig_send_and_take(rig, &first);
    coap_rig_send_and_take(rig, &second);
    driver_coap.durable(rig->state, rig->intake->offers[0].ticket);
    coap_rig_assert_answers(coap_rig_receive(rig), &first, 204);
    coap_rig_assert_silence(rig);
    driver_coap.durable(rig->state, rig->intake->offers[1].ticket);
    coap_rig_assert_answers(coap_rig_receive(rig), &second, 204);
}

static void test_a_non_confirmable_request_is_answered_after_the_commit(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.type = COAP_PEER_NON;
    coap_rig_send_and_take(rig, &request);
    coap_rig_assert_silence(rig);
    coap_rig_commit(rig);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_NON);
    coap_rig_assert_answers(got, &request, 204);
}

static void test_who_wants_no_answer_gets_none(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.no_response = 2; /* no 2.xx */
    request.type = COAP_PEER_NON;
    coap_rig_send_and_take(rig, &request);
    coap_rig_commit(rig);
    coap_rig_assert_silence(rig);
    request = coap_peer_post(2, "t/a", "2");
    request.no_response = 2;
    coap_rig_send_and_take(rig, &request);
    coap_rig_assert_silence(rig);
    coap_rig_commit(rig);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK); /* the message is acknowledged all the same */
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 2);
    request = coap_peer_post(3, "t/a", "rubbish");
    request.no_response = 2;
    (void)coap_rig_exchange(rig, &request, 400);
}

/* Codes. */

static void test_each_situation_has_its_code(void **state)
{
    static const struct {
        unsigned method, code;
        const char *path, *payload;
        int format;
        enum verdict verdict; /* VERDICT_OK: nothing is counted */
    } cases[] = {
        {2, 400, "t/a", "hot", COAP_PEER_ABSENT, VERDICT_NOT_NUMBER},
        {2, 400, "t/a", "", COAP_PEER_ABSENT, VERDICT_LENGTH},
        {2, 400, "t/a", "nan", 0, VERDICT_NO_VALUE},
        {3, 400, "t/a", "{\"t\":1}", 50, VERDICT_NOT_NUMBER},
        {2, 415, "t/a", "21.5", 42, VERDICT_SYNTAX},
        {2, 415, "t/a", "21.5", 60, VERDICT_SYNTAX},
        {2, 404, "u/a", "21.5", COAP_PEER_ABSENT, VERDICT_UNKNOWN_DEVICE},
        {2, 404, NULL, "21.5", COAP_PEER_ABSENT, VERDICT_UNKNOWN_DEVICE},
        {1, 404, "u/a", "", COAP_PEER_ABSENT, VERDICT_UNKNOWN_DEVICE},
        {4, 404, "u/a", "", COAP_PEER_ABSENT, VERDICT_UNKNOWN_DEVICE},
        {1, 405, "t/a", "", COAP_PEER_ABSENT, VERDICT_OK},
        {4, 405, "t/a", "", COAP_PEER_ABSENT, VERDICT_OK},
        {7, 405, "t/a", "", COAP_PEER_ABSENT, VERDICT_OK},
        {2, 400, "t/", "21.5", COAP_PEER_ABSENT, VERDICT_FIELD},
    };
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coap_peer_request request =
            coap_peer_post((uint16_t)i, cases[i].path, cases[i].payload);
        request.code = cases[i].method;
        request.format = cases[i].format;
        fake_intake_forget(rig->intake);
        (void)coap_rig_exchange(rig, &request, cases[i].code);
        assert_int_equal(rig->intake->refusal_count, cases[i].verdict == VERDICT_OK ? 0 : 1);
        if (cases[i].verdict != VERDICT_OK)
            assert_int_equal(rig->intake->refusals[0].verdict, cases[i].verdict);
        assert_int_equal(rig->intake->offer_count, 0);
    }
}

static void test_a_refusal_says_why_and_names_the_sender(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/some-long-name", "hot\n\n\n\n\n\n\n");
    const struct coap_peer_message *got = coap_rig_exchange(rig, &request, 400);
    assert_true(got->payload_size > 0);
    assert_int_equal(got->format, COAP_PEER_ABSENT);
    assert_non_null(strstr(rig->intake->refusals[0].detail, "/t/some-long-name"));
    assert_non_null(strstr(rig->intake->refusals[0].detail, "127.0.0.1:"));
}

static void test_put_and_json_content_are_taken(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "value", "/temp");
    coap_rig_set_option(rig, "time", "/ts");
    coap_rig_set_option(rig, "unit", "/unit");
    coap_rig_open_driver(rig);
    struct coap_peer_request request =
        coap_peer_post(1, "t/a", "{\"temp\":212,\"unit\":\"F\",\"ts\":1760000000}");
    request.code = 3;
    request.format = 50;
    coap_rig_send_and_take(rig, &request);
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 100000000);
    assert_true(rig->intake->offers[0].reading.has_event_time);
    assert_int_equal(rig->intake->offers[0].reading.event_ms, INT64_C(1760000000000));
}

static void test_what_the_core_refuses_becomes_a_code(void **state)
{
    static const struct {
        enum verdict verdict;
        unsigned code;
        bool has_max_age;
    } cases[] = {{VERDICT_BUSY, 503, true},  {VERDICT_DEVICE_LIMIT, 503, true},
                 {VERDICT_RATE, 429, true},  {VERDICT_DUPLICATE, 204, false},
                 {VERDICT_LATE, 400, false}, {VERDICT_TIME, 400, false},
                 {VERDICT_RANGE, 400, false}};
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        rig->intake->answer = cases[i].verdict;
        const struct coap_peer_message *got = coap_rig_exchange(rig, &request, cases[i].code);
        assert_int_equal(got->max_age != COAP_PEER_ABSENT, cases[i].has_max_age);
    }
    assert_int_equal(rig->intake->refusal_count, 0); /* the core has counted them itself */
}

static void test_what_is_too_large_is_told_the_limit(void **state)
{
    char large[1100] = "";
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    memset(large, ' ', sizeof large - 1);
    large[0] = '1';
    struct coap_peer_request request = coap_peer_post(1, "t/a", large);
    assert_int_equal(coap_rig_exchange(rig, &request, 413)->size1, 1024);
    rig->intake->payload_limit = 8;
    request = coap_peer_post(2, "t/a", "1.2345678");
    assert_int_equal(coap_rig_exchange(rig, &request, 413)->size1, 8);
    request = coap_peer_post(3, "t/a", "1.234567");
    coap_rig_send_and_take(rig, &request);
}

static void test_blocks_are_refused_and_a_single_block_is_taken(void **state)
{
    enum { MORE = 8, SECOND = 1 << 4, SIZE_1024 = 6 };
    static const int partial[] = {MORE, SECOND, SECOND | MORE | SIZE_1024, 0xfffff8, 0xffffff};
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof partial / sizeof partial[0]; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        request.block1 = partial[i];
        (void)coap_rig_exchange(rig, &request, 413);
    }
    assert_int_equal(rig->intake->offer_count, 0);
    struct coap_peer_request whole = coap_peer_post(100, "t/a", "1");
    whole.block1 = SIZE_1024;
    coap_rig_send_and_take(rig, &whole);
}

static void test_an_unknown_critical_option_is_refused(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.extra_option = 1001;
    (void)coap_rig_exchange(rig, &request, 402);
    assert_int_equal(rig->intake->offer_count, 0);
    request = coap_peer_post(2, "t/a", "1");
    request.extra_option = 1000; /* elective */
    coap_rig_send_and_take(rig, &request);
}

static void test_discovery_lists_the_path_and_stays_small(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, ".well-known/core", "");
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
    request.code = 1;
    request.token_size = 0;
    const struct coap_peer_message *got = coap_rig_exchange(rig, &request, 205);
    assert_int_equal(got->format, 40);
    assert_string_equal(got->payload, "</t/%7Bdevice%7D>;rt=\"temperature\"");
    assert_true(got->size <= 3 * coap_peer_build(&request, bytes));
    request = coap_peer_post(2, ".well-known/core", "1");
    (void)coap_rig_exchange(rig, &request, 405);
}

static void test_no_answer_is_more_than_three_times_its_request(void **state)
{
    static const struct {
        unsigned method;
        const char *path, *payload;
        int format, block1, extra_option;
    } cases[] = {
        {2, "t/a", "x", COAP_PEER_ABSENT, COAP_PEER_ABSENT, COAP_PEER_ABSENT},
        {2, "t/a", "", COAP_PEER_ABSENT, COAP_PEER_ABSENT, COAP_PEER_ABSENT},
        {2, NULL, "", COAP_PEER_ABSENT, COAP_PEER_ABSENT, COAP_PEER_ABSENT},
        {2, "t/a", "1", 60, COAP_PEER_ABSENT, COAP_PEER_ABSENT},
        {2, "t/a", "1", COAP_PEER_ABSENT, 8, COAP_PEER_ABSENT},
        {2, "t/a", "1", COAP_PEER_ABSENT, COAP_PEER_ABSENT, 1001},
        {1, "t/a", "", COAP_PEER_ABSENT, COAP_PEER_ABSENT, COAP_PEER_ABSENT},
    };
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
        struct coap_peer_request request =
            coap_peer_post((uint16_t)i, cases[i].path, cases[i].payload);
        request.code = cases[i].method;
        request.format = cases[i].format;
        request.block1 = cases[i].block1;
        request.extra_option = cases[i].extra_option;
        request.token_size = 0;
        coap_peer_send(&rig->peer, &request);
        assert_true(coap_rig_receive(rig)->code >= 400);
        assert_true(rig->got.size <= 3 * coap_peer_build(&request, bytes));
    }
}

/* Sent again. */

static void test_a_repeated_request_is_counted_once_and_answered_again(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(9, "t/a", "1");
    coap_rig_send_and_take(rig, &request);
    coap_rig_commit(rig);
    coap_rig_assert_answers(coap_rig_receive(rig), &request, 204);
    for (int i = 0; i < 3; i++) (void)coap_rig_exchange(rig, &request, 204);
    assert_int_equal(rig->intake->offer_count, 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 3);
    struct coap_peer_request bad = coap_peer_post(10, "t/a", "x");
    for (int i = 0; i < 2; i++) (void)coap_rig_exchange(rig, &bad, 400);
    assert_int_equal(rig->intake->counts.by[VERDICT_NOT_NUMBER], 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 4);
}

static void test_a_request_repeated_before_the_commit_gets_an_empty_ack(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(9, "t/a", "1");
    coap_rig_send_and_take(rig, &request);
    (void)coap_rig_exchange(rig,
                            &(struct coap_peer_request){.type = COAP_PEER_CON,
                                                        .code = 2,
                                                        .message_id = 8,
                                                        .path = "u",
                                                        .format = COAP_PEER_ABSENT,
                                                        .block1 = COAP_PEER_ABSENT,
                                                        .no_response = COAP_PEER_ABSENT,
                                                        .extra_option = COAP_PEER_ABSENT},
                            404);
    coap_peer_send(&rig->peer, &request);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 9);
    assert_int_equal(rig->intake->offer_count, 1);
    coap_rig_commit(rig);
    got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    coap_rig_assert_answers(got, &request, 204);
    assert_int_equal(rig->intake->offer_count, 1);
}

static void test_what_was_committed_is_known_after_a_restart(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(7, "t/oven", "21.5");
    coap_rig_send_and_take(rig, &request);
    driver_coap.close(rig->state); /* killed after the commit, before the answer */
    fake_intake_run_rounds(rig->intake, 3);
    rig->intake->durable_ticket = rig->intake->last_ticket;
    intake_expect_repeats(rig->intake);
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    (void)coap_rig_exchange(rig, &request, 204);
    (void)coap_rig_exchange(rig, &request, 204);
    assert_int_equal(rig->intake->taken_count, 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 2);
    request = coap_peer_post(8, "t/oven", "21.5");
    coap_rig_send_and_take(rig, &request);
    assert_int_equal(rig->intake->taken_count, 2);
}

static void test_the_same_message_id_with_another_payload_is_another_reading(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/sleeper", "20.1");
    coap_rig_send_and_take(rig, &request);
    request = coap_peer_post(1, "t/sleeper", "20.2");
    coap_rig_send_and_take(rig, &request);
    request = coap_peer_post(1, "t/other", "20.2");
    coap_rig_send_and_take(rig, &request);
    request.token[0] ^= 1;
    coap_rig_send_and_take(rig, &request);
    struct coap_peer stranger;
    coap_peer_open(&stranger, "127.0.0.1", rig->port);
    coap_peer_send(&stranger, &request);
    assert_true(fake_intake_run_until_taken(rig->intake, 5));
    coap_peer_close(&stranger);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 0);
}

static void test_what_was_busy_may_be_sent_again_unchanged(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    rig->intake->busy_left = 1;
    (void)coap_rig_exchange(rig, &request, 503);
    driver_coap.pause(rig->state);
    (void)coap_rig_exchange(rig, &request, 503);
    driver_coap.resume(rig->state);
    coap_rig_send_and_take(rig, &request);
    driver_coap.pause(rig->state); /* what was taken is acknowledged in a pause too */
    coap_rig_commit(rig);
    coap_rig_assert_answers(coap_rig_receive(rig), &request, 204);
    assert_int_equal(rig->intake->refusal_count, 0);
}

static void test_beyond_the_pending_ones_senders_are_told_to_come_back(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "pending", "2");
    coap_rig_open_driver(rig);
    for (uint16_t id = 1; id <= 2; id++) {
        struct coap_peer_request request = coap_peer_post(id, "t/a", "1");
        coap_rig_send_and_take(rig, &request);
    }
    struct coap_peer_request third = coap_peer_post(3, "t/a", "1");
    assert_true(coap_rig_exchange(rig, &third, 503)->max_age > 0);
    assert_int_equal(rig->intake->offer_count, 2);
    coap_rig_commit(rig);
    (void)coap_rig_receive(rig);
    (void)coap_rig_receive(rig);
    coap_rig_send_and_take(rig, &third);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, coap_rig_set_up, coap_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_answer_comes_in_the_ack_after_the_commit),
        TEST(test_without_ack_wait_the_answer_is_separate),
        TEST(test_a_late_commit_makes_the_answer_separate),
        TEST(test_a_commit_answers_only_what_it_covers),
        TEST(test_a_non_confirmable_request_is_answered_after_the_commit),
        TEST(test_who_wants_no_answer_gets_none),
        TEST(test_each_situation_has_its_code),
        TEST(test_a_refusal_says_why_and_names_the_sender),
        TEST(test_put_and_json_content_are_taken),
        TEST(test_what_the_core_refuses_becomes_a_code),
        TEST(test_what_is_too_large_is_told_the_limit),
        TEST(test_blocks_are_refused_and_a_single_block_is_taken),
        TEST(test_an_unknown_critical_option_is_refused),
        TEST(test_discovery_lists_the_path_and_stays_small),
        TEST(test_no_answer_is_more_than_three_times_its_request),
        TEST(test_a_repeated_request_is_counted_once_and_answered_again),
        TEST(test_what_was_committed_is_known_after_a_restart),
        TEST(test_a_request_repeated_before_the_commit_gets_an_empty_ack),
        TEST(test_the_same_message_id_with_another_payload_is_another_reading),
        TEST(test_what_was_busy_may_be_sent_again_unchanged),
        TEST(test_beyond_the_pending_ones_senders_are_told_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
