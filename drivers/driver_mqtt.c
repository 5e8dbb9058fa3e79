/* Invariant: while a reading taken at QoS 1 is not yet durable, or one is kept because the intake
 * was busy, acknowledgements are held: libmosquitto has queued them already and writes all of
 * them at once or none.  So everything that is acknowledged is committed.
 *
 * What a broker sends again when a session is resumed are the messages it has no acknowledgement
 * for, with their ids, before anything new.  Those that were dealt with before are recognised by
 * id, topic and payload, and only then: later an id may well come with the same payload anew. */
#include "driver_mqtt.h"

#include "stream/reading.h"
#include "window_guess.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#define KEY_SEED UINT64_C(0x69736f746865726d) /* the same for ever: keys outlive the process */

enum { REPEATS_MARKED, REPEATS_UNMARKED, REPEATS_RENUMBERED };

enum {
    WINDOW_MAX = 512,
    WINDOWS_UNDER_WAY = 16, /* seen from mosquitto 2.0.11: 5 */
    IN_FLIGHT_311 = 20,     /* what brokers send unacknowledged when they are not told a number */
    GUESSED_PATIENCE_MS = 1000, /* a commit for a guess waits, where the flash is to be spared */
    PACKET_ROOM_BYTES = 65536   /* topic and properties beside the payload */
};

struct state {
    struct intake *intake;
    const struct driver_mqtt_options *options;
    struct mqtt_client *client;
    struct topic_map maps[MQTT_SUBSCRIPTIONS];
    char default_client_id[sizeof((struct mqtt_options *)0)->client_id];

    uint64_t last_ticket;  /* of the readings at QoS 1 */
    size_t unacknowledged; /* messages at QoS 1 whose acknowledgement is held */
    struct window_guess window;
    size_t repeats_left;   /* so many messages may still be repeats */
    uint64_t begin_ticket; /* when it is durable the new session may begin; 0: it has begun */
    struct reading kept;   /* the intake was busy: to be offered again */
    uint64_t kept_key;
    int kept_qos;
    bool has_kept;
    bool is_paused;           /* by the core */
    size_t answered, granted; /* subscriptions on this connection */
};

/* ---- options ---- */

static const char *const retained_names[] = {"refuse", "accept", NULL};
static const char *const repeats_names[] = {"marked", "unmarked", "renumbered", NULL};

static const struct field subscription_fields[] = {
    {.name = "topic",
     .type = FIELD_TEXT,
     .offset = offsetof(struct driver_mqtt_subscription, topic),
     .size = sizeof((struct driver_mqtt_subscription *)0)->topic,
     .is_required = true,
     FIELD_HELP("Topic filter. A level +name matches like + and becomes a part of the device id; a "
                "message belongs to the first filter that fits, so filters should not overlap.")},
    {.name = "id",
     .type = FIELD_TEXT,
     .offset = offsetof(struct driver_mqtt_subscription, id),
     .size = sizeof((struct driver_mqtt_subscription *)0)->id,
     .default_text = "",
     FIELD_HELP(
         "The device id, with {name} for a named level, e.g. {line}-{device}; by default all "
         "named levels joined by /.")},
    {.name = "qos",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct driver_mqtt_subscription, qos),
     .default_text = "1",
     .min = 0,
     .max = 1,
     FIELD_HELP(
         "1: the broker sends again what was not committed before a crash; 0: it does not. 2 "
         "is not offered, because it loses messages in a crash; such messages arrive with 1.")},
    MAPPING_FIELDS(struct driver_mqtt_subscription, mapping),
};

static void check_subscription(const void *options, const struct field_report *report)
{
    const struct driver_mqtt_subscription *subscription = options;
    struct topic_map map;
    const char *problem = "";
    mapping_check(&subscription->mapping, report);
    if (topic_map_parse(&map, subscription->topic, subscription->id, &problem) != ST_OK) {
        const char *ignored;
        bool is_id = topic_map_parse(&map, subscription->topic, "", &ignored) == ST_OK;
        report->add(report->context, is_id ? "id" : "topic", problem);
    } else if (map.named_count == 0 && map.id[0] == '\0' &&
               subscription->mapping.device[0] == '\0') {
        report->add(report->context, "topic",
                    "leads to no device: name a level (+device), or set id or device");
    }
}

static const struct field_table subscription_table = {
    .fields = subscription_fields,
    .count = sizeof subscription_fields / sizeof *subscription_fields,
    FIELD_HELP("One topic filter and how its payloads are read."),
    .check = check_subscription,
};

static const struct field fields[] = {
    MQTT_CLIENT_FIELDS(struct driver_mqtt_options, client),
    {.name = "receive_maximum",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct driver_mqtt_options, receive_maximum),
     .default_text = "250",
     .min = 1,
     .max = 65535,
     FIELD_HELP("How many messages the broker sends before they are acknowledged (MQTT 5).")},
    {.name = "coalesce",
     .type = FIELD_DURATION,
     .offset = offsetof(struct driver_mqtt_options, coalesce_ms),
     .default_text = "20ms",
     .min = 0,
     .max = 1000,
     FIELD_HELP(
         "How long to wait after the first message, to read it with those that follow: fewer "
         "wake-ups for that much delay. 0: read each one as it comes.")},
    {.name = "retained",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct driver_mqtt_options, retained),
     .choices = retained_names,
     .default_text = "refuse",
     FIELD_HELP("Whether to take retained messages, which are old values that the broker kept.")},
    {.name = "repeats",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct driver_mqtt_options, repeats),
     .choices = repeats_names,
     .default_text = "marked",
     FIELD_HELP(
         "How the broker sends a message again after a lost connection. marked: as MQTT has "
         "it, with its id and DUP. unmarked: without DUP (aedes). renumbered: with another id "
         "(RabbitMQ 3.10); payloads should then hold a time or a counter.")},
    {.name = "subscribe",
     .type = FIELD_LIST,
     .offset = offsetof(struct driver_mqtt_options, subscriptions),
     .size = sizeof(struct driver_mqtt_subscription),
     .fields = &subscription_table,
     .count_offset = offsetof(struct driver_mqtt_options, subscription_count),
     .max_count = MQTT_SUBSCRIPTIONS,
     .is_required = true,
     FIELD_HELP("What to subscribe.")},
};

static void check_options(const void *options, const struct field_report *report)
{
    const struct driver_mqtt_options *ours = options;
    mqtt_options_check(&ours->client, report);
    if (ours->subscription_count == 0)
        report->add(report->context, "subscribe", "needs at least one topic");
}

static const struct field_table table = {
    .fields = fields,
    .count = sizeof fields / sizeof *fields,
    FIELD_HELP("Readings from an MQTT broker."),
    .check = check_options,
};

/* ---- from a message to a reading ---- */

static enum verdict decode_payload(const struct driver_mqtt_subscription *subscription,
                                   const char *id, const char *payload, size_t size,
                                   struct reading *reading, const char **detail)
{
    struct mapping_result result;
    memcpy(result.device, id, sizeof result.device);
    enum verdict verdict = mapping_decode(&subscription->mapping, payload, size, &result, detail);
    if (verdict != VERDICT_OK && !verdict_is_of_sensor(verdict)) return verdict;
    if (result.device[0] == '\0') {
        *detail = "no device in topic or payload";
        return VERDICT_UNKNOWN_DEVICE;
    }
    memcpy(reading->device, result.device, sizeof reading->device);
    reading->value_micro = result.value_micro;
    reading->has_event_time = result.has_event_time;
    reading->event_ms = result.has_event_time ? result.event_ms : 0;
    return verdict;
}

static enum verdict decode_message(const struct topic_map *maps,
                                   const struct driver_mqtt_options *options, const char *topic,
                                   const char *payload, size_t size, struct reading *reading,
                                   const char **detail)
{
    char id[LIMIT_DEVICE_ID_SIZE];
    for (size_t i = 0; i < options->subscription_count; i++) {
        enum verdict verdict;
        if (!topic_map_match(&maps[i], topic, id, &verdict)) continue;
        *detail = "a level of the topic is empty, or the id too long";
        if (verdict != VERDICT_OK) return verdict;
        return decode_payload(&options->subscriptions[i], id, payload, size, reading, detail);
    }
    *detail = "no topic filter fits";
    return VERDICT_UNKNOWN_DEVICE;
}

/* ---- acknowledging ---- */

/* So many messages are taken before they are acknowledged, whatever the broker sends: some send
 * more than they were told to (mosquitto issue 2301), and with 3.1.1 none can be told. */
static size_t window_of(const struct driver_mqtt_options *options)
{
    bool is_told = options->client.version != MQTT_VERSION_311;
    return is_told && options->receive_maximum < WINDOW_MAX ? (size_t)options->receive_maximum
                                                            : WINDOW_MAX;
}

/* When the broker may have nothing more to send until it gets acknowledgements. */
static size_t commit_at(const struct driver_mqtt_options *options)
{
    return options->client.version == MQTT_VERSION_311 ? IN_FLIGHT_311 : window_of(options);
}

/* Acknowledgements that left may be lost with the connection, those of several commits. */
static size_t keys_of(const struct driver_mqtt_options *options)
{
    if (options->client.session_ms == 0) return 0; /* nothing ever comes again */
    return window_of(options) * WINDOWS_UNDER_WAY;
}

static bool must_hold(const struct state *state)
{
    return (state->has_kept && state->kept_qos > 0) ||
           state->last_ticket > intake_durable_ticket(state->intake);
}

static void update_flow(struct state *state)
{
    if (must_hold(state)) {
        mqtt_client_hold(state->client);
    } else {
        window_guess_release(&state->window, state->unacknowledged,
                             intake_now_mono_ms(state->intake));
        state->unacknowledged = 0;
        mqtt_client_release(state->client);
    }
    bool is_full = state->unacknowledged >= window_of(state->options);
    if (state->is_paused || state->has_kept || is_full)
        mqtt_client_pause(state->client);
    else
        mqtt_client_resume(state->client);
}

/* The id, which has one message at a time, and a hash of what it stands for. */
static uint64_t key_of(const struct driver_mqtt_options *options,
                       const struct mqtt_message *message)
{
    uint64_t hash = XXH3_64bits_withSeed(message->topic, strlen(message->topic), KEY_SEED);
    hash = XXH3_64bits_withSeed(message->payload, message->size, hash);
    if (options->repeats == REPEATS_RENUMBERED) return hash;
    return (uint64_t)message->id << 32 | (uint32_t)hash;
}

/* Whether the message is one that was dealt with before the session was resumed. */
static bool is_repeat(struct state *state, const struct mqtt_message *message, uint64_t key)
{
    if (state->repeats_left == 0) return false;
    state->repeats_left--;
    bool is_new = message->repeat == MQTT_REPEAT_NO && state->options->repeats != REPEATS_UNMARKED;
    return !is_new && intake_is_repeat(state->intake, key, INT64_MAX);
}

/* Offers; what the intake cannot take now is kept, since the library cannot give it back. */
static void offer(struct state *state, const struct reading *reading, int qos, uint64_t key)
{
    uint64_t ticket = 0;
    enum verdict verdict = intake_offer_reading(state->intake, reading, &ticket);
    state->has_kept = verdict == VERDICT_BUSY;
    if (state->has_kept) {
        if (reading != &state->kept) state->kept = *reading;
        state->kept_qos = qos;
        state->kept_key = key;
        intake_request_commit(state->intake);
    } else if (qos > 0) {
        intake_remember(state->intake, key);
        if (verdict == VERDICT_OK) state->last_ticket = ticket;
    }
}

static void offer_kept(struct state *state)
{
    if (state->has_kept && !state->is_paused)
        offer(state, &state->kept, state->kept_qos, state->kept_key);
}

/* A message at QoS 1 takes a place in the broker's window until its acknowledgement leaves; with
 * the window full nothing more comes, so the commit should not wait for its timer. */
static void count_message(struct state *state, int qos)
{
    if (qos == 0 || !must_hold(state)) return;
    window_guess_arrive(&state->window, state->unacknowledged, intake_now_mono_ms(state->intake));
    state->unacknowledged++;
    if (state->unacknowledged != window_guess_read(&state->window)) return;
    bool is_guessed = window_guess_is_guessed(&state->window);
    intake_request_commit_within(state->intake, is_guessed ? GUESSED_PATIENCE_MS : 0);
    mqtt_client_hurry(state->client);
}

/* Decides on a message; on VERDICT_OK the reading is complete, and where the sensor has failed all
 * but its value. */
static enum verdict judge(struct state *state, const struct mqtt_message *message, uint64_t key,
                          struct reading *reading, const char **detail)
{
    *detail = "";
    if (message->qos > 0 && is_repeat(state, message, key)) return VERDICT_DUPLICATE;
    if (message->is_retained && state->options->retained == 0) {
        *detail = "take such with retained: accept";
        return VERDICT_RETAINED;
    }
    if (message->size > intake_payload_limit(state->intake)) {
        *detail = "payload too long";
        return VERDICT_LENGTH;
    }
    return decode_message(state->maps, state->options, message->topic, message->payload,
                          message->size, reading, detail);
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct state *state = context;
    const char *detail;
    struct reading reading = {0};
    if (state->has_kept) {
        /* Reading is paused, so this is one too many: all that is unacknowledged comes back. */
        mqtt_client_reconnect(state->client, "a message came while the agent was busy");
        if (message->qos == 0)
            intake_report_refusal(state->intake, VERDICT_BUSY, "topic %.80s", message->topic);
        return;
    }
    uint64_t key = message->qos > 0 ? key_of(state->options, message) : 0;
    enum verdict verdict = judge(state, message, key, &reading, &detail);
    if (verdict == VERDICT_OK) {
        offer(state, &reading, message->qos, key);
    } else {
        intake_report_bad_value(state->intake, &reading, verdict, "topic %.80s: %s", message->topic,
                                detail);
        if (message->qos > 0 && verdict != VERDICT_DUPLICATE) intake_remember(state->intake, key);
    }
    count_message(state, message->qos);
    update_flow(state);
}

/* Subscribing again is harmless in a session that goes on, and heals a changed configuration. */
static void subscribe_all(struct state *state)
{
    state->begin_ticket = 0;
    for (size_t i = 0; i < state->options->subscription_count; i++) {
        if (mqtt_client_subscribe(state->client, state->maps[i].filter,
                                  (int)state->options->subscriptions[i].qos) != ST_OK) {
            mqtt_client_reconnect(state->client, "cannot subscribe");
            return;
        }
    }
    state->answered = 0;
    state->granted = 0;
}

/* In a new session ids begin anew: nothing may come before the old keys are forgotten for good. */
static void on_connected(void *context, bool has_session)
{
    struct state *state = context;
    state->repeats_left = 0;
    state->begin_ticket = 0;
    if (has_session) {
        intake_expect_repeats(state->intake);
        state->repeats_left = keys_of(state->options);
    } else {
        state->begin_ticket = intake_forget_repeats(state->intake);
    }
    if (state->begin_ticket <= intake_durable_ticket(state->intake)) subscribe_all(state);
}

/* The source is there once the broker will send us something. */
static void on_subscribed(void *context, const char *filter, int granted)
{
    (void)filter;
    struct state *state = context;
    state->answered++;
    if (granted < 0x80) state->granted++;
    if (state->answered != state->options->subscription_count) return;
    if (state->granted > 0)
        intake_report_connected(state->intake, true, state->options->client.broker);
    else
        intake_report_connected(state->intake, false, "the broker refused every subscription");
}

/* The acknowledgements that were held are gone with the connection; the broker sends all of
 * those messages again, the kept one too.  Those that were taken are recognised, and their
 * acknowledgements wait for the same commit still. */
static void on_lost(void *context, const char *reason)
{
    struct state *state = context;
    state->begin_ticket = 0;
    state->unacknowledged = 0;
    window_guess_reset(&state->window);
    if (state->has_kept && state->kept_qos > 0) state->has_kept = false;
    update_flow(state);
    intake_report_connected(state->intake, false, reason);
}

/* ---- hooks ---- */

static enum status parse_maps(struct state *state)
{
    for (size_t i = 0; i < state->options->subscription_count; i++) {
        const struct driver_mqtt_subscription *subscription = &state->options->subscriptions[i];
        const char *problem = "";
        if (topic_map_parse(&state->maps[i], subscription->topic, subscription->id, &problem) ==
            ST_OK)
            continue;
        log_write(intake_log(state->intake), LOG_LEVEL_ERROR, intake_name(state->intake),
                  "topic %s %s", subscription->topic, problem);
        return ST_INVALID;
    }
    return state->options->subscription_count > 0 ? ST_OK : ST_INVALID;
}

static enum status driver_open(void *opaque, struct intake *intake, const void *options)
{
    struct state *state = opaque;
    state->intake = intake;
    state->options = options;
    window_guess_init(&state->window, commit_at(options));
    enum status status = parse_maps(state);
    if (status != ST_OK) return status;
    /* Fixed over restarts, unless the order of the sources changes. */
    (void)snprintf(state->default_client_id, sizeof state->default_client_id, "%s-%s",
                   intake_gateway(intake), intake_name(intake));
    const struct mqtt_settings settings = {
        .loop = intake_loop(intake),
        .log = intake_log(intake),
        .part = intake_name(intake),
        .default_client_id = state->default_client_id,
        .receive_maximum = (uint16_t)state->options->receive_maximum,
        .packet_limit_bytes = (uint32_t)(intake_payload_limit(intake) + PACKET_ROOM_BYTES),
        .coalesce_ms = state->options->coalesce_ms,
        .holds_acknowledgements = true,
    };
    const struct mqtt_events events = {.connected = on_connected,
                                       .lost = on_lost,
                                       .message = on_message,
                                       .subscribed = on_subscribed,
                                       .context = state};
    return mqtt_client_open(&state->client, &state->options->client, &settings, &events);
}

static void driver_close(void *opaque)
{
    struct state *state = opaque;
    mqtt_client_close(state->client);
    state->client = NULL;
}

static void driver_durable(void *opaque, uint64_t ticket)
{
    (void)ticket; /* intake_durable_ticket says the same */
    struct state *state = opaque;
    if (state->client == NULL) return;
    if (state->begin_ticket > 0 && state->begin_ticket <= intake_durable_ticket(state->intake))
        subscribe_all(state);
    offer_kept(state);
    update_flow(state);
}

static size_t driver_repeat_keys(const void *options)
{
    return keys_of(options);
}

static size_t driver_commit_readings(const void *options)
{
    return commit_at(options);
}

static size_t driver_open_bytes(const void *options)
{
    (void)options;
    return mqtt_client_size_bytes();
}

static void driver_pause(void *opaque)
{
    struct state *state = opaque;
    state->is_paused = true;
    window_guess_pause(&state->window, intake_now_mono_ms(state->intake));
    if (state->client != NULL) mqtt_client_pause(state->client);
}

static void driver_resume(void *opaque)
{
    struct state *state = opaque;
    state->is_paused = false;
    if (state->client == NULL) return;
    offer_kept(state);
    update_flow(state);
}

static enum verdict driver_decode(const void *options, const char *address, const char *payload,
                                  size_t size, int64_t now_wall_ms,
                                  void (*found)(void *context, const struct reading *reading),
                                  void *context, const char **detail)
{
    (void)now_wall_ms;
    const struct driver_mqtt_options *ours = options;
    struct topic_map maps[MQTT_SUBSCRIPTIONS];
    struct reading reading = {0};
    for (size_t i = 0; i < ours->subscription_count; i++) {
        const struct driver_mqtt_subscription *subscription = &ours->subscriptions[i];
        if (topic_map_parse(&maps[i], subscription->topic, subscription->id, detail) != ST_OK)
            return VERDICT_UNKNOWN_DEVICE;
    }
    enum verdict verdict = decode_message(maps, ours, address, payload, size, &reading, detail);
    if (verdict == VERDICT_OK) found(context, &reading);
    return verdict;
}

const struct driver driver_mqtt = {
    .name = "mqtt",
    .help = "Subscribes to topics of an MQTT broker.",
    .is_compiled = true,
    .state_size = sizeof(struct state),
    .options_size = sizeof(struct driver_mqtt_options),
    .options = &table,
    .can_wait = true,
    .pauses_for_commit = true,
    .repeat_keys = driver_repeat_keys,
    .commit_readings = driver_commit_readings,
    .open_bytes = driver_open_bytes,
    .open = driver_open,
    .close = driver_close,
    .durable = driver_durable,
    .pause = driver_pause,
    .resume = driver_resume,
    .decode = driver_decode,
};
