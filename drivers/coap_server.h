/* coap_server: a thin face over libcoap for a server that takes small requests, in our loop.
 *
 * One UDP address, no multicast, no observe, no reassembly of blocks, a bound on the peers and on
 * the unconfirmed answers that libcoap keeps.  It parses and sends; what a request means and what
 * is answered when is the caller's.  Loop thread only.
 *
 * libcoap's own start-up and log level belong to the process: they are set once, the log to
 * silent, and never undone, so that several servers may come and go. */
#ifndef ISOTHERM_COAP_SERVER_H
#define ISOTHERM_COAP_SERVER_H

#include "base/loop.h"
#include "base/status.h"
#include "path_map.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    COAP_SERVER_PAYLOAD = 1024, /* bytes taken at most: what surely fits into one datagram */
    COAP_SERVER_TOKEN = 8,
    COAP_SERVER_UNCONFIRMED = 64 /* separate answers that libcoap repeats at the same time */
};

struct coap_server_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
    socklen_t size;
};

/* Codes as people write them without the dot: 204 is 2.04; methods are 1 to 7 (0.01 to 0.07). */
enum { COAP_SERVER_GET = 1, COAP_SERVER_POST = 2, COAP_SERVER_PUT = 3 };

enum { COAP_SERVER_NO_FORMAT = -1, COAP_SERVER_FORMAT_TEXT = 0, COAP_SERVER_FORMAT_JSON = 50 };

/* A request; everything it points to ends with the call of the handler. */
struct coap_server_request {
    uint64_t fingerprint; /* of sender, message id, token, path, payload: equal when sent again */
    void *session;        /* for hold */
    const char *payload;
    size_t payload_size;
    size_t size_bytes; /* roughly the whole message, never more than it was */
    struct path_segment segments[PATH_MAP_SEGMENTS];
    size_t segment_count; /* may exceed PATH_MAP_SEGMENTS: those beyond are not kept */
    unsigned method;
    int format; /* Content-Format, or COAP_SERVER_NO_FORMAT */
    uint16_t message_id;
    uint8_t token[COAP_SERVER_TOKEN];
    uint8_t token_size;
    bool is_confirmable;
    bool is_silent;  /* No-Response for success (RFC 7967) */
    bool is_partial; /* one block of several (RFC 7959) */
};

struct coap_server_answer {
    unsigned code;          /* e.g. 204; 0: nothing but an empty ACK, or nothing for NON */
    bool is_later;          /* send nothing at all now; code is not looked at */
    uint32_t max_age_s;     /* 0: without */
    uint32_t size1_bytes;   /* 0: without */
    const char *diagnostic; /* for a person; NULL: without.  Left out when it would make the answer
                               more than three times the request */
};

/* Fills *answer (zeroed before). */
typedef void coap_server_fn(void *context, const struct coap_server_request *request,
                            struct coap_server_answer *answer);

struct coap_server_settings {
    struct loop *loop;
    const struct coap_server_address *address;
    const char *listed_path; /* what .well-known/core names, percent-encoded; copied */
    unsigned idle_sessions;
    coap_server_fn *handler;
    void *context;
};

struct coap_server;

/* Reads coap://ADDRESS[:PORT], a numeric IPv4 or bracketed IPv6 address; names are not resolved.
 * ST_INVALID: *problem (static text) says why. */
enum status coap_server_parse(const char *url, struct coap_server_address *address,
                              const char **problem) ISOTHERM_CHECK;

/* Bytes that coap_server_open allocates, libcoap's own not counted. */
size_t coap_server_size_bytes(void);

/* Binds and begins to listen.  *reason (static or strerror text) is set on failure and *server is
 * NULL.  ST_AGAIN: the address cannot be bound now (not there yet, taken by another program);
 * ST_UNSUPPORTED: this libcoap has no epoll; ST_FULL: no watch is left; ST_NO_MEMORY. */
enum status coap_server_open(struct coap_server **server,
                             const struct coap_server_settings *settings,
                             const char **reason) ISOTHERM_CHECK;

/* Stops at once; unconfirmed answers are not repeated any more.  Every session held must have
 * been released.  NULL does nothing. */
void coap_server_close(struct coap_server *server);

/* Keeps a session for a later answer, beyond the limit of idle sessions, until released. */
void coap_server_hold(void *session);
void coap_server_release(void *session);

/* Writes the sender's address and port for a person, e.g. "[::1]:40123"; cut when it is too long.
 */
void coap_server_describe(const void *session, char *text, size_t capacity);

/* How a later answer travels. */
enum coap_server_carriage {
    COAP_SERVER_PIGGYBACKED, /* in the ACK of the request */
    COAP_SERVER_SEPARATE, /* by itself and confirmable, since the ACK is out; repeated by libcoap.
                             Not confirmable while COAP_SERVER_UNCONFIRMED others may be out, nor
                             until the wall clock, set back, has caught up */
    COAP_SERVER_PLAIN     /* by itself, not confirmable */
};

/* Sends an answer without payload to the request of that message id and token. */
void coap_server_send(struct coap_server *server, void *session, enum coap_server_carriage carriage,
                      unsigned code, uint16_t message_id, const uint8_t *token, size_t token_size,
                      int64_t now_mono_ms);

/* Sends an empty ACK. */
void coap_server_acknowledge(void *session, uint16_t message_id);

#endif
