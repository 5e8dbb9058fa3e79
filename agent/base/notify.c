/* Invariant: a manager that does not listen costs nothing but the message. */
#include "base/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status notify_open(struct notify *notify, const char *path)
{
    *notify = (struct notify){.fd = -1, .address = {.sun_family = AF_UNIX}};
    if (path == NULL || path[0] == '\0') return ST_NOT_FOUND;
    size_t size = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || size >= sizeof notify->address.sun_path)
        return ST_INVALID;
    memcpy(notify->address.sun_path, path, size);
    if (path[0] == '@') notify->address.sun_path[0] = '\0';
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return notify->fd >= 0 ? ST_OK : ST_IO;
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) (void)close(notify->fd);
    notify->fd = -1;
}

enum status notify_send(const struct notify *notify, const char *lines)
{
    if (notify->fd < 0) return ST_NOT_FOUND;
    ssize_t sent = sendto(notify->fd, lines, strlen(lines), MSG_NOSIGNAL,
                          (const struct sockaddr *)&notify->address, notify->address_size);
    if (sent >= 0) return ST_OK;
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? ST_AGAIN : ST_IO;
}

/* -1: not a plain number. */
static int64_t parse_number(const char *text)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') return -1;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : -1;
}

int64_t notify_watchdog_ms(const char *usec_text, const char *pid_text, int64_t pid)
{
    if (usec_text == NULL) return 0;
    if (pid_text != NULL && pid_text[0] != '\0' && parse_number(pid_text) != pid) return 0;
    int64_t usec = parse_number(usec_text);
    return usec >= 1000 ? usec / 1000 : 0;
}
