/* Invariant: with one band and no deadband, outside is exactly "at or beyond a limit", as for a
 * fixed limit. */
#include "alarm/band.h"

#include "base/decimal.h"

#define HOUR_MS INT64_C(3600000)

/* How far the value lies inside a limit, the deadband taken off; 0 or less: it is outside.  A
 * deadband never reaches as far as the usual value, where every alarm must end. */
static int64_t margin_of(int64_t inside_micro, int64_t width_micro, int64_t deadband_micro)
{
    int64_t most_micro = width_micro / 2;
    return inside_micro - (deadband_micro < most_micro ? deadband_micro : most_micro);
}

enum band_side band_judge(const struct band *bands, size_t count, int64_t value_micro,
                          int64_t deadband_micro, bool was_outside, size_t *nearest)
{
    int64_t deadband = was_outside ? deadband_micro : 0, best = INT64_MIN;
    enum band_side side = BAND_USUAL;
    for (size_t i = 0; i < count; i++) {
        const struct band *band = &bands[i];
        int64_t below =
            margin_of(value_micro - band->low_micro, band->usual_micro - band->low_micro, deadband);
        int64_t above = margin_of(band->high_micro - value_micro,
                                  band->high_micro - band->usual_micro, deadband);
        int64_t margin = below < above ? below : above;
        if (margin <= best) continue;
        best = margin;
        side = below < above ? BAND_BELOW : BAND_ABOVE;
        *nearest = i;
    }
    return best > 0 ? BAND_USUAL : side;
}

/* More digits than this say nothing to a person. */
static void add_rounded(struct text *text, int64_t value_micro, int64_t step_micro)
{
    text_add_micro(text, decimal_divide(value_micro, step_micro) * step_micro);
}

void band_add_reason(struct text *text, const struct band *band, int64_t value_micro, unsigned hour)
{
    enum { HUNDREDTH = 10000, TENTH = 100000 };
    bool is_above = value_micro > band->usual_micro;
    int64_t distance = is_above ? value_micro - band->usual_micro : band->usual_micro - value_micro;
    add_rounded(text, value_micro, HUNDREDTH);
    text_add(text, " is ");
    if (band->deviation_micro > 0) {
        add_rounded(text, decimal_divide(distance * 1000000, band->deviation_micro), TENTH);
        text_add(text, " deviations");
    } else {
        add_rounded(text, distance, HUNDREDTH);
    }
    text_add(text, is_above ? " above the usual " : " below the usual ");
    add_rounded(text, band->usual_micro, HUNDREDTH);
    if (band->deviation_micro > 0) {
        text_add(text, " \xC2\xB1 ");
        add_rounded(text, band->deviation_micro, HUNDREDTH);
    } else {
        text_add(text, " (");
        add_rounded(text, band->low_micro, HUNDREDTH);
        text_add(text, " to ");
        add_rounded(text, band->high_micro, HUNDREDTH);
        text_add(text, ")");
    }
    text_add(text, " at ");
    text_add_uint(text, hour);
    text_add(text, " h");
}

int32_t band_count_hours(int64_t event_ms, int64_t utc_offset_ms)
{
    int64_t hours = event_ms / HOUR_MS;
    int64_t rest_ms = event_ms % HOUR_MS + utc_offset_ms;
    hours += rest_ms / HOUR_MS - (rest_ms % HOUR_MS < 0);
    if (hours > INT32_MAX) return INT32_MAX;
    return hours < INT32_MIN ? INT32_MIN : (int32_t)hours;
}

unsigned band_hour_of_day(int32_t hours)
{
    int32_t hour = hours % BAND_HOURS;
    return (unsigned)(hour < 0 ? hour + BAND_HOURS : hour);
}
