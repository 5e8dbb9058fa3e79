/* source: simulated sources of readings, two that wait for an acknowledgement (one message after
 * the other, and a queue that is acknowledged as a whole) and one that cannot. */
#ifndef ISOTHERM_TESTS_SOURCE_H
#define ISOTHERM_TESTS_SOURCE_H

#include "driver.h"
#include "simulation/virtual_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum { SOURCE_POLL, SOURCE_QUEUE, SOURCE_LINE, SOURCE_COUNT };
enum { SOURCE_MESSAGES = 1 << 13, WORLD_TAKEN = 1 << 15 };
#define STRANGER 1000000U /* the first number of an id that comes once */

struct message {
    uint32_t device;
    int64_t value_micro, event_ms;
    uint32_t boot;     /* whose uptime event_ms is, as the stream has it; 0: it is true */
    uint64_t ticket;   /* when taken in this run */
    bool is_committed; /* as the disk knows, in whichever run */
    bool is_settled;   /* may be acknowledged */
    bool was_refused;  /* at least once */
};

/* A source keeps what was not acknowledged; numbers are free-running. */
struct source {
    struct world *world;
    struct intake *intake; /* NULL: the agent is down */
    bool can_wait, is_paused;
    struct message messages[SOURCE_MESSAGES];
    uint64_t first, next, end; /* not acknowledged, not delivered, not measured */
    uint64_t acknowledged;     /* an acknowledgement up to here is on its way */
    struct virtual_event answer, retry;
    uint64_t overflowed, refused[VERDICT_COUNT];
};

extern const struct driver source_drivers[SOURCE_COUNT];

void source_measure(struct source *source, const struct message *message);
void source_crash(struct source *source);

#endif
