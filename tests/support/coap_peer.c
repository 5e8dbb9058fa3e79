/*  0                   1                   2                   3
 * |Ver| T |  TKL  |      Code     |          Message ID           |
 * |   Token (TKL bytes) ...
 * |   Options ...    delta:4 length:4 [delta] [length] value
 * |1 1 1 1 1 1 1 1|    Payload ...                               (RFC 7252, 3)
 *
 * Invariant: nothing of libcoap is used here, so that an error of both is not taken for right. */
#include "support/coap_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    OPTION_URI_PATH = 11,
    OPTION_CONTENT_FORMAT = 12,
    OPTION_MAX_AGE = 14,
    OPTION_BLOCK1 = 27,
    OPTION_SIZE1 = 60,
    OPTION_NO_RESPONSE = 258,
    PAYLOAD_MARKER = 0xff
};

/* A cursor over a message that is written. */
struct writer {
    uint8_t *bytes;
    size_t size;
    unsigned last_option;
};

static void put(struct writer *writer, const void *bytes, size_t size)
{
    assert_true(writer->size + size <= COAP_PEER_MESSAGE_SIZE);
    if (size > 0) memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

static void put_byte(struct writer *writer, unsigned byte)
{
    const uint8_t one = (uint8_t)byte;
    put(writer, &one, 1);
}

static unsigned nibble_of(size_t number)
{
    return number < 13 ? (unsigned)number : number < 269 ? 13U : 14U;
}

static void put_extended(struct writer *writer, size_t number)
{
    if (number >= 269) {
        put_byte(writer, (unsigned)((number - 269) >> 8 & 0xff));
        put_byte(writer, (unsigned)((number - 269) & 0xff));
    } else if (number >= 13) {
        put_byte(writer, (unsigned)(number - 13));
    }
}

static void put_option(struct writer *writer, unsigned number, const void *value, size_t size)
{
    unsigned delta = number - writer->last_option;
    put_byte(writer, nibble_of(delta) << 4 | nibble_of(size));
    put_extended(writer, delta);
    put_extended(writer, size);
    put(writer, value, size);
    writer->last_option = number;
}

static void put_number_option(struct writer *writer, unsigned number, int value)
{
    uint8_t bytes[4];
    size_t size = 0;
    if (value == COAP_PEER_ABSENT) return;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (value >> shift != 0) bytes[size++] = (uint8_t)(value >> shift & 0xff);
    put_option(writer, number, bytes, size);
}

static void put_path(struct writer *writer, const char *path)
{
    while (path != NULL) {
        size_t size = strcspn(path, "/");
        put_option(writer, OPTION_URI_PATH, path, size);
        path = path[size] == '/' ? path + size + 1 : NULL;
    }
}

size_t coap_peer_build(const struct coap_peer_request *request,
                       uint8_t bytes[COAP_PEER_MESSAGE_SIZE])
{
    struct writer writer = {.bytes = bytes};
    put_byte(&writer, 1U << 6 | (unsigned)request->type << 4 | (unsigned)request->token_size);
    put_byte(&writer, request->code);
    put_byte(&writer, request->message_id >> 8);
    put_byte(&writer, request->message_id & 0xffU);
    put(&writer, request->token, request->token_size);
    put_path(&writer, request->path);
    put_number_option(&writer, OPTION_CONTENT_FORMAT, request->format);
    put_number_option(&writer, OPTION_BLOCK1, request->block1);
    put_number_option(&writer, OPTION_NO_RESPONSE, request->no_response);
    if (request->extra_option != COAP_PEER_ABSENT)
        put_option(&writer, (unsigned)request->extra_option, "", 0);
    if (request->payload_size > 0) {
        put_byte(&writer, PAYLOAD_MARKER);
        put(&writer, request->payload, request->payload_size);
    }
    return writer.size;
}

struct coap_peer_request coap_peer_post(uint16_t message_id, const char *path, const char *payload)
{
    return (struct coap_peer_request){
        .type = COAP_PEER_CON,
        .code = 2,
        .message_id = message_id,
        .token = {0xa5, (uint8_t)(message_id >> 8), (uint8_t)(message_id & 0xff)},
        .token_size = 3,
        .path = path,
        .format = COAP_PEER_ABSENT,
        .block1 = COAP_PEER_ABSENT,
        .no_response = COAP_PEER_ABSENT,
        .extra_option = COAP_PEER_ABSENT,
        .payload = payload,
        .payload_size = strlen(payload),
    };
}

void coap_peer_open(struct coap_peer *peer, const char *host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v4 = inet_pton(AF_INET, host, &v4.sin_addr) == 1;
    assert_true(is_v4 || inet_pton(AF_INET6, host, &v6.sin6_addr) == 1);
    peer->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(peer->fd >= 0);
    assert_int_equal(is_v4 ? connect(peer->fd, (struct sockaddr *)&v4, sizeof v4)
                           : connect(peer->fd, (struct sockaddr *)&v6, sizeof v6),
                     0);
}

void coap_peer_close(struct coap_peer *peer)
{
    if (peer->fd >= 0) close(peer->fd);
    peer->fd = -1;
}

/* While nobody listens the system may say ECONNREFUSED: then the datagram is lost, as UDP may. */
void coap_peer_send_bytes(struct coap_peer *peer, const void *bytes, size_t size)
{
    ssize_t sent = send(peer->fd, bytes, size, 0);
    if (sent < 0 && errno == ECONNREFUSED) sent = send(peer->fd, bytes, size, 0);
    assert_true(sent == (ssize_t)size || errno == ECONNREFUSED);
}

void coap_peer_send(struct coap_peer *peer, const struct coap_peer_request *request)
{
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
    size_t size = coap_peer_build(request, bytes);
    coap_peer_send_bytes(peer, bytes, size);
}

void coap_peer_acknowledge(struct coap_peer *peer, uint16_t message_id)
{
    struct coap_peer_request empty = coap_peer_post(message_id, NULL, "");
    empty.type = COAP_PEER_ACK;
    empty.code = 0;
    empty.token_size = 0;
    coap_peer_send(peer, &empty);
}

/* Reading: `at` moves on; beyond the end the test fails. */
static size_t take_extended(const uint8_t *bytes, size_t size, size_t *at, size_t nibble)
{
    assert_true(nibble != 15);
    if (nibble < 13) return nibble;
    size_t count = nibble == 13 ? 1 : 2;
    assert_true(*at + count <= size);
    size_t number = count == 1 ? 13U + bytes[*at] : 269U + 256U * bytes[*at] + bytes[*at + 1];
    *at += count;
    return number;
}

static void keep_option(struct coap_peer_message *message, size_t number, const uint8_t *value,
                        size_t size)
{
    int64_t read = 0;
    for (size_t i = 0; i < size && i < 4; i++) read = read * 256 + value[i];
    if (number == OPTION_CONTENT_FORMAT) message->format = read;
    if (number == OPTION_MAX_AGE) message->max_age = read;
    if (number == OPTION_SIZE1) message->size1 = read;
}

static void parse(const uint8_t *bytes, size_t size, struct coap_peer_message *message)
{
    assert_true(size >= 4);
    assert_int_equal(bytes[0] >> 6, 1);
    message->type = (enum coap_peer_type)(bytes[0] >> 4 & 3);
    message->token_size = bytes[0] & 15U;
    message->code = (bytes[1] >> 5) * 100U + (bytes[1] & 31U);
    message->message_id = (uint16_t)(bytes[2] << 8 | bytes[3]);
    message->size = size;
    message->format = message->max_age = message->size1 = COAP_PEER_ABSENT;
    assert_true(message->token_size <= 8 && 4 + message->token_size <= size);
    memcpy(message->token, bytes + 4, message->token_size);
    if (message->code == 0) assert_int_equal(size, 4);

    size_t at = 4 + message->token_size, number = 0;
    while (at < size && bytes[at] != PAYLOAD_MARKER) {
        const uint8_t head = bytes[at++];
        number += take_extended(bytes, size, &at, head >> 4);
        size_t length = take_extended(bytes, size, &at, head & 15);
        assert_true(at + length <= size);
        keep_option(message, number, bytes + at, length);
        at += length;
    }
    if (at == size) return;
    assert_true(at + 1 < size);
    message->payload_size = size - at - 1;
    memcpy(message->payload, bytes + at + 1, message->payload_size);
}

bool coap_peer_receive(struct coap_peer *peer, struct coap_peer_message *message)
{
    uint8_t bytes[COAP_PEER_MESSAGE_SIZE];
    memset(message, 0, sizeof *message);
    ssize_t size = recv(peer->fd, bytes, sizeof bytes - 1, 0);
    if (size < 0) {
        assert_true(errno == EAGAIN || errno == ECONNREFUSED);
        return false;
    }
    parse(bytes, (size_t)size, message);
    return true;
}
