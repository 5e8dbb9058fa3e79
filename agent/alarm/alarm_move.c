/* alarm_move: facts change only here, and only together with the event that says so: when the
 * batch has no room for the event, nothing has happened yet. */
#include "alarm/alarm_inside.h"
#include "alarm/alarm_unusual.h"

#include <stdio.h>
#include <string.h>

enum { EVENT_ROOM_BYTES = 640 }; /* of an event without command, cause and list at their longest */

static void fill_condition(const struct alarm_engine *engine, const struct alarm *alarm,
                           struct alarm_event *event)
{
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const struct alarm_rule *rule = condition->rule;
    const char *word = alarm_kind_word(condition->kind), *id = alarm_kind_id(condition->kind);
    memset(event, 0, sizeof *event); /* padding too: equal events are equal bytes */
    memcpy(event->name, rule->name, sizeof event->name);
    memcpy(event->kind, word, strlen(word));
    memcpy(event->id, id, strlen(id));
    memcpy(event->group, rule->group, sizeof event->group);
    event->priority = (enum alarm_priority)rule->priority;
    event->limit_micro = alarm->limit_micro;
    event->deadband_micro = condition->deadband_micro;
    event->on_delay_ms = condition->timing.on_delay_ms;
    event->off_delay_ms = condition->timing.off_delay_ms;
    event->boot = engine->options.boot;
}

static void fill_state(const struct alarm_engine *engine, const struct alarm *alarm,
                       struct alarm_event *event)
{
    event->occurrence = alarm->occurrence;
    event->has_no_value = !alarm->has_value;
    event->value_micro = alarm->value_micro;
    event->event_ms = alarm->event_ms;
    event->arrival_ms = alarm->arrival_ms;
    event->since_ms = alarm->since_ms;
    event->realarm = alarm->realarm;
    event->raised_while_suppressed = alarm->hidden_raises;
    event->is_first_out = alarm->is_first_out;
    event->is_uncertain = engine->sources[alarm->source].is_faulty;
    event->until_ms = alarm->facts.is_shelved ? alarm->shelf.until_wall_ms : 0;
}

/* A sensor's fault says what was wrong with its values. */
static void explain_fault(const struct alarm_engine *engine, const struct alarm *alarm,
                          struct alarm_event *event)
{
    if (alarm_condition_of(engine, alarm)->kind != ALARM_SENSOR_FAULT) return;
    if (event->trigger != TRIGGER_RAISE || alarm->fault == VERDICT_OK) return;
    (void)snprintf(event->reason, sizeof event->reason, "%s",
                   verdict_text((enum verdict)alarm->fault));
}

static void take_note(struct alarm_engine *engine, uint32_t index,
                      const struct alarm_command *command)
{
    struct alarm *alarm = &engine->alarms[index];
    if (alarm->note >= ALARM_NOTES || engine->notes[alarm->note].alarm != index) {
        alarm->note = engine->next_note;
        engine->next_note = (engine->next_note + 1) % ALARM_NOTES;
    }
    struct alarm_note *note = &engine->notes[alarm->note];
    note->alarm = index;
    memcpy(note->actor, command->actor, sizeof note->actor);
    memcpy(note->reason, command->reason, sizeof note->reason);
}

static void fill_command(const struct alarm_command *command, struct alarm_event *event)
{
    if (command == NULL) return;
    memcpy(event->actor, command->actor, sizeof event->actor);
    memcpy(event->reason, command->reason, sizeof event->reason);
    memcpy(event->command, command->id, sizeof event->command);
}

static void set_cause(struct alarm_event *event, const char *cause, uint32_t occurrence)
{
    if (cause == NULL || event->cause[0] != '\0') return;
    memcpy(event->cause, cause, strlen(cause) + 1);
    event->cause_occurrence = occurrence;
}

/* An alarm that begins to be seen joins its group, as the first one or as a consequence. */
static void join_group(struct alarm_engine *engine, uint32_t index, struct alarm_event *event)
{
    struct alarm *alarm = &engine->alarms[index];
    uint8_t number = alarm_condition_of(engine, alarm)->group;
    if (number == ALARM_NO_RULE) return;
    struct alarm_group *group = &engine->groups[number];
    if (!alarm->is_in_group) {
        alarm->is_in_group = true;
        if (group->active++ == 0) {
            group->first = index;
            alarm->is_first_out = true;
        }
    }
    if (group->first != index && group->first != ALARM_NONE) {
        char id[ALARM_ID_SIZE];
        alarm_table_write_id(engine, group->first, id);
        set_cause(event, id, engine->alarms[group->first].occurrence);
    }
}

/* The mark of the first one stays until the whole group is over. */
static void leave_group(struct alarm_engine *engine, uint32_t index)
{
    struct alarm *alarm = &engine->alarms[index];
    if (!alarm->is_in_group) return;
    struct alarm_group *group = &engine->groups[alarm_condition_of(engine, alarm)->group];
    alarm->is_in_group = false;
    if (--group->active > 0 || group->first == ALARM_NONE) return;
    engine->alarms[group->first].is_first_out = false;
    alarm_journal_mark(engine, group->first, true);
    group->first = ALARM_NONE;
}

static void count_day(struct alarm_engine *engine, struct alarm *alarm)
{
    alarm_tally_add(&alarm->tally, (uint32_t)(engine->run_ms / ALARM_DAY_MS));
    alarm->annunciated++;
}

static bool is_urgent(const struct alarm_condition *condition)
{
    return condition->rule->priority >= ALARM_PRIORITY_HIGH || condition->kind == ALARM_HIGH_HIGH ||
           condition->kind == ALARM_LOW_LOW;
}

/* Whether what calls for attention really may; marks the event. */
static bool may_annunciate(struct alarm_engine *engine, uint32_t index, bool is_held_back,
                           const struct alarm_now *now, struct alarm_event *event)
{
    struct alarm *alarm = &engine->alarms[index];
    char id[ALARM_ID_SIZE];
    if (is_held_back) return false;
    enum alarm_noise noise = alarm_chatter_add(&alarm->chatter, now->mono_ms);
    event->is_chattering = noise != ALARM_CALM;
    if (noise == ALARM_BEGINS) engine->counts.chattering++;
    if (noise == ALARM_NOISY) return false;
    alarm_table_write_id(engine, index, id);
    engine->is_common_changed = true;
    bool begins = alarm_flood_add(&engine->flood, id, alarm->occurrence, event->priority,
                                  now->mono_ms, now->wall_ms);
    event->is_in_flood = engine->flood.is_on;
    if (begins) engine->counts.floods++;
    if (engine->flood.is_on) engine->counts.flood_alarms++;
    if (engine->flood.alarms > engine->counts.flood_peak)
        engine->counts.flood_peak = engine->flood.alarms;
    return begins || !engine->flood.is_on || is_urgent(alarm_condition_of(engine, alarm));
}

static void annunciate(struct alarm_engine *engine, uint32_t index,
                       const struct alarm_because *because, struct alarm_event *event)
{
    struct alarm_counts *counts = &engine->counts;
    event->annunciate = may_annunciate(engine, index, because->is_held_back, because->now, event);
    if (!event->annunciate) {
        counts->held_back++;
        return;
    }
    counts->annunciations++;
    counts->by_priority[event->priority]++;
    if (++counts->slot_now > counts->slot_peak) counts->slot_peak = counts->slot_now;
    count_day(engine, &engine->alarms[index]);
}

static void count_active(struct alarm_engine *engine, const struct alarm *alarm, bool was_active)
{
    if (was_active == alarm->facts.is_active) return;
    uint8_t rule = alarm_condition_of(engine, alarm)->rule_index;
    engine->active += alarm->facts.is_active ? 1U : (size_t)-1;
    engine->rule_active[rule] += alarm->facts.is_active ? 1U : UINT32_MAX;
    if ((engine->suppressors >> rule & 1) != 0) engine->is_sweep_due = true;
}

static void keep_most(uint64_t *most, int64_t figure)
{
    if (figure > 0 && (uint64_t)figure > *most) *most = (uint64_t)figure;
}

static void count_ack(struct alarm_engine *engine, const struct alarm *alarm, int64_t mono_ms)
{
    int64_t waited_ms = mono_ms - alarm->unacked_mono_ms;
    if (waited_ms < 0) waited_ms = 0;
    engine->counts.acks++;
    engine->counts.ack_total_ms += (uint64_t)waited_ms;
    keep_most(&engine->counts.ack_longest_ms, waited_ms);
}

/* What the step changes beside the facts. */
static void keep_books(struct alarm_engine *engine, uint32_t index, const struct alarm_step *step,
                       const struct alarm_because *because)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_now *now = because->now;
    bool is_raise = because->trigger == TRIGGER_RAISE;
    if (step->is_new_occurrence) {
        alarm->occurrence++;
        alarm->realarm = 0;
        engine->counts.raised++;
    }
    if (step->is_hidden_raise) {
        alarm->hidden_raises++;
        engine->counts.hidden_raises++;
    }
    if (because->trigger == TRIGGER_REALARM) {
        alarm->realarm++;
        engine->counts.realarms++;
        keep_most(&engine->counts.realarm_most, alarm->realarm);
    }
    if (is_raise) {
        alarm->since_ms = alarm->zone.is_timing ? alarm->zone.since_wall_ms : now->wall_ms;
        alarm->active_mono_ms = now->mono_ms;
    }
    if (because->trigger == TRIGGER_CLEAR)
        keep_most(&engine->counts.active_longest_ms, now->mono_ms - alarm->active_mono_ms);
    if (because->trigger == TRIGGER_ACK) count_ack(engine, alarm, now->mono_ms);
    if (step->annunciate) alarm->unacked_mono_ms = now->mono_ms;
    if (because->trigger == TRIGGER_SHELVE) {
        alarm->shelf = alarm_shelf_begin(because->command->shelve_ms, now);
        alarm->facts.is_one_shot = because->command->is_one_shot;
    }
    if (because->trigger == TRIGGER_SHELVE || because->trigger == TRIGGER_OOS) {
        take_note(engine, index, because->command);
    }
    if (step->from != step->to) {
        alarm->state_wall_ms = now->wall_ms;
        alarm->state_mono_ms = now->mono_ms;
    }
}

static void emit(struct alarm_engine *engine, const char *source, struct alarm_event *event,
                 const struct alarm_now *now)
{
    event->mono_ms = now->mono_ms;
    engine->counts.events++;
    engine->is_common_changed = true;
    engine->sink.emit(engine->sink.context, source, event, now);
}

static bool has_room(const struct alarm_engine *engine, const struct alarm *alarm,
                     const struct alarm_because *because)
{
    size_t bytes = EVENT_ROOM_BYTES + 2 * alarm_journal_entry_bytes(engine, alarm);
    enum alarm_kind kind = alarm_condition_of(engine, alarm)->kind;
    if (kind == ALARM_UNUSUAL || kind == ALARM_SENSOR_FAULT) bytes += ALARM_REASON_SIZE;
    if (because->command != NULL)
        bytes += ALARM_ACTOR_SIZE + ALARM_REASON_SIZE + ALARM_COMMAND_ID_SIZE;
    return engine->sink.has_room(engine->sink.context, bytes);
}

enum alarm_moved alarm_move(struct alarm_engine *engine, uint32_t index,
                            const struct alarm_because *because)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_rule *rule = alarm_condition_of(engine, alarm)->rule;
    struct alarm_policy policy = {.needs_ack = rule->needs_ack, .is_latching = rule->is_latching};
    struct alarm_facts facts = alarm->facts;
    struct alarm_step step = alarm_state_apply(&facts, policy, because->trigger);
    if (step.outcome == ALARM_SAME) return ALARM_STAYED;
    if (step.outcome == ALARM_REFUSED) return ALARM_IS_REFUSED;
    if (!has_room(engine, alarm, because)) return ALARM_HAS_NO_ROOM;
    struct alarm_event event;
    bool was_active = alarm->facts.is_active;
    alarm->facts = facts;
    count_active(engine, alarm, was_active);
    keep_books(engine, index, &step, because);
    fill_condition(engine, alarm, &event);
    event.from = step.from;
    event.to = step.to;
    event.trigger = because->trigger;
    set_cause(&event, because->cause, because->cause_occurrence);
    if (step.annunciate) {
        join_group(engine, index, &event);
        annunciate(engine, index, because, &event);
    } else {
        event.is_chattering = alarm_chatter_is_marked(&alarm->chatter, because->now->mono_ms);
        event.is_in_flood = engine->flood.is_on;
    }
    fill_command(because->command, &event);
    fill_state(engine, alarm, &event);
    alarm_unusual_explain(engine, index, &event);
    explain_fault(engine, alarm, &event);
    if (!alarm->facts.is_active || alarm_state_is_hidden(alarm->facts)) leave_group(engine, index);
    if (!alarm_state_is_hidden(alarm->facts)) alarm->hidden_raises = 0;
    alarm_journal_mark(engine, index, true);
    emit(engine, engine->sources[alarm->source].id, &event, because->now);
    return ALARM_MOVED;
}

/* The rule that hides the alarm by design, if it does now; ALARM_NO_RULE: none does. */
static uint8_t find_suppressor(const struct alarm_engine *engine, const struct alarm *alarm)
{
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const struct alarm_source *source = &engine->sources[alarm->source];
    if (condition->kind == ALARM_NO_DATA && source->silent_rules != 0) {
        for (uint8_t i = 0; i < engine->options.rule_count; i++) {
            if ((source->silent_rules >> i & 1) != 0 && engine->rule_active[i] > 0) return i;
        }
    }
    uint8_t rule = condition->suppressor;
    if (rule == ALARM_NO_RULE) return rule;
    bool is_of_source = false;
    for (uint32_t i = source->first; i != ALARM_NONE; i = engine->alarms[i].next) {
        if (alarm_condition_of(engine, &engine->alarms[i])->rule_index != rule) continue;
        if (engine->alarms[i].facts.is_active) return rule;
        is_of_source = true;
    }
    return !is_of_source && engine->rule_active[rule] > 0 ? rule : ALARM_NO_RULE;
}

bool alarm_move_suppression(struct alarm_engine *engine, uint32_t index,
                            const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    uint8_t rule = find_suppressor(engine, alarm);
    bool is_due = rule != ALARM_NO_RULE;
    if (is_due == alarm->facts.is_suppressed) return true;
    struct alarm_because because = {
        .trigger = is_due ? TRIGGER_SUPPRESS : TRIGGER_UNSUPPRESS,
        .cause = is_due ? engine->options.rules[rule].name : NULL,
        .now = now,
    };
    return alarm_move(engine, index, &because) != ALARM_HAS_NO_ROOM;
}

static void emit_flood(struct alarm_engine *engine, enum alarm_state from, enum alarm_state to,
                       const struct alarm_now *now)
{
    const struct alarm_flood *flood = &engine->flood;
    struct alarm_event event;
    memset(&event, 0, sizeof event);
    memcpy(event.name, "flood", sizeof "flood");
    memcpy(event.kind, "flood", sizeof "flood");
    memcpy(event.id, "flood", sizeof "flood");
    event.from = from;
    event.to = to;
    event.trigger = TRIGGER_FLOOD;
    event.priority = flood->highest;
    event.occurrence = flood->number;
    event.boot = engine->options.boot;
    event.value_micro = (int64_t)flood->alarms * 1000000;
    event.limit_micro = (int64_t)ALARM_FLOOD_BEGIN * 1000000;
    event.event_ms = event.arrival_ms = now->wall_ms;
    event.since_ms = flood->since_wall_ms;
    event.is_in_flood = true;
    memcpy(event.cause, flood->first, sizeof event.cause);
    event.cause_occurrence = flood->first_occurrence;
    memcpy(event.list, flood->list, sizeof event.list);
    emit(engine, engine->options.gateway, &event, now);
}

void alarm_move_flood(struct alarm_engine *engine, const struct alarm_now *now)
{
    struct alarm_flood *flood = &engine->flood;
    if (!flood->is_on) return;
    size_t bytes = EVENT_ROOM_BYTES + ALARM_LIST_SIZE + 2 * ALARM_JOURNAL_BYTES;
    if (!engine->sink.has_room(engine->sink.context, bytes)) return;
    if (alarm_flood_end(flood, now->mono_ms)) {
        engine->counts.flood_ms += (uint64_t)(now->mono_ms - flood->since_mono_ms);
        emit_flood(engine, ALARM_UNACK, ALARM_NORM, now);
        return;
    }
    if (now->mono_ms < flood->summary_mono_ms) return;
    bool is_first = flood->summary_mono_ms == flood->since_mono_ms;
    flood->summary_mono_ms = now->mono_ms + ALARM_FLOOD_SUMMARY_MS;
    emit_flood(engine, is_first ? ALARM_NORM : ALARM_UNACK, ALARM_UNACK, now);
}

/* One last word on an alarm, so that no console shows it for ever. */
static void emit_removed(struct alarm_engine *engine, const struct alarm_removed *removed,
                         const struct alarm_now *now)
{
    const char *word = alarm_kind_word(removed->kind), *id = alarm_kind_id(removed->kind);
    struct alarm_event event;
    memset(&event, 0, sizeof event);
    memcpy(event.name, removed->name, sizeof event.name);
    memcpy(event.kind, word, strlen(word));
    memcpy(event.id, id, strlen(id));
    event.from = removed->state;
    event.to = ALARM_REMOVED;
    event.trigger = TRIGGER_CONFIG;
    event.occurrence = removed->occurrence;
    event.has_no_value = true;
    event.boot = engine->options.boot;
    event.event_ms = event.arrival_ms = event.since_ms = now->wall_ms;
    emit(engine, removed->device, &event, now);
}

void alarm_move_removed(struct alarm_engine *engine, const struct alarm_now *now)
{
    while (engine->removed_count > 0) {
        size_t bytes = EVENT_ROOM_BYTES + ALARM_JOURNAL_BYTES;
        if (!engine->sink.has_room(engine->sink.context, bytes)) return;
        const struct alarm_removed *removed = &engine->removed[--engine->removed_count];
        alarm_journal_forget(engine, removed->source, removed->name, removed->kind);
        emit_removed(engine, removed, now);
    }
}

void alarm_engine_remove_source(struct alarm_engine *engine, uint32_t source,
                                const struct alarm_now *now)
{
    if (source == ALARM_NO_SOURCE) return;
    const struct alarm_source *leaving = &engine->sources[source];
    for (uint32_t i = leaving->first; i != ALARM_NONE; i = engine->alarms[i].next) {
        const struct alarm *alarm = &engine->alarms[i];
        const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
        struct alarm_removed removed = {.kind = condition->kind,
                                        .state = alarm_state_name(alarm->facts),
                                        .occurrence = alarm->occurrence};
        if (removed.state == ALARM_NORM) continue;
        memcpy(removed.device, leaving->id, sizeof removed.device);
        memcpy(removed.name, condition->rule->name, sizeof removed.name);
        emit_removed(engine, &removed, now);
    }
    alarm_journal_forget(engine, leaving->id, "", ALARM_KIND_COUNT);
    alarm_table_remove(engine, source);
}
