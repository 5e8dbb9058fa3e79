/* record_codec: a record as the bytes that the outbox keeps.
 *
 * The layout is drawn in docs/store.md.  The same record gives the same bytes on every
 * processor.  A checksum covers the bytes and the record's place in the sequence, so that a
 * damaged record, or one under the wrong number, is never taken for a good one.  Pure. */
#ifndef ISOTHERM_STORE_RECORD_CODEC_H
#define ISOTHERM_STORE_RECORD_CODEC_H

#include "base/status.h"
#include "stream/record.h"

#include <stddef.h>
#include <stdint.h>

enum { RECORD_CODEC_VERSION = 1 };

/* Bytes of the longest record: checksum, version, kind, clock, device, time, and one of the
 * two bodies, with every varint at its longest. */
enum {
    RECORD_CODEC_HEAD_MAX = 4 + 1 + 1 + 1 + LIMIT_DEVICE_ID_SIZE + 10,
    RECORD_CODEC_WINDOW_MAX = 2 * 10 + 2 * 5 + 2 * 10 + 4 * 5 + 1 + 10 + 9 * 10 + 2 * 10 + 2 * 5,
    RECORD_CODEC_ALARM_MAX = 2 * ALARM_NAME_SIZE + 2 * ALARM_KIND_SIZE + ALARM_CAUSE_SIZE +
                             ALARM_ACTOR_SIZE + ALARM_REASON_SIZE + ALARM_COMMAND_ID_SIZE +
                             ALARM_LIST_SIZE + 5 + 5 * 5 + 10 * 10,
    RECORD_CODEC_MAX = RECORD_CODEC_HEAD_MAX + RECORD_CODEC_ALARM_MAX
};

/* Writes the record into `bytes`; returns the size.  0: it does not fit into `capacity`
 * (RECORD_CODEC_MAX always suffices), or a text in it has no end. */
size_t record_codec_encode(const struct record *record, uint8_t *bytes, size_t capacity);

/* Reads what encode wrote; `seq` is the number it is kept under.  ST_CORRUPT: damaged, cut short,
 * too long, or not of this number; ST_UNSUPPORTED: whole, but of a version or kind not known.
 * After a failure *record holds no meaning. */
enum status record_codec_decode(const uint8_t *bytes, size_t size, uint64_t seq,
                                struct record *record) ISOTHERM_CHECK;

#endif
