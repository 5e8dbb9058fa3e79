/* alarm_event: the words of alarms, after ISA-18.2, and what is said of one transition.  Data and
 * names only; pure. */
#ifndef ISOTHERM_ALARM_EVENT_H
#define ISOTHERM_ALARM_EVENT_H

#include "alarm/alarm_command.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which the alarms of one rule are judged: the outer limit before the inner. */
enum alarm_kind {
    ALARM_SENSOR_FAULT,
    ALARM_HIGH_HIGH,
    ALARM_HIGH,
    ALARM_LOW_LOW,
    ALARM_LOW,
    ALARM_RISE,
    ALARM_FALL,
    ALARM_STUCK,
    ALARM_NO_DATA,
    ALARM_UNUSUAL, /* by what was learned */
    ALARM_SOURCE_SILENT,
    ALARM_AGENT, /* what the agent itself suffers from */
    ALARM_FLOOD, /* of a record about a flood; no alarm is of this kind */
    ALARM_KIND_COUNT
};

enum alarm_state {
    ALARM_NORM,
    ALARM_UNACK,
    ALARM_ACKED,
    ALARM_RTNUN,
    ALARM_LATUN,
    ALARM_LATAK,
    ALARM_SHLVD,
    ALARM_DSUPR,
    ALARM_OOSRV,
    ALARM_REMOVED, /* no longer configured; only in events */
    ALARM_STATE_COUNT
};

enum alarm_trigger {
    TRIGGER_RAISE,
    TRIGGER_CLEAR,
    TRIGGER_ACK,
    TRIGGER_RESET,
    TRIGGER_SHELVE,
    TRIGGER_UNSHELVE,
    TRIGGER_EXPIRE,
    TRIGGER_SUPPRESS,
    TRIGGER_UNSUPPRESS,
    TRIGGER_OOS,
    TRIGGER_RETURN,
    TRIGGER_REALARM,
    TRIGGER_CONFIG,
    TRIGGER_FLOOD,
    TRIGGER_COUNT
};

enum alarm_priority {
    ALARM_PRIORITY_LOW,
    ALARM_PRIORITY_MEDIUM,
    ALARM_PRIORITY_HIGH,
    ALARM_PRIORITY_CRITICAL,
    ALARM_PRIORITY_COUNT
};

enum { ALARM_LIST_SIZE = 224, ALARM_CAUSE_SIZE = ALARM_ID_SIZE };

/* One transition, as it is stored and sent; never changed afterwards. */
struct alarm_event {
    char name[ALARM_NAME_SIZE];  /* of the rule */
    char kind[ALARM_KIND_SIZE];  /* a word, e.g. "high" */
    char id[ALARM_KIND_SIZE];    /* the last part of the alarm's id, e.g. "H" */
    char group[ALARM_NAME_SIZE]; /* "": none */
    enum alarm_state from, to;
    enum alarm_trigger trigger;
    enum alarm_priority priority;
    uint32_t occurrence; /* 1, 2, 3 ... per alarm */
    uint32_t boot;       /* of the monotonic clock */
    int64_t mono_ms;
    int64_t value_micro; /* the deciding reading */
    int64_t event_ms;    /* its event time */
    int64_t arrival_ms;  /* wall time at which it came */
    int64_t since_ms;    /* wall time at which the condition began, before the delay */
    int64_t limit_micro;
    int64_t deadband_micro;
    int64_t on_delay_ms, off_delay_ms;
    int64_t until_ms; /* wall time at which the shelf ends; 0: not shelved */
    uint32_t realarm;
    uint32_t raised_while_suppressed;
    uint32_t cause_occurrence;
    uint32_t merged; /* transitions of the alarm just before this one that the store merged */
    char cause[ALARM_CAUSE_SIZE]; /* first-out alarm, outer limit, suppressing rule; "": none */
    bool annunciate;              /* calls for attention */
    bool is_first_out;
    bool is_chattering;
    bool is_in_flood;
    bool has_no_value; /* nothing has decided yet, or what did was no number */
    bool is_uncertain; /* the sensor is at fault: the state is the last one known */
    char actor[ALARM_ACTOR_SIZE];
    char reason[ALARM_REASON_SIZE];
    char command[ALARM_COMMAND_ID_SIZE];
    char list[ALARM_LIST_SIZE]; /* of a flood: ids of alarms in it, as many as fit */
};

const char *alarm_kind_word(enum alarm_kind kind);
const char *alarm_kind_id(enum alarm_kind kind);
const char *alarm_state_text(enum alarm_state state);
const char *alarm_trigger_text(enum alarm_trigger trigger);
const char *alarm_trigger_verb(enum alarm_trigger trigger); /* e.g. "raised" */
const char *alarm_priority_text(enum alarm_priority priority);

/* Of the deciding value: "good"; while the sensor is at fault "bad" for its own alarm (by its word)
 * and "uncertain" for the others. */
const char *alarm_quality_text(const char *kind, bool is_uncertain);

/* "device/rule/H", at most ALARM_ID_SIZE bytes; cut when the parts are longer than they may be. */
void alarm_id_write(char *id, const char *device, const char *rule, const char *kind_id);

/* What the event takes at most when it is encoded, and not less than that. */
size_t alarm_event_bytes(const struct alarm_event *event);

#endif
