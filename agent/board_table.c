/* Invariant: every key of a profile has its row here; a value that passes can only lower what the
 * program allows by itself. */
#include "board.h"

#include "config_tables.h"
#include "store/store.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

const char *const board_rs485_names[] = {"none", "ioctl", "command", "hardware", NULL};

_Static_assert(BOARD_RS485_NONE == 0 && BOARD_RS485_HARDWARE == 3, "order of board_rs485_names");

static const struct field sign_fields[] = {
    {.name = "compatible",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_sign, compatible),
     .size = sizeof((struct board_sign *)0)->compatible,
     .example = "raspberrypi,4-model-b",
     FIELD_HELP("One of the texts of /proc/device-tree/compatible; * ? and [] stand for others.")},
    {.name = "dmi_vendor",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_sign, dmi_vendor),
     .size = sizeof((struct board_sign *)0)->dmi_vendor,
     FIELD_HELP("Text of /sys/class/dmi/id/sys_vendor, for machines with a BIOS.")},
    {.name = "dmi_product",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_sign, dmi_product),
     .size = sizeof((struct board_sign *)0)->dmi_product,
     FIELD_HELP("Text of /sys/class/dmi/id/product_name.")},
};

static void check_sign(const void *options, const struct field_report *report)
{
    const struct board_sign *sign = options;
    if (sign->compatible[0] != '\0' || sign->dmi_vendor[0] != '\0' || sign->dmi_product[0] != '\0')
        return;
    report->add(report->context, "compatible",
                "a sign needs compatible, dmi_vendor or dmi_product");
}

static const struct field_table sign_table = {
    .fields = sign_fields,
    .count = sizeof sign_fields / sizeof *sign_fields,
    FIELD_HELP(
        "How the board is recognised: any of these signs, all texts of one. A sign may be "
        "written as the compatible text alone; without signs the board is only taken by name."),
    .scalar_name = "compatible",
    .check = check_sign};

static const struct field toolchain_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_toolchain, name),
     .size = sizeof((struct board_toolchain *)0)->name,
     .is_required = true,
     FIELD_HELP("Debian's name of an architecture, as in toolchains/: amd64, arm64, armhf.")},
};

static const struct field_table toolchain_table = {
    .fields = toolchain_fields,
    .count = 1,
    FIELD_HELP("With which of toolchains/ a program for the board is built, the usual one first."),
    .scalar_name = "name"};

static const struct field limits_fields[] = {
    {.name = "memory",
     .type = FIELD_BYTES,
     .offset = offsetof(struct board_limits, memory_bytes),
     .min = 4 << 20,
     .max = INT64_C(1) << 40,
     .example = "64 MiB",
     FIELD_HELP(
         "Memory that the whole agent may take; a configuration that plans more is refused.")},
    {.name = "devices",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct board_limits, devices),
     .min = 1,
     .max = LIMIT_DEVICES,
     .example = "2000",
     FIELD_HELP("Most that limits.devices may say.")},
    {.name = "payload",
     .type = FIELD_BYTES,
     .offset = offsetof(struct board_limits, payload_bytes),
     .min = 64,
     .max = LIMIT_PAYLOAD,
     .example = "16 KiB",
     FIELD_HELP("Most that limits.payload may say.")},
    {.name = "store",
     .type = FIELD_BYTES,
     .offset = offsetof(struct board_limits, store_bytes),
     .min = INT64_C(1) << 20,
     .max = INT64_C(1) << 36,
     .example = "512 MiB",
     FIELD_HELP("Most that store.budget may say.")},
};

static const struct field_table limits_table = {
    .fields = limits_fields,
    .count = sizeof limits_fields / sizeof *limits_fields,
    FIELD_HELP("What the agent may use here. A default that is larger is lowered; a configuration "
               "that asks for more is refused.")};

static const struct field watchdog_fields[] = {
    {.name = "device",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_watchdog, device),
     .size = sizeof((struct board_watchdog *)0)->device,
     .default_text = "",
     FIELD_HELP(
         "Driver or device of the hardware watchdog; it belongs to systemd, not to the agent.")},
    {.name = "longest",
     .type = FIELD_DURATION,
     .offset = offsetof(struct board_watchdog, longest_ms),
     .default_text = "0s",
     .min = 0,
     .max = DAY_MS,
     FIELD_HELP("Longest time it can be set to, the most for RuntimeWatchdogSec; 0: not known.")},
};

static const struct field_table watchdog_table = {.fields = watchdog_fields,
                                                  .count = sizeof watchdog_fields /
                                                           sizeof *watchdog_fields,
                                                  FIELD_HELP("The hardware watchdog.")};

static const struct field port_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_port, name),
     .size = sizeof((struct board_port *)0)->name,
     .is_required = true,
     .example = "rs485-1",
     FIELD_HELP("What a configuration writes as the port: letters, digits, . _ -")},
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_port, path),
     .size = sizeof((struct board_port *)0)->path,
     .is_required = true,
     .example = "/dev/ttyS1",
     FIELD_HELP("The device that stands for it.")},
    {.name = "rs485",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct board_port, rs485),
     .choices = board_rs485_names,
     .default_text = "none",
     FIELD_HELP(
         "How the direction of an RS-485 line is switched: by the kernel when asked (ioctl), by "
         "a command run once before the agent, by itself (hardware), or no RS-485 (none).")},
    {.name = "command",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board_port, command),
     .size = sizeof((struct board_port *)0)->command,
     .default_text = "",
     FIELD_HELP("With rs485: command, what an administrator runs; the agent only names it.")},
    {.name = "parity",
     .type = FIELD_BOOL,
     .offset = offsetof(struct board_port, has_parity),
     .default_text = "true",
     FIELD_HELP("Whether the port knows parity; the mini UART of a Raspberry Pi does not.")},
    {.name = "console",
     .type = FIELD_BOOL,
     .offset = offsetof(struct board_port, is_console),
     .default_text = "false",
     FIELD_HELP("Whether the system's console sits on it as shipped and must be taken off first.")},
};

static void check_port(const void *options, const struct field_report *report)
{
    const struct board_port *port = options;
    if (!config_is_name(port->name))
        report->add(report->context, "name", "may hold only letters, digits, . _ -");
    if (port->path[0] != '/')
        report->add(report->context, "path", "must be a full path such as /dev/ttyS1");
    if (port->rs485 == BOARD_RS485_COMMAND && port->command[0] == '\0')
        report->add(report->context, "command", "rs485: command needs the command");
    if (port->rs485 != BOARD_RS485_COMMAND && port->command[0] != '\0')
        report->add(report->context, "command", "belongs to rs485: command");
}

static const struct field_table port_table = {
    .fields = port_fields,
    .count = sizeof port_fields / sizeof *port_fields,
    FIELD_HELP("Names for the serial ports, so that a configuration says port: rs485-1."),
    .check = check_port};

static const struct field board_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board, name),
     .size = sizeof((struct board *)0)->name,
     .is_required = true,
     .example = "raspberry-pi-4",
     FIELD_HELP("What board: in a configuration and --board say: letters, digits, . _ -")},
    {.name = "title",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board, title),
     .size = sizeof((struct board *)0)->title,
     .default_text = "",
     FIELD_HELP("The maker's name for it.")},
    {.name = "note",
     .type = FIELD_TEXT,
     .offset = offsetof(struct board, note),
     .size = sizeof((struct board *)0)->note,
     .default_text = "",
     FIELD_HELP(
         "The one thing that whoever installs must know; the page beside the profile has the "
         "rest.")},
    {.name = "detect",
     .type = FIELD_LIST,
     .offset = offsetof(struct board, signs),
     .size = sizeof(struct board_sign),
     .fields = &sign_table,
     .count_offset = offsetof(struct board, sign_count),
     .max_count = BOARD_SIGNS},
    {.name = "toolchains",
     .type = FIELD_LIST,
     .offset = offsetof(struct board, toolchains),
     .size = sizeof(struct board_toolchain),
     .fields = &toolchain_table,
     .count_offset = offsetof(struct board, toolchain_count),
     .max_count = BOARD_TOOLCHAINS},
    {.name = "limits",
     .type = FIELD_GROUP,
     .offset = offsetof(struct board, limits),
     .size = sizeof((struct board *)0)->limits,
     .fields = &limits_table},
    {.name = "storage",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct board, storage),
     .choices = store_storage_names,
     .default_text = "ssd",
     FIELD_HELP("What the store lies on, which decides how it wears; store.storage overrides it.")},
    {.name = "clock_battery",
     .type = FIELD_BOOL,
     .offset = offsetof(struct board, has_clock_battery),
     .default_text = "false",
     FIELD_HELP(
         "Whether the clock goes on without power; without it the board starts in the past.")},
    {.name = "watchdog",
     .type = FIELD_GROUP,
     .offset = offsetof(struct board, watchdog),
     .size = sizeof((struct board *)0)->watchdog,
     .fields = &watchdog_table},
    {.name = "serial",
     .type = FIELD_LIST,
     .offset = offsetof(struct board, ports),
     .size = sizeof(struct board_port),
     .fields = &port_table,
     .count_offset = offsetof(struct board, port_count),
     .max_count = BOARD_PORTS},
};

static void check_board(const void *options, const struct field_report *report)
{
    const struct board *board = options;
    if (!config_is_name(board->name) || strcmp(board->name, "auto") == 0)
        report->add(report->context, "name", "must be letters, digits, . _ - and not \"auto\"");
    for (size_t i = 0; i < board->port_count; i++)
        if (board_find_port(board, board->ports[i].name) != &board->ports[i])
            report->add(report->context, "serial", "two ports have the same name");
}

const struct field_table board_table = {
    .fields = board_fields,
    .count = sizeof board_fields / sizeof *board_fields,
    FIELD_HELP("What a board is, as far as the agent must know."),
    .check = check_board};
