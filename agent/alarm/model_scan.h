/* model_scan: reads JSON from memory step by step, knowing line and column.
 *
 * For files of a known shape: the caller says what must come next.  The first problem is kept, and
 * from then on every step fails, so that the caller need not look after each.  Strings are plain
 * ASCII without escapes, as the script writes them; numbers become millionths without floating
 * point.  Pure. */
#ifndef ISOTHERM_ALARM_MODEL_SCAN_H
#define ISOTHERM_ALARM_MODEL_SCAN_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_problem {
    unsigned line, column; /* from 1; 0: it concerns the whole file */
    char text[128];
};

/* The fields are private but for has_failed. */
struct model_scan {
    const char *at, *end, *line_start;
    unsigned line;
    struct model_problem *problem; /* of the caller */
    bool has_failed;
};

/* Begins at the first byte; `problem` is set when a step fails. */
void model_scan_begin(struct model_scan *scan, const char *bytes, size_t size,
                      struct model_problem *problem);

/* Keeps a problem found by the caller, at the present place. */
void model_scan_fail(struct model_scan *scan, const char *text);

/* Takes one of [ ] { } : , and fails when something else comes. */
void model_scan_take(struct model_scan *scan, char mark);

/* Inside [ ] or { }, before each item: true when one follows, with the comma before it taken; false
 * when the closing bracket was taken, or after a problem.  *is_first is true before the first item
 * and false from then on. */
bool model_scan_next(struct model_scan *scan, char closing, bool *is_first);

/* Takes a string of less than `capacity` bytes; "" after a problem. */
void model_scan_string(struct model_scan *scan, char *string, size_t capacity);

/* Takes a number within +-LIMIT_VALUE_MICRO; 0 after a problem. */
int64_t model_scan_micro(struct model_scan *scan);

/* Fails when anything but white space is left. */
void model_scan_end(struct model_scan *scan);

#endif
