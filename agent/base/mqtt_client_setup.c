/* Invariant: a password is in memory of ours only inside set_password, and never in a log. */
#include "base/mqtt_client_setup.h"

#include "base/mqtt_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mqtt_protocol.h>

enum { PASSWORD_SIZE = 512, PORT_PLAIN = 1883, PORT_TLS = 8883 };

const char *const mqtt_version_names[] = {"5", "3.1.1", NULL};

static bool skip_prefix(const char **text, const char *prefix)
{
    size_t size = strlen(prefix);
    if (strncmp(*text, prefix, size) != 0) return false;
    *text += size;
    return true;
}

/* The host up to `:port` or the end; `rest` is left behind it. */
static enum status parse_host(const char **rest, char *host, size_t capacity, const char **problem)
{
    bool is_bracketed = **rest == '[';
    if (is_bracketed) ++*rest;
    size_t size = strcspn(*rest, is_bracketed ? "]" : ":/?#@");
    if (!is_bracketed && **rest == ':' && rest[0][1] == ':') {
        *problem = "has an IPv6 address without brackets; write mqtt://[::1]:1883";
        return ST_INVALID;
    }
    if (strcspn(*rest, " \t") < size) {
        *problem = "has a blank in the host";
        return ST_INVALID;
    }
    if (size == 0 || size >= capacity) {
        *problem = "has no host, or one that is too long";
        return ST_INVALID;
    }
    memcpy(host, *rest, size);
    host[size] = '\0';
    *rest += size;
    if (is_bracketed && *(*rest)++ != ']') {
        *problem = "lacks the closing bracket of the address";
        return ST_INVALID;
    }
    return ST_OK;
}

enum status mqtt_address_parse(const char *url, struct mqtt_address *address, const char **problem)
{
    const char *rest = url;
    address->is_tls = false;
    if (skip_prefix(&rest, "mqtts://")) {
        address->is_tls = true;
    } else if (!skip_prefix(&rest, "mqtt://")) {
        *problem = "must begin with mqtt:// or mqtts://";
        return ST_INVALID;
    }
    if (strchr(rest, '@') != NULL) {
        *problem = "must not hold a user name; use username and password_file";
        return ST_INVALID;
    }
    enum status status = parse_host(&rest, address->host, sizeof address->host, problem);
    if (status != ST_OK) return status;
    address->port = address->is_tls ? PORT_TLS : PORT_PLAIN;
    if (*rest == ':') {
        char *end;
        errno = 0;
        long port = rest[1] >= '0' && rest[1] <= '9' ? strtol(rest + 1, &end, 10) : 0;
        if (port < 1 || port > 65535) {
            *problem = "has a port that is not between 1 and 65535";
            return ST_INVALID;
        }
        address->port = (int)port;
        rest = end;
    }
    if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0) {
        *problem = "has something behind host and port";
        return ST_INVALID;
    }
    return ST_OK;
}

static bool is_missing(const char *path)
{
    return path[0] != '\0' && access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* It may come later: then the connection is made. */
static void warn_if_missing(const struct field_report *report, const char *name, const char *path)
{
    char problem[LIMIT_PATH_SIZE + 64];
    if (report->warn == NULL || !is_missing(path)) return;
    (void)snprintf(problem, sizeof problem, "there is no %s; without it nothing is connected",
                   path);
    report->warn(report->context, name, problem);
}

/* As open_secret will judge it. */
static void check_secret(const struct field_report *report, const char *name, const char *path)
{
    char problem[96];
    struct stat facts;
    if (path[0] == '\0' || stat(path, &facts) != 0) return;
    if (!S_ISREG(facts.st_mode)) {
        report->add(report->context, name, "is not a file");
    } else if ((facts.st_mode & S_IRWXO) != 0) {
        (void)snprintf(problem, sizeof problem, "is open to everybody (mode %03o); chmod it to 600",
                       (unsigned)facts.st_mode & 0777U);
        report->add(report->context, name, problem);
    }
}

void mqtt_options_check(const struct mqtt_options *options, const struct field_report *report)
{
    struct mqtt_address address;
    const char *problem = "";
    if (mqtt_address_parse(options->broker, &address, &problem) != ST_OK)
        report->add(report->context, "broker", problem);
    else if (address.is_tls && !mqtt_tls_is_compiled())
        report->add(report->context, "broker",
                    "asks for TLS (mqtts://), which is not compiled into this program");
    else if (!address.is_tls && options->ca_file[0] != '\0')
        report->add(report->context, "ca_file", "needs a broker with mqtts://");
    else if (!address.is_tls && options->cert_file[0] != '\0')
        report->add(report->context, "cert_file", "needs a broker with mqtts://");
    if (options->cert_file[0] != '\0' && options->key_file[0] == '\0')
        report->add(report->context, "key_file", "is missing: cert_file needs it");
    if (options->key_file[0] != '\0' && options->cert_file[0] == '\0')
        report->add(report->context, "cert_file", "is missing: key_file needs it");
    if (options->password_file[0] != '\0' && options->username[0] == '\0')
        report->add(report->context, "username", "is missing: password_file needs it");
    if (options->backoff_min_ms > options->backoff_max_ms)
        report->add(report->context, "retry_max", "is less than retry_min");
    warn_if_missing(report, "ca_file", options->ca_file);
    warn_if_missing(report, "cert_file", options->cert_file);
    warn_if_missing(report, "key_file", options->key_file);
    warn_if_missing(report, "password_file", options->password_file);
    check_secret(report, "password_file", options->password_file);
}

/* Opens a secret; one that everybody can read is none. */
static enum status open_secret(const char *path, struct log *log, const char *part, int *fd)
{
    struct stat facts;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0 || fstat(*fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        log_write(log, LOG_LEVEL_ERROR, part, "cannot read the password file %s: %s", path,
                  *fd < 0 ? strerror(errno) : "not a file");
    } else if ((facts.st_mode & S_IRWXO) != 0) {
        log_write(log, LOG_LEVEL_ERROR, part,
                  "the password file %s is open to everybody (mode %03o); chmod it to 600", path,
                  (unsigned)facts.st_mode & 0777U);
    } else {
        if ((facts.st_mode & S_IRWXG) != 0)
            log_limited(log, LOG_LEVEL_WARN, part, "password-group",
                        "the password file %s is open to its group (mode %03o)", path,
                        (unsigned)facts.st_mode & 0777U);
        return ST_OK;
    }
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
    return ST_INVALID;
}

static enum status check_readable(const char *path, const char *what, struct log *log,
                                  const char *part)
{
    if (path[0] == '\0' || is_missing(path) || access(path, R_OK) == 0) return ST_OK;
    log_write(log, LOG_LEVEL_ERROR, part, "cannot read %s %s: %s", what, path, strerror(errno));
    return ST_INVALID;
}

enum status mqtt_setup_check_files(const struct mqtt_options *options, struct log *log,
                                   const char *part)
{
    enum status status = check_readable(options->ca_file, "ca_file", log, part);
    if (check_readable(options->cert_file, "cert_file", log, part) != ST_OK) status = ST_INVALID;
    if (check_readable(options->key_file, "key_file", log, part) != ST_OK) status = ST_INVALID;
    if (options->password_file[0] == '\0' || is_missing(options->password_file)) return status;
    int fd;
    if (open_secret(options->password_file, log, part, &fd) != ST_OK) return ST_INVALID;
    (void)close(fd);
    return status;
}

/* What was missing at the start may have come by now. */
static enum status await_files(const struct mqtt_options *options, struct log *log,
                               const char *part)
{
    const char *const paths[] = {options->ca_file, options->cert_file, options->key_file,
                                 options->password_file};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!is_missing(paths[i])) continue;
        log_growing(log, LOG_LEVEL_ERROR, part, "missing-file",
                    "there is no %s: nothing is connected until there is", paths[i]);
        return ST_NOT_FOUND;
    }
    return ST_OK;
}

/* Read anew for each connection, so that a changed password needs no restart. */
static enum status set_password(struct mosquitto *handle, const struct mqtt_options *options,
                                struct log *log, const char *part)
{
    if (options->username[0] == '\0') return ST_OK;
    char password[PASSWORD_SIZE] = "";
    if (options->password_file[0] != '\0') {
        int fd;
        if (open_secret(options->password_file, log, part, &fd) != ST_OK) return ST_INVALID;
        ssize_t size = read(fd, password, sizeof password - 1);
        (void)close(fd);
        password[size > 0 ? size : 0] = '\0';
        password[strcspn(password, "\r\n")] = '\0';
    }
    int rc = mosquitto_username_pw_set(handle, options->username,
                                       options->password_file[0] != '\0' ? password : NULL);
    explicit_bzero(password, sizeof password);
    return rc == MOSQ_ERR_SUCCESS ? ST_OK : ST_INVALID;
}

static enum status set_options(struct mosquitto *handle, const struct mqtt_options *options,
                               const struct mqtt_settings *settings)
{
    bool is_v5 = options->version == MQTT_VERSION_5;
    int rc = mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION,
                                  is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (rc == MOSQ_ERR_SUCCESS) rc = mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS && is_v5 && settings->receive_maximum > 0)
        rc = mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, settings->receive_maximum);
    /* Whoever publishes counts himself: the library would hold back in order, alarms too. */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_SEND_MAXIMUM, UINT16_MAX);
    /* Not for threads: packets then wait in a queue for mosquitto_loop_write, so that an
     * acknowledgement leaves when we say so. */
    if (rc == MOSQ_ERR_SUCCESS) rc = mosquitto_threaded_set(handle, true);
    if (rc == MOSQ_ERR_SUCCESS && settings->will_topic != NULL)
        rc =
            mosquitto_will_set_v5(handle, settings->will_topic, (int)strlen(settings->will_payload),
                                  settings->will_payload, 1, true, NULL);
    if (rc == MOSQ_ERR_SUCCESS) return ST_OK;
    log_limited(settings->log, LOG_LEVEL_ERROR, settings->part, "setup",
                "cannot set up the connection: %s", mosquitto_strerror(rc));
    return rc == MOSQ_ERR_NOMEM ? ST_NO_MEMORY : ST_INVALID;
}

enum status mqtt_setup_new(struct mosquitto **handle, const struct mqtt_options *options,
                           const struct mqtt_settings *settings, const char *client_id, bool is_tls,
                           void *context)
{
    bool is_clean = options->version == MQTT_VERSION_311 && options->session_ms == 0;
    *handle = mosquitto_new(client_id, is_clean, context);
    if (*handle == NULL) return ST_NO_MEMORY;
    enum status status = await_files(options, settings->log, settings->part);
    if (status == ST_OK) status = set_options(*handle, options, settings);
    if (status == ST_OK) status = set_password(*handle, options, settings->log, settings->part);
    if (status == ST_OK && is_tls)
        status = mqtt_tls_set(*handle, options, settings->log, settings->part);
    if (status == ST_OK) return ST_OK;
    mosquitto_destroy(*handle);
    *handle = NULL;
    return status;
}

enum status mqtt_setup_properties(const struct mqtt_options *options, uint32_t packet_limit_bytes,
                                  mosquitto_property **properties)
{
    *properties = NULL;
    if (options->version != MQTT_VERSION_5) return ST_OK;
    int64_t session_s = options->session_ms / 1000;
    uint32_t expiry_s = session_s < UINT32_MAX ? (uint32_t)session_s : UINT32_MAX;
    int rc = mosquitto_property_add_int32(properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL, expiry_s);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_property_add_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                          packet_limit_bytes);
    if (rc == MOSQ_ERR_SUCCESS) return ST_OK;
    mosquitto_property_free_all(properties);
    return ST_NO_MEMORY;
}
