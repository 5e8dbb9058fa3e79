/* Invariant: `at` never passes `end`, every byte is looked at before it is stepped over, and the
 * recursion is as deep as the containers, which is bounded: so no input costs more than its own
 * length in time and a fixed amount of stack.
 *
 * Pointers are not compiled: for each container, a trail holds what is left of each pointer there.
 * The keys of all open objects stand on one stack, those of the innermost on top. */
#include "decode_json.h"

#include <stdint.h>
#include <string.h>

struct key {
    uint32_t hash;
    uint32_t start, size; /* in the text, between the quotes */
};

/* What is left of each pointer behind the place where the scan is; "": it leads here. */
struct trail {
    unsigned live; /* bit i: pointer i leads here or beyond; only then rest[i] is set */
    const char *rest[DECODE_JSON_POINTERS];
};

struct scan {
    const char *text;
    const char *at;
    const char *end;
    size_t pointer_count;
    char separators[DECODE_JSON_POINTERS]; /* '/' or '.' */
    struct json_slice *found;
    enum verdict verdict;
    const char *detail;
    unsigned depth;
    size_t key_count;
    struct key keys[DECODE_JSON_KEYS];
};

static const struct trail nowhere = {.live = 0};

static bool refuse(struct scan *scan, const char *detail)
{
    scan->verdict = VERDICT_SYNTAX;
    scan->detail = detail;
    return false;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t')) {
        scan->at++;
    }
}

/* Whether `c` comes next; then it is stepped over. */
static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c) return false;
    scan->at++;
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Four hex digits; -1 when there are not. */
static int32_t take_hex(const char **at, const char *end)
{
    if (end - *at < 4) return -1;
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit((*at)[i]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    *at += 4;
    return unit;
}

/* The code point behind "\u", of two escapes when the first is a high surrogate; -1 when there is
 * none. */
static int32_t take_code_point(const char **at, const char *end)
{
    int32_t unit = take_hex(at, end);
    if (unit < 0xD800 || unit > 0xDFFF) return unit;
    if (unit > 0xDBFF || end - *at < 2 || (*at)[0] != '\\' || (*at)[1] != 'u') return -1;
    *at += 2;
    int32_t low = take_hex(at, end);
    if (low < 0xDC00 || low > 0xDFFF) return -1;
    return 0x10000 + (unit - 0xD800) * 0x400 + (low - 0xDC00);
}

static bool scan_escape(struct scan *scan)
{
    scan->at++;
    if (scan->at == scan->end) return refuse(scan, "the JSON ends within a string");
    char c = *scan->at++;
    if (c == 'u') {
        int32_t code_point = take_code_point(&scan->at, scan->end);
        if (code_point == 0) return refuse(scan, "a NUL in a JSON string");
        if (code_point < 0) return refuse(scan, "a broken \\u escape in a JSON string");
        return true;
    }
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
        return refuse(scan, "an unknown escape in a JSON string");
    }
    return true;
}

/* Bytes of the UTF-8 sequence at `at`, which begins with a byte from 0x80 on; 0: it is broken,
 * overlong, a surrogate or beyond U+10FFFF. */
static size_t utf8_size(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    unsigned lead = byte[0];
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < size) return 0;
    unsigned lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte[1] < lowest || byte[1] > highest) return 0;
    for (size_t i = 2; i < size; i++) {
        if (byte[i] < 0x80 || byte[i] > 0xBF) return 0;
    }
    return size;
}

static bool scan_string(struct scan *scan, struct json_slice *string)
{
    const char *start = ++scan->at;
    *string = (struct json_slice){.kind = JSON_STRING, .text = start};
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            scan->at++;
        } else if (c == '"') {
            string->size = (size_t)(scan->at++ - start);
            return true;
        } else if (c == '\\') {
            string->has_escapes = true;
            if (!scan_escape(scan)) return false;
        } else if (c < 0x20) {
            return refuse(scan, "a control character in a JSON string");
        } else {
            size_t size = utf8_size(scan->at, scan->end);
            if (size == 0) return refuse(scan, "a JSON string that is not UTF-8");
            scan->at += size;
        }
    }
    return refuse(scan, "the JSON ends within a string");
}

/* Gives the bytes of a valid string one by one, unescaped. */
struct unescape {
    const char *at;
    const char *end;
    unsigned char queue[4]; /* of a \u escape, the next one last */
    unsigned queued;
};

static struct unescape unescape_begin(const char *text, size_t size)
{
    return (struct unescape){.at = text, .end = text + size};
}

static void queue_utf8(struct unescape *from, int32_t code_point)
{
    uint32_t bits = (uint32_t)code_point;
    if (bits < 0x80) {
        from->queue[from->queued++] = (unsigned char)bits;
        return;
    }
    uint32_t lead = bits < 0x800 ? 0xC0 : bits < 0x10000 ? 0xE0 : 0xF0;
    uint32_t tails = bits < 0x800 ? 1 : bits < 0x10000 ? 2 : 3;
    for (uint32_t i = 0; i < tails; i++) {
        from->queue[from->queued++] = (unsigned char)(0x80 | (bits & 0x3F));
        bits >>= 6;
    }
    from->queue[from->queued++] = (unsigned char)(lead | bits);
}

/* The next byte, or -1 at the end. */
static int unescape_next(struct unescape *from)
{
    static const char names[] = "bfnrt";
    static const char bytes[] = "\b\f\n\r\t";
    if (from->queued > 0) return from->queue[--from->queued];
    if (from->at == from->end) return -1;
    char c = *from->at++;
    if (c != '\\') return (unsigned char)c;
    c = *from->at++;
    if (c == 'u') {
        queue_utf8(from, take_code_point(&from->at, from->end));
        return from->queue[--from->queued];
    }
    const char *name = strchr(names, c);
    return (unsigned char)(name == NULL ? c : bytes[name - names]);
}

size_t decode_json_string(const struct json_slice *string, char *bytes, size_t capacity)
{
    struct unescape from = unescape_begin(string->text, string->size);
    size_t size = 0;
    for (int byte; (byte = unescape_next(&from)) >= 0; size++) {
        if (size < capacity) bytes[size] = (char)byte;
    }
    return size;
}

/* ---- keys ---- */

static uint32_t hash_byte(uint32_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * 16777619u;
}

static uint32_t hash_key(const struct json_slice *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    if (!key->has_escapes) {
        for (size_t i = 0; i < key->size; i++) hash = hash_byte(hash, key->text[i]);
        return hash;
    }
    struct unescape from = unescape_begin(key->text, key->size);
    for (int byte; (byte = unescape_next(&from)) >= 0;) hash = hash_byte(hash, (char)byte);
    return hash;
}

static bool is_same_key(const struct scan *scan, const struct key *a, const struct key *b)
{
    struct unescape from_a = unescape_begin(scan->text + a->start, a->size);
    struct unescape from_b = unescape_begin(scan->text + b->start, b->size);
    for (;;) {
        int byte = unescape_next(&from_a);
        if (byte != unescape_next(&from_b)) return false;
        if (byte < 0) return true;
    }
}

/* Pushes a key on the stack, of which those from `first` on belong to the same object. */
static bool push_key(struct scan *scan, const struct json_slice *slice, size_t first)
{
    struct key key = {.hash = hash_key(slice),
                      .start = (uint32_t)(slice->text - scan->text),
                      .size = (uint32_t)slice->size};
    for (size_t i = first; i < scan->key_count; i++) {
        if (scan->keys[i].hash == key.hash && is_same_key(scan, &scan->keys[i], &key)) {
            return refuse(scan, "a key stands twice in a JSON object");
        }
    }
    if (scan->key_count == DECODE_JSON_KEYS) {
        scan->verdict = VERDICT_LENGTH;
        scan->detail = "too many keys in the JSON objects";
        return false;
    }
    scan->keys[scan->key_count++] = key;
    return true;
}

/* ---- pointers ---- */

/* The first step of what is left of a pointer. */
static const char *step_start(const char *rest, char separator)
{
    return *rest == separator ? rest + 1 : rest;
}

/* What is left of the pointer behind its first step when that is this key, else NULL. */
static inline const char *step_by_key(const char *rest, char separator,
                                      const struct json_slice *key)
{
    const char *at = step_start(rest, separator);
    if (!key->has_escapes) { /* as nearly always, and then mostly told apart by the first byte */
        size_t i = 0;
        while (i < key->size && at[i] == key->text[i] && at[i] != separator && at[i] != '~') i++;
        bool is_step_end = at[i] == separator || at[i] == '\0';
        if (at[i] != '~') return i == key->size && is_step_end ? at + i : NULL;
    }
    struct unescape from = unescape_begin(key->text, key->size);
    for (; *at != separator && *at != '\0'; at++) {
        char wanted = *at;
        if (separator == '/' && wanted == '~' && (at[1] == '0' || at[1] == '1')) {
            wanted = *++at == '0' ? '~' : '/';
        }
        if (unescape_next(&from) != (unsigned char)wanted) return NULL;
    }
    return unescape_next(&from) < 0 ? at : NULL;
}

/* The same for the place in an array. */
static const char *step_by_index(const char *rest, char separator, size_t index)
{
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (char)('0' + index % 10);
        index /= 10;
    } while (index > 0);
    struct json_slice name = {.text = digits + start, .size = sizeof digits - start};
    return step_by_key(rest, separator, &name);
}

/* The trail one step further: to the member `key`, or to the place `index` when key is NULL. */
static void follow(const struct scan *scan, const struct trail *trail, const struct json_slice *key,
                   size_t index, struct trail *inner)
{
    inner->live = 0;
    for (size_t i = 0; i < scan->pointer_count; i++) {
        if ((trail->live >> i & 1) == 0 || *trail->rest[i] == '\0') continue;
        inner->rest[i] = key != NULL ? step_by_key(trail->rest[i], scan->separators[i], key)
                                     : step_by_index(trail->rest[i], scan->separators[i], index);
        if (inner->rest[i] != NULL) inner->live |= 1u << i;
    }
}

const char *decode_json_check_pointer(const char *pointer)
{
    char separator = *pointer == '/' ? '/' : '.';
    if (*pointer == '\0') return "is empty";
    if (separator == '/') {
        for (; *pointer != '\0'; pointer++) {
            if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1') {
                return "has a ~ that is neither ~0 (for ~) nor ~1 (for /)";
            }
        }
        return NULL;
    }
    for (bool is_start = true; *pointer != '\0'; pointer++) {
        bool is_separator = *pointer == separator;
        if (is_separator && (is_start || pointer[1] == '\0')) {
            return "has an empty step between dots";
        }
        is_start = is_separator;
    }
    return NULL;
}

/* ---- values ---- */

static bool scan_value(struct scan *scan, const struct trail *trail);

static bool scan_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    (void)take(scan, '-');
    if (!take(scan, '0') && !scan_digits(scan)) return refuse(scan, "not a JSON value");
    if (take(scan, '.') && !scan_digits(scan)) {
        return refuse(scan, "a JSON number without digits behind the point");
    }
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) (void)take(scan, '-');
        if (!scan_digits(scan)) return refuse(scan, "a JSON number without digits behind the e");
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0) {
        return refuse(scan, "not a JSON value");
    }
    scan->at += size;
    return true;
}

static bool scan_member(struct scan *scan, const struct trail *trail, size_t first_key)
{
    struct json_slice key;
    skip_space(scan);
    if (scan->at == scan->end || *scan->at != '"') return refuse(scan, "no key in a JSON object");
    if (!scan_string(scan, &key) || !push_key(scan, &key, first_key)) return false;
    skip_space(scan);
    if (!take(scan, ':')) return refuse(scan, "no colon behind a JSON key");
    if (trail->live == 0) return scan_value(scan, &nowhere);
    struct trail inner;
    follow(scan, trail, &key, 0, &inner);
    return scan_value(scan, &inner);
}

static bool scan_item(struct scan *scan, const struct trail *trail, size_t index)
{
    if (trail->live == 0) return scan_value(scan, &nowhere);
    struct trail inner;
    follow(scan, trail, NULL, index, &inner);
    return scan_value(scan, &inner);
}

static bool scan_container(struct scan *scan, const struct trail *trail, bool is_object)
{
    char close = is_object ? '}' : ']';
    size_t first_key = scan->key_count;
    if (scan->depth == DECODE_JSON_DEPTH) return refuse(scan, "JSON nested deeper than 8");
    scan->depth++;
    scan->at++;
    skip_space(scan);
    if (!take(scan, close)) {
        size_t index = 0;
        do {
            if (is_object ? !scan_member(scan, trail, first_key)
                          : !scan_item(scan, trail, index++)) {
                return false;
            }
            skip_space(scan);
        } while (take(scan, ','));
        if (!take(scan, close)) return refuse(scan, "no comma or end in a JSON object or array");
    }
    scan->key_count = first_key;
    scan->depth--;
    return true;
}

static bool scan_any(struct scan *scan, const struct trail *trail, struct json_slice *value)
{
    if (scan->at == scan->end) return refuse(scan, "the JSON ends too early");
    switch (*scan->at) {
    case '"':
        return scan_string(scan, value);
    case '{':
        value->kind = JSON_OBJECT;
        return scan_container(scan, trail, true);
    case '[':
        value->kind = JSON_ARRAY;
        return scan_container(scan, trail, false);
    case 't':
        value->kind = JSON_BOOL;
        return scan_word(scan, "true");
    case 'f':
        value->kind = JSON_BOOL;
        return scan_word(scan, "false");
    case 'n':
        value->kind = JSON_NULL;
        return scan_word(scan, "null");
    default:
        value->kind = JSON_NUMBER;
        return scan_number(scan);
    }
}

static bool scan_value(struct scan *scan, const struct trail *trail)
{
    skip_space(scan);
    struct json_slice value = {.text = scan->at};
    if (!scan_any(scan, trail, &value)) return false;
    if (trail->live == 0) return true;
    if (value.kind != JSON_STRING) value.size = (size_t)(scan->at - value.text);
    for (size_t i = 0; i < scan->pointer_count; i++) {
        if ((trail->live >> i & 1) != 0 && *trail->rest[i] == '\0') scan->found[i] = value;
    }
    return true;
}

enum verdict decode_json(const char *text, size_t size, const char *const *pointers,
                         size_t pointer_count, struct json_slice *found, const char **detail)
{
    if (size == 0 || size > UINT32_MAX) {
        *detail = size == 0 ? "an empty payload" : "a JSON text of over 4 GiB";
        return VERDICT_LENGTH;
    }
    struct scan scan; /* the keys are not worth clearing */
    scan.text = scan.at = text;
    scan.end = text + size;
    scan.pointer_count = pointer_count;
    scan.found = found;
    scan.depth = 0;
    scan.key_count = 0;
    struct trail trail = nowhere;
    for (size_t i = 0; i < pointer_count && i < DECODE_JSON_POINTERS; i++) {
        found[i] = (struct json_slice){.kind = JSON_MISSING};
        if (pointers[i] == NULL || pointers[i][0] == '\0') continue;
        trail.rest[i] = pointers[i];
        trail.live |= 1u << i;
        scan.separators[i] = pointers[i][0] == '/' ? '/' : '.';
    }
    bool is_scanned = scan_value(&scan, &trail);
    if (is_scanned) {
        skip_space(&scan);
        is_scanned = scan.at == scan.end || refuse(&scan, "more text behind the JSON value");
    }
    if (is_scanned) return VERDICT_OK;
    *detail = scan.detail;
    return scan.verdict;
}
