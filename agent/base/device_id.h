/* device_id: how the id of a device is put together from what strangers send.
 *
 * An id is one or more parts joined by '/'.  In a part, letters, digits and - . _ : ~ stand for
 * themselves; every other byte becomes %XX (upper-case hex).  So two different inputs never give
 * the same id, the original can be had back, and no id can change the structure of a topic or of
 * a log line.  Pure. */
#ifndef ISOTHERM_BASE_DEVICE_ID_H
#define ISOTHERM_BASE_DEVICE_ID_H

#include "base/limits.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends a part to the id (a NUL-terminated char[LIMIT_DEVICE_ID_SIZE], "" at first), with a '/'
 * before it when the id is not empty.  VERDICT_FIELD: the part is empty; VERDICT_LENGTH: the id
 * would be too long.  After a failure the id is unchanged. */
enum verdict device_id_append(char *id, const char *part, size_t part_size);

/* Whether `pattern` (with * for any run of characters and ? for one; neither matches '/' unless
 * the pattern has one) fits the id.  A pattern without '/' is held against the last part of the
 * id, as well as against the whole id: "oven-*" fits both "oven-3" and "line-1/oven-3". */
bool device_id_matches(const char *pattern, const char *id);

/* Writes the id as exactly one topic level: '/' becomes %2F and '%' becomes %25.  False when it
 * does not fit into `capacity` bytes. */
bool device_id_to_topic_level(const char *id, char *level, size_t capacity);

#endif
