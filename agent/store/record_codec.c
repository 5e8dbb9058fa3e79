/* Invariant: what decodes without an error is exactly what was encoded, under the same number.
 *
 *   +-------------+---------+------------------+--------------+--------------------+
 *   | crc32, LE 4 | version | kind, clock << 4 | len | device | window/alarm/notice |
 *   +-------------+---------+------------------+--------------+--------------------+
 *   crc32 over: seq as 8 bytes LE, then everything behind the crc32
 *
 * The numbers of a window are written as what they differ by from others of its numbers, since
 * thousands of windows wait at a time.  Differences wrap around, so that any number survives. */
#include "store/record_codec.h"

#include "base/pack.h"
#include "store/record_codec_old.h"
#include "stream/record.h"

#include <string.h>

enum { CRC_SIZE = 4, KIND_MASK = 0x0f, CLOCK_SHIFT = 4 };

/* Of a window: what needs no bytes of its own. */
enum {
    IS_PROVISIONAL = 1 << 0,
    IS_TUMBLING = 1 << 1, /* every_ms is size_ms */
    IS_BY_COUNT = 1 << 2,
    IS_FIRST = 1 << 3,    /* revision 1; nothing late, missed or rejected */
    IS_ONE_SIZE = 1 << 4, /* end is start + size */
    IS_MERGED = 1 << 5,
    HAS_PART = 1 << 6,
    HAS_BOOT = 1 << 7
};

_Static_assert((int)RECORD_CODEC_WINDOW_MAX <= (int)RECORD_CODEC_ALARM_MAX &&
                   7 + (int)RECORD_CODEC_NOTICE_MAX <= (int)RECORD_CODEC_MAX,
               "the alarm is the longest one");

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

void record_codec_get_text(struct pack_reader *reader, char *text, size_t capacity)
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

static void put_from(struct pack_writer *writer, int64_t number, int64_t base)
{
    pack_put_signed(writer, (int64_t)((uint64_t)number - (uint64_t)base));
}

static int64_t get_from(struct pack_reader *reader, int64_t base)
{
    return (int64_t)((uint64_t)pack_get_signed(reader) + (uint64_t)base);
}

/* Where the readings lie; any number would do, this one makes the differences small. */
static int64_t find_middle(const struct summary *summary)
{
    return summary->count > 0 ? summary->sum_micro / (int64_t)summary->count : 0;
}

/* With n readings of sum s and m = s / n, r what is left: the squares about m add up to
 * sumsq - m (s + r). */
static struct wide find_square_part(const struct summary *summary, int64_t middle)
{
    int64_t rest = summary->count > 0 ? summary->sum_micro % (int64_t)summary->count : 0;
    return wide_multiply(middle, (int64_t)((uint64_t)summary->sum_micro + (uint64_t)rest));
}

static void put_summary(struct pack_writer *writer, const struct summary *summary, int64_t start_ms,
                        int64_t end_ms)
{
    int64_t middle = find_middle(summary);
    pack_put_varint(writer, summary->count);
    pack_put_varint(writer, summary->expected);
    pack_put_signed(writer, summary->sum_micro);
    struct wide spread = wide_subtract(summary->sumsq, find_square_part(summary, middle));
    pack_put_varint(writer, spread.low);
    pack_put_varint(writer, spread.high);
    put_from(writer, middle, summary->min_micro);
    put_from(writer, summary->max_micro, middle);
    put_from(writer, summary->first_micro, middle);
    put_from(writer, summary->last_micro, middle);
    put_from(writer, summary->min_ms, start_ms);
    put_from(writer, summary->max_ms, start_ms);
    put_from(writer, summary->first_ms, start_ms);
    put_from(writer, end_ms, summary->last_ms);
}

static void get_summary(struct pack_reader *reader, struct summary *summary, int64_t start_ms,
                        int64_t end_ms)
{
    summary->count = pack_get_varint32(reader);
    summary->expected = pack_get_varint32(reader);
    summary->sum_micro = pack_get_signed(reader);
    int64_t middle = find_middle(summary);
    struct wide spread = {.low = pack_get_varint(reader)};
    spread.high = pack_get_varint(reader);
    struct wide part = find_square_part(summary, middle);
    summary->sumsq = wide_subtract(spread, wide_subtract((struct wide){0}, part));
    summary->min_micro = (int64_t)((uint64_t)middle - (uint64_t)pack_get_signed(reader));
    summary->max_micro = get_from(reader, middle);
    summary->first_micro = get_from(reader, middle);
    summary->last_micro = get_from(reader, middle);
    summary->min_ms = get_from(reader, start_ms);
    summary->max_ms = get_from(reader, start_ms);
    summary->first_ms = get_from(reader, start_ms);
    summary->last_ms = (int64_t)((uint64_t)end_ms - (uint64_t)pack_get_signed(reader));
}

static int64_t add_wrapping(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint8_t choose_flags(const struct window_result *window)
{
    unsigned flags = 0;
    bool is_first =
        window->revision == 1 && window->late == 0 && window->missed == 0 && window->rejected == 0;
    if (window->is_provisional) flags |= IS_PROVISIONAL;
    if (window->every_ms == window->size_ms) flags |= IS_TUMBLING;
    if (window->size_count > 0 || window->every_count > 0) flags |= IS_BY_COUNT;
    if (is_first) flags |= IS_FIRST;
    if (window->end_ms == add_wrapping(window->start_ms, window->size_ms)) flags |= IS_ONE_SIZE;
    if (window->merged > 0) flags |= IS_MERGED;
    if (window->part > 0) flags |= HAS_PART;
    if (window->boot > 0) flags |= HAS_BOOT;
    return (uint8_t)flags;
}

static void put_window(struct pack_writer *writer, const struct window_result *window,
                       int64_t created_ms)
{
    uint8_t flags = choose_flags(window);
    pack_put_u8(writer, flags);
    if (flags & IS_BY_COUNT) pack_put_varint(writer, window->size_count);
    if (flags & IS_BY_COUNT) pack_put_varint(writer, window->every_count);
    pack_put_signed(writer, window->size_ms);
    if (!(flags & IS_TUMBLING)) pack_put_signed(writer, window->every_ms);
    pack_put_signed(writer, window->start_ms);
    if (!(flags & IS_ONE_SIZE)) put_from(writer, window->end_ms, window->start_ms);
    if (!(flags & IS_FIRST)) {
        pack_put_varint(writer, window->revision);
        pack_put_varint(writer, window->late);
        pack_put_varint(writer, window->missed);
        pack_put_varint(writer, window->rejected);
    }
    if (flags & IS_MERGED) pack_put_varint(writer, window->merged);
    if (flags & HAS_PART) pack_put_varint(writer, window->part);
    if (flags & HAS_BOOT) pack_put_varint(writer, window->boot);
    put_from(writer, created_ms, window->end_ms);
    pack_put_signed(writer, window->longest_gap_ms);
    put_summary(writer, &window->summary, window->start_ms, window->end_ms);
}

static void get_window(struct pack_reader *reader, struct window_result *window,
                       int64_t *created_ms)
{
    uint8_t flags = pack_get_u8(reader);
    window->is_provisional = (flags & IS_PROVISIONAL) != 0;
    if (flags & IS_BY_COUNT) window->size_count = pack_get_varint32(reader);
    if (flags & IS_BY_COUNT) window->every_count = pack_get_varint32(reader);
    window->size_ms = pack_get_signed(reader);
    window->every_ms = flags & IS_TUMBLING ? window->size_ms : pack_get_signed(reader);
    window->start_ms = pack_get_signed(reader);
    window->end_ms = flags & IS_ONE_SIZE ? add_wrapping(window->start_ms, window->size_ms)
                                         : get_from(reader, window->start_ms);
    window->revision = flags & IS_FIRST ? 1 : pack_get_varint32(reader);
    if (!(flags & IS_FIRST)) {
        window->late = pack_get_varint32(reader);
        window->missed = pack_get_varint32(reader);
        window->rejected = pack_get_varint32(reader);
    }
    if (flags & IS_MERGED) window->merged = pack_get_varint32(reader);
    if (flags & HAS_PART) window->part = pack_get_varint32(reader);
    if (flags & HAS_BOOT) window->boot = pack_get_varint32(reader);
    *created_ms = get_from(reader, window->end_ms);
    window->longest_gap_ms = pack_get_signed(reader);
    get_summary(reader, &window->summary, window->start_ms, window->end_ms);
}

/* The flags of an alarm, in the order of their bits. */
enum {
    FLAG_ANNUNCIATE,
    FLAG_FIRST_OUT,
    FLAG_CHATTERING,
    FLAG_IN_FLOOD,
    FLAG_UNCERTAIN,
    FLAG_MERGED,
    FLAG_NO_VALUE,
    FLAGS
};

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
                  alarm->is_uncertain << FLAG_UNCERTAIN | (alarm->merged > 0) << FLAG_MERGED |
                  alarm->has_no_value << FLAG_NO_VALUE));
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
    if (alarm->merged > 0) pack_put_varint(writer, alarm->merged);
}

static bool get_alarm_words(struct pack_reader *reader, struct alarm_event *alarm, bool *is_merged)
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
    *is_merged = (flags >> FLAG_MERGED & 1) != 0;
    alarm->has_no_value = (flags >> FLAG_NO_VALUE & 1) != 0;
    return from < ALARM_STATE_COUNT && to < ALARM_STATE_COUNT && trigger < TRIGGER_COUNT &&
           priority < ALARM_PRIORITY_COUNT && flags >> FLAGS == 0;
}

static bool get_alarm(struct pack_reader *reader, struct alarm_event *alarm)
{
    record_codec_get_text(reader, alarm->name, sizeof alarm->name);
    record_codec_get_text(reader, alarm->kind, sizeof alarm->kind);
    record_codec_get_text(reader, alarm->id, sizeof alarm->id);
    record_codec_get_text(reader, alarm->group, sizeof alarm->group);
    bool is_merged;
    bool is_good = get_alarm_words(reader, alarm, &is_merged);
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
    record_codec_get_text(reader, alarm->cause, sizeof alarm->cause);
    record_codec_get_text(reader, alarm->actor, sizeof alarm->actor);
    record_codec_get_text(reader, alarm->reason, sizeof alarm->reason);
    record_codec_get_text(reader, alarm->command, sizeof alarm->command);
    record_codec_get_text(reader, alarm->list, sizeof alarm->list);
    if (is_merged) alarm->merged = pack_get_varint32(reader);
    return is_good;
}

static void put_notice(struct pack_writer *writer, const struct notice *notice)
{
    uint64_t before = 0;
    pack_put_u8(writer, (uint8_t)notice->reason);
    pack_put_signed(writer, notice->from_ms);
    pack_put_signed(writer, notice->to_ms);
    pack_put_varint(writer, notice->covered);
    pack_put_varint(writer, notice->readings);
    pack_put_u8(writer, (uint8_t)notice->range_count);
    if (notice->range_count > NOTICE_RANGES) writer->is_cut = true;
    for (uint32_t i = 0; i < notice->range_count && !writer->is_cut; i++) {
        const struct seq_range *range = &notice->ranges[i];
        if (range->first <= before || range->last < range->first) writer->is_cut = true;
        pack_put_varint(writer, range->first - before);
        pack_put_varint(writer, range->last - range->first);
        before = range->last;
    }
    if (notice->reason == NOTICE_MERGED) return;
    pack_put_varint(writer, notice->lost);
    pack_put_varint(writer, notice->blobs);
    pack_put_varint(writer, notice->former_seq);
    put_text(writer, notice->former_epoch, sizeof notice->former_epoch);
    put_text(writer, notice->aside, sizeof notice->aside);
}

/* Notices of what was dropped ended here once. */
static void get_loss(struct pack_reader *reader, struct notice *notice)
{
    if (notice->reason == NOTICE_MERGED || reader->at == reader->size) return;
    notice->lost = pack_get_varint(reader);
    notice->blobs = pack_get_varint32(reader);
    notice->former_seq = pack_get_varint(reader);
    record_codec_get_text(reader, notice->former_epoch, sizeof notice->former_epoch);
    record_codec_get_text(reader, notice->aside, sizeof notice->aside);
}

static bool get_notice(struct pack_reader *reader, struct notice *notice)
{
    uint64_t before = 0;
    uint8_t reason = pack_get_u8(reader);
    notice->reason = (enum notice_reason)reason;
    notice->from_ms = pack_get_signed(reader);
    notice->to_ms = pack_get_signed(reader);
    notice->covered = pack_get_varint(reader);
    notice->readings = pack_get_varint(reader);
    notice->range_count = pack_get_u8(reader);
    if (notice->range_count > NOTICE_RANGES) return false;
    for (uint32_t i = 0; i < notice->range_count; i++) {
        struct seq_range *range = &notice->ranges[i];
        range->first = before + pack_get_varint(reader);
        range->last = range->first + pack_get_varint(reader);
        if (range->first <= before || range->last < range->first) return false;
        before = range->last;
    }
    get_loss(reader, notice);
    return reason >= NOTICE_MERGED && reason < NOTICE_REASONS;
}

static void put_body(struct pack_writer *writer, const struct record *record)
{
    if (record->kind == RECORD_WINDOW) {
        put_window(writer, &record->window, record->created_ms);
        return;
    }
    pack_put_signed(writer, record->created_ms);
    if (record->kind == RECORD_ALARM)
        put_alarm(writer, &record->alarm);
    else
        put_notice(writer, &record->notice);
}

static bool get_body(struct pack_reader *reader, struct record *record)
{
    if (record->kind == RECORD_WINDOW) {
        get_window(reader, &record->window, &record->created_ms);
        return true;
    }
    record->created_ms = pack_get_signed(reader);
    if (record->kind == RECORD_ALARM) return get_alarm(reader, &record->alarm);
    return get_notice(reader, &record->notice);
}

size_t record_codec_encode(const struct record *record, uint8_t *bytes, size_t capacity)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = capacity};
    pack_put_u32(&writer, 0);
    pack_put_u8(&writer, RECORD_CODEC_VERSION);
    pack_put_u8(&writer,
                (uint8_t)((unsigned)record->kind | (unsigned)record->clock << CLOCK_SHIFT));
    put_text(&writer, record->device, sizeof record->device);
    put_body(&writer, record);
    if (writer.is_cut) return 0;
    struct pack_writer head = {.bytes = bytes, .capacity = CRC_SIZE};
    pack_put_u32(&head, checksum(record->seq, bytes + CRC_SIZE, writer.size - CRC_SIZE));
    return writer.size;
}

static enum status decode_present(struct pack_reader *reader, struct record *record)
{
    uint8_t mark = pack_get_u8(reader);
    uint8_t kind = mark & KIND_MASK, clock = mark >> CLOCK_SHIFT;
    record->kind = (enum record_kind)kind;
    record->clock = (enum clock_quality)clock;
    record_codec_get_text(reader, record->device, sizeof record->device);
    if (kind < RECORD_WINDOW || kind > RECORD_NOTICE) return ST_UNSUPPORTED;
    return get_body(reader, record) && clock <= CLOCK_TRUSTED ? ST_OK : ST_CORRUPT;
}

enum status record_codec_decode(const uint8_t *bytes, size_t size, uint64_t seq,
                                struct record *record)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint32_t crc = pack_get_u32(&reader);
    if (reader.is_short || crc != checksum(seq, bytes + CRC_SIZE, size - CRC_SIZE))
        return ST_CORRUPT;
    uint8_t version = pack_get_u8(&reader);
    memset(record, 0, sizeof *record);
    record->seq = seq;
    enum status status = ST_UNSUPPORTED;
    if (version == RECORD_CODEC_VERSION) status = decode_present(&reader, record);
    if (version == RECORD_CODEC_OLD_VERSION) status = record_codec_decode_old(&reader, record);
    if (status != ST_OK) return status;
    return !reader.is_short && reader.at == size ? ST_OK : ST_CORRUPT;
}
