/* parts: the inside of a stream, shared by the files of this folder and nobody else.
 * One block holds the stream, the table of devices, and per device its header, rings, counts,
 * marks and panes at offsets that the options decide; the rules lie beside.  Loop thread only. */
#ifndef ISOTHERM_STREAM_PARTS_H
#define ISOTHERM_STREAM_PARTS_H

#include "stream/pane.h"
#include "stream/stream.h"
#include "stream/window.h"

#define STREAM_NO_DEVICE UINT32_MAX

/* A kind of window, resolved. */
struct stream_window {
    struct window_spec spec;
    bool is_by_count;
    bool is_tumbling;
    uint32_t ring;       /* by time: index into rings; by count: into count_rings */
    uint32_t span;       /* panes it covers */
    uint32_t first_mark; /* by time: its marks in a device, one per slot of the ring */
    uint32_t expected;   /* readings; 0: not known */
};

/* A ring of panes that every device has. */
struct stream_ring {
    struct pane_shape shape;
    uint32_t first_pane; /* its panes in a device */
    int64_t longest_ms;  /* the largest window on it */
};

struct stream_count_ring {
    uint32_t first_pane;
    uint32_t slots; /* panes of a window */
    uint32_t every; /* readings of a pane */
};

/* Per device and kind of window: since the former record. */
struct window_state {
    uint32_t missed, rejected;
};

struct device {
    char id[LIMIT_DEVICE_ID_SIZE]; /* "": the slot is empty */
    int64_t newest_ms;             /* event time */
    int64_t oldest_ms;             /* likewise; INT64_MIN: not known, since the agent restarted */
    int64_t watermark_ms;          /* windows that end at or before it are closed */
    int64_t next_end_ms;           /* the first possible end of a window after the watermark */
    int64_t arrival_ms;            /* wall */
    int64_t last_micro;
    uint64_t accepted;
    uint32_t late, rejected;
    struct summary delta;       /* readings not yet in the journal, all in one base slice */
    int64_t delta_ms;           /* start of that slice */
    uint32_t reserved_bytes;    /* kept free in the sink for this device's next journal entry */
    uint32_t index, next_dirty; /* of its slot; of the next one in the list of dirty ones */
    uint32_t alarm_source;      /* valid with knows_source */
    uint32_t part, boot;        /* of its windows: see struct window_result */
    uint8_t source;             /* that brought the newest reading, from 1; 0: not known */
    bool is_dirty : 1;          /* in that list */
    bool has_odd_marks : 1;     /* some mark is not what SETTLE would make of the panes */
    bool has_owed : 1;          /* some closed window owes a revision */
    bool knows_source : 1;      /* its alarms were looked for */
};

struct device_watch { /* what a search over all devices reads, kept together */
    int64_t arrival_mono_ms;
    uint32_t tag;    /* of the hash */
    bool is_used;    /* the slot holds a device */
    bool is_resting; /* time alone has nothing more to do here until the next reading */
};

struct table_entry {
    uint32_t tag;
    uint32_t index; /* of the device + 1; 0: free */
};

/* Offsets and sizes that follow from the options; see layout.c. */
struct layout {
    struct stream_window windows[LIMIT_WINDOWS];
    size_t window_count;
    struct stream_ring rings[LIMIT_WINDOWS];
    size_t ring_count;
    struct stream_count_ring count_rings[LIMIT_WINDOWS];
    size_t count_ring_count;
    uint32_t mark_count, pane_count;                                /* per device */
    size_t rings_at, count_rings_at, states_at, marks_at, panes_at; /* in a device */
    size_t device_bytes;
    uint32_t table_mask;
    size_t watches_at, table_at, devices_at; /* in the block */
    size_t block_bytes;
    int64_t base_ms; /* the slice of the journal: divides all others */
};

struct stream {
    struct stream_options options;
    struct alarm_rule *rules; /* those of the options, owned */
    struct stream_sink sink;
    struct layout layout;
    struct alarm_engine *alarms;
    size_t alarm_room_bytes; /* what alarms may need beside the records of a call */
    struct stream_counts counts;
    struct device_watch *watches;
    struct table_entry *table;
    unsigned char *devices;
    uint64_t hash_seed;
    uint32_t last_part;    /* the highest a device has; a device begun anew has the next */
    uint32_t slots_used;   /* slots ever used: the table's end for searches */
    uint32_t first_dirty;  /* STREAM_NO_DEVICE: none */
    size_t reserved_bytes; /* sum over the dirty devices */
    size_t state_cursor, advance_cursor; /* where stream_journal_states and _advance go on */
    int64_t mono_ms;                     /* the last one seen */
    struct device *latest;               /* of the reading taken last; NULL: none yet */
    bool has_resumed; /* restored times have a place on this run's monotonic clock */
    bool is_provisional_due[LIMIT_WINDOWS]; /* in the present pass of stream_advance */
    int64_t provisional_mono_ms[LIMIT_WINDOWS];
    int64_t restored_slices[LIMIT_WINDOWS]; /* of the device whose whole state is read */
    size_t restored_slice_count;
};

/* layout.c.  ST_INVALID: the options do not fit together. */
enum status layout_make(struct layout *layout, const struct stream_options *options) ISOTHERM_CHECK;

/* device.c: the table, and the parts of a device. */
struct pane_ring *device_rings(const struct stream *stream, struct device *device);
struct window_count_ring *device_count_rings(const struct stream *stream, struct device *device);
struct window_state *device_states(const struct stream *stream, struct device *device);
struct window_mark *device_marks(const struct stream *stream, struct device *device);
struct summary *device_panes(const struct stream *stream, struct device *device);
struct device *device_at(const struct stream *stream, uint32_t index);
uint32_t device_tag(const struct stream *stream, const char *id);
struct device *device_find(const struct stream *stream, const char *id, uint32_t tag);
struct device *device_find_longest_silent(const struct stream *stream);

/* Puts a new device into an empty slot; NULL when there is none. */
struct device *device_admit(struct stream *stream, const char *id, uint32_t tag);
void device_remove(struct stream *stream, struct device *device);

/* Begins the rings of a device that has seen nothing. */
void device_start_rings(const struct stream *stream, struct device *device, int64_t event_ms,
                        int64_t watermark_ms);

/* Moves the rings so that newest_ms lies in their heads; what falls off is gone. */
void device_move_rings(const struct stream *stream, struct device *device, int64_t newest_ms);
void device_set_watermark(const struct stream *stream, struct device *device, int64_t watermark_ms);

/* The watermark at which every window that holds a reading is closed. */
int64_t device_last_end_ms(const struct stream *stream, struct device *device);

/* Mark and open state of the windows of one kind. */
struct window_mark *device_mark(const struct stream *stream, struct device *device,
                                const struct stream_window *window, uint32_t behind);
uint32_t device_count_open(const struct stream *stream, struct device *device,
                           const struct stream_window *window, int64_t watermark_ms);
bool device_has_readings(const struct stream *stream, struct device *device,
                         const struct stream_window *window, uint32_t behind);

/* publish.c: each needs room, asked for by the caller. */
void publish_until(struct stream *stream, struct device *device, int64_t watermark_ms,
                   const struct stream_now *now);
void publish_owed(struct stream *stream, struct device *device, const struct stream_now *now);
void publish_provisional(struct stream *stream, struct device *device, size_t window,
                         const struct stream_now *now);
void publish_count(struct stream *stream, struct device *device, size_t window,
                   const struct stream_now *now);
void publish_everything(struct stream *stream, struct device *device, const struct stream_now *now);
void publish_emit(struct stream *stream, struct record *record, const struct stream_now *now);
/* How many records these would emit at most. */
size_t publish_count_until(const struct stream *stream, struct device *device,
                           int64_t watermark_ms);
size_t publish_count_owed(const struct stream *stream, struct device *device);

/* journal.c. */
bool journal_has_room(const struct stream *stream, size_t records);
size_t journal_entry_bytes(const struct stream *stream, const struct device *device);
size_t journal_state_bytes(const struct stream *stream);
void journal_touch(struct stream *stream, struct device *device);
void journal_write_changes(struct stream *stream, struct device *device);
void journal_write_removal(struct stream *stream, struct device *device);
/* restore.c: gives restored times a place on this run's clock, once. */
void restore_resume(struct stream *stream, const struct stream_now *now);

#endif
