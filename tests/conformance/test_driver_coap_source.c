/* The coap driver as a server: its address, hostile input, bounds, and another implementation. */
#include "support/coap_rig.h"
#include "support/coap_time.h"

#include "base/field.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The source. */

static void test_a_taken_address_is_said_and_tried_again(void **state)
{
    struct coap_rig *rig = *state;
    struct intake *other_intake = fake_intake_open("coap[1]", rig->intake->loop);
    void *other = calloc(1, driver_coap.state_size);
    assert_non_null(other);
    coap_rig_open_driver(rig);
    assert_int_equal(driver_coap.open(other, other_intake, rig->options), ST_OK);
    assert_int_equal(other_intake->lost_count, 1);
    assert_non_null(strstr(other_intake->connected_detail, "in use"));
    coap_rig_assert_still_works(rig);
    driver_coap.close(rig->state);
    assert_true(fake_intake_run_until_connected(other_intake));
    driver_coap.close(other);
    free(other);
    fake_intake_run_rounds(rig->intake, 3);
    fake_intake_close(other_intake);
}

static void test_an_absent_address_is_said(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "listen", "coap://192.0.2.1:5683");
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_false(rig->intake->is_connected);
    assert_non_null(strstr(rig->intake->connected_detail, "192.0.2.1"));
    assert_non_null(strstr(rig->intake->connected_detail, "tries again"));
}

static void test_ipv6_is_listened_on(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_listen_on(rig, "[::1]");
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    if (!rig->intake->is_connected) skip(); /* a machine without IPv6 */
    coap_peer_open(&rig->peer, "::1", rig->port);
    struct coap_peer_request request = coap_peer_post(1, "t/a", "x");
    (void)coap_rig_exchange(rig, &request, 400);
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
    struct coap_rig *rig = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(field_set_defaults(driver_coap.options, rig->options), ST_OK);
        coap_rig_set_option(rig, bad[i][0], bad[i][1]);
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
    struct coap_rig *rig = *state;
    const char *named = NULL;
    const struct field_report report = {.add = add_problem, .context = &named};
    driver_coap.options->check(rig->options, &report);
    assert_null(named);
    coap_rig_set_option(rig, "path", "fixed/path");
    driver_coap.options->check(rig->options, &report);
    assert_string_equal(named, "path");
    named = NULL;
    coap_rig_set_option(rig, "value", "/t");
    coap_rig_set_option(rig, "device", "/id");
    driver_coap.options->check(rig->options, &report);
    assert_null(named);
}

static void test_closing_with_pending_requests_answers_nothing(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (uint16_t id = 1; id <= 20; id++) {
        struct coap_peer_request request = coap_peer_post(id, "t/a", "1");
        request.type = id % 2 == 0 ? COAP_PEER_CON : COAP_PEER_NON;
        coap_rig_send_and_take(rig, &request);
    }
    driver_coap.close(rig->state);
    driver_coap.durable(rig->state, UINT64_MAX);
    coap_rig_assert_silence(rig);
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
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        coap_peer_send_bytes(&rig->peer, cases[i].bytes, cases[i].size);
        fake_intake_run_rounds(rig->intake, 3);
        while (coap_rig_has_received(rig)) assert_true(rig->got.size <= 32);
    }
    assert_int_equal(rig->intake->offer_count, 0);
    coap_rig_assert_still_works(rig);
}

static void test_signalling_messages_are_not_answered(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    coap_peer_send_bytes(&rig->peer, "\x40\xe2\x00\x01", 4); /* 7.02: ping */
    coap_peer_send_bytes(&rig->peer, "\x40\xe5\x00\x02", 4); /* 7.05: abort */
    coap_rig_assert_silence(rig);
    coap_rig_assert_still_works(rig);
}

static void test_a_datagram_longer_than_libcoap_reads_is_dropped_whole(void **state)
{
    struct coap_rig *rig = *state;
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE + 1500];
    struct coap_peer_request request = coap_peer_post(1, "t/a", "1");
    coap_rig_open_driver(rig);
    size_t size = coap_peer_build(&request, bytes);
    memset(bytes + size, '0', 1500);
    coap_peer_send_bytes(&rig->peer, bytes, size + 1500);
    coap_rig_assert_silence(rig);
    assert_int_equal(rig->intake->offer_count, 0);
    coap_rig_assert_still_works(rig);
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
    struct coap_rig *rig = *state;
    uint64_t seed = SEED;
    coap_rig_open_driver(rig);
    print_message("seed %d\n", SEED);
    for (int n = 0; n < DATAGRAMS; n++) {
        uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
        struct coap_peer_request request = coap_peer_post((uint16_t)n, "t/abc/d", "21.5 21.5");
        request.path += n % 4 == 0 ? 0 : 2;
        request.format = n % 3 == 0 ? 0 : COAP_PEER_ABSENT;
        request.block1 = n % 5 == 0 ? 6 : COAP_PEER_ABSENT;
        size_t size = coap_peer_build(&request, bytes);
        if (n % 2 == 0) {
            size = (size_t)(next_random(&seed) % 80);
            for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)next_random(&seed);
            if (size > 0) bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f));
        } else {
            for (int i = 0; i < 3; i++)
                bytes[next_random(&seed) % size] = (uint8_t)next_random(&seed);
        }
        coap_peer_send_bytes(&rig->peer, bytes, size);
        fake_intake_run_rounds(rig->intake, 2);
        if (n % 50 == 0) {
            coap_rig_commit(rig);
            fake_intake_forget(rig->intake);
        }
    }
    fake_intake_forget(rig->intake);
    coap_rig_commit(rig);
    coap_rig_assert_still_works(rig);
}

static void test_many_senders_lose_nothing(void **state)
{
    enum { SENDERS = 600, AT_ONCE = 50 };
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (int n = 0; n < SENDERS; n += AT_ONCE) {
        struct coap_peer peers[AT_ONCE];
        /* A number per round, since the system may give a port twice. */
        struct coap_peer_request request = coap_peer_post((uint16_t)n, "t/a", "1");
        for (int i = 0; i < AT_ONCE; i++) {
            coap_peer_open(&peers[i], "127.0.0.1", rig->port);
            coap_peer_send(&peers[i], &request);
        }
        assert_true(fake_intake_run_until_taken(rig->intake, (size_t)(n + AT_ONCE)));
        coap_rig_commit(rig);
        for (int i = 0; i < AT_ONCE; i++) {
            coap_rig_assert_answers(coap_rig_receive_at(rig, &peers[i]), &request, 204);
            coap_peer_close(&peers[i]);
        }
    }
    assert_int_equal(rig->intake->taken_count, SENDERS);
}

static void test_answers_nobody_confirms_are_bounded(void **state)
{
    enum { SENDERS = 80, UNCONFIRMED = 64 };
    struct coap_rig *rig = *state;
    size_t confirmable = 0, plain = 0;
    struct coap_peer peers[SENDERS]; /* all open to the end, so that no port comes twice */
    coap_rig_set_option(rig, "ack_wait", "0s");
    coap_rig_open_driver(rig);
    for (int i = 0; i < SENDERS; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        coap_peer_open(&peers[i], "127.0.0.1", rig->port);
        coap_peer_send(&peers[i], &request);
        assert_true(fake_intake_run_until_taken(rig->intake, (size_t)i + 1));
        coap_rig_commit(rig);
        (void)coap_rig_receive_at(rig, &peers[i]); /* the empty ACK */
        coap_rig_assert_answers(coap_rig_receive_at(rig, &peers[i]), &request, 204);
        confirmable += rig->got.type == COAP_PEER_CON;
        plain += rig->got.type == COAP_PEER_NON;
    }
    assert_int_equal(confirmable, UNCONFIRMED);
    assert_int_equal(plain, SENDERS - UNCONFIRMED);
    for (int i = 0; i < SENDERS; i++) coap_peer_close(&peers[i]);
}

/* Decoding by hand, and another implementation. */

static void keep_reading(void *context, const struct reading *reading)
{
    *(struct reading *)context = *reading;
}

static void test_decode_tries_a_path_and_a_payload(void **state)
{
    struct coap_rig *rig = *state;
    struct reading reading = {0};
    const char *detail = NULL;
    assert_int_equal(driver_coap.decode(rig->options, "/t/oven-1", "21.5", 4, 0, keep_reading,
                                        &reading, &detail),
                     VERDICT_OK);
    assert_string_equal(reading.device, "oven-1");
    assert_int_equal(reading.value_micro, 21500000);
    assert_int_equal(
        driver_coap.decode(rig->options, "u", "21.5", 4, 0, keep_reading, &reading, &detail),
        VERDICT_UNKNOWN_DEVICE);
    assert_int_equal(
        driver_coap.decode(rig->options, "t/a", "hot", 3, 0, keep_reading, &reading, &detail),
        VERDICT_NOT_NUMBER);
}

static bool has_child_ended(void *context)
{
    struct coap_rig *rig = context;
    if (rig->intake->taken_count > 0) coap_rig_commit(rig);
    return waitpid(rig->child, &rig->status, WNOHANG) == rig->child;
}

static void run_client(struct coap_rig *rig, const char *wait_option)
{
    char url[64];
    snprintf(url, sizeof url, "coap://127.0.0.1:%u/t/oven-1", rig->port);
    char *const arguments[] = {
        "coap-client-notls", "-m", "put", "-e", "21.5", "-B", "30", url, NULL};
    coap_rig_set_option(rig, "ack_wait", wait_option);
    coap_rig_open_driver(rig);
    if (posix_spawnp(&rig->child, arguments[0], NULL, NULL, arguments, environ) != 0) {
        print_message("skipped: no coap-client-notls\n");
        skip();
    }
    assert_true(fake_intake_run_until(rig->intake, has_child_ended, rig, COAP_RIG_WAIT_MS));
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

#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, coap_rig_set_up, coap_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
