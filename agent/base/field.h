/* field: tables of named fields, the one place that knows an option's name, type, unit, range,
 * default and help.
 *
 * The configuration reader fills a plain struct through such a table; the JSON Schema, the
 * documentation, the commented example and every error message come from the same rows.
 * Pure. */
#ifndef ISOTHERM_BASE_FIELD_H
#define ISOTHERM_BASE_FIELD_H

#include "base/status.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_BOOL,     /* bool */
    FIELD_INTEGER,  /* int64_t */
    FIELD_DURATION, /* int64_t, milliseconds; written 250ms, 10s, 5min, 1h, 7d */
    FIELD_BYTES,    /* int64_t, bytes; written 64 KiB, 16 MiB, 1 GiB, or a plain number */
    FIELD_DECIMAL,  /* int64_t, millionths; written 21.5 */
    FIELD_TEXT,     /* char[size], NUL-terminated */
    FIELD_CHOICE,   /* int: index into choices */
    FIELD_GROUP,    /* a nested struct of size bytes, filled through fields */
    FIELD_LIST      /* an array of max_count structs of size bytes, and a size_t count */
};

struct field_table;

/* What a row or a table says of itself in the documents: FIELD_HELP("Days in a week.") among its
 * initializers.  A build that writes no documents has no place for it. */
#ifdef ISOTHERM_WITHOUT_HELP
#define FIELD_HELP(text) .help = NULL
enum { FIELD_HAS_HELP = 0 };
#else
#define FIELD_HELP(text) .help = text
enum { FIELD_HAS_HELP = 1 };
#endif

struct field {
    const char *name;
    const char *default_text; /* as it would be written in YAML; NULL: zero, or none */
    const char *help;         /* one sentence, plain text, with the unit where there is one */
    const char *example;      /* in the full example in place of the default; may be NULL */
    int64_t min, max;         /* of numbers, in the stored unit; both 0: no limit */
    union {
        const char *const *choices;       /* CHOICE: names, ended by NULL */
        const struct field_table *fields; /* GROUP, LIST */
    };
    uint32_t offset;       /* of the member in the options struct */
    uint32_t size;         /* TEXT: capacity with NUL; GROUP, LIST: bytes of one struct */
    uint32_t count_offset; /* LIST: offset of the size_t that holds the count */
    uint32_t given_offset; /* offset of a bool set when the field was written; 0: none, so
                              that such a bool is never a struct's first member */
    enum field_type type;
    uint16_t max_count; /* LIST */
    bool is_required;
};

/* Where a check of a whole struct reports a problem: the field's name and what is wrong.  A
 * warning does not keep the configuration from being used; `warn` may be NULL. */
struct field_report {
    void (*add)(void *context, const char *field_name, const char *problem);
    void (*warn)(void *context, const char *field_name, const char *problem);
    void *context;
};

struct field_table {
    const struct field *fields;
    size_t count;
    const char *help; /* one sentence about the whole */
    /* The option that was OFF when a part that has no place in this program would have read the
     * rows: then there are none, and a key with this table is an error that says so.  Else NULL. */
    const char *left_out;
    /* Optional: the row that is meant when an item of a list is written as a single value. */
    const char *scalar_name;
    /* Optional: checks that concern several fields at once. */
    void (*check)(const void *options, const struct field_report *report);
};

/* The row of that name, or NULL. */
const struct field *field_find(const struct field_table *table, const char *name);

/* The name in the table nearest to a mistyped one (edit distance at most 2 or a third of its
 * length), or NULL. */
const char *field_find_nearest(const struct field_table *table, const char *name);

/* Edit distance (a swap of neighbours counts as one) from `name` to `known`; SIZE_MAX when it is
 * too large for `known` to be what was meant. */
size_t field_name_distance(const char *name, const char *known);

/* Sets every member to its default; nested groups too, lists to empty.  `options` holds the
 * struct the table describes, zeroed by the caller.  ST_INVALID: a default in the table itself
 * is wrong, a bug that a test finds. */
enum status field_set_defaults(const struct field_table *table, void *options) ISOTHERM_CHECK;

/* Reads the text of one scalar into the member and marks it as given.  On failure the struct is
 * unchanged and `problem` (capacity problem_size, at least 1) says what is wrong, with the
 * allowed range or choices.  ST_INVALID: not of the type, out of range, too long, no such
 * choice, or not a scalar. */
enum status field_set_text(const struct field *field, void *options, const char *text,
                           char *problem, size_t problem_size) ISOTHERM_CHECK;

/* Sets the member's `given` flag, if it has one. */
void field_mark_given(const struct field *field, void *options);

/* The member of `options` that the row describes. */
void *field_member(const struct field *field, void *options);

/* Whether the row holds a table of rows of its own: a group or a list. */
bool field_is_nested(const struct field *field);

/* Whether the row limits its number, i.e. min and max are not both 0. */
bool field_has_range(const struct field *field);

/* Appends a number in the unit a person would use for this row: 15min, 64 KiB, 21.5. */
void field_add_number(struct text *text, const struct field *field, int64_t number);

#endif
