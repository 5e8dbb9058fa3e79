/* Invariant: a reserve that is there is whole, its blocks allocated. */
#include "store/reserve.h"

#include "store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool reserve_take(const char *path, struct log *log)
{
    char reserve[STORE_FILE_PATH_SIZE];
    store_file_join(reserve, path, ".reserve");
    if (store_file_bytes(reserve) == RESERVE_BYTES) return true;
    int fd = open(reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return false;
    int error = posix_fallocate(fd, 0, RESERVE_BYTES);
    (void)close(fd);
    if (error == 0) return true;
    (void)unlink(reserve);
    log_limited(log, LOG_LEVEL_WARN, "store", "reserve", "no room for %s: %s", reserve,
                strerror(error));
    return false;
}

bool reserve_give_up(const char *path, struct log *log)
{
    char reserve[STORE_FILE_PATH_SIZE];
    store_file_join(reserve, path, ".reserve");
    if (unlink(reserve) != 0) return false;
    log_limited(log, LOG_LEVEL_WARN, "store", "reserve",
                "the disk is full: gave up the reserve of %d bytes", RESERVE_BYTES);
    return true;
}
