/* record: what leaves the gateway for the centre: the result of a window, a transition of an alarm,
 * or the store's notice of numbers that will not come.  Data only; pure. */
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

enum record_kind { RECORD_WINDOW = 1, RECORD_ALARM = 2, RECORD_NOTICE = 3 };

struct window_result {
    int64_t size_ms; /* 0 for windows by count */
    int64_t every_ms;
    uint32_t size_count; /* readings; 0 for windows by time */
    uint32_t every_count;
    int64_t start_ms; /* inclusive; by count: event time of the first reading */
    int64_t end_ms;   /* exclusive; by count: event time of the last reading */
    struct summary summary;
    uint32_t revision; /* 1 when first published; higher replaces lower of the same part */
    uint32_t part;     /* a device that was evicted and came back, or whose clock was ahead and set
                          back, is begun anew: what it says of a window then has a higher part, and
                          adds to the other parts.  0 as long as that has happened to none */
    uint32_t boot;     /* 0: its times are true; else they are uptime of that boot from
                          UPTIME_BASE_MS on, since the wall clock was not set.  A part is of one
                          boot */
    bool is_provisional;
    uint32_t late;          /* readings that came after revision 1 and are counted in here */
    uint32_t missed;        /* late readings this kind of window could not take, since the
                               device's former record of the same kind of window */
    uint32_t rejected;      /* refused readings of the device since its former such record */
    int64_t longest_gap_ms; /* longest stretch without a reading, as far as panes can tell */
    uint32_t merged;        /* windows that the store merged into this one; 0: none, it is as the
                               stream made it.  size_ms and every_ms stay those of the windows,
                               start_ms and end_ms are those of the whole */
};

/* Why a number of the sequence will not come. */
enum notice_reason {
    NOTICE_MERGED = 1, /* its readings are in other records: merged ones of the same kind of window,
                          or those of another kind that cover it */
    NOTICE_DROPPED,    /* no room: what it said is lost */
    NOTICE_DAMAGED,    /* the disk lost it */
    NOTICE_REASONS
};

enum { NOTICE_RANGES = 20, NOTICE_ASIDE_SIZE = 64, NOTICE_EPOCH_SIZE = 17 };

/* Numbers first to last, both inclusive. */
struct seq_range {
    uint64_t first, last;
};

/* Made by the store: under one of the numbers that became free, or under a new one. */
struct notice {
    enum notice_reason reason;
    uint32_t range_count;
    int64_t from_ms, to_ms;                 /* event time of what is gone: inclusive, exclusive */
    uint64_t covered;                       /* merged: how many of them another kind covers */
    uint64_t readings;                      /* dropped: sum of the counts of what is gone; else 0 */
    struct seq_range ranges[NOTICE_RANGES]; /* ascending, neither overlapping nor adjacent */
    uint64_t lost;                          /* dropped, damaged: how many records are gone */
    /* Of damage only. */
    uint32_t blobs;                       /* of the journal: readings of open windows */
    uint64_t former_seq;                  /* the newest number of that epoch; 0: not known */
    char former_epoch[NOTICE_EPOCH_SIZE]; /* of the store that was set aside; "": this one */
    char aside[NOTICE_ASIDE_SIZE];        /* name of the file that was set aside; "": none was */
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
        struct notice notice; /* device is "" */
    };
};

#endif
