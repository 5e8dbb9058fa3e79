/* reader: a store seen by a tool: its own file while no agent has it, else a copy of it as it is
 * (snapshot.h); somebody's copy, or one that was set aside.  Nothing is ever changed.
 *
 * What is damaged is handed out as damaged, and reading goes on behind it as far as it can.  For
 * tools, which have a process of their own: it allocates. */
#ifndef ISOTHERM_STORE_READER_H
#define ISOTHERM_STORE_READER_H

#include "base/log.h"
#include "base/status.h"
#include "store/meta.h"
#include "store/store.h"
#include "store/version.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;

/* A record of the outbox; `record` holds something only with ST_OK. */
struct reader_record {
    enum lane lane;
    uint64_t seq;
    const uint8_t *bytes; /* as it lies there; NULL: not even that can be read */
    size_t size;
    enum status status; /* ST_OK, ST_CORRUPT, ST_UNSUPPORTED */
    const struct record *record;
};

/* A blob of the journal. */
struct reader_blob {
    uint64_t id; /* number of the batch */
    const uint8_t *bytes;
    size_t size;
    enum status status; /* whether checksum, version and lengths are right */
};

/* READER_SHARES: others may look, too, but no agent may begin to use the store meanwhile; beside
 * one that has it, a copy is looked at.
 * READER_OWNS: nobody else, since the caller will move it; and what cannot be opened as a database
 * any more is opened all the same: everything in it is then damaged. */
enum reader_mode { READER_SHARES, READER_OWNS };

/* Opens the store.  Reasons are logged.  ST_NOT_FOUND:
 * nothing there; ST_AGAIN: an agent has it, *holder is its process id, 0 when that cannot be told,
 * -1 when there is none; with READER_SHARES only when it could not be copied, and ST_FULL then says
 * that there is no room for a copy;
 * ST_FOREIGN: not a store of ours, or of a newer version; ST_CORRUPT: so damaged that it cannot
 * even be opened; ST_IO; ST_NO_MEMORY. */
enum status reader_open(struct reader **reader, const char *path, enum reader_mode mode,
                        struct log *log, int64_t *holder) ISOTHERM_CHECK;

/* NULL does nothing. */
void reader_close(struct reader *reader);

/* Whether it is a copy that was made because an agent has the store. */
bool reader_is_copy(const struct reader *reader);

/* The path with symbolic links resolved; as long as the reader. */
const char *reader_path(const struct reader *reader);

/* The version of the tables.  ST_CORRUPT, ST_IO. */
enum status reader_schema(struct reader *reader, struct version *version) ISOTHERM_CHECK;

/* The numbers about the whole.  ST_NOT_FOUND, ST_CORRUPT, ST_IO. */
enum status reader_state(struct reader *reader, struct meta_state *state) ISOTHERM_CHECK;

/* Checks every page; `found` gets each problem as a line of text, and *count their number. */
enum status reader_check_pages(struct reader *reader,
                               void (*found)(void *context, const char *problem), void *context,
                               size_t *count) ISOTHERM_CHECK;

/* Every record of a lane, by ascending number; `fn` answers whether to go on.  ST_CORRUPT, ST_IO:
 * the table cannot be read to its end. */
enum status reader_list_records(struct reader *reader, enum lane lane,
                                bool (*fn)(void *context, const struct reader_record *record),
                                void *context) ISOTHERM_CHECK;

/* Every blob of the journal, oldest first; likewise. */
enum status reader_list_journal(struct reader *reader,
                                bool (*fn)(void *context, const struct reader_blob *blob),
                                void *context) ISOTHERM_CHECK;

/* The entries of a blob whose status is ST_OK. */
void reader_list_entries(const struct reader_blob *blob,
                         void (*fn)(void *context, const void *bytes, size_t size), void *context);

/* Bytes of the database and of its WAL. */
int64_t reader_bytes(const struct reader *reader);
int64_t reader_wal_bytes(const struct reader *reader);

#endif
