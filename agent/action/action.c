/* Invariant: an event reaches an action exactly when its pattern and priority choose the alarm;
 * what the action then makes of it is its own. */
#include "action/action.h"

#include "action/output.h"
#include "action/program.h"
#include "base/device_id.h"

#include <stdlib.h>
#include <string.h>

struct action {
    struct action_options options;
    struct program program; /* when options.run is given */
    struct output *output;  /* otherwise */
};

struct actions {
    size_t count;
    struct action items[];
};

static bool is_program(const struct action *action)
{
    return action->options.run[0] != '\0';
}

static int rank_of(const char *priority)
{
    static const char *const names[] = {"low", "medium", "high", "critical"};
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], priority) == 0) return i;
    return ACTION_PRIORITY_LOW;
}

static bool is_chosen(const struct action *action, const struct action_event *event)
{
    return rank_of(event->priority) >= action->options.priority &&
           device_id_matches(action->options.alarms, event->alarm);
}

/* It calls from its annunciation until it is anything else than unacknowledged and active. */
static void drive(struct action *action, const struct action_event *event)
{
    bool is_unacknowledged = strcmp(event->to, "UNACK") == 0;
    if (is_unacknowledged && event->annunciates)
        output_add_call(action->output, event->alarm);
    else if (!is_unacknowledged)
        output_remove_call(action->output, event->alarm);
}

static bool is_wanted(const struct action_options *options, const struct action_event *event)
{
    if (event->annunciates && options->on_annunciated) return true;
    if (strcmp(event->trigger, "ACK") == 0) return options->on_acknowledged;
    return strcmp(event->trigger, "CLEAR") == 0 && options->on_cleared;
}

void actions_tell(struct actions *actions, const struct action_event *event)
{
    for (size_t i = 0; i < actions->count; i++) {
        struct action *action = &actions->items[i];
        if (!is_chosen(action, event)) continue;
        if (!is_program(action))
            drive(action, event);
        else if (is_wanted(&action->options, event))
            program_tell(&action->program, event);
    }
}

void actions_take_over(struct actions *actions, const struct action_event *event)
{
    for (size_t i = 0; i < actions->count; i++) {
        struct action *action = &actions->items[i];
        if (!is_program(action) && is_chosen(action, event)) drive(action, event);
    }
}

void actions_begin(struct actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        if (!is_program(&actions->items[i])) output_write(actions->items[i].output);
}

static enum status open_one(struct action *action, const struct action_options *options,
                            struct loop *loop, struct log *log, const struct clock *clock)
{
    action->options = *options;
    if (is_program(action))
        return program_open(&action->program, &action->options, loop, log, clock);
    return output_open(&action->output, &action->options, loop, log);
}

enum status actions_open(struct actions **result, const struct action_options *options,
                         size_t count, struct loop *loop, struct log *log,
                         const struct clock *clock)
{
    struct actions *actions = calloc(1, sizeof *actions + count * sizeof *actions->items);
    *result = actions;
    if (actions == NULL) return ST_NO_MEMORY;
    enum status status = ST_OK;
    for (size_t i = 0; i < count && status == ST_OK; i++) {
        status = open_one(&actions->items[i], &options[i], loop, log, clock);
        actions->count++;
    }
    if (status == ST_OK) return ST_OK;
    actions_close(actions);
    *result = NULL;
    return status;
}

size_t actions_size_bytes(const struct action_options *options, size_t count)
{
    size_t bytes = sizeof(struct actions) + count * sizeof(struct action);
    for (size_t i = 0; i < count; i++)
        if (options[i].run[0] == '\0') bytes += output_size_bytes();
    return bytes;
}

bool actions_count(const struct actions *actions, size_t index, struct action_counts *counts)
{
    if (actions == NULL || index >= actions->count) return false;
    const struct action *action = &actions->items[index];
    const struct program *program = &action->program;
    *counts = (struct action_counts){.name = action->options.name,
                                     .is_output = !is_program(action),
                                     .started = program->started,
                                     .failed = program->failed,
                                     .timed_out = program->timed_out,
                                     .left_out = program->left_out,
                                     .waiting = program->count};
    if (action->output == NULL) return true;
    counts->is_on = output_is_on(action->output);
    counts->write_errors = output_count_errors(action->output);
    return true;
}

void actions_stop(struct actions *actions)
{
    if (actions == NULL) return;
    for (size_t i = 0; i < actions->count; i++)
        if (is_program(&actions->items[i])) program_stop(&actions->items[i].program);
}

void actions_close(struct actions *actions)
{
    if (actions == NULL) return;
    for (size_t i = 0; i < actions->count; i++) {
        if (is_program(&actions->items[i])) program_close(&actions->items[i].program);
        output_close(actions->items[i].output);
    }
    free(actions);
}
