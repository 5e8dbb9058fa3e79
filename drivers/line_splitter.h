/* line_splitter: bytes as they come from a wire or a file, out come whole lines.
 *
 * A line ends with CR, LF or CRLF.  Lines of nothing but blanks are passed over.  A line that is
 * longer than the limit is reported once, however long it goes on, and everything up to its end
 * is dropped; so noise costs no memory and the next good line is found.  It knows nothing of what
 * a line means.  Pure. */
#ifndef ISOTHERM_LINE_SPLITTER_H
#define ISOTHERM_LINE_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_SPLITTER_LINE_MAX 4096 /* bytes of the longest line that may be allowed */

enum line_found {
    LINE_NONE,     /* no whole line here yet: read more */
    LINE_READY,    /* a line, without its end */
    LINE_TOO_LONG, /* a line over the limit; `line` is how it begins */
    LINE_DAMAGED   /* holds NUL or 0xFF, which no text has: wrong baud rate, break, noise */
};

/* Embedded by its owner; the fields are private. */
struct line_splitter {
    size_t limit_bytes;
    size_t begin;     /* of the line that is being looked for */
    size_t scanned;   /* no line end before this place */
    size_t end;       /* of the bytes that came */
    size_t next;      /* where the bytes behind the peeked line begin */
    bool is_skipping; /* drops everything up to the next line end */
    bool is_endless;  /* the peeked line has no end yet */
    char bytes[2 * LINE_SPLITTER_LINE_MAX];
};

/* Empties the splitter.  `limit_bytes` of a line, its end not counted: 1 to
 * LINE_SPLITTER_LINE_MAX, brought into that range.  `skips_first` drops everything up to the
 * first line end, since whoever begins to listen in the middle of "123.50" must not take the
 * rest for a value. */
void line_splitter_init(struct line_splitter *splitter, size_t limit_bytes, bool skips_first);

/* Where the next bytes are to be written and how many fit: none only while a peeked line was
 * not taken.  line_splitter_add then says how many came (at most that many). */
char *line_splitter_space(struct line_splitter *splitter, size_t *size);
void line_splitter_add(struct line_splitter *splitter, size_t size);

/* Says that no more bytes come: what is left without a line end becomes a line. */
void line_splitter_end(struct line_splitter *splitter);

/* The next line, which stays the next one until it was taken.  *line is not NUL-terminated and
 * stands until the next call of line_splitter_space or _end. */
enum line_found line_splitter_peek(struct line_splitter *splitter, const char **line, size_t *size);
void line_splitter_take(struct line_splitter *splitter);

#endif
