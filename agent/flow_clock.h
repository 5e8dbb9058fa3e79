/* flow_clock: what the flow knows of time while the wall clock is not set, and how this boot
 * learns when it began.  Loop thread only. */
#ifndef ISOTHERM_FLOW_CLOCK_H
#define ISOTHERM_FLOW_CLOCK_H

#include "flow.h"

/* At each tick: decides what becomes of the times of this boot, as soon as that can be known or
 * has been waited for long enough, and asks for a commit. */
void flow_clock_judge(struct flow *flow, const struct stream_now *now);

/* Adds what was decided to the batch that is about to be handed over; with `is_whole` also what
 * is in the store already.  And when that batch is durable. */
void flow_clock_journal(struct flow *flow, bool is_whole);
void flow_clock_on_committed(struct flow *flow);

#endif
