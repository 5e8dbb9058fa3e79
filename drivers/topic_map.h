/* topic_map: from a topic filter with named levels to a device id.
 *
 * "factory/+line/+device/temp" is subscribed as "factory/+/+/temp", and the levels called line and
 * device become the id "line/device".  A plain + matches without a name; # may stand at the end.
 * Pure. */
#ifndef ISOTHERM_TOPIC_MAP_H
#define ISOTHERM_TOPIC_MAP_H

#include "base/limits.h"
#include "base/status.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TOPIC_MAP_LEVELS = 32, TOPIC_MAP_ID_SIZE = 128 };

enum topic_level_kind { TOPIC_LEVEL_TEXT, TOPIC_LEVEL_ANY, TOPIC_LEVEL_NAMED, TOPIC_LEVEL_REST };

struct topic_map {
    char filter[LIMIT_TOPIC_SIZE]; /* to subscribe: the names are gone */
    char source[LIMIT_TOPIC_SIZE]; /* as configured, without $share/GROUP/ */
    char id[TOPIC_MAP_ID_SIZE];    /* as configured; "": the named levels joined */
    struct topic_map_level {
        uint16_t at, size; /* of the text or name in source */
        enum topic_level_kind kind;
    } levels[TOPIC_MAP_LEVELS];
    size_t level_count;
    size_t named_count;
};

/* Takes a filter and an id template apart.  The template is text with {name} for a named level;
 * each '/' in it begins a new part of the id.  ST_INVALID: *problem (static) says what is wrong,
 * the map is then undefined. */
enum status topic_map_parse(struct topic_map *map, const char *filter, const char *id,
                            const char **problem) ISOTHERM_CHECK;

/* Whether the topic fits.  If it does, *verdict says whether the device id (char
 * [LIMIT_DEVICE_ID_SIZE]) could be made; it is "" when the map names nothing. */
bool topic_map_match(const struct topic_map *map, const char *topic, char *id,
                     enum verdict *verdict);

#endif
