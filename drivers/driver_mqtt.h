/* driver_mqtt: readings from an MQTT broker, acknowledged after the commit.  Loop thread only. */
#ifndef ISOTHERM_DRIVER_MQTT_H
#define ISOTHERM_DRIVER_MQTT_H

#include "base/mqtt_client.h"
#include "driver.h"
#include "mapping.h"
#include "topic_map.h"

#include <stddef.h>
#include <stdint.h>

struct driver_mqtt_subscription {
    char topic[LIMIT_TOPIC_SIZE]; /* filter; see topic_map.h */
    char id[TOPIC_MAP_ID_SIZE];
    int64_t qos; /* 0 or 1 */
    struct mapping mapping;
};

struct driver_mqtt_options {
    struct mqtt_options client;
    int64_t receive_maximum;
    int64_t coalesce_ms; /* 0: read each message as it comes */
    int retained;        /* 0: refuse, 1: accept */
    int repeats;         /* 0: marked, with their ids; 1: not marked; 2: with new ids */
    struct driver_mqtt_subscription subscriptions[MQTT_SUBSCRIPTIONS];
    size_t subscription_count;
};

extern const struct driver driver_mqtt;

#endif
