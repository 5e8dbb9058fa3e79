/* notify: datagrams as a service manager expects them, and nothing when there is none. */
#include "base/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A manager that listens at `path` (@NAME for an abstract socket). */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    return fd;
}

static void messages_arrive(const char *path)
{
    struct notify notify;
    char got[64] = "";
    int fd = listen_at(path);
    assert_int_equal(notify_open(&notify, path), ST_OK);
    assert_int_equal(notify_send(&notify, "READY=1\nSTATUS=well"), ST_OK);
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), 19);
    assert_string_equal(got, "READY=1\nSTATUS=well");
    notify_close(&notify);
    close(fd);
}

static void messages_arrive_at_a_path(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/isotherm-notify-%d", (int)getpid());
    messages_arrive(path);
    unlink(path);
}

static void messages_arrive_at_an_abstract_socket(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "@isotherm-notify-%d", (int)getpid());
    messages_arrive(path);
}

static void without_a_manager_nothing_is_sent(void **state)
{
    (void)state;
    struct notify notify;
    assert_int_equal(notify_open(&notify, NULL), ST_NOT_FOUND);
    assert_int_equal(notify_send(&notify, "READY=1"), ST_NOT_FOUND);
    notify_close(&notify);
    assert_int_equal(notify_open(&notify, ""), ST_NOT_FOUND);
}

static void addresses_of_other_kinds_are_refused(void **state)
{
    (void)state;
    struct notify notify;
    char path[200];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    assert_int_equal(notify_open(&notify, path), ST_INVALID);
    assert_int_equal(notify_open(&notify, "vsock:2:1234"), ST_INVALID);
    assert_int_equal(notify_send(&notify, "READY=1"), ST_NOT_FOUND);
}

static void a_manager_that_is_gone_is_an_error(void **state)
{
    (void)state;
    struct notify notify;
    assert_int_equal(notify_open(&notify, "/tmp/isotherm-no-manager/notify"), ST_OK);
    assert_int_equal(notify_send(&notify, "READY=1"), ST_IO);
    notify_close(&notify);
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    struct notify notify;
    char path[64];
    (void)snprintf(path, sizeof path, "@isotherm-deaf-%d", (int)getpid());
    int fd = listen_at(path);
    assert_int_equal(notify_open(&notify, path), ST_OK);
    enum status status = ST_OK;
    for (int i = 0; i < 100000 && status == ST_OK; i++) status = notify_send(&notify, "WATCHDOG=1");
    assert_int_equal(status, ST_AGAIN);
    notify_close(&notify);
    close(fd);
}

static void the_watchdog_is_read_from_the_environment(void **state)
{
    (void)state;
    assert_int_equal(notify_watchdog_ms(NULL, NULL, 42), 0);
    assert_int_equal(notify_watchdog_ms("30000000", NULL, 42), 30000);
    assert_int_equal(notify_watchdog_ms("30000000", "42", 42), 30000);
    assert_int_equal(notify_watchdog_ms("30000000", "43", 42), 0);
    assert_int_equal(notify_watchdog_ms("30000000", "", 42), 30000);
    assert_int_equal(notify_watchdog_ms("30000000 ", "42", 42), 0);
    assert_int_equal(notify_watchdog_ms("-1", "42", 42), 0);
    assert_int_equal(notify_watchdog_ms("0", "42", 42), 0);
    assert_int_equal(notify_watchdog_ms("99999999999999999999999", NULL, 42), 0);
    assert_int_equal(notify_watchdog_ms("", NULL, 42), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_at_a_path),
        cmocka_unit_test(messages_arrive_at_an_abstract_socket),
        cmocka_unit_test(without_a_manager_nothing_is_sent),
        cmocka_unit_test(addresses_of_other_kinds_are_refused),
        cmocka_unit_test(a_manager_that_is_gone_is_an_error),
        cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for),
        cmocka_unit_test(the_watchdog_is_read_from_the_environment),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
