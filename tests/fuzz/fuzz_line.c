/* Any line through any options: checksum, template, value, unit and device, and then the line, with
 * newlines between. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "decode_line.h"

/* Copies up to the next newline; what stands behind it. */
static const char *take_text(const char *at, const char *end, char *text, size_t capacity)
{
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    size_t size = (size_t)((stop == NULL ? end : stop) - at);
    if (size >= capacity) size = capacity - 1;
    memcpy(text, at, size);
    text[size] = '\0';
    return stop == NULL ? end : stop + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *end = at + size;
    struct line_options options = {.checksum = LINE_CHECKSUM_NONE};
    struct line_template template;
    struct mapping_result result = {.device = "gw"};
    const char *field_name = NULL;
    const char *detail = NULL;
    if (size == 0) return 0;
    options.checksum = *at & 3;
    options.mapping.time_form = ((*at++ >> 2) & 0x0F) % (TIME_FORM_ISO + 1);
    at = take_text(at, end, options.line, sizeof options.line);
    at = take_text(at, end, options.mapping.value, sizeof options.mapping.value);
    at = take_text(at, end, options.mapping.unit, sizeof options.mapping.unit);
    at = take_text(at, end, options.mapping.device, sizeof options.mapping.device);
    if (decode_line_compile(&options, &template, &field_name, &detail) != ST_OK) {
        FUZZ_REQUIRE(field_name != NULL && detail != NULL);
        return 0;
    }
    enum verdict verdict =
        decode_line(&template, &options.mapping, at, (size_t)(end - at), &result, &detail);
    FUZZ_REQUIRE((verdict == VERDICT_OK) == (detail == NULL));
    FUZZ_REQUIRE(strncmp(result.device, "gw", 2) == 0 &&
                 strlen(result.device) < sizeof result.device);
    if (verdict == VERDICT_OK) {
        FUZZ_REQUIRE(result.value_micro <= LIMIT_VALUE_MICRO);
        FUZZ_REQUIRE(result.value_micro >= -LIMIT_VALUE_MICRO);
    }
    return 0;
}
