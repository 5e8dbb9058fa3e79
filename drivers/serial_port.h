/* serial_port: opens a terminal device as a raw, exclusive, non-blocking byte source.
 *
 * Knows termios and nothing of lines or readings.  Nothing here waits for the other side.
 * Loop thread. */
#ifndef ISOTHERM_SERIAL_PORT_H
#define ISOTHERM_SERIAL_PORT_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

enum serial_parity { SERIAL_PARITY_NONE, SERIAL_PARITY_EVEN, SERIAL_PARITY_ODD };
enum serial_flow { SERIAL_FLOW_NONE, SERIAL_FLOW_RTSCTS, SERIAL_FLOW_XONXOFF };
enum serial_rs485_mode { SERIAL_RS485_NONE, SERIAL_RS485_KERNEL };

struct serial_settings {
    int64_t baud;        /* one that serial_port_knows_baud */
    int64_t data_bits;   /* 5 to 8 */
    int64_t stop_bits;   /* 1 or 2 */
    int parity;          /* enum serial_parity */
    int flow;            /* enum serial_flow */
    int rs485;           /* enum serial_rs485_mode: who switches the direction */
    bool rs485_required; /* a port that cannot switch is refused instead of warned about */
};

/* The fields are private. */
struct serial_port {
    bool is_open;
    int fd;
    struct termios before; /* as it was found, for serial_port_close */
};

/* Whether termios has a constant for this rate (50 to 4,000,000). */
bool serial_port_knows_baud(int64_t baud);

/* Opens `path` and sets it up raw.  `note` (note_size bytes) gets the reason of a failure or,
 * with ST_OK, a warning ("" when there is none).  ST_NOT_FOUND: no such device; ST_AGAIN: in use
 * by another process; ST_UNSUPPORTED: RS-485 is required and the port cannot; ST_IO: anything
 * else.  After a failure nothing is open. */
enum status serial_port_open(struct serial_port *port, const char *path,
                             const struct serial_settings *settings, char *note,
                             size_t note_size) ISOTHERM_CHECK;

/* Restores the settings that were found and closes.  Safe to call twice and on a zeroed one. */
void serial_port_close(struct serial_port *port);

/* Reads what is there, at most `capacity` bytes (> 0).  ST_OK with *size > 0; ST_AGAIN: nothing
 * now; ST_CLOSED: the device is gone, close at once (a descriptor that stays open makes a USB
 * adapter come back under another name). */
enum status serial_port_read(struct serial_port *port, char *bytes, size_t capacity,
                             size_t *size) ISOTHERM_CHECK;

/* For loop_watch_start while the port is open. */
int serial_port_fd(const struct serial_port *port);

#endif
