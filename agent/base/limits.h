/* limits: the absolute maximum of every capacity.  Configuration and boards choose sizes
 * below these; nothing grows beyond what was chosen at start. */
#ifndef ISOTHERM_BASE_LIMITS_H
#define ISOTHERM_BASE_LIMITS_H

#include <stdint.h>

#define LIMIT_DEVICES 100000    /* devices in the table */
#define LIMIT_DEVICE_ID_SIZE 64 /* bytes of a device id, the final NUL included */
#define LIMIT_WINDOWS 8         /* windows per device */
#define LIMIT_PANES 4096        /* panes per device and slice */
#define LIMIT_SOURCES 16        /* sources of all kinds */
#define LIMIT_ALARMS 64         /* alarm rules */
#define LIMIT_GATEWAY_SIZE 64   /* bytes of the gateway's name, NUL included */
#define LIMIT_PATH_SIZE 256     /* bytes of a path, NUL included */
#define LIMIT_TOPIC_SIZE 256    /* bytes of a topic or topic filter, NUL included */
#define LIMIT_PAYLOAD 65536     /* bytes of one payload that may be configured at most */
#define LIMIT_PAYLOAD_DEFAULT 4096
#define LIMIT_RECORD_JSON 2048 /* bytes of one record as JSON */
#define LIMIT_IN_FLIGHT 100    /* records sent and not yet acknowledged */
#define LIMIT_WATCHES 256      /* descriptors the loop watches */
#define LIMIT_TIMERS 256       /* timers of the loop */

/* No thermometer means more than this; it also makes 64-bit sums roomy.  In millionths. */
#define LIMIT_VALUE_MICRO INT64_C(100000000000) /* 100,000 degrees */
#define LIMIT_COLDEST_MICRO INT64_C(-273150000) /* absolute zero */

#endif
