#include "control_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER_SIZE = 256 * 1024 };

static enum status connect_to(const char *path, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return ST_INVALID;
    memcpy(address.sun_path, path, strlen(path) + 1);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0) return ST_IO;
    if (connect(*fd, (const struct sockaddr *)&address, sizeof address) == 0) return ST_OK;
    bool is_forbidden = errno == EACCES || errno == EPERM;
    (void)close(*fd);
    return is_forbidden ? ST_IO : ST_NOT_FOUND;
}

static enum status send_request(int fd, const char *request)
{
    size_t size = strlen(request);
    if (send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) return ST_IO;
    return send(fd, "\n", 1, MSG_NOSIGNAL) == 1 ? ST_OK : ST_IO;
}

/* Hands the whole lines to fn; returns how many bytes were used, or -1 when fn wants no more. */
static ssize_t hand_lines(char *buffer, size_t size, bool (*fn)(void *, const char *, size_t),
                          void *context)
{
    size_t used = 0;
    for (;;) {
        char *end = memchr(buffer + used, '\n', size - used);
        if (end == NULL) return (ssize_t)used;
        *end = '\0';
        size_t length = (size_t)(end - (buffer + used));
        if (!fn(context, buffer + used, length)) return -1;
        used += length + 1;
    }
}

enum status control_client_ask(const char *path, const char *request,
                               bool (*fn)(void *context, const char *line, size_t size),
                               void *context)
{
    int fd = -1;
    enum status status = connect_to(path, &fd);
    if (status != ST_OK) return status;
    char *buffer = malloc(BUFFER_SIZE);
    size_t size = 0;
    status = buffer == NULL ? ST_NO_MEMORY : send_request(fd, request);
    while (status == ST_OK) {
        ssize_t more = recv(fd, buffer + size, BUFFER_SIZE - size, 0);
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) {
            if (more < 0) status = ST_IO;
            break;
        }
        size += (size_t)more;
        ssize_t used = hand_lines(buffer, size, fn, context);
        if (used < 0) break;
        memmove(buffer, buffer + used, size - (size_t)used);
        size -= (size_t)used;
        if (size == BUFFER_SIZE) status = ST_IO; /* a line longer than anything we send */
    }
    free(buffer);
    (void)close(fd);
    return status;
}
