/* control_client: asks a running agent over its local socket.  For the command line. */
#ifndef ISOTHERM_CONTROL_CLIENT_H
#define ISOTHERM_CONTROL_CLIENT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Sends `request` and hands every line of the answer to fn until it returns false or the agent
 * closes.  Blocks; with timeout_ms above 0 no longer than that for the next part of the answer.
 * ST_NOT_FOUND: no agent listens at the path; ST_IO: the connection broke; ST_TIMEOUT: the agent is
 * silent; ST_INVALID: the path is too long. */
enum status control_client_ask(const char *path, const char *request, int timeout_ms,
                               bool (*fn)(void *context, const char *line, size_t size),
                               void *context) ISOTHERM_CHECK;

#endif
