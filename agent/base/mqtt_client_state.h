/* mqtt_client_state: what the three files of mqtt_client share.
 *
 * mqtt_client.c connects, loses and retries; mqtt_client_packets.c moves packets between socket
 * and library; mqtt_client_events.c takes the library's callbacks.  Internal.  Loop thread only,
 * except while connecting. */
#ifndef ISOTHERM_BASE_MQTT_CLIENT_STATE_H
#define ISOTHERM_BASE_MQTT_CLIENT_STATE_H

#include "base/clock.h"
#include "base/mqtt_client.h"
#include "base/mqtt_client_setup.h"

enum { MQTT_REASON_SIZE = 192, MQTT_SEEN = 64 };

enum client_state { CLIENT_WAITING, CLIENT_CONNECTING, CLIENT_GREETING, CLIENT_UP };

struct mqtt_client {
    struct mqtt_options options; /* a copy: the pool may still read it after close */
    struct mqtt_settings settings;
    struct mqtt_events events;
    struct mqtt_address address;
    char client_id[sizeof((struct mqtt_options *)0)->client_id];
    char will_topic[LIMIT_TOPIC_SIZE];
    char will_payload[LIMIT_TOPIC_SIZE];
    struct clock clock;
    uint64_t random_state;

    enum client_state state;
    struct mosquitto *handle;
    mosquitto_property *properties; /* of CONNECT; only while connecting */
    int connect_rc, connect_errno;
    struct loop_watch *watch;
    unsigned watched;
    struct loop_timer *timer;      /* next try while WAITING, else a tick each second */
    struct loop_timer *rest_timer; /* the end of a rest */

    uint16_t broker_receive_maximum; /* of this connection; 0: it named none */
    uint32_t attempt;
    unsigned takeovers;    /* connections in a row that ended as if another client had our id */
    int64_t since_mono_ms; /* entered the state */
    char reason[MQTT_REASON_SIZE];
    char library_error[MQTT_REASON_SIZE]; /* the last error the library logged */
    struct {
        int message_id;
        const char *filter;
        int qos;
    } subscriptions[MQTT_SUBSCRIPTIONS];
    size_t subscription_count;
    uint8_t seen[MQTT_SEEN];          /* first bytes of packets whose length was looked at */
    uint32_t seen_packets, seen_next; /* those still to be read, and the place of the first */
    unsigned full_rounds;             /* one after the other, without the socket being empty */
    unsigned stall_tries;             /* rests in wait for the same header */
    uint32_t unseen_bytes;            /* the library has at most taken in of an unseen packet */
    int64_t hurry_until_mono_ms;      /* no coalescing before */

    bool can_peek;      /* plain TCP, and a library that reads no further than one packet */
    bool has_published; /* on this connection, at QoS 1 */
    uint8_t first_byte; /* of the packet the library reads; 0: not known */
    bool is_paused, is_held;
    bool is_resting;       /* the socket is not looked at until the timer says so */
    bool is_draining;      /* something may be left in the socket from the last look */
    bool is_unseen;        /* the library reads a packet whose length was not looked at before */
    bool is_inside_packet; /* the library has read a part of a packet */
    bool wants_flush;      /* connected() has queued packets that go before any message is read */
    bool wants_reconnect;
    bool is_taken_over; /* by another client with our id, as the broker says */
    bool is_closed_by_broker;
    bool waits_longest; /* the broker's answer says that trying again soon is no use */
    bool is_in_library;
    bool is_abandoned; /* closed while the handle was in use: freed by whoever uses it */
};

/* Keeps the first cause of a loss: it is the one that helps. */
void mqtt_state_set_reason(struct mqtt_client *client, const char *format, ...)
    ISOTHERM_PRINTF(2, 3);

void mqtt_state_enter(struct mqtt_client *client, enum client_state state);

/* Whether acknowledgements are held, so that nothing may be written. */
bool mqtt_packets_are_held(const struct mqtt_client *client);

/* Reads what is there, within bounds; writes what is queued unless held.  Both return a
 * MOSQ_ERR_* code.  The client may be abandoned in a callback meanwhile. */
int mqtt_packets_read(struct mqtt_client *client);
int mqtt_packets_write(struct mqtt_client *client);

/* As mqtt_client_subscribe, with the subscription options of MQTT v5. */
enum status mqtt_client_subscribe_with(struct mqtt_client *client, const char *filter, int qos,
                                       int options) ISOTHERM_CHECK;

/* As mqtt_client_publish, with v5 properties (NULL: none), which stay the caller's. */
enum status mqtt_client_publish_with(struct mqtt_client *client, const char *topic,
                                     const char *payload, size_t size, int qos, bool is_retained,
                                     const mosquitto_property *properties,
                                     int *message_id) ISOTHERM_CHECK;

/* Looks away from the socket for a while; the caller updates its watch. */
void mqtt_packets_rest(struct mqtt_client *client, int64_t wait_ms);

/* Begins a rest, so that what arrives is read together with what follows soon.  False: to be
 * read now. */
bool mqtt_packets_coalesce(struct mqtt_client *client);

/* Directs the callbacks of a fresh handle, whose context is the client, to us. */
void mqtt_events_set(struct mosquitto *handle);

#endif
