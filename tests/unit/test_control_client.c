/* control_client: a silent agent is told from one that is not there. */
#include "control_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Of the program, not of a library. */
#include "control_client.c"

enum { SHORT_MS = 50 };

struct place {
    char folder[64], path[96];
    int fd; /* listens, and nobody accepts */
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL) return -1;
    strcpy(place->folder, "/tmp/isotherm-test-XXXXXX");
    if (mkdtemp(place->folder) == NULL) return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/control.sock", place->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, place->path);
    place->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *state = place;
    if (bind(place->fd, (const struct sockaddr *)&address, sizeof address) != 0) return -1;
    return listen(place->fd, 0);
}

static int tear_down(void **state)
{
    struct place *place = *state;
    (void)close(place->fd);
    (void)unlink(place->path);
    (void)rmdir(place->folder);
    free(place);
    return 0;
}

static bool count_line(void *context, const char *line, size_t size)
{
    assert_int_equal(strlen(line), size);
    ++*(int *)context;
    return true;
}

static void test_silent_agent_is_a_timeout(void **state)
{
    struct place *place = *state;
    int lines = 0;
    assert_int_equal(control_client_ask(place->path, "status", SHORT_MS, count_line, &lines),
                     ST_TIMEOUT);
    assert_int_equal(lines, 0);
}

static void test_agent_that_takes_no_more_callers_is_a_timeout(void **state)
{
    struct place *place = *state;
    int fds[8];
    for (size_t i = 0; i < 8; i++)
        if (connect_to(place->path, SHORT_MS, &fds[i]) != ST_OK) fds[i] = -1;
    int fd;
    assert_int_equal(connect_to(place->path, SHORT_MS, &fd), ST_TIMEOUT);
    for (size_t i = 0; i < 8; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
}

static void test_absent_agent_is_not_found(void **state)
{
    struct place *place = *state;
    int lines = 0;
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(control_client_ask(place->path, "status", SHORT_MS, count_line, &lines),
                     ST_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_silent_agent_is_a_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_agent_that_takes_no_more_callers_is_a_timeout, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_absent_agent_is_not_found, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
