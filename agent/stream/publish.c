/* publish: a window that holds readings is published when it closes, and once more for every
 * batch of late readings it takes, each time with a higher revision; the ledger of tumbling
 * windows moves from open to published in the same step. */
#include "stream/alarms.h"
#include "stream/parts.h"

#include <string.h>

void publish_emit(struct stream *stream, struct record *record, const struct stream_now *now)
{
    record->created_ms = now->wall_ms;
    record->clock = now->clock;
    stream->counts.records++;
    stream->sink.emit(stream->sink.context, record);
}

static void emit_window(struct stream *stream, struct device *device, size_t index,
                        struct record *record, const struct stream_now *now)
{
    const struct window_spec *spec = &stream->layout.windows[index].spec;
    struct window_state *state = &device_states(stream, device)[index];
    struct window_result *result = &record->window;
    record->kind = RECORD_WINDOW;
    memcpy(record->device, device->id, sizeof record->device);
    result->size_ms = spec->size_ms;
    result->every_ms = spec->every_ms;
    result->size_count = (uint32_t)spec->size_count;
    result->every_count = (uint32_t)spec->every_count;
    result->summary.expected = stream->layout.windows[index].expected;
    result->part = device->part;
    result->boot = device->boot;
    result->missed = state->missed;
    result->rejected = state->rejected;
    *state = (struct window_state){0};
    stream->counts.windows[index].results++;
    if (result->revision > 1) stream->counts.windows[index].revisions++;
    publish_emit(stream, record, now);
    alarms_add_window(stream, device, result, now);
}

static void assemble(const struct stream *stream, struct device *device,
                     const struct stream_window *window, uint32_t behind,
                     struct window_result *result)
{
    const struct stream_ring *ring = &stream->layout.rings[window->ring];
    window_assemble(&ring->shape, &device_rings(stream, device)[window->ring],
                    &device_panes(stream, device)[ring->first_pane], behind, window->spec.size_ms,
                    result);
}

static void settle_ledger(struct stream *stream, size_t index, uint32_t readings)
{
    if (!stream->layout.windows[index].is_tumbling) return;
    stream->counts.windows[index].open -= readings;
    stream->counts.windows[index].published += readings;
}

static void publish_next_revision(struct stream *stream, struct device *device, size_t index,
                                  struct window_mark *mark, struct record *record,
                                  const struct stream_now *now)
{
    mark->revision = (mark->revision + 1U) & WINDOW_REVISION_MAX;
    record->window.revision = mark->revision;
    record->window.late = mark->late;
    emit_window(stream, device, index, record, now);
}

/* The watermark has just passed the end of this window. */
static void close_window(struct stream *stream, struct device *device, size_t index,
                         uint32_t behind, const struct stream_now *now)
{
    const struct stream_window *window = &stream->layout.windows[index];
    struct window_mark *mark = device_mark(stream, device, window, behind);
    struct record record;
    memset(&record, 0, sizeof record);
    assemble(stream, device, window, behind, &record.window);
    settle_ledger(stream, index, record.window.summary.count);
    mark->tally = 0;
    if (record.window.summary.count == 0) return;
    publish_next_revision(stream, device, index, mark, &record, now);
}

static void revise_window(struct stream *stream, struct device *device, size_t index,
                          uint32_t behind, const struct stream_now *now)
{
    const struct stream_window *window = &stream->layout.windows[index];
    struct window_mark *mark = device_mark(stream, device, window, behind);
    struct record record;
    memset(&record, 0, sizeof record);
    if (mark->tally == 0) return;
    assemble(stream, device, window, behind, &record.window);
    settle_ledger(stream, index, mark->tally);
    mark->tally = 0;
    publish_next_revision(stream, device, index, mark, &record, now);
}

void publish_owed(struct stream *stream, struct device *device, const struct stream_now *now)
{
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        const struct stream_window *window = &stream->layout.windows[i];
        if (window->is_by_count) continue;
        uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
        uint32_t slots = stream->layout.rings[window->ring].shape.slots;
        for (uint32_t behind = slots; behind > open; behind--) {
            revise_window(stream, device, i, behind - 1, now);
        }
    }
    device->has_owed = false;
}

/* The windows of one kind that close now: behind the head by less than `next`, down to `last`. */
struct closing {
    uint32_t next, last;
    int64_t end_ms; /* of the next one */
};

static struct closing begin_closing(const struct stream *stream, struct device *device,
                                    const struct stream_window *window, int64_t watermark_ms)
{
    if (window->is_by_count) return (struct closing){0};
    const struct stream_ring *ring = &stream->layout.rings[window->ring];
    struct closing closing = {
        .next = device_count_open(stream, device, window, device->watermark_ms),
        .last = device_count_open(stream, device, window, watermark_ms),
    };
    closing.end_ms = device_rings(stream, device)[window->ring].head_ms + window->spec.size_ms -
                     ((int64_t)closing.next - 1) * ring->shape.slice_ms;
    return closing;
}

void publish_until(struct stream *stream, struct device *device, int64_t watermark_ms,
                   const struct stream_now *now)
{
    const struct layout *layout = &stream->layout;
    struct closing closings[LIMIT_WINDOWS];
    if (device->has_owed) publish_owed(stream, device, now);
    for (size_t i = 0; i < layout->window_count; i++) {
        closings[i] = begin_closing(stream, device, &layout->windows[i], watermark_ms);
    }
    for (;;) { /* in the order of their ends, over all kinds */
        size_t first = LIMIT_WINDOWS;
        for (size_t i = 0; i < layout->window_count; i++) {
            if (closings[i].next <= closings[i].last) continue;
            if (first == LIMIT_WINDOWS || closings[i].end_ms < closings[first].end_ms) first = i;
        }
        if (first == LIMIT_WINDOWS) break;
        close_window(stream, device, first, --closings[first].next, now);
        closings[first].end_ms += layout->windows[first].spec.every_ms;
    }
    device_set_watermark(stream, device, watermark_ms);
}

void publish_provisional(struct stream *stream, struct device *device, size_t index,
                         const struct stream_now *now)
{
    const struct stream_window *window = &stream->layout.windows[index];
    uint32_t open = device_count_open(stream, device, window, device->watermark_ms);
    for (uint32_t behind = open; behind > 0; behind--) {
        struct window_mark *mark = device_mark(stream, device, window, behind - 1);
        struct record record;
        memset(&record, 0, sizeof record);
        assemble(stream, device, window, behind - 1, &record.window);
        uint32_t tally = record.window.summary.count & WINDOW_TALLY_MAX;
        bool has_news = mark->revision == 0 || tally != mark->tally;
        if (record.window.summary.count == 0 || !has_news ||
            mark->revision >= WINDOW_PROVISIONAL_MAX) {
            continue;
        }
        record.window.is_provisional = true;
        mark->tally = tally & WINDOW_TALLY_MAX;
        device->has_odd_marks = true;
        publish_next_revision(stream, device, index, mark, &record, now);
    }
}

void publish_count(struct stream *stream, struct device *device, size_t index,
                   const struct stream_now *now)
{
    const struct stream_window *window = &stream->layout.windows[index];
    const struct stream_count_ring *ring = &stream->layout.count_rings[window->ring];
    struct record record;
    memset(&record, 0, sizeof record);
    window_assemble_count(&device_count_rings(stream, device)[window->ring],
                          &device_panes(stream, device)[ring->first_pane], ring->slots,
                          &record.window);
    settle_ledger(stream, index, record.window.summary.count);
    record.window.revision = 1;
    emit_window(stream, device, index, &record, now);
}

void publish_everything(struct stream *stream, struct device *device, const struct stream_now *now)
{
    const struct layout *layout = &stream->layout;
    int64_t last_end_ms = device_last_end_ms(stream, device);
    if (device->has_owed) publish_owed(stream, device, now);
    if (last_end_ms > device->watermark_ms) publish_until(stream, device, last_end_ms, now);
    for (size_t i = 0; i < layout->window_count; i++) {
        const struct stream_window *window = &layout->windows[i];
        if (!window->is_by_count) continue;
        const struct stream_count_ring *shape = &layout->count_rings[window->ring];
        struct window_count_ring *ring = &device_count_rings(stream, device)[window->ring];
        struct summary *panes = &device_panes(stream, device)[shape->first_pane];
        if (panes[ring->head].count == 0) continue;
        publish_count(stream, device, i, now);
        window_move_count_ring(ring, panes, shape->slots);
        ring->filled = 0; /* the next window begins anew */
    }
}

size_t publish_count_until(const struct stream *stream, struct device *device, int64_t watermark_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < stream->layout.window_count; i++) {
        struct closing closing =
            begin_closing(stream, device, &stream->layout.windows[i], watermark_ms);
        if (closing.next > closing.last) count += closing.next - closing.last;
    }
    return count;
}

size_t publish_count_owed(const struct stream *stream, struct device *device)
{
    if (!device->has_owed) return 0;
    const struct window_mark *marks = device_marks(stream, device);
    size_t count = 0;
    for (uint32_t i = 0; i < stream->layout.mark_count; i++) count += marks[i].tally > 0;
    return count;
}
