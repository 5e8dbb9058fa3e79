/* Invariant: only time in which a part was seen to have work and to do none of it counts. */
#include "health.h"

#include <stddef.h>

const char *health_part_name(enum health_part part)
{
    static const char *const names[] = {"intake", "store", "uplink"};
    return part < HEALTH_PARTS ? names[part] : "agent";
}

void health_init(struct health *health, const int64_t limit_ms[HEALTH_PARTS], int64_t now_mono_ms)
{
    *health = (struct health){.looked_mono_ms = now_mono_ms};
    for (size_t part = 0; part < HEALTH_PARTS; part++) health->limit_ms[part] = limit_ms[part];
}

enum health_part health_judge(struct health *health, const struct health_work work[HEALTH_PARTS],
                              int64_t now_mono_ms)
{
    enum health_part stuck = HEALTH_PARTS;
    int64_t passed_ms = now_mono_ms - health->looked_mono_ms;
    if (passed_ms > HEALTH_LOOK_MOST_MS) passed_ms = HEALTH_LOOK_MOST_MS;
    health->looked_mono_ms = now_mono_ms;
    for (size_t part = HEALTH_PARTS; part-- > 0;) {
        bool is_idle = !work[part].is_due || work[part].steps != health->steps[part];
        health->steps[part] = work[part].steps;
        health->stuck_ms[part] = is_idle ? 0 : health->stuck_ms[part] + passed_ms;
        if (health->stuck_ms[part] > health->limit_ms[part]) stuck = (enum health_part)part;
    }
    return stuck;
}
