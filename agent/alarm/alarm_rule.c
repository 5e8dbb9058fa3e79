/* alarm_rule: whatever the levels allow can be decided at every value: no two limits of a rule
 * overlap, with their deadbands. */
#include "alarm/alarm_rule.h"

#include "base/device_id.h"

size_t alarm_rule_find_override(const struct alarm_rule *rule, const char *device)
{
    for (size_t i = 0; i < rule->override_count; i++) {
        if (device_id_matches(rule->overrides[i].devices, device)) return i + 1;
    }
    return 0;
}

static void take_limit(int64_t *limit, bool *has, int64_t other, bool has_other)
{
    if (!has_other) return;
    *limit = other;
    *has = true;
}

struct alarm_levels alarm_rule_levels(const struct alarm_rule *rule, size_t which)
{
    struct alarm_levels levels = {
        .high_high_micro = rule->high_high_micro,
        .high_micro = rule->high_micro,
        .low_micro = rule->low_micro,
        .low_low_micro = rule->low_low_micro,
        .has_high_high = rule->has_high_high,
        .has_high = rule->has_high,
        .has_low = rule->has_low,
        .has_low_low = rule->has_low_low,
        .deadband_micro = rule->deadband_micro,
        .on_delay_ms = rule->on_delay_ms,
        .off_delay_ms = rule->off_delay_ms,
    };
    if (which == 0) return levels;
    const struct alarm_levels *other = &rule->overrides[which - 1].levels;
    take_limit(&levels.high_high_micro, &levels.has_high_high, other->high_high_micro,
               other->has_high_high);
    take_limit(&levels.high_micro, &levels.has_high, other->high_micro, other->has_high);
    take_limit(&levels.low_micro, &levels.has_low, other->low_micro, other->has_low);
    take_limit(&levels.low_low_micro, &levels.has_low_low, other->low_low_micro,
               other->has_low_low);
    take_limit(&levels.deadband_micro, &levels.has_deadband, other->deadband_micro,
               other->has_deadband);
    take_limit(&levels.on_delay_ms, &levels.has_on_delay, other->on_delay_ms, other->has_on_delay);
    take_limit(&levels.off_delay_ms, &levels.has_off_delay, other->off_delay_ms,
               other->has_off_delay);
    return levels;
}

bool alarm_rule_has(const struct alarm_rule *rule, const struct alarm_levels *levels,
                    enum alarm_kind kind)
{
    switch (kind) {
    case ALARM_SENSOR_FAULT:
        return rule->is_fault_watched;
    case ALARM_HIGH_HIGH:
        return levels->has_high_high;
    case ALARM_HIGH:
        return levels->has_high;
    case ALARM_LOW_LOW:
        return levels->has_low_low;
    case ALARM_LOW:
        return levels->has_low;
    case ALARM_RISE:
        return rule->has_rise;
    case ALARM_FALL:
        return rule->has_fall;
    case ALARM_STUCK:
        return rule->stuck_ms > 0;
    case ALARM_NO_DATA:
        return rule->no_data_ms > 0;
    case ALARM_UNUSUAL:
        return rule->is_unusual || rule->model != NULL;
    case ALARM_SOURCE_SILENT:
        return rule->silent_ms > 0;
    case ALARM_AGENT:
        return rule->trouble != ALARM_TROUBLE_NONE;
    case ALARM_FLOOD:
    case ALARM_KIND_COUNT:
        break;
    }
    return false;
}

bool alarm_rule_is_per_device(const struct alarm_rule *rule)
{
    return rule->trouble == ALARM_TROUBLE_NONE && rule->silent_ms == 0;
}

static bool is_value(int64_t value_micro)
{
    return value_micro <= LIMIT_VALUE_MICRO && value_micro >= -LIMIT_VALUE_MICRO;
}

static bool is_duration(int64_t duration_ms)
{
    return duration_ms >= 0 && duration_ms <= INT64_C(1) << 40;
}

bool alarm_rule_is_sound(const struct alarm_rule *rule)
{
    for (size_t which = 0; which <= rule->override_count; which++) {
        struct alarm_levels levels = alarm_rule_levels(rule, which);
        if (!is_value(levels.high_high_micro) || !is_value(levels.high_micro) ||
            !is_value(levels.low_micro) || !is_value(levels.low_low_micro) ||
            !is_value(levels.deadband_micro) || levels.deadband_micro < 0 ||
            !is_duration(levels.on_delay_ms) || !is_duration(levels.off_delay_ms))
            return false;
    }
    const int64_t durations[] = {rule->hold_ms,       rule->period_ms, rule->no_data_ms,
                                 rule->stuck_ms,      rule->silent_ms, rule->realarm_ms,
                                 rule->max_shelve_ms, rule->window_ms};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        if (!is_duration(durations[i])) return false;
    }
    return is_value(rule->set_point_micro) && is_value(rule->rise_micro) &&
           is_value(rule->fall_micro) && rule->override_count <= ALARM_OVERRIDES;
}

/* One limit on the way from the highest to the lowest. */
struct level {
    const char *field;
    int64_t limit_micro;
    bool is_given, is_high;
};

static const char *check_signs(const struct level *levels, const char **field)
{
    for (size_t i = 0; i < 4; i++) {
        if (!levels[i].is_given) continue;
        *field = levels[i].field;
        if (levels[i].is_high && levels[i].limit_micro <= 0)
            return "relative to a set point it must be above 0";
        if (!levels[i].is_high && levels[i].limit_micro >= 0)
            return "relative to a set point it must be below 0";
    }
    return NULL;
}

static const char *check_warmth(const struct level *levels, const char **field)
{
    for (size_t i = 0; i < 4; i++) {
        if (!levels[i].is_given || levels[i].limit_micro >= LIMIT_COLDEST_MICRO) continue;
        *field = levels[i].field;
        return "is below absolute zero";
    }
    return NULL;
}

const char *alarm_levels_problem(const struct alarm_levels *given, bool is_relative,
                                 const char **field)
{
    const struct level levels[] = {
        {"high_high", given->high_high_micro, given->has_high_high, true},
        {"high", given->high_micro, given->has_high, true},
        {"low", given->low_micro, given->has_low, false},
        {"low_low", given->low_low_micro, given->has_low_low, false},
    };
    const char *problem = is_relative ? check_signs(levels, field) : check_warmth(levels, field);
    const struct level *above = NULL;
    int64_t deadband_micro = given->deadband_micro;
    for (size_t i = 0; i < 4 && problem == NULL; i++) {
        if (!levels[i].is_given) continue;
        if (above != NULL && levels[i].limit_micro >= above->limit_micro) {
            *field = levels[i].field;
            problem = levels[i].is_high ? "must be less than high_high"
                      : above->is_high  ? "must be less than high"
                                        : "must be less than low";
        } else if (above != NULL) {
            /* Each alarm must be over before the next limit is reached. */
            int64_t upper = above->limit_micro - (above->is_high ? deadband_micro : 0);
            int64_t lower = levels[i].limit_micro + (levels[i].is_high ? 0 : deadband_micro);
            *field = "deadband";
            if (upper <= lower)
                problem = above->is_high && !levels[i].is_high
                              ? "is too large: low + deadband must stay below high - deadband"
                          : above->is_high
                              ? "is too large: high_high - deadband must stay above high"
                              : "is too large: low_low + deadband must stay below low";
        }
        above = &levels[i];
    }
    return problem;
}
