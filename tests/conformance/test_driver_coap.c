/* What the coap driver does beyond the suite: codes, separate answers, duplicates, hostile input.
 * The peer is made of raw datagrams; libcoap's own client has the last word at the end. */
#include "support/coap_peer.h"
#include "support/fake_intake.h"

#include "base/field.h"
#include "driver.h"

#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct driver driver_coap;

enum { WAIT_MS = 10000, ROUNDS = 30 };

struct rig {
    struct intake *intake;
    void *options;
    void *state;
    struct coap_peer peer;
    uint16_t port;
    struct coap_peer_message got;
    int status; /* of a child */
    pid_t child;
};

static void set_option(struct rig *rig, const char *name, const char *value)
{
    char problem[128];
    const struct field *field = field_find(driver_coap.options, name);
    assert_non_null(field);
    assert_int_equal(field_set_text(field, rig->options, value, problem, sizeof problem), ST_OK);
}

static void listen_on(struct rig *rig, const char *host)
{
    char url[64];
    rig->port = coap_peer_free_port();
    snprintf(url, sizeof url, "coap://%s:%u", host, rig->port);
    set_option(rig, "listen", url);
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL) return -1;
    rig->peer.fd = -1;
    rig->intake = fake_intake_open("coap[0]", NULL);
    rig->options = calloc(1, driver_coap.options_size);
    rig->state = calloc(1, driver_coap.state_size);
    if (rig->options == NULL || rig->state == NULL) return -1;
    assert_int_equal(field_set_defaults(driver_coap.options, rig->options), ST_OK);
    listen_on(rig, "127.0.0.1");
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    driver_coap.close(rig->state);
    coap_peer_close(&rig->peer);
    fake_intake_close(rig->intake);
    free(rig->state);
    free(rig->options);
    free(rig);
    return 0;
}

static void open_driver(struct rig *rig)
{
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_true(rig->intake->is_connected);
    coap_peer_open(&rig->peer, "127.0.0.1", rig->port);
}

static bool has_received(void *context)
{
    struct rig *rig = context;
    return coap_peer_receive(&rig->peer, &rig->got);
}

/* The next message to the peer. */
static const struct coap_peer_message *receive(struct rig *rig)
{
    assert_true(fake_intake_run_until(rig->intake, has_received, rig, WAIT_MS));
    return &rig->got;
}

/* On loopback a datagram is there when it was sent; so a few rounds show that none comes. */
static void assert_silence(struct rig *rig)
{
    fake_intake_run_rounds(rig->intake, ROUNDS);
    assert_false(has_received(rig));
}

static void commit(struct rig *rig)
{
    fake_intake_commit(rig->intake, &driver_coap, rig->state);
}

static void assert_answers(const struct coap_peer_message *got,
                           const struct coap_peer_request *request, unsigned code)
{
    assert_int_equal(got->code, code);
    assert_int_equal(got->token_size, request->token_size);
    assert_memory_equal(got->token, request->token, request->token_size);
}

/* Sends and expects this answer in the ACK. */
static const struct coap_peer_message *
exchange(struct rig *rig, const struct coap_peer_request *request, unsigned code)
{
    coap_peer_send(&rig->peer, request);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->message_id, request->message_id);
    assert_answers(got, request, code);
    return got;
}

static void send_and_take(struct rig *rig, const struct coap_peer_request *request)
{
    size_t taken = rig->intake->taken_count;
    coap_peer_send(&rig->peer, request);
    assert_true(fake_intake_run_until_taken(rig->intake, taken + 1));
}

static void assert_still_works(struct rig *rig)
{
    struct coap_peer_request good = coap_peer_post(0xfffe, "t/still-there", "21.5");
    driver_coap.resume(rig->state);
    while (has_received(rig)) continue;
    send_and_take(rig, &good);
    commit(rig);
    do receive(rig);
    while (rig->got.message_id != good.message_id);
    assert_answers(&rig->got, &good, 204);
}

/* Acknowledging. */

static void test_the_answer_comes_in_the_ack_after_the_commit(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/oven-1", "21.5");
    send_and_take(rig, &request);
    assert_int_equal(rig->intake->commit_requests, 1);
    assert_string_equal(rig->intake->offers[0].reading.device, "oven-1");
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 21500000);
    assert_silence(rig);
    commit(rig);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->message_id, 1);
    assert_answers(got, &request, 204);
    assert_silence(rig);
}

static void test_without_ack_wait_the_answer_is_separate(void **state)
{
    struct rig *rig = *state;
    set_option(rig, "ack_wait", "0s");
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(7, "t/oven-1", "21.5");
    send_and_take(rig, &request);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 7);
    assert_silence(rig);
    commit(rig);
    got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    assert_answers(got, &request, 204);
    coap_peer_acknowledge(&rig->peer, got->message_id);
    assert_silence(rig);
}

static void test_a_late_commit_makes_the_answer_separate(void **state)
{
    struct rig *rig = *state;
    set_option(rig, "ack_wait", "20ms");
    open_driver(rig);
    struct coap_peer_request first = coap_peer_post(1, "t/a", "1");
    struct coap_peer_request second = coap_peer_post(2, "t/a", "2");
    send_and_take(rig, &first);
    send_and_take(rig, &second);
    for (uint16_t id = 1; id <= 2; id++) {
        const struct coap_peer_message *got = receive(rig);
        assert_int_equal(got->type, COAP_PEER_ACK);
        assert_int_equal(got->code, 0);
        assert_int_equal(got->message_id, id);
    }
    commit(rig);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    assert_answers(got, &first, 204);
    coap_peer_acknowledge(&rig->peer, got->message_id); /* one at a time: NSTART is 1 */
    got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    assert_answers(got, &second, 204);
}

static void test_a_commit_answers_only_what_it_covers(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request first = coap_peer_post(1, "t/a", "1");
    struct coap_peer_request second = coap_peer_post(2, "t/a", "2");
    send_and_take(rig, &first);
    send_and_take(rig, &second);
    driver_coap.durable(rig->state, rig->intake->offers[0].ticket);
    assert_answers(receive(rig), &first, 204);
    assert_silence(rig);
    driver_coap.durable(rig->state, rig->intake->offers[1].ticket);
    assert_answers(receive(rig), &second, 204);
}

static void test_a_non_confirmable_request_is_answered_after_the_commit(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.type = COAP_PEER_NON;
    send_and_take(rig, &request);
    assert_silence(rig);
    commit(rig);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_NON);
    assert_answers(got, &request, 204);
}

static void test_who_wants_no_answer_gets_none(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.no_response = 2; /* no 2.xx */
    request.type = COAP_PEER_NON;
    send_and_take(rig, &request);
    commit(rig);
    assert_silence(rig);
    request = coap_peer_post(2, "t/a", "2");
    request.no_response = 2;
    send_and_take(rig, &request);
    assert_silence(rig);
    commit(rig);
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK); /* the message is acknowledged all the same */
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 2);
    request = coap_peer_post(3, "t/a", "rubbish");
    request.no_response = 2;
    (void)exchange(rig, &request, 400);
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
        {2, 400, "t/a", "hot", COAP_PEER_ABSENT, VERDICT_SYNTAX},
        {2, 400, "t/a", "", COAP_PEER_ABSENT, VERDICT_LENGTH},
        {2, 400, "t/a", "nan", 0, VERDICT_NO_VALUE},
        {3, 400, "t/a", "{\"t\":1}", 50, VERDICT_SYNTAX},
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
    struct rig *rig = *state;
    open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coap_peer_request request =
            coap_peer_post((uint16_t)i, cases[i].path, cases[i].payload);
        request.code = cases[i].method;
        request.format = cases[i].format;
        fake_intake_forget(rig->intake);
        (void)exchange(rig, &request, cases[i].code);
        assert_int_equal(rig->intake->refusal_count, cases[i].verdict == VERDICT_OK ? 0 : 1);
        if (cases[i].verdict != VERDICT_OK)
            assert_int_equal(rig->intake->refusals[0].verdict, cases[i].verdict);
        assert_int_equal(rig->intake->offer_count, 0);
    }
}

static void test_a_refusal_says_why_and_names_the_sender(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/some-long-name", "hot\n\n\n\n\n\n\n");
    const struct coap_peer_message *got = exchange(rig, &request, 400);
    assert_true(got->payload_size > 0);
    assert_int_equal(got->format, COAP_PEER_ABSENT);
    assert_non_null(strstr(rig->intake->refusals[0].detail, "/t/some-long-name"));
    assert_non_null(strstr(rig->intake->refusals[0].detail, "127.0.0.1:"));
}

static void test_put_and_json_content_are_taken(void **state)
{
    struct rig *rig = *state;
    set_option(rig, "value", "/temp");
    set_option(rig, "time", "/ts");
    set_option(rig, "unit", "/unit");
    open_driver(rig);
    struct coap_peer_request request =
        coap_peer_post(1, "t/a", "{\"temp\":212,\"unit\":\"F\",\"ts\":1760000000}");
    request.code = 3;
    request.format = 50;
    send_and_take(rig, &request);
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
    struct rig *rig = *state;
    open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        rig->intake->answer = cases[i].verdict;
        const struct coap_peer_message *got = exchange(rig, &request, cases[i].code);
        assert_int_equal(got->max_age != COAP_PEER_ABSENT, cases[i].has_max_age);
    }
    assert_int_equal(rig->intake->refusal_count, 0); /* the core has counted them itself */
}

static void test_what_is_too_large_is_told_the_limit(void **state)
{
    static char large[1100];
    struct rig *rig = *state;
    open_driver(rig);
    memset(large, ' ', sizeof large - 1);
    large[0] = '1';
    struct coap_peer_request request = coap_peer_post(1, "t/a", large);
    assert_int_equal(exchange(rig, &request, 413)->size1, 1024);
    rig->intake->payload_limit = 8;
    request = coap_peer_post(2, "t/a", "1.2345678");
    assert_int_equal(exchange(rig, &request, 413)->size1, 8);
    request = coap_peer_post(3, "t/a", "1.234567");
    send_and_take(rig, &request);
}

static void test_blocks_are_refused_and_a_single_block_is_taken(void **state)
{
    enum { MORE = 8, SECOND = 1 << 4, SIZE_1024 = 6 };
    static const int partial[] = {MORE, SECOND, SECOND | MORE | SIZE_1024, 0xfffff8, 0xffffff};
    struct rig *rig = *state;
    open_driver(rig);
    for (size_t i = 0; i < sizeof partial / sizeof partial[0]; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        request.block1 = partial[i];
        (void)exchange(rig, &request, 413);
    }
    assert_int_equal(rig->intake->offer_count, 0);
    struct coap_peer_request whole = coap_peer_post(100, "t/a", "1");
    whole.block1 = SIZE_1024;
    send_and_take(rig, &whole);
}

static void test_an_unknown_critical_option_is_refused(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    request.extra_option = 1001;
    (void)exchange(rig, &request, 402);
    assert_int_equal(rig->intake->offer_count, 0);
    request = coap_peer_post(2, "t/a", "1");
    request.extra_option = 1000; /* elective */
    send_and_take(rig, &request);
}

static void test_discovery_lists_the_path_and_stays_small(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, ".well-known/core", "");
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
    request.code = 1;
    request.token_size = 0;
    const struct coap_peer_message *got = exchange(rig, &request, 205);
    assert_int_equal(got->format, 40);
    assert_string_equal(got->payload, "</t/%7Bdevice%7D>;rt=\"temperature\"");
    assert_true(got->size <= 3 * coap_peer_build(&request, bytes));
    request = coap_peer_post(2, ".well-known/core", "1");
    (void)exchange(rig, &request, 405);
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
    struct rig *rig = *state;
    open_driver(rig);
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
        assert_true(receive(rig)->code >= 400);
        assert_true(rig->got.size <= 3 * coap_peer_build(&request, bytes));
    }
}

/* Sent again. */

static void test_a_repeated_request_is_counted_once_and_answered_again(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(9, "t/a", "1");
    send_and_take(rig, &request);
    commit(rig);
    assert_answers(receive(rig), &request, 204);
    for (int i = 0; i < 3; i++) (void)exchange(rig, &request, 204);
    assert_int_equal(rig->intake->offer_count, 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 3);
    struct coap_peer_request bad = coap_peer_post(10, "t/a", "x");
    for (int i = 0; i < 2; i++) (void)exchange(rig, &bad, 400);
    assert_int_equal(rig->intake->counts.by[VERDICT_SYNTAX], 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 4);
}

static void test_a_request_repeated_before_the_commit_gets_an_empty_ack(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(9, "t/a", "1");
    send_and_take(rig, &request);
    (void)exchange(rig,
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
    const struct coap_peer_message *got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->code, 0);
    assert_int_equal(got->message_id, 9);
    assert_int_equal(rig->intake->offer_count, 1);
    commit(rig);
    got = receive(rig);
    assert_int_equal(got->type, COAP_PEER_CON);
    assert_answers(got, &request, 204);
    assert_int_equal(rig->intake->offer_count, 1);
}

static void test_the_same_message_id_with_another_payload_is_another_reading(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/sleeper", "20.1");
    send_and_take(rig, &request);
    request = coap_peer_post(1, "t/sleeper", "20.2");
    send_and_take(rig, &request);
    request = coap_peer_post(1, "t/other", "20.2");
    send_and_take(rig, &request);
    request.token[0] ^= 1;
    send_and_take(rig, &request);
    struct coap_peer stranger;
    coap_peer_open(&stranger, "127.0.0.1", rig->port);
    coap_peer_send(&stranger, &request);
    assert_true(fake_intake_run_until_taken(rig->intake, 5));
    coap_peer_close(&stranger);
    assert_int_equal(rig->intake->counts.by[VERDICT_DUPLICATE], 0);
}

static void test_what_was_busy_may_be_sent_again_unchanged(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    rig->intake->busy_left = 1;
    (void)exchange(rig, &request, 503);
    driver_coap.pause(rig->state);
    (void)exchange(rig, &request, 503);
    driver_coap.resume(rig->state);
    send_and_take(rig, &request);
    driver_coap.pause(rig->state); /* what was taken is acknowledged in a pause too */
    commit(rig);
    assert_answers(receive(rig), &request, 204);
    assert_int_equal(rig->intake->refusal_count, 0);
}

static void test_beyond_the_pending_ones_senders_are_told_to_come_back(void **state)
{
    struct rig *rig = *state;
    set_option(rig, "pending", "2");
    open_driver(rig);
    for (uint16_t id = 1; id <= 2; id++) {
        struct coap_peer_request request = coap_peer_post(id, "t/a", "1");
        send_and_take(rig, &request);
    }
    struct coap_peer_request third = coap_peer_post(3, "t/a", "1");
    assert_true(exchange(rig, &third, 503)->max_age > 0);
    assert_int_equal(rig->intake->offer_count, 2);
    commit(rig);
    (void)receive(rig);
    (void)receive(rig);
    send_and_take(rig, &third);
}

/* The source. */

static void test_a_taken_address_is_said_and_tried_again(void **state)
{
    struct rig *rig = *state;
    struct intake *other_intake = fake_intake_open("coap[1]", rig->intake->loop);
    void *other = calloc(1, driver_coap.state_size);
    assert_non_null(other);
    open_driver(rig);
    assert_int_equal(driver_coap.open(other, other_intake, rig->options), ST_OK);
    assert_int_equal(other_intake->lost_count, 1);
    assert_non_null(strstr(other_intake->connected_detail, "in use"));
    assert_still_works(rig);
    driver_coap.close(rig->state);
    assert_true(fake_intake_run_until_connected(other_intake));
    driver_coap.close(other);
    free(other);
    fake_intake_run_rounds(rig->intake, 3);
    fake_intake_close(other_intake);
}

static void test_an_absent_address_is_said(void **state)
{
    struct rig *rig = *state;
    set_option(rig, "listen", "coap://192.0.2.1:5683");
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_false(rig->intake->is_connected);
    assert_non_null(strstr(rig->intake->connected_detail, "192.0.2.1"));
    assert_non_null(strstr(rig->intake->connected_detail, "tries again"));
}

static void test_ipv6_is_listened_on(void **state)
{
    struct rig *rig = *state;
    listen_on(rig, "[::1]");
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    if (!rig->intake->is_connected) skip(); /* a machine without IPv6 */
    coap_peer_open(&rig->peer, "::1", rig->port);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "x");
    (void)exchange(rig, &request, 400);
    assert_non_null(strstr(rig->intake->refusals[0].detail, "[::1]:"));
}

static void test_bad_addresses_and_paths_are_refused(void **state)
{
    static const char *const bad[][2] = {
        {"listen", "coap://localhost"},
        {"listen", "coaps://127.0.0.1"},
        {"listen", "127.0.0.1:5683"},
        {"listen", "coap://"},
        {"listen", "coap://127.0.0.1:0"},
        {"listen", "coap://127.0.0.1:65536"},
        {"listen", "coap://127.0.0.1:56x"},
        {"listen", "coap://127.0.0.1:"},
        {"listen", "coap://[::1"},
        {"listen", "coap://[::1]5683"},
        {"listen", "coap://224.0.1.187:5683"},
        {"listen", "coap://[ff02::fd]"},
        {"path", "t/{device"},
        {"path", ""},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(field_set_defaults(driver_coap.options, rig->options), ST_OK);
        set_option(rig, bad[i][0], bad[i][1]);
        assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_INVALID);
        driver_coap.close(rig->state);
    }
}

static void add_problem(void *context, const char *field_name, const char *problem)
{
    (void)problem;
    *(const char **)context = field_name;
}

static void test_a_path_without_a_device_is_reported(void **state)
{
    struct rig *rig = *state;
    const char *named = NULL;
    const struct field_report report = {add_problem, &named};
    driver_coap.options->check(rig->options, &report);
    assert_null(named);
    set_option(rig, "path", "fixed/path");
    driver_coap.options->check(rig->options, &report);
    assert_string_equal(named, "path");
    named = NULL;
    set_option(rig, "value", "/t");
    set_option(rig, "device", "/id");
    driver_coap.options->check(rig->options, &report);
    assert_null(named);
}

static void test_closing_with_pending_requests_answers_nothing(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    for (uint16_t id = 1; id <= 20; id++) {
        struct coap_peer_request request = coap_peer_post(id, "t/a", "1");
        request.type = id % 2 == 0 ? COAP_PEER_CON : COAP_PEER_NON;
        send_and_take(rig, &request);
    }
    driver_coap.close(rig->state);
    driver_coap.durable(rig->state, UINT64_MAX);
    assert_silence(rig);
}

/* Hostile input. */

static void test_broken_datagrams_harm_nobody(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},
        {"\x40", 1},
        {"\x40\x02\x00", 3},
        {"\x40\x00\x00\x01", 4}, /* empty CON: a ping */
        {"\x70\x00\x00\x01", 4}, /* RST for nothing */
        {"\x60\x00\x00\x01", 4}, /* ACK for nothing */
        {"\x49\x02\x00\x01"
         "123456789",
         13}, /* token length 9 */
        {"\x4f\x02\x00\x01"
         "123456789abcdef",
         19},
        {"\x48\x02\x00\x01"
         "123",
         7},                          /* token cut short */
        {"\x40\x02\x00\x01\xb5t", 6}, /* option cut short */
        {"\x40\x02\x00\x01\xf0", 5},  /* reserved delta */
        {"\x40\x02\x00\x01\xdf", 5},  /* reserved length */
        {"\x40\x02\x00\x01\xee\xff\xff\xff\xff", 9},
        {"\x40\x02\x00\x01\xff", 5},     /* marker without payload */
        {"\x00\x02\x00\x01\xff\x31", 6}, /* version 0 */
        {"\xc0\x02\x00\x01\xff\x31", 6}, /* version 3 */
        {"\x40\x45\x00\x01", 4},         /* an answer nobody asked for */
        {"\x40\xe2\x00\x01", 4},         /* signalling does not exist over UDP */
        {"\x40\xe5\x00\x01", 4},
        {"\x40\x1f\x00\x01", 4},         /* method 0.31 */
        {"\x40\x00\x00\x01\xff\x31", 6}, /* "empty" with a payload */
    };
    struct rig *rig = *state;
    open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        coap_peer_send_bytes(&rig->peer, cases[i].bytes, cases[i].size);
        fake_intake_run_rounds(rig->intake, 3);
        while (has_received(rig)) assert_true(rig->got.size <= 32);
    }
    assert_int_equal(rig->intake->offer_count, 0);
    assert_still_works(rig);
}

static void test_signalling_messages_are_not_answered(void **state)
{
    struct rig *rig = *state;
    open_driver(rig);
    coap_peer_send_bytes(&rig->peer, "\x40\xe2\x00\x01", 4); /* 7.02: ping */
    coap_peer_send_bytes(&rig->peer, "\x40\xe5\x00\x02", 4); /* 7.05: abort */
    assert_silence(rig);
    assert_still_works(rig);
}

static void test_a_datagram_longer_than_libcoap_reads_is_dropped_whole(void **state)
{
    struct rig *rig = *state;
    static char tail[400];
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE + 1500];
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    open_driver(rig);
    size_t size = coap_peer_build(&request, bytes);
    memset(tail, '1', sizeof tail);
    memset(bytes + size, '0', 1500);
    coap_peer_send_bytes(&rig->peer, bytes, size + 1500);
    assert_silence(rig);
    assert_int_equal(rig->intake->offer_count, 0);
    assert_still_works(rig);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Half are noise, half good requests with a few bytes changed: those get further. */
static void test_random_datagrams_harm_nobody(void **state)
{
    enum { DATAGRAMS = 2000, SEED = 20261121 };
    struct rig *rig = *state;
    uint64_t seed = SEED;
    open_driver(rig);
    print_message("seed %d\n", SEED);
    for (int n = 0; n < DATAGRAMS; n++) {
        uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
        struct coap_peer_request request = coap_peer_post((uint16_t)n, "t/abc/d", "21.5 21.5");
        request.path += n % 4 == 0 ? 0 : 2;
        request.format = n % 3 == 0 ? 0 : COAP_PEER_ABSENT;
        request.block1 = n % 5 == 0 ? 6 : COAP_PEER_ABSENT;
        size_t size = coap_peer_build(&request, bytes);
        if (n % 2 == 0) {
            size = next_random(&seed) % 80;
            for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)next_random(&seed);
            if (size > 0) bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f));
        } else {
            for (int i = 0; i < 3; i++)
                bytes[next_random(&seed) % size] = (uint8_t)next_random(&seed);
        }
        coap_peer_send_bytes(&rig->peer, bytes, size);
        fake_intake_run_rounds(rig->intake, 2);
        if (n % 50 == 0) {
            commit(rig);
            fake_intake_forget(rig->intake);
        }
    }
    fake_intake_forget(rig->intake);
    commit(rig);
    assert_still_works(rig);
}

static void test_many_senders_lose_nothing(void **state)
{
    enum { SENDERS = 600, AT_ONCE = 50 };
    struct rig *rig = *state;
    open_driver(rig);
    for (int n = 0; n < SENDERS; n += AT_ONCE) {
        struct coap_peer peers[AT_ONCE];
        /* A number per round, since the system may give a port twice. */
        struct coap_peer_request request = coap_peer_post((uint16_t)n, "t/a", "1");
        for (int i = 0; i < AT_ONCE; i++) {
            coap_peer_open(&peers[i], "127.0.0.1", rig->port);
            coap_peer_send(&peers[i], &request);
        }
        assert_true(fake_intake_run_until_taken(rig->intake, (size_t)(n + AT_ONCE)));
        commit(rig);
        for (int i = 0; i < AT_ONCE; i++) {
            assert_true(coap_peer_receive(&peers[i], &rig->got));
            assert_answers(&rig->got, &request, 204);
            coap_peer_close(&peers[i]);
        }
    }
    assert_int_equal(rig->intake->taken_count, SENDERS);
}

static void test_answers_nobody_confirms_are_bounded(void **state)
{
    enum { SENDERS = 80, UNCONFIRMED = 64 };
    struct rig *rig = *state;
    size_t confirmable = 0, plain = 0;
    set_option(rig, "ack_wait", "0s");
    open_driver(rig);
    for (int i = 0; i < SENDERS; i++) {
        struct coap_peer peer;
        struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
        coap_peer_open(&peer, "127.0.0.1", rig->port);
        coap_peer_send(&peer, &request);
        assert_true(fake_intake_run_until_taken(rig->intake, (size_t)i + 1));
        commit(rig);
        assert_true(coap_peer_receive(&peer, &rig->got)); /* the empty ACK */
        assert_true(coap_peer_receive(&peer, &rig->got));
        assert_answers(&rig->got, &request, 204);
        confirmable += rig->got.type == COAP_PEER_CON;
        plain += rig->got.type == COAP_PEER_NON;
        coap_peer_close(&peer);
    }
    assert_int_equal(confirmable, UNCONFIRMED);
    assert_int_equal(plain, SENDERS - UNCONFIRMED);
}

/* Decoding by hand, and another implementation. */

static void keep_reading(void *context, const struct reading *reading)
{
    *(struct reading *)context = *reading;
}

static void test_decode_tries_a_path_and_a_payload(void **state)
{
    struct rig *rig = *state;
    struct reading reading = {0};
    assert_int_equal(
        driver_coap.decode(rig->options, "/t/oven-1", "21.5", 4, 0, keep_reading, &reading),
        VERDICT_OK);
    assert_string_equal(reading.device, "oven-1");
    assert_int_equal(reading.value_micro, 21500000);
    assert_int_equal(driver_coap.decode(rig->options, "u", "21.5", 4, 0, keep_reading, &reading),
                     VERDICT_UNKNOWN_DEVICE);
    assert_int_equal(driver_coap.decode(rig->options, "t/a", "hot", 3, 0, keep_reading, &reading),
                     VERDICT_SYNTAX);
}

static bool has_child_ended(void *context)
{
    struct rig *rig = context;
    if (rig->intake->taken_count > 0) commit(rig);
    return waitpid(rig->child, &rig->status, WNOHANG) == rig->child;
}

static void run_client(struct rig *rig, const char *wait_option)
{
    char url[64];
    snprintf(url, sizeof url, "coap://127.0.0.1:%u/t/oven-1", rig->port);
    char *const arguments[] = {
        "coap-client-notls", "-m", "put", "-e", "21.5", "-B", "5", url, NULL};
    set_option(rig, "ack_wait", wait_option);
    open_driver(rig);
    if (posix_spawnp(&rig->child, arguments[0], NULL, NULL, arguments, environ) != 0) {
        print_message("skipped: no coap-client-notls\n");
        skip();
    }
    assert_true(fake_intake_run_until(rig->intake, has_child_ended, rig, WAIT_MS));
    assert_true(WIFEXITED(rig->status));
    assert_int_equal(WEXITSTATUS(rig->status), 0);
    assert_int_equal(rig->intake->taken_count, 1);
    assert_string_equal(rig->intake->offers[0].reading.device, "oven-1");
}

static void test_the_client_of_libcoap_understands_answers_in_the_ack(void **state)
{
    run_client(*state, "1s");
}

static void test_the_client_of_libcoap_understands_separate_answers(void **state)
{
    run_client(*state, "0s");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

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
        TEST(test_a_request_repeated_before_the_commit_gets_an_empty_ack),
        TEST(test_the_same_message_id_with_another_payload_is_another_reading),
        TEST(test_what_was_busy_may_be_sent_again_unchanged),
        TEST(test_beyond_the_pending_ones_senders_are_told_to_come_back),
        TEST(test_a_taken_address_is_said_and_tried_again),
        TEST(test_an_absent_address_is_said),
        TEST(test_ipv6_is_listened_on),
        TEST(test_bad_addresses_and_paths_are_refused),
        TEST(test_a_path_without_a_device_is_reported),
        TEST(test_closing_with_pending_requests_answers_nothing),
        TEST(test_broken_datagrams_harm_nobody),
        TEST(test_signalling_messages_are_not_answered),
        TEST(test_a_datagram_longer_than_libcoap_reads_is_dropped_whole),
        TEST(test_random_datagrams_harm_nobody),
        TEST(test_many_senders_lose_nothing),
        TEST(test_answers_nobody_confirms_are_bounded),
        TEST(test_decode_tries_a_path_and_a_payload),
        TEST(test_the_client_of_libcoap_understands_answers_in_the_ack),
        TEST(test_the_client_of_libcoap_understands_separate_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
