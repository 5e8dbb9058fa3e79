/* mqtt_options: the options of a connection to an MQTT broker, and the rows of their table. */
#ifndef ISOTHERM_BASE_MQTT_OPTIONS_H
#define ISOTHERM_BASE_MQTT_OPTIONS_H

#include "base/field.h"
#include "base/limits.h"

#include <stdint.h>

enum mqtt_version { MQTT_VERSION_5, MQTT_VERSION_311 };

/* Options that both sides have; filled through the rows of MQTT_CLIENT_FIELDS. */
struct mqtt_options {
    char broker[LIMIT_TOPIC_SIZE]; /* mqtt://host[:1883] or mqtts://host[:8883] */
    char client_id[65];            /* "": made from gateway and part */
    char username[128];
    char password_file[LIMIT_PATH_SIZE];
    char ca_file[LIMIT_PATH_SIZE]; /* "": the system's certificates */
    char cert_file[LIMIT_PATH_SIZE];
    char key_file[LIMIT_PATH_SIZE];
    int version; /* enum mqtt_version */
    int64_t keepalive_ms;
    int64_t session_ms; /* how long the broker keeps our session */
    int64_t backoff_min_ms, backoff_max_ms;
};

extern const char *const mqtt_version_names[]; /* "5", "3.1.1", NULL */

#define MQTT_CLIENT_FIELDS(options_type, member)                                                   \
    {.name = "broker",                                                                             \
     .type = FIELD_TEXT,                                                                           \
     .offset = offsetof(options_type, member.broker),                                              \
     .size = sizeof((options_type *)0)->member.broker,                                             \
     .is_required = true,                                                                          \
     FIELD_HELP("Where the broker is: mqtt://host[:1883], or mqtts://host[:8883] for TLS.")},      \
        {.name = "client_id",                                                                      \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.client_id),                                       \
         .size = sizeof((options_type *)0)->member.client_id,                                      \
         .default_text = "",                                                                       \
         FIELD_HELP("MQTT client id; by default made from the gateway's name. Must be unique "     \
                    "at the broker and stay the same over restarts.")},                            \
        {.name = "username",                                                                       \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.username),                                        \
         .size = sizeof((options_type *)0)->member.username,                                       \
         .default_text = "",                                                                       \
         FIELD_HELP("User name at the broker.")},                                                  \
        {.name = "password_file",                                                                  \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.password_file),                                   \
         .size = sizeof((options_type *)0)->member.password_file,                                  \
         .default_text = "",                                                                       \
         FIELD_HELP("File whose first line is the password; must not be readable by others.")},    \
        {.name = "ca_file",                                                                        \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.ca_file),                                         \
         .size = sizeof((options_type *)0)->member.ca_file,                                        \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of the certificate authority; by default the system's.")},           \
        {.name = "cert_file",                                                                      \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.cert_file),                                       \
         .size = sizeof((options_type *)0)->member.cert_file,                                      \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of our certificate, when the broker wants one.")},                   \
        {.name = "key_file",                                                                       \
         .type = FIELD_TEXT,                                                                       \
         .offset = offsetof(options_type, member.key_file),                                        \
         .size = sizeof((options_type *)0)->member.key_file,                                       \
         .default_text = "",                                                                       \
         FIELD_HELP("PEM file of the private key that goes with cert_file.")},                     \
        {.name = "version",                                                                        \
         .type = FIELD_CHOICE,                                                                     \
         .offset = offsetof(options_type, member.version),                                         \
         .choices = mqtt_version_names,                                                            \
         .default_text = "5",                                                                      \
         FIELD_HELP("MQTT version. With 3.1.1 a broker cannot say that it refused a message.")},   \
        {.name = "keepalive",                                                                      \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.keepalive_ms),                                    \
         .default_text = "30s",                                                                    \
         .min = 5000,                                                                              \
         .max = 3600000,                                                                           \
         FIELD_HELP("Keepalive; a dead connection is noticed after at most twice this.")},         \
        {.name = "session",                                                                        \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.session_ms),                                      \
         .default_text = "7d",                                                                     \
         .min = 0,                                                                                 \
         .max = INT64_C(315360000000),                                                             \
         FIELD_HELP("How long the broker keeps our session while we are away.")},                  \
        {.name = "retry_min",                                                                      \
         .type = FIELD_DURATION,                                                                   \
         .offset = offsetof(options_type, member.backoff_min_ms),                                  \
         .default_text = "1s",                                                                     \
         .min = 100,                                                                               \
         .max = 3600000,                                                                           \
         FIELD_HELP("Shortest wait before connecting again; grows with each failure.")},           \
    {                                                                                              \
        .name = "retry_max", .type = FIELD_DURATION,                                               \
        .offset = offsetof(options_type, member.backoff_max_ms), .default_text = "60s",            \
        .min = 100, .max = 3600000, FIELD_HELP("Longest wait before connecting again.")            \
    }

/* Holds the options against each other (URL, certificate with key, retry_min <= retry_max). */
void mqtt_options_check(const struct mqtt_options *options, const struct field_report *report);

#endif
