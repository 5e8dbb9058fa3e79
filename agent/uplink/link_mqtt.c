/* Invariant: every message goes out at QoS 1, so each one published is answered or lost with the
 * connection. */
#include "uplink/link_mqtt.h"

#include "base/mqtt_client.h"

#include <stdlib.h>

enum { QOS_AT_LEAST_ONCE = 1 };

struct link {
    struct mqtt_client *client;
    struct link_events events;
};

static void on_connected(void *context, bool has_session)
{
    struct link *link = context;
    (void)has_session; /* the outbox remembers more than a session does */
    link->events.connected(link->events.context);
}

static void on_lost(void *context, const char *reason)
{
    struct link *link = context;
    link->events.lost(link->events.context, reason);
}

static void on_acknowledged(void *context, int message_id, int reason)
{
    struct link *link = context;
    link->events.acknowledged(link->events.context, message_id, reason);
}

static void link_mqtt_close(struct link *link)
{
    if (link == NULL) return;
    mqtt_client_close(link->client);
    free(link);
}

static void warn_of_silent_refusals(const struct mqtt_options *options,
                                    const struct link_settings *settings)
{
    if (options->version != MQTT_VERSION_311) return;
    log_write(settings->log, LOG_LEVEL_WARN, settings->part,
              "with MQTT 3.1.1 a broker cannot say that it refused a record: what its access rules "
              "forbid is lost; use version 5 if the broker can");
}

static size_t link_mqtt_size_bytes(void)
{
    return sizeof(struct link) + mqtt_client_size_bytes();
}

static enum status link_mqtt_open(struct link **link, const void *options,
                                  const struct link_settings *settings,
                                  const struct link_events *events)
{
    *link = NULL;
    struct link *made = calloc(1, sizeof *made);
    if (made == NULL) return ST_NO_MEMORY;
    made->events = *events;
    const struct mqtt_settings client_settings = {
        .loop = settings->loop,
        .log = settings->log,
        .part = settings->part,
        .default_client_id = settings->client_id,
        .will_topic = settings->death_topic,
        .will_payload = settings->death_payload,
    };
    const struct mqtt_events client_events = {
        .connected = on_connected,
        .lost = on_lost,
        .acknowledged = on_acknowledged,
        .context = made,
    };
    enum status status = mqtt_client_open(&made->client, options, &client_settings, &client_events);
    if (status != ST_OK) {
        free(made);
        return status;
    }
    *link = made;
    warn_of_silent_refusals(options, settings);
    return ST_OK;
}

static enum status link_mqtt_publish(struct link *link, const struct link_message *message,
                                     int *message_id)
{
    return mqtt_client_publish(link->client, message->topic, message->payload, message->size,
                               QOS_AT_LEAST_ONCE, message->is_retained, message->is_replay,
                               message_id);
}

static bool link_mqtt_is_connected(const struct link *link)
{
    return mqtt_client_is_connected(link->client);
}

static size_t link_mqtt_count_places(const struct link *link)
{
    return mqtt_client_receive_maximum(link->client);
}

const char *link_mqtt_reason_name(int reason)
{
    switch (reason) { /* MQTT v5, 3.4.2.1 */
    case 0x00:
        return "success";
    case 0x10:
        return "no matching subscribers";
    case 0x80:
        return "unspecified error";
    case 0x83:
        return "implementation specific error";
    case 0x87:
        return "not authorized";
    case 0x90:
        return "topic name invalid";
    case 0x91:
        return "packet identifier in use";
    case 0x95:
        return "packet too large";
    case 0x97:
        return "quota exceeded";
    case 0x99:
        return "payload format invalid";
    default:
        return NULL;
    }
}

const struct link_kind link_mqtt = {
    .name = "mqtt",
    .size_bytes = link_mqtt_size_bytes,
    .open = link_mqtt_open,
    .close = link_mqtt_close,
    .publish = link_mqtt_publish,
    .is_connected = link_mqtt_is_connected,
    .count_places = link_mqtt_count_places,
    .reason_name = link_mqtt_reason_name,
};
