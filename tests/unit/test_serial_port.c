/* serial_port: raw, exclusive and gone at once, over a pair of pseudo terminals. */
#include "serial_port.h"

#include "support/pty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct serial_settings plain = {.baud = 115200, .data_bits = 8, .stop_bits = 1};

static int plug(void **state)
{
    static struct pty pty;
    *state = &pty;
    return pty_init(&pty) && pty_plug(&pty) ? 0 : -1;
}

static int unplug(void **state)
{
    pty_fini(*state);
    return 0;
}

static struct serial_port open_plain(const struct pty *pty)
{
    struct serial_port port;
    char note[128];
    assert_int_equal(serial_port_open(&port, pty->link, &plain, note, sizeof note), ST_OK);
    assert_string_equal(note, "");
    return port;
}

/* Reads until that many bytes are there; the kernel may hand them out in pieces. */
static void read_all(struct serial_port *port, char *bytes, size_t wanted)
{
    for (size_t at = 0, size = 0; at < wanted; at += size) {
        struct pollfd poll_fd = {.fd = serial_port_fd(port), .events = POLLIN};
        assert_int_equal(poll(&poll_fd, 1, 60000), 1);
        assert_int_equal(serial_port_read(port, bytes + at, wanted - at, &size), ST_OK);
    }
}

static void test_only_standard_rates_are_known(void **state)
{
    (void)state;
    assert_true(serial_port_knows_baud(50));
    assert_true(serial_port_knows_baud(9600));
    assert_true(serial_port_knows_baud(4000000));
    assert_false(serial_port_knows_baud(0));
    assert_false(serial_port_knows_baud(9601));
    assert_false(serial_port_knows_baud(-9600));
    assert_false(serial_port_knows_baud(INT64_C(4294976896)));
}

static void test_bytes_come_through_unchanged(void **state)
{
    struct pty *pty = *state;
    struct serial_port port = open_plain(pty);
    static const char sent[] = "a\r\n\x03\x04\x11\x13\x1a\xff\x7f\x00z";
    char got[32];
    size_t size = 0;
    assert_int_equal(serial_port_read(&port, got, sizeof got, &size), ST_AGAIN);
    assert_int_equal(pty_write_bytes(pty, sent, sizeof sent), sizeof sent);
    read_all(&port, got, sizeof sent);
    assert_memory_equal(got, sent, sizeof sent);
    assert_int_equal(serial_port_read(&port, got, sizeof got, &size), ST_AGAIN);
    /* Nothing is echoed to the device. */
    assert_int_equal(read(pty->master, got, sizeof got), -1);
    serial_port_close(&port);
}

static void test_the_settings_reach_the_port_and_are_put_back(void **state)
{
    struct pty *pty = *state;
    int slave = open(pty->link, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, during, after;
    assert_int_equal(tcgetattr(slave, &before), 0);
    struct serial_settings settings = plain;
    settings.baud = 19200;
    settings.stop_bits = 2;
    settings.flow = SERIAL_FLOW_XONXOFF;
    struct serial_port port;
    char note[128];
    assert_int_equal(serial_port_open(&port, pty->link, &settings, note, sizeof note), ST_OK);
    assert_int_equal(tcgetattr(slave, &during), 0);
    assert_int_equal(cfgetispeed(&during), B19200);
    assert_true((during.c_cflag & CSTOPB) != 0);
    assert_true((during.c_iflag & IXOFF) != 0);
    assert_true((during.c_lflag & (ICANON | ECHO | ISIG)) == 0);
    serial_port_close(&port);
    serial_port_close(&port);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_int_equal(after.c_cflag, before.c_cflag);
    assert_int_equal(after.c_iflag, before.c_iflag);
    assert_int_equal(cfgetospeed(&after), cfgetospeed(&before));
    (void)close(slave);
}

static void test_what_the_port_does_not_take_is_said(void **state)
{
    struct pty *pty = *state;
    struct serial_settings settings = plain;
    settings.data_bits = 7; /* a pty has 8 and no parity */
    settings.parity = SERIAL_PARITY_EVEN;
    struct serial_port port;
    char note[128];
    assert_int_equal(serial_port_open(&port, pty->link, &settings, note, sizeof note), ST_OK);
    assert_non_null(strstr(note, "parity"));
    serial_port_close(&port);
}

static void test_rs485_is_warned_about_or_refused(void **state)
{
    struct pty *pty = *state;
    struct serial_settings settings = plain;
    settings.rs485 = SERIAL_RS485_KERNEL;
    struct serial_port port;
    char note[128];
    assert_int_equal(serial_port_open(&port, pty->link, &settings, note, sizeof note), ST_OK);
    assert_non_null(strstr(note, "RS-485"));
    serial_port_close(&port);
    settings.rs485_required = true;
    assert_int_equal(serial_port_open(&port, pty->link, &settings, note, sizeof note),
                     ST_UNSUPPORTED);
    serial_port_close(&port);
    port = open_plain(pty); /* nothing was left locked */
    serial_port_close(&port);
}

static void test_a_port_has_one_reader(void **state)
{
    struct pty *pty = *state;
    struct serial_port first = open_plain(pty);
    struct serial_port second;
    char note[128];
    assert_int_equal(serial_port_open(&second, pty->path, &plain, note, sizeof note), ST_AGAIN);
    assert_non_null(strstr(note, "another process"));
    serial_port_close(&second);
    serial_port_close(&first);
    second = open_plain(pty);
    serial_port_close(&second);
}

static void test_absent_and_wrong_paths_are_told_apart(void **state)
{
    struct pty *pty = *state;
    struct serial_port port;
    char note[128];
    assert_int_equal(serial_port_open(&port, "/nonexistent/port", &plain, note, sizeof note),
                     ST_NOT_FOUND);
    assert_non_null(strstr(note, "No such file"));
    assert_int_equal(serial_port_open(&port, "/dev/null", &plain, note, sizeof note), ST_IO);
    assert_non_null(strstr(note, "not a serial port"));
    assert_int_equal(serial_port_open(&port, pty->folder, &plain, note, sizeof note), ST_IO);
    assert_int_equal(serial_port_fd(&port), -1);
    serial_port_close(&port);
}

static void test_a_port_that_vanishes_is_closed_and_stays_closed(void **state)
{
    struct pty *pty = *state;
    struct serial_port port = open_plain(pty);
    pty_unplug(pty, true);
    char got[8];
    size_t size;
    assert_int_equal(serial_port_read(&port, got, sizeof got, &size), ST_CLOSED);
    serial_port_close(&port);
    assert_int_equal(serial_port_read(&port, got, sizeof got, &size), ST_CLOSED);
    struct serial_port zeroed = {0};
    serial_port_close(&zeroed);
    assert_int_equal(fcntl(0, F_GETFD) == -1, false); /* did not close descriptor 0 */
}

#define WITH_PTY(function) cmocka_unit_test_setup_teardown(function, plug, unplug)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_standard_rates_are_known),
        WITH_PTY(test_bytes_come_through_unchanged),
        WITH_PTY(test_the_settings_reach_the_port_and_are_put_back),
        WITH_PTY(test_what_the_port_does_not_take_is_said),
        WITH_PTY(test_rs485_is_warned_about_or_refused),
        WITH_PTY(test_a_port_has_one_reader),
        WITH_PTY(test_absent_and_wrong_paths_are_told_apart),
        WITH_PTY(test_a_port_that_vanishes_is_closed_and_stays_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
