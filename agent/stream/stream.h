/* stream: devices, panes, windows and alarms: from a reading to the records that are published.
 *
 * Memory is allocated once by stream_open; nothing grows afterwards.  All times come in as
 * arguments, so that the same calls give the same records on any machine and in the simulation.
 * The stream does no input or output: what it produces goes to a sink.  Loop thread only (or
 * any single thread in tests and tools).
 *
 * Journal.  The stream tells the sink, as opaque bytes, what changed since the last flush;
 * giving the same bytes back to stream_restore in the same order rebuilds every open pane. */
#ifndef ISOTHERM_STREAM_STREAM_H
#define ISOTHERM_STREAM_STREAM_H

#include "alarm/alarm_engine.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/verdict.h"
#include "stream/reading.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Either by time (size_ms > 0, every_ms > 0, every_ms <= size_ms and size_ms a multiple of
 * every_ms) or by count (size_count > 0, every_count > 0, likewise). */
struct window_spec {
    int64_t size_ms, every_ms;
    int64_t size_count, every_count;
    int64_t provisional_ms; /* publish provisional results this often; 0: never */
};

enum admission { ADMISSION_REFUSE, ADMISSION_EVICT };

struct stream_options {
    size_t devices;
    int admission; /* enum admission: refuse a new device, or evict the longest silent */
    struct window_spec windows[LIMIT_WINDOWS];
    size_t window_count;
    int64_t lateness_ms;       /* how far behind the newest a reading may come and be on time */
    int64_t grace_ms;          /* how long after that a silent device's windows stay open */
    int64_t future_ms;         /* event times further ahead of the wall clock: VERDICT_TIME */
    int64_t past_ms;           /* event times further behind it: VERDICT_TIME; 0: no limit */
    int64_t expected_every_ms; /* how often a device should send; 0: not known */
    const struct alarm_rule *alarms; /* alarm_count of them; the stream makes a copy */
    size_t alarm_count;
    struct habit_options habit;       /* for alarms that learn */
    char gateway[LIMIT_GATEWAY_SIZE]; /* whose name the gateway's own alarms bear; "": "gateway" */
    uint32_t boot; /* which monotonic clock; the same until it begins anew; 0: as 1 */
};

/* Now, as the caller sees it. */
struct stream_now {
    int64_t wall_ms; /* while the clock is not set: UPTIME_BASE_MS + mono_ms */
    int64_t mono_ms;
    enum clock_quality clock;
};

struct stream_sink {
    /* Whether `bytes` more of records and journal can be taken; the stream asks before it begins
     * anything that could produce that much, and keeps room for what a flush will need. */
    bool (*has_room)(void *context, size_t bytes);
    /* Takes a record; the sink gives it its sequence number. */
    void (*emit)(void *context, struct record *record);
    /* Takes one journal entry. */
    void (*journal)(void *context, const void *bytes, size_t size);
    void *context;
};

/* What a journal entry may take of the room asked for with has_room. */
enum { STREAM_JOURNAL_BYTES = 1024 /* an entry at most */ };

struct stream_counts {
    uint64_t accepted;         /* readings merged into at least one pane */
    uint64_t late;             /* refused with VERDICT_LATE */
    uint64_t devices;          /* in the table now */
    uint64_t evicted;          /* devices */
    uint64_t evicted_readings; /* readings in open panes that were published early by it */
    uint64_t records;          /* emitted */
    uint64_t alarms_active;
    uint64_t unrestored; /* readings of the journal that no ring could take, or devices
                            for which there was no room */
    struct stream_window_counts {
        uint64_t published;   /* readings in the newest revision of closed windows (tumbling) */
        uint64_t open;        /* readings in windows not yet closed (tumbling) */
        uint64_t missed;      /* accepted readings that this kind of window could not take */
        uint64_t results;     /* records emitted, revisions included */
        uint64_t revisions;   /* of these, with revision > 1 */
    } windows[LIMIT_WINDOWS]; /* tumbling: accepted = published + open + missed */
};

/* What `status` and `tail` show of one device.  Valid until the next call on the stream. */
struct stream_device {
    const char *id;
    int64_t last_micro;
    int64_t newest_ms;  /* event time */
    int64_t arrival_ms; /* wall */
    int64_t silent_ms;  /* by the monotonic clock */
    uint64_t accepted, late, rejected;
    uint32_t alarms_active;
};

struct stream;

/* Allocates everything the options ask for.  `sink` is copied.  ST_INVALID: the options do not
 * fit together; ST_NO_MEMORY.  Released with stream_close. */
enum status stream_open(struct stream **stream, const struct stream_options *options,
                        const struct stream_sink *sink) ISOTHERM_CHECK;
void stream_close(struct stream *stream);

/* Bytes that stream_open allocates for these options; 0: they do not fit together. */
size_t stream_size_bytes(const struct stream_options *options);

/* The room that one call may ask the sink for at most, apart from what is kept for dirty devices:
 * a batch must be larger, or the call would wait for ever.  0: the options do not fit together. */
size_t stream_room_bytes(const struct stream_options *options);

/* Once a device has shown a reading so long after the start of a window of that kind, the window
 * cannot change any more.  0: the options do not fit together, or a window by count. */
int64_t stream_settle_ms(const struct stream_options *options, size_t window);

/* Takes one reading: finds or admits the device, checks the time, merges it into its panes,
 * closes windows that its watermark passes, evaluates alarms.  VERDICT_OK, _TIME, _RANGE,
 * _IMPOSSIBLE, _DEVICE_LIMIT, _LATE, or _BUSY when the sink has no room (then nothing was changed).
 * Refusals are counted against the device here. */
enum verdict stream_add_reading(struct stream *stream, const struct reading *reading,
                                const struct stream_now *now) ISOTHERM_CHECK;

/* Says which source, from 1, brought the reading that was taken last.  Returns the other source
 * that brought the reading of the same device before it; 0: it was the same one, or is not known
 * since the start. */
unsigned stream_note_source(struct stream *stream, uint8_t source);

/* Takes note of a value that was refused elsewhere, since the sensor of that device has failed
 * (verdict_is_of_sensor): counts it against a known device and tells the device's alarms, unless
 * it is older than the newest reading or its time is not believed.  Admits no device.  The value
 * counts with VERDICT_IMPOSSIBLE alone. */
void stream_add_bad_value(struct stream *stream, const struct reading *reading,
                          enum verdict verdict, const struct stream_now *now);

/* Does what time alone causes: closes windows of silent devices, publishes revisions and
 * provisional results, runs alarm delays.  Stops early when the sink has no room; call it again
 * after the next commit.  To be called about once a second. */
void stream_advance(struct stream *stream, const struct stream_now *now);

/* Closes and publishes every window that holds a reading, as at the end of a recording.  False:
 * the sink has no room, call it again after the next commit. */
bool stream_close_windows(struct stream *stream, const struct stream_now *now);

/* Hands all changes not yet journalled to the sink, before a commit. */
void stream_flush_journal(struct stream *stream);

/* Journals the whole state of up to `devices` devices, continuing where the last call stopped;
 * true when this call ended a round over the table, so that everything journalled before the
 * round's first call is no longer needed.  Only as much as the sink has room for. */
bool stream_journal_states(struct stream *stream, size_t devices);

/* Replays one journal entry after stream_open, before the first reading.  Emits nothing.
 * ST_CORRUPT: not an entry (ignored); ST_FULL: no room for the device (counted). */
enum status stream_restore(struct stream *stream, const void *bytes, size_t size) ISOTHERM_CHECK;

/* The alarms, for commands, lists and figures. */
struct alarm_engine *stream_alarms(struct stream *stream);

struct stream_counts stream_count(const struct stream *stream);

/* The index-th slot of the table, 0 .. devices-1; false for an empty one. */
bool stream_get_device(const struct stream *stream, size_t index, int64_t now_mono_ms,
                       struct stream_device *device);

#endif
