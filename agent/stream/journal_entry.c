/* journal_entry: every section fits into the room left when it is begun, so that an entry is
 * never cut; and a reader stops at the first byte that cannot be right. */
#include "stream/journal_entry.h"

#include <string.h>

void journal_end_entry(struct journal_writer *writer)
{
    if (writer->size == 0) return;
    writer->take(writer->context, writer->bytes, writer->size);
    writer->size = 0;
}

void journal_begin_section(struct journal_writer *writer, enum journal_tag tag)
{
    if (writer->size + JOURNAL_SECTION_BYTES > JOURNAL_ENTRY_BYTES) journal_end_entry(writer);
    if (writer->size == 0) {
        size_t length = strlen(writer->device);
        writer->bytes[0] = JOURNAL_VERSION;
        writer->bytes[1] = (uint8_t)length;
        memcpy(&writer->bytes[2], writer->device, length);
        writer->size = 2 + length;
    }
    writer->bytes[writer->size++] = (uint8_t)tag;
}

void journal_put_unsigned(struct journal_writer *writer, uint64_t number)
{
    for (; number > 0x7f; number >>= 7) writer->bytes[writer->size++] = (uint8_t)(number | 0x80);
    writer->bytes[writer->size++] = (uint8_t)number;
}

void journal_put_signed(struct journal_writer *writer, int64_t number)
{
    uint64_t folded = (uint64_t)number << 1;
    journal_put_unsigned(writer, number < 0 ? ~folded : folded);
}

void journal_put_text(struct journal_writer *writer, const char *text)
{
    size_t length = strlen(text);
    journal_put_unsigned(writer, length);
    memcpy(&writer->bytes[writer->size], text, length);
    writer->size += length;
}

void journal_put_summary(struct journal_writer *writer, const struct summary *summary)
{
    journal_put_unsigned(writer, summary->count);
    journal_put_signed(writer, summary->first_ms);
    journal_put_unsigned(writer, (uint64_t)(summary->last_ms - summary->first_ms));
    journal_put_unsigned(writer, (uint64_t)(summary->min_ms - summary->first_ms));
    journal_put_unsigned(writer, (uint64_t)(summary->max_ms - summary->first_ms));
    journal_put_signed(writer, summary->first_micro);
    journal_put_signed(writer, summary->last_micro - summary->first_micro);
    journal_put_unsigned(writer, (uint64_t)(summary->first_micro - summary->min_micro));
    journal_put_unsigned(writer, (uint64_t)(summary->max_micro - summary->first_micro));
    journal_put_signed(writer, summary->sum_micro);
    journal_put_unsigned(writer, summary->sumsq.high);
    journal_put_unsigned(writer, summary->sumsq.low);
}

static void give_up(struct journal_reader *reader)
{
    reader->is_damaged = true;
    reader->at = reader->end;
}

static const uint8_t *take_bytes(struct journal_reader *reader, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size) {
        give_up(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += size;
    return bytes;
}

void journal_begin_entry(struct journal_reader *reader, const void *bytes, size_t size,
                         char *device)
{
    *reader = (struct journal_reader){.at = bytes, .end = (const uint8_t *)bytes + size};
    device[0] = '\0';
    const uint8_t *head = take_bytes(reader, 2);
    if (head == NULL) return;
    if (head[0] != JOURNAL_VERSION || head[1] == 0 || head[1] >= LIMIT_DEVICE_ID_SIZE) {
        give_up(reader);
        return;
    }
    const uint8_t *id = take_bytes(reader, head[1]);
    if (id == NULL) return;
    if (memchr(id, 0, head[1]) != NULL) {
        give_up(reader);
        return;
    }
    memcpy(device, id, head[1]);
    device[head[1]] = '\0';
}

unsigned journal_next_section(struct journal_reader *reader)
{
    return reader->at == reader->end ? 0 : *reader->at++;
}

uint64_t journal_get_unsigned(struct journal_reader *reader, uint64_t max)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        if (shift == 63 && byte > 1) break;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte > 0x7f) continue;
        if (number > max) break;
        return number;
    }
    give_up(reader);
    return 0;
}

int64_t journal_get_signed(struct journal_reader *reader)
{
    uint64_t folded = journal_get_unsigned(reader, UINT64_MAX);
    uint64_t number = folded >> 1;
    return (int64_t)((folded & 1) != 0 ? ~number : number);
}

void journal_get_text(struct journal_reader *reader, char *text, size_t capacity)
{
    size_t length = (size_t)journal_get_unsigned(reader, capacity - 1);
    const uint8_t *bytes = take_bytes(reader, length);
    text[0] = '\0';
    if (bytes == NULL) return;
    memcpy(text, bytes, length);
    text[length] = '\0';
}

/* A damaged summary must not reach a pane, where its totals could overflow a window. */
static bool is_plausible(const struct summary *summary)
{
    int64_t sum_limit;
    if (__builtin_mul_overflow((int64_t)summary->count, LIMIT_VALUE_MICRO, &sum_limit)) {
        sum_limit = INT64_MAX;
    }
    return summary->count > 0 && summary->sum_micro <= sum_limit &&
           summary->sum_micro >= -sum_limit && summary->min_micro >= -LIMIT_VALUE_MICRO &&
           summary->max_micro <= LIMIT_VALUE_MICRO && summary->last_micro >= summary->min_micro &&
           summary->last_micro <= summary->max_micro && summary->min_ms <= summary->last_ms &&
           summary->max_ms <= summary->last_ms && summary->sumsq.high < UINT64_C(1) << 42;
}

void journal_get_summary(struct journal_reader *reader, struct summary *summary)
{
    const uint64_t span_max = INT64_C(1) << 61;
    const uint64_t range_max = 2 * (uint64_t)LIMIT_VALUE_MICRO;
    *summary = (struct summary){.count = (uint32_t)journal_get_unsigned(reader, UINT32_MAX)};
    int64_t first_ms = journal_get_signed(reader);
    summary->last_ms = (int64_t)journal_get_unsigned(reader, span_max);
    summary->min_ms = (int64_t)journal_get_unsigned(reader, span_max);
    summary->max_ms = (int64_t)journal_get_unsigned(reader, span_max);
    int64_t first_micro = journal_get_signed(reader);
    int64_t last_micro = journal_get_signed(reader);
    int64_t fall_micro = (int64_t)journal_get_unsigned(reader, range_max);
    int64_t rise_micro = (int64_t)journal_get_unsigned(reader, range_max);
    summary->sum_micro = journal_get_signed(reader);
    summary->sumsq.high = journal_get_unsigned(reader, UINT64_MAX);
    summary->sumsq.low = journal_get_unsigned(reader, UINT64_MAX);
    bool is_near = first_ms >= 0 && first_ms <= INT64_MAX / 4 && first_micro <= LIMIT_VALUE_MICRO &&
                   first_micro >= -LIMIT_VALUE_MICRO && last_micro <= (int64_t)range_max &&
                   last_micro >= -(int64_t)range_max;
    if (is_near) {
        summary->first_ms = first_ms;
        summary->last_ms += first_ms;
        summary->min_ms += first_ms;
        summary->max_ms += first_ms;
        summary->first_micro = first_micro;
        summary->last_micro = first_micro + last_micro;
        summary->min_micro = first_micro - fall_micro;
        summary->max_micro = first_micro + rise_micro;
    }
    if (!is_near || reader->is_damaged || !is_plausible(summary)) {
        *summary = (struct summary){0};
        give_up(reader);
    }
}
