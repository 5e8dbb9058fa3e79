/* encode_json: records and status messages as JSON, the form the central broker gets.
 *
 * Every number is formatted straight from integers: no floating point, no printf, so the same
 * record gives the same bytes on every processor.  docs/data-format.md names every field.
 * Pure. */
#ifndef ISOTHERM_UPLINK_ENCODE_JSON_H
#define ISOTHERM_UPLINK_ENCODE_JSON_H

#include "base/boot_times.h"
#include "base/text.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whose records these are; all is kept by the caller. */
struct encode_json_origin {
    const char *gateway;
    const char *epoch;                   /* of the sequence numbers: made with the database file */
    const struct boot_times *boot_times; /* NULL: nothing is known of any boot */
};

/* Writes one NUL-terminated JSON object into `json` (LIMIT_RECORD_JSON bytes are enough for any
 * record of a gateway whose name needs no escapes).  `is_replay` marks a record that was made
 * before the connection over which it goes.  Returns its size without the NUL; 0 when it does not
 * fit or the record is of no known kind, and `json` is then of no use. */
size_t encode_json_record(const struct record *record, const struct encode_json_origin *origin,
                          bool is_replay, char *json, size_t capacity);

/* The retained message that says that the gateway is connected.  Every record with a sequence
 * number below `next_seq` was durable when it was made.  Returns as encode_json_record. */
size_t encode_json_birth(const struct encode_json_origin *origin, uint64_t next_seq, char *json,
                         size_t capacity);

/* Adds a time to an open object; uptime that stands in for one is null. */
void encode_json_add_time(struct text *text, const char *key, int64_t time_ms);

/* Adds to an open object which boot this is and when it began, once that concerns anything. */
void encode_json_add_boot(struct text *text, const struct boot_times *times);

/* The retained message that says that it is not; `reason` is a short word.  Returns likewise. */
size_t encode_json_death(const struct encode_json_origin *origin, const char *reason, char *json,
                         size_t capacity);

#endif
