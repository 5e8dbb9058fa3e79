/* alarm_nuisance: what keeps an operator's attention from being worn out: chattering of one alarm,
 * floods over all of them, flapping as a figure.
 *
 * Fixed memory: rings of the last few times.  Times are monotonic milliseconds.  Pure. */
#ifndef ISOTHERM_ALARM_NUISANCE_H
#define ISOTHERM_ALARM_NUISANCE_H

#include "alarm/alarm_event.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ALARM_CHATTER_TIMES = 3,
    ALARM_CHATTER_MS = 60000,       /* so many annunciations within this: it chatters */
    ALARM_CHATTER_CALM_MS = 600000, /* after so long without one it no longer does */
    ALARM_FLOOD_BEGIN = 10,         /* annunciations within ALARM_FLOOD_MS */
    ALARM_FLOOD_END = 5,            /* fewer than this within it */
    ALARM_FLOOD_MS = 600000,
    ALARM_FLOOD_SUMMARY_MS = 60000,
    ALARM_FLEETING_MS = 5000, /* a condition shorter than this is fleeting */
    ALARM_FLAP_RESULTS = 21,
    ALARM_FLAP_HIGH_PERCENT = 50, /* begins to flap at this share of changes */
    ALARM_FLAP_LOW_PERCENT = 25,  /* and ends below this one */
    ALARM_STANDING_MS = 24 * 3600 * 1000
};

/* Of one alarm; all zero: never annunciated. */
struct alarm_chatter {
    int64_t mono_ms[ALARM_CHATTER_TIMES]; /* the newest first */
    uint8_t count;
    bool is_marked;
};

enum alarm_noise {
    ALARM_CALM,
    ALARM_BEGINS, /* this annunciation makes it chatter, and says so */
    ALARM_NOISY   /* it chatters: to be counted, not annunciated */
};

enum alarm_noise alarm_chatter_add(struct alarm_chatter *chatter, int64_t mono_ms);
bool alarm_chatter_is_marked(const struct alarm_chatter *chatter, int64_t mono_ms);

/* Of the gateway. */
struct alarm_flood {
    int64_t mono_ms[ALARM_FLOOD_BEGIN]; /* of the last annunciations, the newest first */
    uint32_t count;                     /* of them known */
    bool is_on;
    int64_t since_mono_ms, since_wall_ms;
    int64_t summary_mono_ms; /* when the next one is due */
    uint32_t number;         /* floods so far */
    uint32_t alarms;         /* annunciated, or held back, since it began */
    enum alarm_priority highest;
    uint32_t first_occurrence;
    char first[ALARM_ID_SIZE];  /* the alarm that began it */
    char list[ALARM_LIST_SIZE]; /* ids, separated by commas, as many as fit */
};

/* Takes in what was to be annunciated.  True: with it a flood begins. */
bool alarm_flood_add(struct alarm_flood *flood, const char *id, uint32_t occurrence,
                     enum alarm_priority priority, int64_t mono_ms, int64_t wall_ms);

/* True: the flood ends now. */
bool alarm_flood_end(struct alarm_flood *flood, int64_t mono_ms);

/* Of one alarm: a bit per result, the newest lowest. */
struct alarm_flap {
    uint32_t results;
    uint8_t count;
    bool is_flapping;
};

void alarm_flap_add(struct alarm_flap *flap, bool is_inside);

/* The share of changes among the last results, the newest weighing half as much again as the
 * oldest; 0 .. 100. */
unsigned alarm_flap_percent(const struct alarm_flap *flap);

#endif
