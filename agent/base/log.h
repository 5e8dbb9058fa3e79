/* log: one line per event on standard error, limited per cause.
 *
 * A log object belongs to one thread; each thread has its own, all write to one descriptor.
 * It never blocks: a line that does not fit into the pipe at once is dropped and counted.
 * Control characters of foreign text are escaped, so that one event is one line. */
#ifndef ISOTHERM_BASE_LOG_H
#define ISOTHERM_BASE_LOG_H

#include "base/clock.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { LOG_CAUSES = 64 };

/* Embedded by its owner; the fields are private. */
struct log {
    struct clock clock;
    int fd;
    enum log_level level;
    bool is_journal; /* prefix lines with <priority>, no time: the journal adds it */
    uint64_t dropped_lines;
    struct log_cause {
        uint64_t hash;
        int64_t until_mono_ms;
        uint32_t window_ms; /* that until_mono_ms ends */
        uint32_t suppressed;
    } causes[LOG_CAUSES];
};

/* Prepares a log on `fd` (kept open by the caller for the life of the log). */
void log_init(struct log *log, struct clock clock, int fd, enum log_level level);

/* Writes one line: time, level, `part` (e.g. "mqtt[site]"), text.  Does nothing when `log` is
 * NULL or the level is not enabled. */
void log_write(struct log *log, enum log_level level, const char *part, const char *format, ...)
    ISOTHERM_PRINTF(4, 5);

/* As log_write, but at most once a minute for the same `part` and `cause`; the next line says
 * how many were left out.  `cause` is a short stable word. */
void log_limited(struct log *log, enum log_level level, const char *part, const char *cause,
                 const char *format, ...) ISOTHERM_PRINTF(5, 6);

/* As log_limited, for a state that may last for days: after the first line one in 1, 2, 4 ...
 * minutes, at last one an hour.  When the cause was quiet for as long as that, it begins anew. */
void log_growing(struct log *log, enum log_level level, const char *part, const char *cause,
                 const char *format, ...) ISOTHERM_PRINTF(5, 6);

/* Reads "error", "warn", "info" or "debug".  ST_INVALID otherwise. */
enum status log_level_parse(const char *text, enum log_level *level) ISOTHERM_CHECK;

#endif
