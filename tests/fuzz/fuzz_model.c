/* Any bytes as a model: refused with a place, or every hour of every entry has bands that rise. */
#include "fuzz/fuzz.h"

#include "alarm/model.h"

#define HOUR_MS INT64_C(3600000)

static void check_hour(const struct model *model, size_t device, int64_t event_ms)
{
    size_t count = 0, nearest = 0;
    const struct band *bands = model_find_bands(model, device, event_ms, &count);
    FUZZ_REQUIRE(count > 0 && count <= MODEL_BANDS);
    for (size_t i = 0; i < count; i++) {
        FUZZ_REQUIRE(bands[i].low_micro < bands[i].usual_micro);
        FUZZ_REQUIRE(bands[i].usual_micro < bands[i].high_micro);
        FUZZ_REQUIRE(i == 0 || bands[i - 1].high_micro <= bands[i].low_micro);
        FUZZ_REQUIRE(band_judge(bands, count, bands[i].usual_micro, INT64_MAX, true, &nearest) ==
                     BAND_USUAL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct model model;
    struct model_problem problem;
    enum status status = model_parse(&model, (const char *)data, size, &problem);
    FUZZ_REQUIRE(status == ST_OK || status == ST_INVALID);
    if (status != ST_OK) {
        FUZZ_REQUIRE(problem.text[0] != '\0' && problem.line > 0 && problem.column > 0);
        FUZZ_REQUIRE(model.devices == NULL && model.bands == NULL);
        return 0;
    }
    for (size_t device = 0; device < model.device_count; device++) {
        for (int64_t hour = 0; hour < BAND_HOURS; hour++)
            check_hour(&model, device, hour * HOUR_MS);
    }
    model_fini(&model);
    return 0;
}
