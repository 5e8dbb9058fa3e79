/* mqtt_reply: request and response over MQTT v5 (OASIS MQTT 5.0, 4.10): where the sender of a
 * request wants its answer, and publishing that answer.  Loop thread only. */
#ifndef ISOTHERM_BASE_MQTT_REPLY_H
#define ISOTHERM_BASE_MQTT_REPLY_H

#include "base/mqtt_client.h"

enum { MQTT_CORRELATION_SIZE = 64 };

struct mqtt_reply {
    char topic[LIMIT_TOPIC_SIZE]; /* "": the request names none */
    uint8_t correlation[MQTT_CORRELATION_SIZE];
    size_t correlation_size; /* 0: none */
};

/* Reads response topic and correlation data of a message, while its callback runs.  False: one of
 * them is longer than fits; *reply is then empty. */
bool mqtt_reply_read(const struct mqtt_message *message, struct mqtt_reply *reply);

/* Publishes an answer at QoS 1, with the correlation data of `reply` if there are any (with MQTT
 * 3.1.1 there are none), to `topic`.  As mqtt_client_publish. */
enum status mqtt_reply_publish(struct mqtt_client *client, const struct mqtt_reply *reply,
                               const char *topic, const char *payload, size_t size,
                               int *message_id) ISOTHERM_CHECK;

/* As mqtt_client_subscribe, for what others publish: with v5 the broker leaves out our own. */
enum status mqtt_reply_subscribe_others(struct mqtt_client *client, const char *filter,
                                        int qos) ISOTHERM_CHECK;

#endif
