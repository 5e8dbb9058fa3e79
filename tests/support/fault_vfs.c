/* Invariant: a descriptor or SQLite file that is open counts as a handle of its file, so that the
 * bytes outlive their name as on a real system. */
#include "support/fault_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FD_BASE = 1 << 20, FD_DIRECTORY = FD_BASE + DISK_FILES };

struct vfs_file {
    sqlite3_file base;
    struct fault_disk *disk;
    int file;
    bool syncs_names; /* as SQLite's own VFS does at the first sync of a journal */
};

static struct fault_disk *disk_of_system(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("fault");
    assert_non_null(vfs);
    return vfs->pAppData;
}

static const char *base_name(const char *path)
{
    static const char prefix[] = FAULT_DIRECTORY "/";
    assert_memory_equal(path, prefix, sizeof prefix - 1);
    return path + sizeof prefix - 1;
}

/* --- SQLite ------------------------------------------------------------------------------- */

static int translate(enum disk_result result, int error)
{
    return result == DISK_OK ? SQLITE_OK : result == DISK_FULL ? SQLITE_FULL : error;
}

static int vfs_close(sqlite3_file *base)
{
    struct vfs_file *file = (struct vfs_file *)base;
    file->disk->files[file->file].handles--;
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 at)
{
    struct vfs_file *file = (struct vfs_file *)base;
    const struct disk_bytes *now = &file->disk->files[file->file].now;
    if (fault_disk_read(file->disk) != DISK_OK) return SQLITE_IOERR_READ;
    size_t from = (size_t)at, wanted = (size_t)size;
    if (fault_disk_is_spoilt(file->disk, file->file, from, wanted)) return SQLITE_IOERR_READ;
    size_t there = from < now->size ? now->size - from : 0;
    if (there > wanted) there = wanted;
    if (there > 0) memcpy(bytes, now->bytes + from, there);
    if (there == wanted) return SQLITE_OK;
    memset((char *)bytes + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 at)
{
    struct vfs_file *file = (struct vfs_file *)base;
    return translate(fault_disk_write(file->disk, file->file, bytes, (size_t)size, (size_t)at),
                     SQLITE_IOERR_WRITE);
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct vfs_file *file = (struct vfs_file *)base;
    return translate(fault_disk_cut(file->disk, file->file, (size_t)size), SQLITE_IOERR_TRUNCATE);
}

static int vfs_sync(sqlite3_file *base, int flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    (void)flags;
    enum disk_result result = fault_disk_sync(file->disk, file->file);
    if (result == DISK_OK && file->syncs_names) {
        result = fault_disk_sync_names(file->disk);
        file->syncs_names = result != DISK_OK;
    }
    return translate(result, SQLITE_IOERR_FSYNC);
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *size)
{
    struct vfs_file *file = (struct vfs_file *)base;
    *size = (sqlite3_int64)file->disk->files[file->file].now.size;
    return SQLITE_OK;
}

static int vfs_lock(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int vfs_check(sqlite3_file *base, int *is_reserved)
{
    (void)base;
    *is_reserved = 0;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int what, void *argument)
{
    (void)base;
    (void)what;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *base)
{
    (void)base;
    return 4096;
}

/* What SQLite assumes of every disk unless told otherwise. */
static int vfs_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* Version 1: no shared memory, which exclusive locking does without. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_lock,
                                           .xCheckReservedLock = vfs_check,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_characteristics};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
                    int *out_flags)
{
    struct vfs_file *file = (struct vfs_file *)base;
    struct fault_disk *disk = vfs->pAppData;
    memset(file, 0, sizeof *file);
    assert_non_null(path); /* a temporary file is not wanted */
    const char *name = base_name(path);
    file->disk = disk;
    file->file = fault_disk_find(disk, name);
    if (file->file < 0) {
        if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
        enum disk_result result = fault_disk_make(disk, name, &file->file);
        if (result != DISK_OK) return translate(result, SQLITE_CANTOPEN);
    } else if (fault_disk_read(disk) != DISK_OK) {
        return SQLITE_CANTOPEN;
    }
    file->syncs_names = (flags & SQLITE_OPEN_CREATE) != 0 &&
                        (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    disk->files[file->file].handles++;
    if (out_flags != NULL) *out_flags = flags;
    base->pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs_names)
{
    struct fault_disk *disk = vfs->pAppData;
    enum disk_result result = fault_disk_remove(disk, base_name(path));
    if (result == DISK_ABSENT) return SQLITE_IOERR_DELETE_NOENT;
    if (result == DISK_OK && syncs_names != 0) result = fault_disk_sync_names(disk);
    return translate(result, SQLITE_IOERR_DELETE);
}

/* As SQLite's own: a file without bytes does not exist. */
static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *is_there)
{
    struct fault_disk *disk = vfs->pAppData;
    if (fault_disk_read(disk) != DISK_OK) return SQLITE_IOERR_ACCESS;
    int file = fault_disk_find(disk, base_name(path));
    *is_there = file >= 0 && (flags != SQLITE_ACCESS_EXISTS || disk->files[file].now.size > 0);
    return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *path, int size, char *full)
{
    (void)vfs;
    return snprintf(full, (size_t)size, "%s", path) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *bytes)
{
    for (int i = 0; i < size; i++) bytes[i] = (char)fault_disk_draw(vfs->pAppData, 256);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *days)
{
    (void)vfs;
    *days = 2460000.5;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
    (void)vfs;
    (void)size;
    (void)text;
    return 0;
}

void fault_vfs_register(sqlite3_vfs *vfs, struct fault_disk *disk)
{
    *vfs = (sqlite3_vfs){.iVersion = 1,
                         .szOsFile = (int)sizeof(struct vfs_file),
                         .mxPathname = DISK_NAME_SIZE - 1,
                         .zName = "fault",
                         .pAppData = disk,
                         .xOpen = vfs_open,
                         .xDelete = vfs_delete,
                         .xAccess = vfs_access,
                         .xFullPathname = vfs_full_name,
                         .xRandomness = vfs_random,
                         .xSleep = vfs_sleep,
                         .xCurrentTime = vfs_time,
                         .xGetLastError = vfs_last_error};
    assert_int_equal(sqlite3_vfs_register(vfs, 1), SQLITE_OK);
}

void fault_vfs_unregister(sqlite3_vfs *vfs)
{
    assert_int_equal(sqlite3_vfs_unregister(vfs), SQLITE_OK);
}

/* --- the system's calls ---------------------------------------------------------------------- */

static int answer(enum disk_result result)
{
    static const int errors[] = {
        [DISK_OK] = 0, [DISK_ERROR] = EIO, [DISK_FULL] = ENOSPC, [DISK_ABSENT] = ENOENT};
    if (result == DISK_OK) return 0;
    errno = errors[result];
    return -1;
}

static int file_of(int fd)
{
    assert_in_range(fd, FD_BASE, FD_DIRECTORY - 1);
    return fd - FD_BASE;
}

int fault_open(const char *path, int flags, ...)
{
    struct fault_disk *disk = disk_of_system();
    if (strcmp(path, FAULT_DIRECTORY) == 0) return FD_DIRECTORY;
    const char *name = base_name(path);
    int file = fault_disk_find(disk, name);
    if (file >= 0 && (flags & O_EXCL) != 0) {
        errno = EEXIST;
        return -1;
    }
    if (file < 0 && (flags & O_CREAT) == 0) return answer(DISK_ABSENT);
    enum disk_result result = file < 0 ? fault_disk_make(disk, name, &file) : fault_disk_read(disk);
    if (result != DISK_OK) return answer(result);
    disk->files[file].handles++;
    return FD_BASE + file;
}

int fault_close(int fd)
{
    if (fd != FD_DIRECTORY) disk_of_system()->files[file_of(fd)].handles--;
    return 0;
}

int fault_fsync(int fd)
{
    struct fault_disk *disk = disk_of_system();
    return answer(fd == FD_DIRECTORY ? fault_disk_sync_names(disk)
                                     : fault_disk_sync(disk, file_of(fd)));
}

int fault_flock(int fd, int operation)
{
    (void)file_of(fd);
    (void)operation;
    return 0;
}

ssize_t fault_pread(int fd, void *bytes, size_t size, off_t at)
{
    struct fault_disk *disk = disk_of_system();
    const struct disk_bytes *now = &disk->files[file_of(fd)].now;
    enum disk_result result = fault_disk_read(disk);
    if (result != DISK_OK) return answer(result);
    size_t from = (size_t)at;
    if (fault_disk_is_spoilt(disk, file_of(fd), from, size)) return answer(DISK_ERROR);
    size_t there = from < now->size ? now->size - from : 0;
    if (there > size) there = size;
    if (there > 0) memcpy(bytes, now->bytes + from, there);
    return (ssize_t)there;
}

ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t at)
{
    enum disk_result result =
        fault_disk_write(disk_of_system(), file_of(fd), bytes, size, (size_t)at);
    return result == DISK_OK ? (ssize_t)size : answer(result);
}

int fault_posix_fallocate(int fd, off_t at, off_t size)
{
    struct fault_disk *disk = disk_of_system();
    enum disk_result result = fault_disk_cut(disk, file_of(fd), (size_t)(at + size));
    return result == DISK_OK ? 0 : result == DISK_FULL ? ENOSPC : EIO;
}

static void describe(const struct fault_disk *disk, int file, struct stat *info)
{
    memset(info, 0, sizeof *info);
    info->st_mode = S_IFREG | 0640;
    info->st_size = (off_t)disk->files[file].now.size;
}

int fault_fstat(int fd, struct stat *info)
{
    describe(disk_of_system(), file_of(fd), info);
    return 0;
}

int fault_stat(const char *path, struct stat *info)
{
    if (strcmp(path, FAULT_DIRECTORY) == 0) {
        memset(info, 0, sizeof *info);
        info->st_mode = S_IFDIR | 0750;
        return 0;
    }
    int file = fault_disk_find(disk_of_system(), base_name(path));
    if (file < 0) return answer(DISK_ABSENT);
    describe(disk_of_system(), file, info);
    return 0;
}

int fault_rename(const char *from, const char *to)
{
    return answer(fault_disk_rename(disk_of_system(), base_name(from), base_name(to)));
}

int fault_unlink(const char *path)
{
    return answer(fault_disk_remove(disk_of_system(), base_name(path)));
}

int fault_access(const char *path, int mode)
{
    (void)mode;
    return answer(fault_disk_find(disk_of_system(), base_name(path)) < 0 ? DISK_ABSENT : DISK_OK);
}

ssize_t fault_getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) at[i] = (uint8_t)fault_disk_draw(disk_of_system(), 256);
    return (ssize_t)size;
}
