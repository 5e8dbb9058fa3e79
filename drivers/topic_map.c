/* Invariant: a topic decides only what stands inside a part of the id, never how many parts. */
#include "topic_map.h"

#include "base/device_id.h"

#include <string.h>

enum { PART_SIZE = 256 };

/* Where the filter proper begins: behind $share/GROUP/. */
static const char *skip_share(const char *filter)
{
    if (strncmp(filter, "$share/", 7) != 0) return filter;
    const char *slash = strchr(filter + 7, '/');
    return slash != NULL ? slash + 1 : "";
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
    }
    return size > 0;
}

static const struct topic_map_level *find_named(const struct topic_map *map, const char *name,
                                                size_t size, size_t *index)
{
    for (size_t i = 0; i < map->level_count; i++) {
        const struct topic_map_level *level = &map->levels[i];
        if (level->kind != TOPIC_LEVEL_NAMED || level->size != size) continue;
        if (memcmp(map->source + level->at, name, size) != 0) continue;
        if (index != NULL) *index = i;
        return level;
    }
    return NULL;
}

/* Reads one level; `text` is "size" bytes of the filter. */
static enum status add_level(struct topic_map *map, const char *text, size_t size,
                             const char **problem)
{
    if (map->level_count == TOPIC_MAP_LEVELS) {
        *problem = "has too many levels";
        return ST_INVALID;
    }
    struct topic_map_level level = {.at = (uint16_t)(text - map->source), .size = (uint16_t)size};
    if (size == 1 && text[0] == '+') {
        level.kind = TOPIC_LEVEL_ANY;
    } else if (size == 1 && text[0] == '#') {
        level.kind = TOPIC_LEVEL_REST;
    } else if (size > 1 && text[0] == '+') {
        level.kind = TOPIC_LEVEL_NAMED;
        level.at++;
        level.size--;
        if (!is_name(text + 1, size - 1)) {
            *problem = "has a level name with other than letters, digits, - and _";
            return ST_INVALID;
        }
        if (find_named(map, text + 1, size - 1, NULL) != NULL) {
            *problem = "has the same level name twice";
            return ST_INVALID;
        }
        map->named_count++;
    } else if (memchr(text, '+', size) != NULL || memchr(text, '#', size) != NULL) {
        *problem = "has + or # inside a level";
        return ST_INVALID;
    } else {
        level.kind = TOPIC_LEVEL_TEXT;
    }
    map->levels[map->level_count++] = level;
    return ST_OK;
}

static enum status parse_levels(struct topic_map *map, const char **problem)
{
    const char *text = map->source;
    for (;;) {
        size_t size = strcspn(text, "/");
        enum status status = add_level(map, text, size, problem);
        if (status != ST_OK) return status;
        if (text[size] == '\0') return ST_OK;
        if (map->levels[map->level_count - 1].kind == TOPIC_LEVEL_REST) {
            *problem = "has # before its end";
            return ST_INVALID;
        }
        text += size + 1;
    }
}

/* What is subscribed is what is configured, less the names. */
static void write_filter(struct topic_map *map, const char *filter)
{
    char *to = map->filter;
    bool is_in_name = false;
    for (const char *from = filter; *from != '\0'; from++) {
        if (*from == '/') is_in_name = false;
        if (!is_in_name) *to++ = *from;
        if (*from == '+') is_in_name = true;
    }
    *to = '\0';
}

static enum status check_id(const struct topic_map *map, const char **problem)
{
    for (const char *text = map->id; (text = strpbrk(text, "{}")) != NULL; text++) {
        size_t size = *text == '{' ? strcspn(text + 1, "{}") : 0;
        if (*text == '}' || text[1 + size] != '}') {
            *problem = "has a brace without its partner";
            return ST_INVALID;
        }
        if (find_named(map, text + 1, size, NULL) == NULL) {
            *problem = "names a level that the topic does not have";
            return ST_INVALID;
        }
        text += size + 1;
    }
    return ST_OK;
}

enum status topic_map_parse(struct topic_map *map, const char *filter, const char *id,
                            const char **problem)
{
    memset(map, 0, sizeof *map);
    const char *source = skip_share(filter);
    if (source[0] == '\0' || strlen(filter) >= sizeof map->filter) {
        *problem = "is empty or too long";
        return ST_INVALID;
    }
    if (strlen(id) >= sizeof map->id) {
        *problem = "is too long";
        return ST_INVALID;
    }
    memcpy(map->source, source, strlen(source) + 1);
    memcpy(map->id, id, strlen(id) + 1);
    enum status status = parse_levels(map, problem);
    if (status != ST_OK) return status;
    write_filter(map, filter);
    return check_id(map, problem);
}

struct span {
    const char *text;
    size_t size;
};

/* Splits the topic along the map; false when it does not fit. */
static bool split(const struct topic_map *map, const char *topic, struct span *spans)
{
    for (size_t i = 0; i < map->level_count; i++) {
        const struct topic_map_level *level = &map->levels[i];
        if (level->kind == TOPIC_LEVEL_REST) return true;
        /* a/# also takes a itself: the topic has ended one level early. */
        if (topic == NULL) return false;
        size_t size = strcspn(topic, "/");
        if (level->kind == TOPIC_LEVEL_TEXT &&
            (level->size != size || memcmp(map->source + level->at, topic, size) != 0))
            return false;
        spans[i] = (struct span){topic, size};
        topic = topic[size] == '/' ? topic + size + 1 : NULL;
    }
    return topic == NULL;
}

static enum verdict join_named(const struct topic_map *map, const struct span *spans, char *id)
{
    for (size_t i = 0; i < map->level_count; i++) {
        if (map->levels[i].kind != TOPIC_LEVEL_NAMED) continue;
        enum verdict verdict = device_id_append(id, spans[i].text, spans[i].size);
        if (verdict != VERDICT_OK) return verdict;
    }
    return VERDICT_OK;
}

/* Appends `size` bytes to the part; false when they do not fit. */
static bool add_bytes(char *part, size_t *used, const char *bytes, size_t size)
{
    if (size > PART_SIZE - *used) return false;
    if (size == 0) return true;
    memcpy(part + *used, bytes, size);
    *used += size;
    return true;
}

static enum verdict fill_template(const struct topic_map *map, const struct span *spans, char *id)
{
    char part[PART_SIZE];
    size_t used = 0;
    for (const char *text = map->id;; text++) {
        size_t index = 0;
        if (*text == '/' || *text == '\0') {
            enum verdict verdict = device_id_append(id, part, used);
            if (verdict != VERDICT_OK || *text == '\0') return verdict;
            used = 0;
        } else if (*text == '{') {
            size_t size = strcspn(text + 1, "}");
            if (find_named(map, text + 1, size, &index) == NULL) return VERDICT_FIELD;
            if (!add_bytes(part, &used, spans[index].text, spans[index].size))
                return VERDICT_LENGTH;
            text += size + 1;
        } else if (!add_bytes(part, &used, text, 1)) {
            return VERDICT_LENGTH;
        }
    }
}

bool topic_map_match(const struct topic_map *map, const char *topic, char *id,
                     enum verdict *verdict)
{
    struct span spans[TOPIC_MAP_LEVELS] = {0};
    id[0] = '\0';
    *verdict = VERDICT_OK;
    /* As at the broker: a wildcard in front does not reach the topics of the broker itself. */
    if (topic[0] == '$' && map->levels[0].kind != TOPIC_LEVEL_TEXT) return false;
    if (!split(map, topic, spans)) return false;
    *verdict = map->id[0] != '\0' ? fill_template(map, spans, id) : join_named(map, spans, id);
    if (*verdict != VERDICT_OK) id[0] = '\0';
    return true;
}
