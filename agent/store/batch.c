/* Invariant: journal_size + record_size <= capacity; both only grow until batch_clear. */
#include "store/batch.h"

#include "base/memory.h"
#include "base/pack.h"
#include "store/record_codec.h"
#include "stream/record.h"

#include <stdlib.h>
#include <string.h>

/* A record lies below its trailer (seq, size, lane), since records grow downwards: the walk from
 * the oldest on meets the trailer first. */
enum { TRAILER_SIZE = 8 + 2 + 1, SLACK_BYTES = 4096, ENTRY_SIZE_MAX = 5 };

_Static_assert(RECORD_CODEC_HEAD_MAX + RECORD_CODEC_WINDOW_MAX + TRAILER_SIZE <=
                       (int)STREAM_RECORD_BYTES &&
                   RECORD_CODEC_STREAM_MAX + TRAILER_SIZE <= (int)STREAM_ALARM_BYTES,
               "what is asked for a record suffices for its trailer too");

static size_t capacity_for(size_t size_bytes)
{
    return size_bytes + size_bytes / 8 + SLACK_BYTES;
}

size_t batch_size_bytes(size_t size_bytes)
{
    return capacity_for(size_bytes) + BATCH_RANGES * sizeof(struct batch_range);
}

enum status batch_init(struct batch *batch, size_t size_bytes)
{
    memset(batch, 0, sizeof *batch);
    batch->promised = size_bytes;
    batch->capacity = capacity_for(size_bytes);
    batch->bytes = calloc(1, batch->capacity);
    batch->ranges = calloc(BATCH_RANGES, sizeof *batch->ranges);
    if (batch->bytes == NULL || batch->ranges == NULL) {
        batch_fini(batch);
        return ST_NO_MEMORY;
    }
    memory_touch(batch->bytes, batch->capacity);
    batch_clear(batch);
    return ST_OK;
}

void batch_fini(struct batch *batch)
{
    free(batch->bytes);
    free(batch->ranges);
    memset(batch, 0, sizeof *batch);
}

void batch_clear(struct batch *batch)
{
    batch->journal_size = BATCH_JOURNAL_HEAD;
    batch->record_size = 0;
    memset(batch->records, 0, sizeof batch->records);
    batch->next_seq = 0;
    batch->range_count = 0;
    memset(batch->told, 0, sizeof batch->told);
    batch->wal_percent = 0;
    batch->number = 0;
    batch->ends_former_round = batch->begins_round = batch->ends_own_round = false;
}

bool batch_has_journal(const struct batch *batch)
{
    return batch->journal_size > BATCH_JOURNAL_HEAD;
}

bool batch_is_empty(const struct batch *batch)
{
    return !batch_has_journal(batch) && batch->record_size == 0 && batch->range_count == 0 &&
           !batch->ends_former_round && !batch->begins_round && !batch->ends_own_round;
}

bool batch_has_room(const struct batch *batch, size_t bytes)
{
    size_t used = batch->journal_size - BATCH_JOURNAL_HEAD + batch->record_size;
    return used <= batch->promised && bytes <= batch->promised - used;
}

uint64_t batch_record_count(const struct batch *batch)
{
    return batch->records[LANE_ALARM] + batch->records[LANE_WINDOW];
}

enum status batch_add_record(struct batch *batch, const struct record *record)
{
    uint8_t bytes[RECORD_CODEC_STREAM_MAX];
    size_t size = record_codec_encode(record, bytes, sizeof bytes);
    if (size == 0) return ST_INVALID;
    if (size + TRAILER_SIZE > batch->capacity - batch->journal_size - batch->record_size)
        return ST_FULL;
    enum lane lane = record->kind == RECORD_ALARM ? LANE_ALARM : LANE_WINDOW;
    batch->record_size += size + TRAILER_SIZE;
    uint8_t *place = batch->bytes + batch->capacity - batch->record_size;
    memcpy(place, bytes, size);
    struct pack_writer trailer = {.bytes = place + size, .capacity = TRAILER_SIZE};
    pack_put_u64(&trailer, record->seq);
    pack_put_u8(&trailer, (uint8_t)(size & 0xff));
    pack_put_u8(&trailer, (uint8_t)(size >> 8));
    pack_put_u8(&trailer, (uint8_t)lane);
    batch->records[lane]++;
    batch->next_seq = record->seq + 1;
    return ST_OK;
}

bool batch_next_record(const struct batch *batch, size_t *cursor, struct batch_record *record)
{
    if (*cursor >= batch->record_size) return false;
    const uint8_t *end = batch->bytes + batch->capacity - *cursor;
    struct pack_reader trailer = {.bytes = end - TRAILER_SIZE, .size = TRAILER_SIZE};
    record->seq = pack_get_u64(&trailer);
    record->size = pack_get_u8(&trailer);
    record->size |= (size_t)pack_get_u8(&trailer) << 8;
    record->lane = (enum lane)pack_get_u8(&trailer);
    record->bytes = end - TRAILER_SIZE - record->size;
    *cursor += record->size + TRAILER_SIZE;
    return true;
}

enum status batch_add_journal(struct batch *batch, const void *bytes, size_t size)
{
    size_t free_size = batch->capacity - batch->journal_size - batch->record_size;
    if (free_size < ENTRY_SIZE_MAX || size > free_size - ENTRY_SIZE_MAX) return ST_FULL;
    struct pack_writer writer = {.bytes = batch->bytes + batch->journal_size,
                                 .capacity = free_size};
    pack_put_varint(&writer, size);
    pack_put(&writer, bytes, size);
    batch->journal_size += writer.size;
    return ST_OK;
}

enum status batch_acknowledge(struct batch *batch, enum lane lane, uint64_t seq)
{
    /* Deliveries come nearly in order, so that one range takes many of them. */
    if (batch->range_count > 0) {
        struct batch_range *last = &batch->ranges[batch->range_count - 1];
        if (last->lane == lane && seq == last->last + 1) {
            last->last = seq;
            return ST_OK;
        }
    }
    if (batch->range_count == BATCH_RANGES) return ST_FULL;
    batch->ranges[batch->range_count++] =
        (struct batch_range){.first = seq, .last = seq, .lane = lane};
    return ST_OK;
}

void batch_mark_journal(struct batch *batch, bool is_end)
{
    if (!is_end)
        batch->begins_round = true;
    else if (batch->begins_round)
        batch->ends_own_round = true;
    else
        batch->ends_former_round = true;
}
