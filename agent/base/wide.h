/* wide: unsigned 128-bit sums in two 64-bit words, since 32-bit ARM has no 128-bit type.
 * Pure. */
#ifndef ISOTHERM_BASE_WIDE_H
#define ISOTHERM_BASE_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wide {
    uint64_t low;
    uint64_t high;
};

/* The square of any 64-bit integer, exact. */
struct wide wide_square(int64_t number);

/* Adds; false when the sum does not fit (then *sum is unchanged). */
bool wide_add(struct wide *sum, struct wide number);

/* The product and the difference, modulo 2^128. */
struct wide wide_multiply(int64_t a, int64_t b);
struct wide wide_subtract(struct wide from, struct wide number);

/* Less than, equal, greater than: negative, 0, positive. */
int wide_compare(struct wide a, struct wide b);

enum { WIDE_TEXT_SIZE = 41 };

/* The number in decimal digits, NUL-terminated, into `text` of WIDE_TEXT_SIZE bytes; returns the
 * number of digits. */
size_t wide_format(struct wide number, char *text);

/* Reads decimal digits only, all of `text`; false when it is anything else or does not fit. */
bool wide_parse(const char *text, struct wide *number);

#endif
