/* Invariant: no file is changed here, except that the lock, the claim and a directory may be made.
 */
#include "store/store_file.h"

#include "store/schema.h"
#include "store/version.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_SIZE = 100,
    MAGIC_SIZE = 16,
    VERSION_AT = 60,
    APPLICATION_ID_AT = 68,
    CHUNK_SIZE = 4096
};

void store_file_join(char *joined, const char *path, const char *suffix)
{
    (void)snprintf(joined, STORE_FILE_PATH_SIZE, "%s%s", path, suffix);
}

/* The directory part of the path: "." when there is none. */
static void directory_of(char *directory, const char *path)
{
    store_file_join(directory, path, "");
    char *slash = strrchr(directory, '/');
    if (slash == NULL)
        store_file_join(directory, ".", "");
    else
        slash[slash == directory ? 1 : 0] = '\0';
}

static enum status ensure_directory(const char *path, struct log *log)
{
    char directory[STORE_FILE_PATH_SIZE];
    directory_of(directory, path);
    struct stat info;
    if (stat(directory, &info) == 0 && S_ISDIR(info.st_mode)) return ST_OK;
    if (mkdir(directory, 0750) == 0) {
        log_write(log, LOG_LEVEL_INFO, "store", "made the directory %s", directory);
        return ST_OK;
    }
    int error = errno;
    log_limited(log, LOG_LEVEL_ERROR, "store", "directory", "no directory %s for the store: %s",
                directory, strerror(error));
    return error == ENOENT ? ST_AGAIN : ST_IO;
}

enum status store_file_resolve(char *path, struct log *log)
{
    struct stat info;
    if (lstat(path, &info) != 0 && errno == ENOENT) return ensure_directory(path, log);
    if (lstat(path, &info) == 0 && !S_ISLNK(info.st_mode)) return ST_OK;
    char real[PATH_MAX];
    if (realpath(path, real) != NULL) {
        if (strlen(real) < LIMIT_PATH_SIZE) {
            memcpy(path, real, strlen(real) + 1);
            return ST_OK;
        }
        errno = ENAMETOOLONG;
    }
    int error = errno;
    log_limited(log, LOG_LEVEL_ERROR, "store", "path", "%s: %s", path,
                error == ENOENT ? "a link that leads nowhere: left untouched, name another path"
                                : strerror(error));
    return error == ELOOP || error == ENOTDIR || error == ENOENT ? ST_FOREIGN : ST_IO;
}

enum status store_file_lock(const char *path, struct log *log, int *fd)
{
    char lock[STORE_FILE_PATH_SIZE];
    store_file_join(lock, path, ".lock");
    *fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (*fd < 0) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "lock", "%s: %s", lock, strerror(errno));
        return ST_IO;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return ST_OK;
    log_limited(log, LOG_LEVEL_ERROR, "store", "lock", "another isotherm uses this store: %s",
                path);
    (void)close(*fd);
    *fd = -1;
    return ST_IO;
}

bool store_file_is_claimed(const char *path)
{
    char claim[STORE_FILE_PATH_SIZE];
    store_file_join(claim, path, ".claim");
    return access(claim, F_OK) == 0;
}

void store_file_claim(const char *path, struct log *log)
{
    if (store_file_is_claimed(path)) return;
    char claim[STORE_FILE_PATH_SIZE];
    store_file_join(claim, path, ".claim");
    int fd = open(claim, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0) {
        (void)close(fd);
        if (store_file_sync_directory(path, log) == ST_OK) return;
        (void)unlink(claim); /* so that the next start tries again */
        return;
    }
    log_limited(log, LOG_LEVEL_WARN, "store", "claim", "%s: %s", claim, strerror(errno));
}

/* Whether only zeros follow.  Reads the file to its end, but no further than the first other
 * byte. */
static bool is_blank(int fd)
{
    unsigned char bytes[CHUNK_SIZE];
    for (off_t at = 0;;) {
        ssize_t size = pread(fd, bytes, sizeof bytes, at);
        if (size <= 0) return size == 0;
        for (ssize_t i = 0; i < size; i++) {
            if (bytes[i] != 0) return false;
        }
        at += size;
    }
}

/* The mark alone decides: a garbled first line under our mark is damage, and another's database
 * is not ours even when it is whole. */
static bool is_ours(const unsigned char *header, ssize_t size)
{
    static const unsigned char mark[4] = {
        SCHEMA_APPLICATION_ID >> 24 & 0xff, SCHEMA_APPLICATION_ID >> 16 & 0xff,
        SCHEMA_APPLICATION_ID >> 8 & 0xff, SCHEMA_APPLICATION_ID & 0xff};
    return size == HEADER_SIZE && memcmp(header + APPLICATION_ID_AT, mark, sizeof mark) == 0;
}

/* Asked before SQLite opens the file for writing, since that alone may write to it. */
static bool is_newer(const char *path, const unsigned char *header)
{
    const unsigned char *v = header + VERSION_AT;
    uint32_t version =
        (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | (uint32_t)v[3];
    return version_is_newer(path, version, SCHEMA_VERSION);
}

static enum status inspect_open(const char *path, int fd, struct log *log,
                                enum store_file_kind *kind)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "foreign",
                    "%s is not a file: left untouched, name another path", path);
        return ST_FOREIGN;
    }
    unsigned char header[HEADER_SIZE] = {0};
    ssize_t size = pread(fd, header, sizeof header, 0);
    if (size < 0) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "read", "%s: %s", path, strerror(errno));
        return ST_IO;
    }
    *kind = size == 0               ? STORE_FILE_ABSENT
            : is_ours(header, size) ? STORE_FILE_OURS
                                    : STORE_FILE_BLANK;
    if (*kind == STORE_FILE_OURS && is_newer(path, header)) {
        log_limited(log, LOG_LEVEL_ERROR, "store", "version",
                    "%s was written by a newer isotherm: left untouched, use that one or name "
                    "another path",
                    path);
        return ST_FOREIGN;
    }
    if (*kind != STORE_FILE_BLANK || is_blank(fd)) return ST_OK;
    bool is_database = memcmp(header, "SQLite format 3", MAGIC_SIZE) == 0;
    if (!is_database && store_file_is_claimed(path)) {
        *kind = STORE_FILE_OURS;
        return ST_OK;
    }
    log_limited(log, LOG_LEVEL_ERROR, "store", "foreign",
                "%s is not a store of isotherm (%s): left untouched, name another path", path,
                is_database ? "another SQLite database" : "not a database");
    return ST_FOREIGN;
}

enum status store_file_inspect(const char *path, struct log *log, enum store_file_kind *kind)
{
    /* Not blocking: the path may name a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *kind = STORE_FILE_ABSENT;
        return ST_OK;
    }
    if (fd < 0) {
        int error = errno;
        log_limited(log, LOG_LEVEL_ERROR, "store", "open", "%s: %s", path, strerror(error));
        return error == EISDIR || error == ENXIO || error == ELOOP ? ST_FOREIGN : ST_IO;
    }
    enum status status = inspect_open(path, fd, log, kind);
    (void)close(fd);
    return status;
}

enum status store_file_sync_directory(const char *path, struct log *log)
{
    char directory[STORE_FILE_PATH_SIZE];
    directory_of(directory, path);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    /* Some file systems cannot sync a directory and say so; there is nothing better to do. */
    if (!is_synced && fd >= 0 && errno == EINVAL) is_synced = true;
    if (!is_synced)
        log_limited(log, LOG_LEVEL_ERROR, "store", "sync", "sync of directory %s: %s", directory,
                    strerror(errno));
    if (fd >= 0) (void)close(fd);
    return is_synced ? ST_OK : ST_IO;
}

int64_t store_file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

int64_t store_file_total_bytes(const char *path)
{
    char wal[STORE_FILE_PATH_SIZE];
    store_file_join(wal, path, "-wal");
    return store_file_bytes(path) + store_file_bytes(wal);
}
