/* Invariant: nothing outside the page is read, whatever the page says. */
#include "store/leaf_page.h"

#include <string.h>

enum {
    LEAF = 0x0d,
    CELLS_AT = 3,       /* behind the head's beginning: number of cells */
    OFFSETS_AT = 8,     /* likewise: where each cell is */
    OVERFLOW_ROOM = 35, /* a payload larger than the page less this goes on elsewhere */
    TYPE_NULL = 0,
    TYPE_BLOB = 12 /* and even: a blob of (type - 12) / 2 bytes */
};

/* Big-endian groups of seven bits, nine bytes at most; false when it leaves the page. */
static bool take_varint(const uint8_t *page, size_t size, size_t *at, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < 9 && *at < size; i++) {
        uint8_t byte = page[(*at)++];
        if (i == 8) {
            *number = *number << 8 | byte;
            return true;
        }
        *number = *number << 7 | (byte & 0x7f);
        if (byte < 0x80) return true;
    }
    return false;
}

static size_t number_at(const uint8_t *page, size_t at)
{
    return (size_t)page[at] << 8 | page[at + 1];
}

static bool read_cell(const uint8_t *page, size_t size, size_t at, struct leaf_row *row)
{
    uint64_t payload_size, head_size, key_type, blob_type;
    if (!take_varint(page, size, &at, &payload_size)) return false;
    if (!take_varint(page, size, &at, &row->seq)) return false;
    if (payload_size > size - OVERFLOW_ROOM || payload_size > size - at) return false;
    size_t payload_at = at, end = at + (size_t)payload_size;
    if (!take_varint(page, end, &at, &head_size) || head_size > payload_size) return false;
    if (!take_varint(page, end, &at, &key_type) || key_type != TYPE_NULL) return false;
    if (!take_varint(page, end, &at, &blob_type)) return false;
    if (blob_type < TYPE_BLOB || blob_type % 2 != 0) return false;
    row->blob = page + payload_at + head_size;
    uint64_t blob_size = (blob_type - TYPE_BLOB) / 2;
    if (blob_size > payload_size - head_size) return false;
    row->size = (size_t)blob_size;
    return true;
}

bool leaf_page_next(const uint8_t *page, size_t size, size_t head_at, size_t *cursor,
                    struct leaf_row *row)
{
    if (size < head_at + OFFSETS_AT + OVERFLOW_ROOM || page[head_at] != LEAF) return false;
    size_t cells = number_at(page, head_at + CELLS_AT);
    size_t offsets_at = head_at + OFFSETS_AT;
    if (cells > (size - offsets_at) / 2) cells = (size - offsets_at) / 2;
    while (*cursor < cells) {
        size_t at = number_at(page, offsets_at + 2 * (*cursor)++);
        if (at < size && read_cell(page, size, at, row)) return true;
    }
    return false;
}

bool leaf_page_find(const uint8_t *page, size_t size, const char *key, size_t *cursor,
                    struct leaf_row *row)
{
    size_t key_size = strlen(key);
    while (*cursor + key_size <= size) {
        const uint8_t *found = memmem(page + *cursor, size - *cursor, key, key_size);
        if (found == NULL) return false;
        size_t at = (size_t)(found - page);
        *cursor = at + 1;
        /* The type of the blob stands before the key, in two bytes for 58 to 8185 of its own. */
        if (at < 2 || (page[at - 2] & 0x80) == 0 || page[at - 1] >= 0x80) continue;
        size_t type = (size_t)(page[at - 2] & 0x7f) << 7 | page[at - 1];
        if (type < TYPE_BLOB || (type - TYPE_BLOB) / 2 > size - at - key_size) continue;
        *row = (struct leaf_row){.blob = found + key_size, .size = (type - TYPE_BLOB) / 2};
        return true;
    }
    return false;
}
