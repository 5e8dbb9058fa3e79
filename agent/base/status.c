#include "base/status.h"

static const char *const texts[ST_COUNT] = {
    [ST_OK] = "done",
    [ST_AGAIN] = "try again later",
    [ST_FULL] = "no room left",
    [ST_INVALID] = "invalid",
    [ST_NOT_FOUND] = "not found",
    [ST_IO] = "input or output failed",
    [ST_CORRUPT] = "damaged",
    [ST_TIMEOUT] = "took too long",
    [ST_CLOSED] = "closed",
    [ST_UNSUPPORTED] = "not supported",
    [ST_NO_MEMORY] = "out of memory",
    [ST_FOREIGN] = "not ours or newer",
    [ST_DENIED] = "permission denied",
};

const char *status_text(enum status status)
{
    return (unsigned)status < ST_COUNT ? texts[status] : "unknown";
}
