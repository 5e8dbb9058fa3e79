/* habit: what a device usually does, by hour of the day.
 *
 * For each hour of the day an exponentially weighted mean and deviation (the mean distance from
 * the mean as it was known the day before), in HABIT_BYTES per device whatever its rate.  An hour
 * is learned when it is over, from all its readings together, so that the number of readings and
 * their order within the hour do not matter.  Integers only: the same readings give the same bytes
 * on every processor.
 *
 * Journal.  habit_encode gives what changed since it was last called as opaque bytes; giving these
 * back to habit_restore, in order, makes the same bytes again.  Pure. */
#ifndef ISOTHERM_ALARM_HABIT_H
#define ISOTHERM_ALARM_HABIT_H

#include "alarm/band.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HABIT_BYTES = 248,       /* per device */
    HABIT_ENTRY_BYTES = 184, /* what habit_encode writes at most in one call */
    HABIT_DAYS_MAX = 250,
    HABIT_DEVIATIONS_MAX = 100
};

struct habit_options {
    int64_t utc_offset_ms; /* of the clock that the day goes by */
    int64_t memory_days;   /* how many days the mean looks back, 2 .. HABIT_DAYS_MAX */
    int64_t warm_up_days;  /* an hour is judged when it was learned so often, 2 .. memory_days */
    int64_t least_micro;   /* a smaller deviation counts as this one; > 0 */
};

/* The fields are private; all zero knows nothing. */
struct habit {
    int32_t mean[BAND_HOURS];       /* in steps of HABIT_STEP_MICRO */
    uint32_t deviation[BAND_HOURS]; /* likewise */
    uint8_t weight[BAND_HOURS];     /* times learned, at most memory_days */
    uint32_t changed;               /* hours not yet journalled, a bit each */
    int32_t hours;                  /* the hour that runs, since 1970 */
    uint32_t count;                 /* its readings; bit 31: not yet journalled */
    int64_t sum_micro;              /* of their differences from the mean */
    int64_t distance_micro;         /* of the sizes of these */
};

/* Learns from a reading within +-LIMIT_VALUE_MICRO, in the order of event time as far as possible.
 * One beyond three deviations counts as three, so that what is unusual does not quickly become the
 * habit. */
void habit_add(struct habit *habit, const struct habit_options *options, int64_t value_micro,
               int64_t event_ms);

/* What is usual at that time, `deviations_milli` (thousandths, up to HABIT_DEVIATIONS_MAX) to
 * either side.  False: that hour has not been learned often enough. */
bool habit_find_band(const struct habit *habit, const struct habit_options *options,
                     int64_t deviations_milli, int64_t event_ms, struct band *band);

/* Writes changes not yet journalled and returns their size; 0: there are none.  To be called until
 * it returns 0: a commit that holds only some of them is not a state that was. */
size_t habit_encode(struct habit *habit, uint8_t bytes[HABIT_ENTRY_BYTES]);

/* Makes habit_encode write everything, for a journal begun anew. */
void habit_encode_whole(struct habit *habit);

/* Whether habit_encode has anything to write, and how much at most until it returns 0. */
bool habit_has_changed(const struct habit *habit);
size_t habit_encode_bytes(const struct habit *habit);

/* Takes what habit_encode wrote.  ST_CORRUPT: these bytes are something else; nothing is changed.
 */
enum status habit_restore(struct habit *habit, const void *bytes, size_t size) ISOTHERM_CHECK;

#endif
