/* announcer: publishes the ledger through the uplink at each connection, then again and again,
 * and a last time at the end.  It is a look at the present, so it is not kept for later: a ledger
 * that was missed is replaced by the next.  Loop thread only. */
#ifndef ISOTHERM_ANNOUNCER_H
#define ISOTHERM_ANNOUNCER_H

#include "base/status.h"
#include "flow.h"

#include <stddef.h>
#include <stdint.h>

enum { ANNOUNCER_JSON_SIZE = 24 * 1024 };

/* Embedded by its owner; the fields are private. */
struct announcer {
    struct flow *flow; /* NULL: not open */
    const char *epoch;
    int64_t started_mono_ms;
    int64_t every_ms;
    int64_t due_mono_ms;
    uint64_t connects; /* of the connection on which the last one went */
    struct loop_timer *timer;
    char json[ANNOUNCER_JSON_SIZE];
};

/* `announcer` is zeroed; `flow`, with its uplink, and `epoch` stay valid until close.  ST_FULL:
 * no timer can be had. */
enum status announcer_open(struct announcer *announcer, struct flow *flow, const char *epoch,
                           int64_t started_mono_ms, int64_t every_ms) ISOTHERM_CHECK;

/* Publishes the last ledger if it can.  Does nothing when it is not open. */
void announcer_close(struct announcer *announcer);

#endif
