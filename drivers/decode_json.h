/* decode_json: a strict scanner for RFC 8259 JSON that hands out up to five members in one pass,
 * as slices of the text, and builds nothing.
 *
 * Stricter than the RFC: no duplicate keys (compared after unescaping), no NUL in a string (not
 * even escaped), no escaped lone surrogates, valid UTF-8, at most DECODE_JSON_DEPTH containers
 * around each other.  Numbers are left as text of any length.  Pure; constant stack. */
#ifndef ISOTHERM_DECODE_JSON_H
#define ISOTHERM_DECODE_JSON_H

#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DECODE_JSON_DEPTH = 8,
    DECODE_JSON_POINTERS = 5,
    DECODE_JSON_KEYS = 256 /* of all objects around any one place together */
};

enum json_kind {
    JSON_MISSING, /* the pointer leads nowhere */
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* A value in the text that was scanned, and valid as long as that is. */
struct json_slice {
    enum json_kind kind;
    const char *text; /* of a string: what stands between the quotes, still escaped */
    size_t size;
    bool has_escapes; /* of a string */
};

/* Scans all of the text, which must be one JSON value with nothing but white space around it, and
 * sets found[i] to the value at pointers[i], of which there are pointer_count (at most
 * DECODE_JSON_POINTERS).  A pointer begins with '/' (RFC 6901, ~0 and ~1 for ~ and /) or is
 * dotted (a.b.0); NULL or "" asks for nothing.  VERDICT_LENGTH: empty, more than
 * DECODE_JSON_KEYS, or over 4 GiB; VERDICT_SYNTAX: anything else; then *detail is a static text
 * that says what was wrong and found is of no use. */
enum verdict decode_json(const char *text, size_t size, const char *const *pointers,
                         size_t pointer_count, struct json_slice *found, const char **detail);

/* Writes the unescaped bytes (UTF-8, no NUL behind them) of a string to `bytes`, at most capacity
 * of them, and returns how many there are in all. */
size_t decode_json_string(const struct json_slice *string, char *bytes, size_t capacity);

/* NULL when `pointer` is of one of the two forms and not empty, otherwise what is wrong with it. */
const char *decode_json_check_pointer(const char *pointer);

#endif
