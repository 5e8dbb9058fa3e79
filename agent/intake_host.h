/* intake_host: what stands behind the drivers' door: the agent, or a tool that feeds a stream.
 * Only agent/ itself includes this; drivers see intake.h.  Loop thread only. */
#ifndef ISOTHERM_INTAKE_HOST_H
#define ISOTHERM_INTAKE_HOST_H

#include "base/clock.h"
#include "intake.h"
#include "repeat.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake_host {
    struct loop *loop;
    struct log *log;
    struct clock clock;
    const char *gateway;
    size_t payload_limit;
    uint64_t durable_ticket; /* kept up to date by the owner */
    /* Takes a reading or refuses it; counting is done by the intake. */
    enum verdict (*offer)(void *context, struct intake *intake, const struct reading *reading,
                          uint64_t *ticket);
    /* A value was refused, since the sensor of that device has failed.  May be NULL. */
    void (*bad_value)(void *context, const struct reading *reading, enum verdict verdict);
    /* A place in commit order for a change that is no reading. */
    uint64_t (*take_ticket)(void *context);
    void (*request_commit)(void *context, int64_t patience_ms);
    void (*end)(void *context, struct intake *intake);
    void *context;
};

/* One per source, embedded by the owner; the counters may be read by it. */
struct intake {
    struct intake_host *host;
    const char *name;             /* of the source; kept by the owner */
    struct verdict_counts counts; /* everything that came in, by verdict */
    uint64_t conflicts;           /* readings of a device that another source had brought before */
    uint64_t last_ticket;         /* of the newest reading taken */
    struct repeat repeat;         /* opened and closed by the owner; without capacity until then */
    bool is_connected;
    bool has_spoken; /* the state of the source was reported at least once */
    bool has_ended;
    char detail[128];        /* what was said of the connection last */
    int64_t changed_mono_ms; /* when that was */
    int64_t last_mono_ms;    /* when the last reading was taken; 0: never */
};

void intake_init(struct intake *intake, struct intake_host *host, const char *name);

#endif
