/* Invariant: bytes are forwarded in order and unchanged; both ends close together. */
#include "support/mqtt_tap.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_fd(int *fd)
{
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

void mqtt_tap_cut(struct mqtt_tap *tap)
{
    loop_watch_stop(&tap->client_watch);
    loop_watch_stop(&tap->broker_watch);
    close_fd(&tap->client_fd);
    close_fd(&tap->broker_fd);
}

/* Follows the packets of the client: a type byte, a length of 1 to 4 bytes, then the rest. */
static void follow(struct mqtt_tap *tap, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (tap->header_bytes == 0) {
            tap->sent[bytes[i] >> 4]++;
            tap->header_bytes = 1;
            tap->left = 0;
        } else {
            tap->left |= (uint32_t)(bytes[i] & 0x7f) << (7 * (tap->header_bytes - 1));
            tap->header_bytes++;
            if (bytes[i] & 0x80) continue;
            size_t here = size - i - 1;
            size_t skipped = tap->left < here ? tap->left : here;
            i += skipped;
            tap->left -= (uint32_t)skipped;
            if (tap->left > 0) return;
            tap->header_bytes = 0;
        }
    }
}

static void send_all(struct mqtt_tap *tap, int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            mqtt_tap_cut(tap);
            return;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

static void on_bytes(void *context, int fd, unsigned events)
{
    (void)events;
    struct mqtt_tap *tap = context;
    unsigned char bytes[16384];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size <= 0) {
        mqtt_tap_cut(tap);
        return;
    }
    bool is_client = fd == tap->client_fd;
    if (is_client) {
        /* A packet whose body goes on from the last read. */
        size_t skipped = tap->header_bytes > 1 && tap->left > 0
                             ? (tap->left < (size_t)size ? tap->left : (size_t)size)
                             : 0;
        tap->left -= (uint32_t)skipped;
        if (skipped > 0 && tap->left == 0) tap->header_bytes = 0;
        follow(tap, bytes + skipped, (size_t)size - skipped);
    }
    send_all(tap, is_client ? tap->broker_fd : tap->client_fd, bytes, (size_t)size);
}

static void on_accept(void *context, int fd, unsigned events)
{
    (void)events;
    struct mqtt_tap *tap = context;
    int client_fd = accept(fd, NULL, NULL);
    if (client_fd < 0) return;
    mqtt_tap_cut(tap);
    struct sockaddr_in address = loopback(tap->broker_port);
    int broker_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(broker_fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close_fd(&client_fd);
        close_fd(&broker_fd);
        return;
    }
    tap->client_fd = client_fd;
    tap->broker_fd = broker_fd;
    tap->header_bytes = 0;
    tap->connections++;
    tap->client_watch = loop_watch_start(tap->loop, client_fd, LOOP_READABLE, on_bytes, tap);
    tap->broker_watch = loop_watch_start(tap->loop, broker_fd, LOOP_READABLE, on_bytes, tap);
    assert_true(tap->client_watch != NULL && tap->broker_watch != NULL);
}

void mqtt_tap_start(struct mqtt_tap *tap, struct loop *loop, int broker_port)
{
    *tap = (struct mqtt_tap){
        .loop = loop, .broker_port = broker_port, .client_fd = -1, .broker_fd = -1};
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    tap->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(tap->listen_fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(tap->listen_fd, 8), 0);
    assert_int_equal(getsockname(tap->listen_fd, (struct sockaddr *)&address, &size), 0);
    tap->port = ntohs(address.sin_port);
    (void)snprintf(tap->url, sizeof tap->url, "mqtt://127.0.0.1:%d", tap->port);
    tap->listen_watch = loop_watch_start(loop, tap->listen_fd, LOOP_READABLE, on_accept, tap);
    assert_non_null(tap->listen_watch);
}

void mqtt_tap_stop(struct mqtt_tap *tap)
{
    mqtt_tap_cut(tap);
    loop_watch_stop(&tap->listen_watch);
    close_fd(&tap->listen_fd);
}

void mqtt_tap_inject(struct mqtt_tap *tap, const void *bytes, size_t size)
{
    assert_true(tap->client_fd >= 0);
    send_all(tap, tap->client_fd, bytes, size);
}

/* What its kernel has acknowledged is there. */
void mqtt_tap_await_arrival(const struct mqtt_tap *tap)
{
    int left = 1;
    while (left > 0) {
        assert_int_equal(ioctl(tap->client_fd, SIOCOUTQ, &left), 0);
        (void)sched_yield();
    }
}
