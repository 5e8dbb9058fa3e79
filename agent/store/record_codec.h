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

enum { RECORD_CODEC_VERSION = 2 };

/* Bytes of the longest record with every varint at its longest: checksum, version, kind and clock,
 * device, and the body.  An alarm is the longest. */
enum {
    RECORD_CODEC_HEAD_MAX = 4 + 1 + 1 + LIMIT_DEVICE_ID_SIZE,
    RECORD_CODEC_WINDOW_MAX = 1 + 2 * 5 + 4 * 10 + 4 * 5 + 2 * 5 + 2 * 10 + 3 * 5 + 11 * 10,
    RECORD_CODEC_ALARM_MAX = 2 * ALARM_NAME_SIZE + 2 * ALARM_KIND_SIZE + ALARM_CAUSE_SIZE +
                             ALARM_ACTOR_SIZE + ALARM_REASON_SIZE + ALARM_COMMAND_ID_SIZE +
                             ALARM_LIST_SIZE + 5 + 6 * 5 + 11 * 10,
    RECORD_CODEC_NOTICE_MAX = 10 + 1 + 2 * 10 + 2 * 10 + 1 + NOTICE_RANGES * 2 * 10 + 2 * 10 + 5 +
                              NOTICE_EPOCH_SIZE + NOTICE_ASIDE_SIZE,
    RECORD_CODEC_STREAM_MAX = RECORD_CODEC_HEAD_MAX + RECORD_CODEC_ALARM_MAX,
    RECORD_CODEC_MAX = RECORD_CODEC_STREAM_MAX
};

/* Writes the record into `bytes`; returns the size.  0: it does not fit into `capacity`
 * (RECORD_CODEC_MAX always suffices), or a text in it has no end. */
size_t record_codec_encode(const struct record *record, uint8_t *bytes, size_t capacity);

/* Reads what encode wrote, also that of version 1; `seq` is the number it is kept under.
 * ST_CORRUPT: damaged, cut short, too long, or not of this number; ST_UNSUPPORTED: whole, but of a
 * version or kind not known. After a failure *record holds no meaning. */
enum status record_codec_decode(const uint8_t *bytes, size_t size, uint64_t seq,
                                struct record *record) ISOTHERM_CHECK;

#endif
