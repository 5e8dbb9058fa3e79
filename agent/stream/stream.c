/* stream: a reading is either taken by every ring that can hold it, or refused and nothing but a
 * counter has changed (and alarms, when it is our own clock that makes it late).  All checks, that
 * for room included, come before the first change. */
#include "stream/stream.h"

#include "base/memory.h"
#include "stream/alarms.h"
#include "stream/parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EVENT_MAX_MS INT64_C(7258118400000) /* 2200-01-01T00:00:00Z: no device means later */

enum status stream_open(struct stream **stream, const struct stream_options *options,
                        const struct stream_sink *sink)
{
    struct layout layout;
    *stream = NULL;
    enum status status = layout_make(&layout, options);
    if (status != ST_OK) return status;
    unsigned char *block = calloc(1, layout.block_bytes);
    if (block == NULL) return ST_NO_MEMORY;
    memory_touch(block, layout.block_bytes);
    struct stream *made = (void *)block;
    made->options = *options;
    made->sink = *sink;
    made->layout = layout;
    made->watches = (void *)(block + layout.watches_at);
    made->table = (void *)(block + layout.table_at);
    made->devices = block + layout.devices_at;
    made->first_dirty = STREAM_NO_DEVICE;
    made->has_resumed = true;
    /* Without a random seed the agent still works; it only is easier to slow down on purpose. */
    if (getrandom(&made->hash_seed, sizeof made->hash_seed, GRND_NONBLOCK) < 0) {
        made->hash_seed = 0;
    }
    status = alarms_open(made);
    if (status != ST_OK) {
        stream_close(made);
        return status;
    }
    *stream = made;
    return ST_OK;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL) return;
    alarm_engine_close(stream->alarms);
    free(stream->rules);
    free(stream);
}

size_t stream_room_bytes(const struct stream_options *options)
{
    struct stream stream = {.options = *options};
    if (layout_make(&stream.layout, options) != ST_OK) return 0;
    /* At worst a call publishes every window once as owed and once as closed. */
    size_t records = 2U * stream.layout.mark_count + 2U * stream.layout.count_ring_count;
    return records * STREAM_RECORD_BYTES + 4 * journal_state_bytes(&stream) +
           2 * alarms_room_bytes(options);
}

size_t stream_size_bytes(const struct stream_options *options)
{
    struct layout layout;
    struct alarm_options alarms = alarms_options(options);
    if (layout_make(&layout, options) != ST_OK) return 0;
    size_t rules = options->alarm_count * sizeof *options->alarms;
    return layout.block_bytes + rules + alarm_engine_size_bytes(&alarms);
}

static enum verdict check_value(int64_t value_micro)
{
    if (value_micro < LIMIT_COLDEST_MICRO) return VERDICT_IMPOSSIBLE;
    return value_micro > LIMIT_VALUE_MICRO ? VERDICT_RANGE : VERDICT_OK;
}

/* While the clock is not set, all that is known of now is that it cannot be before the floor. */
static enum verdict check_time(const struct stream *stream, int64_t event_ms, bool has_event_time,
                               const struct stream_now *now)
{
    const struct stream_options *options = &stream->options;
    if (event_ms <= 0 || event_ms >= EVENT_MAX_MS) return VERDICT_TIME;
    if (now->clock == CLOCK_UNSET) {
        bool is_old =
            has_event_time && options->past_ms > 0 && event_ms < CLOCK_FLOOR_MS - options->past_ms;
        return is_old ? VERDICT_TIME : VERDICT_OK;
    }
    if (event_ms > now->wall_ms + options->future_ms) return VERDICT_TIME;
    if (options->past_ms > 0 && event_ms < now->wall_ms - options->past_ms) return VERDICT_TIME;
    return VERDICT_OK;
}

static void count_rejected(struct stream *stream, struct device *device)
{
    struct window_state *states = device_states(stream, device);
    if (device->rejected < UINT32_MAX) device->rejected++;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        if (states[i].rejected < UINT32_MAX) states[i].rejected++;
    }
}

/* A bad value concerns the sensor's alarms alone, and only while it is news. */
static void tell_bad_value(struct stream *stream, struct device *device,
                           const struct reading *reading, enum verdict verdict, bool has_value,
                           const struct stream_now *now)
{
    int64_t event_ms = reading->has_event_time ? reading->event_ms : now->wall_ms;
    bool is_old = device != NULL && reading->has_event_time && device->boot == 0 &&
                  event_ms < device->newest_ms;
    if (is_old || check_time(stream, event_ms, reading->has_event_time, now) != VERDICT_OK) return;
    if (!journal_has_room(stream, 0)) return; /* the next one will find some */
    const struct alarm_bad_value bad = {.verdict = verdict,
                                        .has_value = has_value,
                                        .value_micro = reading->value_micro,
                                        .event_ms = event_ms};
    alarms_add_bad_value(stream, device, reading->device, &bad, now);
}

void stream_add_bad_value(struct stream *stream, const struct reading *reading,
                          enum verdict verdict, const struct stream_now *now)
{
    restore_resume(stream, now);
    struct device *device =
        device_find(stream, reading->device, device_tag(stream, reading->device));
    if (device != NULL) count_rejected(stream, device);
    tell_bad_value(stream, device, reading, verdict, verdict == VERDICT_IMPOSSIBLE, now);
}

/* A reading on its way into a device: how far behind the head its pane lies, per ring. */
struct arrival {
    struct device *device;
    int64_t value_micro;
    int64_t event_ms;
    const struct stream_now *now;
    bool is_of_now;                 /* it has no time of its own: none can be newer */
    uint32_t boot;                  /* whose uptime stands in for its time; 0: that is true */
    uint32_t behind[LIMIT_WINDOWS]; /* slots or more: this ring cannot take it */
    bool moves_rings;
};

static enum verdict find_panes(struct stream *stream, struct arrival *arrival)
{
    const struct layout *layout = &stream->layout;
    const struct pane_ring *rings = device_rings(stream, arrival->device);
    const struct summary *panes = device_panes(stream, arrival->device);
    bool is_taken = layout->ring_count == 0 || layout->count_ring_count > 0;
    for (size_t i = 0; i < layout->ring_count; i++) {
        const struct pane_shape *shape = &layout->rings[i].shape;
        arrival->behind[i] = 0;
        if (arrival->event_ms - rings[i].head_ms >= shape->slice_ms) {
            arrival->moves_rings = is_taken = true;
            continue;
        }
        uint32_t behind = pane_count_behind(shape, &rings[i], arrival->event_ms);
        arrival->behind[i] = behind;
        if (behind >= shape->slots) continue;
        uint32_t slot = layout->rings[i].first_pane + pane_find_slot(shape, &rings[i], behind);
        if (!pane_has_room(shape, &panes[slot], arrival->value_micro)) return VERDICT_RANGE;
        is_taken = true;
    }
    return is_taken ? VERDICT_OK : VERDICT_LATE;
}

/* How many records this reading may cause at most. */
static size_t count_records(const struct stream *stream, const struct arrival *arrival)
{
    struct device *device = arrival->device;
    int64_t watermark_ms = arrival->event_ms - stream->options.lateness_ms;
    size_t records = stream->layout.count_ring_count;
    if (device->has_owed) records += publish_count_owed(stream, device);
    if (watermark_ms >= device->next_end_ms) {
        records += publish_count_until(stream, device, watermark_ms);
    }
    if (arrival->event_ms < device->watermark_ms) {
        for (size_t i = 0; i < stream->layout.window_count; i++) {
            records += stream->layout.windows[i].span;
        }
    }
    return records;
}

static void move_time(struct stream *stream, const struct arrival *arrival)
{
    struct device *device = arrival->device;
    int64_t watermark_ms = arrival->event_ms - stream->options.lateness_ms;
    if (watermark_ms >= device->next_end_ms) {
        publish_until(stream, device, watermark_ms, arrival->now);
    } else if (watermark_ms > device->watermark_ms) {
        device->watermark_ms = watermark_ms;
    }
    if (arrival->moves_rings && device->has_owed) publish_owed(stream, device, arrival->now);
    if (arrival->moves_rings) device_move_rings(stream, device, arrival->event_ms);
    if (arrival->event_ms < device->newest_ms) return;
    device->newest_ms = arrival->event_ms;
    device->last_micro = arrival->value_micro;
}

/* Notes in every closed window that covers the pane that it owes a revision.  False when one of
 * them can no longer be rebuilt. */
static bool owe_revisions(struct stream *stream, const struct arrival *arrival,
                          const struct stream_window *window, bool *is_tally_full)
{
    struct device *device = arrival->device;
    uint32_t behind = arrival->behind[window->ring];
    uint32_t end = behind + window->span;
    uint32_t slots = stream->layout.rings[window->ring].shape.slots;
    uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
    bool are_all_there = end <= slots; /* those that begin before the ring are all closed */
    for (uint32_t at = behind > open ? behind : open; at < end && at < slots; at++) {
        struct window_mark *mark = device_mark(stream, device, window, at);
        if (mark->revision == WINDOW_REVISION_MAX) {
            are_all_there = false;
            continue;
        }
        if (mark->revision > 0 && mark->late < WINDOW_LATE_MAX) mark->late++;
        mark->tally++;
        if (mark->tally == WINDOW_TALLY_MAX) *is_tally_full = true;
        device->has_owed = device->has_odd_marks = true;
    }
    return are_all_there;
}

static void count_missed(struct stream *stream, const struct arrival *arrival, size_t index)
{
    struct window_state *state = &device_states(stream, arrival->device)[index];
    stream->counts.windows[index].missed++;
    if (state->missed < UINT32_MAX) state->missed++;
}

static void add_to_panes(struct stream *stream, const struct arrival *arrival)
{
    const struct layout *layout = &stream->layout;
    struct device *device = arrival->device;
    const struct pane_ring *rings = device_rings(stream, device);
    for (size_t i = 0; i < layout->ring_count; i++) {
        const struct pane_shape *shape = &layout->rings[i].shape;
        if (arrival->behind[i] >= shape->slots) continue;
        uint32_t slot = pane_find_slot(shape, &rings[i], arrival->behind[i]);
        struct summary *pane = &device_panes(stream, device)[layout->rings[i].first_pane + slot];
        enum status status = summary_add(pane, arrival->value_micro, arrival->event_ms);
        (void)status; /* find_panes has seen that there is room */
    }
    bool is_tally_full = false;
    for (size_t i = 0; i < layout->window_count; i++) {
        const struct stream_window *window = &layout->windows[i];
        if (window->is_by_count) continue;
        bool is_there = arrival->behind[window->ring] < layout->rings[window->ring].shape.slots;
        if (is_there && arrival->event_ms < device->watermark_ms) {
            is_there = owe_revisions(stream, arrival, window, &is_tally_full);
        }
        if (!is_there)
            count_missed(stream, arrival, i);
        else if (window->is_tumbling)
            stream->counts.windows[i].open++;
    }
    if (is_tally_full) publish_owed(stream, device, arrival->now);
}

static struct summary *filling_pane(struct stream *stream, struct device *device, size_t index)
{
    uint32_t ring = stream->layout.windows[index].ring;
    return &device_panes(stream, device)[stream->layout.count_rings[ring].first_pane +
                                         device_count_rings(stream, device)[ring].head];
}

static void add_to_counts(struct stream *stream, const struct arrival *arrival)
{
    const struct layout *layout = &stream->layout;
    struct device *device = arrival->device;
    bool is_any_full = false;
    for (size_t i = 0; i < layout->window_count; i++) {
        const struct stream_window *window = &layout->windows[i];
        if (!window->is_by_count) continue;
        struct summary *pane = filling_pane(stream, device, i);
        enum status status = summary_add(pane, arrival->value_micro, arrival->event_ms);
        (void)status; /* layout.c limits the readings of a window */
        if (window->is_tumbling) stream->counts.windows[i].open++;
        if (pane->count == layout->count_rings[window->ring].every) is_any_full = true;
    }
    if (!is_any_full) return;
    /* The journal knows only the pane that fills: a full one goes there before the next begins. */
    journal_write_changes(stream, device);
    for (size_t i = 0; i < layout->window_count; i++) {
        const struct stream_window *window = &layout->windows[i];
        if (!window->is_by_count) continue;
        const struct stream_count_ring *shape = &layout->count_rings[window->ring];
        struct window_count_ring *ring = &device_count_rings(stream, device)[window->ring];
        if (filling_pane(stream, device, i)->count < shape->every) continue;
        if (ring->filled + 1U == shape->slots) publish_count(stream, device, i, arrival->now);
        window_move_count_ring(ring, &device_panes(stream, device)[shape->first_pane],
                               shape->slots);
    }
}

static void add_to_delta(struct stream *stream, const struct arrival *arrival)
{
    struct device *device = arrival->device;
    if (device->delta.count == 0) {
        device->delta_ms = pane_floor(arrival->event_ms, stream->layout.base_ms);
    }
    if (summary_add(&device->delta, arrival->value_micro, arrival->event_ms) == ST_OK) return;
    journal_write_changes(stream, device);
    enum status status = summary_add(&device->delta, arrival->value_micro, arrival->event_ms);
    (void)status; /* the first reading of a summary always fits */
}

static bool is_in_delta(const struct stream *stream, const struct device *device, int64_t event_ms)
{
    return event_ms >= device->delta_ms && event_ms - device->delta_ms < stream->layout.base_ms;
}

/* A clock that was set back makes readings of now fall behind all panes.  No window can have them,
 * but alarms must not go blind for as long as that takes.  False: the sink has no room. */
static bool see_despite_clock(struct stream *stream, const struct arrival *arrival)
{
    struct device *device = arrival->device;
    if (!arrival->is_of_now || stream->options.alarm_count == 0) return true;
    if (!journal_has_room(stream, 0)) return false;
    struct device_watch *watch = &stream->watches[device->index];
    watch->arrival_mono_ms = arrival->now->mono_ms;
    watch->is_resting = false;
    alarms_add_reading(stream, device, arrival->value_micro, arrival->event_ms, false,
                       arrival->now);
    return true;
}

/* Whether a known device can take the reading, and the sink what it may cause. */
static enum verdict check_room(struct stream *stream, struct arrival *arrival)
{
    struct device *device = arrival->device;
    enum verdict verdict = find_panes(stream, arrival);
    if (verdict == VERDICT_LATE) {
        if (!see_despite_clock(stream, arrival)) return VERDICT_BUSY;
        stream->counts.late++;
        if (device->late < UINT32_MAX) device->late++;
    }
    if (verdict == VERDICT_RANGE) count_rejected(stream, device);
    if (verdict != VERDICT_OK) return verdict;
    return journal_has_room(stream, count_records(stream, arrival)) ? VERDICT_OK : VERDICT_BUSY;
}

static void take(struct stream *stream, const struct arrival *arrival)
{
    struct device *device = arrival->device;
    bool is_newest = arrival->is_of_now || arrival->event_ms >= device->newest_ms;
    if (device->delta.count > 0 && !is_in_delta(stream, device, arrival->event_ms)) {
        journal_write_changes(stream, device);
    }
    move_time(stream, arrival);
    /* Counted before anything of it is journalled: entries carry the device's counts. */
    stream->counts.accepted++;
    stream->latest = device;
    device->accepted++;
    device->arrival_ms = arrival->now->wall_ms;
    struct device_watch *watch = &stream->watches[device->index];
    watch->arrival_mono_ms = arrival->now->mono_ms;
    watch->is_resting = false;
    if (arrival->event_ms < device->oldest_ms) device->oldest_ms = arrival->event_ms;
    add_to_delta(stream, arrival);
    add_to_panes(stream, arrival);
    if (stream->layout.count_ring_count > 0) add_to_counts(stream, arrival);
    if (is_newest) {
        alarms_add_reading(stream, device, arrival->value_micro, arrival->event_ms,
                           !arrival->is_of_now, arrival->now);
    }
    journal_touch(stream, device);
}

static uint64_t count_published(const struct stream *stream)
{
    uint64_t published = 0;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        if (!stream->layout.windows[i].is_tumbling) continue;
        if (stream->counts.windows[i].published > published) {
            published = stream->counts.windows[i].published;
        }
    }
    return published;
}

static size_t count_open_records(const struct stream *stream, struct device *device)
{
    return publish_count_owed(stream, device) +
           publish_count_until(stream, device, device_last_end_ms(stream, device)) +
           stream->layout.count_ring_count;
}

/* Takes a device out of the table, with all its windows published. */
static void take_out(struct stream *stream, struct device *device, const struct stream_now *now)
{
    publish_everything(stream, device, now);
    journal_write_removal(stream, device);
    device_remove(stream, device);
}

static void evict(struct stream *stream, struct device *device, const struct stream_now *now)
{
    uint64_t published = count_published(stream);
    alarms_remove(stream, device, now);
    take_out(stream, device, now);
    stream->counts.evicted++;
    stream->counts.evicted_readings += count_published(stream) - published;
}

/* Finds a place for a device, with room for all that its first reading may cause. */
static enum verdict admit(struct stream *stream, const char *id, uint32_t tag,
                          struct arrival *arrival)
{
    struct device *victim = NULL;
    size_t records = stream->layout.count_ring_count;
    if (stream->counts.devices == stream->options.devices) {
        if (stream->options.admission != ADMISSION_EVICT) return VERDICT_DEVICE_LIMIT;
        victim = device_find_longest_silent(stream);
        records += count_open_records(stream, victim);
    }
    if (!journal_has_room(stream, records)) return VERDICT_BUSY;
    if (victim != NULL) {
        evict(stream, victim, arrival->now);
        stream->last_part++;
    }
    arrival->device = device_admit(stream, id, tag);
    arrival->device->part = stream->last_part;
    arrival->device->boot = arrival->boot;
    device_start_rings(stream, arrival->device, arrival->event_ms,
                       arrival->event_ms - stream->options.lateness_ms);
    return VERDICT_OK;
}

/* The clock was ahead for as long as the device is known, and was set back since: its panes lie
 * where none may be, and all that comes would be late until that time is reached again.  Where
 * windows of the present time may have been published, though, nothing may publish them again. */
static bool is_left_ahead(const struct stream *stream, const struct arrival *arrival)
{
    const struct device *device = arrival->device;
    if (arrival->now->clock == CLOCK_UNSET) return false;
    if (device->newest_ms <= arrival->now->wall_ms + stream->options.future_ms) return false;
    int64_t longest_ms = 0;
    for (size_t i = 0; i < stream->layout.ring_count; i++) {
        if (stream->layout.rings[i].longest_ms > longest_ms)
            longest_ms = stream->layout.rings[i].longest_ms;
    }
    return arrival->event_ms + longest_ms < device->oldest_ms;
}

/* Begins a device anew at the reading's time; its alarms stay as they are. */
static enum verdict begin_anew(struct stream *stream, uint32_t tag, struct arrival *arrival,
                               const char *id)
{
    struct device *device = arrival->device;
    size_t records = stream->layout.count_ring_count + count_open_records(stream, device);
    if (!journal_has_room(stream, records)) return VERDICT_BUSY;
    struct window_state untold[LIMIT_WINDOWS];
    size_t untold_bytes = stream->layout.window_count * sizeof *untold;
    bool is_of_another_time = device->boot != arrival->boot;
    take_out(stream, device, arrival->now);
    /* The slot keeps its bytes until it is given away again. */
    memcpy(untold, device_states(stream, device), untold_bytes);
    device = device_admit(stream, id, tag);
    device->part = ++stream->last_part;
    device->boot = arrival->boot;
    if (is_of_another_time) {
        memcpy(device_states(stream, device), untold, untold_bytes);
        alarms_begin_anew(stream, device, arrival->now);
    }
    device_start_rings(stream, device, arrival->event_ms,
                       arrival->event_ms - stream->options.lateness_ms);
    arrival->device = device;
    return VERDICT_OK;
}

enum verdict stream_add_reading(struct stream *stream, const struct reading *reading,
                                const struct stream_now *now)
{
    restore_resume(stream, now);
    uint32_t tag = device_tag(stream, reading->device);
    struct arrival arrival = {
        .device = device_find(stream, reading->device, tag),
        .value_micro = reading->value_micro,
        .event_ms = reading->has_event_time ? reading->event_ms : now->wall_ms,
        .is_of_now = !reading->has_event_time,
        .now = now,
    };
    if (arrival.is_of_now && now->clock == CLOCK_UNSET)
        arrival.boot = stream->options.boot != 0 ? stream->options.boot : 1;
    enum verdict verdict = check_value(arrival.value_micro);
    if (verdict == VERDICT_OK)
        verdict = check_time(stream, arrival.event_ms, reading->has_event_time, now);
    if (verdict == VERDICT_OK && !alarms_is_good(stream, arrival.device, reading, now))
        verdict = VERDICT_RANGE;
    if (verdict != VERDICT_OK) {
        if (arrival.device != NULL) count_rejected(stream, arrival.device);
        if (verdict_is_of_sensor(verdict))
            tell_bad_value(stream, arrival.device, reading, verdict, true, now);
        return verdict;
    }
    if (arrival.device == NULL) {
        verdict = admit(stream, reading->device, tag, &arrival);
    } else if (arrival.device->boot != arrival.boot || is_left_ahead(stream, &arrival)) {
        verdict = begin_anew(stream, tag, &arrival, reading->device);
    } else {
        verdict = check_room(stream, &arrival);
    }
    if (verdict == VERDICT_OK) take(stream, &arrival);
    return verdict;
}

unsigned stream_note_source(struct stream *stream, uint8_t source)
{
    if (stream->latest == NULL) return 0;
    unsigned former = stream->latest->source;
    stream->latest->source = source;
    return former == source ? 0 : former;
}

struct stream_counts stream_count(const struct stream *stream)
{
    struct stream_counts counts = stream->counts;
    counts.alarms_active = alarm_engine_count_active(stream->alarms);
    return counts;
}

bool stream_get_device(const struct stream *stream, size_t index, int64_t now_mono_ms,
                       struct stream_device *device)
{
    if (index >= stream->slots_used || !stream->watches[index].is_used) return false;
    const struct device *found = device_at(stream, (uint32_t)index);
    bool has_arrival = stream->has_resumed;
    *device = (struct stream_device){
        .id = found->id,
        .last_micro = found->last_micro,
        .newest_ms = found->newest_ms,
        .arrival_ms = found->arrival_ms,
        .silent_ms = has_arrival ? now_mono_ms - stream->watches[index].arrival_mono_ms : 0,
        .accepted = found->accepted,
        .late = found->late,
        .rejected = found->rejected,
        .alarms_active = (uint32_t)alarm_engine_count_active_of(stream->alarms, found->id),
    };
    return true;
}
