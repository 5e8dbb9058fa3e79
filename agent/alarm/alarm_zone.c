/* alarm_zone: a delay runs only while every reading contradicts `active`; the first that does not
 * ends it, so that what holds for the whole delay has held without exception. */
#include "alarm/alarm_zone.h"

enum alarm_place alarm_zone_find(bool is_low, int64_t limit_micro, int64_t deadband_micro,
                                 int64_t value_micro)
{
    if (is_low) {
        if (value_micro <= limit_micro) return ALARM_INSIDE;
        return value_micro > limit_micro + deadband_micro ? ALARM_OUTSIDE : ALARM_BETWEEN;
    }
    if (value_micro >= limit_micro) return ALARM_INSIDE;
    return value_micro < limit_micro - deadband_micro ? ALARM_OUTSIDE : ALARM_BETWEEN;
}

void alarm_zone_judge(struct alarm_zone *zone, bool is_active, enum alarm_place place,
                      int64_t mono_ms, int64_t wall_ms)
{
    bool contradicts = is_active ? place == ALARM_OUTSIDE : place == ALARM_INSIDE;
    if (!contradicts) {
        *zone = (struct alarm_zone){0};
        return;
    }
    if (!zone->is_timing) {
        *zone = (struct alarm_zone){
            .is_timing = true, .since_mono_ms = mono_ms, .since_wall_ms = wall_ms};
    }
    zone->last_mono_ms = mono_ms;
    if (zone->agreeing < UINT32_MAX) zone->agreeing++;
}

static int64_t delay_of(const struct alarm_timing *timing, bool is_active)
{
    return is_active ? timing->off_delay_ms : timing->on_delay_ms;
}

bool alarm_zone_is_over(const struct alarm_zone *zone, const struct alarm_timing *timing,
                        bool is_active, int64_t mono_ms)
{
    if (!zone->is_timing) return false;
    bool do_agree = zone->agreeing >= timing->min_readings;
    if (timing->is_either && !is_active && do_agree) return true;
    int64_t end_ms = zone->since_mono_ms + delay_of(timing, is_active);
    if (mono_ms < end_ms || (!do_agree && !timing->is_either)) return false;
    return timing->hold_ms == 0 || end_ms - zone->last_mono_ms <= timing->hold_ms;
}

int64_t alarm_zone_due(const struct alarm_zone *zone, const struct alarm_timing *timing,
                       bool is_active)
{
    if (!zone->is_timing) return INT64_MAX;
    int64_t end_ms = zone->since_mono_ms + delay_of(timing, is_active);
    return alarm_zone_is_over(zone, timing, is_active, end_ms) ? end_ms : INT64_MAX;
}

void alarm_zone_resume(struct alarm_zone *zone, int64_t mono_ms)
{
    if (!zone->is_suspended) return;
    zone->is_suspended = false;
    zone->since_mono_ms = mono_ms - zone->since_mono_ms;
    zone->last_mono_ms = mono_ms - zone->last_mono_ms;
}
