/* board: what a board's profile says, and which profile fits this machine.
 *
 * A profile is data (boards/NAME/board.yaml).  It lowers limits and never raises them, names the
 * serial ports, and tells what the agent must know of clock, watchdog and storage.  Everything
 * here is pure; board_find.c reads the files. */
#ifndef ISOTHERM_BOARD_H
#define ISOTHERM_BOARD_H

#include "base/field.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOARD_NAME_SIZE = 48,
    BOARD_SIGNS = 24,
    BOARD_PORTS = 16,
    BOARD_TOOLCHAINS = 4,
    BOARD_SIGN_SIZE = 96,
    BOARD_COMPATIBLE_SIZE = 1024
};

/* How the direction of an RS-485 line is switched. */
enum board_rs485 {
    BOARD_RS485_NONE,     /* no RS-485 here */
    BOARD_RS485_IOCTL,    /* by the kernel, asked with TIOCSRS485 */
    BOARD_RS485_COMMAND,  /* by a command of the board, run once before the agent */
    BOARD_RS485_HARDWARE, /* by itself */
};

struct board_toolchain {
    char name[16]; /* toolchains/NAME.cmake, or the machine's own compiler */
};

/* One way to recognise the board; all texts that are not empty must fit. */
struct board_sign {
    char compatible[BOARD_SIGN_SIZE]; /* patterns with * ? [] */
    char dmi_vendor[BOARD_SIGN_SIZE];
    char dmi_product[BOARD_SIGN_SIZE];
};

struct board_port {
    char name[32];
    char path[LIMIT_PATH_SIZE];
    int rs485;         /* enum board_rs485 */
    char command[128]; /* "": none */
    bool has_parity;
    bool is_console; /* the kernel's console sits on it as shipped */
};

struct board_limits { /* 0: none beyond the program's own */
    int64_t memory_bytes;
    int64_t devices;
    int64_t payload_bytes;
    int64_t store_bytes;
};

struct board_watchdog {
    char device[64]; /* "": none */
    int64_t longest_ms;
};

struct board {
    char name[BOARD_NAME_SIZE];
    char title[96];
    char note[256];
    struct board_sign signs[BOARD_SIGNS];
    size_t sign_count;
    struct board_toolchain toolchains[BOARD_TOOLCHAINS];
    size_t toolchain_count;
    struct board_limits limits;
    int storage; /* enum storage_class */
    bool has_clock_battery;
    struct board_watchdog watchdog;
    struct board_port ports[BOARD_PORTS];
    size_t port_count;
    char file[LIMIT_PATH_SIZE]; /* of the profile; "": what is assumed without one */
};

/* Fills struct board. */
extern const struct field_table board_table;

/* By enum board_rs485, ended by NULL. */
extern const char *const board_rs485_names[];

/* What a machine says of itself. */
struct board_facts {
    char compatible[BOARD_COMPATIBLE_SIZE]; /* NUL-terminated texts, the most specific first */
    size_t compatible_size;                 /* bytes, the NULs included; 0: no device tree */
    char dmi_vendor[BOARD_SIGN_SIZE], dmi_product[BOARD_SIGN_SIZE]; /* "": not known */
    int64_t memory_bytes;                                           /* 0: not known */
};

/* Where profiles are looked for, and for which machine. */
struct board_search {
    const char *directories; /* separated by ':', looked at first; NULL: none */
    const char *root;        /* before /proc and /sys, for a system that is not running; NULL: this
                                one */
    const char *name;        /* in place of what the configuration says; NULL: as it says */
};

/* How the profile in use was come by. */
struct board_found {
    struct board_facts facts;
    char fact[BOARD_SIGN_SIZE]; /* text of the machine that decided; "": none */
    bool is_automatic;          /* nobody named the board */
    bool is_missing;            /* the one that was named is not there; reported */
    size_t profiles;            /* that were read */
};

/* How well the profile fits: 0 best, then less and less specific; UINT32_MAX: not at all.
 * *fact, if not NULL, is the text of the machine by which it was recognised. */
uint32_t board_rank(const struct board *board, const struct board_facts *facts, const char **fact);

/* The port of that name, or NULL; the one at that path, or NULL. */
const struct board_port *board_find_port(const struct board *board, const char *name);
const struct board_port *board_find_path(const struct board *board, const char *path);

#endif
