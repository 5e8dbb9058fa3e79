/* Invariant: the port is read only while it is open, not paused and the last line was taken; in
 * every other case the bytes wait in the kernel's buffer.
 *
 * Reads are coalesced: the first byte starts a short timer, and what has come by then is read at
 * once, which costs a fifth of reading as it drips. */
#include "drivers.h"

#include "base/backoff.h"
#include "line_source.h"
#include "serial_port.h"

#include <stdio.h>
#include <string.h>

/* Retries stay short enough that a port that is back is read again within 5 s. */
enum { RETRY_MIN_MS = 250, RETRY_MAX_MS = 4000, BUSY_MS = 50 };
enum { READS_AT_ONCE = 16, YIELD_MS = 1 }; /* a timer of 0 ms would run again in the same round */

struct serial_options {
    char port[LIMIT_PATH_SIZE];
    struct serial_settings settings;
    bool skip_first;
    int64_t coalesce_ms;
    struct line_source_options lines;
};

struct serial_state {
    struct intake *intake;
    const struct serial_options *options;
    struct serial_port port;
    struct loop_watch *watch;
    struct loop_timer *timer; /* what is due next: open, or read */
    bool is_paused;
    bool was_lost; /* said once, until it is there again */
    uint32_t retries;
    uint64_t random; /* state of the generator */
    struct line_source lines;
};

static void on_timer(void *context);

static void wait_for_port(struct serial_state *state)
{
    int64_t wait_ms = backoff_wait_ms(state->retries++, RETRY_MIN_MS, RETRY_MAX_MS,
                                      backoff_random(&state->random));
    loop_timer_again(state->timer, wait_ms, 0);
}

static void say_lost(struct serial_state *state, const char *why)
{
    if (state->was_lost) return;
    state->was_lost = true;
    char detail[sizeof state->options->port + 192];
    (void)snprintf(detail, sizeof detail, "%s: %s", state->options->port, why);
    intake_report_connected(state->intake, false, detail);
}

static void lose_port(struct serial_state *state, const char *why)
{
    loop_watch_stop(&state->watch);
    serial_port_close(&state->port);
    say_lost(state, why);
    wait_for_port(state);
}

/* Takes the lines that are there.  False when the agent is busy. */
static bool take_lines(struct serial_state *state)
{
    for (;;) {
        enum line_step step = line_source_step(&state->lines);
        if (step != LINE_STEP_TAKEN) return step == LINE_STEP_EMPTY;
    }
}

/* Reads until there is nothing left, but lets others run in between.  Afterwards either the watch
 * or the timer is on, never none of them. */
static void read_port(struct serial_state *state)
{
    for (int i = 0; i < READS_AT_ONCE; i++) {
        if (!take_lines(state)) {
            loop_timer_again(state->timer, BUSY_MS, 0);
            return;
        }
        size_t space, size;
        char *bytes = line_splitter_space(&state->lines.splitter, &space);
        enum status status = serial_port_read(&state->port, bytes, space, &size);
        if (status == ST_AGAIN) {
            loop_watch_update(state->watch, LOOP_READABLE | LOOP_HANGUP);
            return;
        }
        if (status != ST_OK) {
            lose_port(state, "the port is gone");
            return;
        }
        /* Only bytes prove that a port works: one that opens and fails at once is left alone
         * for longer and longer. */
        state->retries = 0;
        line_splitter_add(&state->lines.splitter, size);
    }
    loop_timer_again(state->timer, YIELD_MS, 0);
}

static void on_readable(void *context, int fd, unsigned events)
{
    (void)fd;
    struct serial_state *state = context;
    loop_watch_update(state->watch, 0);
    if (events & LOOP_HANGUP)
        read_port(state);
    else
        loop_timer_again(state->timer, state->options->coalesce_ms, 0);
}

static void open_port(struct serial_state *state)
{
    const struct serial_options *options = state->options;
    char note[160];
    enum status status =
        serial_port_open(&state->port, options->port, &options->settings, note, sizeof note);
    if (status != ST_OK) {
        say_lost(state, note);
        wait_for_port(state);
        return;
    }
    line_source_restart(&state->lines, options->skip_first);
    state->watch =
        loop_watch_start(intake_loop(state->intake), serial_port_fd(&state->port),
                         state->is_paused ? 0 : LOOP_READABLE | LOOP_HANGUP, on_readable, state);
    if (state->watch == NULL) {
        lose_port(state, "the port cannot be watched");
        return;
    }
    if (note[0] != '\0')
        log_limited(intake_log(state->intake), LOG_LEVEL_WARN, intake_name(state->intake), "port",
                    "%s: %s", options->port, note);
    state->was_lost = false;
    intake_report_connected(state->intake, true, options->port);
}

static void on_timer(void *context)
{
    struct serial_state *state = context;
    if (state->watch == NULL)
        open_port(state);
    else if (!state->is_paused)
        read_port(state);
}

static enum status serial_open(void *context, struct intake *intake, const void *options)
{
    struct serial_state *state = context;
    state->intake = intake;
    state->options = options;
    if (state->options->port[0] == '\0' || !serial_port_knows_baud(state->options->settings.baud))
        return ST_INVALID;
    enum status status = line_source_init(&state->lines, intake, &state->options->lines);
    if (status != ST_OK) return status;
    state->random = (uint64_t)intake_now_mono_ms(intake);
    state->timer = loop_timer_start(intake_loop(intake), 0, 0, on_timer, state);
    return state->timer != NULL ? ST_OK : ST_FULL;
}

static void serial_close(void *context)
{
    struct serial_state *state = context;
    loop_watch_stop(&state->watch);
    loop_timer_stop(&state->timer);
    serial_port_close(&state->port);
}

static void serial_pause(void *context)
{
    struct serial_state *state = context;
    state->is_paused = true;
    if (state->watch != NULL) loop_watch_update(state->watch, 0);
}

static void serial_resume(void *context)
{
    struct serial_state *state = context;
    if (!state->is_paused) return;
    state->is_paused = false;
    if (state->watch != NULL) loop_timer_again(state->timer, 0, 0);
}

static enum verdict serial_decode(const void *options, const char *address, const char *payload,
                                  size_t size, int64_t now_wall_ms,
                                  void (*found)(void *context, const struct reading *reading),
                                  void *context, const char **detail)
{
    (void)address;
    (void)now_wall_ms;
    const struct serial_options *serial = options;
    return line_source_try(&serial->lines, payload, size, found, context, detail);
}

static const char *const parity_names[] = {"none", "even", "odd", NULL};
static const char *const flow_names[] = {"none", "rtscts", "xonxoff", NULL};
static const char *const rs485_names[] = {"none", "kernel", NULL};

static const struct field fields[] = {
    {.name = "port",
     .type = FIELD_TEXT,
     .offset = offsetof(struct serial_options, port),
     .size = sizeof((struct serial_options *)0)->port,
     .is_required = true,
     FIELD_HELP("Path of the port; those under /dev/serial/by-id and by-path survive replugging.")},
    {.name = "baud",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct serial_options, settings.baud),
     .min = 50,
     .max = 4000000,
     .default_text = "9600",
     FIELD_HELP("Speed in bits per second, one of the standard rates.")},
    {.name = "data_bits",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct serial_options, settings.data_bits),
     .min = 5,
     .max = 8,
     .default_text = "8",
     FIELD_HELP("Data bits per byte.")},
    {.name = "parity",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct serial_options, settings.parity),
     .choices = parity_names,
     .default_text = "none",
     FIELD_HELP("Parity bit; the mini UART of a Raspberry Pi has none.")},
    {.name = "stop_bits",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct serial_options, settings.stop_bits),
     .min = 1,
     .max = 2,
     .default_text = "1",
     FIELD_HELP("Stop bits per byte.")},
    {.name = "flow",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct serial_options, settings.flow),
     .choices = flow_names,
     .default_text = "none",
     FIELD_HELP("Flow control.")},
    {.name = "rs485",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct serial_options, settings.rs485),
     .choices = rs485_names,
     .default_text = "none",
     FIELD_HELP(
         "Who switches the direction of an RS-485 line: the kernel, or none of us (hardware).")},
    {.name = "rs485_required",
     .type = FIELD_BOOL,
     .offset = offsetof(struct serial_options, settings.rs485_required),
     .default_text = "false",
     FIELD_HELP(
         "Whether a port that the kernel cannot switch is refused instead of warned about.")},
    {.name = "skip_first",
     .type = FIELD_BOOL,
     .offset = offsetof(struct serial_options, skip_first),
     .default_text = "true",
     FIELD_HELP(
         "Whether everything up to the first line end is dropped when the port is opened; the "
         "rest of a line that was cut may look like a value.")},
    {.name = "coalesce",
     .type = FIELD_DURATION,
     .offset = offsetof(struct serial_options, coalesce_ms),
     .min = 0,
     .max = 1000,
     .default_text = "20ms",
     FIELD_HELP("How long to gather bytes before they are read together, which saves work.")},
    LINE_SOURCE_FIELDS(struct serial_options, lines),
};

static void check_options(const void *options, const struct field_report *report)
{
    const struct serial_options *serial = options;
    if (!serial_port_knows_baud(serial->settings.baud))
        report->add(report->context, "baud", "is not a standard rate such as 9600 or 115200");
    if (serial->settings.rs485_required && serial->settings.rs485 == SERIAL_RS485_NONE)
        report->add(report->context, "rs485_required", "needs rs485: kernel");
    line_source_check(&serial->lines, report);
}

static const struct field_table options_table = {
    .fields = fields,
    .count = sizeof fields / sizeof fields[0],
    FIELD_HELP("Lines of text from a serial port."),
    .check = check_options,
};

const struct driver driver_serial = {
    .name = "serial",
    .help = "Lines of text from a serial port: plain numbers, key=value, CSV, NMEA, JSON.",
    .is_compiled = true,
    .state_size = sizeof(struct serial_state),
    .options_size = sizeof(struct serial_options),
    .options = &options_table,
    .open = serial_open,
    .close = serial_close,
    .pause = serial_pause,
    .resume = serial_resume,
    .decode = serial_decode,
};
