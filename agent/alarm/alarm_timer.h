/* alarm_timer: which alarm is due next: a heap over the table of alarms.  Fixed memory; each step
 * costs the logarithm of the number of alarms that wait.  Pure. */
#ifndef ISOTHERM_ALARM_TIMER_H
#define ISOTHERM_ALARM_TIMER_H

#include <stddef.h>
#include <stdint.h>

#define ALARM_TIMER_NONE UINT32_MAX

struct alarm_timer {
    int64_t due_mono_ms;
    int64_t order;  /* among those due at once: the smaller first */
    uint32_t place; /* in the heap; ALARM_TIMER_NONE: not waiting */
};

struct alarm_timers {
    struct alarm_timer *timers; /* one per alarm, of the caller */
    uint32_t *heap;             /* of the caller, with room for all */
    uint32_t count;
};

/* Makes the alarm wait until then; INT64_MAX: no longer at all. */
void alarm_timer_set(struct alarm_timers *timers, uint32_t alarm, int64_t due_mono_ms,
                     int64_t order);

/* The alarm that is due first, or ALARM_TIMER_NONE when none is due yet. */
uint32_t alarm_timer_first(const struct alarm_timers *timers, int64_t mono_ms);

#endif
