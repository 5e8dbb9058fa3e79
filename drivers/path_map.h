/* path_map: leads from the path of a request to a device, by a template such as
 * "t/{device}" or "{line}/{device}/temperature".
 *
 * The segments in braces, in their order, become the parts of the device id.  A path fits when it
 * has as many segments as the template and the others are equal byte by byte.  Pure. */
#ifndef ISOTHERM_PATH_MAP_H
#define ISOTHERM_PATH_MAP_H

#include "base/limits.h"
#include "base/status.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>

enum { PATH_MAP_SEGMENTS = 8, PATH_MAP_SEGMENT_SIZE = 64 };

/* One segment of a path: raw bytes of a stranger, not NUL-terminated, '/' possible. */
struct path_segment {
    const char *bytes;
    size_t size;
};

/* Embedded by its owner; the fields are private. */
struct path_map {
    struct path_map_segment {
        char text[PATH_MAP_SEGMENT_SIZE]; /* what must stand there, or the name in braces */
        size_t size;                      /* bytes of text */
        bool is_part;                     /* becomes a part of the device id */
    } segments[PATH_MAP_SEGMENTS];
    size_t count;
    size_t part_count;
};

/* Reads a template; one leading '/' is allowed.  ST_INVALID: an empty, overlong or half-braced
 * segment, a name twice, too many segments, or a place that CoAP keeps for itself; *problem
 * (static text) says which, and the map must not be used. */
enum status path_map_compile(struct path_map *map, const char *text,
                             const char **problem) ISOTHERM_CHECK;

/* Sets `device` (char[LIMIT_DEVICE_ID_SIZE]) to the id the path leads to; "" when the template
 * has no part in braces.  VERDICT_UNKNOWN_DEVICE: the path does not fit; VERDICT_FIELD: a part is
 * empty; VERDICT_LENGTH: the id would be too long. */
enum verdict path_map_match(const struct path_map *map, const struct path_segment *segments,
                            size_t count, char *device);

/* Cuts a written path at each '/' (one leading '/' is skipped); the segments point into `path`.
 * Returns how many there are; those beyond `capacity` are counted but not kept. */
size_t path_map_split(const char *path, struct path_segment *segments, size_t capacity);

#endif
