/* Any text as a decimal: what is taken is within the limits and agrees with strtold as far as that
 * can tell. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/decimal.h"
#include "base/limits.h"

/* Half a millionth, and the room that rounding of long double needs at 1e11 millionths. */
static const long double tolerance = 0.51L;

static void compare(const char *text, size_t size, int64_t value_micro)
{
    char copy[256];
    if (size >= sizeof copy) return;
    memcpy(copy, text, size);
    copy[size] = '\0';
    char *end;
    long double number = strtold(copy, &end);
    FUZZ_REQUIRE(end == copy + size);
    long double difference = number * 1e6L - (long double)value_micro;
    FUZZ_REQUIRE(difference <= tolerance && difference >= -tolerance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    int64_t json_micro = 0;
    int64_t plain_micro = 0;
    enum verdict json = decimal_parse_micro(text, size, DECIMAL_JSON, &json_micro);
    enum verdict plain = decimal_parse_micro(text, size, DECIMAL_PLAIN, &plain_micro);
    if (json != VERDICT_SYNTAX) FUZZ_REQUIRE(plain == json && plain_micro == json_micro);
    if (plain == VERDICT_OK) {
        FUZZ_REQUIRE(plain_micro <= LIMIT_VALUE_MICRO && plain_micro >= -LIMIT_VALUE_MICRO);
        compare(text, size, plain_micro);
        for (int unit = 0; unit < UNIT_COUNT; unit++) {
            int64_t celsius_micro = decimal_to_celsius(plain_micro, (enum unit)unit);
            FUZZ_REQUIRE(celsius_micro <= LIMIT_VALUE_MICRO);
        }
    }
    for (int scale = -9; scale <= 9; scale++) {
        int64_t number = 0;
        enum verdict verdict = decimal_parse_scaled(text, size, DECIMAL_PLAIN, scale, &number);
        FUZZ_REQUIRE((verdict == VERDICT_SYNTAX) == (plain == VERDICT_SYNTAX));
        FUZZ_REQUIRE(number <= INT64_C(1) << 62 && number >= -(INT64_C(1) << 62));
    }
    enum unit unit;
    (void)decimal_parse_unit(text, size, &unit);
    return 0;
}
