/* Invariant: the connection goes through store/frozen.h, so that nothing can be changed, and while
 * it is open no agent can begin to use the store. */
#include "store/reader.h"

#include "store/database.h"
#include "store/frozen.h"
#include "store/journal.h"
#include "store/record_codec.h"
#include "store/schema.h"
#include "store/snapshot.h"
#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct reader {
    char path[LIMIT_PATH_SIZE];
    struct log *log;
    struct frozen frozen;
    bool is_frozen, is_copy;
    char copy[SNAPSHOT_PATH_SIZE]; /* "": there is none, or the connection alone holds it */
    int lock_fd;
    sqlite3 *connection;
};

static const char *const list_sql[LANE_COUNT] = {
    [LANE_ALARM] = "SELECT seq, record FROM outbox_alarm ORDER BY seq",
    [LANE_WINDOW] = "SELECT seq, record FROM outbox_window ORDER BY seq"};

/* Who holds the lock on a file, as the kernel lists it; 0: it does not say. */
static int64_t find_holder(int fd)
{
    struct stat info;
    FILE *locks = fopen("/proc/locks", "re");
    int64_t holder = 0;
    char line[256];
    while (locks != NULL && fstat(fd, &info) == 0 && fgets(line, sizeof line, locks) != NULL) {
        int64_t process;
        unsigned major_number, minor_number;
        uint64_t inode;
        if (sscanf(line, "%*d: FLOCK %*s WRITE %" SCNd64 " %x:%x:%" SCNu64, &process, &major_number,
                   &minor_number, &inode) != 4)
            continue;
        if (inode == info.st_ino && major_number == major(info.st_dev) &&
            minor_number == minor(info.st_dev))
            holder = process;
    }
    if (locks != NULL) (void)fclose(locks);
    return holder;
}

/* A copy, or what was set aside, has no lock: nobody writes to it. */
static enum status lock(struct reader *reader, enum reader_mode mode, int64_t *holder)
{
    char path[STORE_FILE_PATH_SIZE];
    bool is_owner = mode == READER_OWNS;
    store_file_join(path, reader->path, ".lock");
    reader->lock_fd =
        open(path, (is_owner ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (reader->lock_fd < 0 && is_owner) {
        log_write(reader->log, LOG_LEVEL_ERROR, "store", "%s: %s", path, strerror(errno));
        return ST_IO;
    }
    if (reader->lock_fd < 0) return ST_OK;
    if (flock(reader->lock_fd, (is_owner ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return ST_OK;
    if (errno != EWOULDBLOCK) return is_owner ? ST_IO : ST_OK;
    *holder = find_holder(reader->lock_fd);
    return ST_AGAIN;
}

static enum status resolve(struct reader *reader, const char *path)
{
    char *real = realpath(path, NULL);
    if (real == NULL && errno == ENOENT) return ST_NOT_FOUND;
    if (real == NULL || strlen(real) >= sizeof reader->path) {
        log_write(reader->log, LOG_LEVEL_ERROR, "store", "%s: %s", path,
                  strerror(real == NULL ? errno : ENAMETOOLONG));
        free(real);
        return ST_IO;
    }
    memcpy(reader->path, real, strlen(real) + 1);
    free(real);
    return ST_OK;
}

/* What was set aside has lost the claim beside it: it need not look like anything any more. */
static enum status inspect(struct reader *reader)
{
    enum store_file_kind kind;
    bool is_set_aside = strstr(reader->path, ".damaged-") != NULL;
    enum status status = store_file_inspect(reader->path, is_set_aside ? NULL : reader->log, &kind);
    if (status == ST_OK && kind == STORE_FILE_ABSENT) return ST_NOT_FOUND;
    return status == ST_FOREIGN && is_set_aside ? ST_OK : status;
}

static enum status take_copy(struct reader *reader)
{
    enum status status = snapshot_take(reader->path, reader->log, reader->copy);
    reader->is_copy = status == ST_OK;
    if (status != ST_OK) reader->copy[0] = '\0';
    return status;
}

static void remove_copy(struct reader *reader)
{
    if (reader->copy[0] != '\0') snapshot_remove(reader->copy);
    reader->copy[0] = '\0';
}

static enum status connect_file(struct reader *reader)
{
    enum status status = frozen_begin(&reader->frozen);
    if (status != ST_OK) return status;
    reader->is_frozen = true;
    return frozen_connect(&reader->frozen, reader->is_copy ? reader->copy : reader->path,
                          reader->log, &reader->connection);
}

static enum status check_version(struct reader *reader)
{
    struct version version;
    enum status status = reader_schema(reader, &version);
    if (status != ST_OK || version.number <= SCHEMA_VERSION) return status;
    log_write(reader->log, LOG_LEVEL_ERROR, "store",
              "%s is of version %" PRId64 ", this program knows up to %d", reader->path,
              version.number, SCHEMA_VERSION);
    return ST_FOREIGN;
}

enum status reader_open(struct reader **result, const char *path, enum reader_mode mode,
                        struct log *log, int64_t *holder)
{
    struct reader *reader = calloc(1, sizeof *reader);
    *result = NULL;
    *holder = -1;
    if (reader == NULL) return ST_NO_MEMORY;
    reader->log = log;
    reader->lock_fd = -1;
    enum status status = resolve(reader, path);
    if (status == ST_OK) status = lock(reader, mode, holder);
    if (status == ST_AGAIN && mode == READER_SHARES) status = take_copy(reader);
    if (status == ST_OK) status = inspect(reader);
    if (status == ST_OK) status = connect_file(reader);
    if (status == ST_OK) status = check_version(reader);
    remove_copy(reader); /* it was read from: the connection has both files open */
    if (mode == READER_OWNS && (status == ST_CORRUPT || status == ST_IO) &&
        reader->connection != NULL)
        status = ST_OK;
    if (status == ST_OK)
        *result = reader;
    else
        reader_close(reader);
    return status;
}

void reader_close(struct reader *reader)
{
    if (reader == NULL) return;
    if (reader->connection != NULL) database_close(&reader->connection);
    if (reader->is_frozen) frozen_end(&reader->frozen);
    if (reader->lock_fd >= 0) (void)close(reader->lock_fd);
    remove_copy(reader);
    free(reader);
}

bool reader_is_copy(const struct reader *reader)
{
    return reader->is_copy;
}

const char *reader_path(const struct reader *reader)
{
    return reader->path;
}

enum status reader_schema(struct reader *reader, struct version *version)
{
    return version_read(reader->connection, reader->log, SCHEMA_VERSION, version);
}

enum status reader_state(struct reader *reader, struct meta_state *state)
{
    struct meta meta = {.connection = reader->connection, .log = reader->log};
    return meta_load(&meta, state);
}

enum status reader_check_pages(struct reader *reader,
                               void (*found)(void *context, const char *problem), void *context,
                               size_t *count)
{
    sqlite3_stmt *statement = NULL;
    *count = 0;
    enum status status = database_prepare(reader->connection, reader->log,
                                          "PRAGMA integrity_check(100)", &statement);
    if (status != ST_OK) return status;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(statement, 0);
        if (line != NULL && strcmp(line, "ok") == 0) continue;
        found(context, line == NULL ? "no memory" : line);
        ++*count;
    }
    if (result != SQLITE_DONE)
        status = database_report(reader->connection, reader->log, result, "check of the pages");
    (void)sqlite3_finalize(statement);
    return status;
}

static enum status decode(struct reader_record *found, struct record *record)
{
    if (found->bytes == NULL) return ST_CORRUPT;
    enum status status = record_codec_decode(found->bytes, found->size, found->seq, record);
    if (status != ST_OK) return status;
    return (record->kind == RECORD_ALARM) == (found->lane == LANE_ALARM) ? ST_OK : ST_CORRUPT;
}

enum status reader_list_records(struct reader *reader, enum lane lane,
                                bool (*fn)(void *context, const struct reader_record *record),
                                void *context)
{
    sqlite3_stmt *statement = NULL;
    enum status status =
        database_prepare(reader->connection, reader->log, list_sql[lane], &statement);
    if (status != ST_OK) return status;
    struct record record;
    bool is_wanted = true;
    int result = SQLITE_DONE;
    while (is_wanted && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct reader_record found = {.lane = lane,
                                      .seq = (uint64_t)sqlite3_column_int64(statement, 0),
                                      .bytes = sqlite3_column_blob(statement, 1),
                                      .record = &record};
        found.size = (size_t)sqlite3_column_bytes(statement, 1);
        found.status = decode(&found, &record);
        is_wanted = fn(context, &found);
    }
    if (is_wanted && result != SQLITE_DONE)
        status = database_report(reader->connection, reader->log, result, list_sql[lane]);
    (void)sqlite3_finalize(statement);
    return status;
}

static void ignore_entry(void *context, const void *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

enum status reader_list_journal(struct reader *reader,
                                bool (*fn)(void *context, const struct reader_blob *blob),
                                void *context)
{
    sqlite3_stmt *statement = NULL;
    enum status status = database_prepare(
        reader->connection, reader->log, "SELECT id, entries FROM journal ORDER BY id", &statement);
    if (status != ST_OK) return status;
    bool is_wanted = true;
    int result = SQLITE_DONE;
    while (is_wanted && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct reader_blob blob = {.id = (uint64_t)sqlite3_column_int64(statement, 0),
                                   .bytes = sqlite3_column_blob(statement, 1),
                                   .status = ST_CORRUPT};
        blob.size = (size_t)sqlite3_column_bytes(statement, 1);
        if (blob.bytes != NULL)
            blob.status = journal_read_blob(blob.id, blob.bytes, blob.size, ignore_entry, NULL);
        is_wanted = fn(context, &blob);
    }
    if (is_wanted && result != SQLITE_DONE)
        status = database_report(reader->connection, reader->log, result, "read of the journal");
    (void)sqlite3_finalize(statement);
    return status;
}

void reader_list_entries(const struct reader_blob *blob,
                         void (*fn)(void *context, const void *bytes, size_t size), void *context)
{
    enum status status = blob->status;
    if (status == ST_OK) status = journal_read_blob(blob->id, blob->bytes, blob->size, fn, context);
    (void)status; /* it was looked at when it was listed */
}

int64_t reader_bytes(const struct reader *reader)
{
    return store_file_bytes(reader->path);
}

int64_t reader_wal_bytes(const struct reader *reader)
{
    char path[STORE_FILE_PATH_SIZE];
    store_file_join(path, reader->path, "-wal");
    return store_file_bytes(path);
}
