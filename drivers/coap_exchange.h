/* coap_exchange: what the CoAP driver remembers of requests, in memory fixed at start.
 *
 * Two things: the requests that wait for the commit of their reading, in the order of their
 * tickets, and the fingerprints of recent requests with what was answered, so that one that is
 * sent again is counted once and answered the same.  Knows nothing of libcoap.  Loop thread only.
 */
#ifndef ISOTHERM_COAP_EXCHANGE_H
#define ISOTHERM_COAP_EXCHANGE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long a sender may repeat a message (RFC 7252, EXCHANGE_LIFETIME). */
#define COAP_EXCHANGE_LIFETIME_MS INT64_C(247000)

/* A request whose answer is owed. */
struct coap_waiting {
    uint64_t fingerprint;
    uint64_t ticket;
    void *session; /* held by the owner of the table until the entry is dropped */
    int64_t ack_by_mono_ms;
    uint16_t message_id;
    uint8_t token[8];
    uint8_t token_size;
    bool is_confirmable;
    bool is_silent;       /* the sender wants no answer when all went well (RFC 7967) */
    bool is_acknowledged; /* the empty ACK is out: the answer goes separately */
};

struct coap_exchange;

/* Bytes that coap_exchange_open allocates. */
size_t coap_exchange_size_bytes(size_t waiting, size_t recent);

/* Room for `waiting` requests (at least 1) and, rounded up to a power of two, for `recent`
 * fingerprints.  ST_NO_MEMORY: nothing was opened, *exchange is NULL. */
enum status coap_exchange_open(struct coap_exchange **exchange, size_t waiting,
                               size_t recent) ISOTHERM_CHECK;
void coap_exchange_close(struct coap_exchange *exchange); /* NULL does nothing */

/* What was answered to this request (a code such as 204) within the lifetime; 0: not known. */
unsigned coap_exchange_recall(const struct coap_exchange *exchange, uint64_t fingerprint,
                              int64_t now_mono_ms);

/* Remembers an answer; the oldest of a few others is forgotten for it.  code > 0. */
void coap_exchange_remember(struct coap_exchange *exchange, uint64_t fingerprint, unsigned code,
                            int64_t now_mono_ms);

bool coap_exchange_is_full(const struct coap_exchange *exchange);

/* Appends a copy.  Tickets and ack_by_mono_ms must not go back.  Only when it is not full. */
void coap_exchange_wait(struct coap_exchange *exchange, const struct coap_waiting *waiting);

/* The request in question, the oldest, or the oldest without an empty ACK; NULL: there is none.
 * Valid, and to be changed by the caller, until the next wait or drop. */
struct coap_waiting *coap_exchange_find(struct coap_exchange *exchange, uint64_t fingerprint);
struct coap_waiting *coap_exchange_oldest(struct coap_exchange *exchange);
struct coap_waiting *coap_exchange_oldest_unacknowledged(struct coap_exchange *exchange);

/* Drops the oldest; there must be one. */
void coap_exchange_drop_oldest(struct coap_exchange *exchange);

#endif
