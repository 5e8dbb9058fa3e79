/* Stands in for mqtt_tls.c in a build without TLS.  Invariant: such a program never connects in
 * plain text where TLS was asked for. */
#include "base/mqtt_tls.h"

bool mqtt_tls_is_compiled(void)
{
    return false;
}

enum status mqtt_tls_set(struct mosquitto *handle, const struct mqtt_options *options,
                         struct log *log, const char *part)
{
    (void)handle;
    (void)options;
    log_limited(log, LOG_LEVEL_ERROR, part, "tls", "TLS is not compiled into this program");
    return ST_INVALID;
}
