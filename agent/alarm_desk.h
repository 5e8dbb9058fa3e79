/* alarm_desk: takes requests for alarms, from the local socket or from afar, decides whether they
 * may be carried out, has the engine do so, and writes the answers.
 *
 * It neither sends nor commits: the caller lets an answer go when what it speaks of is durable.
 * Loop thread only; no allocation. */
#ifndef ISOTHERM_ALARM_DESK_H
#define ISOTHERM_ALARM_DESK_H

#include "alarm_guard.h"
#include "alarm_request.h"
#include "base/log.h"
#include "uplink/command_channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ALARM_DESK_RATE = 10, /* requests a second from afar, at most */
    ALARM_DESK_BURST = 32 /* at once after a quiet time: somebody acknowledges a whole list */
};

/* Asks the engine; as alarm_engine_command.  `is_exact`: occurrence 0 does not mean whichever, but
 * an alarm that was never raised. */
typedef enum alarm_answer alarm_desk_engine_fn(void *engine, const struct alarm_command *command,
                                               bool is_exact, const struct alarm_now *now,
                                               struct alarm_view *after);

/* When an answer may leave. */
enum alarm_desk_when {
    ALARM_DESK_AT_ONCE, /* it says nothing of any alarm */
    ALARM_DESK_DURABLE, /* when everything that has happened so far is durable */
    ALARM_DESK_CHANGED  /* likewise, and there is something to commit now */
};

struct alarm_desk_counts {
    uint64_t local[REQUEST_RESULTS], remote[REQUEST_RESULTS];
    uint64_t repeats; /* among them, known by their id */
};

/* Embedded by its owner; the fields are private. */
struct alarm_desk {
    const char *gateway;
    const struct command_channel_options *remote;
    alarm_desk_engine_fn *ask;
    void *engine;
    struct log *log;
    struct alarm_guard guard;
    int64_t tokens, filled_mono_ms; /* thousandths of a request */
    struct alarm_desk_counts counts;
    bool are_counts_unwritten;
};

enum {
    ALARM_DESK_TAG = 'Q', /* first byte of a journal entry with the counts */
    ALARM_DESK_ENTRY_BYTES = 8 + 10 * (2 * REQUEST_RESULTS + 1),
    ALARM_DESK_ROOM_BYTES = ALARM_GUARD_ROOM_BYTES + ALARM_DESK_ENTRY_BYTES /* of one commit */
};

/* Everything but the log's lines is the caller's and stays valid. */
void alarm_desk_init(struct alarm_desk *desk, const char *gateway,
                     const struct command_channel_options *remote, alarm_desk_engine_fn *ask,
                     void *engine, struct log *log, int64_t now_mono_ms);

/* A request as it came. */
struct alarm_desk_request {
    const char *json; /* size bytes, not NUL-terminated */
    size_t size;
    bool is_local;
    bool is_retained; /* by the broker */
    const char *peer; /* local: who it is as far as we know, when the request names no actor */
};

/* Deals with one request and writes the answer, for which ALARM_ANSWER_BYTES are enough. */
enum alarm_desk_when alarm_desk_take(struct alarm_desk *desk,
                                     const struct alarm_desk_request *request,
                                     const struct alarm_now *now, struct text *answer);

/* Writes the counts into `bytes` of ALARM_DESK_ENTRY_BYTES when they changed since the last time;
 * returns the size, 0 when they did not. */
size_t alarm_desk_encode_counts(struct alarm_desk *desk, uint8_t *bytes);

/* Gives them back, the newest last.  ST_CORRUPT: nothing of it was taken. */
enum status alarm_desk_restore_counts(struct alarm_desk *desk, const void *bytes,
                                      size_t size) ISOTHERM_CHECK;

#endif
