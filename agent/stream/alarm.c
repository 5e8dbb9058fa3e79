/* alarm: only `is_active` moves the state, and it changes only here: to true when the condition
 * held for the whole delay, to false when a reading has left the zone past the deadband. */
#include "stream/alarm.h"

static bool is_in_zone(const struct alarm_limit *limit, int64_t value_micro)
{
    return limit->is_low ? value_micro <= limit->limit_micro : value_micro >= limit->limit_micro;
}

static bool has_left_zone(const struct alarm_limit *limit, int64_t value_micro)
{
    return limit->is_low ? value_micro > limit->limit_micro + limit->deadband_micro
                         : value_micro < limit->limit_micro - limit->deadband_micro;
}

static void decide_by(struct alarm *alarm, const struct alarm_reading *reading)
{
    alarm->value_micro = reading->value_micro;
    alarm->event_ms = reading->event_ms;
}

enum alarm_change alarm_advance(struct alarm *alarm, const struct alarm_limit *limit,
                                int64_t mono_ms)
{
    if (!alarm->is_pending || alarm_count_elapsed_ms(alarm, mono_ms) < limit->on_delay_ms) {
        return ALARM_UNCHANGED;
    }
    alarm->is_pending = false;
    alarm->is_active = true;
    alarm->occurrence++;
    return ALARM_RAISED;
}

enum alarm_change alarm_evaluate(struct alarm *alarm, const struct alarm_limit *limit,
                                 const struct alarm_reading *reading)
{
    if (alarm->is_active) {
        if (!has_left_zone(limit, reading->value_micro)) return ALARM_UNCHANGED;
        alarm->is_active = false;
        decide_by(alarm, reading);
        return ALARM_CLEARED;
    }
    if (!is_in_zone(limit, reading->value_micro)) {
        alarm->is_pending = false;
        return ALARM_UNCHANGED;
    }
    decide_by(alarm, reading);
    if (!alarm->is_pending) {
        alarm->is_pending = true;
        alarm->is_suspended = false;
        alarm->pending_mono_ms = reading->mono_ms;
        alarm->since_ms = reading->wall_ms;
    }
    return alarm_advance(alarm, limit, reading->mono_ms);
}

void alarm_resume(struct alarm *alarm, int64_t mono_ms)
{
    if (!alarm->is_suspended) return;
    alarm->is_suspended = false;
    alarm->pending_mono_ms = mono_ms - alarm->pending_mono_ms;
}

int64_t alarm_count_elapsed_ms(const struct alarm *alarm, int64_t mono_ms)
{
    if (!alarm->is_pending) return 0;
    return alarm->is_suspended ? alarm->pending_mono_ms : mono_ms - alarm->pending_mono_ms;
}

enum alarm_state alarm_name_state(const struct alarm *alarm)
{
    return alarm->is_active ? ALARM_ACTIVE : ALARM_NORMAL;
}
