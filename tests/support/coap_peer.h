/* coap_peer: a small CoAP client over raw UDP, for tests that must know and shape every byte.
 *
 * Messages are built and read by hand, without libcoap, so that hostile ones can be made and what
 * our server sends is judged independently.  Nothing waits; calls fail the test by cmocka's
 * assertions when the system refuses. */
#ifndef ISOTHERM_TESTS_COAP_PEER_H
#define ISOTHERM_TESTS_COAP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum coap_peer_type { COAP_PEER_CON, COAP_PEER_NON, COAP_PEER_ACK, COAP_PEER_RST };

enum { COAP_PEER_ABSENT = -1, COAP_PEER_MESSAGE_SIZE = 2048 };

struct coap_peer {
    int fd; /* -1: closed */
};

/* What to send.  coap_peer_post gives a good one to change. */
struct coap_peer_request {
    enum coap_peer_type type;
    unsigned code; /* 1 GET, 2 POST, 3 PUT; 0 empty */
    uint16_t message_id;
    uint8_t token[8];
    size_t token_size;
    const char *path; /* segments between slashes; NULL: none */
    int format;       /* Content-Format, or COAP_PEER_ABSENT, like the next ones */
    int block1;       /* value of the option */
    int no_response;
    int extra_option; /* number of an empty option above 258 */
    const char *payload;
    size_t payload_size;
};

/* What came. */
struct coap_peer_message {
    enum coap_peer_type type;
    unsigned code; /* 204 is 2.04; 0 empty */
    uint16_t message_id;
    uint8_t token[8];
    size_t token_size;
    int64_t max_age, size1, format;       /* COAP_PEER_ABSENT when not there */
    char payload[COAP_PEER_MESSAGE_SIZE]; /* NUL-terminated */
    size_t payload_size;
    size_t size; /* of the whole datagram */
};

/* A socket of its own port that talks to that port of "127.0.0.1" or "::1". */
void coap_peer_open(struct coap_peer *peer, const char *host, uint16_t port);
void coap_peer_close(struct coap_peer *peer);

/* A confirmable POST of `payload` with a token made from the message id. */
struct coap_peer_request coap_peer_post(uint16_t message_id, const char *path, const char *payload);

/* Writes the message; returns its size. */
size_t coap_peer_build(const struct coap_peer_request *request,
                       uint8_t bytes[COAP_PEER_MESSAGE_SIZE]);

void coap_peer_send(struct coap_peer *peer, const struct coap_peer_request *request);
void coap_peer_send_bytes(struct coap_peer *peer, const void *bytes, size_t size);
void coap_peer_acknowledge(struct coap_peer *peer, uint16_t message_id);

/* Takes one datagram if there is one; one that is not CoAP fails the test. */
bool coap_peer_receive(struct coap_peer *peer, struct coap_peer_message *message);

#endif
