/* band: where a value usually lies, and whether one lies outside.
 *
 * What the learned alarms have learned, by the device itself or offline, comes down to bands: a
 * value is unusual when it lies in none of them.  So the learned alarms are limits that move with
 * the hour, and deadband, delay and record mean what they mean for fixed limits.  Pure. */
#ifndef ISOTHERM_ALARM_BAND_H
#define ISOTHERM_ALARM_BAND_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BAND_HOURS = 24, BAND_REASON_SIZE = 96 };

/* low_micro < usual_micro < high_micro; all within a few times LIMIT_VALUE_MICRO. */
struct band {
    int64_t low_micro;       /* unusual at and below it */
    int64_t usual_micro;     /* what a person would call the usual value */
    int64_t high_micro;      /* unusual at and above it */
    int64_t deviation_micro; /* the usual distance from it; 0: not known */
};

enum band_side { BAND_USUAL, BAND_BELOW, BAND_ABOVE };

/* Where the value lies.  One that was outside must come back inside a limit by more than the
 * deadband, or by more than half the way to the usual value where that is less.  *nearest is the
 * band whose limit decides; count > 0. */
enum band_side band_judge(const struct band *bands, size_t count, int64_t value_micro,
                          int64_t deadband_micro, bool was_outside, size_t *nearest);

/* Appends why, e.g. "91.2 is 5.1 deviations above the usual 74 ± 3.4 at 14 h"; fits into
 * BAND_REASON_SIZE bytes. */
void band_add_reason(struct text *text, const struct band *band, int64_t value_micro,
                     unsigned hour);

/* Hours since 1970 on a clock that is ahead of UTC by so much; saturates. */
int32_t band_count_hours(int64_t event_ms, int64_t utc_offset_ms);

/* The hour of the day, 0 to 23, of such a count. */
unsigned band_hour_of_day(int32_t hours);

#endif
