/* health: whether each part of the agent still gets on with its work.
 *
 * Judged from two facts per part: whether it has something to do now, and a number that grows
 * with every step of it.  A part that has something to do and makes no step for longer than its
 * limit is stuck.  Failing is not being stuck: a commit or connection that fails and is tried again
 * makes steps, and a restart would not help.  Pure. */
#ifndef ISOTHERM_HEALTH_H
#define ISOTHERM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum health_part { HEALTH_INTAKE, HEALTH_STORE, HEALTH_UPLINK, HEALTH_PARTS };

/* Short name of a part for messages; never NULL. */
const char *health_part_name(enum health_part part);

struct health_work {
    bool is_due;    /* it has something to do */
    uint64_t steps; /* grows, or wraps around, with everything it does */
};

/* Looks that lie further apart than this count as this much: what happened in between, such as
 * a stopped process or a sleeping machine, is nobody's fault. */
enum { HEALTH_LOOK_MOST_MS = 15000 };

/* Embedded by its owner; the fields are private. */
struct health {
    int64_t limit_ms[HEALTH_PARTS];
    int64_t stuck_ms[HEALTH_PARTS]; /* due without a step, as seen */
    uint64_t steps[HEALTH_PARTS];
    int64_t looked_mono_ms;
};

/* Begins with every part well. */
void health_init(struct health *health, const int64_t limit_ms[HEALTH_PARTS], int64_t now_mono_ms);

/* Takes in what the parts do now.  The first part that is stuck, HEALTH_PARTS when none is. */
enum health_part health_judge(struct health *health, const struct health_work work[HEALTH_PARTS],
                              int64_t now_mono_ms);

#endif
