/* mqtt_client: one MQTT connection that never gives up, on libmosquitto and our loop.
 *
 * Shared by the mqtt source and the mqtt uplink.  Name resolution and connecting run in the
 * loop's pool; after a loss it connects again with backoff and jitter for ever.  Messages and
 * acknowledgements come by callbacks.  Nothing is queued while disconnected.  Loop thread only. */
#ifndef ISOTHERM_BASE_MQTT_CLIENT_H
#define ISOTHERM_BASE_MQTT_CLIENT_H

#include "base/field.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_version { MQTT_VERSION_5, MQTT_VERSION_311 };

/* Options that both sides have; filled through the rows of MQTT_CLIENT_FIELDS. */
struct mqtt_options {
    char broker[LIMIT_TOPIC_SIZE]; /* mqtt://host[:1883] or mqtts://host[:8883] */
    char client_id[65];            /* "": made from gateway and part */
    char username[128];
    char password_file[LIMIT_PATH_SIZE];
    char ca_file[LIMIT_PATH_SIZE]; /* "": the system's certificates */
    char cert_file[LIMIT_PATH_SIZE];
    char key_file[LIMIT_PATH_SIZE];
    int version; /* enum mqtt_version */
    int64_t keepalive_ms;
    int64_t session_ms; /* how long the broker keeps our session */
    int64_t backoff_min_ms, backoff_max_ms;
};

extern const char *const mqtt_version_names[]; /* "5", "3.1.1", NULL */

#define MQTT_CLIENT_FIELDS(options_type, member)                                                   \
    {.name = "broker",                                                                             \
     .type = FIELD_TEXT,                                                                           \
     .offset = offsetof(options_type, member.broker),                                              \
     .size = sizeof((options_type *)0)->member.broker,                                             \
     .is_required = true,                                                                          \
     FIELD_HELP("Where the broker is: mqtt://host[:1883], or mqtts://host[:8883] for TLS.")},      \
        {.name = "client_id",                                                                      \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.client_id),                                       \
         .size = sizeof((options_type *)0)->member.client_id,                                      \
         .default_text = "",                                                                       \
         FIELD_HELP("MQTT client id; by default made from the gateway's name. Must be unique "     \
                    "at the broker and stay the same over restarts.")},                            \
        {.name = "username",                                                                       \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.username),                                        \
         .size = sizeof((options_type *)0)->member.username,                                       \
         .default_text = "",                                                                       \
         FIELD_HELP("User name at the broker.")},                                                  \
        {.name = "password_file",                                                                  \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.password_file),                                   \
         .size = sizeof((options_type *)0)->member.password_file,                                  \
         .default_text = "",                                                                       \
         FIELD_HELP("File whose first line is the password; must not be readable by others.")},    \
        {.name = "ca_file",                                                                        \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.ca_file),                                         \
         .size = sizeof((options_type *)0)->member.ca_file,                                        \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of the certificate authority; by default the system's.")},           \
        {.name = "cert_file",                                                                      \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.cert_file),                                       \
         .size = sizeof((options_type *)0)->member.cert_file,                                      \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of our certificate, when the broker wants one.")},                   \
        {.name = "key_file",                                                                       \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.key_file),                                        \
         .size = sizeof((options_type *)0)->member.key_file,                                       \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of the private key that goes with cert_file.")},                     \
        {.name = "version",                                                                        \
         .type = FIELD_CHOICE,                                                                     \
         .offset = offsetof(options_type, member.version),                                         \
         .choices = mqtt_version_names,                                                            \
         .default_text = "5",                                                                      \
         FIELD_HELP("MQTT version. With 3.1.1 a broker cannot say that it refused a message.")},   \
        {.name = "keepalive",                                                                      \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.keepalive_ms),                                    \
         .default_text = "30s",                                                                    \
         .min = 5000,                                                                              \
         .max = 3600000,                                                                           \
         FIELD_HELP("Keepalive; a dead connection is noticed after at most twice this.")},         \
        {.name = "session",                                                                        \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.session_ms),                                      \
         .default_text = "7d",                                                                     \
         .min = 0,                                                                                 \
         .max = INT64_C(315360000000),                                                             \
         FIELD_HELP("How long the broker keeps our session while we are away.")},                  \
        {.name = "retry_min",                                                                      \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.backoff_min_ms),                                  \
         .default_text = "1s",                                                                     \
         .min = 100,                                                                               \
         .max = 3600000,                                                                           \
         FIELD_HELP("Shortest wait before connecting again; grows with each failure.")},           \
    {                                                                                              \
        .name = "retry_max", .type = FIELD_DURATION,                                               \
        .offset = offsetof(options_type, member.backoff_max_ms), .default_text = "60s",            \
        .min = 100, .max = 3600000, FIELD_HELP("Longest wait before connecting again.")            \
    }

/* Holds the options against each other (URL, certificate with key, retry_min <= retry_max). */
void mqtt_options_check(const struct mqtt_options *options, const struct field_report *report);

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
    uint16_t send_maximum;         /* of publishes without an answer; 0: leave it to the library */
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
 * most), and releases everything; a connect running in the pool is abandoned and cleaned up when it
 * ends.  No callback afterwards.  NULL does nothing. */
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

/* Publishes that the broker takes before it has answered the first; 0: it has named no number.
 * What goes beyond waits in the library, in its order. */
uint16_t mqtt_client_receive_maximum(const struct mqtt_client *client);

/* Stop and restart reading from the socket. */
void mqtt_client_pause(struct mqtt_client *client);
void mqtt_client_resume(struct mqtt_client *client);

/* Reads what arrives without coalescing for a while: the broker waits for us, so that nothing more
 * would come. */
void mqtt_client_hurry(struct mqtt_client *client);

/* With holds_acknowledgements: while held nothing is written to the socket, so that no PUBACK
 * leaves before the commit that covers it; releasing writes all that is queued. */
void mqtt_client_hold(struct mqtt_client *client);
void mqtt_client_release(struct mqtt_client *client);

#endif
