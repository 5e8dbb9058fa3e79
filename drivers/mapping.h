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
    char value[128];   /* pointer to the value; "": the payload is a plain number */
    char time[128];    /* pointer to the event time; "": arrival time */
    char unit[128];    /* C, F or K, or a pointer to a field that says so */
    char device[128];  /* pointer to a field that ends the device id; "": none */
    char quality[128]; /* pointer to a field that says whether the value is good; "": none */
    char good[64];     /* the words, between blanks, with which it does */
    int time_form;     /* enum time_form */
};

#define MAPPING_GOOD "good ok valid true 192"

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
        {.name = "quality",                                                                        \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.quality),                                         \
         .size = sizeof((options_type *)0)->member.quality,                                        \
         .default_text = "",                                                                       \
         FIELD_HELP("Where a JSON payload says whether the value is good, e.g. /status or "        \
                    "/fault. What is not one of the words of `good` is a sensor fault; a payload " \
                    "without this field is taken.")},                                              \
        {.name = "good",                                                                           \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.good),                                            \
         .size = sizeof((options_type *)0)->member.good,                                           \
         .default_text = MAPPING_GOOD,                                                             \
         FIELD_HELP("With `quality`: the words for a good value, between blanks, in any case; "    \
                    "e.g. 0 where a fault code stands there.")},                                   \
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
 * other than VERDICT_OK *detail is a short static text that says what was wrong; where
 * verdict_is_of_sensor, result->device is complete all the same, and so is the time if there is
 * one, so that the device can be told.
 * An RFC 8259 violation, a duplicate key, depth over 8, invalid UTF-8 or trailing bytes are
 * VERDICT_SYNTAX; a missing field or a wrong type VERDICT_FIELD; null, "nan", "unavailable",
 * "unknown" and the like VERDICT_NO_VALUE; another value that is no number VERDICT_NOT_NUMBER; one
 * below absolute zero VERDICT_IMPOSSIBLE (value_micro then holds it); a field that says that it is
 * bad VERDICT_QUALITY; an empty payload VERDICT_LENGTH.  A number may also stand in a JSON string.
 * A device is a string or an integer. */
enum verdict mapping_decode(const struct mapping *mapping, const char *payload, size_t size,
                            struct mapping_result *result, const char **detail);

/* A plain number as devices send it: blanks and a line end around it are allowed, a leading plus
 * too; nan, null, unavailable and the like, or nothing but blanks, are VERDICT_NO_VALUE, anything
 * else VERDICT_NOT_NUMBER. */
enum verdict mapping_decode_number(const char *text, size_t size, int64_t *value_micro);

/* Fields of a reading as they stand in a payload, unescaped. */
struct mapping_text {
    const char *text; /* NULL: there is no such field */
    size_t size;
};

struct mapping_fields {
    struct mapping_text value;   /* not there: not a number */
    struct mapping_text quality; /* not there: good */
    struct mapping_text time;    /* not there: arrival time */
    bool time_is_text;           /* a date is allowed, not only a number */
    struct mapping_text unit;    /* not there: mapping->unit, which must be a unit then */
};

/* Whether the device says so of its value. */
bool mapping_is_bad(const struct mapping *mapping, const struct mapping_text *quality);

/* What all forms of payload end in: value, unit and time from their texts.  result->device is not
 * touched.  Verdicts and *detail as in mapping_decode. */
enum verdict mapping_decode_fields(const struct mapping *mapping,
                                   const struct mapping_fields *fields,
                                   struct mapping_result *result, const char **detail);

/* Whether mapping->unit is a unit itself and not the place where it stands. */
bool mapping_has_unit(const struct mapping *mapping);

#endif
