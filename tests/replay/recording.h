/* recording: reads a recording: a header that says where it is from and with which options it is
 * to be read, then one payload per line.  Tests only. */
#ifndef ISOTHERM_TESTS_RECORDING_H
#define ISOTHERM_TESTS_RECORDING_H

#include "driver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RECORDING_LINE_SIZE = 16384 };

struct recording {
    FILE *file;
    char line[RECORDING_LINE_SIZE];
    unsigned line_number;
    bool is_pending; /* `line` was read but not used */
    const struct driver *driver;
    void *options;
    int64_t now_wall_ms; /* header "now", else 2026-11-21T01:00:00Z */
};

/* Opens the file and reads its header.  False, with a message on stderr, when something is wrong
 * or missing in it.  Release with recording_close in any case. */
bool recording_open(struct recording *recording, const char *path);
void recording_close(struct recording *recording);

/* The next payload and the address in front of it.  Both stand until the next call. */
bool recording_next(struct recording *recording, const char **address, const char **payload,
                    size_t *size);

#endif
