/* The mqtt driver against a real mosquitto: the suite. */
#include "conformance/conformance.h"

#include "driver_mqtt.h"
#include "support/broker.h"
#include "support/mqtt_tap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct counterpart {
    struct broker broker;
    struct mqtt_tap taps[2];
};

static void start(void *context, struct loop *loop)
{
    struct counterpart *counterpart = context;
    broker_prepare(&counterpart->broker, &(struct broker_options){.is_persistent = true});
    broker_run(&counterpart->broker);
    for (int i = 0; i < 2; i++)
        mqtt_tap_start(&counterpart->taps[i], loop, counterpart->broker.port);
}

static void stop(void *context)
{
    struct counterpart *counterpart = context;
    for (int i = 0; i < 2; i++) mqtt_tap_stop(&counterpart->taps[i]);
    broker_remove(&counterpart->broker);
}

static void set_options(void *context, int instance, void *opaque)
{
    const struct counterpart *counterpart = context;
    struct driver_mqtt_options *options = opaque;
    struct driver_mqtt_subscription *subscription = &options->subscriptions[0];
    (void)snprintf(options->client.broker, sizeof options->client.broker, "%s",
                   counterpart->taps[instance].url);
    options->client.keepalive_ms = 30000;
    options->client.session_ms = 3600000;
    options->client.backoff_min_ms = 100;
    options->client.backoff_max_ms = 500;
    options->receive_maximum = 250;
    (void)snprintf(subscription->topic, sizeof subscription->topic, "site%d/+device/t", instance);
    (void)snprintf(subscription->mapping.unit, sizeof subscription->mapping.unit, "C");
    subscription->qos = 1;
    options->subscription_count = 1;
}

static void break_options(void *context, void *opaque)
{
    (void)context;
    struct driver_mqtt_options *options = opaque;
    (void)snprintf(options->client.broker, sizeof options->client.broker, "http://127.0.0.1");
}

static void publish(const struct counterpart *counterpart, int instance, const char *payload)
{
    char topic[32];
    (void)snprintf(topic, sizeof topic, "site%d/oven/t", instance);
    broker_publish(&counterpart->broker, topic, payload, 1, false);
}

static void send_reading(void *context, int instance, int64_t value_micro)
{
    char payload[32];
    (void)snprintf(payload, sizeof payload, "%" PRId64 ".%06" PRId64, value_micro / 1000000,
                   value_micro % 1000000);
    publish(context, instance, payload);
}

static void send_garbage(void *context, int instance)
{
    publish(context, instance, "21,5 degrees");
}

static void vanish(void *context)
{
    broker_stop(&((struct counterpart *)context)->broker);
}

static void come_back(void *context)
{
    broker_run(&((struct counterpart *)context)->broker);
}

static size_t count_acknowledged(void *context, int instance)
{
    return ((struct counterpart *)context)->taps[instance].sent[MQTT_TAP_PUBACK];
}

int main(void)
{
    struct counterpart counterpart = {0};
    const struct conformance_case the_case = {
        .driver = &driver_mqtt,
        .device = "oven",
        .garbage_verdict = VERDICT_NOT_NUMBER,
        .counterpart = &counterpart,
        .start = start,
        .stop = stop,
        .set_options = set_options,
        .break_options = break_options,
        .send_reading = send_reading,
        .send_garbage = send_garbage,
        .vanish = vanish,
        .come_back = come_back,
        .count_acknowledged = count_acknowledged,
    };
    return conformance_run(&the_case);
}
