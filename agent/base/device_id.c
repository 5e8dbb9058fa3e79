/* Invariant: an id holds only safe bytes, '/' between two parts, and %XX for every other byte, so
 * that escaping is one-to-one. */
#include "base/device_id.h"

#include <string.h>

static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == ':' || c == '~';
}

/* Writes one byte, escaped if need be; the number of bytes written, 0 when they do not fit. */
static size_t put_escaped(char byte, char *out, size_t room)
{
    static const char hex[] = "0123456789ABCDEF";
    if (is_safe(byte)) {
        if (room < 1) return 0;
        *out = byte;
        return 1;
    }
    if (room < 3) return 0;
    out[0] = '%';
    out[1] = hex[(unsigned char)byte >> 4];
    out[2] = hex[(unsigned char)byte & 15];
    return 3;
}

enum verdict device_id_append(char *id, const char *part, size_t part_size)
{
    if (part_size == 0) return VERDICT_FIELD;
    size_t before = strlen(id);
    size_t room = LIMIT_DEVICE_ID_SIZE - 1;
    size_t size = before;
    if (size > 0) {
        if (size >= room) return VERDICT_LENGTH;
        id[size++] = '/';
    }
    for (size_t i = 0; i < part_size; i++) {
        size_t written = put_escaped(part[i], id + size, room - size);
        if (written == 0) {
            id[before] = '\0';
            return VERDICT_LENGTH;
        }
        size += written;
    }
    id[size] = '\0';
    return VERDICT_OK;
}

/* A wildcard holds as few characters as possible; when the rest does not fit, the latest star
 * takes one more.  Earlier stars never need to be tried again. */
static bool fits(const char *pattern, const char *id, bool spans_parts)
{
    const char *star = NULL;  /* behind the latest star */
    const char *retry = NULL; /* what that star has not taken yet */
    while (*id != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = id;
        } else if (*pattern == *id || (*pattern == '?' && (spans_parts || *id != '/'))) {
            pattern++;
            id++;
        } else if (star != NULL && (spans_parts || *retry != '/')) {
            pattern = star;
            id = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return *pattern == '\0';
}

bool device_id_matches(const char *pattern, const char *id)
{
    bool spans_parts = strchr(pattern, '/') != NULL;
    if (fits(pattern, id, spans_parts)) return true;
    const char *last = strrchr(id, '/');
    return !spans_parts && last != NULL && fits(pattern, last + 1, false);
}

bool device_id_to_topic_level(const char *id, char *level, size_t capacity)
{
    size_t size = 0;
    for (; *id != '\0'; id++) {
        size_t written = size < capacity ? put_escaped(*id, level + size, capacity - size) : 0;
        if (written == 0) return false;
        size += written;
    }
    if (size >= capacity) return false;
    level[size] = '\0';
    return true;
}
