/* Invariant: an acknowledgement covers only readings that are committed or were refused. */
#include "simulation/world.h"

#include <stdio.h>
#include <string.h>

enum { UNACKNOWLEDGED_MOST = 64, BUSY_RETRY_MS = 1000, NETWORK_MOST_MS = 200 };

struct source_state {
    struct source *source;
};

static struct message *message_at(struct source *source, uint64_t number)
{
    return &source->messages[number % SOURCE_MESSAGES];
}

static enum verdict offer(struct source *source, const struct message *message, uint64_t *ticket)
{
    struct reading reading = {.value_micro = message->value_micro,
                              .has_event_time = source->can_wait,
                              .event_ms = message->event_ms};
    snprintf(reading.device, sizeof reading.device, message->device < STRANGER ? "d%05u" : "x%u",
             message->device);
    return intake_offer_reading(source->intake, &reading, ticket);
}

static void pump(struct source *source);

static void on_retry(void *context)
{
    pump(context);
}

/* As an MQTT message id and a hash of the message: a slot is used again once it is acknowledged. */
static uint64_t key_of(const struct source *source, uint64_t number)
{
    const struct message *message = &source->messages[number % SOURCE_MESSAGES];
    uint64_t mark =
        (uint64_t)message->event_ms * 31 + (uint64_t)message->value_micro * 7 + message->device;
    return (number % UNACKNOWLEDGED_MOST + 1) << 32 | (mark & UINT32_MAX);
}

/* False: the agent cannot take it now. */
static bool deliver(struct source *source, uint64_t number)
{
    struct message *message = message_at(source, number);
    uint64_t key = key_of(source, number);
    if (intake_is_repeat(source->intake, key, INT64_MAX)) {
        intake_report_refusal(source->intake, VERDICT_DUPLICATE, "sent again");
        message->is_settled = true;
        source->refused[VERDICT_DUPLICATE]++;
        WORLD_CHECK(source->world, message->is_committed || message->was_refused,
                    "device %u: a reading that is not counted is called a repeat", message->device);
        return true;
    }
    enum verdict verdict = offer(source, message, &message->ticket);
    if (verdict == VERDICT_BUSY) {
        virtual_event_set(&source->retry, BUSY_RETRY_MS, on_retry, source);
        return false;
    }
    intake_remember(source->intake, key);
    if (verdict != VERDICT_OK) {
        message->is_settled = message->was_refused = true;
        source->refused[verdict]++;
        return true;
    }
    WORLD_CHECK(source->world, !message->is_committed,
                "device %u: a reading that was committed is taken again", message->device);
    world_take(source->world, message, message, message->ticket);
    if (source->world->options.hurries && world_chance(source->world, 200))
        intake_request_commit(source->intake);
    return true;
}

static void send_acknowledgement(struct source *source);

static void pump(struct source *source)
{
    while (source->intake != NULL && !source->is_paused && source->next < source->end &&
           source->next - source->first < UNACKNOWLEDGED_MOST) {
        if (!deliver(source, source->next)) break;
        source->next++;
    }
    if (source->intake != NULL) send_acknowledgement(source);
}

static void on_answer(void *context)
{
    struct source *source = context;
    source->first = source->acknowledged;
    pump(source);
}

static void send_acknowledgement(struct source *source)
{
    uint64_t to = source->acknowledged > source->first ? source->acknowledged : source->first;
    while (to < source->next && message_at(source, to)->is_settled) to++;
    if (to <= source->first || to == source->acknowledged) return;
    source->acknowledged = to;
    if (source->answer.place != 0) return; /* it takes the new number along */
    int64_t delay_ms = (int64_t)world_random(source->world, NETWORK_MOST_MS);
    virtual_event_set(&source->answer, delay_ms, on_answer, source);
}

static void measure_unkept(struct source *source, const struct message *message)
{
    if (source->intake == NULL || source->is_paused) return;
    struct message reading = *message;
    struct stream_now now = flow_now(&source->world->flow);
    reading.event_ms = now.wall_ms;
    if (now.clock == CLOCK_UNSET) reading.boot = source->world->boot;
    uint64_t ticket = 0;
    enum verdict verdict = offer(source, &reading, &ticket);
    if (verdict == VERDICT_OK)
        world_take(source->world, &reading, NULL, ticket);
    else
        source->refused[verdict]++;
}

void source_measure(struct source *source, const struct message *message)
{
    if (!source->can_wait) {
        measure_unkept(source, message);
        return;
    }
    if (source->end - source->first == SOURCE_MESSAGES) {
        source->overflowed++;
        return;
    }
    *message_at(source, source->end++) = *message;
    if (source->retry.place == 0) pump(source);
}

/* What was on its way arrives or does not; the rest is sent again. */
void source_crash(struct source *source)
{
    virtual_event_clear(&source->retry);
    bool is_answered = source->answer.place != 0 && world_chance(source->world, 500);
    virtual_event_clear(&source->answer);
    if (is_answered) source->first = source->acknowledged;
    source->acknowledged = source->first;
    for (uint64_t i = source->first; i < source->next; i++) {
        struct message *message = message_at(source, i);
        message->ticket = 0;
        message->is_settled = false;
    }
    source->next = source->first;
    source->intake = NULL;
    source->is_paused = false;
}

/* ---- the agent's side ---- */

static enum status open_source(void *state, struct intake *intake, const void *options)
{
    struct source_state *own = state;
    struct source *const *given = options;
    own->source = *given;
    own->source->intake = intake;
    intake_report_connected(intake, true, "simulated");
    if (own->source->can_wait) virtual_event_set(&own->source->retry, 10, on_retry, own->source);
    return ST_OK;
}

static size_t repeat_keys(const void *options)
{
    (void)options;
    return UNACKNOWLEDGED_MOST;
}

static void close_source(void *state)
{
    struct source_state *own = state;
    if (own->source == NULL) return;
    own->source->intake = NULL;
    own->source = NULL;
}

static void on_durable(void *state, uint64_t ticket)
{
    struct source *source = ((struct source_state *)state)->source;
    for (uint64_t i = source->first; i < source->next; i++) {
        struct message *message = message_at(source, i);
        if (message->is_settled || message->ticket > ticket) continue;
        WORLD_CHECK(source->world, message->is_committed,
                    "device %u: acknowledged before it was committed", message->device);
        message->is_settled = true;
    }
    pump(source);
}

static void pause_source(void *state)
{
    struct source_state *own = state;
    own->source->is_paused = true;
}

static void resume_source(void *state)
{
    struct source_state *own = state;
    own->source->is_paused = false;
    if (own->source->can_wait) virtual_event_set(&own->source->retry, 0, on_retry, own->source);
}

const struct driver source_drivers[SOURCE_COUNT] = {
    [SOURCE_POLL] = {.name = "poll",
                     .state_size = sizeof(struct source_state),
                     .can_wait = true,
                     .repeat_keys = repeat_keys,
                     .open = open_source,
                     .close = close_source,
                     .durable = on_durable},
    [SOURCE_QUEUE] = {.name = "queue",
                      .state_size = sizeof(struct source_state),
                      .can_wait = true,
                      .pauses_for_commit = true,
                      .repeat_keys = repeat_keys,
                      .open = open_source,
                      .close = close_source,
                      .durable = on_durable,
                      .pause = pause_source,
                      .resume = resume_source},
    [SOURCE_LINE] = {.name = "line",
                     .state_size = sizeof(struct source_state),
                     .open = open_source,
                     .close = close_source,
                     .pause = pause_source,
                     .resume = resume_source},
};
