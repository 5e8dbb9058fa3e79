/* Any text as a time: the first byte chooses form and type; what is taken fits the calendar. */
#include "fuzz/fuzz.h"

#include "base/event_time.h"

/* The years 0000 and 9999 with a day to spare for zones. */
#define ISO_FIRST_MS INT64_C(-62167305600000)
#define ISO_LAST_MS INT64_C(253402387200000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    enum time_form form = (enum time_form)((data[0] & 0x0F) % (TIME_FORM_ISO + 1));
    bool is_text = (data[0] & 0x10) != 0;
    int64_t event_ms = 0;
    enum verdict verdict =
        event_time_parse((const char *)data + 1, size - 1, is_text, form, &event_ms);
    FUZZ_REQUIRE(verdict == VERDICT_OK || verdict == VERDICT_SYNTAX || verdict == VERDICT_TIME);
    FUZZ_REQUIRE(event_ms <= INT64_C(1) << 62 && event_ms >= -(INT64_C(1) << 62));
    if (form == TIME_FORM_ISO) {
        FUZZ_REQUIRE(event_ms >= ISO_FIRST_MS && event_ms <= ISO_LAST_MS);
        FUZZ_REQUIRE(is_text || verdict == VERDICT_SYNTAX);
    }
    return 0;
}
