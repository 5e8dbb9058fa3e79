/* problems: what a check has found, counted, and told as lines of text.  For tools. */
#ifndef ISOTHERM_PROBLEMS_H
#define ISOTHERM_PROBLEMS_H

#include "base/status.h"

#include <stdint.h>

/* Embedded by its owner. */
struct problems {
    uint64_t count;
    uint64_t told_most; /* of these, at most so many are told */
    void (*tell)(void *context, const char *line);
    void *context;
};

void problems_add(struct problems *problems, const char *format, ...) ISOTHERM_PRINTF(2, 3);

#endif
