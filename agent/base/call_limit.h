/* call_limit: keeps a blocking system call of this thread from waiting for ever.
 *
 * While a limit is in force the thread is interrupted at each interval, so that a call such as
 * connect() inside a library returns EINTR instead of waiting for minutes; once a total has passed,
 * so soon after each other that a library with a long list of things to try is soon through.  For
 * threads that may block; the signal is SIGURG, which does nothing else. */
#ifndef ISOTHERM_BASE_CALL_LIMIT_H
#define ISOTHERM_BASE_CALL_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Embedded by its owner; the fields are private. */
struct call_limit {
    timer_t timer;
    int rounds_left; /* until the total has passed; only the thread itself, in the signal's handler
                      */
    bool is_armed;
};

/* Interrupts the calling thread each interval_ms from now on, and after total_ms each
 * CALL_LIMIT_HURRY_MS.  False: it cannot be done, and nothing is interrupted; to be stopped all the
 * same.  The limit stays where it is until then. */
enum { CALL_LIMIT_HURRY_MS = 100 };
bool call_limit_start(struct call_limit *limit, int64_t interval_ms, int64_t total_ms);

/* By the same thread.  Afterwards nothing is interrupted any more. */
void call_limit_stop(struct call_limit *limit);

#endif
