/* Invariant: the library's handle belongs to the pool thread exactly while state is
 * CLIENT_CONNECTING and to the loop thread otherwise; it is never destroyed inside one of its own
 * callbacks, and nothing is written to the socket while acknowledgements are held. */
#include "base/mqtt_client.h"

#include "base/backoff.h"
#include "base/call_limit.h"
#include "base/clock.h"
#include "base/mqtt_client_state.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mqtt_protocol.h>

enum {
    TICK_MS = 1000,
    GREETING_MIN_MS = 10000,
    GREETING_MAX_MS = 30000,
    ADDRESS_MS = 5000,       /* for each address of the broker to take a connection */
    TRY_MS = 30000,          /* for all of them; those left get a moment each */
    STABLE_MS = 10000,       /* a connection that lived this long starts the backoff anew */
    TAKEOVERS = 3,           /* in a row, until it is called by its name */
    HURRY_MS = 1000,         /* a commit on a slow disk takes less */
    FAREWELL_MS = 500,       /* for the broker to end the line after DISCONNECT */
    FAREWELL_WILL_MS = 3000, /* where it would publish the will otherwise */
    PACKET_LIMIT_DEFAULT = 1 << 20
};

static void try_connect(struct mqtt_client *client);

void mqtt_state_set_reason(struct mqtt_client *client, const char *format, ...)
{
    if (client->reason[0] != '\0') return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(client->reason, sizeof client->reason, format, arguments);
    va_end(arguments);
}

void mqtt_state_enter(struct mqtt_client *client, enum client_state state)
{
    client->state = state;
    client->since_mono_ms = clock_mono_ms(&client->clock);
}

static int64_t in_state_ms(const struct mqtt_client *client)
{
    return clock_mono_ms(&client->clock) - client->since_mono_ms;
}

static void drop_handle(struct mqtt_client *client)
{
    loop_watch_stop(&client->watch);
    client->watched = 0;
    client->is_resting = false;
    mosquitto_property_free_all(&client->properties);
    if (client->handle != NULL) mosquitto_destroy(client->handle);
    client->handle = NULL;
}

static void release(struct mqtt_client *client)
{
    drop_handle(client);
    loop_timer_stop(&client->timer);
    loop_timer_stop(&client->rest_timer);
    (void)mosquitto_lib_cleanup(); /* counted by the library: one for each init */
    free(client);
}

/* Two clients with one id end each other's connection for ever.  MQTT 5 has a reason for that; not
 * every broker gives it, and 3.1.1 has none: all there is to see then is that the broker closes
 * soon, again and again. */
static void note_takeover(struct mqtt_client *client)
{
    if (client->state != CLIENT_UP) return;
    bool is_short = client->is_closed_by_broker && in_state_ms(client) < STABLE_MS;
    if (!client->is_taken_over && !is_short) {
        client->takeovers = 0;
        return;
    }
    if (client->takeovers < TAKEOVERS) client->takeovers++;
    if (client->takeovers < TAKEOVERS) return;
    client->waits_longest = true;
    log_write(
        client->settings.log, LOG_LEVEL_WARN, client->settings.part,
        "the broker ended the connection of client id \"%s\" again and again%s another client "
        "or gateway with the same id%s give each its own client_id; next try in %d s",
        client->client_id, client->is_taken_over ? ", since there is" : "; is there",
        client->is_taken_over ? ":" : "?", (int)(client->options.backoff_max_ms / 1000));
}

/* Ends this try or connection, arms the next one and tells why.  The owner may close the client
 * in lost(), so nothing is touched after it. */
static void lose(struct mqtt_client *client)
{
    mqtt_state_set_reason(
        client, "%s", client->library_error[0] != '\0' ? client->library_error : "connection lost");
    note_takeover(client);
    if (client->state == CLIENT_UP && in_state_ms(client) >= STABLE_MS) client->attempt = 0;
    drop_handle(client);
    const struct mqtt_options *options = &client->options;
    int64_t wait_ms =
        client->waits_longest
            ? options->backoff_max_ms
            : backoff_wait_ms(client->attempt, options->backoff_min_ms, options->backoff_max_ms,
                              backoff_random(&client->random_state));
    if (client->attempt < UINT32_MAX) client->attempt++;
    mqtt_state_enter(client, CLIENT_WAITING);
    loop_timer_again(client->timer, wait_ms, 0);
    char reason[MQTT_REASON_SIZE + 64];
    (void)snprintf(reason, sizeof reason, "%s; next try in %d.%03d s", client->reason,
                   (int)(wait_ms / 1000), (int)(wait_ms % 1000));
    client->events.lost(client->events.context, reason);
}

static void update_watch(struct mqtt_client *client)
{
    if (client->watch == NULL) return;
    bool is_up = client->state == CLIENT_UP;
    unsigned events = 0;
    if (!(is_up && client->is_paused) && !client->is_resting) events |= LOOP_READABLE;
    /* During a TLS handshake the library always wants to write although it waits for bytes of the
     * broker: then it is asked after each arrival instead of in a tight loop. */
    if (mosquitto_want_write(client->handle) && !mqtt_packets_are_held(client) &&
        (is_up || !client->address.is_tls))
        events |= LOOP_WRITABLE;
    if (events == client->watched) return;
    client->watched = events;
    loop_watch_update(client->watch, events);
}

/* After every visit to the library.  The client may be gone when this returns. */
static void leave_library(struct mqtt_client *client, int rc)
{
    client->is_in_library = false;
    if (client->is_abandoned) {
        release(client);
        return;
    }
    if (rc == MOSQ_ERR_SUCCESS && !client->wants_reconnect &&
        mosquitto_socket(client->handle) >= 0) {
        update_watch(client);
        return;
    }
    client->is_closed_by_broker =
        rc == MOSQ_ERR_CONN_LOST || (rc == MOSQ_ERR_ERRNO && errno == ECONNRESET);
    /* What the library has said of TLS tells more than its return code, which differs from version
     * to version. */
    bool is_told = client->library_error[0] != '\0';
    if (rc == MOSQ_ERR_KEEPALIVE)
        mqtt_state_set_reason(client, "the broker is silent");
    else if (rc == MOSQ_ERR_CONN_LOST)
        mqtt_state_set_reason(client, "the broker closed the connection");
    else if (rc == MOSQ_ERR_ERRNO && !is_told)
        mqtt_state_set_reason(client, "%s", strerror(errno));
    else if (rc != MOSQ_ERR_SUCCESS && !is_told)
        mqtt_state_set_reason(client, "%s", mosquitto_strerror(rc));
    lose(client);
}

static void serve_socket(struct mqtt_client *client, bool reads)
{
    int rc = MOSQ_ERR_SUCCESS;
    client->is_in_library = true;
    if (reads) rc = mqtt_packets_read(client);
    if (rc == MOSQ_ERR_SUCCESS && !client->is_abandoned && !client->wants_reconnect &&
        mosquitto_want_write(client->handle))
        rc = mqtt_packets_write(client);
    leave_library(client, rc);
}

static void on_socket(void *context, int fd, unsigned events)
{
    (void)fd;
    struct mqtt_client *client = context;
    bool is_readable = (events & (LOOP_READABLE | LOOP_HANGUP)) != 0;
    serve_socket(client, is_readable && !mqtt_packets_coalesce(client));
}

static void on_rest_timer(void *context)
{
    struct mqtt_client *client = context;
    if (!client->is_resting) return;
    client->is_resting = false;
    serve_socket(client, true);
}

static int64_t greeting_ms(const struct mqtt_client *client)
{
    int64_t limit_ms = client->options.keepalive_ms;
    if (limit_ms < GREETING_MIN_MS) return GREETING_MIN_MS;
    return limit_ms > GREETING_MAX_MS ? GREETING_MAX_MS : limit_ms;
}

static void on_timer(void *context)
{
    struct mqtt_client *client = context;
    if (client->state == CLIENT_WAITING) {
        try_connect(client);
        return;
    }
    if (client->state == CLIENT_CONNECTING) return;
    if (client->state == CLIENT_GREETING && in_state_ms(client) >= greeting_ms(client)) {
        mqtt_state_set_reason(client, "the broker did not answer within %d s",
                              (int)(greeting_ms(client) / 1000));
        lose(client);
        return;
    }
    client->is_in_library = true;
    int rc = mosquitto_loop_misc(client->handle);
    if (rc == MOSQ_ERR_SUCCESS && mosquitto_want_write(client->handle))
        rc = mqtt_packets_write(client);
    leave_library(client, rc);
}

/* Pool thread: name resolution and TCP.  The library's connect blocks, for two minutes when an
 * address swallows packets; interrupted, it goes on to the next address. */
static void connect_work(void *request)
{
    struct mqtt_client *client = request;
    struct call_limit limit;
    (void)call_limit_start(&limit, ADDRESS_MS, TRY_MS);
    errno = 0;
    client->connect_rc = mosquitto_connect_bind_v5(
        client->handle, client->address.host, client->address.port,
        (int)(client->options.keepalive_ms / 1000), NULL, client->properties);
    client->connect_errno = errno;
    call_limit_stop(&limit);
}

static const char *explain_connect(const struct mqtt_client *client)
{
    int rc = client->connect_rc;
    if (rc == MOSQ_ERR_EAI) return gai_strerror(client->connect_errno);
    if (rc == MOSQ_ERR_ERRNO && client->connect_errno == EINTR) return "no answer";
    if (rc == MOSQ_ERR_ERRNO) return strerror(client->connect_errno);
    return client->library_error[0] != '\0' ? client->library_error : mosquitto_strerror(rc);
}

/* A peer that vanished without a word is noticed also while something waits to be sent. */
static void set_user_timeout(const struct mqtt_client *client, int fd)
{
    unsigned timeout_ms = (unsigned)(2 * client->options.keepalive_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

static void connect_done(void *request)
{
    struct mqtt_client *client = request;
    if (client->is_abandoned) {
        release(client);
        return;
    }
    mosquitto_property_free_all(&client->properties);
    mqtt_state_enter(client, CLIENT_GREETING);
    int fd = mosquitto_socket(client->handle);
    if (client->connect_rc != MOSQ_ERR_SUCCESS || fd < 0) {
        mqtt_state_set_reason(client, "cannot connect to %s:%d: %s", client->address.host,
                              client->address.port, explain_connect(client));
        lose(client);
        return;
    }
    client->watch = loop_watch_start(client->settings.loop, fd, LOOP_READABLE, on_socket, client);
    client->watched = LOOP_READABLE;
    if (client->watch == NULL) {
        mqtt_state_set_reason(client, "no more descriptors can be watched");
        lose(client);
        return;
    }
    set_user_timeout(client, fd);
    loop_timer_again(client->timer, TICK_MS, TICK_MS);
    client->is_in_library = true;
    leave_library(client, mqtt_packets_write(client));
}

static void try_connect(struct mqtt_client *client)
{
    client->reason[0] = '\0';
    client->library_error[0] = '\0';
    client->waits_longest = false;
    client->is_taken_over = client->is_closed_by_broker = false;
    client->wants_reconnect = false;
    client->wants_flush = false;
    client->is_resting = false;
    client->is_draining = false;
    client->is_inside_packet = false;
    client->is_unseen = false;
    client->seen_packets = 0;
    client->has_published = false;
    client->stall_tries = 0;
    client->first_byte = 0;
    enum status status = mqtt_setup_new(&client->handle, &client->options, &client->settings,
                                        client->client_id, client->address.is_tls, client);
    if (status == ST_OK)
        status = mqtt_setup_properties(&client->options, client->settings.packet_limit_bytes,
                                       &client->properties);
    if (status == ST_OK) {
        mqtt_events_set(client->handle);
        mqtt_state_enter(client, CLIENT_CONNECTING);
        status = loop_pool_run(client->settings.loop, connect_work, connect_done, client);
    }
    if (status == ST_OK) return;
    mqtt_state_set_reason(client, "cannot begin to connect: %s", status_text(status));
    lose(client);
}

static uint64_t seed_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static enum status fill(struct mqtt_client *client, const struct mqtt_options *options,
                        const struct mqtt_settings *settings, const struct mqtt_events *events)
{
    const char *problem = "";
    client->options = *options;
    client->settings = *settings;
    client->events = *events;
    client->clock = clock_system();
    if (settings->packet_limit_bytes == 0)
        client->settings.packet_limit_bytes = PACKET_LIMIT_DEFAULT;
    if (mqtt_address_parse(options->broker, &client->address, &problem) != ST_OK) {
        log_write(settings->log, LOG_LEVEL_ERROR, settings->part, "broker %s", problem);
        return ST_INVALID;
    }
    (void)snprintf(client->client_id, sizeof client->client_id, "%s",
                   options->client_id[0] != '\0' ? options->client_id
                                                 : settings->default_client_id);
    client->random_state = seed_of(client->client_id);
    if (settings->will_topic != NULL) {
        (void)snprintf(client->will_topic, sizeof client->will_topic, "%s", settings->will_topic);
        (void)snprintf(client->will_payload, sizeof client->will_payload, "%s",
                       settings->will_payload != NULL ? settings->will_payload : "");
        client->settings.will_topic = client->will_topic;
        client->settings.will_payload = client->will_payload;
    }
    int major = 0, minor = 0, revision = 0;
    (void)mosquitto_lib_version(&major, &minor, &revision);
    client->can_peek = !client->address.is_tls && major == 2 && minor == 0;
    return mqtt_setup_check_files(options, settings->log, settings->part);
}

size_t mqtt_client_size_bytes(void)
{
    return sizeof(struct mqtt_client);
}

enum status mqtt_client_open(struct mqtt_client **client, const struct mqtt_options *options,
                             const struct mqtt_settings *settings, const struct mqtt_events *events)
{
    struct mqtt_client *made = calloc(1, sizeof *made);
    *client = NULL;
    if (made == NULL) return ST_NO_MEMORY;
    enum status status = fill(made, options, settings, events);
    if (status == ST_OK && mosquitto_lib_init() != MOSQ_ERR_SUCCESS) status = ST_NO_MEMORY;
    if (status != ST_OK) {
        free(made);
        return status;
    }
    made->timer = loop_timer_start(settings->loop, 0, 0, on_timer, made);
    made->rest_timer = loop_timer_start(settings->loop, INT32_MAX, 0, on_rest_timer, made);
    if (made->timer == NULL || made->rest_timer == NULL) {
        release(made);
        return ST_FULL;
    }
    *client = made;
    return ST_OK;
}

/* Holds the line until the broker has read DISCONNECT and ends it.  Were it closed at once, what
 * the broker still sends would be answered with a reset, and it would take us for lost; through a
 * proxy the reset may even overtake DISCONNECT. */
static void await_end(struct mqtt_client *client, int line)
{
    char unread[1024];
    struct pollfd ready = {.fd = line, .events = POLLIN};
    int64_t until_mono_ms = clock_mono_ms(&client->clock) +
                            (client->settings.will_topic != NULL ? FAREWELL_WILL_MS : FAREWELL_MS);
    int64_t left_ms;
    do {
        left_ms = until_mono_ms - clock_mono_ms(&client->clock);
        if (poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0) <= 0) break;
    } while (read(line, unread, sizeof unread) > 0 && left_ms > 0);
    (void)close(line);
}

static void disconnect(struct mqtt_client *client)
{
    int line = fcntl(mosquitto_socket(client->handle), F_DUPFD_CLOEXEC, 0);
    (void)mosquitto_disconnect_v5(client->handle, 0, NULL);
    (void)mosquitto_loop_write(client->handle, 1);
    if (line < 0) return;
    (void)shutdown(line, SHUT_WR);
    await_end(client, line);
}

void mqtt_client_close(struct mqtt_client *client)
{
    if (client == NULL) return;
    client->is_abandoned = true;
    if (client->is_in_library) return;
    if (client->state == CLIENT_CONNECTING) {
        loop_timer_stop(&client->timer);
        loop_timer_stop(&client->rest_timer);
        return;
    }
    /* With acknowledgements held DISCONNECT cannot leave without them: then the line just ends. */
    if (client->state == CLIENT_UP && !mqtt_packets_are_held(client)) disconnect(client);
    release(client);
}

enum status mqtt_client_subscribe_with(struct mqtt_client *client, const char *filter, int qos,
                                       int options)
{
    if (client->state != CLIENT_UP) return ST_CLOSED;
    if (client->subscription_count == MQTT_SUBSCRIPTIONS) return ST_FULL;
    int message_id = 0;
    int rc = mosquitto_subscribe_v5(client->handle, &message_id, filter, qos, options, NULL);
    if (rc != MOSQ_ERR_SUCCESS) {
        log_write(client->settings.log, LOG_LEVEL_ERROR, client->settings.part,
                  "cannot subscribe %s: %s", filter, mosquitto_strerror(rc));
        return rc == MOSQ_ERR_NO_CONN ? ST_CLOSED : ST_IO;
    }
    size_t at = client->subscription_count++;
    client->subscriptions[at].message_id = message_id;
    client->subscriptions[at].filter = filter;
    client->subscriptions[at].qos = qos;
    if (!client->is_in_library) update_watch(client);
    return ST_OK;
}

enum status mqtt_client_subscribe(struct mqtt_client *client, const char *filter, int qos)
{
    return mqtt_client_subscribe_with(client, filter, qos, 0);
}

enum status mqtt_client_publish_with(struct mqtt_client *client, const char *topic,
                                     const char *payload, size_t size, int qos, bool is_retained,
                                     const mosquitto_property *properties, int *message_id)
{
    /* The library would queue it all the same, without a limit. */
    if (client->state != CLIENT_UP || mosquitto_socket(client->handle) < 0) return ST_CLOSED;
    if (size > INT32_MAX) return ST_IO;
    if (qos > 0) {
        client->has_published = true;
        client->seen_packets = 0;
    }
    int rc = mosquitto_publish_v5(client->handle, message_id, topic, (int)size, payload, qos,
                                  is_retained, properties);
    if (rc == MOSQ_ERR_NO_CONN) return ST_CLOSED;
    if (rc != MOSQ_ERR_SUCCESS) {
        log_limited(client->settings.log, LOG_LEVEL_ERROR, client->settings.part, "publish",
                    "cannot publish to %s: %s", topic, mosquitto_strerror(rc));
        return ST_IO;
    }
    if (!client->is_in_library) update_watch(client);
    return ST_OK;
}

enum status mqtt_client_publish(struct mqtt_client *client, const char *topic, const char *payload,
                                size_t size, int qos, bool is_retained, bool is_replay,
                                int *message_id)
{
    mosquitto_property *properties = NULL;
    if (is_replay && client->options.version == MQTT_VERSION_5 &&
        mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY, "replay", "1") !=
            MOSQ_ERR_SUCCESS)
        return ST_IO;
    enum status status = mqtt_client_publish_with(client, topic, payload, size, qos, is_retained,
                                                  properties, message_id);
    mosquitto_property_free_all(&properties);
    return status;
}

void mqtt_client_reconnect(struct mqtt_client *client, const char *reason)
{
    if (client->state != CLIENT_UP) return;
    mqtt_state_set_reason(client, "%s", reason);
    client->wants_reconnect = true;
    if (!client->is_in_library) leave_library(client, MOSQ_ERR_SUCCESS);
}

bool mqtt_client_is_connected(const struct mqtt_client *client)
{
    return client->state == CLIENT_UP;
}

uint16_t mqtt_client_receive_maximum(const struct mqtt_client *client)
{
    return client->broker_receive_maximum;
}

static void set_paused(struct mqtt_client *client, bool is_paused)
{
    client->is_paused = is_paused;
    if (!client->is_in_library) update_watch(client);
}

void mqtt_client_pause(struct mqtt_client *client)
{
    set_paused(client, true);
}

void mqtt_client_resume(struct mqtt_client *client)
{
    set_paused(client, false);
}

void mqtt_client_hurry(struct mqtt_client *client)
{
    if (client->settings.coalesce_ms == 0) return;
    client->hurry_until_mono_ms = clock_mono_ms(&client->clock) + HURRY_MS;
}

void mqtt_client_hold(struct mqtt_client *client)
{
    client->is_held = true;
    if (!client->is_in_library) update_watch(client);
}

void mqtt_client_release(struct mqtt_client *client)
{
    if (!client->is_held) return;
    client->is_held = false;
    if (client->state != CLIENT_UP || client->is_in_library) return;
    client->is_in_library = true;
    leave_library(client, mqtt_packets_write(client));
}
