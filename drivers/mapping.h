/* mapping: how a payload becomes a value with its time, shared by every source that carries
 * payloads (mqtt, coap, serial lines, recordings).
 *
 * Without a `value` pointer the whole payload is one plain number; with one it is JSON and the
 * pointers (RFC 6901: /a/b/0, or dotted: a.b.0) say where value, time, unit and device stand.
 * Pure. */
#ifndef ISOTHERM_MAPPING_H
#define ISOTHERM_MAPPING_H

#include "base/event_time.h"
#include "base/field.h"
#include "base/limits.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
    char value[128];  /* pointer to the value; "": the payload is a plain number */
    char time[128];   /* pointer to the event time; "": arrival time */
    char unit[128];   /* C, F or K, or a pointer to a field that says so */
    char device[128]; /* pointer to a field that ends the device id; "": none */
    int time_form;    /* enum time_form */
};

/* Rows of a field table for a member `member` (a struct mapping) of `options_type`. */
#define MAPPING_FIELDS(options_type, member)                                                       \
    {.name = "value",                                                                              \
     .type = FIELD_TEXT,                                                                           \
     .offset = offsetof(options_type, member.value),                                               \
     .size = sizeof((options_type *)0)->member.value,                                              \
     .default_text = "",                                                                           \
     FIELD_HELP(                                                                                   \
         "Where the value stands in a JSON payload, e.g. /temp or /data/0/t. Without it the "      \
         "whole payload is one number.")},                                                         \
        {.name = "time",                                                                           \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.time),                                            \
         .size = sizeof((options_type *)0)->member.time,                                           \
         .default_text = "",                                                                       \
         FIELD_HELP(                                                                               \
             "Where the time of measurement stands in a JSON payload, e.g. /ts. Without it "       \
             "the time of arrival is used.")},                                                     \
        {.name = "time_form",                                                                      \
         .type = FIELD_CHOICE,                                                                     \
         .offset = offsetof(options_type, member.time_form),                                       \
         .choices = event_time_form_names,                                                         \
         .default_text = "auto",                                                                   \
         FIELD_HELP(                                                                               \
             "How the time is written; auto tells ISO 8601 text and Unix s, ms, us, ns apart "     \
             "by their size. Text without a zone is UTC.")},                                       \
        {.name = "unit",                                                                           \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.unit),                                            \
         .size = sizeof((options_type *)0)->member.unit,                                           \
         .default_text = "C",                                                                      \
         FIELD_HELP("Unit of the value: C, F or K, or where it stands in a JSON payload, e.g. "    \
                    "/unit. Values are converted to degrees Celsius.")},                           \
    {                                                                                              \
        .name = "device", .type = FIELD_TEXT, .offset = offsetof(options_type, member.device),     \
        .size = sizeof((options_type *)0)->member.device, .default_text = "",                      \
        FIELD_HELP(                                                                                \
            "Where a part of the device id stands in a JSON payload, e.g. /id; it is added "       \
            "behind the parts that come from the address.")                                        \
    }

/* Holds the pointers and the unit against each other. */
void mapping_check(const struct mapping *mapping, const struct field_report *report);

struct mapping_result {
    int64_t value_micro; /* degrees Celsius in millionths */
    bool has_event_time;
    int64_t event_ms;
    char device[LIMIT_DEVICE_ID_SIZE]; /* as it came in plus the escaped part of the payload */
};

/* Decodes one payload of `size` bytes (need not be NUL-terminated).  The caller sets
 * result->device ("" or the parts known so far) before; the rest is set here.  On a verdict
 * other than VERDICT_OK *detail is a short static text that says what was wrong, and
 * result->device holds what could be read of the id, so that the refusal can be counted there.
 * An RFC 8259 violation, a duplicate key, depth over 8, invalid UTF-8 or trailing bytes are
 * VERDICT_SYNTAX; a missing field or a wrong type VERDICT_FIELD; null, "nan", "unavailable",
 * "unknown" and the like VERDICT_NO_VALUE; an empty payload VERDICT_LENGTH.  A number may also
 * stand in a JSON string.  A device is a string or an integer. */
enum verdict mapping_decode(const struct mapping *mapping, const char *payload, size_t size,
                            struct mapping_result *result, const char **detail);

/* A plain number as devices send it: blanks and a line end around it are allowed, a leading plus
 * too; nan, null, unavailable and the like, or nothing but blanks, are VERDICT_NO_VALUE. */
enum verdict mapping_decode_number(const char *text, size_t size, int64_t *value_micro);

/* Fields of a reading as they stand in a payload, unescaped. */
struct mapping_text {
    const char *text; /* NULL: there is no such field */
    size_t size;
};

struct mapping_fields {
    struct mapping_text value; /* always there */
    struct mapping_text time;  /* not there: arrival time */
    bool time_is_text;         /* a date is allowed, not only a number */
    struct mapping_text unit;  /* not there: mapping->unit, which must be a unit then */
};

/* What all forms of payload end in: value, unit and time from their texts.  result->device is not
 * touched.  Verdicts and *detail as in mapping_decode. */
enum verdict mapping_decode_fields(const struct mapping *mapping,
                                   const struct mapping_fields *fields,
                                   struct mapping_result *result, const char **detail);

/* Whether mapping->unit is a unit itself and not the place where it stands. */
bool mapping_has_unit(const struct mapping *mapping);

#endif
