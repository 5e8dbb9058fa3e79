/* mqtt_client: one MQTT connection that never gives up, on libmosquitto and our loop.
 *
 * Shared by the mqtt source and the mqtt uplink.  Name resolution and connecting run in the
 * loop's pool; after a loss it connects again with backoff and jitter for ever.  Messages and
 * acknowledgements come by callbacks.  Nothing is queued while disconnected.  Loop thread only. */
#ifndef ISOTHERM_BASE_MQTT_CLIENT_H
#define ISOTHERM_BASE_MQTT_CLIENT_H

#include "base/log.h"
#include "base/loop.h"
#include "base/mqtt_options.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the broker says that it sent this before (DUP); unknown over TLS. */
enum mqtt_repeat { MQTT_REPEAT_UNKNOWN, MQTT_REPEAT_NO, MQTT_REPEAT_YES };

struct mqtt_message {
    const char *topic;
    const char *payload; /* not NUL-terminated */
    size_t size;
    int qos;
    uint16_t id; /* 0 at QoS 0; kept by the broker when it sends the message again */
    enum mqtt_repeat repeat;
    bool is_retained;
    const void *properties; /* v5, for mqtt_reply_read; NULL: none */
};

struct mqtt_events {
    void (*connected)(void *context, bool has_session); /* subscribe and publish now */
    void (*lost)(void *context, const char *reason);    /* also for a failed attempt */
    void (*message)(void *context, const struct mqtt_message *message);
    /* The broker's answer to a publish at QoS 1; reason codes at and above 0x80 are refusals. */
    void (*acknowledged)(void *context, int message_id, int reason_code);
    /* The broker's answer to a subscription: the QoS granted, or 0x80 and above for a refusal. */
    void (*subscribed)(void *context, const char *filter, int granted);
    void *context; /* all but connected and lost may be NULL */
};

struct mqtt_settings {
    struct loop *loop;
    struct log *log;
    const char *part;              /* name in log lines; kept by the caller */
    const char *default_client_id; /* copied */
    uint16_t receive_maximum;      /* v5; 0: leave it to the library */
    uint32_t packet_limit_bytes;   /* a broker that sends more is dropped; 0: 1 MiB */
    int64_t coalesce_ms;           /* what arrives is read this much later, with what follows */
    bool holds_acknowledgements;   /* nothing is written while mqtt_client_hold is in force */
    const char *will_topic;        /* NULL: no will.  Copied. */
    const char *will_payload;      /* retained, QoS 1 */
};

struct mqtt_client;
size_t mqtt_client_size_bytes(void); /* what mqtt_client_open allocates */
/* Begins to connect.  Everything but `part` is copied.  ST_INVALID: bad
 * URL, unreadable password or certificate file (reason logged); ST_NO_MEMORY, ST_FULL. */
enum status mqtt_client_open(struct mqtt_client **client, const struct mqtt_options *options,
                             const struct mqtt_settings *settings,
                             const struct mqtt_events *events) ISOTHERM_CHECK;

/* Sends DISCONNECT when connected, waits until the broker has closed the line (half a second at
 * most, three with a will), and releases everything; a connect running in the pool is abandoned and
 * cleaned up when it ends.  No callback afterwards.  NULL does nothing. */
void mqtt_client_close(struct mqtt_client *client);

/* To be called at every connected(), with or without a session.  A refusal by the broker is
 * logged; `filter` stays valid until close.  ST_CLOSED: not connected; ST_FULL: more than
 * MQTT_SUBSCRIPTIONS; ST_IO: refused by the library. */
enum { MQTT_SUBSCRIPTIONS = 16 };
enum status mqtt_client_subscribe(struct mqtt_client *client, const char *filter,
                                  int qos) ISOTHERM_CHECK;

/* Publishes; never queued while disconnected.  *message_id is for acknowledged().  `is_replay`
 * adds the v5 user property replay=1.  ST_CLOSED: not connected (nothing was sent); ST_IO. */
enum status mqtt_client_publish(struct mqtt_client *client, const char *topic, const char *payload,
                                size_t size, int qos, bool is_retained, bool is_replay,
                                int *message_id) ISOTHERM_CHECK;

/* Gives the connection up and connects again, after the shortest wait; lost() is told. */
void mqtt_client_reconnect(struct mqtt_client *client, const char *reason);
bool mqtt_client_is_connected(const struct mqtt_client *client);
/* Publishes that the broker takes before it has answered the first; 0: it has named no number. */
uint16_t mqtt_client_receive_maximum(const struct mqtt_client *client);

/* Stop and restart reading from the socket. */
void mqtt_client_pause(struct mqtt_client *client);
void mqtt_client_resume(struct mqtt_client *client);

/* Reads what arrives without coalescing for a while: the broker waits for us. */
void mqtt_client_hurry(struct mqtt_client *client);

/* With holds_acknowledgements: while held nothing is written to the socket, so that no PUBACK
 * leaves before the commit that covers it; releasing writes all that is queued. */
void mqtt_client_hold(struct mqtt_client *client);
void mqtt_client_release(struct mqtt_client *client);

#endif
