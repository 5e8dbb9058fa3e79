/* layout: every size follows from the options here and nowhere else; a ring stands long enough
 * that all panes of every open window stand. */
#include "stream/parts.h"

#include <string.h>

#define DURATION_MAX_MS                                                                            \
    (INT64_C(1) << 40)         /* 34 years: sums of a few of them stay far from 2^63               \
                                */
#define COUNT_MAX 1000000      /* readings of a window by count: cannot overflow */
#define JOURNAL_SLICE_MS 60000 /* when there are no windows by time */

static bool is_duration(int64_t duration_ms)
{
    return duration_ms >= 0 && duration_ms <= DURATION_MAX_MS;
}

static bool is_sound_window(const struct window_spec *spec)
{
    if (spec->size_count > 0) {
        return spec->size_ms == 0 && spec->every_ms == 0 && spec->every_count > 0 &&
               spec->size_count <= COUNT_MAX && spec->size_count % spec->every_count == 0 &&
               spec->size_count / spec->every_count <= LIMIT_PANES && spec->provisional_ms == 0;
    }
    return spec->size_count == 0 && spec->every_count == 0 && spec->size_ms > 0 &&
           spec->every_ms > 0 && is_duration(spec->size_ms) && spec->every_ms <= spec->size_ms &&
           spec->size_ms % spec->every_ms == 0 && spec->provisional_ms >= 0 &&
           (spec->provisional_ms == 0 ||
            spec->size_ms / spec->provisional_ms < WINDOW_PROVISIONAL_MAX);
}

static bool are_sound(const struct stream_options *options)
{
    if (options->devices < 1 || options->devices > LIMIT_DEVICES ||
        options->window_count > LIMIT_WINDOWS || options->alarm_count > LIMIT_ALARMS ||
        !is_duration(options->lateness_ms) || !is_duration(options->grace_ms) ||
        !is_duration(options->future_ms) || !is_duration(options->past_ms) ||
        !is_duration(options->expected_every_ms)) {
        return false;
    }
    for (size_t i = 0; i < options->window_count; i++) {
        if (!is_sound_window(&options->windows[i])) return false;
    }
    for (size_t i = 0; i < options->alarm_count; i++) {
        if (!alarm_rule_is_sound(&options->alarms[i])) return false;
    }
    return true;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static struct stream_ring *find_ring(struct layout *layout, int64_t slice_ms)
{
    for (size_t i = 0; i < layout->ring_count; i++) {
        if (layout->rings[i].shape.slice_ms == slice_ms) return &layout->rings[i];
    }
    struct stream_ring *ring = &layout->rings[layout->ring_count++];
    ring->shape.slice_ms = slice_ms;
    return ring;
}

/* Windows with the same slice share a ring. */
static enum status make_rings(struct layout *layout, const struct stream_options *options)
{
    for (size_t i = 0; i < options->window_count; i++) {
        const struct window_spec *spec = &options->windows[i];
        if (spec->size_count > 0) continue;
        struct stream_ring *ring = find_ring(layout, spec->every_ms);
        if (spec->size_ms > ring->longest_ms) ring->longest_ms = spec->size_ms;
        layout->base_ms = common_divisor(spec->every_ms, layout->base_ms);
    }
    if (layout->base_ms == 0) layout->base_ms = JOURNAL_SLICE_MS;
    for (size_t i = 0; i < layout->ring_count; i++) {
        struct stream_ring *ring = &layout->rings[i];
        int64_t slice_ms = ring->shape.slice_ms;
        if (slice_ms <= 0) return ST_INVALID;
        int64_t widest = ring->longest_ms / slice_ms;
        int64_t slots = widest + (options->lateness_ms + slice_ms - 1) / slice_ms + 1;
        if (slots > LIMIT_PANES) return ST_INVALID;
        ring->shape = pane_make_shape(slice_ms, (uint32_t)slots, (uint32_t)widest);
        ring->first_pane = layout->pane_count;
        layout->pane_count += ring->shape.slots;
    }
    return ST_OK;
}

static void make_window(struct layout *layout, const struct stream_options *options, size_t i)
{
    struct stream_window *window = &layout->windows[i];
    window->spec = options->windows[i];
    window->is_by_count = window->spec.size_count > 0;
    if (window->is_by_count) {
        struct stream_count_ring *ring = &layout->count_rings[layout->count_ring_count];
        window->ring = (uint32_t)layout->count_ring_count++;
        window->span = (uint32_t)(window->spec.size_count / window->spec.every_count);
        ring->slots = window->span;
        ring->every = (uint32_t)window->spec.every_count;
        ring->first_pane = layout->pane_count;
        layout->pane_count += ring->slots;
    } else {
        const struct stream_ring *ring = find_ring(layout, window->spec.every_ms);
        window->ring = (uint32_t)(ring - layout->rings);
        window->span = (uint32_t)(window->spec.size_ms / window->spec.every_ms);
        window->first_mark = layout->mark_count;
        layout->mark_count += ring->shape.slots;
        if (options->expected_every_ms > 0) {
            int64_t expected = window->spec.size_ms / options->expected_every_ms;
            window->expected = expected < UINT32_MAX ? (uint32_t)expected : UINT32_MAX;
        }
    }
    window->is_tumbling = window->span == 1;
}

/* The place of the next part, aligned for any of them. */
static size_t place(size_t *at, size_t count, size_t size)
{
    size_t here = *at;
    *at = here + (count * size + 7) / 8 * 8;
    return here;
}

static void place_parts(struct layout *layout, size_t devices)
{
    size_t at = (sizeof(struct device) + 7) / 8 * 8;
    layout->rings_at = place(&at, layout->ring_count, sizeof(struct pane_ring));
    layout->count_rings_at = place(&at, layout->count_ring_count, sizeof(struct window_count_ring));
    layout->states_at = place(&at, layout->window_count, sizeof(struct window_state));
    layout->marks_at = place(&at, layout->mark_count, sizeof(struct window_mark));
    layout->panes_at = place(&at, layout->pane_count, sizeof(struct summary));
    layout->device_bytes = at;

    uint32_t entries = 4;
    while (entries < devices * 2) entries *= 2;
    layout->table_mask = entries - 1;
    size_t block = (sizeof(struct stream) + 7) / 8 * 8;
    layout->watches_at = place(&block, devices, sizeof(struct device_watch));
    layout->table_at = place(&block, entries, sizeof(struct table_entry));
    layout->devices_at = place(&block, devices, layout->device_bytes);
    layout->block_bytes = block;
}

enum status layout_make(struct layout *layout, const struct stream_options *options)
{
    memset(layout, 0, sizeof *layout);
    if (!are_sound(options)) return ST_INVALID;
    enum status status = make_rings(layout, options);
    if (status != ST_OK) return status;
    layout->window_count = options->window_count;
    for (size_t i = 0; i < options->window_count; i++) make_window(layout, options, i);
    place_parts(layout, options->devices);
    return layout->block_bytes / layout->device_bytes >= options->devices ? ST_OK : ST_INVALID;
}

int64_t stream_settle_ms(const struct stream_options *options, size_t window)
{
    struct layout layout;
    if (layout_make(&layout, options) != ST_OK || window >= layout.window_count) return 0;
    if (layout.windows[window].is_by_count) return 0;
    const struct pane_shape *shape = &layout.rings[layout.windows[window].ring].shape;
    return ((int64_t)shape->slots + 1) * shape->slice_ms;
}
