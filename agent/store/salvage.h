/* salvage: saves what is still good in a damaged store into a new one with the same numbers.
 *
 * First all that SQLite can read; where it cannot, every page of the file and its WAL is looked
 * through for records whose checksum is right.  The damaged file is not changed.  A record that
 * was acknowledged long ago may turn up again on a page that was given up; the centre knows its id.
 * For tools. */
#ifndef ISOTHERM_STORE_SALVAGE_H
#define ISOTHERM_STORE_SALVAGE_H

#include "base/log.h"
#include "base/status.h"
#include "store/meta.h"
#include "store/reader.h"

#include <stdbool.h>
#include <stdint.h>

struct salvage_report {
    uint64_t saved[LANE_COUNT];    /* records in the new store */
    uint64_t scanned[LANE_COUNT];  /* of these, found page by page */
    uint64_t damaged;              /* records seen that could not be read */
    uint64_t lost;                 /* records that the state speaks of and that are not there */
    uint64_t blobs, damaged_blobs; /* of the journal */
    uint64_t unreadable_pages;
    bool is_complete;   /* every table could be read to its end */
    bool has_state;     /* else the new store has an epoch of its own */
    bool is_lost_known; /* `lost` says something: the state was there */
};

/* Makes a store at `path`, where there must be none.  `progress` is called now and then with the
 * number of records so far.  ST_IO, ST_FULL: it could not be written, there is nothing at `path`
 * then; logged. */
enum status salvage_store(struct reader *reader, const char *path, struct log *log,
                          void (*progress)(void *context, uint64_t records), void *context,
                          struct salvage_report *report) ISOTHERM_CHECK;

#endif
