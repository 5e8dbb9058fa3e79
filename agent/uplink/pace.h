/* pace: how many records a second may leave: saved up a little.  No allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_PACE_H
#define ISOTHERM_UPLINK_PACE_H

#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct pace {
    int64_t rate;   /* records a second; 0: no limit */
    int64_t tokens; /* thousandths of a record */
    int64_t filled_mono_ms;
};

/* One record may leave at once. */
void pace_init(struct pace *pace, int64_t rate, int64_t now_mono_ms);

/* How many records may leave now; SIZE_MAX without a limit. */
size_t pace_count_allowed(struct pace *pace, int64_t now_mono_ms);

/* Time until one may leave, as of the last pace_count_allowed; 0: now. */
int64_t pace_wait_ms(const struct pace *pace);

/* One has left. */
void pace_take(struct pace *pace);

#endif
