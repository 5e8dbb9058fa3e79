/* link_mqtt: the link to an MQTT broker, over base/mqtt_client.  Loop thread only. */
#ifndef ISOTHERM_UPLINK_LINK_MQTT_H
#define ISOTHERM_UPLINK_LINK_MQTT_H

#include "uplink/link.h"

/* Its options are a struct mqtt_options. */
extern const struct link_kind link_mqtt;

/* The name that MQTT v5 gives to a reason code of a PUBACK, static; NULL for others. */
const char *link_mqtt_reason_name(int reason);

#endif
