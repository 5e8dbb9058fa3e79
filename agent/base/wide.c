/* wide: 128-bit sums.  Long arithmetic works on four 32-bit digits, least significant first, so
 * that every intermediate result fits into 64 bits on any processor. */
#include "base/wide.h"

enum { DIGITS = 4, GROUP_DIGITS = 9, GROUPS = 5 };

static const uint32_t GROUP = 1000000000; /* decimal digits are made nine at a time */

static uint64_t magnitude_of(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

struct wide wide_square(int64_t number)
{
    uint64_t magnitude = magnitude_of(number);
    uint64_t low = magnitude & UINT32_MAX;
    uint64_t high = magnitude >> 32;
    uint64_t middle = low * high; /* counts twice; magnitude <= 2^63, so high <= 2^31 */
    struct wide square = {.low = low * low, .high = high * high};
    uint64_t shifted = middle << 33;
    square.low += shifted;
    square.high += (middle >> 31) + (square.low < shifted);
    return square;
}

struct wide wide_subtract(struct wide from, struct wide number)
{
    return (struct wide){.low = from.low - number.low,
                         .high = from.high - number.high - (from.low < number.low)};
}

struct wide wide_multiply(int64_t a, int64_t b)
{
    uint64_t x = magnitude_of(a), y = magnitude_of(b);
    uint64_t low = (x & UINT32_MAX) * (y & UINT32_MAX);
    uint64_t middle = (x >> 32) * (y & UINT32_MAX) + (low >> 32);
    uint64_t other = (x & UINT32_MAX) * (y >> 32) + (middle & UINT32_MAX);
    struct wide product = {.low = other << 32 | (low & UINT32_MAX),
                           .high = (x >> 32) * (y >> 32) + (middle >> 32) + (other >> 32)};
    if ((a < 0) == (b < 0)) return product;
    return wide_subtract((struct wide){0}, product);
}

bool wide_add(struct wide *sum, struct wide number)
{
    uint64_t low = sum->low + number.low;
    uint64_t carry = low < number.low;
    uint64_t high = sum->high + number.high;
    if (high < number.high) return false;
    high += carry;
    if (carry && high == 0) return false;
    *sum = (struct wide){.low = low, .high = high};
    return true;
}

int wide_compare(struct wide a, struct wide b)
{
    if (a.high != b.high) return a.high < b.high ? -1 : 1;
    if (a.low != b.low) return a.low < b.low ? -1 : 1;
    return 0;
}

/* Divides the digits in place and returns the remainder. */
static uint32_t divide_by_group(uint32_t *digits)
{
    uint64_t remainder = 0;
    for (int i = DIGITS - 1; i >= 0; i--) {
        uint64_t part = remainder << 32 | digits[i];
        digits[i] = (uint32_t)(part / GROUP);
        remainder = part % GROUP;
    }
    return (uint32_t)remainder;
}

size_t wide_format(struct wide number, char *text)
{
    uint32_t digits[DIGITS] = {(uint32_t)number.low, (uint32_t)(number.low >> 32),
                               (uint32_t)number.high, (uint32_t)(number.high >> 32)};
    char reversed[GROUPS * GROUP_DIGITS];
    size_t size = 0;
    for (int group = 0; group < GROUPS; group++) {
        uint32_t rest = divide_by_group(digits);
        for (int i = 0; i < GROUP_DIGITS; i++, rest /= 10) {
            reversed[size++] = (char)('0' + rest % 10);
        }
    }
    while (size > 1 && reversed[size - 1] == '0') size--;
    for (size_t i = 0; i < size; i++) text[i] = reversed[size - 1 - i];
    text[size] = '\0';
    return size;
}

bool wide_parse(const char *text, struct wide *number)
{
    uint32_t digits[DIGITS] = {0};
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t carry = (uint64_t)(*text - '0');
        for (int i = 0; i < DIGITS; i++) {
            carry += (uint64_t)digits[i] * 10;
            digits[i] = (uint32_t)carry;
            carry >>= 32;
        }
        if (carry != 0) return false;
    }
    number->low = (uint64_t)digits[1] << 32 | digits[0];
    number->high = (uint64_t)digits[3] << 32 | digits[2];
    return true;
}
