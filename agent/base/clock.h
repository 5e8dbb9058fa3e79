/* clock: the only way to ask for the time.
 *
 * Wall time (UTC milliseconds since 1970) is a label; waits, delays and timers use monotonic
 * milliseconds.  The clock is an object so that tests and the simulation bring their own.
 * Any thread. */
#ifndef ISOTHERM_BASE_CLOCK_H
#define ISOTHERM_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *context); /* UTC, may step in either direction */
    int64_t (*mono_ms)(void *context); /* never goes back */
    void *context;
};

/* How far the wall clock can be trusted. */
enum clock_quality { CLOCK_UNSET = 0, CLOCK_HELD = 1, CLOCK_TRUSTED = 2 };

/* The system's clocks.  The object needs no release. */
struct clock clock_system(void);

int64_t clock_wall_ms(const struct clock *clock);
int64_t clock_mono_ms(const struct clock *clock);

/* Whether the kernel says that the wall clock is synchronised (adjtimex(2)). */
bool clock_is_synchronised(void);

/* Which run of the monotonic clock this is: a number drawn from the kernel's boot id, never 0;
 * where that cannot be read, another one at each call. */
uint32_t clock_boot_number(void);

/* The earliest wall time that can be right: the build cannot be younger than its clock. */
#define CLOCK_FLOOR_MS INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */

#endif
