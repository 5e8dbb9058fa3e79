/* Invariant: row k comes at k times RECORDED_EVERY_MS on the monotonic clock, whatever its own time
 * says: the recorded clock was set back once, delays are not. */
#include "detector.h"

#include <string.h>

struct running {
    struct habit habit;
    bool is_active, is_changing; /* the other condition holds, the delay runs */
    int64_t changing_ms;         /* since when */
};

static enum band_side judge(const struct detector *detector, const struct running *running,
                            const struct recorded_row *row)
{
    struct band band;
    size_t nearest;
    if (detector->habit == NULL)
        return row->value_micro <= detector->low_micro ? BAND_BELOW : BAND_USUAL;
    if (!habit_find_band(&running->habit, detector->habit, detector->deviations_milli,
                         row->event_ms, &band))
        return BAND_USUAL;
    return band_judge(&band, 1, row->value_micro, 0, running->is_active, &nearest);
}

/* True: raised. */
static bool step(const struct detector *detector, struct running *running, bool is_outside,
                 int64_t mono_ms)
{
    if (is_outside == running->is_active) {
        running->is_changing = false;
        return false;
    }
    if (!running->is_changing) running->changing_ms = mono_ms;
    running->is_changing = true;
    int64_t delay_ms = is_outside ? detector->on_delay_ms : detector->off_delay_ms;
    if (mono_ms - running->changing_ms < delay_ms) return false;
    running->is_active = is_outside;
    running->is_changing = false;
    return is_outside;
}

void detector_run(const struct detector *detector, const struct recorded *recorded,
                  struct openings *openings)
{
    struct running running;
    memset(&running, 0, sizeof running);
    openings->count = 0;
    for (size_t i = 0; i < recorded->row_count; i++) {
        const struct recorded_row *row = &recorded->rows[i];
        bool is_outside = judge(detector, &running, row) != BAND_USUAL;
        if (step(detector, &running, is_outside, (int64_t)i * RECORDED_EVERY_MS) &&
            openings->count < DETECTOR_OPENINGS_MAX)
            openings->rows[openings->count++] = i;
        if (detector->habit != NULL)
            habit_add(&running.habit, detector->habit, row->value_micro, row->event_ms);
    }
}

struct score detector_score(const struct recorded *recorded, const struct openings *openings,
                            size_t from, size_t to)
{
    struct score score = {.windows = 0};
    size_t quiet_rows = to - from, opened = 0;
    for (size_t i = 0; i < openings->count; i++)
        opened += openings->rows[i] >= from && openings->rows[i] < to;
    for (size_t w = 0; w < recorded->window_count; w++) {
        const struct recorded_window *window = &recorded->windows[w];
        if (window->first_row < from || window->last_row >= to) continue;
        size_t inside = 0;
        for (size_t i = 0; i < openings->count; i++)
            inside +=
                openings->rows[i] >= window->first_row && openings->rows[i] <= window->last_row;
        score.windows++;
        score.hit += inside > 0;
        score.inside += inside;
        quiet_rows -= window->last_row - window->first_row + 1;
    }
    score.outside = opened - score.inside;
    score.false_per_week_milli = (int64_t)score.outside * 7 * 86400 * 1000 /
                                 ((int64_t)quiet_rows * RECORDED_EVERY_MS / 1000);
    return score;
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

unsigned detector_chance_milli(const struct recorded *recorded, const struct score *score,
                               size_t from, size_t to, uint32_t seed, unsigned rounds)
{
    unsigned as_good = 0;
    if (rounds == 0) return 1000;
    for (unsigned round = 0; round < rounds; round++) {
        struct openings openings = {.count = score->inside + score->outside};
        for (size_t i = 0; i < openings.count; i++)
            openings.rows[i] = from + next_random(&seed) % (to - from);
        as_good += detector_score(recorded, &openings, from, to).hit >= score->hit;
    }
    return as_good * 1000 / rounds;
}
