/* Invariant: nothing writes this form any more; it never changes. */
#include "store/record_codec_old.h"

static void get_summary(struct pack_reader *reader, struct summary *summary)
{
    summary->count = pack_get_varint32(reader);
    summary->expected = pack_get_varint32(reader);
    summary->sum_micro = pack_get_signed(reader);
    summary->sumsq.low = pack_get_varint(reader);
    summary->sumsq.high = pack_get_varint(reader);
    summary->min_micro = pack_get_signed(reader);
    summary->max_micro = pack_get_signed(reader);
    summary->first_micro = pack_get_signed(reader);
    summary->last_micro = pack_get_signed(reader);
    summary->min_ms = pack_get_signed(reader);
    summary->max_ms = pack_get_signed(reader);
    summary->first_ms = pack_get_signed(reader);
    summary->last_ms = pack_get_signed(reader);
}

static bool get_window(struct pack_reader *reader, struct window_result *window)
{
    window->size_ms = pack_get_signed(reader);
    window->every_ms = pack_get_signed(reader);
    window->size_count = pack_get_varint32(reader);
    window->every_count = pack_get_varint32(reader);
    window->start_ms = pack_get_signed(reader);
    window->end_ms = pack_get_signed(reader);
    window->revision = pack_get_varint32(reader);
    uint8_t provisional = pack_get_u8(reader);
    window->is_provisional = provisional == 1;
    window->late = pack_get_varint32(reader);
    window->missed = pack_get_varint32(reader);
    window->rejected = pack_get_varint32(reader);
    window->longest_gap_ms = pack_get_signed(reader);
    get_summary(reader, &window->summary);
    return provisional <= 1;
}

static bool get_alarm(struct pack_reader *reader, struct alarm_event *alarm)
{
    record_codec_get_text(reader, alarm->name, sizeof alarm->name);
    record_codec_get_text(reader, alarm->kind, sizeof alarm->kind);
    uint8_t from = pack_get_u8(reader);
    uint8_t to = pack_get_u8(reader);
    alarm->from = from == 0 ? ALARM_NORM : ALARM_UNACK;
    alarm->to = to == 0 ? ALARM_NORM : ALARM_UNACK;
    alarm->trigger = to == 0 ? TRIGGER_CLEAR : TRIGGER_RAISE;
    alarm->annunciate = to != 0;
    alarm->occurrence = pack_get_varint32(reader);
    alarm->value_micro = pack_get_signed(reader);
    alarm->event_ms = pack_get_signed(reader);
    alarm->since_ms = pack_get_signed(reader);
    alarm->limit_micro = pack_get_signed(reader);
    alarm->deadband_micro = pack_get_signed(reader);
    alarm->on_delay_ms = pack_get_signed(reader);
    return from <= 1 && to <= 1;
}

enum status record_codec_decode_old(struct pack_reader *reader, struct record *record)
{
    uint8_t kind = pack_get_u8(reader);
    uint8_t clock = pack_get_u8(reader);
    record->kind = (enum record_kind)kind;
    record->clock = (enum clock_quality)clock;
    record_codec_get_text(reader, record->device, sizeof record->device);
    record->created_ms = pack_get_signed(reader);
    bool is_good = clock <= CLOCK_TRUSTED;
    if (kind == RECORD_WINDOW)
        is_good = get_window(reader, &record->window) && is_good;
    else if (kind == RECORD_ALARM)
        is_good = get_alarm(reader, &record->alarm) && is_good;
    else
        return ST_UNSUPPORTED;
    return is_good ? ST_OK : ST_CORRUPT;
}
