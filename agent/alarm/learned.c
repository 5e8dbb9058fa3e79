/* Invariant: a source's habit learns only after every rule has judged the same reading, so that no
 * reading is judged by what it has taught. */
#include "alarm/learned.h"

#include "base/device_id.h"

#include <stdlib.h>

#define NO_ENTRY UINT16_MAX
_Static_assert(MODEL_DEVICES < NO_ENTRY, "an entry of a model fits");

struct learned_source {
    struct habit habit;
    uint32_t next_changed;   /* in the list of those with changes to be journalled */
    uint16_t reserved_bytes; /* for them */
    bool is_changed;         /* it is in the list */
    bool has_habit;          /* some rule needs it */
};

struct learned {
    struct learned_options options;
    struct learned_source *sources; /* NULL: no rule needs habits */
    uint32_t first_changed;
    size_t reserved_bytes;
    uint16_t *entries;             /* of models: one per source and rule that has one */
    uint8_t columns[LIMIT_ALARMS]; /* where a rule's entry stands among those of a source */
    size_t column_count;
};

static bool needs_habits(const struct learned_options *options)
{
    for (size_t i = 0; i < options->rule_count; i++) {
        if (options->rules[i].deviations_milli > 0) return true;
    }
    return false;
}

static size_t count_models(const struct learned_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < options->rule_count; i++) count += options->rules[i].model != NULL;
    return count;
}

size_t learned_size_bytes(const struct learned_options *options)
{
    size_t bytes = sizeof(struct learned);
    if (needs_habits(options)) bytes += options->sources * sizeof(struct learned_source);
    return bytes + options->sources * count_models(options) * sizeof(uint16_t);
}

enum status learned_open(struct learned **learned, const struct learned_options *options)
{
    *learned = calloc(1, sizeof **learned);
    if (*learned == NULL) return ST_NO_MEMORY;
    (*learned)->options = *options;
    (*learned)->first_changed = LEARNED_NO_SOURCE;
    size_t sources = options->sources;
    bool is_good = true;
    if (needs_habits(options)) {
        (*learned)->sources = calloc(sources, sizeof(struct learned_source));
        is_good = (*learned)->sources != NULL;
    }
    for (size_t i = 0; i < options->rule_count; i++) {
        (*learned)->columns[i] = (uint8_t)(*learned)->column_count;
        (*learned)->column_count += options->rules[i].model != NULL;
    }
    if ((*learned)->column_count > 0) {
        (*learned)->entries = calloc(sources * (*learned)->column_count, sizeof(uint16_t));
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
    free(learned->sources);
    free(learned->entries);
    free(learned);
}

static uint16_t *entry_of(const struct learned *learned, uint32_t source, size_t rule)
{
    return &learned->entries[source * learned->column_count + learned->columns[rule]];
}

bool learned_admit(struct learned *learned, uint32_t source, const char *id)
{
    bool is_for_any = false, has_habit = false;
    for (size_t i = 0; i < learned->options.rule_count; i++) {
        const struct learned_rule *rule = &learned->options.rules[i];
        bool is_ours = rule->model != NULL || rule->deviations_milli > 0;
        bool is_for = is_ours && device_id_matches(rule->devices, id);
        if (rule->model != NULL) {
            size_t entry = is_for ? model_find_device(rule->model, id) : MODEL_NO_DEVICE;
            *entry_of(learned, source, i) = entry == MODEL_NO_DEVICE ? NO_ENTRY : (uint16_t)entry;
        }
        has_habit = has_habit || (is_for && rule->deviations_milli > 0);
        is_for_any = is_for_any || is_for;
    }
    learned_remove(learned, source);
    if (learned->sources != NULL) learned->sources[source].has_habit = has_habit;
    return is_for_any;
}

static bool has_habit(const struct learned *learned, uint32_t source)
{
    return learned->sources != NULL && learned->sources[source].has_habit;
}

static void find_nearest(const struct band *bands, size_t count, const struct learned_value *value,
                         struct learned_finding *finding)
{
    size_t nearest = 0;
    finding->is_outside = band_judge(bands, count, value->value_micro, value->deadband_micro,
                                     value->was_outside, &nearest) != BAND_USUAL;
    finding->band = bands[nearest];
    bool is_low = value->value_micro < finding->band.usual_micro;
    finding->limit_micro = is_low ? finding->band.low_micro : finding->band.high_micro;
}

static bool judge_by_model(const struct learned *learned, uint32_t source, size_t rule,
                           const struct learned_value *value, struct learned_finding *finding)
{
    const struct model *model = learned->options.rules[rule].model;
    uint16_t entry = *entry_of(learned, source, rule);
    if (entry == NO_ENTRY) return false;
    size_t count;
    const struct band *bands = model_find_bands(model, entry, value->event_ms, &count);
    find_nearest(bands, count, value, finding);
    finding->hour = band_hour_of_day(band_count_hours(value->event_ms, model->utc_offset_ms));
    return true;
}

static bool judge_by_habit(const struct learned *learned, uint32_t source, size_t rule,
                           const struct learned_value *value, struct learned_finding *finding)
{
    const struct habit_options *options = &learned->options.habit;
    int64_t deviations_milli = learned->options.rules[rule].deviations_milli;
    struct band band;
    if (!has_habit(learned, source) || deviations_milli == 0) return false;
    if (!habit_find_band(&learned->sources[source].habit, options, deviations_milli,
                         value->event_ms, &band))
        return false;
    find_nearest(&band, 1, value, finding);
    finding->hour = band_hour_of_day(band_count_hours(value->event_ms, options->utc_offset_ms));
    return true;
}

bool learned_judge(const struct learned *learned, uint32_t source, size_t rule,
                   const struct learned_value *value, struct learned_finding *finding)
{
    return learned->options.rules[rule].model != NULL
               ? judge_by_model(learned, source, rule, value, finding)
               : judge_by_habit(learned, source, rule, value, finding);
}

/* Keeps room for what the source has to say now. */
static void reserve(struct learned *learned, uint32_t source)
{
    struct learned_source *changed = &learned->sources[source];
    size_t bytes = habit_encode_bytes(&changed->habit);
    bytes += (1 + bytes / HABIT_ENTRY_BYTES) * LEARNED_HEAD_BYTES;
    if (!changed->is_changed) {
        changed->is_changed = true;
        changed->reserved_bytes = 0;
        changed->next_changed = learned->first_changed;
        learned->first_changed = source;
    }
    learned->reserved_bytes += bytes - changed->reserved_bytes;
    changed->reserved_bytes = (uint16_t)bytes;
}

void learned_add(struct learned *learned, uint32_t source, int64_t value_micro, int64_t event_ms)
{
    if (!has_habit(learned, source)) return;
    habit_add(&learned->sources[source].habit, &learned->options.habit, value_micro, event_ms);
    reserve(learned, source);
}

static void leave_list(struct learned *learned, uint32_t source)
{
    struct learned_source *leaving = &learned->sources[source];
    if (!leaving->is_changed) return;
    uint32_t *link = &learned->first_changed;
    while (*link != source) link = &learned->sources[*link].next_changed;
    *link = leaving->next_changed;
    leaving->is_changed = false;
    learned->reserved_bytes -= leaving->reserved_bytes;
}

void learned_remove(struct learned *learned, uint32_t source)
{
    if (learned->sources == NULL) return;
    leave_list(learned, source);
    learned->sources[source] = (struct learned_source){.has_habit = false};
}

size_t learned_reserved_bytes(const struct learned *learned)
{
    return learned->reserved_bytes;
}

uint32_t learned_take_changed(struct learned *learned)
{
    uint32_t source = learned->first_changed;
    if (source != LEARNED_NO_SOURCE) leave_list(learned, source);
    return source;
}

void learned_explain(const struct learned_finding *finding, int64_t value_micro, char *reason)
{
    struct text text;
    text_init(&text, reason, BAND_REASON_SIZE);
    band_add_reason(&text, &finding->band, value_micro, finding->hour);
}

size_t learned_encode(struct learned *learned, uint32_t source, uint8_t bytes[HABIT_ENTRY_BYTES])
{
    return has_habit(learned, source) ? habit_encode(&learned->sources[source].habit, bytes) : 0;
}

void learned_encode_whole(struct learned *learned, uint32_t source)
{
    if (has_habit(learned, source)) habit_encode_whole(&learned->sources[source].habit);
}

enum status learned_restore(struct learned *learned, uint32_t source, const void *bytes,
                            size_t size)
{
    if (!has_habit(learned, source)) return ST_NOT_FOUND;
    return habit_restore(&learned->sources[source].habit, bytes, size);
}
