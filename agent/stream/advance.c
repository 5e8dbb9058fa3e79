/* advance: what time alone causes.  Only the monotonic clock can close the windows of a silent
 * device for certain, and of one whose times are uptime nothing else does; a wall clock that is
 * right closes them earlier, one that is wrong at worst causes revisions, since the watermark never
 * goes beyond what the device has panes for. */
#include "stream/alarms.h"
#include "stream/parts.h"

/* The watermark that a device's silence allows. */
static int64_t find_silent_watermark(const struct stream *stream, struct device *device,
                                     int64_t silent_ms, const struct stream_now *now)
{
    int64_t reached_ms = device->newest_ms + silent_ms;
    bool is_known = now->clock != CLOCK_UNSET && device->boot == 0;
    if (is_known && now->wall_ms > reached_ms) reached_ms = now->wall_ms;
    int64_t watermark_ms = reached_ms - stream->options.lateness_ms - stream->options.grace_ms;
    int64_t last_end_ms = device_last_end_ms(stream, device);
    return watermark_ms < last_end_ms ? watermark_ms : last_end_ms;
}

static bool close_silent(struct stream *stream, struct device *device, const struct stream_now *now)
{
    int64_t silent_ms = now->mono_ms - stream->watches[device->index].arrival_mono_ms;
    if (silent_ms < stream->options.grace_ms || stream->layout.ring_count == 0) return true;
    int64_t watermark_ms = find_silent_watermark(stream, device, silent_ms, now);
    if (watermark_ms < device->next_end_ms) return true;
    size_t records =
        publish_count_owed(stream, device) + publish_count_until(stream, device, watermark_ms);
    if (!journal_has_room(stream, records)) return false;
    publish_until(stream, device, watermark_ms, now);
    journal_touch(stream, device);
    return true;
}

static bool publish_due(struct stream *stream, struct device *device, const struct stream_now *now)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        if (!stream->is_provisional_due[i]) continue;
        const struct stream_window *window = &stream->layout.windows[i];
        size_t records = device_count_open(stream, device, window, device->watermark_ms);
        if (!journal_has_room(stream, records)) return false;
        uint64_t before = stream->counts.records;
        publish_provisional(stream, device, i, now);
        if (stream->counts.records != before) journal_touch(stream, device);
    }
    return true;
}

static bool advance_device(struct stream *stream, struct device *device,
                           const struct stream_now *now)
{
    struct device_watch *watch = &stream->watches[device->index];
    if (!close_silent(stream, device, now)) return false;
    if (device->has_owed) {
        if (!journal_has_room(stream, publish_count_owed(stream, device))) return false;
        publish_owed(stream, device, now);
        journal_touch(stream, device);
    }
    if (!publish_due(stream, device, now)) return false;
    bool is_all_closed = stream->layout.ring_count == 0 ||
                         device->watermark_ms >= device_last_end_ms(stream, device);
    watch->is_resting = is_all_closed;
    return true;
}

static void begin_pass(struct stream *stream, const struct stream_now *now)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        int64_t every_ms = stream->layout.windows[i].spec.provisional_ms;
        stream->is_provisional_due[i] =
            every_ms > 0 && now->mono_ms >= stream->provisional_mono_ms[i];
        if (!stream->is_provisional_due[i]) continue;
        stream->provisional_mono_ms[i] = pane_floor(now->mono_ms, every_ms) + every_ms;
    }
}

void stream_advance(struct stream *stream, const struct stream_now *now)
{
    restore_resume(stream, now);
    alarms_advance(stream, now);
    if (stream->advance_cursor == 0) begin_pass(stream, now);
    for (; stream->advance_cursor < stream->slots_used; stream->advance_cursor++) {
        const struct device_watch *watch = &stream->watches[stream->advance_cursor];
        if (!watch->is_used || watch->is_resting) continue;
        struct device *device = device_at(stream, (uint32_t)stream->advance_cursor);
        if (!advance_device(stream, device, now)) return;
    }
    stream->advance_cursor = 0;
}

bool stream_close_windows(struct stream *stream, const struct stream_now *now)
{
    restore_resume(stream, now);
    for (uint32_t i = 0; i < stream->slots_used; i++) {
        if (!stream->watches[i].is_used) continue;
        struct device *device = device_at(stream, i);
        size_t records = publish_count_owed(stream, device) + stream->layout.count_ring_count +
                         publish_count_until(stream, device, device_last_end_ms(stream, device));
        if (!journal_has_room(stream, records)) return false;
        uint64_t before = stream->counts.records;
        publish_everything(stream, device, now);
        if (stream->counts.records != before) journal_touch(stream, device);
    }
    return true;
}
