/* mqtt_tls: encryption of an MQTT connection; left out of a build with -DISOTHERM_TLS=OFF.
 * Internal to mqtt_client.  Loop thread only. */
#ifndef ISOTHERM_BASE_MQTT_TLS_H
#define ISOTHERM_BASE_MQTT_TLS_H

#include "base/mqtt_client.h"

#include <mosquitto.h>

#include <stdbool.h>

bool mqtt_tls_is_compiled(void);

/* Has the handle connect by TLS 1.2 at least, checking chain and host name.  ST_INVALID: the
 * files cannot be used, or TLS is not compiled in; logged. */
enum status mqtt_tls_set(struct mosquitto *handle, const struct mqtt_options *options,
                         struct log *log, const char *part) ISOTHERM_CHECK;

#endif
