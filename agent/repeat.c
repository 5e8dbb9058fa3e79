/* Invariant: of each slot at most one key is live, the newest; so what is matched is the last
 * thing that the source is known to have put there. */
#include "repeat.h"

#include "base/pack.h"

#include <stdlib.h>
#include <string.h>

enum { FLAG_WHOLE = 1 };

struct repeat_key {
    uint32_t slot, mark;
    uint32_t at_mono_s;
    uint16_t next; /* in its chain, as in heads: the index and 1 */
    bool is_live, is_expected;
};

static size_t places_for(size_t capacity)
{
    size_t places = 1;
    while (places < capacity) places *= 2;
    return places;
}

size_t repeat_size_bytes(size_t capacity)
{
    if (capacity > REPEAT_KEYS_MAX) capacity = REPEAT_KEYS_MAX;
    if (capacity == 0) return 0;
    return capacity * sizeof(struct repeat_key) + places_for(capacity) * sizeof(uint16_t);
}

enum status repeat_open(struct repeat *repeat, size_t capacity)
{
    memset(repeat, 0, sizeof *repeat);
    if (capacity > REPEAT_KEYS_MAX) capacity = REPEAT_KEYS_MAX;
    if (capacity == 0) return ST_OK;
    size_t places = places_for(capacity);
    repeat->keys = calloc(capacity, sizeof *repeat->keys);
    repeat->heads = calloc(places, sizeof *repeat->heads);
    if (repeat->keys == NULL || repeat->heads == NULL) {
        repeat_close(repeat);
        return ST_NO_MEMORY;
    }
    repeat->capacity = capacity;
    repeat->place_mask = places - 1;
    return ST_OK;
}

void repeat_close(struct repeat *repeat)
{
    free(repeat->keys);
    free(repeat->heads);
    memset(repeat, 0, sizeof *repeat);
}

static uint64_t oldest_number(const struct repeat *repeat)
{
    return repeat->total > repeat->capacity ? repeat->total - repeat->capacity : 0;
}

static struct repeat_key *key_at(const struct repeat *repeat, uint64_t number)
{
    return &repeat->keys[number % repeat->capacity];
}

static uint16_t *head_of(const struct repeat *repeat, uint32_t slot)
{
    return &repeat->heads[slot & repeat->place_mask];
}

/* The live key of that slot; NULL: there is none. */
static struct repeat_key *find_slot(const struct repeat *repeat, uint32_t slot)
{
    if (repeat->capacity == 0) return NULL;
    struct repeat_key *key;
    for (uint16_t at = *head_of(repeat, slot); at != 0; at = key->next) {
        key = &repeat->keys[at - 1];
        if (key->slot == slot) return key;
    }
    return NULL;
}

static void kill_key(struct repeat *repeat, struct repeat_key *key)
{
    uint16_t *link = head_of(repeat, key->slot);
    while (&repeat->keys[*link - 1] != key) link = &repeat->keys[*link - 1].next;
    *link = key->next;
    key->is_live = false;
}

static void append(struct repeat *repeat, struct repeat_key key)
{
    if (repeat->capacity == 0) return;
    struct repeat_key *older = find_slot(repeat, key.slot);
    if (older != NULL) kill_key(repeat, older);
    struct repeat_key *place = key_at(repeat, repeat->total++);
    if (place->is_live) kill_key(repeat, place);
    uint16_t *head = head_of(repeat, key.slot);
    key.is_live = true;
    key.next = *head;
    *place = key;
    *head = (uint16_t)(place - repeat->keys + 1);
}

void repeat_remember(struct repeat *repeat, uint64_t key, int64_t now_mono_ms)
{
    append(repeat, (struct repeat_key){.slot = (uint32_t)(key >> 32),
                                       .mark = (uint32_t)key,
                                       .at_mono_s = (uint32_t)(now_mono_ms / 1000)});
}

void repeat_expect(struct repeat *repeat)
{
    for (size_t i = 0; i < repeat->capacity; i++)
        repeat->keys[i].is_expected = repeat->keys[i].is_live;
}

bool repeat_match(struct repeat *repeat, uint64_t key, int64_t now_mono_ms, int64_t max_age_ms)
{
    struct repeat_key *found = find_slot(repeat, (uint32_t)(key >> 32));
    if (found == NULL || !found->is_expected || found->mark != (uint32_t)key) return false;
    found->is_expected = false;
    return now_mono_ms - (int64_t)found->at_mono_s * 1000 <= max_age_ms;
}

bool repeat_forget(struct repeat *repeat)
{
    bool had_keys = repeat->total > 0;
    if (had_keys) {
        memset(repeat->keys, 0, repeat->capacity * sizeof *repeat->keys);
        memset(repeat->heads, 0, (repeat->place_mask + 1) * sizeof *repeat->heads);
    }
    repeat->total = repeat->journalled = 0;
    repeat->is_whole_due = repeat->is_whole_due || had_keys;
    return had_keys;
}

size_t repeat_room_bytes(size_t capacity)
{
    if (capacity == 0) return 0;
    size_t keys = capacity < REPEAT_KEYS_MAX ? capacity : REPEAT_KEYS_MAX;
    return (keys / REPEAT_KEYS_AN_ENTRY + 1) * REPEAT_ENTRY_BYTES;
}

void repeat_journal_whole(struct repeat *repeat)
{
    if (repeat->capacity == 0) return;
    repeat->is_whole_due = true;
    repeat->journalled = oldest_number(repeat);
}

static void put_key(struct pack_writer *writer, const struct repeat_key *key, uint32_t *slot,
                    uint32_t now_mono_s)
{
    pack_put_signed(writer, (int64_t)key->slot - (int64_t)*slot);
    pack_put_u32(writer, key->mark);
    pack_put_varint(writer, now_mono_s - key->at_mono_s);
    *slot = key->slot;
}

/* The live keys of the next entry, from `from` on; returns the number behind the last. */
static uint64_t choose(const struct repeat *repeat, uint64_t from, size_t *count)
{
    uint64_t number = from;
    for (*count = 0; number < repeat->total && *count < REPEAT_KEYS_AN_ENTRY; number++)
        if (key_at(repeat, number)->is_live) ++*count;
    return number;
}

size_t repeat_encode(struct repeat *repeat, const char *name, int64_t now_mono_ms, uint8_t *bytes)
{
    uint64_t from = repeat->journalled;
    if (from < oldest_number(repeat)) from = oldest_number(repeat);
    if (from == repeat->total && !repeat->is_whole_due) return 0;
    size_t count;
    uint64_t end = choose(repeat, from, &count);
    struct pack_writer writer = {.bytes = bytes, .capacity = REPEAT_ENTRY_BYTES};
    size_t length = strnlen(name, REPEAT_NAME_SIZE - 1);
    uint32_t slot = 0, now_mono_s = (uint32_t)(now_mono_ms / 1000);
    pack_put_u8(&writer, REPEAT_TAG);
    pack_put_u8(&writer, repeat->is_whole_due ? FLAG_WHOLE : 0);
    pack_put_varint(&writer, length);
    pack_put(&writer, name, length);
    pack_put_varint(&writer, now_mono_s);
    pack_put_varint(&writer, count);
    for (uint64_t number = from; number < end; number++)
        if (key_at(repeat, number)->is_live)
            put_key(&writer, key_at(repeat, number), &slot, now_mono_s);
    repeat->journalled = end;
    repeat->is_whole_due = false;
    return writer.size;
}

/* Begins to read an entry: everything before the time of its writing. */
static enum status read_head(struct pack_reader *reader, uint8_t *flags,
                             char name[REPEAT_NAME_SIZE])
{
    bool is_ours = pack_get_u8(reader) == REPEAT_TAG;
    *flags = pack_get_u8(reader);
    uint64_t length = pack_get_varint(reader);
    const void *text = length < REPEAT_NAME_SIZE ? pack_get(reader, (size_t)length) : NULL;
    if (!is_ours || text == NULL || reader->is_short) return ST_CORRUPT;
    memcpy(name, text, (size_t)length);
    name[length] = '\0';
    return ST_OK;
}

enum status repeat_read_name(const void *bytes, size_t size, char name[REPEAT_NAME_SIZE])
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    uint8_t flags;
    return read_head(&reader, &flags, name);
}

static struct repeat_key get_key(struct pack_reader *reader, uint32_t *slot, uint32_t written_s,
                                 uint32_t now_mono_s)
{
    struct repeat_key key = {0};
    *slot += (uint32_t)pack_get_signed(reader);
    key.slot = *slot;
    key.mark = pack_get_u32(reader);
    uint64_t age_s = pack_get_varint(reader);
    key.at_mono_s = age_s < written_s ? written_s - (uint32_t)age_s : 0;
    if (key.at_mono_s > now_mono_s) key.at_mono_s = 0; /* of a former start of the machine */
    return key;
}

enum status repeat_restore(struct repeat *repeat, const void *bytes, size_t size,
                           int64_t now_mono_ms)
{
    struct repeat_key keys[REPEAT_KEYS_AN_ENTRY];
    struct pack_reader reader = {.bytes = bytes, .size = size};
    char name[REPEAT_NAME_SIZE];
    uint8_t flags;
    uint32_t slot = 0, now_mono_s = (uint32_t)(now_mono_ms / 1000);
    if (read_head(&reader, &flags, name) != ST_OK) return ST_CORRUPT;
    uint32_t written_s = pack_get_varint32(&reader);
    uint64_t count = pack_get_varint(&reader);
    if (count > REPEAT_KEYS_AN_ENTRY) return ST_CORRUPT;
    for (uint64_t i = 0; i < count; i++) keys[i] = get_key(&reader, &slot, written_s, now_mono_s);
    if (reader.is_short || reader.at != size) return ST_CORRUPT;
    if ((flags & FLAG_WHOLE) != 0) (void)repeat_forget(repeat);
    for (uint64_t i = 0; i < count; i++) append(repeat, keys[i]);
    repeat->journalled = repeat->total;
    repeat->is_whole_due = false;
    return ST_OK;
}
