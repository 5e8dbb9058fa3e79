/* Invariant: nothing here changes what the plant or the consumer have. */
#include "outage/plant_state.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void verify_sequence(const struct plant *plant)
{
    uint64_t received = 0, named = 0;
    for (uint64_t seq = 1; seq < plant->next_seq; seq++) {
        uint8_t mark = plant->by_seq[seq];
        if (mark == 0)
            fail_msg("number %" PRIu64 " of %" PRIu64 " neither came nor was named", seq,
                     plant->next_seq - 1);
        if ((mark & SEQ_RECEIVED) != 0 && (mark & SEQ_MERGED) != 0)
            fail_msg("number %" PRIu64 " came, and was merged", seq);
        received += mark & SEQ_RECEIVED;
        named += (mark & SEQ_RECEIVED) == 0;
    }
    assert_int_equal(received, plant->received);
    struct store_counts counts = plant_count(plant);
    if (counts.dropped == 0) assert_int_equal(named, counts.merged);
}

static bool is_equal(const struct tally *a, const struct tally *b)
{
    return a->count == b->count && a->sum_micro == b->sum_micro && a->min_micro == b->min_micro &&
           a->max_micro == b->max_micro;
}

/* Adds up what was received of a kind, per device and part. */
static void gather(const struct plant *plant, uint32_t kind, int64_t part_ms, struct tally *got,
                   size_t parts)
{
    for (size_t i = 0; i < plant->seen_slots; i++) {
        const struct seen *seen = &plant->seen[i];
        if (!seen->is_used || seen->kind != kind) continue;
        size_t part = (size_t)((seen->start_ms - START_MS + DAY) / part_ms);
        assert_true(part < parts && seen->end_ms - seen->start_ms <= part_ms);
        plant_add(&got[seen->device * parts + part], &seen->tally);
    }
}

static void verify_kind(const struct plant *plant, uint32_t kind, int64_t part_ms)
{
    if (part_ms == 0) part_ms = (int64_t)plant->hour_count * HOUR;
    size_t ratio = (size_t)(part_ms / HOUR), parts = plant->hour_count / ratio + 1;
    struct tally *got = plant_claim(plant->options.devices * parts, sizeof *got);
    gather(plant, kind, part_ms, got, parts);
    for (uint32_t device = 0; device < plant->options.devices; device++) {
        for (size_t part = 0; part < parts; part++) {
            struct tally expected = {0};
            for (size_t i = part * ratio; i < (part + 1) * ratio && i < plant->hour_count; i++)
                plant_add(&expected, &plant->hours[device * plant->hour_count + i]);
            const struct tally *found = &got[device * parts + part];
            if (is_equal(found, &expected)) continue;
            fail_msg("kind %u, device %u, part %zu: %" PRIu64 " readings, sum %" PRId64
                     "; got %" PRIu64 ", sum %" PRId64,
                     kind, device, part, expected.count, expected.sum_micro, found->count,
                     found->sum_micro);
        }
    }
    free(got);
}

/* Where some readings came too late for the kind, its records say how many. */
static void verify_total(const struct plant *plant, uint32_t kind)
{
    uint64_t total = plant->missed[kind];
    for (size_t i = 0; i < plant->seen_slots; i++)
        if (plant->seen[i].is_used && plant->seen[i].kind == kind)
            total += plant->seen[i].tally.count;
    assert_int_equal(total, plant->readings);
}

void plant_verify(struct plant *plant, int64_t part_ms)
{
    verify_sequence(plant);
    if (plant_count(plant).dropped > 0) return;
    bool has_folded = plant_count(plant).covered > 0;
    bool is_finest = true; /* the first kind; once others were given up it alone is complete */
    for (uint32_t kind = 0; kind < plant->options.window_count; kind++) {
        const struct window_spec *spec = &plant->options.windows[kind];
        if (spec->size_count > 0 || spec->size_ms != spec->every_ms) continue;
        if (plant->missed[kind] == 0 && (is_finest || !has_folded))
            verify_kind(plant, kind, part_ms);
        if (plant->missed[kind] > 0 && (is_finest || !has_folded)) verify_total(plant, kind);
        is_finest = false;
    }
}
