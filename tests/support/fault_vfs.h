/* fault_vfs: the store upon a fault_disk: a VFS for SQLite, and the system calls that the store
 * makes beside it.
 *
 * All names lie in the one directory FAULT_DIRECTORY, flat.  The store's sources are compiled a
 * second time with fault_calls.h, which sends their system calls here; what they do to other
 * paths is a failure of the test. */
#ifndef ISOTHERM_TESTS_FAULT_VFS_H
#define ISOTHERM_TESTS_FAULT_VFS_H

#include "support/fault_disk.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/types.h>

#define FAULT_DIRECTORY "/fault"

/* Makes the disk SQLite's default; `vfs` belongs to the caller and outlives the connections. */
void fault_vfs_register(sqlite3_vfs *vfs, struct fault_disk *disk);
void fault_vfs_unregister(sqlite3_vfs *vfs);

/* As the system's. */
int fault_open(const char *path, int flags, ...);
int fault_close(int fd);
int fault_fsync(int fd);
int fault_flock(int fd, int operation);
ssize_t fault_pread(int fd, void *bytes, size_t size, off_t at);
ssize_t fault_pwrite(int fd, const void *bytes, size_t size, off_t at);
int fault_posix_fallocate(int fd, off_t at, off_t size);
int fault_fstat(int fd, struct stat *info);
int fault_stat(const char *path, struct stat *info);
int fault_rename(const char *from, const char *to);
int fault_unlink(const char *path);
int fault_access(const char *path, int mode);
ssize_t fault_getrandom(void *bytes, size_t size, unsigned flags);

#endif
