/* report: what the agent says about itself, as JSON.  Loop thread only. */
#ifndef ISOTHERM_REPORT_H
#define ISOTHERM_REPORT_H

#include "base/text.h"
#include "flow.h"

#include <stdint.h>

/* The whole status as one object. */
void report_status(struct text *text, const struct flow *flow, const char *epoch,
                   int64_t started_mono_ms);

/* The ledger as one object, in total and per source: what is published in-band. */
void report_ledger(struct text *text, const struct flow *flow, const char *epoch,
                   int64_t started_mono_ms);

/* One device as one object. */
void report_device(struct text *text, const struct stream_device *device);

#endif
