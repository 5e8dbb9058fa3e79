/* notify: tells the service manager how the agent is, by the protocol of sd_notify(3).
 *
 * One datagram per message to the socket named in the environment.  Never blocks. */
#ifndef ISOTHERM_BASE_NOTIFY_H
#define ISOTHERM_BASE_NOTIFY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Embedded by its owner; the fields are private. */
struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_size;
};

/* Prepares to send to `path`, the value of NOTIFY_SOCKET: a path, or @NAME for an abstract
 * socket.  ST_NOT_FOUND: NULL or empty, nobody wants to know; ST_INVALID: neither of the two forms,
 * or too long; ST_IO: no socket to be had.  After a failure notify_send does nothing. */
enum status notify_open(struct notify *notify, const char *path) ISOTHERM_CHECK;
void notify_close(struct notify *notify);

/* Sends lines such as "READY=1\nSTATUS=...".  ST_AGAIN: the manager does not take it now;
 * ST_NOT_FOUND: notify_open failed; ST_IO: it is gone. */
enum status notify_send(const struct notify *notify, const char *lines) ISOTHERM_CHECK;

/* How often the manager wants to hear WATCHDOG=1, from WATCHDOG_USEC and WATCHDOG_PID (either may
 * be NULL) for the process `pid`; 0: it does not watch. */
int64_t notify_watchdog_ms(const char *usec_text, const char *pid_text, int64_t pid);

#endif
