/* alarm_rule: what the configuration says about alarms.
 *
 * A rule watches every device that its pattern fits; each limit it gives is an alarm of its own
 * for each of them.  Zero means "not given" throughout, and the default where there is one.
 * Data and checks; pure. */
#ifndef ISOTHERM_ALARM_RULE_H
#define ISOTHERM_ALARM_RULE_H

#include "alarm/alarm_event.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALARM_OVERRIDES = 8, /* of one rule */
    ALARM_PERIOD_MS = 300000,
    ALARM_SHELVE_MAX_MS = 8 * 3600 * 1000
};

/* What is held against the limits. */
enum alarm_basis { ALARM_ON_READING, ALARM_ON_AVERAGE, ALARM_ON_MINIMUM, ALARM_ON_MAXIMUM };

/* What may trouble the agent itself. */
enum alarm_trouble {
    ALARM_TROUBLE_NONE,
    ALARM_UPLINK_DOWN,
    ALARM_STORE_DEGRADED,
    ALARM_CLOCK_UNTRUSTED,
    ALARM_DEVICES_FULL,
    ALARM_OUTBOX_FULL,
    ALARM_TROUBLE_COUNT
};

/* The limits and delays that may differ from device to device. */
struct alarm_levels {
    int64_t high_high_micro, high_micro, low_micro, low_low_micro;
    bool has_high_high, has_high, has_low, has_low_low;
    int64_t deadband_micro; /* >= 0 */
    bool has_deadband;
    int64_t on_delay_ms, off_delay_ms; /* >= 0 */
    bool has_on_delay, has_off_delay;
};

struct model;

/* For the devices that fit, what is given here counts in place of the rule's own. */
struct alarm_override {
    char devices[LIMIT_DEVICE_ID_SIZE];
    struct alarm_levels levels;
};

struct alarm_rule {
    char name[ALARM_NAME_SIZE];
    char devices[LIMIT_DEVICE_ID_SIZE]; /* pattern, see device_id_matches */
    int64_t high_micro, low_micro;
    bool has_high, has_low;
    int64_t high_high_micro, low_low_micro;
    bool has_high_high, has_low_low;
    int64_t deadband_micro;
    int64_t on_delay_ms, off_delay_ms;
    int64_t hold_ms;      /* 0: twice the expected interval; without one, no bound */
    int64_t min_readings; /* 0 is 1 */
    int basis;            /* enum alarm_basis */
    int64_t window_ms;    /* which window, by its size; 0: any by time */
    int64_t set_point_micro;
    bool has_set_point;                          /* limits are relative to it */
    char set_point_device[LIMIT_DEVICE_ID_SIZE]; /* likewise, to another device; "": none */
    int64_t rise_micro, fall_micro;              /* per minute, > 0 */
    bool has_rise, has_fall;
    int64_t period_ms;    /* of the two above; 0: ALARM_PERIOD_MS */
    int64_t no_data_ms;   /* 0: not watched */
    int64_t stuck_ms;     /* 0: not watched */
    int64_t silent_ms;    /* source_silent; 0: not watched */
    int64_t silent_count; /* so many silent devices; 0: all */
    bool is_fault_watched;
    int64_t valid_low_micro, valid_high_micro; /* of the sensor; for sensor faults */
    bool has_valid_low, has_valid_high;
    bool is_ds18b20; /* 85.0 and -127 are signs of a fault */
    bool is_unusual; /* by the device's own habit */
    struct alarm_habit {
        int64_t deviations_micro; /* farther away than so many of them */
    } unusual;
    char model_path[LIMIT_PATH_SIZE]; /* "": none; in place of the habit */
    const struct model *model;        /* what it holds, of the configuration; NULL: none */
    int trouble;                      /* enum alarm_trouble */
    int64_t trouble_mark;             /* percent, for ALARM_OUTBOX_FULL */
    int priority;                     /* enum alarm_priority */
    char group[ALARM_NAME_SIZE];
    bool needs_ack;
    bool is_latching;
    int64_t realarm_ms; /* 0: never */
    int64_t realarm_count;
    int64_t max_shelve_ms;               /* 0: ALARM_SHELVE_MAX_MS */
    char suppressed_by[ALARM_NAME_SIZE]; /* a rule; "": none */
    struct alarm_override overrides[ALARM_OVERRIDES];
    size_t override_count;
};

/* The levels that count for a device: the rule's, with the first override that fits; `which` is
 * its index + 1, or 0. */
size_t alarm_rule_find_override(const struct alarm_rule *rule, const char *device);
struct alarm_levels alarm_rule_levels(const struct alarm_rule *rule, size_t which);

/* Whether the rule has an alarm of this kind, with the levels given. */
bool alarm_rule_has(const struct alarm_rule *rule, const struct alarm_levels *levels,
                    enum alarm_kind kind);

/* Whether its alarms belong to devices, not to the gateway. */
bool alarm_rule_is_per_device(const struct alarm_rule *rule);

/* Whether every number is small enough to be reckoned with. */
bool alarm_rule_is_sound(const struct alarm_rule *rule);

/* What contradicts itself in these levels, or NULL; *field is set to the key at fault. */
const char *alarm_levels_problem(const struct alarm_levels *levels, bool is_relative,
                                 const char **field);

#endif
