/* pty: a pair of pseudo terminals as a serial line whose other end the test holds.
 *
 * Plugging and unplugging is done behind one symbolic link, as udev does it.  Tests only. */
#ifndef ISOTHERM_TESTS_PTY_H
#define ISOTHERM_TESTS_PTY_H

#include <stdbool.h>
#include <stddef.h>

struct pty {
    int master;      /* the test's end, non-blocking */
    char path[128];  /* of the device's end */
    char folder[64]; /* a temporary folder ... */
    char link[96];   /* ... and in it the link that stands for the port */
};

/* Makes the folder only: the port is absent.  False (and a message on stderr) on failure. */
bool pty_init(struct pty *pty);
void pty_fini(struct pty *pty);

/* Opens a new pair and lets the link point to it. */
bool pty_plug(struct pty *pty);

/* Closes the test's end, which is what pulling out an adapter looks like.  `keeps_link` leaves
 * the link pointing to a device that is gone. */
void pty_unplug(struct pty *pty, bool keeps_link);

/* Writes text to the line, as a device would.  False when it does not fit. */
bool pty_write(struct pty *pty, const char *text);

/* Writes as much of the bytes as fits now and returns how much that was. */
size_t pty_write_bytes(struct pty *pty, const char *bytes, size_t size);

#endif
