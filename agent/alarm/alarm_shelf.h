/* alarm_shelf: when a shelf ends.  It always does.
 *
 * The end is kept as wall time and as what is left of the time granted: the latter counts while
 * the agent runs, the former tells after a restart how much of it has passed.  Pure. */
#ifndef ISOTHERM_ALARM_SHELF_H
#define ISOTHERM_ALARM_SHELF_H

#include "alarm/alarm_command.h"

#include <stdbool.h>
#include <stdint.h>

struct alarm_shelf {
    int64_t until_wall_ms;
    int64_t end_mono_ms;   /* suspended: milliseconds left */
    bool has_wall;         /* the wall time was known when it was shelved */
    bool is_suspended;     /* restored: no place on this run's clock yet */
    bool is_owed_by_clock; /* the wall end counts as soon as the clock can be trusted */
};

struct alarm_shelf alarm_shelf_begin(int64_t shelve_ms, const struct alarm_now *now);

/* What is left, 0 or more. */
int64_t alarm_shelf_left_ms(const struct alarm_shelf *shelf, int64_t mono_ms);

/* Gives a restored shelf its place.  With a trusted clock an end that has passed is now; without,
 * what was left goes on counting. */
void alarm_shelf_resume(struct alarm_shelf *shelf, const struct alarm_now *now);

/* The clock has become trusted: the wall end counts again, never later than what was granted. */
void alarm_shelf_trust(struct alarm_shelf *shelf, const struct alarm_now *now);

#endif
