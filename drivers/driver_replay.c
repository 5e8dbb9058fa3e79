/* Invariant: each line of a recording is dealt with once, in order; a line that the agent is too
 * busy for stays the next one. */
#include "drivers.h"

#include "line_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RETRY_MS = 1000, BUSY_MS = 50, PIPE_MS = 50 };
enum { LINES_AT_ONCE = 512, YIELD_MS = 1 }; /* a timer of 0 ms would run again in the same round */

enum replay_speed { SPEED_FULL, SPEED_RECORDED };

struct replay_options {
    char path[LIMIT_PATH_SIZE];
    int64_t header_lines;
    int speed; /* enum replay_speed */
    int64_t max_gap_ms;
    bool loops;
    struct line_source_options lines;
};

struct replay_state {
    struct intake *intake;
    const struct replay_options *options;
    struct loop_timer *timer;
    int fd;
    bool is_open; /* fd is valid */
    bool is_pipe;
    bool is_paused;
    bool has_read;  /* some bytes of this file */
    bool has_ended; /* no bytes beyond those in the splitter */
    bool is_over;   /* the end was reported */
    int64_t header_lines_left;
    bool has_due; /* a line with a time was met: the two below are valid */
    int64_t due_mono_ms;
    int64_t due_event_ms;
    struct line_source lines;
};

static void close_file(struct replay_state *state)
{
    if (state->is_open) (void)close(state->fd);
    state->is_open = false;
}

/* What was read already must not come twice, so that only an untouched file is opened anew. */
static int64_t try_again(struct replay_state *state, const char *why)
{
    intake_report_connected(state->intake, false, why);
    if (!state->has_read) close_file(state);
    return RETRY_MS;
}

static void begin(struct replay_state *state)
{
    line_source_restart(&state->lines, false);
    state->header_lines_left = state->options->header_lines;
    state->has_read = false;
    state->has_ended = false;
    state->has_due = false;
}

static int64_t open_file(struct replay_state *state)
{
    begin(state);
    state->fd = open(state->options->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    state->is_open = state->fd >= 0;
    if (!state->is_open) return try_again(state, strerror(errno));
    struct stat file;
    if (fstat(state->fd, &file) != 0) return try_again(state, strerror(errno));
    if (S_ISDIR(file.st_mode)) return try_again(state, "is a directory");
    state->is_pipe = S_ISFIFO(file.st_mode);
    intake_report_connected(state->intake, true, state->options->path);
    return 0;
}

/* How long to wait before the line is due, following the recorded times.  Each wait counts from
 * when the line before was due, so that delays do not add up. */
static int64_t wait_for_line(struct replay_state *state, const char *line, size_t size)
{
    struct reading reading = {0};
    const char *detail;
    if (state->options->speed == SPEED_FULL || line[0] == state->lines.comment) return 0;
    enum verdict verdict = line_source_decode(&state->lines, line, size, &reading, &detail);
    bool is_of_device = verdict == VERDICT_OK || verdict_is_of_sensor(verdict);
    if (!is_of_device || !reading.has_event_time) return 0;
    int64_t now_mono_ms = intake_now_mono_ms(state->intake);
    if (!state->has_due) {
        state->has_due = true;
        state->due_mono_ms = now_mono_ms;
        state->due_event_ms = reading.event_ms;
    }
    if (reading.event_ms > state->due_event_ms) {
        int64_t gap_ms = reading.event_ms - state->due_event_ms;
        if (gap_ms > state->options->max_gap_ms) gap_ms = state->options->max_gap_ms;
        state->due_mono_ms += gap_ms;
        state->due_event_ms = reading.event_ms;
    }
    return state->due_mono_ms > now_mono_ms ? state->due_mono_ms - now_mono_ms : 0;
}

/* Deals with the lines in the splitter.  Afterwards either it wants bytes (*needs_bytes) or the
 * result says when to come back. */
static int64_t take_lines(struct replay_state *state, bool *needs_bytes)
{
    *needs_bytes = false;
    for (int i = 0; i < LINES_AT_ONCE; i++) {
        const char *line;
        size_t size;
        enum line_found found = line_splitter_peek(&state->lines.splitter, &line, &size);
        if (found == LINE_NONE) {
            *needs_bytes = true;
            return 0;
        }
        if (state->header_lines_left > 0) {
            state->header_lines_left--;
            line_splitter_take(&state->lines.splitter);
            continue;
        }
        int64_t wait_ms = found == LINE_READY ? wait_for_line(state, line, size) : 0;
        if (wait_ms > 0) return wait_ms;
        if (line_source_step(&state->lines) == LINE_STEP_BUSY) return BUSY_MS;
    }
    return YIELD_MS;
}

/* Reads the next bytes; 0 when there are some, else how long to wait. */
static int64_t read_bytes(struct replay_state *state)
{
    size_t space;
    char *bytes = line_splitter_space(&state->lines.splitter, &space);
    ssize_t count = read(state->fd, bytes, space);
    if (count > 0) {
        state->has_read = true;
        line_splitter_add(&state->lines.splitter, (size_t)count);
        return 0;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return PIPE_MS;
    if (count < 0) return try_again(state, strerror(errno));
    if (state->is_pipe && !state->has_read) return PIPE_MS; /* nobody writes yet */
    state->has_ended = true;
    line_splitter_end(&state->lines.splitter);
    return 0;
}

/* A negative result: the recording is over. */
static int64_t end_or_loop(struct replay_state *state)
{
    if (state->options->loops && lseek(state->fd, 0, SEEK_SET) == 0) {
        int64_t wait_ms = state->has_read ? YIELD_MS : RETRY_MS;
        begin(state);
        return wait_ms;
    }
    close_file(state);
    state->is_over = true;
    intake_report_end(state->intake);
    return -1;
}

static void on_timer(void *context)
{
    struct replay_state *state = context;
    if (state->is_paused || state->is_over) return;
    int64_t wait_ms = 0;
    while (wait_ms == 0) {
        bool needs_bytes;
        if (!state->is_open)
            wait_ms = open_file(state);
        else if ((wait_ms = take_lines(state, &needs_bytes)) == 0 && needs_bytes)
            wait_ms = state->has_ended ? end_or_loop(state) : read_bytes(state);
    }
    if (wait_ms > 0) loop_timer_again(state->timer, wait_ms, 0);
}

static enum status replay_open(void *context, struct intake *intake, const void *options)
{
    struct replay_state *state = context;
    state->intake = intake;
    state->options = options;
    if (state->options->path[0] == '\0') return ST_INVALID;
    enum status status = line_source_init(&state->lines, intake, &state->options->lines);
    if (status != ST_OK) return status;
    state->lines.comment = '#';
    state->timer = loop_timer_start(intake_loop(intake), 0, 0, on_timer, state);
    return state->timer != NULL ? ST_OK : ST_FULL;
}

static void replay_close(void *context)
{
    struct replay_state *state = context;
    loop_timer_stop(&state->timer);
    close_file(state);
}

static void replay_pause(void *context)
{
    struct replay_state *state = context;
    state->is_paused = true;
}

static void replay_resume(void *context)
{
    struct replay_state *state = context;
    if (!state->is_paused) return;
    state->is_paused = false;
    loop_timer_again(state->timer, 0, 0);
}

static enum verdict replay_decode(const void *options, const char *address, const char *payload,
                                  size_t size, int64_t now_wall_ms,
                                  void (*found)(void *context, const struct reading *reading),
                                  void *context, const char **detail)
{
    (void)address;
    (void)now_wall_ms;
    const struct replay_options *replay = options;
    return line_source_try(&replay->lines, payload, size, found, context, detail);
}

static const char *const speed_names[] = {"full", "recorded", NULL};

static const struct field fields[] = {
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct replay_options, path),
     .size = sizeof((struct replay_options *)0)->path,
     .is_required = true,
     FIELD_HELP("File (or named pipe) with one reading per line; lines that begin with # are "
                "comments.")},
    {.name = "header_lines",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct replay_options, header_lines),
     .min = 0,
     .max = 1000,
     .default_text = "0",
     FIELD_HELP("Lines at the beginning that are not readings, blank ones not counted.")},
    {.name = "speed",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct replay_options, speed),
     .choices = speed_names,
     .default_text = "full",
     FIELD_HELP("full: as fast as it goes; recorded: with the pauses between the recorded times.")},
    {.name = "max_gap",
     .type = FIELD_DURATION,
     .offset = offsetof(struct replay_options, max_gap_ms),
     .min = 0,
     .max = INT64_C(7) * 24 * 3600 * 1000,
     .default_text = "1h",
     FIELD_HELP("Longest pause at recorded speed.")},
    {.name = "loop",
     .type = FIELD_BOOL,
     .offset = offsetof(struct replay_options, loops),
     .default_text = "false",
     FIELD_HELP("Whether to begin again at the end.")},
    LINE_SOURCE_FIELDS(struct replay_options, lines),
};

static void check_options(const void *options, const struct field_report *report)
{
    const struct replay_options *replay = options;
    line_source_check(&replay->lines, report);
}

static const struct field_table options_table = {
    .fields = fields,
    .count = sizeof fields / sizeof fields[0],
    FIELD_HELP("A recorded file of lines, read as if it were live."),
    .check = check_options,
};

const struct driver driver_replay = {
    .name = "replay",
    .help = "A recorded file of lines, read as if it were live.",
    .is_compiled = true,
    .state_size = sizeof(struct replay_state),
    .options_size = sizeof(struct replay_options),
    .options = &options_table,
    .open = replay_open,
    .close = replay_close,
    .pause = replay_pause,
    .resume = replay_resume,
    .decode = replay_decode,
};
