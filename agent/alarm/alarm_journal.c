/* alarm_journal: an entry is the whole state of one alarm, so that the last one counts and the
 * order of different alarms does not matter.
 *
 *   'A', version, what it is, then: source (none: the gateway), rule, kind, facts, numbers as
 * varints, times as ages
 *
 * A delay that runs is written again now and then, so that a crash loses little of it. */
#include "alarm/alarm_journal.h"

#include "alarm/alarm_inside.h"
#include "alarm/alarm_unusual.h"

#include <string.h>

enum {
    ENTRY_BASE_BYTES = 400, /* of an alarm, without its texts */
    REFRESH_MS = 1000,
    LONG_DELAY_MS = 600000,
    LONG_REFRESH_MS = 60000
};

_Static_assert(ENTRY_BASE_BYTES + ALARM_ID_SIZE + ALARM_ACTOR_SIZE + ALARM_REASON_SIZE <=
                   ALARM_JOURNAL_BYTES,
               "an entry always fits");

static void put_text(struct pack_writer *writer, const char *text)
{
    size_t size = strlen(text);
    pack_put_u8(writer, (uint8_t)size);
    pack_put(writer, text, size);
}

static struct pack_writer begin(uint8_t *bytes, enum alarm_entry entry)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = ALARM_JOURNAL_BYTES};
    pack_put_u8(&writer, ALARM_ENTRY_TAG);
    pack_put_u8(&writer, ALARM_ENTRY_VERSION);
    pack_put_u8(&writer, (uint8_t)entry);
    return writer;
}

static const struct alarm_note *note_of(const struct alarm_engine *engine, uint32_t index)
{
    const struct alarm *alarm = &engine->alarms[index];
    if (alarm->note >= ALARM_NOTES) return NULL;
    const struct alarm_note *note = &engine->notes[alarm->note];
    return note->alarm == index ? note : NULL;
}

void alarm_journal_times(struct alarm *alarm, int64_t *times[ALARM_TIMES])
{
    times[0] = &alarm->state_mono_ms;
    times[1] = &alarm->active_mono_ms;
    times[2] = &alarm->unacked_mono_ms;
    for (int i = 0; i < ALARM_CHATTER_TIMES; i++) times[3 + i] = &alarm->chatter.mono_ms[i];
}

static void put_zone(struct pack_writer *writer, const struct alarm_zone *zone, int64_t mono_ms)
{
    bool is_age = zone->is_suspended;
    pack_put_signed(writer, is_age ? zone->since_mono_ms : mono_ms - zone->since_mono_ms);
    pack_put_signed(writer, is_age ? zone->last_mono_ms : mono_ms - zone->last_mono_ms);
    pack_put_signed(writer, zone->since_wall_ms);
    pack_put_varint(writer, zone->agreeing);
}

static unsigned pack_bits(const struct alarm *alarm, bool has_note)
{
    const struct alarm_facts *facts = &alarm->facts;
    const bool bits[ALARM_ENTRY_BITS] = {facts->is_active,
                                         facts->is_unacked,
                                         facts->is_latched,
                                         facts->is_shelved,
                                         facts->is_one_shot,
                                         facts->is_suppressed,
                                         facts->is_out_of_service,
                                         alarm->zone.is_timing,
                                         alarm->chatter.is_marked,
                                         alarm->is_in_group,
                                         alarm->is_first_out,
                                         alarm->has_value,
                                         alarm->shelf.has_wall,
                                         alarm->rate.has_anchor,
                                         alarm->rate.is_of_device,
                                         alarm->flap.is_flapping,
                                         has_note};
    unsigned packed = 0;
    for (unsigned i = 0; i < ALARM_ENTRY_BITS; i++) packed |= (unsigned)bits[i] << i;
    return packed;
}

static void put_counts(struct pack_writer *writer, const struct alarm *alarm)
{
    pack_put_varint(writer, alarm->occurrence);
    pack_put_varint(writer, alarm->realarm);
    pack_put_varint(writer, alarm->hidden_raises);
    pack_put_varint(writer, alarm->annunciated);
    pack_put_varint(writer, alarm->tally.today);
    pack_put_varint(writer, alarm->tally.yesterday);
    pack_put_varint(writer, alarm->tally.day);
    pack_put_varint(writer, alarm->flap.results);
    pack_put_varint(writer, alarm->flap.count);
    pack_put_varint(writer, alarm->chatter.count);
}

static void write_alarm(struct alarm_engine *engine, uint32_t index)
{
    uint8_t bytes[ALARM_JOURNAL_BYTES];
    struct alarm *alarm = &engine->alarms[index];
    const struct alarm_condition *condition = alarm_condition_of(engine, alarm);
    const struct alarm_note *note = note_of(engine, index);
    struct pack_writer writer = begin(bytes, ALARM_ENTRY_STATE);
    bool is_of_gateway = alarm->source == engine->gateway; /* whatever it is called then */
    put_text(&writer, is_of_gateway ? "" : engine->sources[alarm->source].id);
    put_text(&writer, condition->rule->name);
    pack_put_u8(&writer, (uint8_t)condition->kind);
    pack_put_varint(&writer, engine->options.boot);
    pack_put_signed(&writer, engine->mono_ms);
    pack_put_varint(&writer, pack_bits(alarm, note != NULL));
    put_counts(&writer, alarm);
    pack_put_signed(&writer, alarm->value_micro);
    pack_put_signed(&writer, alarm->event_ms);
    pack_put_signed(&writer, alarm->arrival_ms);
    pack_put_signed(&writer, alarm->since_ms);
    pack_put_signed(&writer, alarm->state_wall_ms);
    pack_put_signed(&writer, alarm->window_ms);
    pack_put_signed(&writer, alarm->limit_micro);
    pack_put_signed(&writer, condition->deadband_micro);
    int64_t *times[ALARM_TIMES];
    alarm_journal_times(alarm, times);
    for (int i = 0; i < ALARM_TIMES; i++)
        pack_put_signed(&writer, alarm->is_suspended ? *times[i] : engine->mono_ms - *times[i]);
    if (alarm->zone.is_timing) put_zone(&writer, &alarm->zone, engine->mono_ms);
    if (alarm->facts.is_shelved) {
        pack_put_signed(&writer, alarm->shelf.until_wall_ms);
        pack_put_signed(&writer, alarm_shelf_left_ms(&alarm->shelf, engine->mono_ms));
    }
    if (alarm->rate.has_anchor) {
        pack_put_signed(&writer, alarm->rate.anchor_ms);
        pack_put_signed(&writer, alarm->rate.anchor_micro);
    }
    if (note != NULL) {
        put_text(&writer, note->actor);
        put_text(&writer, note->reason);
    }
    for (int i = 0; alarm->annunciated > 0 && i < ALARM_TALLY_PARTS; i++)
        pack_put_varint(&writer, alarm->tally.parts[i]);
    alarm->is_changed = false;
    alarm->written_mono_ms = engine->mono_ms;
    engine->sink.journal(engine->sink.context, bytes, writer.size);
}

size_t alarm_journal_entry_bytes(const struct alarm_engine *engine, const struct alarm *alarm)
{
    size_t notes = alarm->note < ALARM_NOTES ? ALARM_ACTOR_SIZE + ALARM_REASON_SIZE : 0;
    return ENTRY_BASE_BYTES + strlen(engine->sources[alarm->source].id) +
           strlen(alarm_condition_of(engine, alarm)->rule->name) + notes;
}

void alarm_journal_mark(struct alarm_engine *engine, uint32_t index, bool is_changed)
{
    struct alarm *alarm = &engine->alarms[index];
    if (is_changed) alarm->is_changed = true;
    if (!alarm->is_dirty) {
        alarm->is_dirty = true;
        alarm->reserved_bytes = 0;
        alarm->next_dirty = engine->first_dirty;
        engine->first_dirty = index;
    }
    /* What only refreshes a delay may wait for room; it must not keep the room from others. */
    size_t bytes = alarm->is_changed ? alarm_journal_entry_bytes(engine, alarm) : 0;
    if (bytes <= alarm->reserved_bytes) return;
    engine->reserved_bytes += bytes - alarm->reserved_bytes;
    alarm->reserved_bytes = (uint16_t)bytes;
}

void alarm_journal_unlink(struct alarm_engine *engine, uint32_t index)
{
    if (!engine->alarms[index].is_dirty) return;
    uint32_t *link = &engine->first_dirty;
    while (*link != index) link = &engine->alarms[*link].next_dirty;
    *link = engine->alarms[index].next_dirty;
    engine->reserved_bytes -= engine->alarms[index].reserved_bytes;
    engine->alarms[index].is_dirty = false;
}

void alarm_journal_forget(struct alarm_engine *engine, const char *source, const char *name,
                          enum alarm_kind kind)
{
    uint8_t bytes[ALARM_JOURNAL_BYTES];
    struct pack_writer writer = begin(bytes, ALARM_ENTRY_FORGET);
    put_text(&writer, source);
    put_text(&writer, name);
    pack_put_u8(&writer, (uint8_t)kind);
    engine->sink.journal(engine->sink.context, bytes, writer.size);
}

static void put_flood(struct pack_writer *writer, const struct alarm_engine *engine)
{
    const struct alarm_flood *flood = &engine->flood;
    bool is_age = !engine->has_resumed;
    pack_put_varint(writer, engine->options.boot);
    pack_put_signed(writer, engine->mono_ms);
    pack_put_u8(writer, flood->is_on);
    pack_put_u8(writer, (uint8_t)flood->count);
    for (uint32_t i = 0; i < ALARM_FLOOD_BEGIN; i++)
        pack_put_signed(writer, is_age ? flood->mono_ms[i] : engine->mono_ms - flood->mono_ms[i]);
    pack_put_signed(writer, is_age ? flood->since_mono_ms : engine->mono_ms - flood->since_mono_ms);
    pack_put_signed(writer,
                    is_age ? flood->summary_mono_ms : engine->mono_ms - flood->summary_mono_ms);
    pack_put_signed(writer, is_age ? engine->slot_mono_ms : engine->mono_ms - engine->slot_mono_ms);
    pack_put_signed(writer, flood->since_wall_ms);
    pack_put_varint(writer, flood->number);
    pack_put_varint(writer, flood->alarms);
    pack_put_u8(writer, (uint8_t)flood->highest);
    pack_put_varint(writer, flood->first_occurrence);
    put_text(writer, flood->first);
    put_text(writer, flood->is_on ? flood->list : "");
}

/* The figures, in the order in which they stand in the struct. */
size_t alarm_journal_figures(struct alarm_counts *counts, uint64_t *figures[ALARM_FIGURES])
{
    uint64_t *all[] = {&counts->events,         &counts->annunciations,  &counts->raised,
                       &counts->hidden_raises,  &counts->realarms,       &counts->by_priority[0],
                       &counts->by_priority[1], &counts->by_priority[2], &counts->by_priority[3],
                       &counts->held_back,      &counts->chattering,     &counts->fleeting,
                       &counts->slots,          &counts->slots_over,     &counts->slot_peak,
                       &counts->slot_now,       &counts->floods,         &counts->flood_alarms,
                       &counts->flood_peak,     &counts->flood_ms,       &counts->acks,
                       &counts->ack_total_ms,   &counts->ack_longest_ms, &counts->not_judged};
    _Static_assert(sizeof all / sizeof *all == ALARM_FIGURES, "all of them");
    memcpy(figures, all, sizeof all);
    return ALARM_FIGURES;
}

size_t alarm_journal_more_figures(struct alarm_counts *counts,
                                  uint64_t *figures[ALARM_MORE_FIGURES])
{
    uint64_t *all[] = {&counts->active_longest_ms, &counts->realarm_most, &counts->midnight_day,
                       &counts->standing_at_midnight, &counts->standing_peak};
    _Static_assert(sizeof all / sizeof *all == ALARM_MORE_FIGURES, "all of them");
    memcpy(figures, all, sizeof all);
    return ALARM_MORE_FIGURES;
}

static void write_common(struct alarm_engine *engine)
{
    uint8_t bytes[ALARM_JOURNAL_BYTES];
    uint64_t *figures[ALARM_FIGURES];
    struct pack_writer writer = begin(bytes, ALARM_ENTRY_COMMON);
    put_flood(&writer, engine);
    pack_put_signed(&writer, engine->run_ms);
    size_t count = alarm_journal_figures(&engine->counts, figures);
    for (size_t i = 0; i < count; i++) pack_put_varint(&writer, *figures[i]);
    for (int i = 0; i <= ALARM_BUSY; i++) pack_put_varint(&writer, engine->counts.commands[i]);
    count = alarm_journal_more_figures(&engine->counts, figures);
    for (size_t i = 0; i < count; i++) pack_put_varint(&writer, *figures[i]);
    engine->is_common_changed = false;
    engine->sink.journal(engine->sink.context, bytes, writer.size);
}

size_t alarm_engine_reserved_bytes(const struct alarm_engine *engine)
{
    return engine->options.rule_count == 0 ? 0
                                           : engine->reserved_bytes + ALARM_JOURNAL_BYTES +
                                                 alarm_unusual_reserved_bytes(engine);
}

static bool is_refresh_due(const struct alarm_engine *engine, const struct alarm *alarm)
{
    const struct alarm_timing *timing = &alarm_condition_of(engine, alarm)->timing;
    int64_t delay_ms = alarm->facts.is_active ? timing->off_delay_ms : timing->on_delay_ms;
    int64_t every_ms = delay_ms > LONG_DELAY_MS ? LONG_REFRESH_MS : REFRESH_MS;
    if (!alarm->zone.is_timing && alarm->facts.is_shelved) every_ms = LONG_REFRESH_MS;
    return engine->mono_ms - alarm->written_mono_ms >= every_ms &&
           engine->sink.has_room(engine->sink.context, alarm_journal_entry_bytes(engine, alarm));
}

void alarm_engine_flush(struct alarm_engine *engine)
{
    uint32_t *link = &engine->first_dirty;
    while (*link != ALARM_NONE) {
        uint32_t index = *link;
        struct alarm *alarm = &engine->alarms[index];
        if (alarm->is_changed || is_refresh_due(engine, alarm)) write_alarm(engine, index);
        engine->reserved_bytes -= alarm->reserved_bytes;
        alarm->reserved_bytes = 0;
        if (alarm->zone.is_timing) {
            link = &alarm->next_dirty;
            continue;
        }
        *link = alarm->next_dirty;
        alarm->is_dirty = false;
    }
    alarm_unusual_flush(engine);
    if (engine->is_common_changed && engine->options.rule_count > 0) write_common(engine);
}

static bool is_untouched(const struct alarm *alarm)
{
    return alarm->occurrence == 0 && !alarm->zone.is_timing && !alarm->rate.has_anchor &&
           !alarm->has_value && alarm->state_wall_ms == 0 && alarm->window_ms == INT64_MIN;
}

bool alarm_engine_journal_states(struct alarm_engine *engine, size_t count)
{
    if (engine->options.rule_count == 0) return true;
    for (; engine->state_cursor < engine->alarms_used; engine->state_cursor++) {
        const struct alarm *alarm = &engine->alarms[engine->state_cursor];
        bool is_learned = alarm_unusual_is_first(engine, (uint32_t)engine->state_cursor);
        if (!alarm->is_used || (is_untouched(alarm) && !is_learned)) continue;
        size_t bytes = ALARM_JOURNAL_BYTES + (is_learned ? LEARNED_WHOLE_BYTES : 0);
        if (count == 0 || !engine->sink.has_room(engine->sink.context, bytes)) return false;
        count--;
        if (!is_untouched(alarm)) write_alarm(engine, (uint32_t)engine->state_cursor);
        if (is_learned) alarm_unusual_write_whole(engine, alarm->source);
    }
    if (!engine->sink.has_room(engine->sink.context, ALARM_JOURNAL_BYTES)) return false;
    write_common(engine);
    engine->state_cursor = 0;
    return true;
}
