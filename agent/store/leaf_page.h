/* leaf_page: the rows on one page of a database, read without SQLite, for what SQLite can no
 * longer reach.
 *
 *   leaf of a table:  0x0d, first free 2, cells 2, content 2, fragments 1, offsets 2 each ...
 *   cell:             payload size, rowid (varints), payload
 *   payload:          size of its head, a type for each column (varints), the columns
 *
 * Only rows of our tables of records are known: a number that is the rowid, and a blob.  Pure; what
 * is found is to be checked by its own checksum. */
#ifndef ISOTHERM_STORE_LEAF_PAGE_H
#define ISOTHERM_STORE_LEAF_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leaf_row {
    uint64_t seq;
    const uint8_t *blob;
    size_t size;
};

/* Steps through the rows of a page of `size` bytes (up to 65536) whose head is at `head_at` (100
 * on the first page); *cursor is 0 at first.  False: no more, or no such page. */
bool leaf_page_next(const uint8_t *page, size_t size, size_t head_at, size_t *cursor,
                    struct leaf_row *row);

/* Finds a value with the text key `key` on any page; *cursor is 0 at first.  For the table of
 * keys and values. */
bool leaf_page_find(const uint8_t *page, size_t size, const char *key, size_t *cursor,
                    struct leaf_row *row);

#endif
