/* mqtt_client_setup: from options to a libmosquitto handle that is ready to connect.
 *
 * Internal to mqtt_client.  A handle lives for one connection: what the library still holds from
 * a lost connection (unacknowledged publishes, unwritten acknowledgements) goes with it, since
 * the outbox and the broker have it too.  Loop thread only. */
#ifndef ISOTHERM_BASE_MQTT_CLIENT_SETUP_H
#define ISOTHERM_BASE_MQTT_CLIENT_SETUP_H

#include "base/mqtt_client.h"

#include <mosquitto.h>

struct mqtt_address {
    char host[LIMIT_TOPIC_SIZE];
    int port;
    bool is_tls;
};

/* Takes mqtt://host[:port] or mqtts://host[:port] apart; an IPv6 address stands in brackets.
 * ST_INVALID: *problem says what is wrong. */
enum status mqtt_address_parse(const char *url, struct mqtt_address *address,
                               const char **problem) ISOTHERM_CHECK;

/* Whether the files of the options can be used; logs those that cannot.  One that is missing may
 * come later and is no failure here.  ST_INVALID. */
enum status mqtt_setup_check_files(const struct mqtt_options *options, struct log *log,
                                   const char *part) ISOTHERM_CHECK;

/* Makes a handle with session, will, TLS and password set.  `context` goes to its callbacks.
 * ST_NO_MEMORY; ST_NOT_FOUND when a file is missing, or ST_INVALID when one has become unreadable;
 * logged. */
enum status mqtt_setup_new(struct mosquitto **handle, const struct mqtt_options *options,
                           const struct mqtt_settings *settings, const char *client_id, bool is_tls,
                           void *context) ISOTHERM_CHECK;

/* The v5 properties of CONNECT; NULL for 3.1.1.  Release with mosquitto_property_free_all.
 * ST_NO_MEMORY. */
enum status mqtt_setup_properties(const struct mqtt_options *options, uint32_t packet_limit_bytes,
                                  mosquitto_property **properties) ISOTHERM_CHECK;

#endif
