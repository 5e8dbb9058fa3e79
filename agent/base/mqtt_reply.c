/* Invariant: what the library allocates to hand out a property is released before we return. */
#include "base/mqtt_reply.h"

#include "base/mqtt_client_state.h"

#include <stdlib.h>
#include <string.h>

#include <mqtt_protocol.h>

bool mqtt_reply_read(const struct mqtt_message *message, struct mqtt_reply *reply)
{
    memset(reply, 0, sizeof *reply);
    const mosquitto_property *properties = message->properties;
    char *topic = NULL;
    void *data = NULL;
    uint16_t data_size = 0;
    (void)mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &topic, false);
    (void)mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &data, &data_size,
                                         false);
    size_t topic_size = topic != NULL ? strlen(topic) : 0;
    bool fits = topic_size < sizeof reply->topic && data_size <= sizeof reply->correlation;
    if (fits && topic_size > 0) memcpy(reply->topic, topic, topic_size + 1);
    if (fits && data_size > 0) {
        memcpy(reply->correlation, data, data_size);
        reply->correlation_size = data_size;
    }
    free(topic);
    free(data);
    return fits;
}

enum status mqtt_reply_publish(struct mqtt_client *client, const struct mqtt_reply *reply,
                               const char *topic, const char *payload, size_t size, int *message_id)
{
    if (client->options.version != MQTT_VERSION_5 || reply->correlation_size == 0)
        return mqtt_client_publish(client, topic, payload, size, 1, false, false, message_id);
    mosquitto_property *properties = NULL;
    if (mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, reply->correlation,
                                      (uint16_t)reply->correlation_size) != MOSQ_ERR_SUCCESS)
        return ST_IO;
    enum status status =
        mqtt_client_publish_with(client, topic, payload, size, 1, false, properties, message_id);
    mosquitto_property_free_all(&properties);
    return status;
}

enum status mqtt_reply_subscribe_others(struct mqtt_client *client, const char *filter, int qos)
{
    bool is_v5 = client->options.version == MQTT_VERSION_5;
    return mqtt_client_subscribe_with(client, filter, qos, is_v5 ? MQTT_SUB_OPT_NO_LOCAL : 0);
}
