/* journal_entry: the bytes of the journal.
 *
 * An entry is: version (1 byte), length of the device id (1 byte), the id, then sections to the
 * end.  A section is a tag byte and its numbers, in the order of the functions here.  Numbers are
 * little-endian groups of seven bits; signed ones are folded (0, -1, 1, -2 ...) first.
 * Pure; a reader never trusts what it reads. */
#ifndef ISOTHERM_STREAM_JOURNAL_ENTRY_H
#define ISOTHERM_STREAM_JOURNAL_ENTRY_H

#include "base/limits.h"
#include "stream/summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JOURNAL_VERSION = 1,
    JOURNAL_ENTRY_BYTES = 1024, /* an entry at most */
    JOURNAL_HEAD_BYTES = 2 + LIMIT_DEVICE_ID_SIZE,
    JOURNAL_NUMBER_BYTES = 10,
    JOURNAL_SUMMARY_BYTES = 90,
    JOURNAL_SECTION_BYTES = 192 /* a section at most */
};

enum journal_tag {
    JOURNAL_RESET = 1, /* the device's state is replaced by what follows */
    JOURNAL_REMOVE,    /* the device is gone */
    JOURNAL_META,      /* times and counts of the device */
    JOURNAL_KIND,      /* counts of one kind of window */
    JOURNAL_DELTA,     /* readings that came since the last entry, in one slice of all rings */
    JOURNAL_PANE,      /* a whole pane, after JOURNAL_RESET */
    JOURNAL_SETTLE,    /* all panes are there; marks follow where they are not what one expects */
    JOURNAL_MARK,      /* of one window */
    JOURNAL_COUNT,     /* a pane of a window by count */
    JOURNAL_ALARM,     /* the facts of one alarm; no longer written */
    JOURNAL_PART,      /* the part of the device's windows, when it is not 0 */
    JOURNAL_BOOT       /* whose uptime the device's times are, when they are not true ones */
};

/* Fills one entry after another for one device and hands each to `take`. */
struct journal_writer {
    void (*take)(void *context, const void *bytes, size_t size);
    void *context;
    const char *device; /* of the caller */
    uint8_t bytes[JOURNAL_ENTRY_BYTES];
    size_t size; /* 0: no entry begun */
};

/* Begins a section, in a new entry when this one may not hold it. */
void journal_begin_section(struct journal_writer *writer, enum journal_tag tag);
void journal_put_unsigned(struct journal_writer *writer, uint64_t number);
void journal_put_signed(struct journal_writer *writer, int64_t number);
void journal_put_text(struct journal_writer *writer, const char *text); /* below 64 bytes */
void journal_put_summary(struct journal_writer *writer,
                         const struct summary *summary); /* not empty */

/* Hands over the entry begun last. */
void journal_end_entry(struct journal_writer *writer);

/* Reads one entry; after anything damaged `is_damaged` stays true and all results are 0. */
struct journal_reader {
    const uint8_t *at, *end;
    bool is_damaged;
};

/* Reads the head.  `device` has room for LIMIT_DEVICE_ID_SIZE bytes. */
void journal_begin_entry(struct journal_reader *reader, const void *bytes, size_t size,
                         char *device);

/* The next section's tag, or 0 at the end. */
unsigned journal_next_section(struct journal_reader *reader);
uint64_t journal_get_unsigned(struct journal_reader *reader, uint64_t max);
int64_t journal_get_signed(struct journal_reader *reader);
void journal_get_text(struct journal_reader *reader, char *text, size_t capacity);
void journal_get_summary(struct journal_reader *reader, struct summary *summary);

#endif
