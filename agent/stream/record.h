/* record: what leaves the stream and travels through the outbox to the centre: the result of a
 * window, or a transition of an alarm.  Data only; pure. */
#ifndef ISOTHERM_STREAM_RECORD_H
#define ISOTHERM_STREAM_RECORD_H

#include "alarm/alarm_event.h"
#include "base/clock.h"
#include "base/limits.h"
#include "stream/summary.h"

#include <stdbool.h>
#include <stdint.h>

/* What the record of a window takes at most in the outbox's encoding, and that of an alarm. */
enum { STREAM_RECORD_BYTES = 320, STREAM_ALARM_BYTES = 1024 };

enum record_kind { RECORD_WINDOW = 1, RECORD_ALARM = 2 };

struct window_result {
    int64_t size_ms; /* 0 for windows by count */
    int64_t every_ms;
    uint32_t size_count; /* readings; 0 for windows by time */
    uint32_t every_count;
    int64_t start_ms; /* inclusive; by count: event time of the first reading */
    int64_t end_ms;   /* exclusive; by count: event time of the last reading */
    struct summary summary;
    uint32_t revision; /* 1 when first published; higher replaces lower */
    bool is_provisional;
    uint32_t late;          /* readings that came after revision 1 and are counted in here */
    uint32_t missed;        /* late readings this kind of window could not take, since the
                               device's former record of the same kind of window */
    uint32_t rejected;      /* refused readings of the device since its former such record */
    int64_t longest_gap_ms; /* longest stretch without a reading, as far as panes can tell */
};

struct record {
    uint64_t seq; /* place in the gateway's sequence without holes; from 1 */
    enum record_kind kind;
    char device[LIMIT_DEVICE_ID_SIZE];
    int64_t created_ms;       /* wall time */
    enum clock_quality clock; /* how far the wall clock could be trusted */
    union {
        struct window_result window;
        struct alarm_event alarm;
    };
};

#endif
