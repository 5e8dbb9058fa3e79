/* event_time: the forms in which devices send the time of a reading.  Pure. */
#ifndef ISOTHERM_BASE_EVENT_TIME_H
#define ISOTHERM_BASE_EVENT_TIME_H

#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum time_form {
    TIME_FORM_AUTO, /* ISO text, or a number whose size tells s, ms, us or ns */
    TIME_FORM_S,    /* Unix seconds, with a fraction if there is one */
    TIME_FORM_MS,
    TIME_FORM_US,
    TIME_FORM_NS,
    TIME_FORM_ISO /* ISO 8601 / RFC 3339 date and time, T or blank between, any fraction */
};

/* Names of the forms for option tables, in the order of the enum, ended by NULL. */
extern const char *const event_time_form_names[];

/* Reads the time in a field.  `is_text` says that it was a JSON string rather than a number.
 * Without a zone in ISO text, UTC is assumed.  Fractions are cut to the millisecond.
 * AUTO takes numbers below 1e11 as seconds, below 1e14 as ms, below 1e17 as us, else ns.
 * VERDICT_SYNTAX: none of the forms; VERDICT_TIME: a date that does not exist or does not fit. */
enum verdict event_time_parse(const char *text, size_t size, bool is_text, enum time_form form,
                              int64_t *event_ms);

#endif
