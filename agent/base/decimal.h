/* decimal: decimal text to millionths and back, without floating point.
 *
 * One rounding rule everywhere: half away from zero.  Pure. */
#ifndef ISOTHERM_BASE_DECIMAL_H
#define ISOTHERM_BASE_DECIMAL_H

#include "base/verdict.h"

#include <stddef.h>
#include <stdint.h>

enum decimal_grammar {
    DECIMAL_JSON, /* RFC 8259 number: no plus, no leading zero, digits on both sides of a point */
    DECIMAL_PLAIN /* as JSON, and a leading plus and leading zeros are allowed */
};

/* Reads all `size` bytes as one decimal with optional fraction and exponent, exactly, rounded to
 * millionths.  VERDICT_SYNTAX: not a number; VERDICT_RANGE: beyond +-LIMIT_VALUE_MICRO.  Never
 * reads beyond size; the text need not be NUL-terminated.  *value_micro is set only on OK. */
enum verdict decimal_parse_micro(const char *text, size_t size, enum decimal_grammar grammar,
                                 int64_t *value_micro);

/* As above, but the number is seconds since 1970 or milliseconds or so on: the result is the
 * value times 10^`scale`, cut (not rounded) towards zero to an integer, within +-2^62, otherwise
 * VERDICT_RANGE.  E.g. scale 3 reads seconds to milliseconds.  scale between -9 and 9. */
enum verdict decimal_parse_scaled(const char *text, size_t size, enum decimal_grammar grammar,
                                  int scale, int64_t *number);

/* Numerator / denominator rounded half away from zero.  denominator > 0. */
int64_t decimal_divide(int64_t numerator, int64_t denominator);

enum unit { UNIT_CELSIUS, UNIT_FAHRENHEIT, UNIT_KELVIN, UNIT_COUNT };

/* Converts to Celsius, in millionths, rounded half away from zero.  value_micro within +-10^17;
 * the result may lie beyond LIMIT_VALUE_MICRO. */
int64_t decimal_to_celsius(int64_t value_micro, enum unit unit);

/* Reads C, Cel, degC, °C, celsius, F, °F, degF, fahrenheit, K, kelvin (any case;
 * the degree sign in UTF-8 or Latin-1).  VERDICT_FIELD when it is none of them. */
enum verdict decimal_parse_unit(const char *text, size_t size, enum unit *unit);

#endif
