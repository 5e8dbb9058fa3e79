/* Invariant: every descriptor is opened for reading only, and every call that would change
 * something fails. */
#include "store/frozen.h"

#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512 };

struct frozen_file {
    sqlite3_file base; /* first: SQLite knows the file by it */
    int fd;            /* -1: a WAL that is not there reads as an empty one */
};

static int close_file(sqlite3_file *file)
{
    struct frozen_file *frozen = (struct frozen_file *)file;
    if (frozen->fd >= 0) (void)close(frozen->fd);
    frozen->fd = -1;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    const struct frozen_file *frozen = (const struct frozen_file *)file;
    int got = 0;
    while (got < size && frozen->fd >= 0) {
        ssize_t more = pread(frozen->fd, (char *)bytes + got, (size_t)(size - got), at + got);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return SQLITE_IOERR_READ;
        if (more == 0) break;
        got += (int)more;
    }
    if (got == size) return SQLITE_OK;
    memset((char *)bytes + got, 0, (size_t)(size - got));
    return SQLITE_IOERR_SHORT_READ;
}

static int write_file(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    (void)file;
    (void)bytes;
    (void)size;
    (void)at;
    return SQLITE_READONLY;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    (void)file;
    (void)size;
    return SQLITE_READONLY;
}

static int sync_file(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return SQLITE_OK;
}

static int measure_file(sqlite3_file *file, sqlite3_int64 *size)
{
    const struct frozen_file *frozen = (const struct frozen_file *)file;
    struct stat info = {0};
    if (frozen->fd >= 0 && fstat(frozen->fd, &info) != 0) return SQLITE_IOERR_FSTAT;
    *size = info.st_size;
    return SQLITE_OK;
}

static int lock_file(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int check_reserved_lock(sqlite3_file *file, int *is_reserved)
{
    (void)file;
    *is_reserved = 0;
    return SQLITE_OK;
}

static int control_file(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR_BYTES;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = measure_file,
    .xLock = lock_file,
    .xUnlock = lock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    (void)vfs;
    struct frozen_file *frozen = (struct frozen_file *)file;
    bool is_wal = (flags & SQLITE_OPEN_WAL) != 0;
    frozen->base.pMethods = NULL;
    if (name == NULL) return SQLITE_CANTOPEN;
    frozen->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (frozen->fd < 0 && !(is_wal && errno == ENOENT)) return SQLITE_CANTOPEN;
    frozen->base.pMethods = &methods;
    if (out_flags != NULL) *out_flags = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int is_directory_synced)
{
    (void)vfs;
    (void)name;
    (void)is_directory_synced;
    return SQLITE_READONLY;
}

enum status frozen_begin(struct frozen *frozen)
{
    const sqlite3_vfs own = {.zName = "isotherm-frozen",
                             .szOsFile = (int)sizeof(struct frozen_file),
                             .xOpen = open_file,
                             .xDelete = delete_file};
    return vfs_pass_begin(&frozen->pass, &own, false);
}

enum status frozen_connect(struct frozen *frozen, const char *path, struct log *log,
                           sqlite3 **connection)
{
    int result = sqlite3_open_v2(path, connection, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                                 frozen->pass.name);
    if (*connection == NULL) return ST_NO_MEMORY;
    if (result != SQLITE_OK) return database_report(*connection, log, result, path);
    (void)sqlite3_extended_result_codes(*connection, 1);
    (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(*connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Exclusive: then the index of the WAL is built in memory, not in a file beside it. */
    return database_execute(*connection, log,
                            "PRAGMA locking_mode=EXCLUSIVE;PRAGMA temp_store=MEMORY;"
                            "PRAGMA mmap_size=0;PRAGMA query_only=1");
}

void frozen_end(struct frozen *frozen)
{
    vfs_pass_end(&frozen->pass);
}
