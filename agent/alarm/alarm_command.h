/* alarm_command: what an operator does to an alarm, and what is told about alarms.
 *
 * A command names one alarm by its id and, when it comes from afar, the occurrence it means, so
 * that one that comes late cannot acknowledge what the operator has not seen.  Who may send it,
 * and whether it came before, is for the caller.  Loop thread only. */
#ifndef ISOTHERM_ALARM_COMMAND_H
#define ISOTHERM_ALARM_COMMAND_H

#include "base/clock.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alarm_engine;

/* Sizes with the final NUL. */
enum {
    ALARM_NAME_SIZE = 32,                                                     /* of a rule */
    ALARM_KIND_SIZE = 16,                                                     /* e.g. "high" */
    ALARM_ID_SIZE = LIMIT_DEVICE_ID_SIZE + ALARM_NAME_SIZE + ALARM_KIND_SIZE, /* device/rule/H */
    ALARM_STATE_SIZE = 8,
    ALARM_PRIORITY_SIZE = 10,
    ALARM_QUALITY_SIZE = 10,
    ALARM_ACTOR_SIZE = 48,
    ALARM_REASON_SIZE = 96,
    ALARM_COMMAND_ID_SIZE = 40
};

/* Now, as the caller sees it. */
struct alarm_now {
    int64_t wall_ms;
    int64_t mono_ms;
    enum clock_quality clock;
};

enum alarm_verb { ALARM_ACK, ALARM_RESET, ALARM_SHELVE, ALARM_UNSHELVE, ALARM_OOS, ALARM_RETURN };

enum alarm_answer {
    ALARM_DONE,
    ALARM_NOTHING_TO_DO,    /* it is so already; counts as success */
    ALARM_UNKNOWN,          /* no alarm has that id */
    ALARM_WRONG_OCCURRENCE, /* it is about another passage of the alarm */
    ALARM_NOT_APPLICABLE,   /* not in this state */
    ALARM_OUT_OF_RANGE,     /* of the time a shelf may last */
    ALARM_BUSY              /* no room for the event before the next commit; ask again */
};

struct alarm_command {
    enum alarm_verb verb;
    char alarm[ALARM_ID_SIZE];      /* id, e.g. "oven-1/temp/H" */
    uint32_t occurrence;            /* 0: whichever (local only) */
    int64_t shelve_ms;              /* for ALARM_SHELVE: how long, at most the rule's max_shelve */
    bool is_one_shot;               /* for ALARM_SHELVE: ends with the next return to normal too */
    char actor[ALARM_ACTOR_SIZE];   /* who */
    char reason[ALARM_REASON_SIZE]; /* why; may be empty */
    char id[ALARM_COMMAND_ID_SIZE]; /* of the command; may be empty */
};

/* What is to be known of one alarm. */
struct alarm_view {
    char alarm[ALARM_ID_SIZE];
    char device[LIMIT_DEVICE_ID_SIZE];
    char kind[ALARM_KIND_SIZE];
    char state[ALARM_STATE_SIZE]; /* e.g. "UNACK" */
    uint32_t occurrence;
    char priority[ALARM_PRIORITY_SIZE];
    char group[ALARM_NAME_SIZE]; /* "": none */
    int64_t value_micro;         /* the deciding reading */
    bool has_no_value;           /* nothing has decided yet, or what did was no number */
    char quality[ALARM_QUALITY_SIZE];
    uint32_t annunciated;            /* how often it has called for attention */
    uint32_t realarm, hidden_raises; /* of this occurrence; of this suppression */
    int64_t limit_micro;
    int64_t since_ms; /* wall time at which the present state began; 0: it never changed */
    int64_t until_ms; /* wall time at which a shelf ends; 0: not shelved */
    bool is_active, is_standing, is_chattering, is_first_out;
    char actor[ALARM_ACTOR_SIZE];   /* of the last command; "": none */
    char reason[ALARM_REASON_SIZE]; /* likewise */
};

/* Carries out a command.  The event is in the batch of the next commit: answer the sender only
 * after that is durable.  `after` (may be NULL) is what the alarm is now; not set when the answer
 * is ALARM_UNKNOWN. */
enum alarm_answer alarm_engine_command(struct alarm_engine *engine,
                                       const struct alarm_command *command,
                                       const struct alarm_now *now, struct alarm_view *after);

/* Copies up to `max` views of the alarms after *cursor (0 at first) and moves it; fewer than max:
 * there are no more. */
size_t alarm_engine_list(const struct alarm_engine *engine, size_t *cursor,
                         struct alarm_view *views, size_t max);

/* Copies the view of one alarm.  False: no alarm has that id. */
bool alarm_engine_view(const struct alarm_engine *engine, const char *alarm,
                       struct alarm_view *view);

/* A word for the answer: "done", "nothing to do", "unknown alarm" ... */
const char *alarm_answer_text(enum alarm_answer answer);

#endif
