/* lag: how many bytes may be on the way, so that what is sent next is soon there.
 *
 * What was sent and has no answer lies in buffers, the kernel's, the modem's, the broker's, and an
 * alarm cannot pass it.  Each answer tells how long its message took with how much before it; so
 * what the link carries in a given time is known without asking anybody.  No allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_LAG_H
#define ISOTHERM_UPLINK_LAG_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LAG_FIRST_BYTES = 2048,            /* may be on the way before anything is known */
    LAG_MESSAGES = 2 * LIMIT_IN_FLIGHT /* that are followed */
};

/* Embedded by its owner; the fields are private. */
struct lag {
    int64_t target_ms; /* beyond what a message takes by itself; 0: no limit */
    int64_t allowed_bytes;
    int64_t least_ms;       /* that a message took; 0: not known */
    int64_t least_alone_ms; /* of the last few in a row that had nothing before them */
    unsigned alone;         /* how many these are */
    unsigned in_time;       /* answers in a row, while no more was allowed */
    int64_t bytes;          /* on the way */
    size_t count;           /* messages on the way, in the order in which they were sent */
    struct lag_message {
        int message_id;
        int64_t bytes, load; /* its own, and all that was on the way with it */
        int64_t sent_mono_ms;
    } messages[LAG_MESSAGES];
};

void lag_init(struct lag *lag, int64_t target_ms);

/* A new connection: nothing is on the way, and the link may be another one. */
void lag_restart(struct lag *lag);

/* How many messages of so many bytes may be sent: one at least when nothing is on the way;
 * SIZE_MAX without a limit. */
size_t lag_count_allowed(const struct lag *lag, int64_t bytes_each);

void lag_note_sent(struct lag *lag, int message_id, int64_t bytes, int64_t now_mono_ms);

/* False: it is not on the way. */
bool lag_note_answer(struct lag *lag, int message_id, int64_t now_mono_ms);

#endif
