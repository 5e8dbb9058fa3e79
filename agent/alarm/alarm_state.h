/* alarm_state: the state machine of ISA-18.2.
 *
 * Few independent facts describe an alarm; the name of its state is computed from them.  A table
 * says what each trigger does in each state, one row for each row of the standard's.  Pure. */
#ifndef ISOTHERM_ALARM_STATE_H
#define ISOTHERM_ALARM_STATE_H

#include "alarm/alarm_event.h"

#include <stdbool.h>

/* All false is Normal. */
struct alarm_facts {
    bool is_active : 1;  /* the condition, after deadband and delays */
    bool is_unacked : 1; /* nobody has acknowledged it yet */
    bool is_latched : 1; /* over, but waits for a reset */
    bool is_shelved : 1;
    bool is_one_shot : 1;       /* the shelf ends with the next return to normal */
    bool is_suppressed : 1;     /* by design: a rule */
    bool is_out_of_service : 1; /* by maintenance */
};

/* What the rule wants of its alarms. */
struct alarm_policy {
    bool needs_ack;   /* after it went by itself it waits to be acknowledged */
    bool is_latching; /* after it went by itself it waits for a reset */
};

enum alarm_outcome {
    ALARM_CHANGED, /* an event is to be stored */
    ALARM_SAME,    /* it is so already: nothing to do */
    ALARM_REFUSED  /* not applicable in this state */
};

struct alarm_step {
    enum alarm_outcome outcome;
    enum alarm_state from, to;
    bool annunciate;
    bool is_new_occurrence;
    bool is_hidden_raise; /* raised while suppressed or shelved */
};

enum alarm_state alarm_state_name(struct alarm_facts facts);

/* Whether the state is one in which the alarm is hidden: SHLVD, DSUPR, OOSRV. */
bool alarm_state_is_hidden(struct alarm_facts facts);

/* Changes the facts by one trigger; anything but ALARM_CHANGED leaves them as they are. */
struct alarm_step alarm_state_apply(struct alarm_facts *facts, struct alarm_policy policy,
                                    enum alarm_trigger trigger);

#endif
