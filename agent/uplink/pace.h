/* pace: how much may leave in a second, saved up a little.
 *
 * Counts records or bytes, whatever the caller takes.  No allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_PACE_H
#define ISOTHERM_UPLINK_PACE_H

#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct pace {
    int64_t rate;   /* a second; 0: no limit */
    int64_t most;   /* saved up at most, in thousandths */
    int64_t tokens; /* in thousandths; below 0 while more was taken than was there */
    int64_t filled_mono_ms;
};

/* One may leave at once; up to `burst` after a pause, 0: one and a tenth of a second's worth. */
void pace_init(struct pace *pace, int64_t rate, int64_t burst, int64_t now_mono_ms);

/* How many may leave now; INT64_MAX without a limit. */
int64_t pace_count_allowed(struct pace *pace, int64_t now_mono_ms);

/* Time until one may leave, as of the last pace_count_allowed; 0: now. */
int64_t pace_wait_ms(const struct pace *pace);

/* So many have left, also more than were allowed: what follows waits for it. */
void pace_take(struct pace *pace, int64_t count);

#endif
