/* pack: numbers to bytes and back, the same on every processor, and the checksum over them.
 *
 * Writing beyond the end and reading beyond the end only set a flag, asked for once when all is
 * done.  Pure. */
#ifndef ISOTHERM_BASE_PACK_H
#define ISOTHERM_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACK_VARINT_MAX = 10 }; /* bytes of the longest varint */

struct pack_writer {
    uint8_t *bytes; /* of the caller */
    size_t capacity, size;
    bool is_cut; /* something did not fit; nothing was written from there on */
};

struct pack_reader {
    const uint8_t *bytes; /* of the caller */
    size_t size, at;
    bool is_short; /* something was missing or malformed; every value read since is 0 */
};

void pack_put(struct pack_writer *writer, const void *bytes, size_t size);
void pack_put_u8(struct pack_writer *writer, uint8_t number);
void pack_put_u32(struct pack_writer *writer, uint32_t number); /* little-endian */
void pack_put_u64(struct pack_writer *writer, uint64_t number); /* little-endian */

/* Seven bits a byte, the lowest first, the top bit set on all but the last byte. */
void pack_put_varint(struct pack_writer *writer, uint64_t number);

/* As a varint of 0, -1, 1, -2, 2 ... so that small negative numbers stay short. */
void pack_put_signed(struct pack_writer *writer, int64_t number);

/* The next `size` bytes in place, or NULL when there are not so many. */
const void *pack_get(struct pack_reader *reader, size_t size);
uint8_t pack_get_u8(struct pack_reader *reader);
uint32_t pack_get_u32(struct pack_reader *reader);
uint64_t pack_get_u64(struct pack_reader *reader);
uint64_t pack_get_varint(struct pack_reader *reader);
uint32_t pack_get_varint32(struct pack_reader *reader); /* larger numbers: is_short */
int64_t pack_get_signed(struct pack_reader *reader);

/* CRC-32 as in Ethernet and zip (reflected, polynomial 0x04c11db7), continued from `crc`;
 * begin with 0. */
uint32_t pack_crc32(uint32_t crc, const void *bytes, size_t size);

#endif
