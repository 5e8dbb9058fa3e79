/* Invariant: nothing here waits for a time; it waits for what must happen, with a deadline. */
#include "support/coap_rig.h"

#include "support/free_port.h"

#include "base/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { ROUNDS = 30, BEGIN_MONO_MS = 3600000 };

static int64_t mono_ms(void *context)
{
    return ((const struct coap_rig *)context)->now_mono_ms;
}

void coap_rig_set_option(struct coap_rig *rig, const char *name, const char *value)
{
    char problem[128];
    const struct field *field = field_find(driver_coap.options, name);
    assert_non_null(field);
    assert_int_equal(field_set_text(field, rig->options, value, problem, sizeof problem), ST_OK);
}

void coap_rig_listen_on(struct coap_rig *rig, const char *host)
{
    char url[64];
    rig->port = free_port(SOCK_DGRAM);
    snprintf(url, sizeof url, "coap://%s:%u", host, rig->port);
    coap_rig_set_option(rig, "listen", url);
}

int coap_rig_set_up(void **state)
{
    struct coap_rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL) return -1;
    rig->peer.fd = -1;
    rig->intake = fake_intake_open("coap[0]", NULL);
    rig->now_mono_ms = BEGIN_MONO_MS;
    rig->intake->clock.mono_ms = mono_ms;
    rig->intake->clock.context = rig;
    rig->options = calloc(1, driver_coap.options_size);
    rig->state = calloc(1, driver_coap.state_size);
    if (rig->options == NULL || rig->state == NULL) return -1;
    assert_int_equal(field_set_defaults(driver_coap.options, rig->options), ST_OK);
    coap_rig_listen_on(rig, "127.0.0.1");
    *state = rig;
    return 0;
}

int coap_rig_tear_down(void **state)
{
    struct coap_rig *rig = *state;
    driver_coap.close(rig->state);
    coap_peer_close(&rig->peer);
    fake_intake_close(rig->intake);
    free(rig->state);
    free(rig->options);
    free(rig);
    return 0;
}

void coap_rig_open_driver(struct coap_rig *rig)
{
    assert_int_equal(driver_coap.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_true(rig->intake->is_connected);
    coap_peer_open(&rig->peer, "127.0.0.1", rig->port);
}

bool coap_rig_has_received(void *context)
{
    struct coap_rig *rig = context;
    return coap_peer_receive(&rig->peer, &rig->got);
}

struct receipt {
    struct coap_rig *rig;
    struct coap_peer *peer;
};

static bool has_arrived(void *context)
{
    const struct receipt *receipt = context;
    return coap_peer_receive(receipt->peer, &receipt->rig->got);
}

const struct coap_peer_message *coap_rig_receive_at(struct coap_rig *rig, struct coap_peer *peer)
{
    struct receipt receipt = {rig, peer};
    assert_true(fake_intake_run_until(rig->intake, has_arrived, &receipt, COAP_RIG_WAIT_MS));
    return &rig->got;
}

const struct coap_peer_message *coap_rig_receive(struct coap_rig *rig)
{
    return coap_rig_receive_at(rig, &rig->peer);
}

void coap_rig_assert_silence(struct coap_rig *rig)
{
    fake_intake_run_rounds(rig->intake, ROUNDS);
    assert_false(coap_rig_has_received(rig));
}

void coap_rig_commit(struct coap_rig *rig)
{
    fake_intake_commit(rig->intake, &driver_coap, rig->state);
}

void coap_rig_assert_answers(const struct coap_peer_message *got,
                             const struct coap_peer_request *request, unsigned code)
{
    assert_int_equal(got->code, code);
    assert_int_equal(got->token_size, request->token_size);
    assert_memory_equal(got->token, request->token, request->token_size);
}

const struct coap_peer_message *
coap_rig_exchange(struct coap_rig *rig, const struct coap_peer_request *request, unsigned code)
{
    coap_peer_send(&rig->peer, request);
    const struct coap_peer_message *got = coap_rig_receive(rig);
    assert_int_equal(got->type, COAP_PEER_ACK);
    assert_int_equal(got->message_id, request->message_id);
    coap_rig_assert_answers(got, request, code);
    return got;
}

void coap_rig_send_and_take(struct coap_rig *rig, const struct coap_peer_request *request)
{
    size_t taken = rig->intake->taken_count;
    coap_peer_send(&rig->peer, request);
    assert_true(fake_intake_run_until_taken(rig->intake, taken + 1));
}

static bool has_taken_good(void *context)
{
    const struct coap_rig *rig = context;
    return fake_intake_count(rig->intake, "still-there", 21500000) > 0;
}

void coap_rig_assert_still_works(struct coap_rig *rig)
{
    struct coap_peer_request good = coap_peer_post(0xfffe, "t/still-there", "21.5");
    driver_coap.resume(rig->state);
    while (coap_rig_has_received(rig)) continue;
    coap_peer_send(&rig->peer, &good);
    assert_true(fake_intake_run_until(rig->intake, has_taken_good, rig, COAP_RIG_WAIT_MS));
    coap_rig_commit(rig);
    do coap_rig_receive(rig);
    while (rig->got.message_id != good.message_id);
    coap_rig_assert_answers(&rig->got, &good, 204);
}
