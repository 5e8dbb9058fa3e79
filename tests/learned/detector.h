/* detector: one alarm over the recorded machine under a virtual clock, and what it is worth. */
#ifndef ISOTHERM_TESTS_DETECTOR_H
#define ISOTHERM_TESTS_DETECTOR_H

#include "alarm/habit.h"
#include "recorded.h"

enum { DETECTOR_OPENINGS_MAX = 1024 };

/* Either a fixed low limit or what the habit finds unusual. */
struct detector {
    const struct habit_options *habit; /* NULL: the fixed limit */
    int64_t deviations_milli;
    int64_t low_micro;
    int64_t on_delay_ms, off_delay_ms;
};

struct openings {
    size_t rows[DETECTOR_OPENINGS_MAX]; /* at which the alarm was raised */
    size_t count;
};

struct score {
    size_t windows; /* in this part of the recording */
    size_t hit;     /* of these, in which the alarm was raised */
    size_t inside;  /* openings */
    size_t outside; /* likewise: false alarms */
    int64_t false_per_week_milli;
};

void detector_run(const struct detector *detector, const struct recorded *recorded,
                  struct openings *openings);

/* What the openings in rows [from, to) are worth. */
struct score detector_score(const struct recorded *recorded, const struct openings *openings,
                            size_t from, size_t to);

/* Of `rounds` times that the same number of openings falls at random into rows [from, to): how
 * often, in thousandths, at least as many windows are hit. */
unsigned detector_chance_milli(const struct recorded *recorded, const struct score *score,
                               size_t from, size_t to, uint32_t seed, unsigned rounds);

#endif
