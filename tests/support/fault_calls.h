/* fault_calls: put before every source of the store in the tests of power cuts (gcc -include):
 * its system calls go to fault_vfs.h instead.  The system's headers come first, so that only the
 * calls are renamed. */
#ifndef ISOTHERM_TESTS_FAULT_CALLS_H
#define ISOTHERM_TESTS_FAULT_CALLS_H

#include "support/fault_vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#define open(...) fault_open(__VA_ARGS__)
#define close(fd) fault_close(fd)
#define fsync(fd) fault_fsync(fd)
#define flock(fd, operation) fault_flock(fd, operation)
#define pread(fd, bytes, size, at) fault_pread(fd, bytes, size, at)
#define pwrite(fd, bytes, size, at) fault_pwrite(fd, bytes, size, at)
#define posix_fallocate(fd, at, size) fault_posix_fallocate(fd, at, size)
#define fstat(fd, info) fault_fstat(fd, info)
#define stat(path, info) fault_stat(path, info)
#define lstat(path, info) fault_stat(path, info)
#define rename(from, to) fault_rename(from, to)
#define unlink(path) fault_unlink(path)
#define access(path, mode) fault_access(path, mode)
#define getrandom(bytes, size, flags) fault_getrandom(bytes, size, flags)

#endif
