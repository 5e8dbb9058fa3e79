/* control_client: asks a running agent over its local socket.  For the command line. */
#ifndef ISOTHERM_CONTROL_CLIENT_H
#define ISOTHERM_CONTROL_CLIENT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* What to tell a user of ST_DENIED; a format for the path. */
#define CONTROL_CLIENT_DENIED                                                                      \
    "%s: permission denied: ask as root, or as the agent's user or a member of its group"

/* Sends `request` and hands every line of the answer to fn until it returns false or the agent
 * closes.  Blocks; with timeout_ms above 0 no longer than that for the next part of the answer.
 * ST_NOT_FOUND: no agent listens at the path; ST_IO: the connection broke; ST_TIMEOUT: the agent is
 * silent; ST_INVALID: the path is too long; ST_DENIED: this user may not ask; ST_FULL: too many ask
 * at once. */
enum status control_client_ask(const char *path, const char *request, int timeout_ms,
                               bool (*fn)(void *context, const char *line, size_t size),
                               void *context) ISOTHERM_CHECK;

#endif
