/* alarm_command: a command changes exactly the alarm and the occurrence it names, or nothing; what
 * it is answered is what is then true. */
#include "alarm/alarm_command.h"

#include "alarm/alarm_inside.h"

#include <string.h>

static const char *const answers[] = {"done",
                                      "nothing to do",
                                      "unknown alarm",
                                      "wrong occurrence",
                                      "not applicable in this state",
                                      "time out of range",
                                      "busy"};

_Static_assert(sizeof answers / sizeof *answers == ALARM_BUSY + 1, "a text for each");

const char *alarm_answer_text(enum alarm_answer answer)
{
    return answers[answer];
}

static void write_view(const struct alarm_engine *engine, uint32_t index, struct alarm_view *view)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const char *state = alarm_state_text(alarm_state_name(alarm->facts));
    const char *kind = alarm_kind_word(condition->kind);
    const char *priority = alarm_priority_text((enum alarm_priority)condition->rule->priority);
    const char *quality = alarm_quality_text(kind, engine->sources[alarm->source].is_faulty);
    memset(view, 0, sizeof *view);
    alarm_table_write_id(engine, index, view->alarm);
    memcpy(view->device, engine->sources[alarm->source].id, sizeof view->device);
    memcpy(view->kind, kind, strlen(kind) + 1);
    memcpy(view->state, state, strlen(state) + 1);
    memcpy(view->priority, priority, strlen(priority) + 1);
    memcpy(view->group, condition->rule->group, sizeof view->group);
    view->occurrence = alarm->occurrence;
    view->has_no_value = !alarm->has_value;
    view->annunciated = alarm->annunciated;
    view->realarm = alarm->realarm;
    view->hidden_raises = alarm->hidden_raises;
    memcpy(view->quality, quality, strlen(quality) + 1);
    view->value_micro = alarm->value_micro;
    view->limit_micro = alarm->limit_micro;
    view->since_ms = alarm->state_wall_ms;
    view->until_ms = alarm->facts.is_shelved ? alarm->shelf.until_wall_ms : 0;
    view->is_active = alarm->facts.is_active;
    view->is_standing = alarm_is_standing(engine, alarm);
    view->is_chattering = alarm_chatter_is_marked(&alarm->chatter, engine->mono_ms);
    view->is_first_out = alarm->is_first_out;
    if (alarm->note >= ALARM_NOTES || engine->notes[alarm->note].alarm != index) return;
    memcpy(view->actor, engine->notes[alarm->note].actor, sizeof view->actor);
    memcpy(view->reason, engine->notes[alarm->note].reason, sizeof view->reason);
}

static bool is_text(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool is_within_shelf(const struct alarm_condition *condition,
                            const struct alarm_command *command)
{
    int64_t most_ms = condition->rule->max_shelve_ms;
    if (most_ms == 0) most_ms = ALARM_SHELVE_MAX_MS;
    return command->shelve_ms > 0 && command->shelve_ms <= most_ms;
}

static enum alarm_answer answer_of(enum alarm_moved moved)
{
    switch (moved) {
    case ALARM_MOVED:
        return ALARM_DONE;
    case ALARM_STAYED:
        return ALARM_NOTHING_TO_DO;
    case ALARM_IS_REFUSED:
        return ALARM_NOT_APPLICABLE;
    case ALARM_HAS_NO_ROOM:
        break;
    }
    return ALARM_BUSY;
}

/* Asks the same twice: a sender that did not hear the answer. */
static bool is_shelved_alike(const struct alarm *alarm, const struct alarm_command *command,
                             const struct alarm_now *now)
{
    return alarm->facts.is_shelved && alarm->facts.is_one_shot == command->is_one_shot &&
           alarm_shelf_left_ms(&alarm->shelf, now->mono_ms) == command->shelve_ms;
}

static enum alarm_answer carry_out(struct alarm_engine *engine, uint32_t index,
                                   const struct alarm_command *command, const struct alarm_now *now)
{
    static const enum alarm_trigger triggers[] = {
        [ALARM_ACK] = TRIGGER_ACK,       [ALARM_RESET] = TRIGGER_RESET,
        [ALARM_SHELVE] = TRIGGER_SHELVE, [ALARM_UNSHELVE] = TRIGGER_UNSHELVE,
        [ALARM_OOS] = TRIGGER_OOS,       [ALARM_RETURN] = TRIGGER_RETURN,
    };
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    if (command->occurrence != 0 && command->occurrence != alarm->occurrence)
        return ALARM_WRONG_OCCURRENCE;
    if (command->verb == ALARM_SHELVE) {
        if (!is_within_shelf(condition, command)) return ALARM_OUT_OF_RANGE;
        if (is_shelved_alike(alarm, command, now)) return ALARM_NOTHING_TO_DO;
    }
    struct alarm_because because = {
        .trigger = triggers[command->verb], .command = command, .now = now};
    enum alarm_answer answer = answer_of(alarm_move(engine, index, &because));
    alarm_judge_set_timer(engine, index, true);
    return answer;
}

enum alarm_answer alarm_engine_command(struct alarm_engine *engine,
                                       const struct alarm_command *command,
                                       const struct alarm_now *now, struct alarm_view *after)
{
    alarm_restore_resume(engine, now);
    enum alarm_answer answer = ALARM_UNKNOWN;
    bool is_sound = is_text(command->alarm, sizeof command->alarm) &&
                    is_text(command->actor, sizeof command->actor) &&
                    is_text(command->reason, sizeof command->reason) &&
                    is_text(command->id, sizeof command->id) && command->verb <= ALARM_RETURN;
    uint32_t index = is_sound ? alarm_table_find_alarm(engine, command->alarm) : ALARM_NONE;
    if (index != ALARM_NONE) {
        answer = carry_out(engine, index, command, now);
        if (after != NULL) write_view(engine, index, after);
    }
    engine->counts.commands[answer]++;
    engine->is_common_changed = true;
    return answer;
}

size_t alarm_engine_list(const struct alarm_engine *engine, size_t *cursor,
                         struct alarm_view *views, size_t max)
{
    size_t count = 0;
    for (; *cursor < engine->alarms_used && count < max; ++*cursor) {
        if (engine->alarms[*cursor].is_used) write_view(engine, (uint32_t)*cursor, &views[count++]);
    }
    return count;
}

bool alarm_engine_view(const struct alarm_engine *engine, const char *alarm,
                       struct alarm_view *view)
{
    uint32_t index = alarm_table_find_alarm(engine, alarm);
    if (index != ALARM_NONE) write_view(engine, index, view);
    return index != ALARM_NONE;
}
