/* line_source: from bytes to offered readings, for every driver whose source speaks in lines.
 *
 * It finds the lines, decodes each, and offers what it says or reports why not.  Where the bytes
 * come from is the driver's business.  Loop thread only. */
#ifndef ISOTHERM_LINE_SOURCE_H
#define ISOTHERM_LINE_SOURCE_H

#include "base/field.h"
#include "base/status.h"
#include "decode_line.h"
#include "intake.h"
#include "line_splitter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line_source_options {
    char id[LIMIT_DEVICE_ID_SIZE]; /* the beginning of every device id, or all of it */
    int64_t line_limit_bytes;
    struct line_options format;
};

/* Rows of a field table for a member `member` (a struct line_source_options) of `options_type`. */
#define LINE_SOURCE_FIELDS(options_type, member)                                                   \
    {.name = "id",                                                                                 \
     .type = FIELD_TEXT,                                                                           \
     .offset = offsetof(options_type, member.id),                                                  \
     .size = sizeof((options_type *)0)->member.id,                                                 \
     .default_text = "",                                                                           \
     FIELD_HELP(                                                                                   \
         "Device id of what is read here, e.g. line-1/boiler; an id that a line carries is "       \
         "added behind it.")},                                                                     \
        {.name = "line_limit",                                                                     \
         .type = FIELD_BYTES,                                                                      \
         .offset = offsetof(options_type, member.line_limit_bytes),                                \
         .min = 8,                                                                                 \
         .max = LINE_SPLITTER_LINE_MAX,                                                            \
         .default_text = "256",                                                                    \
         FIELD_HELP("Longest line in bytes; a longer one is refused as a whole.")},                \
        LINE_FIELDS(options_type, member.format)

/* For the check of a field table: the id and the format. */
void line_source_check(const struct line_source_options *options,
                       const struct field_report *report);

/* Embedded by its owner; the fields are private. */
struct line_source {
    struct intake *intake;
    const struct line_source_options *options;
    struct line_template format;
    char id[LIMIT_DEVICE_ID_SIZE]; /* escaped */
    char comment;                  /* lines that begin so are passed over; 0: none */
    struct line_splitter splitter;
};

/* Prepares the source; `options` stay the caller's until it is done with it.  ST_INVALID: the
 * options make no sense (the cause is logged). */
enum status line_source_init(struct line_source *source, struct intake *intake,
                             const struct line_source_options *options) ISOTHERM_CHECK;

/* Forgets half a line, e.g. when the source was opened anew; see line_splitter_init. */
void line_source_restart(struct line_source *source, bool skips_first);

/* Decodes one line.  On VERDICT_OK *reading is complete; else *detail says what was wrong, and
 * where verdict_is_of_sensor the reading has its device and time; otherwise it is untouched. */
enum verdict line_source_decode(const struct line_source *source, const char *line, size_t size,
                                struct reading *reading, const char **detail);

enum line_step {
    LINE_STEP_EMPTY, /* no whole line is left: read more */
    LINE_STEP_TAKEN, /* a line was offered, refused or passed over */
    LINE_STEP_BUSY   /* the agent cannot take the next line now: it stays the next one */
};

/* Deals with the next line that source->splitter holds. */
enum line_step line_source_step(struct line_source *source);

/* The readings of one payload that is one line, for the `decode` hook of a driver; *detail as
 * there. */
enum verdict line_source_try(const struct line_source_options *options, const char *line,
                             size_t size,
                             void (*found)(void *context, const struct reading *reading),
                             void *context, const char **detail);

#endif
