/* Drivers that have only a name and options, for a tree without the drivers. */
#include "driver.h"

#include <string.h>

struct subscription {
    char topic[LIMIT_TOPIC_SIZE], value[128], time[128], unit[128];
};

struct mqtt_source {
    char broker[LIMIT_TOPIC_SIZE];
    struct subscription subscribe[4];
    size_t subscribe_count;
};

struct coap_source {
    char listen[LIMIT_TOPIC_SIZE], path[128];
};

struct serial_source {
    char port[LIMIT_PATH_SIZE];
    int64_t baud;
    int parity;
    char line[128];
};

#define TEXT_ROW(row_type, member)                                                                 \
    .type = FIELD_TEXT, .offset = offsetof(row_type, member), .size = sizeof((row_type *)0)->member

static const struct field subscription_fields[] = {
    {.name = "topic",
     TEXT_ROW(struct subscription, topic),
     .is_required = true,
     .help = "Topic filter."},
    {.name = "value",
     TEXT_ROW(struct subscription, value),
     .default_text = "",
     .help = "Where the value stands."},
    {.name = "time",
     TEXT_ROW(struct subscription, time),
     .default_text = "",
     .help = "Where the time stands."},
    {.name = "unit", TEXT_ROW(struct subscription, unit), .default_text = "C", .help = "Unit."},
};

static void check_subscription(const void *options, const struct field_report *report)
{
    const struct subscription *subscription = options;
    if (subscription->time[0] != '\0' && subscription->value[0] == '\0') {
        report->add(report->context, "time", "needs a value pointer too");
    }
}

static const struct field_table subscription_table = {.fields = subscription_fields,
                                                      .count = sizeof subscription_fields /
                                                               sizeof *subscription_fields,
                                                      .help = "What is subscribed to.",
                                                      .check = check_subscription};

static const struct field mqtt_fields[] = {
    {.name = "broker",
     TEXT_ROW(struct mqtt_source, broker),
     .is_required = true,
     .help = "Where the broker is."},
    {.name = "subscribe",
     .type = FIELD_LIST,
     .offset = offsetof(struct mqtt_source, subscribe),
     .size = sizeof(struct subscription),
     .is_required = true,
     .fields = &subscription_table,
     .count_offset = offsetof(struct mqtt_source, subscribe_count),
     .max_count = 4},
};

static const struct field coap_fields[] = {
    {.name = "listen",
     TEXT_ROW(struct coap_source, listen),
     .is_required = true,
     .help = "Address to listen on."},
    {.name = "path",
     TEXT_ROW(struct coap_source, path),
     .is_required = true,
     .help = "Path of the resource."},
};

static const char *const parities[] = {"none", "even", "odd", NULL};

static const struct field serial_fields[] = {
    {.name = "port",
     TEXT_ROW(struct serial_source, port),
     .is_required = true,
     .help = "Device file."},
    {.name = "baud",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct serial_source, baud),
     .default_text = "9600",
     .min = 50,
     .max = 4000000,
     .help = "Bits per second."},
    {.name = "parity",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct serial_source, parity),
     .choices = parities,
     .default_text = "none",
     .help = "Parity."},
    {.name = "line",
     TEXT_ROW(struct serial_source, line),
     .default_text = "{value}",
     .help = "What a line looks like."},
};

static const struct field_table mqtt_table = {.fields = mqtt_fields,
                                              .count = sizeof mqtt_fields / sizeof *mqtt_fields};
static const struct field_table coap_table = {.fields = coap_fields,
                                              .count = sizeof coap_fields / sizeof *coap_fields};
static const struct field_table serial_table = {
    .fields = serial_fields, .count = sizeof serial_fields / sizeof *serial_fields};

static const struct driver mqtt = {.name = "mqtt",
                                   .help = "Readings from an MQTT broker.",
                                   .is_compiled = true,
                                   .options_size = sizeof(struct mqtt_source),
                                   .options = &mqtt_table};
static const struct driver coap = {.name = "coap",
                                   .help = "Readings sent to us over CoAP.",
                                   .is_compiled = true,
                                   .options_size = sizeof(struct coap_source),
                                   .options = &coap_table};
static const struct driver serial = {.name = "serial",
                                     .help = "Lines from a serial port.",
                                     .is_compiled = true,
                                     .options_size = sizeof(struct serial_source),
                                     .options = &serial_table};
static const struct driver modbus = {.name = "modbus", .help = "Registers over Modbus."};

static const struct driver *const drivers[] = {&mqtt, &coap, &serial, &modbus, NULL};

const struct driver *const *registry_list(void)
{
    return drivers;
}

const struct driver *registry_find(const char *name)
{
    for (size_t i = 0; drivers[i] != NULL; i++) {
        if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
    }
    return NULL;
}

enum status registry_check(const char **problem)
{
    *problem = "";
    return ST_OK;
}
