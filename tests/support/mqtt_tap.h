/* mqtt_tap: a piece of wire between an MQTT client and its broker that can be listened to and cut.
 *
 * It forwards bytes in the test's own loop, counts the packets the client sends by type, can put
 * bytes of a hostile broker on the wire, and can be cut.  One client at a time. */
#ifndef ISOTHERM_TESTS_MQTT_TAP_H
#define ISOTHERM_TESTS_MQTT_TAP_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MQTT_TAP_PUBLISH = 3, MQTT_TAP_PUBACK = 4, MQTT_TAP_DISCONNECT = 14 };

struct mqtt_tap {
    struct loop *loop;
    int port; /* for the client */
    int broker_port;
    char url[64];
    int listen_fd, client_fd, broker_fd; /* -1: none */
    struct loop_watch *listen_watch, *client_watch, *broker_watch;
    size_t connections;
    size_t sent[16];     /* packets the client sent, by type, over all connections */
    size_t header_bytes; /* of the client's packet that is being followed */
    uint32_t left;       /* bytes of it still to come */
};

void mqtt_tap_start(struct mqtt_tap *tap, struct loop *loop, int broker_port);
void mqtt_tap_stop(struct mqtt_tap *tap);

/* Ends the connection on both sides without a word of MQTT. */
void mqtt_tap_cut(struct mqtt_tap *tap);

/* Sends bytes to the client as if they came from the broker. */
void mqtt_tap_inject(struct mqtt_tap *tap, const void *bytes, size_t size);

/* Returns when all of it lies at the client, read or not; there must be room for it. */
void mqtt_tap_await_arrival(const struct mqtt_tap *tap);

#endif
