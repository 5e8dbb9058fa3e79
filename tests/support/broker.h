/* broker: a real mosquitto on a free loopback port, in a temporary directory.
 *
 * Every function fails the test by an assertion when something goes wrong. */
#ifndef ISOTHERM_TESTS_BROKER_H
#define ISOTHERM_TESTS_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct broker_options {
    bool is_persistent;   /* sessions outlive broker_stop (not broker_kill) */
    const char *username; /* NULL: everybody may connect */
    const char *password;
    const char *acl;      /* text of the ACL file; NULL: everything is allowed */
    const char *tls_host; /* name in a certificate made by an own authority; NULL: plain TCP */
    int receive_maximum;  /* messages in flight to a 3.1.1 client; 0: mosquitto's 20 */
};

struct broker {
    char directory[64];
    char url[80]; /* mqtt://127.0.0.1:PORT, with TLS mqtts://localhost:PORT */
    int port;
    pid_t pid; /* 0: not running */
    int log_fd;
    struct broker_options options;
    int plain_port; /* where broker_publish goes; the same as port without TLS */
};

/* Makes files and a port; starts with broker_run. */
void broker_prepare(struct broker *broker, const struct broker_options *options);
void broker_run(struct broker *broker);  /* returns when it accepts connections */
void broker_stop(struct broker *broker); /* SIGTERM; does nothing when it does not run */
void broker_kill(struct broker *broker); /* SIGKILL */
void broker_remove(struct broker *broker);

/* Publishes over a connection of its own; at QoS 1 returns when the broker has it. */
void broker_publish(const struct broker *broker, const char *topic, const char *payload, int qos,
                    bool is_retained);

/* Path of a file in the broker's directory ("ca.crt", ...), in a buffer of the caller. */
void broker_path(const struct broker *broker, const char *name, char *path, size_t capacity);

/* Writes a file into the directory, readable by the owner only. */
void broker_write_file(const struct broker *broker, const char *name, const char *text);

#endif
