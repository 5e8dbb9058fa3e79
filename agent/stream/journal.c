/* journal: an entry says what a device's state is, except for panes, of which it says what was
 * added.  Every reading is in exactly one entry's delta or in a later whole state, never in both;
 * and room for the entries that dirty devices will need is kept free at all times. */
#include "stream/journal_entry.h"
#include "stream/parts.h"

#include <string.h>

enum { /* sections at most, tag included */
       WINDOW_REFERENCE_BYTES = 14,
       META_BYTES = 1 + 7 * JOURNAL_NUMBER_BYTES,
       KIND_BYTES = 1 + WINDOW_REFERENCE_BYTES + 2 * 5,
       PANE_BYTES = 1 + JOURNAL_NUMBER_BYTES + JOURNAL_SUMMARY_BYTES,
       MARK_BYTES = 1 + WINDOW_REFERENCE_BYTES + JOURNAL_NUMBER_BYTES + 3 * 2,
       COUNT_BYTES = 1 + WINDOW_REFERENCE_BYTES + 2 * 5 + 1 + JOURNAL_SUMMARY_BYTES,
       RESET_BYTES = 1 + 1 + LIMIT_WINDOWS * JOURNAL_NUMBER_BYTES,
       SETTLE_BYTES = 1,
       PART_BYTES = 1 + 5,
       BOOT_BYTES = 1 + 5,
       /* an entry that is full holds at least so many bytes of sections */
       ENTRY_USE_BYTES = JOURNAL_ENTRY_BYTES - JOURNAL_HEAD_BYTES - JOURNAL_SECTION_BYTES
};

_Static_assert((int)COUNT_BYTES <= (int)JOURNAL_SECTION_BYTES &&
                   (int)PANE_BYTES <= (int)JOURNAL_SECTION_BYTES &&
                   (int)RESET_BYTES <= (int)JOURNAL_SECTION_BYTES,
               "a section always fits when it is begun");
_Static_assert((int)STREAM_JOURNAL_BYTES == (int)JOURNAL_ENTRY_BYTES, "what the face promises");

static size_t with_heads(size_t section_bytes)
{
    return section_bytes + (1 + section_bytes / ENTRY_USE_BYTES) * JOURNAL_HEAD_BYTES;
}

static size_t common_bytes(const struct layout *layout)
{
    return META_BYTES + PART_BYTES + BOOT_BYTES + layout->window_count * KIND_BYTES + SETTLE_BYTES +
           layout->count_ring_count * COUNT_BYTES;
}

size_t journal_entry_bytes(const struct stream *stream, const struct device *device)
{
    const struct layout *layout = &stream->layout;
    size_t bytes = common_bytes(layout) + PANE_BYTES;
    if (device->has_odd_marks) bytes += layout->mark_count * MARK_BYTES;
    return with_heads(bytes);
}

size_t journal_state_bytes(const struct stream *stream)
{
    const struct layout *layout = &stream->layout;
    return with_heads(RESET_BYTES + common_bytes(layout) + layout->pane_count * COUNT_BYTES +
                      layout->mark_count * MARK_BYTES);
}

/* A call writes at most the delta that stands in its way at once, and makes the device need one
 * more entry at the next flush; either may need every part of an entry. */
bool journal_has_room(const struct stream *stream, size_t records)
{
    const struct layout *layout = &stream->layout;
    size_t entry = with_heads(common_bytes(layout) + PANE_BYTES + layout->mark_count * MARK_BYTES);
    size_t bytes = stream->reserved_bytes + alarm_engine_reserved_bytes(stream->alarms) +
                   stream->alarm_room_bytes + 3 * entry + records * STREAM_RECORD_BYTES;
    return stream->sink.has_room(stream->sink.context, bytes);
}

void journal_touch(struct stream *stream, struct device *device)
{
    size_t bytes = journal_entry_bytes(stream, device);
    if (!device->is_dirty) {
        device->is_dirty = true;
        device->reserved_bytes = 0;
        device->next_dirty = stream->first_dirty;
        stream->first_dirty = device->index;
    }
    if (bytes <= device->reserved_bytes) return;
    stream->reserved_bytes += bytes - device->reserved_bytes;
    device->reserved_bytes = (uint32_t)bytes;
}

static struct journal_writer begin(const struct stream *stream, const struct device *device)
{
    return (struct journal_writer){
        .take = stream->sink.journal, .context = stream->sink.context, .device = device->id};
}

static void write_reference(struct journal_writer *writer, const struct stream_window *window)
{
    const struct window_spec *spec = &window->spec;
    int64_t size = window->is_by_count ? spec->size_count : spec->size_ms;
    int64_t every = window->is_by_count ? spec->every_count : spec->every_ms;
    journal_put_unsigned(writer, (uint64_t)size << 1 | window->is_by_count);
    journal_put_unsigned(writer, (uint64_t)every);
}

static void write_meta(struct journal_writer *writer, const struct stream *stream,
                       struct device *device)
{
    journal_begin_section(writer, JOURNAL_META);
    journal_put_signed(writer, device->newest_ms);
    journal_put_signed(writer, device->watermark_ms);
    journal_put_signed(writer, device->arrival_ms);
    journal_put_signed(writer, device->last_micro);
    journal_put_unsigned(writer, device->accepted);
    journal_put_unsigned(writer, device->late);
    journal_put_unsigned(writer, device->rejected);
    if (device->part > 0) {
        journal_begin_section(writer, JOURNAL_PART);
        journal_put_unsigned(writer, device->part);
    }
    if (device->boot > 0) {
        journal_begin_section(writer, JOURNAL_BOOT);
        journal_put_unsigned(writer, device->boot);
    }
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct window_state *state = &device_states(stream, device)[i];
        if (state->missed == 0 && state->rejected == 0) continue;
        journal_begin_section(writer, JOURNAL_KIND);
        write_reference(writer, &stream->layout.windows[i]);
        journal_put_unsigned(writer, state->missed);
        journal_put_unsigned(writer, state->rejected);
    }
}

/* Writes the marks that differ from what is expected of a window with such panes. */
static void write_marks(struct journal_writer *writer, const struct stream *stream,
                        struct device *device)
{
    journal_begin_section(writer, JOURNAL_SETTLE);
    if (!device->has_odd_marks) return;
    device->has_odd_marks = false;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (window->is_by_count) continue;
        const struct pane_shape *shape = &stream->layout.rings[window->ring].shape;
        int64_t head_ms = device_rings(stream, device)[window->ring].head_ms;
        uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
        for (uint32_t behind = 0; behind < shape->slots; behind++) {
            const struct window_mark *mark = device_mark(stream, device, window, behind);
            bool is_published =
                behind >= open && device_has_readings(stream, device, window, behind);
            if (mark->late == 0 && mark->tally == 0 && mark->revision == is_published) continue;
            device->has_odd_marks = true;
            journal_begin_section(writer, JOURNAL_MARK);
            write_reference(writer, window);
            journal_put_signed(writer, head_ms - (int64_t)behind * shape->slice_ms);
            journal_put_unsigned(writer, mark->revision);
            journal_put_unsigned(writer, mark->late);
            journal_put_unsigned(writer, mark->tally);
        }
    }
}

/* The pane that fills and, for a whole state, the full ones before it, oldest first. */
static void write_count_panes(struct journal_writer *writer, const struct stream *stream,
                              struct device *device, bool is_whole)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (!window->is_by_count) continue;
        const struct stream_count_ring *shape = &stream->layout.count_rings[window->ring];
        const struct window_count_ring *ring = &device_count_rings(stream, device)[window->ring];
        const struct summary *panes = &device_panes(stream, device)[shape->first_pane];
        for (uint32_t behind = is_whole ? ring->filled + 1U : 1; behind > 0; behind--) {
            const struct summary *pane =
                &panes[(ring->head + shape->slots - (behind - 1)) % shape->slots];
            journal_begin_section(writer, JOURNAL_COUNT);
            write_reference(writer, window);
            journal_put_unsigned(writer, ring->sequence - (behind - 1));
            journal_put_unsigned(writer, ring->filled - (behind - 1));
            journal_put_unsigned(writer, pane->count > 0);
            if (pane->count > 0) journal_put_summary(writer, pane);
        }
    }
}

void journal_write_changes(struct stream *stream, struct device *device)
{
    struct journal_writer writer = begin(stream, device);
    write_meta(&writer, stream, device);
    if (device->delta.count > 0) {
        journal_begin_section(&writer, JOURNAL_DELTA);
        journal_put_summary(&writer, &device->delta);
        device->delta = (struct summary){0};
    }
    write_marks(&writer, stream, device);
    write_count_panes(&writer, stream, device, false);
    journal_end_entry(&writer);
}

void journal_write_removal(struct stream *stream, struct device *device)
{
    struct journal_writer writer = begin(stream, device);
    journal_begin_section(&writer, JOURNAL_REMOVE);
    journal_end_entry(&writer);
}

static void write_state(struct stream *stream, struct device *device)
{
    const struct layout *layout = &stream->layout;
    struct journal_writer writer = begin(stream, device);
    journal_begin_section(&writer, JOURNAL_RESET);
    journal_put_unsigned(&writer, layout->ring_count);
    for (size_t i = 0; i < layout->ring_count; i++) {
        journal_put_unsigned(&writer, (uint64_t)layout->rings[i].shape.slice_ms);
    }
    write_meta(&writer, stream, device);
    for (size_t i = 0; i < layout->ring_count; i++) {
        const struct pane_shape *shape = &layout->rings[i].shape;
        const struct summary *panes = &device_panes(stream, device)[layout->rings[i].first_pane];
        for (uint32_t slot = 0; slot < shape->slots; slot++) {
            if (panes[slot].count == 0) continue;
            journal_begin_section(&writer, JOURNAL_PANE);
            journal_put_unsigned(&writer, (uint64_t)shape->slice_ms);
            journal_put_summary(&writer, &panes[slot]);
        }
    }
    write_marks(&writer, stream, device);
    write_count_panes(&writer, stream, device, true);
    journal_end_entry(&writer);
    device->delta = (struct summary){0}; /* it is in the panes just written */
}

void stream_flush_journal(struct stream *stream)
{
    while (stream->first_dirty != STREAM_NO_DEVICE) {
        struct device *device = device_at(stream, stream->first_dirty);
        journal_write_changes(stream, device);
        stream->first_dirty = device->next_dirty;
        stream->reserved_bytes -= device->reserved_bytes;
        device->is_dirty = false;
    }
    alarm_engine_flush(stream->alarms);
}

bool stream_journal_states(struct stream *stream, size_t devices)
{
    size_t bytes = journal_state_bytes(stream) + alarm_engine_reserved_bytes(stream->alarms);
    size_t alarms = 4 * devices + 1;
    for (; stream->state_cursor < stream->slots_used; stream->state_cursor++) {
        if (!stream->watches[stream->state_cursor].is_used) continue;
        bool has_room = stream->sink.has_room(stream->sink.context, stream->reserved_bytes + bytes);
        if (devices == 0 || !has_room) return false;
        devices--;
        write_state(stream, device_at(stream, (uint32_t)stream->state_cursor));
    }
    if (!alarm_engine_journal_states(stream->alarms, alarms)) return false;
    stream->state_cursor = 0;
    return true;
}
