/* Invariant: what is written is what a decode of it gives back, counts of verdicts that a later
 * version adds being 0. */
#include "ledger.h"

#include "base/pack.h"

#include <string.h>

size_t ledger_encode(const struct ledger *ledger, uint8_t *bytes)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = LEDGER_BYTES};
    pack_put_u8(&writer, LEDGER_TAG);
    pack_put_varint(&writer, ledger->count);
    for (size_t i = 0; i < ledger->count; i++) {
        const struct ledger_line *line = &ledger->lines[i];
        size_t length = strlen(line->name);
        pack_put_varint(&writer, length);
        pack_put(&writer, line->name, length);
        pack_put_varint(&writer, VERDICT_COUNT);
        for (int k = 0; k < VERDICT_COUNT; k++) pack_put_varint(&writer, line->counts.by[k]);
    }
    return writer.size;
}

static void decode_line(struct pack_reader *reader, struct ledger_line *line)
{
    uint64_t length = pack_get_varint(reader);
    const void *name = length < LEDGER_NAME_SIZE ? pack_get(reader, (size_t)length) : NULL;
    if (name == NULL) {
        reader->is_short = true;
        return;
    }
    memcpy(line->name, name, (size_t)length);
    uint64_t count = pack_get_varint(reader);
    for (uint64_t k = 0; k < count && !reader->is_short; k++) {
        uint64_t number = pack_get_varint(reader);
        if (k < VERDICT_COUNT) line->counts.by[k] = number;
    }
}

enum status ledger_decode(struct ledger *ledger, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    memset(ledger, 0, sizeof *ledger);
    bool is_ours = pack_get_u8(&reader) == LEDGER_TAG;
    uint64_t count = pack_get_varint(&reader);
    if (!is_ours || count > LEDGER_LINES) return ST_CORRUPT;
    for (uint64_t i = 0; i < count && !reader.is_short; i++)
        decode_line(&reader, &ledger->lines[ledger->count++]);
    if (!reader.is_short && reader.at == size) return ST_OK;
    memset(ledger, 0, sizeof *ledger);
    return ST_CORRUPT;
}

bool ledger_take(struct ledger *ledger, const char *name, struct verdict_counts *counts)
{
    memset(counts, 0, sizeof *counts);
    for (size_t i = 0; i < ledger->count; i++) {
        if (strcmp(ledger->lines[i].name, name) != 0) continue;
        *counts = ledger->lines[i].counts;
        ledger->lines[i] = ledger->lines[--ledger->count];
        return true;
    }
    return false;
}

uint64_t ledger_count_received(const struct verdict_counts *counts)
{
    uint64_t received = 0;
    for (int i = 0; i < VERDICT_COUNT; i++) received += counts->by[i];
    return received;
}
