/* slow_calls: a shared library to be preloaded, which makes calls slow while a file is there.
 *
 * SLOW_SYNC_FILE: fsync and fdatasync wait until that file is gone (card garbage collection).
 * SLOW_NAMES_FILE: getaddrinfo does (a name server that swallows queries).
 * The wait ends after SLOW_LIMIT_S seconds (default 600) in any case. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

/* A symbol of the next library as a function: the cast that ISO C lacks. */
#define NEXT(pointer, name)                                                                        \
    do {                                                                                           \
        void *symbol = dlsym(RTLD_NEXT, name);                                                     \
        memcpy(&(pointer), &symbol, sizeof symbol);                                                \
    } while (0)

static void wait_while_there(const char *variable)
{
    const char *path = getenv(variable), *limit = getenv("SLOW_LIMIT_S");
    long left_ms = (limit != NULL ? atol(limit) : 600) * 1000;
    const struct timespec step = {.tv_nsec = 10000000};
    for (; path != NULL && access(path, F_OK) == 0 && left_ms > 0; left_ms -= 10)
        (void)nanosleep(&step, NULL);
}

int fsync(int fd)
{
    int (*next)(int fd);
    NEXT(next, "fsync");
    wait_while_there("SLOW_SYNC_FILE");
    return next(fd);
}

int fdatasync(int fd)
{
    int (*next)(int fd);
    NEXT(next, "fdatasync");
    wait_while_there("SLOW_SYNC_FILE");
    return next(fd);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    int (*next)(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);
    NEXT(next, "getaddrinfo");
    wait_while_there("SLOW_NAMES_FILE");
    return next(node, service, hints, result);
}
