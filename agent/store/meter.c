/* Invariant: every call goes to the system's own file unchanged; a write counts when it
 * succeeded, in whole pages as far as the kernel writes whole pages. */
#include "store/meter.h"

#include <stdbool.h>
#include <string.h>

enum { PAGE_BYTES = 4096 };

/* The system's file lies behind ours, in the same block. */
struct metered_file {
    sqlite3_file base;
    struct meter *meter;
    bool ends_in_page; /* what was written last since the last sync leaves a page half full */
    char padding[7];
};

_Static_assert(sizeof(struct metered_file) % 8 == 0, "what lies behind is aligned");

static sqlite3_file *inner(sqlite3_file *file)
{
    return (sqlite3_file *)((struct metered_file *)file + 1);
}

static int close_file(sqlite3_file *file)
{
    return inner(file)->pMethods->xClose(inner(file));
}

static int read_file(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
    int result = inner(file)->pMethods->xRead(inner(file), bytes, size, at);
    if (result != SQLITE_OK && result != SQLITE_IOERR_SHORT_READ)
        ((struct metered_file *)file)->meter->failed_reads++;
    return result;
}

static int write_file(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
    int result = inner(file)->pMethods->xWrite(inner(file), bytes, size, at);
    struct metered_file *metered = (struct metered_file *)file;
    if (result != SQLITE_OK) return result;
    metered->meter->bytes += (uint64_t)size;
    metered->ends_in_page = (at + size) % PAGE_BYTES != 0;
    return SQLITE_OK;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    return inner(file)->pMethods->xTruncate(inner(file), size);
}

/* The page in which two commits meet is written by either of them. */
static int sync_file(sqlite3_file *file, int flags)
{
    struct metered_file *metered = (struct metered_file *)file;
    if (metered->ends_in_page) metered->meter->bytes += PAGE_BYTES;
    metered->ends_in_page = false;
    return inner(file)->pMethods->xSync(inner(file), flags);
}

static int measure_file(sqlite3_file *file, sqlite3_int64 *size)
{
    return inner(file)->pMethods->xFileSize(inner(file), size);
}

static int lock_file(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xLock(inner(file), level);
}

static int unlock_file(sqlite3_file *file, int level)
{
    return inner(file)->pMethods->xUnlock(inner(file), level);
}

static int check_reserved_lock(sqlite3_file *file, int *is_reserved)
{
    return inner(file)->pMethods->xCheckReservedLock(inner(file), is_reserved);
}

static int control_file(sqlite3_file *file, int operation, void *argument)
{
    return inner(file)->pMethods->xFileControl(inner(file), operation, argument);
}

static int sector_size(sqlite3_file *file)
{
    return inner(file)->pMethods->xSectorSize(inner(file));
}

static int characteristics(sqlite3_file *file)
{
    return inner(file)->pMethods->xDeviceCharacteristics(inner(file));
}

/* Version 1, without shared memory and mapping: the store uses neither. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = measure_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct metered_file *metered = (struct metered_file *)file;
    metered->meter = vfs->pAppData;
    metered->ends_in_page = false;
    int result =
        vfs_pass_system(vfs)->xOpen(vfs_pass_system(vfs), name, inner(file), flags, out_flags);
    /* SQLite closes what has methods, also after a failure. */
    file->pMethods = inner(file)->pMethods == NULL ? NULL : &methods;
    return result;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int is_directory_synced)
{
    return vfs_pass_system(vfs)->xDelete(vfs_pass_system(vfs), name, is_directory_synced);
}

enum status meter_begin(struct meter *meter)
{
    const sqlite3_vfs own = {.zName = "isotherm",
                             .szOsFile = (int)sizeof(struct metered_file),
                             .pAppData = meter,
                             .xOpen = open_file,
                             .xDelete = delete_file};
    memset(meter, 0, sizeof *meter);
    return vfs_pass_begin(&meter->pass, &own, true);
}

void meter_end(struct meter *meter)
{
    vfs_pass_end(&meter->pass);
}

const char *meter_name(const struct meter *meter)
{
    return meter->pass.name;
}

uint64_t meter_bytes(const struct meter *meter)
{
    return meter->bytes;
}

uint64_t meter_take_failed_reads(struct meter *meter)
{
    uint64_t failed_reads = meter->failed_reads;
    meter->failed_reads = 0;
    return failed_reads;
}
