/* fake_wall: a shared library to be preloaded.  While the file FAKE_WALL_FILE is there, the wall
 * clock is one that nobody has set since the boot: it counts from 1970 on. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
    const char *path = getenv("FAKE_WALL_FILE");
    if (id == CLOCK_REALTIME && path != NULL && access(path, F_OK) == 0) id = CLOCK_MONOTONIC;
    return (int)syscall(SYS_clock_gettime, id, now);
}
