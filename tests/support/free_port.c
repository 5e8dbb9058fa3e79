/* Invariant: the port lies below those that the kernel gives away (ip_local_port_range), and a name
 * made of it is taken to the end of the program; scenario/harness.py keeps to the same names. */
#include "support/free_port.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST = 12000, COUNT = 20000, TRIES = 1000 };

/* -1: another test has it. */
static int take_name(uint16_t port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* abstract: begins with a NUL */
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "isotherm-port-%u",
                          (unsigned)port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, (const struct sockaddr *)&address, size) == 0) return fd;
    (void)close(fd);
    return -1;
}

/* Of IPv6 the any-address stands for both; on a machine without it there is the other. */
static bool is_free(int type, uint16_t port)
{
    const struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT, .sin6_port = htons(port)};
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    bool is_v6 = fd >= 0;
    if (!is_v6) fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int result = is_v6 ? bind(fd, (const struct sockaddr *)&v6, sizeof v6)
                       : bind(fd, (const struct sockaddr *)&v4, sizeof v4);
    (void)close(fd);
    return result == 0;
}

uint16_t free_port(int type)
{
    for (int i = 0; i < TRIES; i++) {
        uint16_t number;
        assert_int_equal(getrandom(&number, sizeof number, 0), sizeof number);
        uint16_t port = (uint16_t)(FIRST + number % COUNT);
        int name = take_name(port);
        if (name >= 0 && is_free(type, port)) return port; /* the name stays open */
        if (name >= 0) (void)close(name);
    }
    fail_msg("no free port");
    return 0;
}
