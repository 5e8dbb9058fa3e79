/* Invariant: no byte outside [bytes, bytes + capacity) or [bytes, bytes + size) is touched. */
#include "base/pack.h"

#include <string.h>

void pack_put(struct pack_writer *writer, const void *bytes, size_t size)
{
    if (writer->is_cut || size > writer->capacity - writer->size) {
        writer->is_cut = true;
        return;
    }
    if (size > 0) memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

void pack_put_u8(struct pack_writer *writer, uint8_t number)
{
    pack_put(writer, &number, 1);
}

static void put_little(struct pack_writer *writer, uint64_t number, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(number >> (8 * i));
    pack_put(writer, bytes, size);
}

void pack_put_u32(struct pack_writer *writer, uint32_t number)
{
    put_little(writer, number, 4);
}

void pack_put_u64(struct pack_writer *writer, uint64_t number)
{
    put_little(writer, number, 8);
}

void pack_put_varint(struct pack_writer *writer, uint64_t number)
{
    uint8_t bytes[PACK_VARINT_MAX];
    size_t size = 0;
    while (number >= 0x80) {
        bytes[size++] = (uint8_t)(number | 0x80);
        number >>= 7;
    }
    bytes[size++] = (uint8_t)number;
    pack_put(writer, bytes, size);
}

void pack_put_signed(struct pack_writer *writer, int64_t number)
{
    uint64_t bits = (uint64_t)number << 1;
    pack_put_varint(writer, number < 0 ? ~bits : bits);
}

const void *pack_get(struct pack_reader *reader, size_t size)
{
    if (reader->is_short || size > reader->size - reader->at) {
        reader->is_short = true;
        return NULL;
    }
    const void *bytes = reader->bytes + reader->at;
    reader->at += size;
    return bytes;
}

uint8_t pack_get_u8(struct pack_reader *reader)
{
    const uint8_t *bytes = pack_get(reader, 1);
    return bytes == NULL ? 0 : *bytes;
}

static uint64_t get_little(struct pack_reader *reader, size_t size)
{
    const uint8_t *bytes = pack_get(reader, size);
    uint64_t number = 0;
    for (size_t i = 0; bytes != NULL && i < size; i++) number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

uint32_t pack_get_u32(struct pack_reader *reader)
{
    return (uint32_t)get_little(reader, 4);
}

uint64_t pack_get_u64(struct pack_reader *reader)
{
    return get_little(reader, 8);
}

uint64_t pack_get_varint(struct pack_reader *reader)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = pack_get_u8(reader);
        if (reader->is_short) return 0;
        if (shift == 63 && byte > 1) break; /* would not fit into 64 bits */
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return number;
    }
    reader->is_short = true;
    return 0;
}

uint32_t pack_get_varint32(struct pack_reader *reader)
{
    uint64_t number = pack_get_varint(reader);
    if (number <= UINT32_MAX) return (uint32_t)number;
    reader->is_short = true;
    return 0;
}

int64_t pack_get_signed(struct pack_reader *reader)
{
    uint64_t bits = pack_get_varint(reader);
    uint64_t number = (bits & 1) != 0 ? ~(bits >> 1) : bits >> 1;
    return (int64_t)number;
}

uint32_t pack_crc32(uint32_t crc, const void *bytes, size_t size)
{
    /* One entry per half byte: small, and quick enough beside a flash write. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const uint8_t *next = bytes;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= next[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}
