/* alarm_request: what is taken for a command and what is not, and how an answer reads. */
#include "alarm_request.h"
#include "decode_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum request_result parse(const char *json, bool is_local, struct alarm_request *request)
{
    const char *detail = NULL;
    enum request_result result =
        alarm_request_parse(json, strlen(json), is_local, request, &detail);
    if (result == REQUEST_DONE)
        assert_null(detail);
    else
        assert_non_null(detail);
    return result;
}

#define GOOD                                                                                       \
    "\"id\":\"c-1\",\"command\":\"ack\",\"alarm_id\":\"l1/oven/hot/H\",\"occurrence\":7,"          \
    "\"actor\":\"anna\",\"time\":\"2026-11-21T00:00:00Z\""

static void test_a_whole_request_is_read(void **state)
{
    (void)state;
    struct alarm_request request;
    assert_int_equal(
        parse("{\"id\":\"c-1\",\"command\":\"shelve\",\"alarm_id\":\"l1/oven/hot/H\","
              "\"occurrence\":7,\"actor\":\"J\\u00f6rg \\\"x\\\"\",\"reason\":\"door\","
              "\"time\":1795219200123,\"for_ms\":1800000,\"one_shot\":true,"
              "\"gateway\":\"line-7\",\"type\":\"command\",\"more\":[1,{}]}",
              false, &request),
        REQUEST_DONE);
    assert_int_equal(request.command.verb, ALARM_SHELVE);
    assert_string_equal(request.command.id, "c-1");
    assert_string_equal(request.command.alarm, "l1/oven/hot/H");
    assert_int_equal(request.command.occurrence, 7);
    assert_string_equal(request.command.actor, "J\xc3\xb6rg \"x\"");
    assert_string_equal(request.command.reason, "door");
    assert_int_equal(request.command.shelve_ms, 1800000);
    assert_true(request.command.is_one_shot);
    assert_string_equal(request.gateway, "line-7");
    assert_int_equal(request.sent_ms, INT64_C(1795219200123));
    assert_int_equal(parse("{" GOOD "}", false, &request), REQUEST_DONE);
    assert_int_equal(request.sent_ms, INT64_C(1795219200000));
}

static void test_every_command_has_its_name(void **state)
{
    (void)state;
    for (int i = ALARM_ACK; i <= ALARM_RETURN; i++) {
        enum alarm_verb verb = ALARM_ACK;
        assert_true(alarm_request_find_verb(alarm_request_verb_name((enum alarm_verb)i), &verb));
        assert_int_equal(verb, i);
    }
    enum alarm_verb verb;
    assert_false(alarm_request_find_verb("acknowledge", &verb));
    assert_false(alarm_request_find_verb("", &verb));
}

static void test_the_network_must_name_everything_and_local_users_need_not(void **state)
{
    (void)state;
    static const char *const lacking[] = {
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1,\"actor\":\"x\",\"time\":"
        "1795219200}",
        "{\"id\":\"1\",\"command\":\"ack\",\"alarm_id\":\"a\",\"actor\":\"x\",\"time\":1795219200}",
        "{\"id\":\"1\",\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1,\"time\":"
        "1795219200}",
        "{\"id\":\"1\",\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1,\"actor\":\"x\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\"}",
    };
    struct alarm_request request;
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++) {
        assert_int_equal(parse(lacking[i], false, &request), REQUEST_MALFORMED);
        assert_int_equal(parse(lacking[i], true, &request), REQUEST_DONE);
    }
}

static void test_what_is_not_quite_right_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "ack",
        "[]",
        "{}",
        "{\"command\":\"ack\"}",
        "{\"alarm_id\":\"a\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"\"}",
        "{\"command\":\"Ack\",\"alarm_id\":\"a\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\"} x",
        "{\"command\":\"ack\",\"command\":\"oos\",\"alarm_id\":\"a\"}",
        "{\"command\":\"ack\",\"alarm_id\":7}",
        "{\"command\":\"ack\",\"alarm_id\":[\"a\"]}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":-1}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1.0}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1e3}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":\"1\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":4294967296}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":99999999999999999999}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"actor\":\"x\\u0000y\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"actor\":\"x\\ny\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"actor\":7}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"reason\":\"\x7f\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"time\":\"yesterday\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"time\":true}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"time\":0}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"time\":-5}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"for_ms\":1000}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"one_shot\":true}",
        "{\"command\":\"shelve\",\"alarm_id\":\"a\"}",
        "{\"command\":\"shelve\",\"alarm_id\":\"a\",\"for_ms\":0}",
        "{\"command\":\"shelve\",\"alarm_id\":\"a\",\"for_ms\":-1}",
        "{\"command\":\"shelve\",\"alarm_id\":\"a\",\"for_ms\":1000,\"one_shot\":1}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"type\":\"alarm-answer\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"result\":\"done\"}",
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"gateway\":7}",
    };
    struct alarm_request request;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (parse(wrong[i], true, &request) != REQUEST_MALFORMED)
            fail_msg("taken for a command: %s", wrong[i]);
    }
}

static void test_a_text_that_does_not_fit_is_refused_and_never_cut(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t capacity;
    } cases[] = {{"id", ALARM_COMMAND_ID_SIZE},
                 {"actor", ALARM_ACTOR_SIZE},
                 {"reason", ALARM_REASON_SIZE},
                 {"alarm_id", ALARM_ID_SIZE},
                 {"gateway", LIMIT_GATEWAY_SIZE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int too_long = 0; too_long <= 1; too_long++) {
            char json[512], value[200];
            size_t size = cases[i].capacity - 1 + (size_t)too_long;
            memset(value, 'x', size);
            value[size] = '\0';
            (void)snprintf(json, sizeof json, "{\"command\":\"ack\",%s\"%s\":\"%s\"}",
                           strcmp(cases[i].key, "alarm_id") == 0 ? "" : "\"alarm_id\":\"a\",",
                           cases[i].key, value);
            struct alarm_request request;
            assert_int_equal(parse(json, true, &request),
                             too_long ? REQUEST_MALFORMED : REQUEST_DONE);
        }
    }
}

static void test_an_answer_is_never_taken_for_a_command(void **state)
{
    (void)state;
    struct alarm_request request;
    assert_int_equal(parse("{" GOOD "}", false, &request), REQUEST_DONE);
    char json[ALARM_ANSWER_BYTES];
    struct text text;
    text_init(&text, json, sizeof json);
    const struct alarm_reply reply = {
        .gateway = "line-7", .request = &request, .result = REQUEST_DONE};
    alarm_request_write_answer(&text, &reply);
    assert_false(text.is_cut);
    assert_int_equal(parse(json, true, &request), REQUEST_MALFORMED);
}

static void test_the_longest_answer_fits(void **state)
{
    (void)state;
    struct alarm_request request = {.command = {.verb = ALARM_UNSHELVE}};
    struct alarm_view view = {.occurrence = UINT32_MAX,
                              .value_micro = -LIMIT_VALUE_MICRO + 1,
                              .limit_micro = -LIMIT_VALUE_MICRO + 1,
                              .since_ms = INT64_C(1795219200123),
                              .until_ms = INT64_C(1795219200123)};
    char gateway[LIMIT_GATEWAY_SIZE];
    memset(gateway, 'g', sizeof gateway - 1);
    gateway[sizeof gateway - 1] = '\0';
    memset(request.command.alarm, 'a', sizeof request.command.alarm - 1);
    memset(request.command.id, '"', sizeof request.command.id - 1);
    memset(request.command.actor, '"', sizeof request.command.actor - 1);
    memset(view.alarm, 'a', sizeof view.alarm - 1);
    memset(view.device, 'd', sizeof view.device - 1);
    memset(view.actor, '"', sizeof view.actor - 1);
    memset(view.reason, '\\', sizeof view.reason - 1);
    memset(view.group, 'g', sizeof view.group - 1);
    memset(view.kind, 'k', sizeof view.kind - 1);
    memset(view.state, 's', sizeof view.state - 1);
    memset(view.priority, 'p', sizeof view.priority - 1);
    char json[ALARM_ANSWER_BYTES];
    struct text text;
    text_init(&text, json, sizeof json);
    const struct alarm_reply reply = {.gateway = gateway,
                                      .request = &request,
                                      .result = REQUEST_NOT_AUTHORISED,
                                      .detail = "occurrence is missing: which one does it mean",
                                      .view = &view};
    alarm_request_write_answer(&text, &reply);
    assert_false(text.is_cut);
    static const char *const pointers[] = {"/success", "/state/until", "/actor", "/detail"};
    struct json_slice found[4];
    const char *detail = NULL;
    assert_int_equal(decode_json(json, text.size, pointers, 4, found, &detail), VERDICT_OK);
    assert_memory_equal(found[0].text, "false", 5);
    assert_int_equal(found[1].kind, JSON_STRING);
    assert_int_equal(decode_json_string(&found[2], NULL, 0), sizeof request.command.actor - 1);
    assert_int_equal(found[3].kind, JSON_STRING);
}

static void test_fingerprints_tell_what_is_asked_apart(void **state)
{
    (void)state;
    struct alarm_request one, other;
    assert_int_equal(parse("{" GOOD ",\"reason\":\"a\"}", false, &one), REQUEST_DONE);
    assert_int_equal(parse("{" GOOD ",\"reason\":\"b\"}", false, &other), REQUEST_DONE);
    uint64_t fingerprint = alarm_request_fingerprint(&one);
    assert_true(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.occurrence++;
    assert_false(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.verb = ALARM_RESET;
    assert_false(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.alarm[0] = 'm';
    assert_false(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.actor[0] = 'b';
    assert_false(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.shelve_ms = 1;
    assert_false(fingerprint == alarm_request_fingerprint(&other));
    other = one;
    other.command.is_one_shot = true;
    assert_false(fingerprint == alarm_request_fingerprint(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_request_is_read),
        cmocka_unit_test(test_every_command_has_its_name),
        cmocka_unit_test(test_the_network_must_name_everything_and_local_users_need_not),
        cmocka_unit_test(test_what_is_not_quite_right_is_refused),
        cmocka_unit_test(test_a_text_that_does_not_fit_is_refused_and_never_cut),
        cmocka_unit_test(test_an_answer_is_never_taken_for_a_command),
        cmocka_unit_test(test_the_longest_answer_fits),
        cmocka_unit_test(test_fingerprints_tell_what_is_asked_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
