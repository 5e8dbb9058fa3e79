/* verdict: why an input was taken or refused.
 *
 * Everything that comes in ends in exactly one verdict, and each is counted per source; a
 * refusal is never an error and never a value taken as 0.  Pure. */
#ifndef ISOTHERM_BASE_VERDICT_H
#define ISOTHERM_BASE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict {
    VERDICT_OK = 0,         /* taken */
    VERDICT_LENGTH,         /* empty, too long, or an id that does not fit */
    VERDICT_FRAME,          /* the frame around the payload is broken */
    VERDICT_CHECKSUM,       /* the checksum is wrong or missing */
    VERDICT_SYNTAX,         /* not in the form that was configured */
    VERDICT_FIELD,          /* a field is missing or of the wrong type */
    VERDICT_NO_VALUE,       /* null, nan, unavailable: the source itself says "no value" */
    VERDICT_RANGE,          /* a value no sensor can mean */
    VERDICT_TIME,           /* an absurd event time: quarantined */
    VERDICT_UNKNOWN_DEVICE, /* no mapping leads to a device */
    VERDICT_DEVICE_LIMIT,   /* the device table is full */
    VERDICT_DUPLICATE,      /* recognised as sent again */
    VERDICT_RETAINED,       /* an old message that the broker kept */
    VERDICT_LATE,           /* later than every pane that still stands */
    VERDICT_RATE,           /* one source or device sends more than it may */
    VERDICT_BUSY,           /* the agent cannot take it now (the store does not keep up) */
    /* The journal knows verdicts by their place: new ones come last. */
    VERDICT_NOT_NUMBER, /* something else stands where the value belongs: "fault", true, 0x15 */
    VERDICT_IMPOSSIBLE, /* below absolute zero */
    VERDICT_QUALITY,    /* the device itself says that its value is not to be used */
    VERDICT_COUNT
};

/* How often each verdict was given.  A caller may copy and compare it. */
struct verdict_counts {
    uint64_t by[VERDICT_COUNT];
};

/* Short stable name such as "device_limit", used in status, logs and metrics; never NULL. */
const char *verdict_name(enum verdict verdict);

/* Whether an input of a known device was refused since its sensor measures nothing that could be
 * used: the one rule for what such inputs tell its alarms. */
bool verdict_is_of_sensor(enum verdict verdict);

/* What a person should read, e.g. "the device table is full"; never NULL. */
const char *verdict_text(enum verdict verdict);

#endif
