/* Invariant: a port that is open has a descriptor of ours with exclusive use, and `before` holds
 * what serial_port_close puts back. */
#include "serial_port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const struct {
    int64_t baud;
    speed_t speed;
} rates[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},
    {150, B150},         {200, B200},         {300, B300},         {600, B600},
    {1200, B1200},       {1800, B1800},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
    {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
    {3500000, B3500000}, {4000000, B4000000},
};

static bool find_speed(int64_t baud, speed_t *speed)
{
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (rates[i].baud != baud) continue;
        *speed = rates[i].speed;
        return true;
    }
    return false;
}

bool serial_port_knows_baud(int64_t baud)
{
    speed_t speed;
    return find_speed(baud, &speed);
}

static tcflag_t data_bits_flag(int64_t data_bits)
{
    switch (data_bits) {
    case 5:
        return CS5;
    case 6:
        return CS6;
    case 7:
        return CS7;
    default:
        return CS8;
    }
}

/* Which bits of c_cflag make up the frame on the wire. */
static const tcflag_t frame_mask = CSIZE | PARENB | PARODD | CSTOPB;

static struct termios build_termios(const struct termios *before,
                                    const struct serial_settings *settings, speed_t speed)
{
    struct termios wanted = *before;
    cfmakeraw(&wanted);
    /* HUPCL would drop DTR whenever the port is closed, which resets many boards. */
    wanted.c_cflag &= ~(frame_mask | CRTSCTS | HUPCL);
    wanted.c_cflag |= CREAD | CLOCAL | data_bits_flag(settings->data_bits);
    wanted.c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY | INPCK);
    if (settings->stop_bits == 2) wanted.c_cflag |= CSTOPB;
    /* With this a break and a byte with a parity error are read as NUL, a mark of damage. */
    if (settings->parity != SERIAL_PARITY_NONE) {
        wanted.c_cflag |= PARENB;
        wanted.c_iflag |= INPCK;
    }
    if (settings->parity == SERIAL_PARITY_ODD) wanted.c_cflag |= PARODD;
    if (settings->flow == SERIAL_FLOW_RTSCTS) wanted.c_cflag |= CRTSCTS;
    if (settings->flow == SERIAL_FLOW_XONXOFF) wanted.c_iflag |= IXON | IXOFF;
    wanted.c_cc[VMIN] = 1;
    wanted.c_cc[VTIME] = 0;
    (void)cfsetispeed(&wanted, speed);
    (void)cfsetospeed(&wanted, speed);
    return wanted;
}

/* tcsetattr succeeds when the port took any part of it, so that one has to look. */
static enum status apply_settings(struct serial_port *port, const struct serial_settings *settings,
                                  char *note, size_t note_size)
{
    speed_t speed;
    if (!find_speed(settings->baud, &speed)) {
        snprintf(note, note_size, "%lld is no baud rate", (long long)settings->baud);
        return ST_IO;
    }
    struct termios wanted = build_termios(&port->before, settings, speed);
    struct termios got;
    if (tcsetattr(port->fd, TCSANOW, &wanted) != 0 || tcgetattr(port->fd, &got) != 0) {
        snprintf(note, note_size, "cannot be set up: %s", strerror(errno));
        return ST_IO;
    }
    if (cfgetispeed(&got) != speed && cfgetospeed(&got) != speed)
        snprintf(note, note_size, "the port does not take %lld baud", (long long)settings->baud);
    else if ((got.c_cflag & frame_mask) != (wanted.c_cflag & frame_mask))
        snprintf(note, note_size, "the port does not take these data bits, parity or stop bits");
    return ST_OK;
}

/* The driver of the port changes what it cannot do, so read back what it made of it. */
static enum status switch_rs485(struct serial_port *port, const struct serial_settings *settings,
                                char *note, size_t note_size)
{
    if (settings->rs485 == SERIAL_RS485_NONE) return ST_OK;
    struct serial_rs485 wanted = {.flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND};
    struct serial_rs485 got = {0};
    if (ioctl(port->fd, TIOCSRS485, &wanted) == 0 && ioctl(port->fd, TIOCGRS485, &got) == 0 &&
        (got.flags & SER_RS485_ENABLED))
        return ST_OK;
    snprintf(note, note_size, "the kernel cannot switch RS-485 on this port");
    return settings->rs485_required ? ST_UNSUPPORTED : ST_OK;
}

static enum status take_exclusively(struct serial_port *port, char *note, size_t note_size)
{
    /* The lock keeps out those that ask, TIOCEXCL those that do not (root excepted). */
    if (flock(port->fd, LOCK_EX | LOCK_NB) == 0) {
        (void)ioctl(port->fd, TIOCEXCL);
        return ST_OK;
    }
    snprintf(note, note_size, "in use by another process");
    return ST_AGAIN;
}

static enum status open_device(struct serial_port *port, const char *path, char *note,
                               size_t note_size)
{
    port->fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (port->fd >= 0) return ST_OK;
    int cause = errno;
    snprintf(note, note_size, "%s", cause == EBUSY ? "in use by another process" : strerror(cause));
    if (cause == ENOENT || cause == ENXIO || cause == ENODEV) return ST_NOT_FOUND;
    return cause == EBUSY ? ST_AGAIN : ST_IO;
}

enum status serial_port_open(struct serial_port *port, const char *path,
                             const struct serial_settings *settings, char *note, size_t note_size)
{
    *port = (struct serial_port){.fd = -1};
    if (note_size > 0) note[0] = '\0';
    enum status status = open_device(port, path, note, note_size);
    if (status != ST_OK) return status;
    if (tcgetattr(port->fd, &port->before) != 0) {
        snprintf(note, note_size, "not a serial port: %s", strerror(errno));
        status = ST_IO;
        goto close_device;
    }
    status = take_exclusively(port, note, note_size);
    if (status != ST_OK) goto close_device;
    status = apply_settings(port, settings, note, note_size);
    if (status == ST_OK) status = switch_rs485(port, settings, note, note_size);
    if (status != ST_OK) goto restore;
    /* What came before now came at another speed. */
    (void)tcflush(port->fd, TCIFLUSH);
    port->is_open = true;
    return ST_OK;
restore:
    (void)tcsetattr(port->fd, TCSANOW, &port->before);
    (void)ioctl(port->fd, TIOCNXCL);
close_device:
    (void)close(port->fd);
    port->fd = -1;
    return status;
}

void serial_port_close(struct serial_port *port)
{
    if (!port->is_open) return;
    port->is_open = false;
    (void)tcsetattr(port->fd, TCSANOW, &port->before);
    (void)ioctl(port->fd, TIOCNXCL);
    (void)close(port->fd);
    port->fd = -1;
}

enum status serial_port_read(struct serial_port *port, char *bytes, size_t capacity, size_t *size)
{
    *size = 0;
    if (!port->is_open) return ST_CLOSED;
    for (;;) {
        ssize_t count = read(port->fd, bytes, capacity);
        if (count > 0) {
            *size = (size_t)count;
            return ST_OK;
        }
        if (count < 0 && errno == EINTR) continue;
        return count < 0 && errno == EAGAIN ? ST_AGAIN : ST_CLOSED;
    }
}

int serial_port_fd(const struct serial_port *port)
{
    return port->is_open ? port->fd : -1;
}
