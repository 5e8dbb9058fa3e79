/* Invariant: master is -1 whenever nothing is plugged in. */
#include "support/pty.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool pty_init(struct pty *pty)
{
    *pty = (struct pty){.master = -1, .folder = "/tmp/isotherm-pty-XXXXXX"};
    if (mkdtemp(pty->folder) == NULL) {
        perror("mkdtemp");
        return false;
    }
    snprintf(pty->link, sizeof pty->link, "%s/port", pty->folder);
    return true;
}

void pty_fini(struct pty *pty)
{
    pty_unplug(pty, false);
    (void)rmdir(pty->folder);
}

bool pty_plug(struct pty *pty)
{
    int slave = -1;
    if (openpty(&pty->master, &slave, NULL, NULL, NULL) != 0) {
        perror("openpty");
        pty->master = -1;
        return false;
    }
    bool is_done = ttyname_r(slave, pty->path, sizeof pty->path) == 0;
    /* Raw from the start, so that nothing is echoed back before the driver sets it up. */
    struct termios raw;
    is_done = is_done && tcgetattr(slave, &raw) == 0;
    cfmakeraw(&raw);
    is_done = is_done && tcsetattr(slave, TCSANOW, &raw) == 0;
    is_done = is_done && fcntl(pty->master, F_SETFL, O_NONBLOCK) == 0;
    is_done = is_done && fcntl(pty->master, F_SETFD, FD_CLOEXEC) == 0;
    (void)close(slave);
    (void)unlink(pty->link);
    is_done = is_done && symlink(pty->path, pty->link) == 0;
    if (!is_done) perror("pty");
    return is_done;
}

void pty_unplug(struct pty *pty, bool keeps_link)
{
    if (pty->master >= 0) (void)close(pty->master);
    pty->master = -1;
    if (!keeps_link) (void)unlink(pty->link);
}

size_t pty_write_bytes(struct pty *pty, const char *bytes, size_t size)
{
    ssize_t count = write(pty->master, bytes, size);
    return count > 0 ? (size_t)count : 0;
}

bool pty_write(struct pty *pty, const char *text)
{
    size_t size = strlen(text);
    return pty_write_bytes(pty, text, size) == size;
}
