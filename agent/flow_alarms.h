/* flow_alarms: what passes between the flow and its alarms beside readings.  Loop thread only. */
#ifndef ISOTHERM_FLOW_ALARMS_H
#define ISOTHERM_FLOW_ALARMS_H

#include "flow.h"

/* Logs a transition at once, before the commit that lets it go to the centre: a stalled disk must
 * not hide it. */
void flow_alarms_log(const struct flow *flow, const struct record *record);

/* Tells the alarms of the kind `agent` what the agent itself suffers from. */
void flow_alarms_judge(struct flow *flow, const struct stream_now *now);

#endif
