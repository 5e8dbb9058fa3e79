/* alarm_request: a command for an alarm as JSON, and the answer to it.  docs/data-format.md names
 * every field; request and answer are the same over the control socket and over MQTT.  Pure. */
#ifndef ISOTHERM_ALARM_REQUEST_H
#define ISOTHERM_ALARM_REQUEST_H

#include "alarm/alarm_command.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALARM_ANSWER_BYTES = 2048 }; /* of an answer at most */

/* What becomes of a request; the first seven in the order of enum alarm_answer. */
enum request_result {
    REQUEST_DONE,
    REQUEST_NOTHING_TO_DO,
    REQUEST_UNKNOWN_ALARM,
    REQUEST_WRONG_OCCURRENCE,
    REQUEST_NOT_APPLICABLE,
    REQUEST_OUT_OF_RANGE,
    REQUEST_BUSY,
    REQUEST_NOT_AUTHORISED, /* this command, or this actor, may not come this way */
    REQUEST_MALFORMED,
    REQUEST_TOO_LARGE,
    REQUEST_TOO_OLD,
    REQUEST_RETAINED,      /* kept by the broker: nobody commands it now */
    REQUEST_ID_USED,       /* its id belonged to another request */
    REQUEST_OTHER_GATEWAY, /* it names one that we are not */
    REQUEST_RESULTS
};

struct alarm_request {
    struct alarm_command command;
    char gateway[LIMIT_GATEWAY_SIZE]; /* "": not named */
    bool has_occurrence;              /* 0 then means: never raised so far */
    int64_t sent_ms;                  /* by the sender's clock; 0: not given */
};

/* Reads a request.  From the network id, actor, occurrence and time are required; locally they may
 * be missing (0, "").  REQUEST_DONE, _MALFORMED or _OUT_OF_RANGE; otherwise *detail (static) says
 * what is wrong, and *request holds what could be read before. */
enum request_result alarm_request_parse(const char *json, size_t size, bool is_local,
                                        struct alarm_request *request, const char **detail);

/* The same for two requests that ask for the same thing by the same actor. */
uint64_t alarm_request_fingerprint(const struct alarm_request *request);

const char *alarm_request_verb_name(enum alarm_verb verb); /* "ack" */
bool alarm_request_find_verb(const char *name, enum alarm_verb *verb);
const char *alarm_request_result_name(enum request_result result); /* "wrong_occurrence" */
bool alarm_request_is_success(enum request_result result);

/* What is known when a request is answered. */
struct alarm_reply {
    const char *gateway;
    const struct alarm_request *request; /* NULL: it could not be read */
    enum request_result result;
    bool is_repeat;                /* it had been carried out before */
    const char *detail;            /* for a person; NULL: none */
    const struct alarm_view *view; /* the alarm afterwards; NULL: not known */
};

/* Writes the answer as one object; a buffer of ALARM_ANSWER_BYTES is enough for it. */
void alarm_request_write_answer(struct text *text, const struct alarm_reply *reply);

/* Writes an alarm as one object under `key` (NULL: none).  `gateway` is said first; NULL: not. */
void alarm_request_write_view(struct text *text, const char *key, const struct alarm_view *view,
                              const char *gateway);

#endif
