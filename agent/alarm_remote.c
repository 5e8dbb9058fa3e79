/* Invariant: neither an answer nor a state leaves before the commit that holds what it says. */
#include "alarm_remote.h"

#include "alarm_mirror.h"
#include "alarm_post.h"

#include <stdlib.h>

struct alarm_remote {
    struct alarm_remote_settings settings;
    struct alarm_remote_host host;
    struct command_channel *channel;
    struct alarm_post post;
    struct alarm_mirror mirror;
    uint64_t durable_ticket;
    uint64_t unheard; /* commands for whose answers there was no place */
};

static bool is_wanted(const struct uplink_mqtt_options *uplink)
{
    return uplink != NULL && (uplink->has_alarm_states || uplink->commands.topic[0] != '\0');
}

size_t alarm_remote_size_bytes(const struct uplink_mqtt_options *uplink)
{
    return is_wanted(uplink) ? sizeof(struct alarm_remote) + command_channel_size_bytes() : 0;
}

static enum status send_answer(void *context, const struct mqtt_reply *reply, const char *json,
                               size_t size)
{
    struct alarm_remote *remote = context;
    return command_channel_answer(remote->channel, reply, json, size);
}

static void pump(struct alarm_remote *remote)
{
    if (!command_channel_is_connected(remote->channel)) return;
    alarm_post_pump(&remote->post, remote->durable_ticket, send_answer, remote);
    if (remote->settings.uplink->has_alarm_states)
        alarm_mirror_pump(&remote->mirror, remote->durable_ticket);
}

void alarm_remote_pump(struct alarm_remote *remote, uint64_t durable_ticket)
{
    if (remote == NULL) return;
    remote->durable_ticket = durable_ticket;
    if (remote->channel != NULL) pump(remote);
}

static void on_request(void *context, const struct mqtt_message *message)
{
    struct alarm_remote *remote = context;
    struct alarm_post_answer *answer = alarm_post_reserve(&remote->post);
    if (answer == NULL) { /* the sender gets no answer and asks again, under the same id */
        remote->unheard++;
        log_limited(remote->settings.log, LOG_LEVEL_WARN, "alarm", "unheard",
                    "commands come faster than they can be answered");
        return;
    }
    (void)mqtt_reply_read(message, &answer->reply);
    const struct alarm_desk_request request = {
        .json = message->payload, .size = message->size, .is_retained = message->is_retained};
    struct text text;
    text_init(&text, answer->json, sizeof answer->json);
    uint64_t ticket = remote->host.take(remote->host.context, &request, &text);
    alarm_post_add(&remote->post, text.size, ticket);
    pump(remote);
}

static void on_connected(void *context)
{
    struct alarm_remote *remote = context;
    if (remote->settings.uplink->has_alarm_states && alarm_mirror_connect(&remote->mirror))
        command_channel_ask_states(remote->channel);
}

static void on_state(void *context, const char *device, const char *name)
{
    struct alarm_remote *remote = context;
    alarm_mirror_compare(&remote->mirror, device, name);
}

static void on_room(void *context)
{
    pump(context);
}

static enum status publish_state(void *context, const char *device, const char *name,
                                 const char *json, size_t size)
{
    struct alarm_remote *remote = context;
    return command_channel_publish_state(remote->channel, device, name, json, size);
}

static enum status publish_mark(void *context, const char *json, size_t size)
{
    struct alarm_remote *remote = context;
    return command_channel_publish_refresh(remote->channel, json, size);
}

static size_t list_alarms(void *context, size_t *cursor, struct alarm_view *views, size_t max)
{
    struct alarm_remote *remote = context;
    return remote->host.list(remote->host.context, cursor, views, max);
}

static bool find_alarm(void *context, const char *alarm, struct alarm_view *view)
{
    struct alarm_remote *remote = context;
    return remote->host.find(remote->host.context, alarm, view);
}

enum status alarm_remote_open(struct alarm_remote **result,
                              const struct alarm_remote_settings *settings,
                              const struct alarm_remote_host *host)
{
    const struct uplink_mqtt_options *uplink = settings->uplink;
    *result = NULL;
    if (!is_wanted(uplink)) return ST_OK;
    struct alarm_remote *remote = calloc(1, sizeof *remote);
    *result = remote;
    if (remote == NULL) return ST_NO_MEMORY;
    remote->settings = *settings;
    remote->host = *host;
    const struct alarm_mirror_host mirror = {.gateway = settings->gateway,
                                             .list = list_alarms,
                                             .find = find_alarm,
                                             .publish = publish_state,
                                             .mark = publish_mark,
                                             .context = remote};
    alarm_mirror_init(&remote->mirror, &mirror);
    const struct command_channel_settings channel = {.mqtt = &uplink->mqtt,
                                                     .options = &uplink->commands,
                                                     .prefix = uplink->topic,
                                                     .gateway = settings->gateway,
                                                     .loop = settings->loop,
                                                     .log = settings->log};
    const struct command_channel_events events = {.connected = on_connected,
                                                  .request = on_request,
                                                  .state = on_state,
                                                  .room = on_room,
                                                  .context = remote};
    return command_channel_open(&remote->channel, &channel, &events);
}

void alarm_remote_close(struct alarm_remote *remote)
{
    if (remote == NULL) return;
    command_channel_close(remote->channel);
    free(remote);
}

void alarm_remote_note(struct alarm_remote *remote, const char *id, const char *device,
                       uint64_t ticket)
{
    if (remote == NULL || !remote->settings.uplink->has_alarm_states) return;
    alarm_mirror_note(&remote->mirror, id, device, ticket);
}

void alarm_remote_report(const struct alarm_remote *remote, struct text *text)
{
    if (remote == NULL) return;
    text_json_bool(text, "connected", command_channel_is_connected(remote->channel));
    text_json_uint(text, "unheard", remote->unheard);
    text_json_uint(text, "states_published", remote->mirror.published);
    text_json_uint(text, "lost", remote->mirror.lost + remote->post.lost);
}
