/* report_alarms: the figures of the alarms for `isotherm status`.  Loop thread only. */
#ifndef ISOTHERM_REPORT_ALARMS_H
#define ISOTHERM_REPORT_ALARMS_H

#include "alarm/alarm_engine.h"
#include "base/text.h"

/* Appends "alarms": {...}. */
void report_alarms(struct text *text, const struct alarm_engine *engine);

#endif
