/* Invariant: the digits themselves are counted out, one by one and at most once, so that the
 * result is exact for any length of text and any exponent; nothing runs as often as an exponent
 * is large. */
#include "base/decimal.h"

#include "base/limits.h"

#include <stdbool.h>
#include <strings.h>

/* Far beyond the exponents that a text of any length can even out, far below overflow. */
#define EXPONENT_LIMIT INT64_C(100000000000000000)
#define SCALED_LIMIT (INT64_C(1) << 62)

enum { MICRO_PLACES = 6 };

/* A number taken apart: +-(whole fraction) * 10^exponent, still in its text. */
struct parts {
    bool is_negative;
    const char *whole;
    size_t whole_size; /* digits; at least 1 */
    const char *fraction;
    size_t fraction_size; /* digits; 0: no point */
    int64_t exponent;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(const char *at, const char *end)
{
    size_t count = 0;
    while (at + count < end && is_digit(at[count])) count++;
    return count;
}

/* Reads what follows an e; the position behind it, or NULL. */
static const char *split_exponent(const char *at, const char *end, int64_t *exponent)
{
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    size_t size = count_digits(at, end);
    if (size == 0) return NULL;
    int64_t number = 0;
    for (size_t i = 0; i < size; i++) {
        if (number < EXPONENT_LIMIT) number = number * 10 + (at[i] - '0');
    }
    *exponent = is_negative ? -number : number;
    return at + size;
}

static bool split(const char *text, size_t size, enum decimal_grammar grammar, struct parts *parts)
{
    const char *at = text;
    const char *end = text + size;
    *parts = (struct parts){.is_negative = at < end && *at == '-'};
    if (at < end && (*at == '-' || (*at == '+' && grammar == DECIMAL_PLAIN))) at++;
    parts->whole = at;
    parts->whole_size = count_digits(at, end);
    if (parts->whole_size == 0) return false;
    if (grammar == DECIMAL_JSON && *at == '0' && parts->whole_size > 1) return false;
    at += parts->whole_size;
    if (at < end && *at == '.') {
        parts->fraction = ++at;
        parts->fraction_size = count_digits(at, end);
        if (parts->fraction_size == 0) return false;
        at += parts->fraction_size;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = split_exponent(at + 1, end, &parts->exponent);
        if (at == NULL) return false;
    }
    return at == end;
}

/* Appends `count` digits to the number; false when that would pass SCALED_LIMIT. */
static bool push_digits(int64_t *number, const char *digits, size_t count)
{
    int64_t sum = *number;
    for (size_t i = 0; i < count; i++) {
        int digit = digits[i] - '0';
        if (sum >= SCALED_LIMIT / 10 && sum > (SCALED_LIMIT - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return true;
}

static char digit_at(const struct parts *parts, size_t index)
{
    return index < parts->whole_size ? parts->whole[index]
                                     : parts->fraction[index - parts->whole_size];
}

/* The value times 10^scale as an integer within +-limit, which is at most SCALED_LIMIT. */
static enum verdict evaluate(const struct parts *parts, int scale, bool is_rounded, int64_t limit,
                             int64_t *result)
{
    size_t digits = parts->whole_size + parts->fraction_size;
    /* So many digits stand before the point of the scaled number; may be below 0 or beyond the
     * digits there are. */
    int64_t before = (int64_t)parts->whole_size + parts->exponent + scale;
    size_t kept = before <= 0 ? 0 : before < (int64_t)digits ? (size_t)before : digits;
    size_t whole_kept = kept < parts->whole_size ? kept : parts->whole_size;
    int64_t number = 0;
    if (!push_digits(&number, parts->whole, whole_kept)) return VERDICT_RANGE;
    if (!push_digits(&number, parts->fraction, kept - whole_kept)) return VERDICT_RANGE;
    /* At most 19 rounds: from 1 on, each brings the number ten times closer to the limit. */
    for (int64_t i = (int64_t)digits; i < before && number != 0; i++) {
        if (!push_digits(&number, "0", 1)) return VERDICT_RANGE;
    }
    if (is_rounded && before >= 0 && kept < digits && digit_at(parts, kept) >= '5') number++;
    if (number > limit) return VERDICT_RANGE;
    *result = parts->is_negative ? -number : number;
    return VERDICT_OK;
}

enum verdict decimal_parse_micro(const char *text, size_t size, enum decimal_grammar grammar,
                                 int64_t *value_micro)
{
    struct parts parts;
    if (!split(text, size, grammar, &parts)) return VERDICT_SYNTAX;
    return evaluate(&parts, MICRO_PLACES, true, LIMIT_VALUE_MICRO, value_micro);
}

enum verdict decimal_parse_scaled(const char *text, size_t size, enum decimal_grammar grammar,
                                  int scale, int64_t *number)
{
    struct parts parts;
    if (!split(text, size, grammar, &parts)) return VERDICT_SYNTAX;
    return evaluate(&parts, scale, false, SCALED_LIMIT, number);
}

int64_t decimal_divide(int64_t numerator, int64_t denominator)
{
    int64_t quotient = numerator / denominator;
    int64_t rest = numerator % denominator;
    int64_t size = rest < 0 ? -rest : rest;
    if (size < denominator - size) return quotient;
    return numerator < 0 ? quotient - 1 : quotient + 1;
}

int64_t decimal_to_celsius(int64_t value_micro, enum unit unit)
{
    switch (unit) {
    case UNIT_FAHRENHEIT:
        return decimal_divide((value_micro - 32000000) * 5, 9);
    case UNIT_KELVIN:
        return value_micro - 273150000;
    case UNIT_CELSIUS:
    case UNIT_COUNT:
        break;
    }
    return value_micro;
}

/* Behind a degree sign, in UTF-8 or, from serial lines, in Latin-1. */
static size_t skip_degree(const char *text, size_t size)
{
    if (size >= 2 && text[0] == '\xC2' && text[1] == '\xB0') return 2;
    return size >= 1 && text[0] == '\xB0' ? 1 : 0;
}

enum verdict decimal_parse_unit(const char *text, size_t size, enum unit *unit)
{
    static const struct {
        const char *name;
        size_t size;
        enum unit unit;
    } names[] = {
        {"C", 1, UNIT_CELSIUS},       {"F", 1, UNIT_FAHRENHEIT},
        {"K", 1, UNIT_KELVIN},        {"Cel", 3, UNIT_CELSIUS},
        {"degC", 4, UNIT_CELSIUS},    {"celsius", 7, UNIT_CELSIUS},
        {"degF", 4, UNIT_FAHRENHEIT}, {"fahrenheit", 10, UNIT_FAHRENHEIT},
        {"kelvin", 6, UNIT_KELVIN},
    };
    size_t degree = skip_degree(text, size);
    text += degree;
    size -= degree;
    if (degree > 0 && size != 1) return VERDICT_FIELD;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].size != size || strncasecmp(names[i].name, text, size) != 0) continue;
        if (degree > 0 && names[i].unit == UNIT_KELVIN) return VERDICT_FIELD;
        *unit = names[i].unit;
        return VERDICT_OK;
    }
    return VERDICT_FIELD;
}
