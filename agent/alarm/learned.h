/* learned: the learned alarms of all devices: who is judged by which habit or model.
 *
 * Sources are numbers that the caller gives to devices, rules those of the caller's list.  Memory
 * is allocated once.  Loop thread only. */
#ifndef ISOTHERM_ALARM_LEARNED_H
#define ISOTHERM_ALARM_LEARNED_H

#include "alarm/habit.h"
#include "alarm/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One rule of the caller; one with neither deviations nor a model is not of ours. */
struct learned_rule {
    const char *devices;       /* pattern, see device_id_matches */
    int64_t deviations_milli;  /* by the device's habit; 0: by the model */
    const struct model *model; /* of the caller, as long as this lives; NULL: none */
};

/* A value to be judged, within +-LIMIT_VALUE_MICRO. */
struct learned_value {
    int64_t value_micro, event_ms;
    int64_t deadband_micro; /* >= 0 */
    bool was_outside;       /* the alarm is active: the deadband counts */
};

struct learned_options {
    size_t sources; /* at most */
    struct habit_options habit;
    const struct learned_rule *rules; /* of the caller, as long as this lives */
    size_t rule_count;                /* at most LIMIT_ALARMS */
};

/* What one rule says of one value. */
struct learned_finding {
    bool is_outside;
    int64_t limit_micro; /* the one that decides: crossed, or nearest */
    struct band band;
    unsigned hour; /* of the day for which the band holds */
};

struct learned;

#define LEARNED_NO_SOURCE UINT32_MAX

enum {
    LEARNED_HEAD_BYTES = LIMIT_DEVICE_ID_SIZE + 8, /* what the caller may put before each entry */
    LEARNED_STEP_BYTES = 160, /* what one learned_add adds to the reserved bytes at most */
    LEARNED_WHOLE_BYTES = 640 /* all entries of one source at most, heads included */
};

/* ST_NO_MEMORY.  Released with learned_close. */
enum status learned_open(struct learned **learned,
                         const struct learned_options *options) ISOTHERM_CHECK;
void learned_close(struct learned *learned);

/* What learned_open allocates for these options. */
size_t learned_size_bytes(const struct learned_options *options);

/* A source is a new device from now on: nothing is known of it.  False: no rule is for it, and
 * nothing needs to be said of it any more. */
bool learned_admit(struct learned *learned, uint32_t source, const char *id);

/* What the rule says of the value.  False: it cannot say yet, or the rule is not for this device;
 * nothing should change then. */
bool learned_judge(const struct learned *learned, uint32_t source, size_t rule,
                   const struct learned_value *value, struct learned_finding *finding);

/* Takes the value into the habit, after it was judged.  Only for readings whose time is worth
 * something: an hour must be an hour. */
void learned_add(struct learned *learned, uint32_t source, int64_t value_micro, int64_t event_ms);

/* Says why, in words, into `reason` of BAND_REASON_SIZE bytes. */
void learned_explain(const struct learned_finding *finding, int64_t value_micro, char *reason);

/* The device is gone. */
void learned_remove(struct learned *learned, uint32_t source);

/* What all changes that are not journalled need at most, heads included. */
size_t learned_reserved_bytes(const struct learned *learned);

/* The next source with changes that are not journalled, whose entries are to be had now, from
 * learned_encode until it returns 0; LEARNED_NO_SOURCE: there is none. */
uint32_t learned_take_changed(struct learned *learned);
size_t learned_encode(struct learned *learned, uint32_t source, uint8_t bytes[HABIT_ENTRY_BYTES]);

/* Makes learned_encode write everything of the source, for a journal begun anew. */
void learned_encode_whole(struct learned *learned, uint32_t source);

/* Takes what learned_encode wrote.  ST_CORRUPT; ST_NOT_FOUND: no rule needs the device's habit. */
enum status learned_restore(struct learned *learned, uint32_t source, const void *bytes,
                            size_t size) ISOTHERM_CHECK;

#endif
