/* fake_time: a clock that stands still until it is told to go on, and the loop's timers on it.
 * Included as a .c by the one test program that wants the timers of base/loop replaced. */
#ifndef ISOTHERM_TESTS_FAKE_TIME_H
#define ISOTHERM_TESTS_FAKE_TIME_H

#include "base/clock.h"

#include <stdint.h>

/* Both clocks begin here: 2026-11-21T00:00:00Z. */
#define FAKE_TIME_START_MS INT64_C(1795219200000)

struct clock fake_time_clock(void);
void fake_time_reset(void);

/* Goes on by so much, timer by timer in the order in which they are due. */
void fake_time_advance(int64_t by_ms);

#endif
