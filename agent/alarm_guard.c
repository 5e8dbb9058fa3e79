/* Invariant: every id that was ever remembered is in `entries`, or was sent no later than
 * floor_ms.  Local ones (sent_ms 0) fall under it by themselves. */
#include "alarm_guard.h"

#include "base/pack.h"

#include <string.h>

static struct alarm_guard_entry *find(struct alarm_guard *guard, const char *id)
{
    for (size_t i = 0; i < guard->count; i++)
        if (strcmp(guard->entries[i].id, id) == 0) return &guard->entries[i];
    return NULL;
}

enum alarm_guard_finding alarm_guard_find(const struct alarm_guard *guard, const char *id,
                                          uint64_t fingerprint, int64_t sent_ms, uint8_t *result)
{
    for (size_t i = 0; i < guard->count; i++) {
        const struct alarm_guard_entry *entry = &guard->entries[i];
        if (strcmp(entry->id, id) != 0) continue;
        *result = entry->result;
        return entry->fingerprint == fingerprint ? ALARM_GUARD_REPEAT : ALARM_GUARD_ID_USED;
    }
    bool is_old = sent_ms != 0 && sent_ms <= guard->floor_ms;
    return is_old ? ALARM_GUARD_TOO_OLD : ALARM_GUARD_NEW;
}

static struct alarm_guard_entry *take_place(struct alarm_guard *guard)
{
    if (guard->count < ALARM_GUARD_IDS) return &guard->entries[guard->count++];
    struct alarm_guard_entry *oldest = &guard->entries[0];
    for (size_t i = 1; i < ALARM_GUARD_IDS; i++)
        if (guard->entries[i].sent_ms < oldest->sent_ms) oldest = &guard->entries[i];
    if (oldest->sent_ms > guard->floor_ms) guard->floor_ms = oldest->sent_ms;
    return oldest;
}

void alarm_guard_remember(struct alarm_guard *guard, const char *id, uint64_t fingerprint,
                          int64_t sent_ms, uint8_t result)
{
    struct alarm_guard_entry *entry = find(guard, id);
    if (entry == NULL) entry = take_place(guard);
    *entry = (struct alarm_guard_entry){
        .fingerprint = fingerprint, .sent_ms = sent_ms, .result = result, .is_unwritten = true};
    size_t size = strnlen(id, sizeof entry->id - 1);
    memcpy(entry->id, id, size);
}

void alarm_guard_journal_whole(struct alarm_guard *guard)
{
    for (size_t i = 0; i < guard->count; i++) guard->entries[i].is_unwritten = true;
}

size_t alarm_guard_encode(struct alarm_guard *guard, uint8_t *bytes)
{
    size_t i = 0;
    while (i < guard->count && !guard->entries[i].is_unwritten) i++;
    if (i == guard->count) return 0;
    struct alarm_guard_entry *entry = &guard->entries[i];
    struct pack_writer writer = {.bytes = bytes, .capacity = ALARM_GUARD_ENTRY_BYTES};
    size_t length = strlen(entry->id);
    pack_put_u8(&writer, ALARM_GUARD_TAG);
    pack_put_signed(&writer, guard->floor_ms);
    pack_put_u8(&writer, (uint8_t)length);
    pack_put(&writer, entry->id, length);
    pack_put_u64(&writer, entry->fingerprint);
    pack_put_signed(&writer, entry->sent_ms);
    pack_put_u8(&writer, entry->result);
    entry->is_unwritten = false;
    return writer.size;
}

enum status alarm_guard_restore(struct alarm_guard *guard, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    char id[ALARM_COMMAND_ID_SIZE] = "";
    bool is_ours = pack_get_u8(&reader) == ALARM_GUARD_TAG;
    int64_t floor_ms = pack_get_signed(&reader);
    size_t length = pack_get_u8(&reader);
    const void *text = length < sizeof id ? pack_get(&reader, length) : NULL;
    if (text != NULL) memcpy(id, text, length);
    uint64_t fingerprint = pack_get_u64(&reader);
    int64_t sent_ms = pack_get_signed(&reader);
    uint8_t result = pack_get_u8(&reader);
    if (!is_ours || id[0] == '\0' || reader.is_short || reader.at != size) return ST_CORRUPT;
    alarm_guard_remember(guard, id, fingerprint, sent_ms, result);
    find(guard, id)->is_unwritten = false;
    if (floor_ms > guard->floor_ms) guard->floor_ms = floor_ms;
    return ST_OK;
}
