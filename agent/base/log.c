/* Invariant: one event is one line and one write(2), whatever the text contains. */
#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 1024, WINDOW_MS = 60000, WINDOW_MOST_MS = 3600000 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const level_priorities[] = {"<3>", "<4>", "<6>", "<7>"};

void log_init(struct log *log, struct clock clock, int fd, enum log_level level)
{
    memset(log, 0, sizeof *log);
    log->clock = clock;
    log->fd = fd;
    log->level = level;
    log->is_journal = getenv("JOURNAL_STREAM") != NULL;
}

enum status log_level_parse(const char *text, enum log_level *level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return ST_OK;
        }
    }
    return ST_INVALID;
}

/* Appends `text` with control characters as \xNN; returns the new length. */
static size_t append_escaped(char *line, size_t used, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    for (; *text != '\0' && used + 6 < LINE_SIZE; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte >= 0x20 && byte != 0x7f) {
            line[used++] = (char)byte;
            continue;
        }
        line[used++] = '\\';
        line[used++] = 'x';
        line[used++] = hex[byte >> 4];
        line[used++] = hex[byte & 15];
    }
    return used;
}

static size_t append_head(const struct log *log, char *line, enum log_level level)
{
    if (log->is_journal) {
        memcpy(line, level_priorities[level], 3);
        return 3;
    }
    int64_t wall_ms = clock_wall_ms(&log->clock);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL) memset(&parts, 0, sizeof parts);
    size_t used = strftime(line, LINE_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    int more = snprintf(line + used, LINE_SIZE - used, ".%03dZ %-5s ", (int)(wall_ms % 1000),
                        level_names[level]);
    return used + (more > 0 ? (size_t)more : 0);
}

static void write_line(struct log *log, enum log_level level, const char *part, const char *text,
                       uint32_t suppressed)
{
    char line[LINE_SIZE];
    size_t used = append_head(log, line, level);
    used = append_escaped(line, used, part);
    used = append_escaped(line, used, ": ");
    used = append_escaped(line, used, text);
    if (suppressed > 0) {
        char note[64];
        (void)snprintf(note, sizeof note, " (%u more since the last such line)", suppressed);
        used = append_escaped(line, used, note);
    }
    line[used++] = '\n';
    struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0 ||
        write(log->fd, line, used) != (ssize_t)used)
        log->dropped_lines++;
}

void log_write(struct log *log, enum log_level level, const char *part, const char *format, ...)
{
    if (log == NULL || level > log->level) return;
    char text[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_line(log, level, part, text, 0);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

/* Finds the entry of a cause; one that has run out may be taken over by another. */
static struct log_cause *find_cause(struct log *log, uint64_t hash, int64_t now_mono_ms)
{
    struct log_cause *oldest = &log->causes[0];
    for (size_t i = 0; i < LOG_CAUSES; i++) {
        if (log->causes[i].hash == hash) return &log->causes[i];
        if (log->causes[i].until_mono_ms < oldest->until_mono_ms) oldest = &log->causes[i];
    }
    if (oldest->until_mono_ms > now_mono_ms) return oldest; /* shared: limits rather than floods */
    *oldest = (struct log_cause){.hash = hash};
    return oldest;
}

/* How long the cause is now to be silent. */
static uint32_t next_window(const struct log_cause *cause, bool is_growing, int64_t now_mono_ms)
{
    if (!is_growing || cause->window_ms == 0) return WINDOW_MS;
    if (now_mono_ms - cause->until_mono_ms > cause->window_ms) return WINDOW_MS;
    return cause->window_ms < WINDOW_MOST_MS / 2 ? cause->window_ms * 2 : WINDOW_MOST_MS;
}

static void ISOTHERM_PRINTF(6, 0)
    write_limited(struct log *log, enum log_level level, const char *part, const char *cause,
                  bool is_growing, const char *format, va_list arguments)
{
    if (log == NULL || level > log->level) return;
    uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), part), cause);
    int64_t now_mono_ms = clock_mono_ms(&log->clock);
    struct log_cause *entry = find_cause(log, hash, now_mono_ms);
    if (entry->until_mono_ms > now_mono_ms) {
        entry->suppressed++;
        return;
    }
    char text[LINE_SIZE];
    (void)vsnprintf(text, sizeof text, format, arguments);
    write_line(log, level, part, text, entry->suppressed);
    entry->suppressed = 0;
    entry->window_ms = next_window(entry, is_growing, now_mono_ms);
    entry->until_mono_ms = now_mono_ms + entry->window_ms;
}

void log_limited(struct log *log, enum log_level level, const char *part, const char *cause,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_limited(log, level, part, cause, false, format, arguments);
    va_end(arguments);
}

void log_growing(struct log *log, enum log_level level, const char *part, const char *cause,
                 const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_limited(log, level, part, cause, true, format, arguments);
    va_end(arguments);
}
