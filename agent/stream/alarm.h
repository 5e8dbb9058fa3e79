/* alarm: one supervised limit of one device.
 *
 * Facts are stored, the state is computed from them, so that acknowledging, shelving and latching
 * (ISA-18.2) can be added as further facts.  Delays run on the monotonic clock.  Pure. */
#ifndef ISOTHERM_STREAM_ALARM_H
#define ISOTHERM_STREAM_ALARM_H

#include "stream/record.h"

#include <stdbool.h>
#include <stdint.h>

/* What is supervised: one side of a rule; the same for all devices. */
struct alarm_limit {
    bool is_low; /* active at and below the limit, instead of at and above */
    int64_t limit_micro;
    int64_t deadband_micro; /* >= 0 */
    int64_t on_delay_ms;    /* >= 0 */
};

/* The facts of one alarm; all zero is Normal, never raised. */
struct alarm {
    int64_t value_micro;     /* the deciding reading */
    int64_t event_ms;        /* its event time */
    int64_t since_ms;        /* wall time at which the condition began */
    int64_t pending_mono_ms; /* since when it holds, valid while pending */
    uint32_t occurrence;     /* passages from Normal to Active so far */
    uint8_t limit;           /* which one of the stream's limits; of the caller */
    bool is_active : 1;      /* after deadband and delay */
    bool is_pending : 1;     /* the condition holds, the delay runs */
    bool is_suspended : 1;   /* restored: pending_mono_ms is the time already elapsed */
};

/* Now and the reading at hand. */
struct alarm_reading {
    int64_t value_micro;
    int64_t event_ms;
    int64_t wall_ms;
    int64_t mono_ms;
};

enum alarm_change { ALARM_UNCHANGED, ALARM_RAISED, ALARM_CLEARED };

/* Evaluates a good reading that is not older than the last one evaluated. */
enum alarm_change alarm_evaluate(struct alarm *alarm, const struct alarm_limit *limit,
                                 const struct alarm_reading *reading);

/* Ends the on-delay when it is over.  To be called before alarm_evaluate too, so that what is
 * raised does not depend on how often it is called. */
enum alarm_change alarm_advance(struct alarm *alarm, const struct alarm_limit *limit,
                                int64_t mono_ms);

/* Gives the delay of a restored alarm a place on this run's monotonic clock. */
void alarm_resume(struct alarm *alarm, int64_t mono_ms);

/* How much of the delay has passed; 0 when not pending. */
int64_t alarm_count_elapsed_ms(const struct alarm *alarm, int64_t mono_ms);

enum alarm_state alarm_name_state(const struct alarm *alarm);

#endif
