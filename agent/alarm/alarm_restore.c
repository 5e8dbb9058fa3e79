/* alarm_restore: what an entry says replaces what was known of the alarm; nothing is announced.
 * Until the first moment of this run is known, times are kept as how long ago they were when they
 * were written.  On the same monotonic clock they are exact; on another one, the time in between
 * is not known and does not count. */
#include "alarm/alarm_inside.h"
#include "alarm/alarm_journal.h"
#include "alarm/alarm_unusual.h"

#include <string.h>

/* What ages count from. */
static int64_t base_of(bool is_same_clock, int64_t written_mono_ms, int64_t mono_ms)
{
    return is_same_clock && written_mono_ms <= mono_ms ? written_mono_ms : mono_ms;
}

static void resume_alarm(struct alarm_engine *engine, uint32_t index, const struct alarm_now *now)
{
    struct alarm *alarm = &engine->alarms[index];
    if (alarm->is_suspended) {
        int64_t *times[ALARM_TIMES];
        int64_t base_ms = base_of(alarm->is_same_clock, alarm->written_mono_ms, now->mono_ms);
        alarm_journal_times(alarm, times);
        for (int i = 0; i < ALARM_TIMES; i++) *times[i] = base_ms - *times[i];
        alarm->is_suspended = false;
        alarm->written_mono_ms = now->mono_ms;
        alarm_zone_resume(&alarm->zone, now->mono_ms);
        if (alarm->facts.is_shelved) alarm_shelf_resume(&alarm->shelf, now);
        if (alarm->zone.is_timing) alarm_journal_mark(engine, index, false);
    }
    uint8_t number = alarm_condition_of(engine, alarm)->group;
    if (number == ALARM_NO_RULE) alarm->is_in_group = alarm->is_first_out = false;
    /* Until the next value says otherwise. */
    if (alarm_condition_of(engine, alarm)->kind == ALARM_SENSOR_FAULT &&
        (alarm->facts.is_active || alarm->zone.is_timing))
        engine->sources[alarm->source].is_faulty = true;
    if (alarm->is_in_group) engine->groups[number].active++;
    if (alarm->is_first_out) engine->groups[number].first = index;
    alarm_judge_set_timer(engine, index, true);
}

static void resume_flood(struct alarm_engine *engine, int64_t mono_ms)
{
    struct alarm_flood *flood = &engine->flood;
    int64_t base_ms = base_of(engine->is_same_clock, engine->written_mono_ms, mono_ms);
    for (int i = 0; i < ALARM_FLOOD_BEGIN; i++) flood->mono_ms[i] = base_ms - flood->mono_ms[i];
    flood->since_mono_ms = base_ms - flood->since_mono_ms;
    flood->summary_mono_ms = base_ms - flood->summary_mono_ms;
    engine->slot_mono_ms = mono_ms - engine->slot_mono_ms; /* of running time */
    engine->seen_mono_ms = mono_ms;
}

/* A device that is named without its place may be known with it by now. */
static void drop_stand_ins(struct alarm_engine *engine, const struct alarm_now *now)
{
    for (uint32_t i = 0; i < engine->sources_used; i++) {
        if (engine->sources[i].is_used && !engine->sources[i].is_fixed)
            alarm_engine_drop_stand_in(engine, engine->sources[i].id, now);
    }
}

void alarm_restore_resume(struct alarm_engine *engine, const struct alarm_now *now)
{
    engine->mono_ms = now->mono_ms;
    if (engine->has_resumed) return;
    engine->has_resumed = true;
    for (uint32_t i = 0; i < engine->sources_used; i++) {
        engine->sources[i].last_mono_ms = now->mono_ms;
        engine->sources[i].last_wall_ms = now->wall_ms;
    }
    for (uint32_t i = 0; i < engine->alarms_used; i++) {
        if (engine->alarms[i].is_used) resume_alarm(engine, i, now);
    }
    /* A group whose first one is not known any more has none until it is over. */
    resume_flood(engine, now->mono_ms);
    drop_stand_ins(engine, now);
    engine->is_sweep_due = engine->suppressors != 0;
}

static void get_text(struct pack_reader *reader, char *text, size_t capacity)
{
    size_t size = pack_get_u8(reader);
    const char *bytes = pack_get(reader, size);
    text[0] = '\0';
    if (bytes == NULL || size >= capacity || memchr(bytes, '\0', size) != NULL) {
        reader->is_short = true;
        return;
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
}

/* An entry, apart from the alarm it belongs to. */
struct entry {
    char source[LIMIT_DEVICE_ID_SIZE], name[ALARM_NAME_SIZE];
    enum alarm_kind kind;
    struct alarm alarm;
    int64_t deadband_micro;
    uint32_t boot;
    bool has_note;
    struct alarm_note note;
};

static void unpack_bits(struct entry *entry, uint64_t packed)
{
    struct alarm *alarm = &entry->alarm;
    bool bits[ALARM_ENTRY_BITS];
    for (unsigned i = 0; i < ALARM_ENTRY_BITS; i++) bits[i] = (packed >> i & 1) != 0;
    alarm->facts = (struct alarm_facts){.is_active = bits[0],
                                        .is_unacked = bits[1],
                                        .is_latched = bits[2],
                                        .is_shelved = bits[3],
                                        .is_one_shot = bits[4],
                                        .is_suppressed = bits[5],
                                        .is_out_of_service = bits[6]};
    alarm->zone.is_timing = alarm->zone.is_suspended = bits[7];
    alarm->chatter.is_marked = bits[8];
    alarm->is_in_group = bits[9];
    alarm->is_first_out = bits[10];
    alarm->has_value = bits[11];
    alarm->shelf.has_wall = bits[12];
    alarm->shelf.is_suspended = bits[3];
    alarm->rate.has_anchor = bits[13];
    alarm->rate.is_of_device = bits[14];
    alarm->flap.is_flapping = bits[15];
    entry->has_note = bits[16];
}

static uint16_t get_u16(struct pack_reader *reader)
{
    uint32_t number = pack_get_varint32(reader);
    return (uint16_t)(number < UINT16_MAX ? number : UINT16_MAX);
}

static void get_counts(struct pack_reader *reader, struct alarm *alarm)
{
    alarm->occurrence = pack_get_varint32(reader);
    alarm->realarm = pack_get_varint32(reader);
    alarm->hidden_raises = pack_get_varint32(reader);
    alarm->annunciated = pack_get_varint32(reader);
    alarm->tally.today = get_u16(reader);
    alarm->tally.yesterday = get_u16(reader);
    alarm->tally.day = pack_get_varint32(reader);
    alarm->flap.results = pack_get_varint32(reader) & ((1U << ALARM_FLAP_RESULTS) - 1);
    uint32_t flaps = pack_get_varint32(reader), times = pack_get_varint32(reader);
    alarm->flap.count = (uint8_t)(flaps <= ALARM_FLAP_RESULTS ? flaps : ALARM_FLAP_RESULTS);
    alarm->chatter.count = (uint8_t)(times <= ALARM_CHATTER_TIMES ? times : ALARM_CHATTER_TIMES);
}

/* An age; nothing that was kept is older than a few decades. */
static int64_t get_age(struct pack_reader *reader)
{
    const int64_t age_max_ms = INT64_C(1) << 42;
    int64_t age_ms = pack_get_signed(reader);
    return age_ms < -age_max_ms || age_ms > age_max_ms ? age_max_ms : age_ms;
}

static void get_alarm(struct pack_reader *reader, struct entry *entry)
{
    struct alarm *alarm = &entry->alarm;
    entry->boot = pack_get_varint32(reader);
    alarm->written_mono_ms = pack_get_signed(reader);
    unpack_bits(entry, pack_get_varint(reader));
    get_counts(reader, alarm);
    alarm->value_micro = pack_get_signed(reader);
    alarm->event_ms = pack_get_signed(reader);
    alarm->arrival_ms = pack_get_signed(reader);
    alarm->since_ms = pack_get_signed(reader);
    alarm->state_wall_ms = pack_get_signed(reader);
    alarm->window_ms = pack_get_signed(reader);
    alarm->limit_micro = pack_get_signed(reader);
    entry->deadband_micro = pack_get_signed(reader);
    int64_t *times[ALARM_TIMES];
    alarm_journal_times(alarm, times);
    for (int i = 0; i < ALARM_TIMES; i++) *times[i] = get_age(reader);
    if (alarm->zone.is_timing) {
        alarm->zone.since_mono_ms = get_age(reader);
        alarm->zone.last_mono_ms = get_age(reader);
        alarm->zone.since_wall_ms = pack_get_signed(reader);
        alarm->zone.agreeing = pack_get_varint32(reader);
    }
    if (alarm->facts.is_shelved) {
        alarm->shelf.until_wall_ms = pack_get_signed(reader);
        alarm->shelf.end_mono_ms = get_age(reader);
    }
    if (alarm->rate.has_anchor) {
        alarm->rate.anchor_ms = pack_get_signed(reader);
        alarm->rate.anchor_micro = pack_get_signed(reader);
    }
    if (entry->has_note) {
        get_text(reader, entry->note.actor, sizeof entry->note.actor);
        get_text(reader, entry->note.reason, sizeof entry->note.reason);
    }
    bool has_parts = reader->at < reader->size; /* entries of former versions have none */
    for (int i = 0; has_parts && i < ALARM_TALLY_PARTS; i++)
        alarm->tally.parts[i] = get_u16(reader);
}

static bool is_plausible(const struct alarm *alarm)
{
    const int64_t *micro[] = {&alarm->value_micro, &alarm->limit_micro, &alarm->rate.anchor_micro};
    for (size_t i = 0; i < sizeof micro / sizeof *micro; i++) {
        if (*micro[i] > INT64_MAX / 4 || *micro[i] < INT64_MIN / 4) return false;
    }
    return alarm->rate.anchor_micro <= LIMIT_VALUE_MICRO &&
           alarm->rate.anchor_micro >= -LIMIT_VALUE_MICRO;
}

static uint32_t find_alarm(struct alarm_engine *engine, const struct entry *entry)
{
    uint32_t source =
        entry->source[0] == '\0' ? engine->gateway : alarm_table_add(engine, entry->source);
    return alarm_engine_find(engine, source, entry->name, entry->kind);
}

static struct alarm_removed *find_removed(struct alarm_engine *engine, const struct entry *entry)
{
    for (size_t i = 0; i < engine->removed_count; i++) {
        struct alarm_removed *removed = &engine->removed[i];
        if (removed->kind == entry->kind && strcmp(removed->source, entry->source) == 0 &&
            strcmp(removed->name, entry->name) == 0)
            return removed;
    }
    return NULL;
}

static void remember_removed(struct alarm_engine *engine, const struct entry *entry)
{
    struct alarm_removed *removed = find_removed(engine, entry);
    enum alarm_state state = alarm_state_name(entry->alarm.facts);
    if (removed != NULL && state == ALARM_NORM) {
        *removed = engine->removed[--engine->removed_count];
        return;
    }
    if (state == ALARM_NORM) return;
    if (removed == NULL && engine->removed_count == ALARM_REMOVED_MAX) return;
    if (removed == NULL) removed = &engine->removed[engine->removed_count++];
    *removed = (struct alarm_removed){
        .kind = entry->kind, .state = state, .occurrence = entry->alarm.occurrence};
    const char *device = entry->source[0] == '\0' ? engine->options.gateway : entry->source;
    memcpy(removed->device, device, strlen(device) + 1);
    memcpy(removed->source, entry->source, sizeof removed->source);
    memcpy(removed->name, entry->name, sizeof removed->name);
}

static void take_note(struct alarm_engine *engine, uint32_t index, const struct entry *entry)
{
    struct alarm *alarm = &engine->alarms[index];
    if (!entry->has_note) return;
    if (alarm->note >= ALARM_NOTES) {
        alarm->note = engine->next_note;
        engine->next_note = (engine->next_note + 1) % ALARM_NOTES;
    }
    engine->notes[alarm->note] = entry->note;
    engine->notes[alarm->note].alarm = index;
}

static void take_alarm(struct alarm_engine *engine, uint32_t index, const struct entry *entry)
{
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    bool was_active = alarm->facts.is_active;
    uint32_t source = alarm->source, next = alarm->next, note = alarm->note,
             number = alarm->condition;
    *alarm = entry->alarm;
    alarm->source = source;
    alarm->next = next;
    alarm->note = note;
    alarm->condition = number;
    alarm->next_dirty = ALARM_NONE;
    alarm->is_used = alarm->is_suspended = true;
    /* One that is judged from outside has whatever limit it had last. */
    bool is_own = condition->kind != ALARM_UNUSUAL && condition->kind != ALARM_AGENT;
    alarm->is_reconfigured = is_own && (alarm->limit_micro != condition->limit_micro ||
                                        entry->deadband_micro != condition->deadband_micro);
    if (is_own) alarm->limit_micro = condition->limit_micro;
    alarm->is_same_clock = entry->boot == engine->options.boot;
    if (!alarm->rate.is_of_device && !alarm->is_same_clock) alarm->rate = (struct alarm_rate){0};
    if (alarm->facts.is_active != was_active) {
        engine->active += was_active ? (size_t)-1 : 1U;
        engine->rule_active[condition->rule_index] += was_active ? UINT32_MAX : 1U;
    }
    take_note(engine, index, entry);
}

static enum status restore_state(struct alarm_engine *engine, struct pack_reader *reader)
{
    struct entry entry;
    memset(&entry, 0, sizeof entry);
    get_text(reader, entry.source, sizeof entry.source);
    get_text(reader, entry.name, sizeof entry.name);
    uint8_t kind = pack_get_u8(reader);
    get_alarm(reader, &entry);
    if (reader->is_short || reader->at != reader->size || kind >= ALARM_KIND_COUNT ||
        !is_plausible(&entry.alarm))
        return ST_CORRUPT;
    entry.kind = (enum alarm_kind)kind;
    uint32_t index = find_alarm(engine, &entry);
    if (index == ALARM_NONE)
        remember_removed(engine, &entry);
    else
        take_alarm(engine, index, &entry);
    return ST_OK;
}

static enum status restore_forget(struct alarm_engine *engine, struct pack_reader *reader)
{
    struct entry entry;
    memset(&entry, 0, sizeof entry);
    get_text(reader, entry.source, sizeof entry.source);
    get_text(reader, entry.name, sizeof entry.name);
    entry.kind = (enum alarm_kind)pack_get_u8(reader);
    if (reader->is_short || reader->at != reader->size) return ST_CORRUPT;
    if (entry.name[0] != '\0') {
        remember_removed(engine, &entry); /* as if Normal: nothing to say of it */
        return ST_OK;
    }
    for (size_t i = engine->removed_count; i > 0; i--) {
        if (strcmp(engine->removed[i - 1].source, entry.source) == 0)
            engine->removed[i - 1] = engine->removed[--engine->removed_count];
    }
    uint32_t source = alarm_table_find(engine, entry.source);
    if (source != ALARM_NO_SOURCE && !engine->sources[source].is_fixed)
        alarm_table_remove(engine, source);
    return ST_OK;
}

static void get_flood(struct pack_reader *reader, struct alarm_engine *engine)
{
    struct alarm_flood *flood = &engine->flood;
    engine->is_same_clock = pack_get_varint32(reader) == engine->options.boot;
    engine->written_mono_ms = pack_get_signed(reader);
    flood->is_on = pack_get_u8(reader) == 1;
    flood->count = pack_get_u8(reader);
    if (flood->count > ALARM_FLOOD_BEGIN) flood->count = ALARM_FLOOD_BEGIN;
    for (int i = 0; i < ALARM_FLOOD_BEGIN; i++) flood->mono_ms[i] = get_age(reader);
    flood->since_mono_ms = get_age(reader);
    flood->summary_mono_ms = get_age(reader);
    engine->slot_mono_ms = get_age(reader);
    flood->since_wall_ms = pack_get_signed(reader);
    flood->number = pack_get_varint32(reader);
    flood->alarms = pack_get_varint32(reader);
    uint8_t highest = pack_get_u8(reader);
    if (highest < ALARM_PRIORITY_COUNT) flood->highest = (enum alarm_priority)highest;
    flood->first_occurrence = pack_get_varint32(reader);
    get_text(reader, flood->first, sizeof flood->first);
    get_text(reader, flood->list, sizeof flood->list);
}

static enum status restore_common(struct alarm_engine *engine, struct pack_reader *reader)
{
    uint64_t *figures[ALARM_FIGURES];
    struct alarm_flood flood = engine->flood;
    get_flood(reader, engine);
    int64_t run_ms = pack_get_signed(reader);
    struct alarm_counts counts = engine->counts;
    size_t count = alarm_journal_figures(&counts, figures);
    for (size_t i = 0; i < count; i++) *figures[i] = pack_get_varint(reader);
    for (int i = 0; i <= ALARM_BUSY; i++) counts.commands[i] = pack_get_varint(reader);
    bool has_more = reader->at < reader->size;
    count = alarm_journal_more_figures(&counts, figures);
    for (size_t i = 0; has_more && i < count; i++) *figures[i] = pack_get_varint(reader);
    if (reader->is_short || reader->at != reader->size || run_ms < 0 || run_ms > INT64_C(1) << 42 ||
        engine->slot_mono_ms < 0) {
        engine->flood = flood;
        engine->slot_mono_ms = 0;
        return ST_CORRUPT;
    }
    engine->run_ms = run_ms;
    engine->counts = counts;
    return ST_OK;
}

static enum status restore_habit(struct alarm_engine *engine, struct pack_reader *reader)
{
    char source[LIMIT_DEVICE_ID_SIZE];
    get_text(reader, source, sizeof source);
    return alarm_unusual_restore(engine, source, reader);
}

bool alarm_engine_is_entry(const void *bytes, size_t size)
{
    return size > 0 && *(const uint8_t *)bytes == ALARM_ENTRY_TAG;
}

enum status alarm_engine_restore(struct alarm_engine *engine, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    bool is_ours = pack_get_u8(&reader) == ALARM_ENTRY_TAG;
    if (!is_ours || pack_get_u8(&reader) != ALARM_ENTRY_VERSION) return ST_CORRUPT;
    uint8_t entry = pack_get_u8(&reader);
    engine->has_resumed = false;
    if (engine->options.rule_count == 0 && entry == ALARM_ENTRY_COMMON) return ST_OK;
    switch (entry) {
    case ALARM_ENTRY_STATE:
        return restore_state(engine, &reader);
    case ALARM_ENTRY_FORGET:
        return restore_forget(engine, &reader);
    case ALARM_ENTRY_COMMON:
        return restore_common(engine, &reader);
    case ALARM_ENTRY_HABIT:
        return restore_habit(engine, &reader);
    default:
        return ST_CORRUPT;
    }
}
