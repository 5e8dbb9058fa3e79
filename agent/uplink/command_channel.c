/* Invariant: `in_flight` is the number of publishes of this connection without an answer, and never
 * more than COMMAND_CHANNEL_IN_FLIGHT, so the library's own queue stays that short. */
#include "uplink/command_channel.h"

#include "base/device_id.h"
#include "base/text.h"
#include "uplink/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QOS_AT_LEAST_ONCE = 1, PACKET_OVERHEAD_BYTES = 4096 };

static const char part[] = "commands";
static const char states_level[] = "/alarm-state/";
static const char refresh_level[] = "/alarm-refresh";

struct command_channel {
    struct mqtt_client *client;
    struct command_channel_events events;
    struct topics topics;
    char topic[LIMIT_TOPIC_SIZE];       /* of the requests; "": none */
    char states[LIMIT_TOPIC_SIZE + 32]; /* filter of all states */
    size_t in_flight;
};

static const struct field command_fields[] = {
    {.name = "topic",
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_channel_options, topic),
     .size = sizeof((struct command_channel_options *)0)->topic,
     .default_text = "",
     FIELD_HELP(
         "Where commands are taken from, e.g. isotherm/{gateway}/command; {gateway} is replaced "
         "by the gateway's name. Empty: from nowhere. At the broker give write access to it "
         "only to those who may command.")},
    {.name = "size",
     .type = FIELD_BYTES,
     .offset = offsetof(struct command_channel_options, size_bytes),
     .default_text = "1 KiB",
     .min = 128,
     .max = 4096,
     FIELD_HELP("The largest request that is looked at.")},
    {.name = "age",
     .type = FIELD_DURATION,
     .offset = offsetof(struct command_channel_options, age_ms),
     .default_text = "2min",
     .min = 1000,
     .max = 86400000,
     FIELD_HELP(
         "The oldest request that is carried out, by its own time; checked while our clock can "
         "be trusted.")},
    {.name = "allow",
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_channel_options, allow),
     .size = sizeof((struct command_channel_options *)0)->allow,
     .default_text = "ack reset shelve unshelve",
     FIELD_HELP("Which commands may come this way, of ack, reset, shelve, unshelve, oos, return.")},
    {.name = "actors",
     .type = FIELD_TEXT,
     .offset = offsetof(struct command_channel_options, actors),
     .size = sizeof((struct command_channel_options *)0)->actors,
     .default_text = "*",
     FIELD_HELP("Whose commands are carried out: a pattern over the actor that a request names.")},
};

static void check_allow(const struct command_channel_options *options,
                        const struct field_report *report)
{
    static const char *const names[] = {"ack", "reset", "shelve", "unshelve", "oos", "return"};
    const char *rest = options->allow;
    for (;;) {
        rest += strspn(rest, " ,");
        size_t size = strcspn(rest, " ,"), known = 0;
        if (size == 0) return;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known += strlen(names[i]) == size && strncmp(names[i], rest, size) == 0;
        if (known == 0) {
            report->add(report->context, "allow",
                        "knows only ack, reset, shelve, unshelve, oos, return");
            return;
        }
        rest += size;
    }
}

static void check_options(const void *checked, const struct field_report *report)
{
    const struct command_channel_options *options = checked;
    if (strpbrk(options->topic, "+#") != NULL)
        report->add(report->context, "topic", "must not contain the wildcards + and #");
    else if (options->topic[0] == '$')
        report->add(report->context, "topic", "must not begin with $, which is the broker's own");
    if (options->actors[0] == '\0')
        report->add(report->context, "actors", "is empty; * stands for everybody");
    check_allow(options, report);
}

const struct field_table command_channel_option_table = {
    .fields = command_fields,
    .count = sizeof command_fields / sizeof *command_fields,
    FIELD_HELP("Commands for alarms from the central broker; off without a topic."),
    .check = check_options,
};

/* ---- the connection ---- */

static void on_connected(void *context, bool has_session)
{
    struct command_channel *channel = context;
    (void)has_session; /* there is none */
    channel->in_flight = 0;
    if (channel->topic[0] != '\0' &&
        mqtt_client_subscribe(channel->client, channel->topic, QOS_AT_LEAST_ONCE) != ST_OK)
        mqtt_client_reconnect(channel->client, "cannot subscribe to the command topic");
    channel->events.connected(channel->events.context);
}

static void on_lost(void *context, const char *reason)
{
    struct command_channel *channel = context;
    (void)reason; /* the records' connection says the same */
    channel->in_flight = 0;
}

/* Undoes device_id_to_topic_level for the level that ends at `end`.  False: it does not fit. */
static bool read_level(const char *level, const char *end, char *name, size_t capacity)
{
    size_t size = 0;
    while (level < end) {
        if (size + 1 >= capacity) return false;
        char c = *level++;
        bool is_slash = c == '%' && end - level >= 2 && strncmp(level, "2F", 2) == 0;
        bool is_percent = c == '%' && end - level >= 2 && strncmp(level, "25", 2) == 0;
        if (is_slash) c = '/';
        if (is_slash || is_percent) level += 2;
        name[size++] = c;
    }
    name[size] = '\0';
    return size > 0;
}

static void take_state(struct command_channel *channel, const char *topic)
{
    char device[LIMIT_DEVICE_ID_SIZE], name[LIMIT_TOPIC_SIZE];
    size_t before = strlen(channel->topics.prefix) + strlen(states_level);
    if (strlen(topic) <= before) return;
    const char *level = topic + before, *slash = strchr(level, '/');
    if (slash == NULL || !read_level(level, slash, device, sizeof device)) return;
    if (!read_level(slash + 1, slash + strlen(slash), name, sizeof name)) return;
    channel->events.state(channel->events.context, device, name);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct command_channel *channel = context;
    if (strcmp(message->topic, channel->topic) == 0)
        channel->events.request(channel->events.context, message);
    else if (message->is_retained && message->size > 0)
        take_state(channel, message->topic);
}

void command_channel_ask_states(struct command_channel *channel)
{
    (void)snprintf(channel->states, sizeof channel->states, "%s%s+/+", channel->topics.prefix,
                   states_level);
    if (mqtt_reply_subscribe_others(channel->client, channel->states, 0) != ST_OK)
        mqtt_client_reconnect(channel->client, "cannot ask for the states of alarms");
}

static void on_acknowledged(void *context, int message_id, int reason_code)
{
    struct command_channel *channel = context;
    (void)message_id;
    (void)reason_code; /* whoever may not be answered is not answered */
    if (channel->in_flight > 0) channel->in_flight--;
    channel->events.room(channel->events.context);
}

static bool fill(struct command_channel *channel, const struct command_channel_settings *settings,
                 struct mqtt_options *mqtt, char *client_id, size_t capacity)
{
    struct topics commands;
    if (!topics_init(&channel->topics, settings->prefix, settings->gateway)) return false;
    if (settings->options->topic[0] != '\0') {
        if (!topics_init(&commands, settings->options->topic, settings->gateway)) return false;
        memcpy(channel->topic, commands.prefix, sizeof channel->topic);
    }
    *mqtt = *settings->mqtt;
    mqtt->session_ms = 0;
    size_t size = strlen(mqtt->client_id);
    (void)snprintf(mqtt->client_id + size, sizeof mqtt->client_id - size, "%s",
                   size > 0 ? "-commands" : "");
    (void)snprintf(client_id, capacity, "isotherm-%s-commands", settings->gateway);
    return true;
}

enum status command_channel_open(struct command_channel **result,
                                 const struct command_channel_settings *settings,
                                 const struct command_channel_events *events)
{
    struct mqtt_options mqtt;
    char client_id[LIMIT_GATEWAY_SIZE + 32];
    struct command_channel *channel = calloc(1, sizeof *channel);
    *result = channel;
    if (channel == NULL) return ST_NO_MEMORY;
    channel->events = *events;
    enum status status = ST_INVALID;
    if (fill(channel, settings, &mqtt, client_id, sizeof client_id)) {
        const struct mqtt_settings client_settings = {
            .loop = settings->loop,
            .log = settings->log,
            .part = part,
            .default_client_id = client_id,
            .packet_limit_bytes = (uint32_t)settings->options->size_bytes + PACKET_OVERHEAD_BYTES,
        };
        const struct mqtt_events client_events = {.connected = on_connected,
                                                  .lost = on_lost,
                                                  .message = on_message,
                                                  .acknowledged = on_acknowledged,
                                                  .context = channel};
        status = mqtt_client_open(&channel->client, &mqtt, &client_settings, &client_events);
    } else {
        log_write(settings->log, LOG_LEVEL_ERROR, part, "topic \"%s\" makes no usable topic",
                  settings->options->topic);
    }
    if (status == ST_OK) return ST_OK;
    free(channel);
    *result = NULL;
    return status;
}

size_t command_channel_size_bytes(void)
{
    return sizeof(struct command_channel) + mqtt_client_size_bytes();
}

void command_channel_close(struct command_channel *channel)
{
    if (channel == NULL) return;
    mqtt_client_close(channel->client);
    free(channel);
}

bool command_channel_is_connected(const struct command_channel *channel)
{
    return mqtt_client_is_connected(channel->client);
}

bool command_channel_has_room(const struct command_channel *channel)
{
    return command_channel_is_connected(channel) && channel->in_flight < COMMAND_CHANNEL_IN_FLIGHT;
}

/* ---- publishing ---- */

static enum status note_publish(struct command_channel *channel, enum status status)
{
    if (status == ST_OK) channel->in_flight++;
    return status;
}

bool command_channel_may_answer(const char *topic, const char *prefix, const char *command_topic)
{
    if (topic[0] == '\0' || topic[0] == '$' || strpbrk(topic, "+#") != NULL) return false;
    if (strcmp(topic, command_topic) == 0) return false;
    size_t size = strlen(prefix);
    bool is_ours = strncmp(topic, prefix, size) == 0 && (topic[size] == '/' || topic[size] == '\0');
    if (!is_ours) return true;
    static const char answer[] = "/answer";
    const char *rest = topic + size;
    if (strncmp(rest, answer, sizeof answer - 1) != 0) return false;
    return rest[sizeof answer - 1] == '/' || rest[sizeof answer - 1] == '\0';
}

enum status command_channel_answer(struct command_channel *channel, const struct mqtt_reply *reply,
                                   const char *json, size_t size)
{
    if (!command_channel_is_connected(channel)) return ST_CLOSED;
    if (!command_channel_has_room(channel)) return ST_AGAIN;
    char topic[COMMAND_CHANNEL_TOPIC_SIZE];
    bool may = command_channel_may_answer(reply->topic, channel->topics.prefix, channel->topic);
    if (may)
        (void)snprintf(topic, sizeof topic, "%s", reply->topic);
    else
        (void)snprintf(topic, sizeof topic, "%s/answer", channel->topics.prefix);
    int message_id;
    return note_publish(channel,
                        mqtt_reply_publish(channel->client, reply, topic, json, size, &message_id));
}

enum status command_channel_publish_state(struct command_channel *channel, const char *device,
                                          const char *name, const char *json, size_t size)
{
    if (!command_channel_is_connected(channel)) return ST_CLOSED;
    if (!command_channel_has_room(channel)) return ST_AGAIN;
    char topic[COMMAND_CHANNEL_TOPIC_SIZE];
    struct text text;
    text_init(&text, topic, sizeof topic);
    text_add(&text, channel->topics.prefix);
    text_add(&text, states_level);
    if (!device_id_to_topic_level(device, topic + text.size, sizeof topic - text.size))
        return ST_INVALID;
    text.size += strlen(topic + text.size);
    text_add_char(&text, '/');
    if (text.is_cut || !device_id_to_topic_level(name, topic + text.size, sizeof topic - text.size))
        return ST_INVALID;
    int message_id;
    return note_publish(channel, mqtt_client_publish(channel->client, topic, json, size,
                                                     QOS_AT_LEAST_ONCE, true, false, &message_id));
}

enum status command_channel_publish_refresh(struct command_channel *channel, const char *json,
                                            size_t size)
{
    if (!command_channel_is_connected(channel)) return ST_CLOSED;
    if (!command_channel_has_room(channel)) return ST_AGAIN;
    char topic[COMMAND_CHANNEL_TOPIC_SIZE];
    struct text text;
    text_init(&text, topic, sizeof topic);
    text_add(&text, channel->topics.prefix);
    text_add(&text, refresh_level);
    int message_id;
    return note_publish(channel, mqtt_client_publish(channel->client, topic, json, size,
                                                     QOS_AT_LEAST_ONCE, false, false, &message_id));
}
