/* reading: one value of one device with its time.  Data only; pure. */
#ifndef ISOTHERM_STREAM_READING_H
#define ISOTHERM_STREAM_READING_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct reading {
    char device[LIMIT_DEVICE_ID_SIZE]; /* see device_id.h: escaped, never empty */
    int64_t value_micro;               /* degrees Celsius in millionths */
    bool has_event_time;               /* false: the arrival time is the event time */
    int64_t event_ms;                  /* UTC, when measured; valid with has_event_time */
};

#endif
