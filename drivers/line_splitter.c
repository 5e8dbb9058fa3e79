/* Invariant: begin <= scanned <= end, and there is no line end in [begin, scanned).  After a peek
 * that found nothing at most limit_bytes are held back, so that there is always space. */
#include "line_splitter.h"

#include <string.h>

void line_splitter_init(struct line_splitter *splitter, size_t limit_bytes, bool skips_first)
{
    if (limit_bytes < 1) limit_bytes = 1;
    if (limit_bytes > LINE_SPLITTER_LINE_MAX) limit_bytes = LINE_SPLITTER_LINE_MAX;
    *splitter = (struct line_splitter){.limit_bytes = limit_bytes, .is_skipping = skips_first};
}

static void drop_before(struct line_splitter *splitter, size_t place)
{
    splitter->begin = place;
    if (splitter->scanned < place) splitter->scanned = place;
    splitter->next = place;
    splitter->is_endless = false;
}

static void move_to_front(struct line_splitter *splitter)
{
    if (splitter->begin == 0) return;
    memmove(splitter->bytes, splitter->bytes + splitter->begin, splitter->end - splitter->begin);
    splitter->scanned -= splitter->begin;
    splitter->end -= splitter->begin;
    splitter->next = splitter->next > splitter->begin ? splitter->next - splitter->begin : 0;
    splitter->begin = 0;
}

char *line_splitter_space(struct line_splitter *splitter, size_t *size)
{
    move_to_front(splitter);
    *size = sizeof splitter->bytes - splitter->end;
    return splitter->bytes + splitter->end;
}

void line_splitter_add(struct line_splitter *splitter, size_t size)
{
    size_t space = sizeof splitter->bytes - splitter->end;
    splitter->end += size < space ? size : space;
}

void line_splitter_end(struct line_splitter *splitter)
{
    move_to_front(splitter);
    if (splitter->end == 0 || splitter->end == sizeof splitter->bytes) return;
    splitter->bytes[splitter->end++] = '\n';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* A blank line over the limit is not passed over: whether its end has come yet must not matter. */
static bool is_passed_over(const struct line_splitter *splitter, const char *line, size_t size)
{
    if (splitter->is_skipping) return true;
    if (size > splitter->limit_bytes) return false;
    for (size_t i = 0; i < size; i++)
        if (line[i] != ' ' && line[i] != '\t') return false;
    return true;
}

static enum line_found classify(const struct line_splitter *splitter, const char *line, size_t size)
{
    if (size > splitter->limit_bytes) return LINE_TOO_LONG;
    if (memchr(line, '\0', size) != NULL || memchr(line, 0xff, size) != NULL) return LINE_DAMAGED;
    return LINE_READY;
}

static bool find_line_end(struct line_splitter *splitter)
{
    while (splitter->scanned < splitter->end) {
        if (is_line_end(splitter->bytes[splitter->scanned])) return true;
        splitter->scanned++;
    }
    return false;
}

/* What to do with a line whose end has not come yet. */
static enum line_found peek_unfinished(struct line_splitter *splitter)
{
    if (splitter->is_skipping) drop_before(splitter, splitter->end);
    if (splitter->end - splitter->begin <= splitter->limit_bytes) return LINE_NONE;
    splitter->next = splitter->end;
    splitter->is_endless = true;
    return LINE_TOO_LONG;
}

enum line_found line_splitter_peek(struct line_splitter *splitter, const char **line, size_t *size)
{
    while (find_line_end(splitter)) {
        const char *found = splitter->bytes + splitter->begin;
        size_t found_size = splitter->scanned - splitter->begin;
        if (!is_passed_over(splitter, found, found_size)) {
            splitter->next = splitter->scanned + 1;
            splitter->is_endless = false;
            *line = found;
            *size = found_size;
            return classify(splitter, found, found_size);
        }
        splitter->is_skipping = false;
        drop_before(splitter, splitter->scanned + 1);
    }
    *line = splitter->bytes + splitter->begin;
    enum line_found found = peek_unfinished(splitter);
    *size = splitter->end - splitter->begin;
    return found;
}

void line_splitter_take(struct line_splitter *splitter)
{
    if (splitter->next <= splitter->begin) return;
    splitter->is_skipping = splitter->is_endless;
    drop_before(splitter, splitter->next);
}
