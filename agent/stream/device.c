/* device: the table of devices.  A device is found by open addressing with linear probing; taking
 * one out closes the hole at once, so that a search may end at the first free entry.  No result
 * depends on the seed of the hash: devices are only ever walked by slot. */
#include "stream/parts.h"

#include <string.h>
#include <xxhash.h>

static void *part(struct device *device, size_t at)
{
    return (unsigned char *)device + at;
}

struct pane_ring *device_rings(const struct stream *stream, struct device *device)
{
    return part(device, stream->layout.rings_at);
}

struct window_count_ring *device_count_rings(const struct stream *stream, struct device *device)
{
    return part(device, stream->layout.count_rings_at);
}

struct window_state *device_states(const struct stream *stream, struct device *device)
{
    return part(device, stream->layout.states_at);
}

struct window_mark *device_marks(const struct stream *stream, struct device *device)
{
    return part(device, stream->layout.marks_at);
}

struct summary *device_panes(const struct stream *stream, struct device *device)
{
    return part(device, stream->layout.panes_at);
}

struct device *device_at(const struct stream *stream, uint32_t index)
{
    return (void *)(stream->devices + (size_t)index * stream->layout.device_bytes);
}

uint32_t device_tag(const struct stream *stream, const char *id)
{
    return (uint32_t)XXH3_64bits_withSeed(id, strlen(id), stream->hash_seed);
}

struct device *device_find(const struct stream *stream, const char *id, uint32_t tag)
{
    uint32_t mask = stream->layout.table_mask;
    for (uint32_t i = tag & mask; stream->table[i].index != 0; i = (i + 1) & mask) {
        if (stream->table[i].tag != tag) continue;
        struct device *device = device_at(stream, stream->table[i].index - 1);
        if (strcmp(device->id, id) == 0) return device;
    }
    return NULL;
}

/* Of two that fell silent at once the one that was heard earlier by the wall clock: after a restart
 * that is all that is known. */
struct device *device_find_longest_silent(const struct stream *stream)
{
    struct device *longest = NULL;
    int64_t oldest_mono_ms = INT64_MAX;
    for (uint32_t i = 0; i < stream->slots_used; i++) {
        const struct device_watch *watch = &stream->watches[i];
        if (!watch->is_used || watch->arrival_mono_ms > oldest_mono_ms) continue;
        struct device *device = device_at(stream, i);
        if (longest != NULL && watch->arrival_mono_ms == oldest_mono_ms &&
            device->arrival_ms >= longest->arrival_ms)
            continue;
        oldest_mono_ms = watch->arrival_mono_ms;
        longest = device;
    }
    return longest;
}

static uint32_t find_empty_slot(struct stream *stream)
{
    if (stream->counts.devices == stream->options.devices) return STREAM_NO_DEVICE;
    for (uint32_t i = 0; stream->counts.devices < stream->slots_used && i < stream->slots_used;
         i++) {
        if (!stream->watches[i].is_used) return i;
    }
    return stream->slots_used++;
}

struct device *device_admit(struct stream *stream, const char *id, uint32_t tag)
{
    uint32_t index = find_empty_slot(stream);
    if (index == STREAM_NO_DEVICE) return NULL;
    struct device *device = device_at(stream, index);
    memset(device, 0, stream->layout.device_bytes);
    memcpy(device->id, id, strlen(id) + 1);
    device->index = index;
    device->next_dirty = STREAM_NO_DEVICE;
    stream->watches[index] = (struct device_watch){.tag = tag, .is_used = true};
    uint32_t i = tag & stream->layout.table_mask;
    while (stream->table[i].index != 0) i = (i + 1) & stream->layout.table_mask;
    stream->table[i] = (struct table_entry){.tag = tag, .index = index + 1};
    stream->counts.devices++;
    return device;
}

/* An entry behind the hole moves into it unless its search would then begin behind it. */
static void close_hole(struct stream *stream, uint32_t hole)
{
    uint32_t mask = stream->layout.table_mask;
    for (uint32_t i = (hole + 1) & mask; stream->table[i].index != 0; i = (i + 1) & mask) {
        uint32_t from_home = (i - stream->table[i].tag) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home < from_hole) continue;
        stream->table[hole] = stream->table[i];
        hole = i;
    }
    stream->table[hole] = (struct table_entry){0};
}

static void leave_dirty_list(struct stream *stream, struct device *device, uint32_t index)
{
    if (!device->is_dirty) return;
    uint32_t *link = &stream->first_dirty;
    while (*link != index) link = &device_at(stream, *link)->next_dirty;
    *link = device->next_dirty;
    stream->reserved_bytes -= device->reserved_bytes;
}

void device_remove(struct stream *stream, struct device *device)
{
    uint32_t index = device->index;
    uint32_t i = stream->watches[index].tag & stream->layout.table_mask;
    while (stream->table[i].index != index + 1) i = (i + 1) & stream->layout.table_mask;
    close_hole(stream, i);
    leave_dirty_list(stream, device, index);
    stream->counts.devices--;
    stream->watches[index] = (struct device_watch){0};
    device->id[0] = '\0';
}

void device_start_rings(const struct stream *stream, struct device *device, int64_t event_ms,
                        int64_t watermark_ms)
{
    struct pane_ring *rings = device_rings(stream, device);
    for (size_t i = 0; i < stream->layout.ring_count; i++) {
        int64_t slice_ms = stream->layout.rings[i].shape.slice_ms;
        rings[i] = (struct pane_ring){.head_ms = pane_floor(event_ms, slice_ms)};
    }
    device->newest_ms = device->oldest_ms = event_ms;
    device_set_watermark(stream, device, watermark_ms);
}

static void empty_slot(const struct stream *stream, struct device *device, size_t ring,
                       uint32_t slot)
{
    const struct layout *layout = &stream->layout;
    device_panes(stream, device)[layout->rings[ring].first_pane + slot] = (struct summary){0};
    for (size_t i = 0; i < layout->window_count; i++) {
        const struct stream_window *window = &layout->windows[i];
        if (window->is_by_count || window->ring != ring) continue;
        device_marks(stream, device)[window->first_mark + slot] = (struct window_mark){0};
    }
}

void device_move_rings(const struct stream *stream, struct device *device, int64_t newest_ms)
{
    struct pane_ring *rings = device_rings(stream, device);
    for (size_t i = 0; i < stream->layout.ring_count; i++) {
        const struct pane_shape *shape = &stream->layout.rings[i].shape;
        if (newest_ms - rings[i].head_ms < shape->slice_ms) continue;
        int64_t head_ms = pane_floor(newest_ms, shape->slice_ms);
        /* After a long gap only as many panes need to be emptied as there are. */
        int64_t first_ms = head_ms - shape->slice_ms * (int64_t)shape->slots;
        if (rings[i].head_ms < first_ms) rings[i].head_ms = first_ms;
        while (rings[i].head_ms < head_ms) {
            empty_slot(stream, device, i, pane_move_head(shape, &rings[i]));
        }
    }
    if (newest_ms > device->newest_ms) device->newest_ms = newest_ms;
}

void device_set_watermark(const struct stream *stream, struct device *device, int64_t watermark_ms)
{
    device->watermark_ms = watermark_ms;
    device->next_end_ms = INT64_MAX;
    for (size_t i = 0; i < stream->layout.ring_count; i++) {
        int64_t slice_ms = stream->layout.rings[i].shape.slice_ms;
        int64_t end_ms = pane_floor(watermark_ms, slice_ms) + slice_ms;
        if (end_ms < device->next_end_ms) device->next_end_ms = end_ms;
    }
}

int64_t device_last_end_ms(const struct stream *stream, struct device *device)
{
    const struct pane_ring *rings = device_rings(stream, device);
    int64_t last_end_ms = INT64_MIN;
    for (size_t i = 0; i < stream->layout.ring_count; i++) {
        int64_t end_ms = rings[i].head_ms + stream->layout.rings[i].longest_ms;
        if (end_ms > last_end_ms) last_end_ms = end_ms;
    }
    return last_end_ms;
}

struct window_mark *device_mark(const struct stream *stream, struct device *device,
                                const struct stream_window *window, uint32_t behind)
{
    uint32_t slot = pane_find_slot(&stream->layout.rings[window->ring].shape,
                                   &device_rings(stream, device)[window->ring], behind);
    return &device_marks(stream, device)[window->first_mark + slot];
}

uint32_t device_count_open(const struct stream *stream, struct device *device,
                           const struct stream_window *window, int64_t watermark_ms)
{
    return window_count_open(&stream->layout.rings[window->ring].shape,
                             &device_rings(stream, device)[window->ring], window->spec.size_ms,
                             watermark_ms);
}

bool device_has_readings(const struct stream *stream, struct device *device,
                         const struct stream_window *window, uint32_t behind)
{
    const struct stream_ring *ring = &stream->layout.rings[window->ring];
    return window_has_readings(&ring->shape, &device_rings(stream, device)[window->ring],
                               &device_panes(stream, device)[ring->first_pane], behind,
                               window->spec.size_ms);
}
