/* alarm_rate: how fast a value changes, from two readings about a period apart.
 *
 * One rate per period: the period is the filter.  Times are of one clock, that of the device or
 * the monotonic one; the caller sees to that.  Pure. */
#ifndef ISOTHERM_ALARM_RATE_H
#define ISOTHERM_ALARM_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { ALARM_RATE_GAP_PERIODS = 3 }; /* no rate across a longer gap */

struct alarm_rate {
    int64_t anchor_ms, anchor_micro;
    bool has_anchor;
    bool is_of_device; /* anchor_ms is the device's time, not monotonic */
};

enum alarm_rate_result {
    ALARM_RATE_WAITS,    /* the period is not over */
    ALARM_RATE_KNOWN,    /* *rate_micro is set, in millionths per minute */
    ALARM_RATE_UNUSABLE, /* no time has passed, or it went back */
    ALARM_RATE_GAP       /* too long ago */
};

enum alarm_rate_result alarm_rate_add(struct alarm_rate *rate, int64_t value_micro, int64_t time_ms,
                                      bool is_of_device, int64_t period_ms, int64_t *rate_micro);

#endif
