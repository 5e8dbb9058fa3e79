/* Any payload through any mapping: the texts of value, time, unit and device and then the payload,
 * with newlines between. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "mapping.h"

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

static void ignore(void *context, const char *field_name, const char *problem)
{
    (void)context;
    FUZZ_REQUIRE(field_name != NULL && problem != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *end = at + size;
    struct mapping mapping = {.time_form = TIME_FORM_AUTO};
    struct mapping_result result = {.device = "gw"};
    const char *detail = NULL;
    if (size == 0) return 0;
    mapping.time_form = (*at++ & 0x0F) % (TIME_FORM_ISO + 1);
    at = take_text(at, end, mapping.value, sizeof mapping.value);
    at = take_text(at, end, mapping.time, sizeof mapping.time);
    at = take_text(at, end, mapping.unit, sizeof mapping.unit);
    at = take_text(at, end, mapping.device, sizeof mapping.device);
    mapping_check(&mapping, &(struct field_report){.add = ignore});
    enum verdict verdict = mapping_decode(&mapping, at, (size_t)(end - at), &result, &detail);
    FUZZ_REQUIRE((verdict == VERDICT_OK) == (detail == NULL));
    FUZZ_REQUIRE(strncmp(result.device, "gw", 2) == 0 &&
                 strlen(result.device) < sizeof result.device);
    if (verdict == VERDICT_OK) {
        FUZZ_REQUIRE(result.value_micro <= LIMIT_VALUE_MICRO);
        FUZZ_REQUIRE(result.value_micro >= -LIMIT_VALUE_MICRO);
        FUZZ_REQUIRE(result.has_event_time ==
                     (mapping.value[0] != '\0' && mapping.time[0] != '\0'));
    }
    return 0;
}
