#include "support/fake_link.h"

#include <stdlib.h>
#include <string.h>

static struct fake_link the_link;

struct fake_link *fake_link_get(void)
{
    return &the_link;
}

void fake_link_reset(void)
{
    memset(&the_link, 0, sizeof the_link);
}

void fake_link_connect(void)
{
    the_link.is_connected = true;
    the_link.next_message_id = 0; /* ids come again on a new connection */
    the_link.events.connected(the_link.events.context);
}

void fake_link_lose(const char *reason)
{
    the_link.is_connected = false;
    for (size_t i = 0; i < the_link.count; i++) the_link.messages[i].is_open = false;
    the_link.events.lost(the_link.events.context, reason);
}

bool fake_link_answer(int reason)
{
    for (size_t i = 0; i < the_link.count; i++) {
        struct fake_link_message *message = &the_link.messages[i];
        if (!message->is_open) continue;
        message->is_open = false;
        the_link.events.acknowledged(the_link.events.context, message->message_id, reason);
        return true;
    }
    return false;
}

size_t fake_link_count_open(void)
{
    size_t open = 0;
    for (size_t i = 0; i < the_link.count; i++) open += the_link.messages[i].is_open;
    return open;
}

static enum status fake_link_open(struct link **link, const void *options,
                                  const struct link_settings *settings,
                                  const struct link_events *events)
{
    (void)options;
    the_link.events = *events;
    the_link.is_opened = true;
    strncpy(the_link.death_payload, settings->death_payload, sizeof the_link.death_payload - 1);
    *link = (struct link *)&the_link;
    return ST_OK;
}

static void fake_link_close(struct link *link)
{
    (void)link;
    the_link.is_opened = false;
    the_link.is_connected = false;
}

static enum status fake_link_publish(struct link *link, const struct link_message *message,
                                     int *message_id)
{
    (void)link;
    if (the_link.publish_status != ST_OK) return the_link.publish_status;
    if (!the_link.is_connected) {
        the_link.published_while_down++;
        return ST_CLOSED;
    }
    if (the_link.count == FAKE_LINK_MESSAGES || strlen(message->payload) != message->size) abort();
    struct fake_link_message *sent = &the_link.messages[the_link.count++];
    *sent = (struct fake_link_message){.message_id = ++the_link.next_message_id,
                                       .is_retained = message->is_retained,
                                       .is_replay = message->is_replay,
                                       .is_open = true};
    strncpy(sent->topic, message->topic, sizeof sent->topic - 1);
    strncpy(the_link.last_payload, message->payload, sizeof the_link.last_payload - 1);
    const char *seq = strstr(message->payload, "\"seq\":");
    if (seq != NULL) sent->seq = strtoull(seq + 6, NULL, 10);
    *message_id = sent->message_id;
    return ST_OK;
}

static bool fake_link_is_connected(const struct link *link)
{
    (void)link;
    return the_link.is_connected;
}

static size_t fake_link_count_places(const struct link *link)
{
    (void)link;
    return the_link.places;
}

static const char *fake_link_reason_name(int reason)
{
    return reason == 0x87 ? "not authorized" : NULL;
}

const struct link_kind fake_link_kind = {
    .name = "fake",
    .open = fake_link_open,
    .close = fake_link_close,
    .publish = fake_link_publish,
    .is_connected = fake_link_is_connected,
    .count_places = fake_link_count_places,
    .reason_name = fake_link_reason_name,
};
