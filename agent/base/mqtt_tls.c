/* Invariant: a connection made with this is encrypted, and its other side has proved its name. */
#include "base/mqtt_tls.h"

enum { VERIFY_PEER = 1 };

#define SYSTEM_CA_DIRECTORY "/etc/ssl/certs"

bool mqtt_tls_is_compiled(void)
{
    return true;
}

/* Without this OpenSSL would ask for the passphrase of a key on the terminal and wait. */
static int refuse_passphrase(char *buffer, int size, int rwflag, void *context)
{
    (void)buffer;
    (void)size;
    (void)rwflag;
    (void)context;
    return 0;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

enum status mqtt_tls_set(struct mosquitto *handle, const struct mqtt_options *options,
                         struct log *log, const char *part)
{
    const char *ca_file = or_null(options->ca_file);
    int rc = mosquitto_tls_set(handle, ca_file, ca_file == NULL ? SYSTEM_CA_DIRECTORY : NULL,
                               or_null(options->cert_file), or_null(options->key_file),
                               refuse_passphrase);
    if (rc == MOSQ_ERR_SUCCESS) rc = mosquitto_tls_opts_set(handle, VERIFY_PEER, "tlsv1.2", NULL);
    if (rc == MOSQ_ERR_SUCCESS) return ST_OK;
    log_limited(log, LOG_LEVEL_ERROR, part, "tls", "cannot set up TLS: %s", mosquitto_strerror(rc));
    return ST_INVALID;
}
