#include "control_client.h"

#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024 };

/* An agent that is stopped or hangs seems to listen all the same: the kernel does that, as long
 * as the backlog has room. */
static enum status set_timeout(int fd, int timeout_ms)
{
    if (timeout_ms <= 0) return ST_OK;
    const struct timeval timeout = {.tv_sec = timeout_ms / 1000,
                                    .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) return ST_IO;
    return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 ? ST_OK : ST_IO;
}

static enum status explain_connect(int error)
{
    if (error == EAGAIN) return ST_TIMEOUT;
    return error == EACCES || error == EPERM ? ST_DENIED : ST_NOT_FOUND;
}

/* A full backlog makes even a local connect wait. */
static int connect_patiently(int fd, const struct sockaddr_un *address)
{
    int result;
    do {
        result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    } while (result != 0 && errno == EINTR);
    return result;
}

static enum status connect_to(const char *path, int timeout_ms, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return ST_INVALID;
    memcpy(address.sun_path, path, strlen(path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0) return ST_IO;
    enum status status = set_timeout(*fd, timeout_ms);
    if (status == ST_OK && connect_patiently(*fd, &address) != 0) status = explain_connect(errno);
    if (status != ST_OK) (void)close(*fd);
    return status;
}

static enum status send_request(int fd, const char *request)
{
    size_t size = strlen(request);
    if (send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size &&
        send(fd, "\n", 1, MSG_NOSIGNAL) == 1)
        return ST_OK;
    if (errno == EPIPE) return ST_OK; /* turned away: the answer says why */
    return errno == EAGAIN || errno == EWOULDBLOCK ? ST_TIMEOUT : ST_IO;
}

/* Words in place of an answer. */
static enum status explain_line(const char *line)
{
    if (strcmp(line, CONTROL_DENIED) == 0) return ST_DENIED;
    return strcmp(line, CONTROL_BUSY) == 0 ? ST_FULL : ST_OK;
}

/* Hands the whole lines to fn; returns how many bytes were used, or -1 when fn wants no more or
 * *status says why there is no answer. */
static ssize_t hand_lines(char *buffer, size_t size, bool (*fn)(void *, const char *, size_t),
                          void *context, enum status *status)
{
    size_t used = 0;
    for (;;) {
        char *end = memchr(buffer + used, '\n', size - used);
        if (end == NULL) return (ssize_t)used;
        *end = '\0';
        size_t length = (size_t)(end - (buffer + used));
        *status = explain_line(buffer + used);
        if (*status != ST_OK || !fn(context, buffer + used, length)) return -1;
        used += length + 1;
    }
}

enum status control_client_ask(const char *path, const char *request, int timeout_ms,
                               bool (*fn)(void *context, const char *line, size_t size),
                               void *context)
{
    int fd = -1;
    enum status status = connect_to(path, timeout_ms, &fd);
    if (status != ST_OK) return status;
    char *buffer = malloc(BUFFER_SIZE);
    size_t size = 0;
    if (buffer == NULL) status = ST_NO_MEMORY;
    if (status == ST_OK) status = send_request(fd, request);
    while (status == ST_OK) {
        ssize_t more = recv(fd, buffer + size, BUFFER_SIZE - size, 0);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            if (more < 0) status = errno == EAGAIN || errno == EWOULDBLOCK ? ST_TIMEOUT : ST_IO;
            break;
        }
        size += (size_t)more;
        ssize_t used = hand_lines(buffer, size, fn, context, &status);
        if (used < 0) break;
        memmove(buffer, buffer + used, size - (size_t)used);
        size -= (size_t)used;
        if (size == BUFFER_SIZE) status = ST_IO; /* a line longer than anything we send */
    }
    free(buffer);
    (void)close(fd);
    return status;
}
