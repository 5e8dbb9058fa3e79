/* Invariant: the consumer has a message as soon as the broker accepted it; whether the gateway
 * ever hears of that is another matter. */
#include "simulation/world.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_MOST_MS = 30000,
    DETECT_MOST_MS = 60000,
    LATENCY_MOST_MS = 400,
    REASON_QUOTA = 0x97
};

static void lose(struct link *centre, const char *reason);
static void on_connect(void *context);

static void connect_soon(struct link *centre)
{
    int64_t delay_ms = 100 + (int64_t)world_random(centre->world, CONNECT_MOST_MS);
    virtual_event_set(&centre->connect, delay_ms, on_connect, centre);
}

/* ---- messages on their way ---- */

static void arrive(struct centre_flight *flight)
{
    struct world *world = flight->link->world;
    flight->has_arrived = true;
    flight->reason = LINK_REASON_SUCCESS;
    if (world_chance(world, world->is_healing ? 0 : world->options.refusal_permille)) {
        flight->reason = REASON_QUOTA;
        flight->link->refusals++;
        return;
    }
    if (world_chance(world, 10)) flight->reason = LINK_REASON_NO_SUBSCRIBER;
    oracle_receive(&world->oracle, flight->payload, flight->size);
}

static void on_flight(void *context)
{
    struct centre_flight *flight = context;
    struct link *centre = flight->link;
    if (!flight->has_arrived) {
        if (centre->is_dead) return; /* the connection's end forgets it */
        arrive(flight);
        int64_t delay_ms = (int64_t)world_random(centre->world, LATENCY_MOST_MS);
        virtual_event_set(&flight->event, delay_ms, on_flight, flight);
        return;
    }
    if (centre->is_dead) return;
    flight->is_used = false;
    centre->events.acknowledged(centre->events.context, flight->message_id, flight->reason);
}

static void forget_flights(struct link *centre)
{
    for (size_t i = 0; i < CENTRE_FLIGHTS; i++) {
        struct centre_flight *flight = &centre->flights[i];
        if (!flight->is_used) continue;
        virtual_event_clear(&flight->event);
        if (!flight->has_arrived && centre->is_up && world_chance(centre->world, 500))
            arrive(flight);
        flight->is_used = false;
    }
}

/* ---- the connection ---- */

static void on_connect(void *context)
{
    struct link *centre = context;
    if (!centre->is_up) {
        centre->events.lost(centre->events.context, "connection refused");
        connect_soon(centre);
        return;
    }
    centre->is_connected = true;
    centre->is_dead = false;
    centre->next_message_id = 0;
    centre->events.connected(centre->events.context);
}

static void lose(struct link *centre, const char *reason)
{
    if (!centre->is_connected) return;
    centre->losses++;
    forget_flights(centre);
    centre->is_connected = centre->is_dead = false;
    centre->events.lost(centre->events.context, reason);
    connect_soon(centre);
}

static void on_detect(void *context)
{
    lose(context, "keep-alive");
}

void centre_cut_off(struct link *centre)
{
    centre->is_up = false;
    centre->outages++;
    if (!centre->is_connected) return;
    centre->is_dead = true;
    int64_t detect_ms = (int64_t)world_random(centre->world, DETECT_MOST_MS);
    virtual_event_set(&centre->detect, detect_ms, on_detect, centre);
}

static void on_outage(void *context)
{
    struct link *centre = context;
    const struct world_options *options = &centre->world->options;
    int64_t next_ms;
    if (centre->is_up) {
        centre_cut_off(centre);
        next_ms = (int64_t)world_random(centre->world, (uint64_t)options->outage_most_ms);
    } else {
        centre->is_up = true;
        next_ms = world_random_wait(centre->world, options->outage_every_ms);
    }
    virtual_event_set(&centre->outage, next_ms, on_outage, centre);
}

void centre_begin_outages(struct link *centre)
{
    centre->is_up = true;
    int64_t every_ms = centre->world->options.outage_every_ms;
    if (every_ms == 0) return;
    virtual_event_set(&centre->outage, world_random_wait(centre->world, every_ms), on_outage,
                      centre);
}

void centre_heal(struct link *centre)
{
    virtual_event_clear(&centre->outage);
    centre->is_up = true;
}

/* ---- the gateway's end ---- */

static enum status open_link(struct link **link, const void *options,
                             const struct link_settings *settings, const struct link_events *events)
{
    struct link *const *given = options;
    (void)settings;
    *link = *given;
    (*link)->events = *events;
    (*link)->is_open = true;
    connect_soon(*link);
    return ST_OK;
}

static void close_link(struct link *centre)
{
    forget_flights(centre);
    virtual_event_clear(&centre->connect);
    virtual_event_clear(&centre->detect);
    centre->is_open = centre->is_connected = centre->is_dead = false;
}

static struct centre_flight *find_flight(struct link *centre)
{
    for (size_t i = 0; i < CENTRE_FLIGHTS; i++)
        if (!centre->flights[i].is_used) return &centre->flights[i];
    return NULL;
}

static enum status publish(struct link *centre, const struct link_message *message, int *message_id)
{
    struct world *world = centre->world;
    WORLD_CHECK(world, centre->is_connected, "published while the link was down");
    if (world_chance(world, 1) && world->options.witness == NULL) return ST_IO; /* order matters */
    struct centre_flight *flight = find_flight(centre);
    WORLD_CHECK(world, flight != NULL, "more than %d messages in flight", CENTRE_FLIGHTS);
    WORLD_CHECK(world, message->size < sizeof flight->payload, "a message of %zu bytes",
                message->size);
    if (world->options.published != NULL) world->options.published(world->options.witness, message);
    *message_id = flight->message_id = ++centre->next_message_id;
    flight->link = centre;
    flight->is_used = true;
    flight->has_arrived = false;
    flight->size = message->size;
    memcpy(flight->payload, message->payload, message->size + 1);
    int64_t delay_ms = (int64_t)world_random(world, LATENCY_MOST_MS);
    virtual_event_set(&flight->event, delay_ms, on_flight, flight);
    return ST_OK;
}

static bool is_connected(const struct link *centre)
{
    return centre->is_connected;
}

static const char *reason_name(int reason)
{
    return reason == REASON_QUOTA ? "quota exceeded" : NULL;
}

static size_t count_places(const struct link *link)
{
    (void)link;
    return 0;
}

const struct link_kind centre_link_kind = {.name = "simulated",
                                           .open = open_link,
                                           .close = close_link,
                                           .publish = publish,
                                           .is_connected = is_connected,
                                           .count_places = count_places,
                                           .reason_name = reason_name};
