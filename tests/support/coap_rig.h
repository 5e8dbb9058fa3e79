/* coap_rig: the coap driver between a fake intake and a raw peer, for tests of that driver.
 *
 * Each test begins with all options at their defaults, a free port of 127.0.0.1, and nothing
 * open.  The driver's clock stands still unless the test moves it, so that `ack_wait` passes when
 * the test says so and not because the machine is slow; coap_time.h does the same to libcoap.  The
 * fields may be read and, where a test needs it, used directly. */
#ifndef ISOTHERM_TESTS_COAP_RIG_H
#define ISOTHERM_TESTS_COAP_RIG_H

#include "support/coap_peer.h"
#include "support/fake_intake.h"

#include "drivers.h"

#include <stdint.h>
#include <sys/types.h>

enum { COAP_RIG_WAIT_MS = 10000 };

struct coap_rig {
    struct intake *intake;
    void *options;
    void *state;
    struct coap_peer peer;
    uint16_t port;
    int64_t now_mono_ms;          /* of the driver's clock */
    struct coap_peer_message got; /* the message received last */
    int status;                   /* of a child, for the test that has one */
    pid_t child;
};

/* For cmocka: a fresh rig in *state, and its end. */
int coap_rig_set_up(void **state);
int coap_rig_tear_down(void **state);

/* Before opening: one option as it would be written; a free port of this host, IPv6 in brackets. */
void coap_rig_set_option(struct coap_rig *rig, const char *name, const char *value);
void coap_rig_listen_on(struct coap_rig *rig, const char *host);

/* Opens the driver, which must be listening then, and the peer. */
void coap_rig_open_driver(struct coap_rig *rig);

/* A predicate for fake_intake_run_until: takes a message to the peer if there is one. */
bool coap_rig_has_received(void *context);

/* The next message to the peer, or to another one. */
const struct coap_peer_message *coap_rig_receive(struct coap_rig *rig);
const struct coap_peer_message *coap_rig_receive_at(struct coap_rig *rig, struct coap_peer *peer);

/* On loopback a datagram is hardly ever late; so a few rounds show that none comes. */
void coap_rig_assert_silence(struct coap_rig *rig);

void coap_rig_commit(struct coap_rig *rig);

/* Whether the message answers the request, by its token, with this code (204 is 2.04). */
void coap_rig_assert_answers(const struct coap_peer_message *got,
                             const struct coap_peer_request *request, unsigned code);

/* Sends and expects this answer in the ACK. */
const struct coap_peer_message *
coap_rig_exchange(struct coap_rig *rig, const struct coap_peer_request *request, unsigned code);

/* Sends and runs until the reading was taken. */
void coap_rig_send_and_take(struct coap_rig *rig, const struct coap_peer_request *request);

/* A good request is still taken and answered, whatever else lies around. */
void coap_rig_assert_still_works(struct coap_rig *rig);

#endif
