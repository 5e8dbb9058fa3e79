/* Invariant: nothing a stranger sends makes libcoap keep more than the idle sessions, the sessions
 * the caller holds and COAP_SERVER_UNCONFIRMED answers.  What could do so otherwise (signalling
 * messages, which 4.3.1 answers with repeated messages over UDP too) never reaches it: a filter in
 * the kernel lets only requests and empty messages through. */
#include "coap_server.h"

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/text.h"

enum {
    DEFAULT_PORT = 5683,
    HEADER_SIZE = 4,
    RECEIVE_BUFFER_BYTES = 1 << 20, /* a burst waits in the kernel, not in lost datagrams */
    FIRST_DESCRIPTORS = 1024,
    OPTION_NO_RESPONSE = 258,
    NO_RESPONSE_SUCCESS = 2,    /* the bit that says "not interested in 2.xx" */
    UNCONFIRMED_MS = 93 * 1000, /* how long libcoap repeats at most: MAX_TRANSMIT_WAIT */
    AMPLIFICATION = 3           /* times the request that an unverified peer may get back */
};

struct coap_server {
    coap_context_t *context;
    struct loop_watch *watch;
    coap_server_fn *handler;
    void *handler_context;
    int64_t unconfirmed_until_mono_ms[COAP_SERVER_UNCONFIRMED]; /* a ring, oldest next */
    size_t unconfirmed_next;
    coap_tick_t newest_tick; /* of libcoap's clock, which is the wall clock */
};

/* Addresses. */

static bool split_url(const char *url, char *host, size_t host_size, const char **port)
{
    static const char scheme[] = "coap://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) return false;
    url += sizeof scheme - 1;
    bool is_bracketed = *url == '[';
    if (is_bracketed) url++;
    size_t size = strcspn(url, is_bracketed ? "]" : ":");
    if (size == 0 || size >= host_size) return false;
    memcpy(host, url, size);
    host[size] = '\0';
    url += size;
    if (is_bracketed && *url++ != ']') return false;
    *port = NULL;
    if (*url == '\0') return true;
    if (*url != ':' || strspn(url + 1, "0123456789") != strlen(url + 1)) return false;
    *port = url + 1;
    return strlen(*port) >= 1 && strlen(*port) <= 5;
}

static bool is_multicast(const struct coap_server_address *address)
{
    if (address->socket.any.sa_family == AF_INET)
        return IN_MULTICAST(ntohl(address->socket.v4.sin_addr.s_addr));
    return IN6_IS_ADDR_MULTICAST(&address->socket.v6.sin6_addr);
}

enum status coap_server_parse(const char *url, struct coap_server_address *address,
                              const char **problem)
{
    char host[128];
    const char *port_text;
    *problem = "must be coap://ADDRESS or coap://ADDRESS:PORT, IPv6 in brackets";
    if (!split_url(url, host, sizeof host, &port_text)) return ST_INVALID;
    long port = port_text == NULL ? DEFAULT_PORT : strtol(port_text, NULL, 10);
    *problem = "needs a port from 1 to 65535";
    if (port < 1 || port > 65535) return ST_INVALID;

    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    *problem = "needs a numeric address such as 127.0.0.1 or [::1]; names are not resolved";
    if (getaddrinfo(host, NULL, &hints, &found) != 0) return ST_INVALID;
    memset(address, 0, sizeof *address);
    memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
    address->size = found->ai_addrlen;
    freeaddrinfo(found);
    if (address->socket.any.sa_family == AF_INET)
        address->socket.v4.sin_port = htons((uint16_t)port);
    else
        address->socket.v6.sin6_port = htons((uint16_t)port);
    *problem = "must not be a multicast address";
    if (is_multicast(address)) return ST_INVALID;
    *problem = NULL;
    return ST_OK;
}

static bool is_same_address(const struct coap_server_address *a,
                            const struct coap_server_address *b)
{
    if (a->socket.any.sa_family != b->socket.any.sa_family) return false;
    if (a->socket.any.sa_family == AF_INET)
        return a->socket.v4.sin_port == b->socket.v4.sin_port &&
               a->socket.v4.sin_addr.s_addr == b->socket.v4.sin_addr.s_addr;
    return a->socket.v6.sin6_port == b->socket.v6.sin6_port &&
           memcmp(&a->socket.v6.sin6_addr, &b->socket.v6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* libcoap binds with SO_REUSEADDR, with which two programs can have one UDP address and one of
 * them silently gets nothing; and it does not tell the cause of a failure.  Hence a try before. */
static int try_bind(const struct coap_server_address *address)
{
    int fd = socket(address->socket.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    int error = bind(fd, &address->socket.any, address->size) == 0 ? 0 : errno;
    close(fd);
    return error;
}

/* The descriptor that libcoap bound; it has no call that tells. */
static int find_socket(const struct coap_server_address *address)
{
    for (int fd = 0; fd < FIRST_DESCRIPTORS; fd++) {
        struct coap_server_address bound = {.size = sizeof bound.socket};
        if (getsockname(fd, &bound.socket.any, &bound.size) != 0) continue;
        if (is_same_address(&bound, address)) return fd;
    }
    return -1;
}

/* Lets through what a server that asks nothing can use: code class 0, and nothing longer than
 * libcoap would read, since it would take a datagram cut short for a whole one. */
static bool filter_socket(int fd)
{
    enum { UDP_HEADER = 8, CODE_AT = UDP_HEADER + 1, CLASS_BITS = 0xe0 };
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, UDP_HEADER + COAP_RXBUFFER_SIZE, 3, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, CODE_AT),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLASS_BITS, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static bool prepare_socket(const struct coap_server_address *address)
{
    const int size = RECEIVE_BUFFER_BYTES;
    int fd = find_socket(address);
    if (fd < 0) return false;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return filter_socket(fd);
}

/* Requests. */

static uint64_t hash_peer(const coap_session_t *session)
{
    const coap_address_t *peer = coap_session_get_addr_remote(session);
    if (peer->addr.sa.sa_family == AF_INET) {
        uint64_t hash = XXH64(&peer->addr.sin.sin_addr, sizeof peer->addr.sin.sin_addr, 0);
        return XXH64(&peer->addr.sin.sin_port, sizeof peer->addr.sin.sin_port, hash);
    }
    uint64_t hash = XXH64(&peer->addr.sin6.sin6_addr, sizeof peer->addr.sin6.sin6_addr, 0);
    return XXH64(&peer->addr.sin6.sin6_port, sizeof peer->addr.sin6.sin6_port, hash);
}

static unsigned option_number(const coap_opt_t *option)
{
    return coap_decode_var_bytes(coap_opt_value(option), coap_opt_length(option));
}

static void take_option(struct coap_server_request *request, unsigned number,
                        const coap_opt_t *option)
{
    const uint8_t *value = coap_opt_value(option);
    size_t size = coap_opt_length(option);
    request->size_bytes += 1 + size;
    request->fingerprint = XXH64(value, size, request->fingerprint + number);
    switch (number) {
    case COAP_OPTION_URI_PATH:
        if (request->segment_count < PATH_MAP_SEGMENTS)
            request->segments[request->segment_count] =
                (struct path_segment){(const char *)value, size};
        request->segment_count++;
        break;
    case COAP_OPTION_CONTENT_FORMAT:
        request->format = (int)option_number(option);
        break;
    case COAP_OPTION_BLOCK1:
        /* Number 0 without "more" is a whole body in one block. */
        if ((option_number(option) & ~7U) != 0) request->is_partial = true;
        break;
    case OPTION_NO_RESPONSE:
        request->is_silent = (option_number(option) & NO_RESPONSE_SUCCESS) != 0;
        break;
    default:
        break;
    }
}

static void take_request(struct coap_server_request *request, coap_session_t *session,
                         const coap_pdu_t *pdu)
{
    coap_bin_const_t token = coap_pdu_get_token(pdu);
    request->session = session;
    request->method = coap_pdu_get_code(pdu);
    request->is_confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
    request->message_id = (uint16_t)coap_pdu_get_mid(pdu);
    request->format = COAP_SERVER_NO_FORMAT;
    if (token.length <= COAP_SERVER_TOKEN) {
        memcpy(request->token, token.s, token.length);
        request->token_size = (uint8_t)token.length;
    }
    request->size_bytes = HEADER_SIZE + request->token_size;

    const unsigned head[] = {request->message_id, request->method, request->is_confirmable};
    uint64_t hash = XXH64(head, sizeof head, hash_peer(session));
    request->fingerprint = XXH64(request->token, request->token_size, hash);
    coap_opt_iterator_t iterator;
    coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL);
    for (coap_opt_t *option = coap_option_next(&iterator); option != NULL;
         option = coap_option_next(&iterator))
        take_option(request, iterator.number, option);

    const uint8_t *payload;
    if (coap_get_data(pdu, &request->payload_size, &payload) == 0) request->payload_size = 0;
    request->payload = request->payload_size == 0 ? "" : (const char *)payload;
    request->size_bytes += request->payload_size == 0 ? 0 : 1 + request->payload_size;
    request->fingerprint = XXH64(request->payload, request->payload_size, request->fingerprint);
}

static coap_pdu_code_t code_of(unsigned code)
{
    return (coap_pdu_code_t)(code / 100 << 5 | code % 100);
}

static void add_number(coap_pdu_t *pdu, coap_option_num_t option, uint32_t number)
{
    uint8_t bytes[4];
    (void)coap_add_option(pdu, option, coap_encode_var_safe(bytes, sizeof bytes, number), bytes);
}

static void write_answer(coap_pdu_t *response, const struct coap_server_request *request,
                         const struct coap_server_answer *answer)
{
    if (answer->is_later) {
        /* An empty message that is not an ACK: libcoap sends nothing at all. */
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
        return;
    }
    if (answer->code == 0) return;
    coap_pdu_set_code(response, code_of(answer->code));
    size_t size = HEADER_SIZE + request->token_size;
    if (answer->max_age_s != 0) {
        add_number(response, COAP_OPTION_MAXAGE, answer->max_age_s);
        size += 1 + sizeof answer->max_age_s;
    }
    if (answer->size1_bytes != 0) {
        add_number(response, COAP_OPTION_SIZE1, answer->size1_bytes);
        size += 2 + sizeof answer->size1_bytes;
    }
    if (answer->diagnostic == NULL) return;
    size_t length = strlen(answer->diagnostic);
    if (size + 1 + length <= AMPLIFICATION * request->size_bytes)
        (void)coap_add_data(response, length, (const uint8_t *)answer->diagnostic);
}

static void handle_request(coap_resource_t *resource, coap_session_t *session,
                           const coap_pdu_t *pdu, const coap_string_t *query, coap_pdu_t *response)
{
    (void)query;
    struct coap_server *server = coap_resource_get_userdata(resource);
    struct coap_server_request request = {0};
    struct coap_server_answer answer = {0};
    take_request(&request, session, pdu);
    server->handler(server->handler_context, &request, &answer);
    write_answer(response, &request, &answer);
}

/* Opening and closing. */

static void add_resource(struct coap_server *server, coap_resource_t *resource)
{
    for (int method = COAP_REQUEST_GET; method <= COAP_REQUEST_IPATCH; method++)
        coap_register_request_handler(resource, (coap_request_t)method, handle_request);
    coap_resource_set_userdata(resource, server);
    coap_add_resource(server->context, resource);
}

/* All paths come to one handler; the listed one stands only in .well-known/core. */
static bool add_resources(struct coap_server *server, const char *listed_path)
{
    coap_resource_t *any = coap_resource_unknown_init(handle_request);
    if (any == NULL) return false;
    add_resource(server, any);
    coap_str_const_t *path = coap_new_str_const((const uint8_t *)listed_path, strlen(listed_path));
    if (path == NULL) return false;
    coap_resource_t *listed = coap_resource_init(path, COAP_RESOURCE_FLAGS_RELEASE_URI);
    if (listed == NULL) {
        coap_delete_str_const(path);
        return false;
    }
    add_resource(server, listed);
    coap_str_const_t *name = coap_make_str_const("rt");
    coap_str_const_t type = {sizeof "\"temperature\"" - 1, (const uint8_t *)"\"temperature\""};
    return coap_add_attr(listed, name, &type, 0) != NULL;
}

/* libcoap reckons repetitions in wall time; after a step back what it queues is never sent again
 * and never given up. */
static bool is_clock_behind(struct coap_server *server)
{
    coap_tick_t tick;
    coap_ticks(&tick);
    if (tick < server->newest_tick) return true;
    server->newest_tick = tick;
    return false;
}

static void on_ready(void *context, int fd, unsigned events)
{
    struct coap_server *server = context;
    (void)fd;
    (void)events;
    (void)is_clock_behind(server);
    (void)coap_io_process(server->context, COAP_IO_NO_WAIT);
}

static bool add_endpoint(struct coap_server *server, const struct coap_server_address *address)
{
    coap_address_t listen;
    coap_address_init(&listen);
    memcpy(&listen.addr, &address->socket, address->size);
    listen.size = address->size;
    return coap_new_endpoint(server->context, &listen, COAP_PROTO_UDP) != NULL;
}

static enum status start(struct coap_server *server, const struct coap_server_settings *settings,
                         const char **reason)
{
    *reason = "no memory for libcoap";
    server->context = coap_new_context(NULL);
    if (server->context == NULL) return ST_NO_MEMORY;
    if (!add_resources(server, settings->listed_path)) return ST_NO_MEMORY;
    coap_context_set_max_idle_sessions(server->context, settings->idle_sessions);
    coap_context_set_block_mode(server->context, 0);

    int fd = coap_context_get_coap_fd(server->context);
    *reason = "this libcoap was built without epoll";
    if (fd < 0) return ST_UNSUPPORTED;
    *reason = "the address cannot be bound";
    if (!add_endpoint(server, settings->address)) return ST_AGAIN;
    *reason = "the socket filter cannot be set";
    if (!prepare_socket(settings->address)) return ST_AGAIN;
    server->watch = loop_watch_start(settings->loop, fd, LOOP_READABLE, on_ready, server);
    *reason = "no watch is left in the loop";
    if (server->watch == NULL) return ST_FULL;
    *reason = NULL;
    return ST_OK;
}

size_t coap_server_size_bytes(void)
{
    return sizeof(struct coap_server);
}

enum status coap_server_open(struct coap_server **server,
                             const struct coap_server_settings *settings, const char **reason)
{
    *server = NULL;
    int error = try_bind(settings->address);
    if (error != 0) {
        *reason = strerror(error);
        return ST_AGAIN;
    }
    coap_startup();
    coap_set_log_level((coap_log_t)0);
    struct coap_server *made = calloc(1, sizeof *made);
    *reason = "no memory";
    if (made == NULL) return ST_NO_MEMORY;
    made->handler = settings->handler;
    made->handler_context = settings->context;
    enum status status = start(made, settings, reason);
    if (status != ST_OK) {
        coap_server_close(made);
        return status;
    }
    *server = made;
    return ST_OK;
}

void coap_server_close(struct coap_server *server)
{
    if (server == NULL) return;
    loop_watch_stop(&server->watch);
    coap_free_context(server->context);
    free(server);
}

/* Later answers. */

void coap_server_hold(void *session)
{
    (void)coap_session_reference(session);
}

void coap_server_release(void *session)
{
    coap_session_release(session);
}

void coap_server_describe(const void *session, char *text, size_t capacity)
{
    const coap_address_t *peer = coap_session_get_addr_remote(session);
    bool is_v4 = peer->addr.sa.sa_family == AF_INET;
    const void *address = &peer->addr.sin6.sin6_addr;
    in_port_t port = peer->addr.sin6.sin6_port;
    char host[INET6_ADDRSTRLEN] = "?";
    struct text line;
    if (is_v4) {
        address = &peer->addr.sin.sin_addr;
        port = peer->addr.sin.sin_port;
    }
    (void)inet_ntop(peer->addr.sa.sa_family, address, host, sizeof host);
    text_init(&line, text, capacity);
    if (!is_v4) text_add_char(&line, '[');
    text_add(&line, host);
    text_add(&line, is_v4 ? ":" : "]:");
    text_add_uint(&line, ntohs(port));
}

/* ACKs are never seen by us, so an answer counts as unconfirmed for as long as it may be. */
static bool may_confirm(struct coap_server *server, int64_t now_mono_ms)
{
    int64_t *until_mono_ms = &server->unconfirmed_until_mono_ms[server->unconfirmed_next];
    if (now_mono_ms < *until_mono_ms || is_clock_behind(server)) return false;
    *until_mono_ms = now_mono_ms + UNCONFIRMED_MS;
    server->unconfirmed_next = (server->unconfirmed_next + 1) % COAP_SERVER_UNCONFIRMED;
    return true;
}

void coap_server_send(struct coap_server *server, void *session, enum coap_server_carriage carriage,
                      unsigned code, uint16_t message_id, const uint8_t *token, size_t token_size,
                      int64_t now_mono_ms)
{
    coap_pdu_type_t type = COAP_MESSAGE_NON;
    if (carriage == COAP_SERVER_PIGGYBACKED) type = COAP_MESSAGE_ACK;
    if (carriage == COAP_SERVER_SEPARATE && may_confirm(server, now_mono_ms))
        type = COAP_MESSAGE_CON;
    coap_mid_t id = type == COAP_MESSAGE_ACK ? message_id : coap_new_message_id(session);
    coap_pdu_t *pdu = coap_pdu_init(type, code_of(code), id, token_size);
    if (pdu == NULL) return;
    if (coap_add_token(pdu, token_size, token) == 0) {
        coap_delete_pdu(pdu);
        return;
    }
    (void)coap_send(session, pdu);
}

void coap_server_acknowledge(void *session, uint16_t message_id)
{
    coap_pdu_t *pdu = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, message_id, 0);
    if (pdu != NULL) (void)coap_send(session, pdu);
}
