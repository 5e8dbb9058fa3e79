/* recorded: the recorded machine temperatures with their labelled windows, from ../shared/data. */
#ifndef ISOTHERM_TESTS_RECORDED_H
#define ISOTHERM_TESTS_RECORDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORDED_ROWS_MAX = 32768, RECORDED_WINDOWS_MAX = 16, RECORDED_EVERY_MS = 300000 };

struct recorded_row {
    int64_t event_ms, value_micro;
};

struct recorded_window {
    size_t first_row, last_row; /* from 0 */
};

struct recorded {
    struct recorded_row rows[RECORDED_ROWS_MAX];
    size_t row_count;
    struct recorded_window windows[RECORDED_WINDOWS_MAX];
    size_t window_count;
};

/* False: the data is not there (said on standard output). */
bool recorded_load(struct recorded *recorded);

#endif
