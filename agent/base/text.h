/* text: builds bounded text and JSON in a buffer of the caller, without printf and without
 * allocation.  When the buffer is full the object only remembers that; the caller asks once at
 * the end.  Pure. */
#ifndef ISOTHERM_BASE_TEXT_H
#define ISOTHERM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct text {
    char *bytes;     /* of the caller; always NUL-terminated after text_init */
    size_t capacity; /* bytes, the final NUL included; at least 1 */
    size_t size;     /* bytes without the NUL */
    bool is_cut;     /* something did not fit */
    bool needs_comma;
};

void text_init(struct text *text, char *bytes, size_t capacity);
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t size);
void text_add_char(struct text *text, char c);
void text_add_int(struct text *text, int64_t number);
void text_add_uint(struct text *text, uint64_t number);

/* A number of millionths as a decimal without trailing zeros: -21500000 is "-21.5". */
void text_add_micro(struct text *text, int64_t value_micro);

/* UTC milliseconds as RFC 3339, e.g. "2026-11-21T01:00:00.250Z"; no fraction when it is 0. */
void text_add_time(struct text *text, int64_t wall_ms);

/* A duration as a person writes it in the configuration: 90000 is "90s", 60000 is "1min". */
void text_add_duration(struct text *text, int64_t duration_ms);

/* JSON: commas are set as needed.  `key` is NULL inside arrays and must be plain ASCII. */
void text_json_open(struct text *text, const char *key, char bracket);
void text_json_close(struct text *text, char bracket);
void text_json_string(struct text *text, const char *key, const char *string);
void text_json_int(struct text *text, const char *key, int64_t number);
void text_json_uint(struct text *text, const char *key, uint64_t number);
void text_json_bool(struct text *text, const char *key, bool is_true);
void text_json_null(struct text *text, const char *key);
void text_json_micro(struct text *text, const char *key, int64_t value_micro);
void text_json_time(struct text *text, const char *key, int64_t wall_ms);

#endif
