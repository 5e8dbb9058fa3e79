/* Invariant: bytes[size] is NUL and size < capacity, whatever was added. */
#include "base/text.h"

#include <string.h>
#include <time.h>

void text_init(struct text *text, char *bytes, size_t capacity)
{
    *text = (struct text){.bytes = bytes, .capacity = capacity};
    bytes[0] = '\0';
}

void text_add_bytes(struct text *text, const char *bytes, size_t size)
{
    if (size >= text->capacity - text->size) {
        text->is_cut = true;
        return;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_add_bytes(text, string, strlen(string));
}

void text_add_char(struct text *text, char c)
{
    text_add_bytes(text, &c, 1);
}

void text_add_uint(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    text_add_bytes(text, digits + at, sizeof digits - at);
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
}

void text_add_int(struct text *text, int64_t number)
{
    if (number < 0) text_add_char(text, '-');
    text_add_uint(text, magnitude(number));
}

/* `fraction` as `places` digits after a point, trailing zeros left out; nothing when it is 0. */
static void add_fraction(struct text *text, uint32_t fraction, int places)
{
    if (fraction == 0) return;
    char digits[8];
    for (int i = places; i > 0; i--) {
        digits[i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    digits[0] = '.';
    int size = places + 1;
    while (digits[size - 1] == '0') size--;
    text_add_bytes(text, digits, (size_t)size);
}

void text_add_micro(struct text *text, int64_t value_micro)
{
    uint64_t size = magnitude(value_micro);
    if (value_micro < 0) text_add_char(text, '-');
    text_add_uint(text, size / 1000000);
    add_fraction(text, (uint32_t)(size % 1000000), 6);
}

static void add_padded(struct text *text, int number, int places)
{
    char digits[8];
    for (int i = places - 1; i >= 0; i--) {
        digits[i] = (char)('0' + number % 10);
        number /= 10;
    }
    text_add_bytes(text, digits, (size_t)places);
}

void text_add_time(struct text *text, int64_t wall_ms)
{
    int64_t seconds = wall_ms / 1000;
    int fraction_ms = (int)(wall_ms % 1000);
    if (fraction_ms < 0) {
        fraction_ms += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&when, &parts) == NULL || parts.tm_year + 1900 > 9999 || parts.tm_year < -1900) {
        text_add_int(text, wall_ms);
        return;
    }
    add_padded(text, parts.tm_year + 1900, 4);
    text_add_char(text, '-');
    add_padded(text, parts.tm_mon + 1, 2);
    text_add_char(text, '-');
    add_padded(text, parts.tm_mday, 2);
    text_add_char(text, 'T');
    add_padded(text, parts.tm_hour, 2);
    text_add_char(text, ':');
    add_padded(text, parts.tm_min, 2);
    text_add_char(text, ':');
    add_padded(text, parts.tm_sec, 2);
    if (fraction_ms != 0) {
        text_add_char(text, '.');
        add_padded(text, fraction_ms, 3);
    }
    text_add_char(text, 'Z');
}

void text_add_duration(struct text *text, int64_t duration_ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    if (duration_ms == 0) {
        text_add(text, "0s");
        return;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (duration_ms % units[i].ms != 0) continue;
        text_add_int(text, duration_ms / units[i].ms);
        text_add(text, units[i].name);
        return;
    }
}

static void json_key(struct text *text, const char *key)
{
    if (text->needs_comma) text_add_char(text, ',');
    text->needs_comma = true;
    if (key == NULL) return;
    text_add_char(text, '"');
    text_add(text, key);
    text_add(text, "\":");
}

void text_json_open(struct text *text, const char *key, char bracket)
{
    json_key(text, key);
    text_add_char(text, bracket);
    text->needs_comma = false;
}

void text_json_close(struct text *text, char bracket)
{
    text_add_char(text, bracket);
    text->needs_comma = true;
}

void text_json_string(struct text *text, const char *key, const char *string)
{
    static const char hex[] = "0123456789abcdef";
    json_key(text, key);
    text_add_char(text, '"');
    for (; *string != '\0'; string++) {
        unsigned char byte = (unsigned char)*string;
        if (byte == '"' || byte == '\\') {
            text_add_char(text, '\\');
            text_add_char(text, (char)byte);
        } else if (byte < 0x20 || byte == 0x7f) {
            char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
            text_add_bytes(text, escape, sizeof escape);
        } else {
            text_add_char(text, (char)byte);
        }
    }
    text_add_char(text, '"');
}

void text_json_int(struct text *text, const char *key, int64_t number)
{
    json_key(text, key);
    text_add_int(text, number);
}

void text_json_uint(struct text *text, const char *key, uint64_t number)
{
    json_key(text, key);
    text_add_uint(text, number);
}

void text_json_bool(struct text *text, const char *key, bool is_true)
{
    json_key(text, key);
    text_add(text, is_true ? "true" : "false");
}

void text_json_null(struct text *text, const char *key)
{
    json_key(text, key);
    text_add(text, "null");
}

void text_json_micro(struct text *text, const char *key, int64_t value_micro)
{
    json_key(text, key);
    text_add_micro(text, value_micro);
}

void text_json_time(struct text *text, const char *key, int64_t wall_ms)
{
    json_key(text, key);
    text_add_char(text, '"');
    text_add_time(text, wall_ms);
    text_add_char(text, '"');
}
