/* Invariant: only whole segments are compared, so that no byte a stranger puts into one (a '/',
 * a brace, a NUL) can make it count as two or as none. */
#include "path_map.h"

#include "base/device_id.h"

#include <string.h>

size_t path_map_split(const char *path, struct path_segment *segments, size_t capacity)
{
    size_t count = 0;
    if (*path == '/') path++;
    if (*path == '\0') return 0;
    for (;;) {
        size_t size = strcspn(path, "/");
        if (count < capacity) segments[count] = (struct path_segment){path, size};
        count++;
        if (path[size] == '\0') return count;
        path += size + 1;
    }
}

static bool is_name(const char *text, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    return size > 0 && strspn(text, allowed) >= size;
}

static bool has_name(const struct path_map *map, const char *name, size_t size)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct path_map_segment *segment = &map->segments[i];
        if (segment->is_part && segment->size == size && memcmp(segment->text, name, size) == 0)
            return true;
    }
    return false;
}

static enum status add_segment(struct path_map *map, struct path_segment written,
                               const char **problem)
{
    struct path_map_segment *segment = &map->segments[map->count];
    const char *bytes = written.bytes;
    size_t size = written.size;
    *problem = "has an empty or overlong part between slashes";
    if (size == 0 || size >= sizeof segment->text) return ST_INVALID;
    segment->is_part = bytes[0] == '{' && bytes[size - 1] == '}';
    if (segment->is_part) {
        bytes++;
        size -= 2;
        *problem = "has a name in braces that is not made of letters, digits, _ and -";
        if (!is_name(bytes, size)) return ST_INVALID;
        *problem = "has a name in braces twice";
        if (has_name(map, bytes, size)) return ST_INVALID;
        map->part_count++;
    } else {
        *problem = "has a brace that does not enclose the whole part between slashes";
        if (memchr(bytes, '{', size) != NULL || memchr(bytes, '}', size) != NULL) return ST_INVALID;
    }
    memcpy(segment->text, bytes, size);
    segment->text[size] = '\0';
    segment->size = size;
    map->count++;
    return ST_OK;
}

enum status path_map_compile(struct path_map *map, const char *text, const char **problem)
{
    struct path_segment written[PATH_MAP_SEGMENTS];
    size_t count = path_map_split(text, written, PATH_MAP_SEGMENTS);
    memset(map, 0, sizeof *map);
    *problem = "must have 1 to 8 parts between slashes";
    if (count == 0 || count > PATH_MAP_SEGMENTS) return ST_INVALID;
    for (size_t i = 0; i < count; i++) {
        enum status status = add_segment(map, written[i], problem);
        if (status != ST_OK) return status;
    }
    *problem = "must not begin with .well-known, which CoAP keeps for itself";
    if (strcmp(map->segments[0].text, ".well-known") == 0) return ST_INVALID;
    *problem = NULL;
    return ST_OK;
}

static bool fits(const struct path_map *map, const struct path_segment *segments, size_t count)
{
    if (count != map->count) return false;
    for (size_t i = 0; i < count; i++) {
        const struct path_map_segment *wanted = &map->segments[i];
        if (wanted->is_part) continue;
        if (segments[i].size != wanted->size) return false;
        if (memcmp(segments[i].bytes, wanted->text, wanted->size) != 0) return false;
    }
    return true;
}

enum verdict path_map_match(const struct path_map *map, const struct path_segment *segments,
                            size_t count, char *device)
{
    device[0] = '\0';
    if (!fits(map, segments, count)) return VERDICT_UNKNOWN_DEVICE;
    for (size_t i = 0; i < count; i++) {
        if (!map->segments[i].is_part) continue;
        enum verdict verdict = device_id_append(device, segments[i].bytes, segments[i].size);
        if (verdict != VERDICT_OK) return verdict;
    }
    return VERDICT_OK;
}
