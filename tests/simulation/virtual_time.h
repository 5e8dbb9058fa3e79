/* virtual_time: one universe's time, and on it the clock and the loop of agent/base.
 *
 * Linked in place of base/clock.c and base/loop.c.  Nothing waits: time goes on from one event to
 * the next.  The gateway's clocks are derived from the universe's time and may be wrong about it
 * in every way that real ones are. */
#ifndef ISOTHERM_TESTS_VIRTUAL_TIME_H
#define ISOTHERM_TESTS_VIRTUAL_TIME_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner, zeroed before the first use.  Also what timers and wake-ups are made of.
 */
struct virtual_event {
    int64_t due_ms;
    uint64_t order; /* of two that are due at once, the one that was set first comes first */
    size_t place;   /* in the heap, from 1; 0: not set */
    loop_fn *fn;
    void *context;
};

/* The universe begins: time 0, both clocks of the gateway right, nothing set. */
void virtual_time_reset(int64_t wall_ms);

int64_t virtual_time_now_ms(void);  /* since the universe began */
int64_t virtual_time_wall_ms(void); /* what a right clock shows */

/* The gateway's clocks. */
void virtual_time_set_wall(int64_t wall_ms);
void virtual_time_set_drift(int64_t ppm);
void virtual_time_set_mono(int64_t mono_ms);
void virtual_time_set_synchronised(bool is_synchronised);

/* Repeating timers of the loop come no more often than this, as on a busy machine; 0: as asked. */
void virtual_time_set_grain(int64_t grain_ms);

/* Calls fn once at `delay_ms` from now; an event already set is moved. */
void virtual_event_set(struct virtual_event *event, int64_t delay_ms, loop_fn *fn, void *context);
void virtual_event_clear(struct virtual_event *event);

/* Goes on to the next event and runs it.  False: none is due up to `until_ms`; time is then
 * there. */
bool virtual_time_step(int64_t until_ms);

/* How often the loop ran something of the agent's. */
uint64_t virtual_time_count_steps(void);

#endif
