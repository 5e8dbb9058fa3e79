/* Invariant: a copy is kept only when the database and the head of its WAL were the same files
 * with the same contents before and after. */
#include "store/snapshot.h"

#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    TRIES = 20,
    WAL_HEAD_SIZE = 32, /* holds two numbers that are new whenever the WAL begins anew */
    CHUNK_SIZE = 1 << 16,
    TICK_NS = 50 * 1000 * 1000 /* longer than the clock of a file's times stands still */
};

/* What changes when the database is written to, or the WAL begun anew. */
struct stamp {
    struct stat database;
    uint8_t wal_head[WAL_HEAD_SIZE];
};

static void read_stamp(int database, int wal, struct stamp *stamp)
{
    memset(stamp, 0, sizeof *stamp);
    (void)fstat(database, &stamp->database);
    if (wal >= 0 && pread(wal, stamp->wal_head, WAL_HEAD_SIZE, 0) < 0)
        memset(stamp->wal_head, 0xff, WAL_HEAD_SIZE);
}

/* Also that the names still stand for these files. */
static bool is_same(const struct stamp *a, const struct stamp *b, const char *path)
{
    struct stat named;
    return stat(path, &named) == 0 && named.st_ino == a->database.st_ino &&
           a->database.st_size == b->database.st_size &&
           a->database.st_mtim.tv_sec == b->database.st_mtim.tv_sec &&
           a->database.st_mtim.tv_nsec == b->database.st_mtim.tv_nsec &&
           memcmp(a->wal_head, b->wal_head, WAL_HEAD_SIZE) == 0;
}

/* A write within the same tick as the last one would not show in the times. */
static void wait_for_tick(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
}

static enum status copy_bytes(int from, const char *to_path)
{
    static const mode_t mode = 0600;
    char chunk[CHUNK_SIZE];
    int to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (to < 0) return ST_IO;
    ssize_t size = 0;
    bool is_written = true;
    for (off_t at = 0; is_written && (size = pread(from, chunk, sizeof chunk, at)) > 0; at += size)
        is_written = pwrite(to, chunk, (size_t)size, at) == size;
    enum status status = !is_written && errno == ENOSPC ? ST_FULL : ST_IO;
    if (close(to) == 0 && is_written && size == 0) status = ST_OK;
    return status;
}

static enum status copy_both(int database, int wal, const char *copy)
{
    char copied_wal[SNAPSHOT_PATH_SIZE + 8];
    (void)snprintf(copied_wal, sizeof copied_wal, "%s-wal", copy);
    enum status status = copy_bytes(database, copy);
    return status == ST_OK && wal >= 0 ? copy_bytes(wal, copied_wal) : status;
}

/* ST_AGAIN: something changed. */
static enum status try_once(const char *path, const char *copy)
{
    char wal_path[STORE_FILE_PATH_SIZE];
    struct stamp before, after;
    store_file_join(wal_path, path, "-wal");
    int database = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (database < 0) return errno == ENOENT ? ST_NOT_FOUND : ST_IO;
    int wal = open(wal_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    read_stamp(database, wal, &before);
    wait_for_tick();
    enum status status = copy_both(database, wal, copy);
    read_stamp(database, wal, &after);
    if (status == ST_OK && !is_same(&before, &after, path)) status = ST_AGAIN;
    (void)close(database);
    if (wal >= 0) (void)close(wal);
    return status;
}

static const char *choose_place(void)
{
    const char *place = getenv("TMPDIR");
    return place == NULL || place[0] == '\0' ? "/tmp" : place;
}

static bool has_room(const char *place, int64_t bytes)
{
    struct statvfs info;
    if (statvfs(place, &info) != 0) return true; /* the copying says it better */
    return bytes / (int64_t)info.f_frsize + 1 < (int64_t)info.f_bavail;
}

static enum status make_directory(const char *path, struct log *log, char *copy)
{
    char directory[SNAPSHOT_PATH_SIZE - 16];
    const char *place = choose_place();
    int64_t bytes = store_file_total_bytes(path);
    int size = snprintf(directory, sizeof directory, "%s/isotherm-store-XXXXXX", place);
    if (!has_room(place, bytes)) {
        log_write(log, LOG_LEVEL_ERROR, "store",
                  "a copy of the store takes %" PRId64 " bytes, which %s has not: name another "
                  "directory in TMPDIR",
                  bytes, place);
        return ST_FULL;
    }
    if (size < 0 || size >= (int)sizeof directory || mkdtemp(directory) == NULL) {
        log_write(log, LOG_LEVEL_ERROR, "store", "no directory in %s: %s", place, strerror(errno));
        return ST_IO;
    }
    (void)snprintf(copy, SNAPSHOT_PATH_SIZE, "%s/store.db", directory);
    return ST_OK;
}

enum status snapshot_take(const char *path, struct log *log, char *copy)
{
    enum status status = make_directory(path, log, copy);
    if (status != ST_OK) return status;
    status = ST_AGAIN;
    for (int i = 0; i < TRIES && status == ST_AGAIN; i++) status = try_once(path, copy);
    if (status == ST_OK) return ST_OK;
    log_write(log, LOG_LEVEL_ERROR, "store", "%s could not be copied to %s: %s", path, copy,
              status == ST_AGAIN ? "it changed all the time" : status_text(status));
    snapshot_remove(copy);
    return status;
}

void snapshot_remove(const char *copy)
{
    char path[SNAPSHOT_PATH_SIZE + 8];
    (void)unlink(copy);
    (void)snprintf(path, sizeof path, "%s-wal", copy);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s", copy);
    char *slash = strrchr(path, '/');
    if (slash == NULL) return;
    *slash = '\0';
    (void)rmdir(path);
}
