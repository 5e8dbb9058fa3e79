/* restore: replaying an entry leaves the device as it was when the entry was written; nothing is
 * published.  In the ledger a reading counts as published until its pane is found to be open.
 * Bytes that cannot be right never reach a pane. */
#include "stream/journal_entry.h"
#include "stream/parts.h"

#include <string.h>

#define TIME_MAX_MS (INT64_C(1) << 43) /* year 2248 */

void restore_resume(struct stream *stream, const struct stream_now *now)
{
    stream->mono_ms = now->mono_ms;
    if (stream->has_resumed) return;
    stream->has_resumed = true;
    for (uint32_t i = 0; i < stream->slots_used; i++) {
        if (!stream->watches[i].is_used) continue;
        stream->watches[i].arrival_mono_ms = now->mono_ms;
    }
}

static void move_to_open(struct stream *stream, size_t window, uint64_t readings)
{
    stream->counts.windows[window].published -= readings;
    stream->counts.windows[window].open += readings;
}

static void move_to_published(struct stream *stream, size_t window, uint64_t readings)
{
    stream->counts.windows[window].open -= readings;
    stream->counts.windows[window].published += readings;
}

/* What the ledger counts as open for this device and a tumbling window by time. */
static uint64_t count_open(const struct stream *stream, struct device *device,
                           const struct stream_window *window, bool with_owed)
{
    const struct stream_ring *ring = &stream->layout.rings[window->ring];
    const struct pane_ring *at = &device_rings(stream, device)[window->ring];
    const struct summary *panes = &device_panes(stream, device)[ring->first_pane];
    uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
    uint64_t count = 0;
    for (uint32_t behind = 0; behind < ring->shape.slots; behind++) {
        if (behind < open)
            count += panes[pane_find_slot(&ring->shape, at, behind)].count;
        else if (with_owed)
            count += device_mark(stream, device, window, behind)->tally;
    }
    return count;
}

static void move_open(struct stream *stream, struct device *device, bool is_before)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (!window->is_tumbling || window->is_by_count) continue;
        uint64_t open = count_open(stream, device, window, is_before);
        if (is_before)
            move_to_published(stream, i, open);
        else
            move_to_open(stream, i, open);
    }
}

/* Takes a device out of the table without a trace in the ledger's totals. */
static void forget(struct stream *stream, struct device *device)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (!window->is_tumbling || !window->is_by_count) continue;
        uint32_t pane = stream->layout.count_rings[window->ring].first_pane +
                        device_count_rings(stream, device)[window->ring].head;
        move_to_published(stream, i, device_panes(stream, device)[pane].count);
    }
    if (device->newest_ms > 0) move_open(stream, device, true);
    device_remove(stream, device);
}

/* The counts of a device whose whole state follows come again with it. */
static void uncount(struct stream *stream, const struct device *device)
{
    stream->counts.accepted -= device->accepted;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        if (!stream->layout.windows[i].is_tumbling) continue;
        stream->counts.windows[i].published -= device->accepted;
    }
}

static void read_reset(struct stream *stream, struct journal_reader *reader)
{
    stream->restored_slice_count = (size_t)journal_get_unsigned(reader, LIMIT_WINDOWS);
    for (size_t i = 0; i < stream->restored_slice_count; i++) {
        stream->restored_slices[i] = (int64_t)journal_get_unsigned(reader, TIME_MAX_MS);
    }
}

static void read_meta(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    int64_t newest_ms = journal_get_signed(reader);
    int64_t watermark_ms = journal_get_signed(reader);
    int64_t arrival_ms = journal_get_signed(reader);
    int64_t last_micro = journal_get_signed(reader);
    uint64_t accepted = journal_get_unsigned(reader, UINT64_MAX);
    uint32_t late = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    uint32_t rejected = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    if (newest_ms <= 0 || newest_ms > TIME_MAX_MS || watermark_ms > TIME_MAX_MS ||
        watermark_ms < -TIME_MAX_MS || accepted < device->accepted) {
        reader->is_damaged = true;
    }
    if (reader->is_damaged) return;
    uint64_t added = accepted - device->accepted;
    stream->counts.accepted += added;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        device_states(stream, device)[i] = (struct window_state){0};
        if (stream->layout.windows[i].is_tumbling) stream->counts.windows[i].published += added;
    }
    if (device->newest_ms == 0) {
        device_start_rings(stream, device, newest_ms, watermark_ms);
        device->oldest_ms = INT64_MIN;
    } else {
        move_open(stream, device, true);
        device_move_rings(stream, device, newest_ms);
        if (watermark_ms > device->watermark_ms) {
            device_set_watermark(stream, device, watermark_ms);
        }
        move_open(stream, device, false);
    }
    device->arrival_ms = arrival_ms;
    device->last_micro = last_micro;
    device->accepted = accepted;
    device->late = late;
    device->rejected = rejected;
}

static void read_part(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    device->part = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    if (device->part > stream->last_part) stream->last_part = device->part;
}

/* Reads which kind of window is meant; window_count: one that is no longer configured. */
static size_t read_reference(const struct stream *stream, struct journal_reader *reader)
{
    uint64_t size = journal_get_unsigned(reader, UINT64_MAX);
    uint64_t every = journal_get_unsigned(reader, UINT64_MAX);
    bool is_by_count = (size & 1) != 0;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct window_spec *spec = &stream->layout.windows[i].spec;
        if (is_by_count != stream->layout.windows[i].is_by_count) continue;
        if (size >> 1 == (uint64_t)(is_by_count ? spec->size_count : spec->size_ms) &&
            every == (uint64_t)(is_by_count ? spec->every_count : spec->every_ms)) {
            return i;
        }
    }
    return stream->layout.window_count;
}

static void read_kind(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    size_t index = read_reference(stream, reader);
    uint32_t missed = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    uint32_t rejected = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    if (index == stream->layout.window_count) return;
    device_states(stream, device)[index] =
        (struct window_state){.missed = missed, .rejected = rejected};
}

static bool fits(const struct pane_shape *shape, const struct summary *pane,
                 const struct summary *readings)
{
    int64_t sum_micro;
    return !__builtin_add_overflow(pane->sum_micro, readings->sum_micro, &sum_micro) &&
           sum_micro <= shape->sum_limit && sum_micro >= -shape->sum_limit &&
           readings->count <= shape->count_limit - pane->count;
}

/* Puts readings of one slice into a ring. */
static void restore_pane(struct stream *stream, struct device *device, size_t ring,
                         const struct summary *readings, bool is_delta,
                         struct journal_reader *reader)
{
    const struct pane_shape *shape = &stream->layout.rings[ring].shape;
    const struct pane_ring *at = &device_rings(stream, device)[ring];
    int64_t start_ms = pane_floor(readings->first_ms, shape->slice_ms);
    bool is_one_pane = pane_floor(readings->last_ms, shape->slice_ms) == start_ms;
    uint32_t behind = pane_count_behind(shape, at, readings->first_ms);
    bool is_there = is_one_pane && behind < shape->slots;
    struct summary *pane = NULL;
    if (is_there) {
        pane = &device_panes(
            stream,
            device)[stream->layout.rings[ring].first_pane + pane_find_slot(shape, at, behind)];
        if (start_ms > at->head_ms || !fits(shape, pane, readings) ||
            summary_merge(pane, readings) != ST_OK) {
            reader->is_damaged = true;
            return;
        }
    } else if (!is_one_pane || !is_delta) {
        stream->counts.unrestored += readings->count;
    }
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (window->is_by_count || window->ring != ring || !window->is_tumbling) continue;
        if (is_there && start_ms + shape->slice_ms > device->watermark_ms) {
            move_to_open(stream, i, readings->count);
        } else if (!is_there && is_delta) {
            stream->counts.windows[i].published -= readings->count;
            stream->counts.windows[i].missed += readings->count;
        }
    }
}

static void read_delta(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    struct summary readings;
    journal_get_summary(reader, &readings);
    for (size_t i = 0; i < stream->layout.ring_count && !reader->is_damaged; i++) {
        restore_pane(stream, device, i, &readings, true, reader);
    }
}

/* Which of the slices in the journal a ring is rebuilt from: its own, or when that is new the
 * widest that divides it; 0: none does. */
static int64_t choose_slice(const struct stream *stream, int64_t slice_ms)
{
    int64_t chosen_ms = 0;
    for (size_t i = 0; i < stream->restored_slice_count; i++) {
        int64_t there_ms = stream->restored_slices[i];
        if (there_ms > chosen_ms && slice_ms % there_ms == 0) chosen_ms = there_ms;
    }
    return chosen_ms;
}

static void read_pane(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    struct summary readings;
    int64_t slice_ms = (int64_t)journal_get_unsigned(reader, TIME_MAX_MS);
    journal_get_summary(reader, &readings);
    for (size_t i = 0; i < stream->layout.ring_count && !reader->is_damaged; i++) {
        if (choose_slice(stream, stream->layout.rings[i].shape.slice_ms) != slice_ms) continue;
        restore_pane(stream, device, i, &readings, false, reader);
    }
}

/* Gives every window the mark that one with such panes has when nothing special happened. */
static void settle(struct stream *stream, struct device *device)
{
    device->has_odd_marks = device->has_owed = false;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (window->is_by_count) continue;
        uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
        uint32_t slots = stream->layout.rings[window->ring].shape.slots;
        for (uint32_t behind = 0; behind < slots; behind++) {
            bool is_published =
                behind >= open && device_has_readings(stream, device, window, behind);
            *device_mark(stream, device, window, behind) =
                (struct window_mark){.revision = is_published};
        }
    }
}

static void read_mark(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    size_t index = read_reference(stream, reader);
    int64_t start_ms = journal_get_signed(reader);
    struct window_mark mark = {0};
    mark.revision =
        (unsigned)journal_get_unsigned(reader, WINDOW_REVISION_MAX) & WINDOW_REVISION_MAX;
    mark.late = (unsigned)journal_get_unsigned(reader, WINDOW_LATE_MAX) & WINDOW_LATE_MAX;
    mark.tally = (unsigned)journal_get_unsigned(reader, WINDOW_TALLY_MAX) & WINDOW_TALLY_MAX;
    if (reader->is_damaged || index == stream->layout.window_count) return;
    const struct stream_window *window = &stream->layout.windows[index];
    const struct pane_shape *shape = &stream->layout.rings[window->ring].shape;
    const struct pane_ring *at = &device_rings(stream, device)[window->ring];
    if (window->is_by_count || start_ms > at->head_ms || start_ms < -TIME_MAX_MS) return;
    uint32_t behind = pane_count_behind(shape, at, start_ms);
    if (behind >= shape->slots) return;
    device->has_odd_marks = true;
    *device_mark(stream, device, window, behind) = mark;
    if (behind < device_count_open(stream, device, window, device->watermark_ms)) return;
    if (mark.tally > 0) device->has_owed = true;
    if (window->is_tumbling) move_to_open(stream, index, mark.tally);
}

static void read_count(struct stream *stream, struct device *device, struct journal_reader *reader)
{
    size_t index = read_reference(stream, reader);
    uint32_t sequence = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    uint32_t filled = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
    struct summary readings = {0};
    if (journal_get_unsigned(reader, 1) == 1) journal_get_summary(reader, &readings);
    if (reader->is_damaged || index == stream->layout.window_count) return;
    const struct stream_window *window = &stream->layout.windows[index];
    const struct stream_count_ring *shape = &stream->layout.count_rings[window->ring];
    struct window_count_ring *ring = &device_count_rings(stream, device)[window->ring];
    struct summary *panes = &device_panes(stream, device)[shape->first_pane];
    if (readings.count > shape->every) {
        reader->is_damaged = true;
        return;
    }
    if (window->is_tumbling) move_to_published(stream, index, panes[ring->head].count);
    if (sequence == ring->sequence + 1) {
        window_move_count_ring(ring, panes, shape->slots);
    } else if (sequence != ring->sequence) {
        *ring = (struct window_count_ring){.sequence = sequence};
    }
    if (filled < ring->filled) ring->filled = (uint16_t)filled;
    panes[ring->head] = readings;
    if (readings.count == shape->every) window_move_count_ring(ring, panes, shape->slots);
    if (window->is_tumbling) move_to_open(stream, index, panes[ring->head].count);
}

/* Alarms have entries of their own by now; the sections of former versions are passed over. */
static void skip_alarm(struct journal_reader *reader)
{
    enum { FLAGS = 3, NUMBERS = 5 };
    char name[ALARM_NAME_SIZE];
    journal_get_text(reader, name, sizeof name);
    for (int i = 0; i < FLAGS + NUMBERS; i++) (void)journal_get_unsigned(reader, UINT64_MAX);
}

static void read_section(struct stream *stream, struct device *device, unsigned tag,
                         struct journal_reader *reader)
{
    if (device->newest_ms == 0 && tag != JOURNAL_META) {
        reader->is_damaged = true; /* nothing makes sense before the times are known */
        return;
    }
    switch (tag) {
    case JOURNAL_META:
        read_meta(stream, device, reader);
        break;
    case JOURNAL_KIND:
        read_kind(stream, device, reader);
        break;
    case JOURNAL_DELTA:
        read_delta(stream, device, reader);
        break;
    case JOURNAL_PANE:
        read_pane(stream, device, reader);
        break;
    case JOURNAL_SETTLE:
        settle(stream, device);
        break;
    case JOURNAL_MARK:
        read_mark(stream, device, reader);
        break;
    case JOURNAL_COUNT:
        read_count(stream, device, reader);
        break;
    case JOURNAL_ALARM:
        skip_alarm(reader);
        break;
    case JOURNAL_PART:
        read_part(stream, device, reader);
        break;
    case JOURNAL_BOOT:
        device->boot = (uint32_t)journal_get_unsigned(reader, UINT32_MAX);
        break;
    default:
        reader->is_damaged = true;
        break;
    }
}

enum status stream_restore(struct stream *stream, const void *bytes, size_t size)
{
    struct journal_reader reader;
    char id[LIMIT_DEVICE_ID_SIZE];
    if (alarm_engine_is_entry(bytes, size))
        return alarm_engine_restore(stream->alarms, bytes, size);
    journal_begin_entry(&reader, bytes, size, id);
    if (reader.is_damaged) return ST_CORRUPT;
    stream->has_resumed = false;
    uint32_t tag = device_tag(stream, id);
    struct device *device = device_find(stream, id, tag);
    for (unsigned section; (section = journal_next_section(&reader)) != 0;) {
        if (section == JOURNAL_REMOVE || section == JOURNAL_RESET) {
            if (device != NULL && section == JOURNAL_RESET) uncount(stream, device);
            if (device != NULL) forget(stream, device);
            device = NULL;
            if (section == JOURNAL_RESET) read_reset(stream, &reader);
            continue;
        }
        if (device == NULL) device = device_admit(stream, id, tag);
        if (device == NULL) {
            stream->counts.unrestored++;
            return ST_FULL;
        }
        read_section(stream, device, section, &reader);
        if (reader.is_damaged) break;
    }
    if (device != NULL && device->newest_ms == 0) device_remove(stream, device);
    return reader.is_damaged ? ST_CORRUPT : ST_OK;
}
