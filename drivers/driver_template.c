/* Invariant: a byte leaves the buffer only as part of a frame that was offered, or refused and
 * counted.
 *
 * This driver is a lesson: the whole order of work of a source in one small file.  Copy it, read
 * docs/drivers.md, and replace the frame by that of your device.  It reads binary frames from a
 * named pipe, into which any program may write them:
 *
 *   byte   0       1        2       3 .. 6            7 .. 8                9 .. 10
 *        +-------+--------+-------+-----------------+---------------------+---------+
 *        | start | length | probe | time            | value               | CRC     |
 *        | 0xA5  | 7      | 1..16 | s since 1970,   | signed, 1/16 deg C  | CRC-16  |
 *        |       |        |       | 0: none         | 0x8000: no value    | CCITT   |
 *        +-------+--------+-------+-----------------+---------------------+---------+
 *
 * Numbers are big-endian.  `length` counts probe, time and value.  The CRC (polynomial 0x1021,
 * start 0xFFFF) covers bytes 1 to 8. */
#include "drivers.h"

#include "base/device_id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Every offset has a name: a bare number in offset arithmetic does not pass a review. */
enum { START_AT = 0, LENGTH_AT = 1, PROBE_AT = 2, TIME_AT = 3, VALUE_AT = 7, CRC_AT = 9 };
enum { FRAME_SIZE = 11, BODY_SIZE = CRC_AT - PROBE_AT, START = 0xA5, PROBES = 16 };
enum { NO_VALUE = -0x8000, LOWEST = -55 * 16, HIGHEST = 125 * 16, MICRO_PER_STEP = 62500 };
enum { RETRY_MS = 1000, BUSY_MS = 50 };

/* 1. The options: a plain struct and a table that describes it.  The configuration reader, the
 * schema, the documentation and every error message come from the table. */
struct template_options {
    char path[LIMIT_PATH_SIZE];
    char device[LIMIT_DEVICE_ID_SIZE];
};

static const struct field fields[] = {
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct template_options, path),
     .size = sizeof((struct template_options *)0)->path,
     .is_required = true,
     FIELD_HELP("Named pipe that the frames are read from.")},
    {.name = "device",
     .type = FIELD_TEXT,
     .offset = offsetof(struct template_options, device),
     .size = sizeof((struct template_options *)0)->device,
     .default_text = "template",
     FIELD_HELP("First part of the device id; the number of the probe is added.")},
};
static const struct field_table options_table = {
    .fields = fields,
    .count = sizeof fields / sizeof fields[0],
    FIELD_HELP("Example of a driver: binary frames from a named pipe."),
};

/* 2. The state: all of it here, nothing in static variables, so that the driver can run twice.
 * The core allocates it and sets it to zero. */
struct template_state {
    struct intake *intake;
    const struct template_options *options;
    struct loop_watch *watch;
    struct loop_timer *timer; /* the next try to open, or to offer what was busy */
    int fd;
    bool is_open;   /* fd is valid */
    bool is_paused; /* by the core */
    bool is_lost;   /* between frames: what is passed over has been counted already */
    size_t size;    /* bytes in the buffer */
    uint8_t buffer[32 * FRAME_SIZE];
};

/* 3. The decoder: a pure function from bytes to a reading and a verdict.  It knows no source, so
 * that it can be replayed and fuzzed. */
static uint16_t compute_crc(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint32_t)bytes[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) ? ((crc << 1) ^ 0x1021) & 0xFFFF : (crc << 1) & 0xFFFF;
    }
    return (uint16_t)crc;
}

static uint32_t read_u16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return read_u16(bytes) << 16 | read_u16(bytes + 2);
}

/* The order of checks is the same in every driver: length, frame, checksum, types, range, time.
 * What is cheap and says most about the wire comes first, and no field is looked at before the
 * checksum has said that it may be believed. */
static enum verdict decode_template_frame(const uint8_t *frame, const char *prefix,
                                          struct reading *reading)
{
    if (frame[LENGTH_AT] != BODY_SIZE) return VERDICT_LENGTH;
    if (frame[START_AT] != START) return VERDICT_FRAME;
    if (read_u16(frame + CRC_AT) != compute_crc(frame + LENGTH_AT, CRC_AT - LENGTH_AT))
        return VERDICT_CHECKSUM;
    unsigned probe = frame[PROBE_AT];
    if (probe < 1 || probe > PROBES) return VERDICT_FIELD;
    int32_t steps = (int32_t)read_u16(frame + VALUE_AT);
    if (steps >= 0x8000) steps -= 0x10000;
    int64_t event_s = read_u32(frame + TIME_AT);
    *reading = (struct reading){.value_micro = (int64_t)steps * MICRO_PER_STEP,
                                .has_event_time = event_s != 0,
                                .event_ms = event_s * 1000};
    char number[4];
    int size = snprintf(number, sizeof number, "%u", probe);
    enum verdict verdict = device_id_append(reading->device, prefix, strlen(prefix));
    if (verdict == VERDICT_OK) verdict = device_id_append(reading->device, number, (size_t)size);
    if (verdict != VERDICT_OK) return verdict;
    /* From here on the device is known, so that the core can tell it that its sensor has failed. */
    if (steps == NO_VALUE) return VERDICT_NO_VALUE;
    if (steps < LOWEST || steps > HIGHEST) return VERDICT_RANGE;
    /* Whether a time is believed is for the core to say; here only what cannot be: this device
     * did not exist before 2020. */
    if (reading->has_event_time && event_s < INT64_C(1577836800)) return VERDICT_TIME;
    return VERDICT_OK;
}

/* 4. From bytes to frames.  After anything wrong only the start byte is dropped: what followed it
 * may be a good frame behind a false start. */
static void drop(struct template_state *state, size_t size)
{
    state->size -= size;
    memmove(state->buffer, state->buffer + size, state->size);
}

static void refuse(struct template_state *state, enum verdict verdict, const char *what)
{
    if (!state->is_lost) intake_report_refusal(state->intake, verdict, "%s", what);
    state->is_lost = true;
}

static void find_start(struct template_state *state)
{
    const uint8_t *start = memchr(state->buffer, START, state->size);
    size_t before = start != NULL ? (size_t)(start - state->buffer) : state->size;
    if (before == 0) return;
    refuse(state, VERDICT_FRAME, "bytes that belong to no frame");
    drop(state, before);
}

/* Takes every whole frame.  False when the agent is busy: the frame stays and is offered again. */
static bool take_frames(struct template_state *state)
{
    for (find_start(state); state->size >= FRAME_SIZE; find_start(state)) {
        struct reading reading = {0};
        enum verdict verdict =
            decode_template_frame(state->buffer, state->options->device, &reading);
        if (verdict == VERDICT_OK) {
            /* 5. The offer: the one way in.  Whatever the answer, the core has counted it. */
            if (intake_offer_reading(state->intake, &reading, NULL) == VERDICT_BUSY) return false;
            state->is_lost = false;
            drop(state, FRAME_SIZE);
        } else if (verdict == VERDICT_LENGTH || verdict == VERDICT_CHECKSUM) {
            /* What has a start and a length was meant as a frame, and each frame counts. */
            if (verdict == VERDICT_CHECKSUM) state->is_lost = false;
            refuse(state, verdict, verdict_text(verdict));
            drop(state, 1);
        } else { /* the frame is whole, only its content is not right */
            state->is_lost = false;
            intake_report_bad_value(state->intake, &reading, verdict, "%s", verdict_text(verdict));
            drop(state, FRAME_SIZE);
        }
    }
    return true;
}

/* 6. The source: opened without waiting, lost and found again, with a clear line each time. */
static void lose(struct template_state *state, const char *why)
{
    loop_watch_stop(&state->watch); /* before close: the loop must not hold a dead descriptor */
    if (state->is_open) (void)close(state->fd);
    state->is_open = false;
    state->size = 0;
    intake_report_connected(state->intake, false, why);
    loop_timer_again(state->timer, RETRY_MS, 0);
}

static void on_readable(void *context, int fd, unsigned events)
{
    (void)events;
    struct template_state *state = context;
    ssize_t count = read(fd, state->buffer + state->size, sizeof state->buffer - state->size);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) {
        lose(state, strerror(errno));
    } else if (count == 0) {
        lose(state, "the writer has closed the pipe");
    } else {
        state->size += (size_t)count;
        if (take_frames(state)) return;
        loop_watch_update(state->watch, 0);
        loop_timer_again(state->timer, BUSY_MS, 0);
    }
}

static void try_open(struct template_state *state)
{
    state->fd = open(state->options->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    state->is_open = state->fd >= 0;
    if (!state->is_open) {
        lose(state, strerror(errno));
        return;
    }
    state->watch = loop_watch_start(intake_loop(state->intake), state->fd,
                                    state->is_paused ? 0 : LOOP_READABLE, on_readable, state);
    if (state->watch == NULL)
        lose(state, "not a pipe");
    else
        intake_report_connected(state->intake, true, state->options->path);
}

static void on_timer(void *context)
{
    struct template_state *state = context;
    if (!state->is_open) {
        try_open(state);
    } else if (state->is_paused) {
        return; /* resume goes on */
    } else if (take_frames(state)) {
        loop_watch_update(state->watch, LOOP_READABLE);
    } else {
        loop_timer_again(state->timer, BUSY_MS, 0);
    }
}

/* 7. The hooks. */
static enum status template_open(void *context, struct intake *intake, const void *options)
{
    struct template_state *state = context;
    state->intake = intake;
    state->options = options;
    if (state->options->path[0] == '\0') return ST_INVALID;
    state->timer = loop_timer_start(intake_loop(intake), 0, 0, on_timer, state);
    return state->timer != NULL ? ST_OK : ST_FULL;
}

static void template_close(void *context)
{
    struct template_state *state = context;
    loop_watch_stop(&state->watch);
    loop_timer_stop(&state->timer);
    if (state->is_open) (void)close(state->fd);
    state->is_open = false;
}

static void template_pause(void *context)
{
    struct template_state *state = context;
    state->is_paused = true;
    if (state->watch != NULL) loop_watch_update(state->watch, 0);
}

static void template_resume(void *context)
{
    struct template_state *state = context;
    state->is_paused = false;
    if (state->is_open) loop_timer_again(state->timer, 0, 0);
}

/* Optional: one payload without a source, for `isotherm decode` and for recordings. */
static enum verdict template_decode(const void *options, const char *address, const char *payload,
                                    size_t size, int64_t now_wall_ms,
                                    void (*found)(void *context, const struct reading *reading),
                                    void *context, const char **detail)
{
    (void)detail;
    (void)address;
    (void)now_wall_ms;
    const struct template_options *template = options;
    if (size != FRAME_SIZE) return VERDICT_LENGTH;
    struct reading reading;
    enum verdict verdict =
        decode_template_frame((const uint8_t *)payload, template->device, &reading);
    if (verdict == VERDICT_OK) found(context, &reading);
    return verdict;
}

const struct driver driver_template = {
    .name = "template",
    .help = "Example of a driver: binary frames from a named pipe (see docs/drivers.md).",
    .is_compiled = true,
    .state_size = sizeof(struct template_state),
    .options_size = sizeof(struct template_options),
    .options = &options_table,
    .open = template_open,
    .close = template_close,
    .pause = template_pause,
    .resume = template_resume,
    .decode = template_decode,
};
