/* Invariant: every callback that the library makes while it reads leaves errno at 0, by which
 * mqtt_client_packets.c tells whether more is to be read. */
#include "base/mqtt_client_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <mqtt_protocol.h>

static void on_connect(struct mosquitto *handle, void *context, int code, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt_client *client = context;
    bool is_v5 = client->options.version == MQTT_VERSION_5;
    if (client->state != CLIENT_GREETING) {
        mqtt_state_set_reason(client, "the broker sent CONNACK twice");
        client->wants_reconnect = true;
        errno = 0;
        return;
    }
    if (code != 0) {
        /* Only a person can change what lies behind these; anything else may pass by itself. */
        bool is_for_a_person = is_v5 ? code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION ||
                                           code == MQTT_RC_CLIENTID_NOT_VALID ||
                                           code == MQTT_RC_BAD_USERNAME_OR_PASSWORD ||
                                           code == MQTT_RC_NOT_AUTHORIZED ||
                                           code == MQTT_RC_BANNED || code == 1
                                     : code != 3;
        if (is_for_a_person) client->waits_longest = true;
        mqtt_state_set_reason(client, "the broker refused the connection: %s%s",
                              is_v5 && code >= 0x80 ? mosquitto_reason_string(code)
                                                    : mosquitto_connack_string(code),
                              is_v5 && (code == 1 || code == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION)
                                  ? " (set version: 3.1.1)"
                                  : "");
        errno = 0;
        return;
    }
    mqtt_state_enter(client, CLIENT_UP);
    mosquitto_log_callback_set(handle, NULL); /* else it formats a text for every packet */
    client->wants_flush = true;
    client->broker_receive_maximum = 0;
    (void)mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM,
                                        &client->broker_receive_maximum, false);
    client->subscription_count = 0;
    log_write(client->settings.log, LOG_LEVEL_INFO, client->settings.part,
              "connected to %s:%d as %s, MQTT %s, %s", client->address.host, client->address.port,
              client->client_id, mqtt_version_names[client->options.version],
              (flags & 1) ? "session resumed" : "new session");
    client->events.connected(client->events.context, (flags & 1) != 0);
    errno = 0;
}

static void on_disconnect(struct mosquitto *handle, void *context, int code,
                          const mosquitto_property *properties)
{
    (void)handle;
    (void)properties;
    struct mqtt_client *client = context;
    if (code < 0x80) return; /* an error of the library, which its caller gets too */
    client->is_taken_over = code == MQTT_RC_SESSION_TAKEN_OVER;
    if (client->is_taken_over) client->waits_longest = true;
    mqtt_state_set_reason(client, "the broker ended the connection: %s%s",
                          mosquitto_reason_string(code),
                          client->is_taken_over ? "; another client uses the same client_id" : "");
}

/* The flag that the library does not pass on.  What was seen holds for one packet. */
static enum mqtt_repeat take_repeat(struct mqtt_client *client)
{
    enum { PUBLISH = 0x30, TYPE_BITS = 0xf0, DUP_BIT = 0x08 };
    unsigned first_byte = client->first_byte;
    client->first_byte = 0;
    if ((first_byte & TYPE_BITS) != PUBLISH) return MQTT_REPEAT_UNKNOWN;
    return (first_byte & DUP_BIT) != 0 ? MQTT_REPEAT_YES : MQTT_REPEAT_NO;
}

static void on_message(struct mosquitto *handle, void *context,
                       const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    (void)handle;
    struct mqtt_client *client = context;
    if (client->events.message != NULL && !client->is_abandoned) {
        const struct mqtt_message ours = {
            .topic = message->topic,
            .payload = message->payload != NULL ? message->payload : "",
            .size = message->payloadlen > 0 ? (size_t)message->payloadlen : 0,
            .qos = message->qos,
            .id = (uint16_t)message->mid,
            .repeat = take_repeat(client),
            .is_retained = message->retain,
            .properties = properties,
        };
        client->events.message(client->events.context, &ours);
    }
    errno = 0;
}

static void on_publish(struct mosquitto *handle, void *context, int message_id, int code,
                       const mosquitto_property *properties)
{
    (void)handle;
    (void)properties;
    struct mqtt_client *client = context;
    if (client->events.acknowledged != NULL && !client->is_abandoned)
        client->events.acknowledged(client->events.context, message_id, code);
    errno = 0;
}

static void on_subscribe(struct mosquitto *handle, void *context, int message_id, int count,
                         const int *granted, const mosquitto_property *properties)
{
    (void)handle;
    (void)properties;
    struct mqtt_client *client = context;
    for (size_t i = 0; i < client->subscription_count && count > 0; i++) {
        if (client->subscriptions[i].message_id != message_id) continue;
        const char *filter = client->subscriptions[i].filter;
        if (granted[0] >= 0x80)
            log_write(client->settings.log, LOG_LEVEL_ERROR, client->settings.part,
                      "the broker refused to subscribe %s: %s", filter,
                      mosquitto_reason_string(granted[0]));
        else if (granted[0] < client->subscriptions[i].qos)
            log_write(client->settings.log, LOG_LEVEL_WARN, client->settings.part,
                      "the broker grants %s only QoS %d: a crash may lose readings", filter,
                      granted[0]);
        if (client->events.subscribed != NULL && !client->is_abandoned)
            client->events.subscribed(client->events.context, filter, granted[0]);
        break;
    }
    errno = 0;
}

/* What the library's errors about TLS mean to the person who reads them. */
static const struct {
    const char *found, *words;
} tls_words[] = {
    {"host name verification failed", "the broker's certificate is for another host name"},
    {"certificate verify failed",
     "the broker's certificate is not trusted: unknown authority (ca_file), expired, or our clock "
     "is wrong"},
    {"wrong version number", "the broker speaks no TLS on this port"},
    {"unsupported protocol", "the broker speaks only TLS versions before 1.2"},
};

/* The only place where the library says what was wrong with a certificate. */
static void on_log(struct mosquitto *handle, void *context, int level, const char *text)
{
    (void)handle;
    struct mqtt_client *client = context;
    /* The first error is the cause: that the host name is wrong comes before "verify failed". */
    if (level != MOSQ_LOG_ERR || client->library_error[0] != '\0') return;
    for (size_t i = 0; i < sizeof tls_words / sizeof *tls_words; i++)
        if (strstr(text, tls_words[i].found) != NULL) text = tls_words[i].words;
    const char *reason = strncmp(text, "OpenSSL", 7) == 0 ? strrchr(text, ':') : NULL;
    (void)snprintf(client->library_error, sizeof client->library_error, "%s%s",
                   reason != NULL ? "TLS: " : "", reason != NULL ? reason + 1 : text);
    client->library_error[strcspn(client->library_error, "\n")] = '\0';
}

void mqtt_events_set(struct mosquitto *handle)
{
    mosquitto_connect_v5_callback_set(handle, on_connect);
    mosquitto_disconnect_v5_callback_set(handle, on_disconnect);
    mosquitto_message_v5_callback_set(handle, on_message);
    mosquitto_publish_v5_callback_set(handle, on_publish);
    mosquitto_subscribe_v5_callback_set(handle, on_subscribe);
    mosquitto_log_callback_set(handle, on_log);
}
