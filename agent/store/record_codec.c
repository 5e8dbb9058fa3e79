/* Invariant: what decodes without an error is exactly what was encoded, under the same number.
 *
 *   +-------------+---------+------+-------+-----+--------+-------------+--------------+
 *   | crc32, LE 4 | version | kind | clock | len | device | created_ms  | window/alarm |
 *   +-------------+---------+------+-------+-----+--------+-------------+--------------+
 *   crc32 over: seq as 8 bytes LE, then everything behind the crc32 */
#include "store/record_codec.h"

#include "base/pack.h"
#include "stream/record.h"

#include <string.h>

enum { CRC_SIZE = 4 };

/* The kinds as they are stored; 2 was an alarm with fewer fields, never in a release. */
enum { STORED_WINDOW = 1, STORED_ALARM = 3 };

_Static_assert((int)RECORD_CODEC_WINDOW_MAX <= (int)RECORD_CODEC_ALARM_MAX,
               "the alarm is the longer one");
_Static_assert(RECORD_CODEC_HEAD_MAX + RECORD_CODEC_WINDOW_MAX + 16 <= (int)STREAM_RECORD_BYTES &&
                   RECORD_CODEC_MAX + 16 <= (int)STREAM_ALARM_BYTES,
               "the stream asks for enough room");

static uint32_t checksum(uint64_t seq, const uint8_t *bytes, size_t size)
{
    uint8_t number[8];
    struct pack_writer writer = {.bytes = number, .capacity = sizeof number};
    pack_put_u64(&writer, seq);
    return pack_crc32(pack_crc32(0, number, sizeof number), bytes, size);
}

static void put_text(struct pack_writer *writer, const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity);
    if (size == capacity) writer->is_cut = true;
    pack_put_u8(writer, (uint8_t)size);
    pack_put(writer, text, size);
}

static void get_text(struct pack_reader *reader, char *text, size_t capacity)
{
    size_t size = pack_get_u8(reader);
    const char *bytes = pack_get(reader, size);
    if (bytes == NULL || size >= capacity || memchr(bytes, '\0', size) != NULL) {
        reader->is_short = true;
        return;
    }
    memcpy(text, bytes, size);
    text[size] = '\0';
}

static void put_summary(struct pack_writer *writer, const struct summary *summary)
{
    pack_put_varint(writer, summary->count);
    pack_put_varint(writer, summary->expected);
    pack_put_signed(writer, summary->sum_micro);
    pack_put_varint(writer, summary->sumsq.low);
    pack_put_varint(writer, summary->sumsq.high);
    pack_put_signed(writer, summary->min_micro);
    pack_put_signed(writer, summary->max_micro);
    pack_put_signed(writer, summary->first_micro);
    pack_put_signed(writer, summary->last_micro);
    pack_put_signed(writer, summary->min_ms);
    pack_put_signed(writer, summary->max_ms);
    pack_put_signed(writer, summary->first_ms);
    pack_put_signed(writer, summary->last_ms);
}

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

static void put_window(struct pack_writer *writer, const struct window_result *window)
{
    pack_put_signed(writer, window->size_ms);
    pack_put_signed(writer, window->every_ms);
    pack_put_varint(writer, window->size_count);
    pack_put_varint(writer, window->every_count);
    pack_put_signed(writer, window->start_ms);
    pack_put_signed(writer, window->end_ms);
    pack_put_varint(writer, window->revision);
    pack_put_u8(writer, window->is_provisional ? 1 : 0);
    pack_put_varint(writer, window->late);
    pack_put_varint(writer, window->missed);
    pack_put_varint(writer, window->rejected);
    pack_put_signed(writer, window->longest_gap_ms);
    put_summary(writer, &window->summary);
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

/* The flags of an alarm, in the order of their bits. */
enum { FLAG_ANNUNCIATE, FLAG_FIRST_OUT, FLAG_CHATTERING, FLAG_IN_FLOOD, FLAG_UNCERTAIN, FLAGS };

static void put_alarm(struct pack_writer *writer, const struct alarm_event *alarm)
{
    put_text(writer, alarm->name, sizeof alarm->name);
    put_text(writer, alarm->kind, sizeof alarm->kind);
    put_text(writer, alarm->id, sizeof alarm->id);
    put_text(writer, alarm->group, sizeof alarm->group);
    pack_put_u8(writer, (uint8_t)alarm->from);
    pack_put_u8(writer, (uint8_t)alarm->to);
    pack_put_u8(writer, (uint8_t)alarm->trigger);
    pack_put_u8(writer, (uint8_t)alarm->priority);
    pack_put_u8(
        writer,
        (uint8_t)(alarm->annunciate << FLAG_ANNUNCIATE | alarm->is_first_out << FLAG_FIRST_OUT |
                  alarm->is_chattering << FLAG_CHATTERING | alarm->is_in_flood << FLAG_IN_FLOOD |
                  alarm->is_uncertain << FLAG_UNCERTAIN));
    pack_put_varint(writer, alarm->occurrence);
    pack_put_varint(writer, alarm->boot);
    pack_put_varint(writer, alarm->realarm);
    pack_put_varint(writer, alarm->raised_while_suppressed);
    pack_put_varint(writer, alarm->cause_occurrence);
    pack_put_signed(writer, alarm->mono_ms);
    pack_put_signed(writer, alarm->value_micro);
    pack_put_signed(writer, alarm->event_ms);
    pack_put_signed(writer, alarm->arrival_ms);
    pack_put_signed(writer, alarm->since_ms);
    pack_put_signed(writer, alarm->limit_micro);
    pack_put_signed(writer, alarm->deadband_micro);
    pack_put_signed(writer, alarm->on_delay_ms);
    pack_put_signed(writer, alarm->off_delay_ms);
    pack_put_signed(writer, alarm->until_ms);
    put_text(writer, alarm->cause, sizeof alarm->cause);
    put_text(writer, alarm->actor, sizeof alarm->actor);
    put_text(writer, alarm->reason, sizeof alarm->reason);
    put_text(writer, alarm->command, sizeof alarm->command);
    put_text(writer, alarm->list, sizeof alarm->list);
}

static bool get_alarm_words(struct pack_reader *reader, struct alarm_event *alarm)
{
    uint8_t from = pack_get_u8(reader);
    uint8_t to = pack_get_u8(reader);
    uint8_t trigger = pack_get_u8(reader);
    uint8_t priority = pack_get_u8(reader);
    uint8_t flags = pack_get_u8(reader);
    alarm->from = (enum alarm_state)from;
    alarm->to = (enum alarm_state)to;
    alarm->trigger = (enum alarm_trigger)trigger;
    alarm->priority = (enum alarm_priority)priority;
    alarm->annunciate = (flags >> FLAG_ANNUNCIATE & 1) != 0;
    alarm->is_first_out = (flags >> FLAG_FIRST_OUT & 1) != 0;
    alarm->is_chattering = (flags >> FLAG_CHATTERING & 1) != 0;
    alarm->is_in_flood = (flags >> FLAG_IN_FLOOD & 1) != 0;
    alarm->is_uncertain = (flags >> FLAG_UNCERTAIN & 1) != 0;
    return from < ALARM_STATE_COUNT && to < ALARM_STATE_COUNT && trigger < TRIGGER_COUNT &&
           priority < ALARM_PRIORITY_COUNT && flags >> FLAGS == 0;
}

static bool get_alarm(struct pack_reader *reader, struct alarm_event *alarm)
{
    get_text(reader, alarm->name, sizeof alarm->name);
    get_text(reader, alarm->kind, sizeof alarm->kind);
    get_text(reader, alarm->id, sizeof alarm->id);
    get_text(reader, alarm->group, sizeof alarm->group);
    bool is_good = get_alarm_words(reader, alarm);
    alarm->occurrence = pack_get_varint32(reader);
    alarm->boot = pack_get_varint32(reader);
    alarm->realarm = pack_get_varint32(reader);
    alarm->raised_while_suppressed = pack_get_varint32(reader);
    alarm->cause_occurrence = pack_get_varint32(reader);
    alarm->mono_ms = pack_get_signed(reader);
    alarm->value_micro = pack_get_signed(reader);
    alarm->event_ms = pack_get_signed(reader);
    alarm->arrival_ms = pack_get_signed(reader);
    alarm->since_ms = pack_get_signed(reader);
    alarm->limit_micro = pack_get_signed(reader);
    alarm->deadband_micro = pack_get_signed(reader);
    alarm->on_delay_ms = pack_get_signed(reader);
    alarm->off_delay_ms = pack_get_signed(reader);
    alarm->until_ms = pack_get_signed(reader);
    get_text(reader, alarm->cause, sizeof alarm->cause);
    get_text(reader, alarm->actor, sizeof alarm->actor);
    get_text(reader, alarm->reason, sizeof alarm->reason);
    get_text(reader, alarm->command, sizeof alarm->command);
    get_text(reader, alarm->list, sizeof alarm->list);
    return is_good;
}

size_t record_codec_encode(const struct record *record, uint8_t *bytes, size_t capacity)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = capacity};
    pack_put_u32(&writer, 0);
    pack_put_u8(&writer, RECORD_CODEC_VERSION);
    pack_put_u8(&writer, record->kind == RECORD_ALARM ? STORED_ALARM : STORED_WINDOW);
    pack_put_u8(&writer, (uint8_t)record->clock);
    put_text(&writer, record->device, sizeof record->device);
    pack_put_signed(&writer, record->created_ms);
    if (record->kind == RECORD_ALARM)
        put_alarm(&writer, &record->alarm);
    else
        put_window(&writer, &record->window);
    if (writer.is_cut) return 0;
    struct pack_writer head = {.bytes = bytes, .capacity = CRC_SIZE};
    pack_put_u32(&head, checksum(record->seq, bytes + CRC_SIZE, writer.size - CRC_SIZE));
    return writer.size;
}

enum status record_codec_decode(const uint8_t *bytes, size_t size, uint64_t seq,
                                struct record *record)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    if (reader.is_short || crc != checksum(seq, bytes + CRC_SIZE, size - CRC_SIZE))
        return ST_CORRUPT;
    if (pack_get_u8(&reader) != RECORD_CODEC_VERSION) return ST_UNSUPPORTED;
    memset(record, 0, sizeof *record);
    record->seq = seq;
    uint8_t kind = pack_get_u8(&reader);
    uint8_t clock = pack_get_u8(&reader);
    record->kind = kind == STORED_ALARM ? RECORD_ALARM : RECORD_WINDOW;
    record->clock = (enum clock_quality)clock;
    get_text(&reader, record->device, sizeof record->device);
    record->created_ms = pack_get_signed(&reader);
    bool is_good = clock <= CLOCK_TRUSTED;
    if (kind == STORED_WINDOW)
        is_good = get_window(&reader, &record->window) && is_good;
    else if (kind == STORED_ALARM)
        is_good = get_alarm(&reader, &record->alarm) && is_good;
    else
        return ST_UNSUPPORTED;
    return is_good && !reader.is_short && reader.at == size ? ST_OK : ST_CORRUPT;
}
