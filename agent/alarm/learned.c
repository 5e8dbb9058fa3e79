/* Invariant: a source's habit learns only after every rule has judged the same reading, so that no
 * reading is judged by what it has taught. */
#include "alarm/learned.h"

#include "base/device_id.h"

#include <stdlib.h>

#define NO_ENTRY UINT16_MAX
_Static_assert(MODEL_DEVICES < NO_ENTRY, "an entry of a model fits");

struct learned {
    struct learned_options options;
    struct habit *habits; /* one per source; NULL: no rule needs them */
    bool *has_habit;      /* likewise: some rule needs the source's */
    uint16_t *entries;    /* one per source and rule: of the model; NULL: no rule has one */
};

static bool needs_habits(const struct learned_options *options)
{
    for (size_t i = 0; i < options->rule_count; i++) {
        if (options->rules[i].deviations_milli > 0) return true;
    }
    return false;
}

static bool needs_entries(const struct learned_options *options)
{
    for (size_t i = 0; i < options->rule_count; i++) {
        if (options->rules[i].model != NULL) return true;
    }
    return false;
}

size_t learned_size_bytes(const struct learned_options *options)
{
    size_t bytes = sizeof(struct learned);
    if (needs_habits(options)) bytes += options->sources * (sizeof(struct habit) + sizeof(bool));
    if (needs_entries(options)) bytes += options->sources * options->rule_count * sizeof(uint16_t);
    return bytes;
}

enum status learned_open(struct learned **learned, const struct learned_options *options)
{
    *learned = calloc(1, sizeof **learned);
    if (*learned == NULL) return ST_NO_MEMORY;
    (*learned)->options = *options;
    size_t sources = options->sources;
    bool is_good = true;
    if (needs_habits(options)) {
        (*learned)->habits = calloc(sources, sizeof(struct habit));
        (*learned)->has_habit = calloc(sources, sizeof(bool));
        is_good = (*learned)->habits != NULL && (*learned)->has_habit != NULL;
    }
    if (needs_entries(options)) {
        (*learned)->entries = calloc(sources * options->rule_count, sizeof(uint16_t));
        is_good = is_good && (*learned)->entries != NULL;
    }
    if (is_good) return ST_OK;
    learned_close(*learned);
    *learned = NULL;
    return ST_NO_MEMORY;
}

void learned_close(struct learned *learned)
{
    if (learned == NULL) return;
    free(learned->habits);
    free(learned->has_habit);
    free(learned->entries);
    free(learned);
}

static uint16_t *entry_of(const struct learned *learned, uint32_t source, size_t rule)
{
    return &learned->entries[source * learned->options.rule_count + rule];
}

bool learned_admit(struct learned *learned, uint32_t source, const char *id)
{
    bool is_for_any = false, has_habit = false;
    for (size_t i = 0; i < learned->options.rule_count; i++) {
        const struct learned_rule *rule = &learned->options.rules[i];
        bool is_for = device_id_matches(rule->devices, id);
        size_t entry = MODEL_NO_DEVICE;
        if (is_for && rule->model != NULL) entry = model_find_device(rule->model, id);
        if (learned->entries != NULL)
            *entry_of(learned, source, i) = entry == MODEL_NO_DEVICE ? NO_ENTRY : (uint16_t)entry;
        has_habit = has_habit || (is_for && rule->deviations_milli > 0);
        is_for_any = is_for_any || is_for;
    }
    if (learned->habits != NULL) {
        learned->habits[source] = (struct habit){.changed = 0};
        learned->has_habit[source] = has_habit;
    }
    return is_for_any;
}

static bool has_habit(const struct learned *learned, uint32_t source)
{
    return learned->habits != NULL && learned->has_habit[source];
}

static void find_nearest(const struct learned_rule *rule, const struct band *bands, size_t count,
                         int64_t value_micro, bool was_outside, struct learned_finding *finding)
{
    size_t nearest = 0;
    finding->is_outside = band_judge(bands, count, value_micro, rule->deadband_micro, was_outside,
                                     &nearest) != BAND_USUAL;
    finding->band = bands[nearest];
    bool is_low = value_micro < finding->band.usual_micro;
    finding->limit_micro = is_low ? finding->band.low_micro : finding->band.high_micro;
}

bool learned_judge(const struct learned *learned, uint32_t source, size_t rule, int64_t value_micro,
                   int64_t event_ms, bool was_outside, struct learned_finding *finding)
{
    const struct learned_options *options = &learned->options;
    const struct learned_rule *by = &options->rules[rule];
    if (by->model != NULL) {
        uint16_t entry = *entry_of(learned, source, rule);
        size_t count;
        if (entry == NO_ENTRY) return false;
        const struct band *bands = model_find_bands(by->model, entry, event_ms, &count);
        find_nearest(by, bands, count, value_micro, was_outside, finding);
        finding->hour = band_hour_of_day(band_count_hours(event_ms, by->model->utc_offset_ms));
        return true;
    }
    struct band band;
    if (!has_habit(learned, source)) return false;
    if (!habit_find_band(&learned->habits[source], &options->habit, by->deviations_milli, event_ms,
                         &band))
        return false;
    find_nearest(by, &band, 1, value_micro, was_outside, finding);
    finding->hour = band_hour_of_day(band_count_hours(event_ms, options->habit.utc_offset_ms));
    return true;
}

void learned_add(struct learned *learned, uint32_t source, int64_t value_micro, int64_t event_ms)
{
    if (!has_habit(learned, source)) return;
    habit_add(&learned->habits[source], &learned->options.habit, value_micro, event_ms);
}

void learned_explain(const struct learned_finding *finding, int64_t value_micro, char *reason)
{
    struct text text;
    text_init(&text, reason, BAND_REASON_SIZE);
    band_add_reason(&text, &finding->band, value_micro, finding->hour);
}

size_t learned_encode(struct learned *learned, uint32_t source, uint8_t bytes[HABIT_ENTRY_BYTES])
{
    return has_habit(learned, source) ? habit_encode(&learned->habits[source], bytes) : 0;
}

void learned_encode_whole(struct learned *learned, uint32_t source)
{
    if (has_habit(learned, source)) habit_encode_whole(&learned->habits[source]);
}

size_t learned_encode_bytes(const struct learned *learned, uint32_t source)
{
    return has_habit(learned, source) ? habit_encode_bytes(&learned->habits[source]) : 0;
}

enum status learned_restore(struct learned *learned, uint32_t source, const void *bytes,
                            size_t size)
{
    if (!has_habit(learned, source)) return ST_NOT_FOUND;
    return habit_restore(&learned->habits[source], bytes, size);
}
