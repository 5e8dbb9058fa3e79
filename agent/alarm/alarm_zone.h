/* alarm_zone: from values to `active`: limit, deadband, on-delay, off-delay, agreeing readings.
 *
 * Delays run on the monotonic clock; no step of the wall clock moves them.  Pure. */
#ifndef ISOTHERM_ALARM_ZONE_H
#define ISOTHERM_ALARM_ZONE_H

#include <stdbool.h>
#include <stdint.h>

enum alarm_place {
    ALARM_OUTSIDE, /* beyond the deadband */
    ALARM_BETWEEN, /* in the deadband: nothing changes, but no delay goes on either */
    ALARM_INSIDE   /* at the limit or past it */
};

struct alarm_timing {
    int64_t on_delay_ms, off_delay_ms;
    int64_t hold_ms;       /* how old the last reading may be when a delay ends; 0: any age */
    uint32_t min_readings; /* that must agree in a row, beside the delay; 0 is 1 */
    bool is_either;        /* enough readings or the delay, whichever comes first */
};

/* All zero: nothing is under way. */
struct alarm_zone {
    int64_t since_mono_ms; /* since when the readings have contradicted `active` */
    int64_t last_mono_ms;  /* the last of these readings */
    int64_t since_wall_ms;
    uint32_t agreeing; /* readings in a row that do */
    bool is_timing;    /* a delay runs; only then the above are valid */
    bool is_suspended; /* restored: the times above are how long ago */
};

/* Where a value lies against a limit. */
enum alarm_place alarm_zone_find(bool is_low, int64_t limit_micro, int64_t deadband_micro,
                                 int64_t value_micro);

/* Takes in one good reading. */
void alarm_zone_judge(struct alarm_zone *zone, bool is_active, enum alarm_place place,
                      int64_t mono_ms, int64_t wall_ms);

/* Whether `active` is to change now: the delay is over and the readings agree. */
bool alarm_zone_is_over(const struct alarm_zone *zone, const struct alarm_timing *timing,
                        bool is_active, int64_t mono_ms);

/* When time alone can make it change; INT64_MAX: never. */
int64_t alarm_zone_due(const struct alarm_zone *zone, const struct alarm_timing *timing,
                       bool is_active);

/* Gives restored delays a place on this run's monotonic clock. */
void alarm_zone_resume(struct alarm_zone *zone, int64_t mono_ms);

#endif
