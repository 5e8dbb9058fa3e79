/* boot_times: when boots began by the wall clock, which turns uptime into true times.
 *
 * While the wall clock is not set, what has no time of its own is told by its place on the
 * monotonic clock of this boot.  Once that clock is set, or waiting for it is given up, it is
 * decided for the whole boot and for ever: the same record must never be sent with two times.  The
 * last few boots are remembered.  Pure; in the journal as an entry. */
#ifndef ISOTHERM_BASE_BOOT_TIMES_H
#define ISOTHERM_BASE_BOOT_TIMES_H

#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where uptime stands in as event time: within 1975, so that neither a window's start is negative
 * nor anything true lies near.  A whole number of days since 1970. */
#define UPTIME_BASE_MS INT64_C(157766400000)

enum {
    BOOT_TIMES_MAX = 16, /* boots remembered; of an older one nothing is known any more */
    BOOT_TIMES_TAG = 'B',
    BOOT_TIMES_BYTES = 3 + BOOT_TIMES_MAX * (5 + 1 + 10)
};

struct boot_time {
    uint32_t boot;
    enum clock_quality clock; /* when it was learned; UNSET: never, what is of it stays unplaced */
    int64_t begin_ms;         /* wall time of its uptime 0; 0: not known */
};

struct boot_times {
    uint32_t boot;     /* the present one; never 0 */
    bool is_concerned; /* the clock was not set at some time in it */
    bool is_durable;   /* what is said of it is in the store */
    size_t count;
    struct boot_time boots[BOOT_TIMES_MAX]; /* the oldest first */
};

/* What is known of a boot, or NULL. */
const struct boot_time *boot_times_find(const struct boot_times *times, uint32_t boot);

/* Whether it is still open what becomes of the boot's times: nothing of it may be sent. */
bool boot_times_is_open(const struct boot_times *times, uint32_t boot);

/* What is to be added to an event time of the boot: to make it true, when *clock then is not
 * UNSET, else to make it milliseconds since the boot began. */
int64_t boot_times_shift_ms(const struct boot_times *times, uint32_t boot,
                            enum clock_quality *clock);

/* Decides for the present boot: its clock was set, or (UNSET) will not be waited for.  Not durable
 * yet.  Once decided, only begin_ms can be added, which then changes no record. */
void boot_times_decide(struct boot_times *times, enum clock_quality clock, int64_t begin_ms);

/* Whether uptime may stand in for the time: no boot lasts ten years, and a year before one began
 * lies what was reckoned back from its uptime. */
static inline bool boot_times_is_uptime(int64_t time_ms)
{
    const int64_t year_ms = INT64_C(366) * 86400000;
    return time_ms >= UPTIME_BASE_MS - year_ms && time_ms < UPTIME_BASE_MS + 10 * year_ms;
}

/* As a journal entry (of at most BOOT_TIMES_BYTES), and back; `boot` stays.  ST_CORRUPT: not
 * one. */
size_t boot_times_encode(const struct boot_times *times, uint8_t *bytes);
enum status boot_times_decode(struct boot_times *times, const void *bytes,
                              size_t size) ISOTHERM_CHECK;

#endif
