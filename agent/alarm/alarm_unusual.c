/* Invariant: a habit is journalled in the batch of the readings it was learned from, and by the
 * first of a source's learned alarms only. */
#include "alarm/alarm_unusual.h"

#include "alarm/alarm_journal.h"

#include <string.h>

/* The entry's head: tag, version, what it is, length and id of the source. */
_Static_assert(4 + LIMIT_DEVICE_ID_SIZE <= LEARNED_HEAD_BYTES, "learned keeps room for it");
_Static_assert(LEARNED_HEAD_BYTES + HABIT_ENTRY_BYTES <= ALARM_JOURNAL_BYTES, "an entry fits");
_Static_assert((int)BAND_REASON_SIZE <= (int)ALARM_REASON_SIZE, "a reason fits");

/* Fills `rules`, one for each of the options; returns whether any learns. */
static bool make_rules(const struct alarm_options *options, struct learned_rule *rules)
{
    bool is_any = false;
    for (size_t i = 0; i < options->rule_count; i++) {
        const struct alarm_rule *rule = &options->rules[i];
        rules[i] = (struct learned_rule){.devices = rule->devices, .model = rule->model};
        if (rule->is_unusual) rules[i].deviations_milli = rule->unusual.deviations_micro / 1000;
        is_any = is_any || rule->is_unusual || rule->model != NULL;
    }
    return is_any;
}

size_t alarm_unusual_size_bytes(const struct alarm_options *options, size_t sources)
{
    struct learned_rule rules[LIMIT_ALARMS];
    if (!make_rules(options, rules)) return 0;
    const struct learned_options learned = {
        .sources = sources, .rules = rules, .rule_count = options->rule_count};
    return learned_size_bytes(&learned);
}

enum status alarm_unusual_open(struct alarm_engine *engine, size_t sources)
{
    if (!make_rules(&engine->options, engine->learned_rules)) return ST_OK;
    const struct learned_options options = {.sources = sources,
                                            .habit = engine->options.habit,
                                            .rules = engine->learned_rules,
                                            .rule_count = engine->options.rule_count};
    return learned_open(&engine->learned, &options);
}

void alarm_unusual_close(struct alarm_engine *engine)
{
    learned_close(engine->learned);
}

void alarm_unusual_admit(struct alarm_engine *engine, uint32_t source)
{
    if (engine->learned == NULL) return;
    (void)learned_admit(engine->learned, source, engine->sources[source].id);
}

void alarm_unusual_remove(struct alarm_engine *engine, uint32_t source)
{
    if (engine->learned != NULL) learned_remove(engine->learned, source);
}

static bool has_hour(bool is_of_device, const struct alarm_now *now)
{
    return is_of_device || now->clock != CLOCK_UNSET;
}

void alarm_unusual_judge(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const struct learned_value value = {.value_micro = value_micro,
                                        .event_ms = event_ms,
                                        .deadband_micro = condition->deadband_micro,
                                        .was_outside = alarm->facts.is_active};
    struct learned_finding finding;
    if (!has_hour(is_of_device, now)) return;
    if (!learned_judge(engine->learned, alarm->source, condition->rule_index, &value, &finding))
        return;
    /* The event of a clear names the limit that was crossed when it was raised. */
    if (!alarm->facts.is_active) alarm->limit_micro = finding.limit_micro;
    struct alarm_judgement judgement = {.place = finding.is_outside ? ALARM_INSIDE : ALARM_OUTSIDE,
                                        .value_micro = value_micro,
                                        .event_ms = event_ms,
                                        .arrival_ms = now->wall_ms,
                                        .since_wall_ms = now->wall_ms,
                                        .now = now};
    (void)alarm_judge(engine, index, &judgement);
}

void alarm_unusual_learn(struct alarm_engine *engine, uint32_t source, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    if (engine->learned == NULL || !has_hour(is_of_device, now)) return;
    learned_add(engine->learned, source, value_micro, event_ms);
}

void alarm_unusual_explain(const struct alarm_engine *engine, uint32_t index,
                           struct alarm_event *event)
{
    const struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    if (condition->kind != ALARM_UNUSUAL || event->trigger != TRIGGER_RAISE) return;
    const struct learned_value value = {
        .value_micro = alarm->value_micro, .event_ms = alarm->event_ms, .was_outside = true};
    struct learned_finding finding;
    if (!learned_judge(engine->learned, alarm->source, condition->rule_index, &value, &finding))
        return;
    learned_explain(&finding, alarm->value_micro, event->reason);
}

size_t alarm_unusual_reserved_bytes(const struct alarm_engine *engine)
{
    return engine->learned == NULL ? 0 : learned_reserved_bytes(engine->learned);
}

static void write_entries(struct alarm_engine *engine, uint32_t source)
{
    const char *id = engine->sources[source].id;
    uint8_t bytes[ALARM_JOURNAL_BYTES], entry[HABIT_ENTRY_BYTES];
    size_t size;
    while ((size = learned_encode(engine->learned, source, entry)) > 0) {
        struct pack_writer writer = {.bytes = bytes, .capacity = sizeof bytes};
        pack_put_u8(&writer, ALARM_ENTRY_TAG);
        pack_put_u8(&writer, ALARM_ENTRY_VERSION);
        pack_put_u8(&writer, ALARM_ENTRY_HABIT);
        pack_put_u8(&writer, (uint8_t)strlen(id));
        pack_put(&writer, id, strlen(id));
        pack_put(&writer, entry, size);
        engine->sink.journal(engine->sink.context, bytes, writer.size);
    }
}

void alarm_unusual_flush(struct alarm_engine *engine)
{
    if (engine->learned == NULL) return;
    for (uint32_t source; (source = learned_take_changed(engine->learned)) != LEARNED_NO_SOURCE;)
        write_entries(engine, source);
}

bool alarm_unusual_is_first(const struct alarm_engine *engine, uint32_t index)
{
    const struct alarm *alarm = &engine->alarms[index];
    if (!alarm->is_used || alarm_condition_of(engine, alarm)->kind != ALARM_UNUSUAL) return false;
    uint32_t first = engine->sources[alarm->source].first;
    while (alarm_condition_of(engine, &engine->alarms[first])->kind != ALARM_UNUSUAL)
        first = engine->alarms[first].next;
    return first == index;
}

void alarm_unusual_write_whole(struct alarm_engine *engine, uint32_t source)
{
    learned_encode_whole(engine->learned, source);
    write_entries(engine, source);
}

enum status alarm_unusual_restore(struct alarm_engine *engine, const char *source,
                                  struct pack_reader *reader)
{
    size_t size = reader->size - reader->at;
    const void *bytes = pack_get(reader, size);
    if (reader->is_short || source[0] == '\0') return ST_CORRUPT;
    uint32_t found = engine->learned == NULL ? ALARM_NO_SOURCE : alarm_table_add(engine, source);
    if (found == ALARM_NO_SOURCE) return ST_OK; /* no rule asks for it any more */
    enum status status = learned_restore(engine->learned, found, bytes, size);
    return status == ST_NOT_FOUND ? ST_OK : status;
}
