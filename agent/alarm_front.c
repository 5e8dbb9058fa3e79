/* Invariant: nothing that says what became of an alarm leaves before the commit that holds it,
 * except to the gateway's own actions, which must not wait for a disk. */
#include "alarm_front.h"

#include "alarm_desk.h"
#include "alarm_remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct alarm_front {
    struct alarm_front_settings settings;
    struct alarm_front_host host;
    struct alarm_engine *engine; /* NULL before start */
    struct alarm_desk desk;
    struct actions *actions;     /* NULL: none */
    struct alarm_remote *remote; /* NULL: none */
    uint64_t durable_ticket;
};

static enum alarm_answer ask_engine(void *context, const struct alarm_command *command,
                                    bool is_exact, const struct alarm_now *now,
                                    struct alarm_view *after)
{
    struct alarm_front *front = context;
    if (front->engine == NULL) return ALARM_BUSY;
    if (is_exact && command->occurrence == 0) {
        if (!alarm_engine_view(front->engine, command->alarm, after)) return ALARM_UNKNOWN;
        if (after->occurrence != 0) return ALARM_WRONG_OCCURRENCE;
    }
    return alarm_engine_command(front->engine, command, now, after);
}

enum status alarm_front_open(struct alarm_front **result,
                             const struct alarm_front_settings *settings,
                             const struct alarm_front_host *host)
{
    struct alarm_front *front = calloc(1, sizeof *front);
    *result = front;
    if (front == NULL) return ST_NO_MEMORY;
    front->settings = *settings;
    front->host = *host;
    const struct command_channel_options *remote =
        settings->uplink != NULL ? &settings->uplink->commands : NULL;
    alarm_desk_init(&front->desk, settings->gateway, remote, ask_engine, front, settings->log,
                    clock_mono_ms(&settings->clock));
    return ST_OK;
}

size_t alarm_front_size_bytes(const struct alarm_front_settings *settings)
{
    return sizeof(struct alarm_front) +
           actions_size_bytes(settings->actions, settings->action_count) +
           alarm_remote_size_bytes(settings->uplink);
}

/* ---- requests ---- */

static uint64_t ticket_of(struct alarm_front *front, enum alarm_desk_when when)
{
    if (when == ALARM_DESK_CHANGED) return front->host.change(front->host.context);
    return when == ALARM_DESK_DURABLE ? front->host.newest(front->host.context) : 0;
}

static uint64_t take(void *context, const struct alarm_desk_request *request, struct text *answer)
{
    struct alarm_front *front = context;
    struct alarm_now now = front->host.now(front->host.context);
    return ticket_of(front, alarm_desk_take(&front->desk, request, &now, answer));
}

uint64_t alarm_front_take_local(struct alarm_front *front, const char *json, size_t size,
                                const char *peer, struct text *answer)
{
    const struct alarm_desk_request request = {
        .json = json, .size = size, .is_local = true, .peer = peer};
    return take(front, &request, answer);
}

/* ---- the central broker ---- */

static size_t list_engine(void *context, size_t *cursor, struct alarm_view *views, size_t max)
{
    struct alarm_front *front = context;
    return alarm_engine_list(front->engine, cursor, views, max);
}

static bool find_in_engine(void *context, const char *alarm, struct alarm_view *view)
{
    struct alarm_front *front = context;
    return alarm_engine_view(front->engine, alarm, view);
}

static enum status open_remote(struct alarm_front *front)
{
    const struct alarm_remote_settings settings = {.uplink = front->settings.uplink,
                                                   .gateway = front->settings.gateway,
                                                   .loop = front->settings.loop,
                                                   .log = front->settings.log};
    const struct alarm_remote_host host = {
        .list = list_engine, .find = find_in_engine, .take = take, .context = front};
    return alarm_remote_open(&front->remote, &settings, &host);
}

/* ---- events and actions ---- */

static void copy_text(char *to, size_t capacity, const char *from)
{
    (void)snprintf(to, capacity, "%s", from);
}

static void take_over_standing(struct alarm_front *front)
{
    struct alarm_view view;
    size_t cursor = 0;
    while (alarm_engine_list(front->engine, &cursor, &view, 1) == 1) {
        if (strcmp(view.state, "UNACK") != 0) continue;
        struct action_event event = {.occurrence = view.occurrence, .annunciates = true};
        copy_text(event.alarm, sizeof event.alarm, view.alarm);
        copy_text(event.priority, sizeof event.priority, view.priority);
        copy_text(event.to, sizeof event.to, view.state);
        actions_take_over(front->actions, &event);
    }
    actions_begin(front->actions);
}

static void tell_actions(struct alarm_front *front, const char *device, const char *id,
                         const struct alarm_event *event, int64_t wall_ms)
{
    struct action_event told = {.occurrence = event->occurrence,
                                .annunciates = event->annunciate,
                                .value_micro = event->value_micro,
                                .has_no_value = event->has_no_value,
                                .limit_micro = event->limit_micro,
                                .wall_ms = wall_ms};
    copy_text(told.alarm, sizeof told.alarm, id);
    copy_text(told.device, sizeof told.device, device);
    copy_text(told.name, sizeof told.name, event->name);
    copy_text(told.kind, sizeof told.kind, event->kind);
    copy_text(told.priority, sizeof told.priority, alarm_priority_text(event->priority));
    copy_text(told.from, sizeof told.from, alarm_state_text(event->from));
    copy_text(told.to, sizeof told.to, alarm_state_text(event->to));
    copy_text(told.trigger, sizeof told.trigger, alarm_trigger_text(event->trigger));
    copy_text(told.actor, sizeof told.actor, event->actor);
    copy_text(told.reason, sizeof told.reason, event->reason);
    copy_text(told.gateway, sizeof told.gateway, front->settings.gateway);
    actions_tell(front->actions, &told);
}

void alarm_front_on_event(struct alarm_front *front, const char *device,
                          const struct alarm_event *event, int64_t wall_ms, uint64_t ticket)
{
    char id[ALARM_ID_SIZE];
    alarm_id_write(id, device, event->name, event->id);
    if (front->actions != NULL) tell_actions(front, device, id, event, wall_ms);
    if (event->trigger != TRIGGER_FLOOD) alarm_remote_note(front->remote, id, device, ticket);
}

void alarm_front_on_committed(struct alarm_front *front, uint64_t ticket)
{
    front->durable_ticket = ticket;
    alarm_remote_pump(front->remote, ticket);
}

void alarm_front_on_tick(struct alarm_front *front)
{
    alarm_remote_pump(front->remote, front->durable_ticket);
}

size_t alarm_front_list(const struct alarm_front *front, size_t *cursor, struct alarm_view *views,
                        size_t max)
{
    return front->engine != NULL ? alarm_engine_list(front->engine, cursor, views, max) : 0;
}

/* ---- start and stop ---- */

enum status alarm_front_start(struct alarm_front *front, struct alarm_engine *engine)
{
    const struct alarm_front_settings *settings = &front->settings;
    front->engine = engine;
    enum status status = actions_open(&front->actions, settings->actions, settings->action_count,
                                      settings->loop, settings->log, &settings->clock);
    if (status != ST_OK) return status;
    take_over_standing(front);
    return open_remote(front);
}

void alarm_front_stop(struct alarm_front *front)
{
    if (front != NULL) actions_stop(front->actions);
}

void alarm_front_close(struct alarm_front *front)
{
    if (front == NULL) return;
    actions_close(front->actions);
    alarm_remote_close(front->remote);
    free(front);
}

/* ---- the journal ---- */

bool alarm_front_is_entry(const void *bytes, size_t size)
{
    uint8_t tag = size > 0 ? *(const uint8_t *)bytes : 0;
    return tag == ALARM_GUARD_TAG || tag == ALARM_DESK_TAG;
}

enum status alarm_front_restore(struct alarm_front *front, const void *bytes, size_t size)
{
    if (size > 0 && *(const uint8_t *)bytes == ALARM_DESK_TAG)
        return alarm_desk_restore_counts(&front->desk, bytes, size);
    return alarm_guard_restore(&front->desk.guard, bytes, size);
}

void alarm_front_journal(struct alarm_front *front,
                         void (*add)(void *context, const void *bytes, size_t size), void *context)
{
    uint8_t bytes[ALARM_GUARD_ENTRY_BYTES], counts[ALARM_DESK_ENTRY_BYTES];
    size_t size;
    while ((size = alarm_guard_encode(&front->desk.guard, bytes)) > 0) add(context, bytes, size);
    size = alarm_desk_encode_counts(&front->desk, counts);
    if (size > 0) add(context, counts, size);
}

void alarm_front_journal_whole(struct alarm_front *front)
{
    alarm_guard_journal_whole(&front->desk.guard);
    front->desk.are_counts_unwritten = true;
}

size_t alarm_front_room_bytes(void)
{
    return ALARM_DESK_ROOM_BYTES;
}

/* ---- the report ---- */

static void add_results(struct text *text, const char *key, const uint64_t *counts)
{
    text_json_open(text, key, '{');
    for (int i = 0; i < REQUEST_RESULTS; i++)
        if (counts[i] > 0)
            text_json_uint(text, alarm_request_result_name((enum request_result)i), counts[i]);
    text_json_close(text, '}');
}

static void add_action(struct text *text, const struct action_counts *counts)
{
    text_json_open(text, NULL, '{');
    text_json_string(text, "name", counts->name);
    if (counts->is_output) {
        text_json_bool(text, "on", counts->is_on);
        text_json_uint(text, "write_errors", counts->write_errors);
    } else {
        text_json_uint(text, "started", counts->started);
        text_json_uint(text, "failed", counts->failed);
        text_json_uint(text, "timed_out", counts->timed_out);
        text_json_uint(text, "left_out", counts->left_out);
        text_json_uint(text, "waiting", counts->waiting);
    }
    text_json_close(text, '}');
}

void alarm_front_report(const struct alarm_front *front, struct text *text)
{
    text_json_open(text, "commands", '{');
    add_results(text, "local", front->desk.counts.local);
    add_results(text, "remote", front->desk.counts.remote);
    text_json_uint(text, "repeated", front->desk.counts.repeats);
    alarm_remote_report(front->remote, text);
    text_json_close(text, '}');
    text_json_open(text, "actions", '[');
    struct action_counts counts;
    for (size_t i = 0; actions_count(front->actions, i, &counts); i++) add_action(text, &counts);
    text_json_close(text, ']');
}
