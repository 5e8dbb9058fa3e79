/* What only MQTT has: sessions, held acknowledgements, passwords, TLS, refusals, hostile brokers;
 * against a real mosquitto. */
#include "base/mqtt_client.h"
#include "driver_mqtt.h"
#include "support/broker.h"
#include "support/fake_intake.h"
#include "support/mqtt_tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct rig {
    struct broker broker;
    struct intake *intake;
    struct driver_mqtt_options options;
    void *state;
};

static void set_up(struct rig *rig, const struct broker_options *broker_options)
{
    memset(rig, 0, sizeof *rig);
    broker_prepare(&rig->broker, broker_options);
    broker_run(&rig->broker);
    rig->intake = fake_intake_open("mqtt[0]", NULL);
    struct driver_mqtt_options *options = &rig->options;
    memcpy(options->client.broker, rig->broker.url, sizeof rig->broker.url);
    options->client.keepalive_ms = 30000;
    options->client.session_ms = 3600000;
    options->client.backoff_min_ms = 100;
    options->client.backoff_max_ms = 200;
    options->receive_maximum = 250;
    options->subscription_count = 1;
    options->subscriptions[0].qos = 1;
    (void)strcpy(options->subscriptions[0].topic, "site/+device/t");
    (void)strcpy(options->subscriptions[0].mapping.unit, "C");
}

static void open_driver(struct rig *rig)
{
    rig->state = calloc(1, driver_mqtt.state_size);
    assert_non_null(rig->state);
    assert_int_equal(driver_mqtt.open(rig->state, rig->intake, &rig->options), ST_OK);
}

static void close_driver(struct rig *rig)
{
    driver_mqtt.close(rig->state);
    fake_intake_run_rounds(rig->intake, 5);
    free(rig->state);
    rig->intake->is_connected = false;
}

static void tear_down(struct rig *rig)
{
    close_driver(rig);
    fake_intake_close(rig->intake);
    broker_remove(&rig->broker);
}

/* For a driver behind a piece of wire. */
static void set_up_tapped(struct rig *rig, struct mqtt_tap *tap)
{
    set_up(rig, &(struct broker_options){0});
    mqtt_tap_start(tap, rig->intake->loop, rig->broker.port);
    memcpy(rig->options.client.broker, tap->url, sizeof tap->url);
}

static void set_up_behind(struct rig *rig, struct mqtt_tap *tap)
{
    set_up_tapped(rig, tap);
    open_driver(rig);
    assert_true(fake_intake_run_until_connected(rig->intake));
}

static void tear_down_tapped(struct rig *rig, struct mqtt_tap *tap)
{
    driver_mqtt.close(rig->state);
    mqtt_tap_stop(tap);
    tear_down(rig);
}

static void publish_many(struct rig *rig, int count)
{
    for (int i = 0; i < count; i++) broker_publish(&rig->broker, "site/oven/t", "20.5", 1, false);
}

static bool has_ten_acknowledgements(void *context)
{
    return ((const struct mqtt_tap *)context)->sent[MQTT_TAP_PUBACK] >= 10;
}

static void test_what_was_not_durable_comes_back(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    publish_many(&rig, 10);
    assert_true(fake_intake_run_until_taken(rig.intake, 10));
    /* A crash: what was not committed is not remembered either. */
    close_driver(&rig);
    (void)repeat_forget(&rig.intake->repeat);
    open_driver(&rig);
    assert_true(fake_intake_run_until_taken(rig.intake, 20));
    assert_int_equal(tap.sent[MQTT_TAP_PUBACK], 0);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until(rig.intake, has_ten_acknowledgements, &tap, 10000));
    close_driver(&rig);
    assert_int_equal(rig.intake->taken_count, 20);
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    broker_publish(&rig.broker, "site/oven/t", "21.5", 1, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 21));
    assert_int_equal(rig.intake->offers[20].reading.value_micro, 21500000);
    assert_in_range(rig.intake->counts.by[VERDICT_DUPLICATE], 0, 10); /* some acks were cut */
    tear_down_tapped(&rig, &tap);
}

static void test_what_comes_again_is_taken_once(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    publish_many(&rig, 10);
    assert_true(fake_intake_run_until_taken(rig.intake, 10));
    for (uint64_t i = 1; i <= 3; i++) {
        mqtt_tap_cut(&tap);
        assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_DUPLICATE, 10 * i));
    }
    assert_int_equal(tap.sent[MQTT_TAP_PUBACK], 0);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until(rig.intake, has_ten_acknowledgements, &tap, 10000));
    assert_int_equal(rig.intake->taken_count, 10);
    /* The same payloads anew are new. */
    mqtt_tap_cut(&tap);
    assert_true(fake_intake_run_until_lost(rig.intake, 4));
    publish_many(&rig, 10);
    assert_true(fake_intake_run_until_taken(rig.intake, 20));
    assert_int_equal(rig.intake->taken_count, 20);
    assert_in_range(rig.intake->counts.by[VERDICT_DUPLICATE], 30, 40); /* some acks were cut */
    tear_down_tapped(&rig, &tap);
}

static void test_what_was_committed_is_known_after_a_crash(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    publish_many(&rig, 10);
    broker_publish(&rig.broker, "site/oven/t", "hot", 1, false);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_NOT_NUMBER, 1));
    assert_int_equal(rig.intake->taken_count, 10);
    close_driver(&rig);
    rig.intake->durable_ticket = rig.intake->last_ticket; /* but never acknowledged */
    open_driver(&rig);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_DUPLICATE, 11));
    assert_true(fake_intake_run_until(rig.intake, has_ten_acknowledgements, &tap, 10000));
    assert_int_equal(rig.intake->taken_count, 10);
    assert_int_equal(rig.intake->counts.by[VERDICT_NOT_NUMBER], 1);
    tear_down_tapped(&rig, &tap);
}

/* As a broker does that gives the lowest free id to each message. */
static void inject_reading(struct mqtt_tap *tap, bool is_repeat)
{
    static const char body[] = "\x13\x00\x0bsite/oven/t\x00\x07\x00"
                               "9.5";
    char packet[1 + sizeof body - 1] = {is_repeat ? '\x3a' : '\x32'};
    memcpy(packet + 1, body, sizeof body - 1);
    mqtt_tap_inject(tap, packet, sizeof packet);
}

static void test_an_id_used_again_is_no_repeat(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    inject_reading(&tap, false);
    inject_reading(&tap, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 2));
    mqtt_tap_cut(&tap);
    assert_true(fake_intake_run_until_lost(rig.intake, 1));
    assert_true(fake_intake_run_until_connected(rig.intake));
    inject_reading(&tap, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 3));
    mqtt_tap_cut(&tap);
    assert_true(fake_intake_run_until_lost(rig.intake, 2));
    assert_true(fake_intake_run_until_connected(rig.intake));
    inject_reading(&tap, true);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_DUPLICATE, 1));
    inject_reading(&tap, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 4));
    tear_down_tapped(&rig, &tap);
}

static bool has_commit_request(void *context)
{
    return ((const struct intake *)context)->commit_requests > 0;
}

static void test_a_new_session_begins_when_the_old_keys_are_gone(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){0});
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    publish_many(&rig, 3);
    assert_true(fake_intake_run_until_taken(rig.intake, 3));
    broker_stop(&rig.broker); /* not persistent: it forgets the session */
    assert_true(fake_intake_run_until_lost(rig.intake, 1));
    rig.intake->commit_requests = 0;
    broker_run(&rig.broker);
    assert_true(fake_intake_run_until(rig.intake, has_commit_request, rig.intake, 10000));
    fake_intake_run_rounds(rig.intake, 20);
    assert_false(rig.intake->is_connected);
    assert_int_equal(rig.intake->commit_requests, 1);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until_connected(rig.intake));
    publish_many(&rig, 3); /* with the same ids */
    assert_true(fake_intake_run_until_taken(rig.intake, 6));
    assert_int_equal(rig.intake->counts.by[VERDICT_DUPLICATE], 0);
    tear_down(&rig);
}

static void test_a_full_window_asks_for_a_commit(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){0});
    rig.options.receive_maximum = 5;
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    for (int i = 0; i < 12; i++) broker_publish(&rig.broker, "site/oven/t", "20.5", 1, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 5));
    assert_int_equal(rig.intake->commit_requests, 1);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until_taken(rig.intake, 10));
    assert_int_equal(rig.intake->commit_requests, 2);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until_taken(rig.intake, 12));
    tear_down(&rig);
}

static void test_retained_and_foreign_messages_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){0});
    broker_publish(&rig.broker, "site/oven/t", "20.5", 1, true);
    open_driver(&rig);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_RETAINED, 1));
    assert_int_equal(rig.intake->offer_count, 0);
    char *longest = calloc(1, LIMIT_PAYLOAD_DEFAULT + 2);
    assert_non_null(longest);
    memset(longest, '1', LIMIT_PAYLOAD_DEFAULT + 1);
    broker_publish(&rig.broker, "site/oven/t", longest, 1, false);
    free(longest);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_LENGTH, 1));
    broker_publish(&rig.broker, "site//t", "20.5", 1, false);
    assert_true(fake_intake_run_until_refused(rig.intake, VERDICT_FIELD, 1));
    tear_down(&rig);
}

static void test_version_311_works(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){0});
    rig.options.client.version = MQTT_VERSION_311;
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    for (int i = 0; i < 30; i++) broker_publish(&rig.broker, "site/oven/t", "20.5", 1, false);
    assert_true(fake_intake_run_until_taken(rig.intake, 20));
    assert_int_equal(rig.intake->commit_requests, 1);
    fake_intake_commit(rig.intake, &driver_mqtt, rig.state);
    assert_true(fake_intake_run_until_taken(rig.intake, 30));
    tear_down(&rig);
}

static void set_password(struct rig *rig, const char *password)
{
    broker_write_file(&rig->broker, "secret", password);
    broker_path(&rig->broker, "secret", rig->options.client.password_file,
                sizeof rig->options.client.password_file);
    (void)strcpy(rig->options.client.username, "gateway");
}

static void test_a_wrong_password_is_said_and_a_corrected_one_found(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){.username = "gateway", .password = "right"});
    set_password(&rig, "wr0ng-secret\n");
    open_driver(&rig);
    assert_true(fake_intake_run_until_lost(rig.intake, 2));
    assert_non_null(strstr(rig.intake->connected_detail, "refused the connection"));
    assert_non_null(strstr(rig.intake->connected_detail, "next try in 0.200 s"));
    assert_false(fake_intake_has_logged(rig.intake, "wr0ng"));
    broker_write_file(&rig.broker, "secret", "right\n");
    assert_true(fake_intake_run_until_connected(rig.intake));
    tear_down(&rig);
}

static void run_tls(const char *host, const char *authority, const char *problem)
{
    struct rig rig;
    set_up(&rig, &(struct broker_options){.tls_host = host});
    broker_path(&rig.broker, authority, rig.options.client.ca_file,
                sizeof rig.options.client.ca_file);
    open_driver(&rig);
    if (problem == NULL) {
        assert_true(fake_intake_run_until_connected(rig.intake));
        broker_publish(&rig.broker, "site/oven/t", "20.5", 1, false);
        assert_true(fake_intake_run_until_taken(rig.intake, 1));
    } else {
        if (!fake_intake_run_until_logged(rig.intake, problem))
            fail_msg("said \"%s\"", rig.intake->connected_detail);
        assert_int_equal(rig.intake->connected_count, 0);
    }
    tear_down(&rig);
}

static void test_tls_takes_only_the_right_host_of_a_known_authority(void **state)
{
    (void)state;
    run_tls("localhost", "ca.crt", NULL);
    run_tls("elsewhere.example", "ca.crt", "is for another host name");
    run_tls("localhost", "other.crt", "certificate is not trusted");
}

static void test_a_packet_of_a_hostile_length_drops_the_connection(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    mqtt_tap_inject(&tap, "\x32\xff\xff", 3);
    fake_intake_run_rounds(rig.intake, 3); /* it is looked at less often than it is waited for */
    assert_true(rig.intake->is_connected);
    mqtt_tap_inject(&tap, "\xff\x7f", 2);
    assert_true(fake_intake_run_until_lost(rig.intake, 1));
    assert_non_null(strstr(rig.intake->connected_detail, "too long"));
    assert_true(fake_intake_run_until_connected(rig.intake));
    tear_down_tapped(&rig, &tap);
}

static void set_flag(void *context)
{
    *(bool *)context = true;
}

/* Long enough for a client to give up waiting for the rest of a header: one timer after the other,
 * so that the client's own have run between them, however late all of them are. */
static void let_time_pass(struct rig *rig)
{
    for (int i = 0; i < 8; i++) {
        bool is_over = false;
        struct loop_timer *timer = loop_timer_start(rig->intake->loop, 25, 0, set_flag, &is_over);
        assert_non_null(timer);
        while (!is_over) loop_run_once(rig->intake->loop, true);
        loop_timer_stop(&timer);
    }
}

static const char reading_packet[] = "\x30\x0e\x00\x08site/a/t\x00\x32\x31\x35";

/* The kernel may not let the rest come before the first byte was read. */
static void test_a_header_cut_in_two_does_not_starve_the_connection(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_behind(&rig, &tap);
    mqtt_tap_inject(&tap, reading_packet, 1);
    let_time_pass(&rig);
    mqtt_tap_inject(&tap, reading_packet + 1, sizeof reading_packet - 2);
    mqtt_tap_inject(&tap, reading_packet, sizeof reading_packet - 1);
    assert_true(fake_intake_run_until_taken(rig.intake, 2));
    tear_down_tapped(&rig, &tap);
}

static void test_a_hostile_length_behind_a_cut_header_takes_no_memory(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    static const char body[8192];
    set_up_behind(&rig, &tap);
    mqtt_tap_inject(&tap, "\x32", 1);
    let_time_pass(&rig);
    mqtt_tap_inject(&tap, "\xff\xff\xff\x7f", 4);
    for (int i = 0; i < 100 && rig.intake->lost_count == 0; i++) {
        mqtt_tap_inject(&tap, body, sizeof body);
        fake_intake_run_rounds(rig.intake, 10);
    }
    assert_true(fake_intake_run_until_lost(rig.intake, 1));
    assert_non_null(strstr(rig.intake->connected_detail, "too long"));
    tear_down_tapped(&rig, &tap);
}

struct second_message {
    struct mqtt_tap *tap;
    const struct intake *intake;
    size_t taken_before;
};

static void send_second_message(void *context)
{
    struct second_message *second = context;
    second->taken_before = second->intake->taken_count;
    mqtt_tap_inject(second->tap, reading_packet, sizeof reading_packet - 1);
    mqtt_tap_await_arrival(second->tap);
}

/* The test's timer is set before the client's and is shorter, so it runs before it, however late
 * both of them are. */
static void test_messages_are_read_together_after_the_coalescing(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_tapped(&rig, &tap);
    rig.options.coalesce_ms = 500;
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    let_time_pass(&rig);
    struct second_message second = {&tap, rig.intake, SIZE_MAX};
    struct loop_timer *timer =
        loop_timer_start(rig.intake->loop, 400, 0, send_second_message, &second);
    mqtt_tap_inject(&tap, reading_packet, sizeof reading_packet - 1);
    assert_true(fake_intake_run_until_taken(rig.intake, 1));
    assert_int_equal(second.taken_before, 0);
    assert_int_equal(rig.intake->taken_count, 2);
    loop_timer_stop(&timer);
    tear_down_tapped(&rig, &tap);
}

struct publisher {
    struct mqtt_client *client;
    int connected, lost, message_id, reason_code;
};

static void on_connected(void *context, bool has_session)
{
    (void)has_session;
    ((struct publisher *)context)->connected++;
}

static void on_lost(void *context, const char *reason)
{
    (void)reason;
    ((struct publisher *)context)->lost++;
}

static void on_acknowledged(void *context, int message_id, int reason_code)
{
    struct publisher *publisher = context;
    publisher->message_id = message_id;
    publisher->reason_code = reason_code;
}

static bool is_connected(void *context)
{
    return ((struct publisher *)context)->connected > 0;
}

static bool is_acknowledged(void *context)
{
    return ((struct publisher *)context)->message_id != 0;
}

static void test_refused_and_offline_publishes_are_told(void **state)
{
    (void)state;
    struct rig rig;
    struct publisher publisher = {0};
    int message_id = 0;
    set_up(&rig, &(struct broker_options){.acl = "topic readwrite allowed/#\n"});
    open_driver(&rig);
    const struct mqtt_settings settings = {.loop = rig.intake->loop,
                                           .log = &rig.intake->log,
                                           .part = "uplink",
                                           .default_client_id = "uplink"};
    const struct mqtt_events events = {.connected = on_connected,
                                       .lost = on_lost,
                                       .acknowledged = on_acknowledged,
                                       .context = &publisher};
    assert_int_equal(mqtt_client_open(&publisher.client, &rig.options.client, &settings, &events),
                     ST_OK);
    assert_int_equal(
        mqtt_client_publish(publisher.client, "allowed/a", "x", 1, 1, false, false, &message_id),
        ST_CLOSED);
    assert_true(fake_intake_run_until(rig.intake, is_connected, &publisher, 10000));
    assert_int_equal(
        mqtt_client_publish(publisher.client, "denied/a", "x", 1, 1, false, true, &message_id),
        ST_OK);
    assert_true(fake_intake_run_until(rig.intake, is_acknowledged, &publisher, 10000));
    assert_int_equal(publisher.message_id, message_id);
    assert_int_equal(publisher.reason_code, 0x87);
    publisher.message_id = 0;
    assert_int_equal(
        mqtt_client_publish(publisher.client, "allowed/a", "x", 1, 1, false, false, &message_id),
        ST_OK);
    assert_true(fake_intake_run_until(rig.intake, is_acknowledged, &publisher, 10000));
    assert_true(publisher.reason_code < 0x80);
    mqtt_client_close(publisher.client);
    tear_down(&rig);
}

/* The bytes come from the test: mosquitto 2.0.11 just closes the connection. */
static void test_a_session_taken_over_waits_the_longest(void **state)
{
    (void)state;
    struct rig rig;
    struct mqtt_tap tap;
    set_up_tapped(&rig, &tap);
    rig.options.client.backoff_max_ms = 60000;
    open_driver(&rig);
    assert_true(fake_intake_run_until_connected(rig.intake));
    mqtt_tap_inject(&tap, "\xe0\x01\x8e", 3);
    assert_true(fake_intake_run_until_lost(rig.intake, 1));
    if (strstr(rig.intake->connected_detail, "same client_id") == NULL)
        fail_msg("said \"%s\"", rig.intake->connected_detail);
    assert_non_null(strstr(rig.intake->connected_detail, "next try in 60.000 s"));
    tear_down_tapped(&rig, &tap);
}

static void keep_reading(void *context, const struct reading *reading)
{
    *(struct reading *)context = *reading;
}

static void test_one_payload_is_decoded_without_a_broker(void **state)
{
    (void)state;
    struct driver_mqtt_options options = {.subscription_count = 2};
    struct reading reading = {0};
    (void)strcpy(options.subscriptions[0].topic, "a/+device");
    (void)strcpy(options.subscriptions[0].mapping.unit, "C");
    (void)strcpy(options.subscriptions[1].topic, "b/+line/+device");
    (void)strcpy(options.subscriptions[1].id, "{device}@{line}");
    (void)strcpy(options.subscriptions[1].mapping.unit, "F");
    (void)strcpy(options.subscriptions[1].mapping.value, "/t");
    const char *detail = NULL;
    enum verdict verdict = driver_mqtt.decode(&options, "b/l1/oven", "{\"t\":212}", 9, 0,
                                              keep_reading, &reading, &detail);
    assert_int_equal(verdict, VERDICT_OK);
    assert_string_equal(reading.device, "oven%40l1");
    assert_int_equal(reading.value_micro, 100000000);
    verdict = driver_mqtt.decode(&options, "c/x", "1", 1, 0, keep_reading, &reading, &detail);
    assert_int_equal(verdict, VERDICT_UNKNOWN_DEVICE);
}

static void test_bad_files_are_refused_at_open(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, &(struct broker_options){0});
    rig.state = calloc(1, driver_mqtt.state_size);
    (void)strcpy(rig.options.client.username, "gateway");
    (void)strcpy(rig.options.client.password_file, "/etc/hostname"); /* open to everybody */
    assert_int_equal(driver_mqtt.open(rig.state, rig.intake, &rig.options), ST_INVALID);
    assert_true(fake_intake_has_logged(rig.intake, "open to everybody"));
    tear_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_not_durable_comes_back),
        cmocka_unit_test(test_what_comes_again_is_taken_once),
        cmocka_unit_test(test_what_was_committed_is_known_after_a_crash),
        cmocka_unit_test(test_an_id_used_again_is_no_repeat),
        cmocka_unit_test(test_a_new_session_begins_when_the_old_keys_are_gone),
        cmocka_unit_test(test_a_full_window_asks_for_a_commit),
        cmocka_unit_test(test_retained_and_foreign_messages_are_refused),
        cmocka_unit_test(test_version_311_works),
        cmocka_unit_test(test_a_wrong_password_is_said_and_a_corrected_one_found),
        cmocka_unit_test(test_tls_takes_only_the_right_host_of_a_known_authority),
        cmocka_unit_test(test_a_packet_of_a_hostile_length_drops_the_connection),
        cmocka_unit_test(test_a_header_cut_in_two_does_not_starve_the_connection),
        cmocka_unit_test(test_a_hostile_length_behind_a_cut_header_takes_no_memory),
        cmocka_unit_test(test_messages_are_read_together_after_the_coalescing),
        cmocka_unit_test(test_refused_and_offline_publishes_are_told),
        cmocka_unit_test(test_a_session_taken_over_waits_the_longest),
        cmocka_unit_test(test_one_payload_is_decoded_without_a_broker),
        cmocka_unit_test(test_bad_files_are_refused_at_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
