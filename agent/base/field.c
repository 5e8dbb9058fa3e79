/* Invariant: a member changes only when its text was read whole and lies within the row's range;
 * whatever is wrong is said in the words and units of the row. */
#include "base/field.h"

#include "base/decimal.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, QUOTE_MAX_BYTES = 40 };

struct unit_name {
    const char *name;
    int64_t size;
};

static const struct unit_name duration_units[] = {{"ms", 1},      {"s", 1000},     {"min", 60000},
                                                  {"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static const struct unit_name byte_units[] = {{"B", 1},
                                              {"KiB", INT64_C(1) << 10},
                                              {"MiB", INT64_C(1) << 20},
                                              {"GiB", INT64_C(1) << 30},
                                              {NULL, 0}};

const struct field *field_find(const struct field_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->fields[i].name, name) == 0) return &table->fields[i];
    }
    return NULL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NAME_MAX_BYTES + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_size; j++) above[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = smaller(changed, smaller(above[j], row[j - 1]) + 1);
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap) row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_size];
}

size_t field_name_distance(const char *name, const char *known)
{
    size_t size = strlen(name), known_size = strlen(known);
    if (size < 2 || size > NAME_MAX_BYTES || known_size > NAME_MAX_BYTES) return SIZE_MAX;
    size_t limit = size / 3 > 2 ? size / 3 : 2;
    limit = smaller(limit, size - 1);
    size_t distance = edit_distance(name, size, known, known_size);
    return distance <= limit && distance < known_size ? distance : SIZE_MAX;
}

const char *field_find_nearest(const struct field_table *table, const char *name)
{
    const char *nearest = NULL;
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; i < table->count; i++) {
        size_t distance = field_name_distance(name, table->fields[i].name);
        if (distance >= shortest) continue;
        shortest = distance;
        nearest = table->fields[i].name;
    }
    return nearest;
}

void *field_member(const struct field *field, void *options)
{
    return (char *)options + field->offset;
}

void field_mark_given(const struct field *field, void *options)
{
    const bool given = true;
    if (field->given_offset == 0) return;
    memcpy((char *)options + field->given_offset, &given, sizeof given);
}

bool field_is_nested(const struct field *field)
{
    return field->type == FIELD_GROUP || field->type == FIELD_LIST;
}

bool field_has_range(const struct field *field)
{
    return field->min != 0 || field->max != 0;
}

static void add_bytes_number(struct text *text, int64_t number)
{
    size_t unit = 0;
    while (number != 0 && byte_units[unit + 1].name != NULL &&
           number % byte_units[unit + 1].size == 0) {
        unit++;
    }
    text_add_int(text, number / byte_units[unit].size);
    if (unit == 0) return;
    text_add_char(text, ' ');
    text_add(text, byte_units[unit].name);
}

void field_add_number(struct text *text, const struct field *field, int64_t number)
{
    if (field->type == FIELD_DURATION) {
        text_add_duration(text, number);
    } else if (field->type == FIELD_BYTES) {
        add_bytes_number(text, number);
    } else if (field->type == FIELD_DECIMAL) {
        text_add_micro(text, number);
    } else {
        text_add_int(text, number);
    }
}

/* Foreign text, short and on one line. */
static void add_quoted(struct text *text, const char *foreign)
{
    size_t size = strlen(foreign);
    bool is_cut = size > QUOTE_MAX_BYTES;
    if (is_cut) {
        size = QUOTE_MAX_BYTES;
        while (size > 0 && ((unsigned char)foreign[size] & 0xc0) == 0x80) size--;
    }
    text_add_char(text, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)foreign[i];
        text_add_char(text, byte < 0x20 || byte == 0x7f ? '?' : foreign[i]);
    }
    text_add(text, is_cut ? "...\"" : "\"");
}

static void add_choices(struct text *text, const struct field *field)
{
    text_add(text, "one of ");
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        if (i > 0) text_add(text, field->choices[i + 1] == NULL ? " or " : ", ");
        text_add(text, field->choices[i]);
    }
}

static void add_range(struct text *text, const struct field *field)
{
    if (!field_has_range(field)) return;
    if (field->max == INT64_MAX) {
        text_add(text, " of at least ");
        field_add_number(text, field, field->min);
    } else if (field->min == INT64_MIN) {
        text_add(text, " of at most ");
        field_add_number(text, field, field->max);
    } else {
        text_add(text, " between ");
        field_add_number(text, field, field->min);
        text_add(text, " and ");
        field_add_number(text, field, field->max);
    }
}

static const char *find_nearest_choice(const struct field *field, const char *name)
{
    const char *nearest = NULL;
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        size_t distance = field_name_distance(name, field->choices[i]);
        if (distance >= shortest) continue;
        shortest = distance;
        nearest = field->choices[i];
    }
    return nearest;
}

static bool is_old_boolean(const char *word)
{
    static const char *const words[] = {"yes", "Yes", "YES", "no",  "No",  "NO",
                                        "on",  "On",  "ON",  "off", "Off", "OFF"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) return true;
    }
    return false;
}

static void say_what_is_expected(struct text *text, const struct field *field, const char *given)
{
    static const char *const kinds[] = {[FIELD_BOOL] = "true or false",
                                        [FIELD_INTEGER] = "a whole number",
                                        [FIELD_DURATION] = "a duration",
                                        [FIELD_BYTES] = "a number of bytes",
                                        [FIELD_DECIMAL] = "a number"};
    text_add(text, "must be ");
    if (field->type == FIELD_CHOICE) {
        add_choices(text, field);
    } else {
        text_add(text, kinds[field->type]);
        add_range(text, field);
    }
    if (field->type == FIELD_DURATION) text_add(text, " (units ms, s, min, h, d)");
    if (field->type == FIELD_BYTES) text_add(text, " (units KiB, MiB, GiB)");
    text_add(text, ", not ");
    add_quoted(text, given);
    if (field->type == FIELD_BOOL && is_old_boolean(given)) {
        text_add(text, " (yes, no, on and off are not booleans in YAML 1.2)");
    }
    const char *nearest = field->type == FIELD_CHOICE ? find_nearest_choice(field, given) : NULL;
    if (nearest == NULL) return;
    text_add(text, "; did you mean \"");
    text_add(text, nearest);
    text_add(text, "\"?");
}

/* Digits without leading zeros, which some would read as octal; returns what follows, or NULL. */
static const char *read_digits(const char *text, int64_t *number)
{
    if (*text < '0' || *text > '9') return NULL;
    if (text[0] == '0' && text[1] >= '0' && text[1] <= '9') return NULL;
    *number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';
        if (*number > (INT64_MAX - digit) / 10) return NULL;
        *number = *number * 10 + digit;
    }
    return text;
}

static bool read_integer(const char *text, int64_t *number)
{
    bool is_negative = *text == '-';
    const char *end = read_digits(text + (is_negative || *text == '+' ? 1 : 0), number);
    if (is_negative) *number = -*number;
    return end != NULL && *end == '\0';
}

/* A whole number, perhaps blanks, and a unit; a number alone only where `is_plain_allowed`. */
static bool read_with_unit(const char *text, const struct unit_name *units, bool is_plain_allowed,
                           int64_t *number)
{
    const char *unit_name = read_digits(text, number);
    if (unit_name == NULL) return false;
    if (*unit_name == '\0') return is_plain_allowed || *number == 0;
    while (*unit_name == ' ') unit_name++;
    for (const struct unit_name *unit = units; unit->name != NULL; unit++) {
        if (strcmp(unit_name, unit->name) != 0) continue;
        if (*number > INT64_MAX / unit->size) return false;
        *number *= unit->size;
        return true;
    }
    return false;
}

static bool read_number(const struct field *field, const char *text, int64_t *number)
{
    switch (field->type) {
    case FIELD_INTEGER:
        return read_integer(text, number);
    case FIELD_DURATION:
        return read_with_unit(text, duration_units, false, number);
    case FIELD_BYTES:
        return read_with_unit(text, byte_units, true, number);
    case FIELD_DECIMAL:
        return decimal_parse_micro(text, strlen(text), DECIMAL_PLAIN, number) == VERDICT_OK;
    default:
        return false;
    }
}

static bool set_number(const struct field *field, void *options, const char *text)
{
    int64_t number = 0;
    if (!read_number(field, text, &number)) return false;
    if (field_has_range(field) && (number < field->min || number > field->max)) return false;
    memcpy(field_member(field, options), &number, sizeof number);
    return true;
}

static bool set_bool(const struct field *field, void *options, const char *text)
{
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0) return false;
    memcpy(field_member(field, options), &is_true, sizeof is_true);
    return true;
}

static bool set_choice(const struct field *field, void *options, const char *text)
{
    for (int i = 0; field->choices[i] != NULL; i++) {
        if (strcmp(field->choices[i], text) != 0) continue;
        memcpy(field_member(field, options), &i, sizeof i);
        return true;
    }
    return false;
}

static bool set_string(const struct field *field, void *options, const char *text,
                       struct text *problem)
{
    size_t size = strlen(text);
    if (size < field->size) {
        memcpy(field_member(field, options), text, size + 1);
        return true;
    }
    text_add(problem, "is too long: ");
    text_add_uint(problem, size);
    text_add(problem, " bytes, where at most ");
    text_add_uint(problem, field->size - 1);
    text_add(problem, " fit");
    return false;
}

/* Without the `given` mark, for defaults. */
static enum status set_member(const struct field *field, void *options, const char *text,
                              struct text *problem)
{
    bool is_set = false;
    switch (field->type) {
    case FIELD_BOOL:
        is_set = set_bool(field, options, text);
        break;
    case FIELD_CHOICE:
        is_set = set_choice(field, options, text);
        break;
    case FIELD_TEXT:
        return set_string(field, options, text, problem) ? ST_OK : ST_INVALID;
    case FIELD_GROUP:
    case FIELD_LIST:
        text_add(problem, field->type == FIELD_LIST ? "must be a list" : "must be a group of keys");
        return ST_INVALID;
    default:
        is_set = set_number(field, options, text);
        break;
    }
    if (!is_set) say_what_is_expected(problem, field, text);
    return is_set ? ST_OK : ST_INVALID;
}

enum status field_set_text(const struct field *field, void *options, const char *text,
                           char *problem, size_t problem_size)
{
    struct text words;
    text_init(&words, problem, problem_size);
    enum status status = set_member(field, options, text, &words);
    if (status == ST_OK) field_mark_given(field, options);
    return status;
}

static enum status set_default(const struct field *field, void *options)
{
    char problem[8];
    struct text unread;
    if (field->type == FIELD_GROUP) {
        return field_set_defaults(field->fields, field_member(field, options));
    }
    if (field->type == FIELD_LIST) {
        const size_t none = 0;
        memcpy((char *)options + field->count_offset, &none, sizeof none);
        return ST_OK;
    }
    if (field->default_text == NULL) return ST_OK;
    text_init(&unread, problem, sizeof problem);
    return set_member(field, options, field->default_text, &unread);
}

enum status field_set_defaults(const struct field_table *table, void *options)
{
    enum status worst = ST_OK;
    for (size_t i = 0; i < table->count; i++) {
        enum status status = set_default(&table->fields[i], options);
        if (status != ST_OK) worst = status;
    }
    return worst;
}
