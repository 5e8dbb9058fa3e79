/* status: the one way in which a function says that it failed.
 *
 * A status has a meaning for the caller, not a cause: the cause is logged once, where it is
 * known.  Bad input from outside is not a failure; it is a verdict (verdict.h).  Pure. */
#ifndef ISOTHERM_BASE_STATUS_H
#define ISOTHERM_BASE_STATUS_H

#define ISOTHERM_CHECK __attribute__((warn_unused_result))
#define ISOTHERM_PRINTF(text_at, first_at) __attribute__((format(printf, text_at, first_at)))

enum status {
    ST_OK = 0,      /* done */
    ST_AGAIN,       /* not now; the same call may succeed later */
    ST_FULL,        /* a fixed capacity is used up; nothing was changed */
    ST_INVALID,     /* the arguments or the text do not make sense */
    ST_NOT_FOUND,   /* no such thing */
    ST_IO,          /* the system or a peer failed */
    ST_CORRUPT,     /* stored bytes are damaged */
    ST_TIMEOUT,     /* took too long */
    ST_CLOSED,      /* the peer or the object is gone */
    ST_UNSUPPORTED, /* not in this build or not by this peer */
    ST_NO_MEMORY,   /* start only: memory could not be had */
    ST_FOREIGN,     /* a file that is not ours, or newer than us: a person must decide */
    ST_DENIED,      /* this user may not */
    ST_COUNT
};

/* The status as a short English phrase; never NULL, static. */
const char *status_text(enum status status);

#endif
