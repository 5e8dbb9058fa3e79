/* Invariant: an hour's mean and deviation stand still while that hour runs; they change only in
 * learn_hour.  So what is usual, and what a reading adds, does not depend on the readings before it
 * in the same hour. */
#include "alarm/habit.h"

#include "base/decimal.h"
#include "base/limits.h"
#include "base/pack.h"

#include <assert.h>
#include <string.h>

enum {
    HABIT_STEP_MICRO = 100, /* LIMIT_VALUE_MICRO in 32 bits */
    CLIP_DEVIATIONS = 3,
    CLIP_WEIGHT = 3, /* before, the deviation is not known well enough to clip by it */
    COUNT_MAX = 1 << 23,
    COUNT_NEW = 1 << 30, /* beside the count: not yet journalled */
    HOURS_PER_ENTRY = 12,
    HOUR_BYTES = 5 + 5 + 1,
    RUNNING_BYTES = 1 + 4 + 5 + 4 + 2 * PACK_VARINT_MAX,
    VERSION = 1
};

#define DIFFERENCE_MAX (4 * LIMIT_VALUE_MICRO)
_Static_assert(LIMIT_VALUE_MICRO / HABIT_STEP_MICRO <= INT32_MAX, "a mean fits");
_Static_assert(DIFFERENCE_MAX <= INT64_MAX / COUNT_MAX, "a sum fits");
_Static_assert(sizeof(struct habit) <= HABIT_BYTES, "growth is a decision");
_Static_assert(RUNNING_BYTES + HOURS_PER_ENTRY * HOUR_BYTES <= HABIT_ENTRY_BYTES, "an entry fits");

static uint32_t count_of(const struct habit *habit)
{
    return habit->count & ~(uint32_t)COUNT_NEW;
}

static int64_t deviation_of(const struct habit *habit, const struct habit_options *options,
                            unsigned hour)
{
    int64_t deviation_micro = (int64_t)habit->deviation[hour] * HABIT_STEP_MICRO;
    return deviation_micro > options->least_micro ? deviation_micro : options->least_micro;
}

static int32_t to_steps(int64_t value_micro)
{
    int64_t steps = decimal_divide(value_micro, HABIT_STEP_MICRO);
    if (steps > INT32_MAX) return INT32_MAX;
    return steps < -INT32_MAX ? -INT32_MAX : (int32_t)steps;
}

/* The hour that ran is over.  Its first passage gives the mean, its second the first deviation
 * there can be, and from then on the newest day weighs as much as each day before it until there
 * are memory_days of them. */
static void learn_hour(struct habit *habit, const struct habit_options *options)
{
    uint32_t count = count_of(habit);
    if (count == 0) return;
    unsigned hour = band_hour_of_day(habit->hours);
    int64_t days = habit->weight[hour] + INT64_C(1);
    if (days > options->memory_days) days = options->memory_days;
    int64_t shift_micro = decimal_divide(habit->sum_micro, count);
    int64_t distance_micro = decimal_divide(habit->distance_micro, count);
    int64_t mean_micro = (int64_t)habit->mean[hour] * HABIT_STEP_MICRO;
    int64_t deviation_micro = (int64_t)habit->deviation[hour] * HABIT_STEP_MICRO;
    if (habit->weight[hour] <= 1)
        deviation_micro = habit->weight[hour] == 0 ? 0 : distance_micro;
    else
        deviation_micro += decimal_divide(distance_micro - deviation_micro, days);
    habit->mean[hour] = to_steps(mean_micro + decimal_divide(shift_micro, days));
    habit->deviation[hour] = (uint32_t)to_steps(deviation_micro);
    habit->weight[hour] = (uint8_t)days;
    habit->changed |= UINT32_C(1) << hour;
}

static void begin_hour(struct habit *habit, const struct habit_options *options, int32_t hours)
{
    learn_hour(habit, options);
    habit->hours = hours;
    habit->count = COUNT_NEW;
    habit->sum_micro = 0;
    habit->distance_micro = 0;
}

void habit_add(struct habit *habit, const struct habit_options *options, int64_t value_micro,
               int64_t event_ms)
{
    int32_t hours = band_count_hours(event_ms, options->utc_offset_ms);
    if (hours != habit->hours) begin_hour(habit, options, hours);
    if (count_of(habit) == COUNT_MAX) return;
    unsigned hour = band_hour_of_day(hours);
    int64_t difference_micro = value_micro - (int64_t)habit->mean[hour] * HABIT_STEP_MICRO;
    if (habit->weight[hour] >= CLIP_WEIGHT) {
        int64_t most_micro = deviation_of(habit, options, hour) * CLIP_DEVIATIONS;
        if (difference_micro > most_micro) difference_micro = most_micro;
        if (difference_micro < -most_micro) difference_micro = -most_micro;
    }
    habit->count = (habit->count + 1) | COUNT_NEW;
    habit->sum_micro += difference_micro;
    habit->distance_micro += difference_micro < 0 ? -difference_micro : difference_micro;
}

bool habit_find_band(const struct habit *habit, const struct habit_options *options,
                     int64_t deviations_milli, int64_t event_ms, struct band *band)
{
    unsigned hour = band_hour_of_day(band_count_hours(event_ms, options->utc_offset_ms));
    if (habit->weight[hour] < options->warm_up_days) return false;
    int64_t deviation_micro = deviation_of(habit, options, hour);
    int64_t reach_micro = decimal_divide(deviation_micro * deviations_milli, 1000);
    int64_t usual_micro = (int64_t)habit->mean[hour] * HABIT_STEP_MICRO;
    *band = (struct band){.low_micro = usual_micro - reach_micro,
                          .usual_micro = usual_micro,
                          .high_micro = usual_micro + reach_micro,
                          .deviation_micro = deviation_micro};
    return true;
}

bool habit_has_changed(const struct habit *habit)
{
    return habit->changed != 0 || (habit->count & COUNT_NEW) != 0;
}

size_t habit_encode_bytes(const struct habit *habit)
{
    if (!habit_has_changed(habit)) return 0;
    size_t hours = 0;
    for (uint32_t left = habit->changed; left != 0; left &= left - 1) hours++;
    return hours * HOUR_BYTES + (1 + hours / HOURS_PER_ENTRY) * RUNNING_BYTES;
}

void habit_encode_whole(struct habit *habit)
{
    for (unsigned hour = 0; hour < BAND_HOURS; hour++) {
        if (habit->weight[hour] > 0) habit->changed |= UINT32_C(1) << hour;
    }
    habit->count |= COUNT_NEW;
}

/* The first of the changed hours, as many as one entry takes. */
static uint32_t choose_hours(uint32_t changed)
{
    uint32_t chosen = 0;
    for (unsigned hour = 0, count = 0; hour < BAND_HOURS && count < HOURS_PER_ENTRY; hour++) {
        uint32_t bit = UINT32_C(1) << hour;
        if ((changed & bit) == 0) continue;
        chosen |= bit;
        count++;
    }
    return chosen;
}

size_t habit_encode(struct habit *habit, uint8_t bytes[HABIT_ENTRY_BYTES])
{
    if (!habit_has_changed(habit)) return 0;
    uint32_t chosen = choose_hours(habit->changed);
    struct pack_writer writer = {.bytes = bytes, .capacity = HABIT_ENTRY_BYTES};
    habit->changed &= ~chosen;
    habit->count = count_of(habit);
    pack_put_u8(&writer, VERSION);
    pack_put_varint(&writer, chosen);
    for (unsigned hour = 0; hour < BAND_HOURS; hour++) {
        if ((chosen & UINT32_C(1) << hour) == 0) continue;
        pack_put_signed(&writer, habit->mean[hour]);
        pack_put_varint(&writer, habit->deviation[hour]);
        pack_put_u8(&writer, habit->weight[hour]);
    }
    pack_put_signed(&writer, habit->hours);
    pack_put_varint(&writer, habit->count);
    pack_put_signed(&writer, habit->sum_micro);
    pack_put_varint(&writer, (uint64_t)habit->distance_micro);
    assert(!writer.is_cut);
    return writer.size;
}

static bool take_hour(struct pack_reader *reader, struct habit *habit, unsigned hour)
{
    int64_t mean = pack_get_signed(reader);
    uint32_t deviation = pack_get_varint32(reader);
    uint8_t weight = pack_get_u8(reader);
    if (mean > INT32_MAX || mean < -INT32_MAX || deviation > INT32_MAX) return false;
    if (weight == 0 || weight > HABIT_DAYS_MAX) return false;
    habit->mean[hour] = (int32_t)mean;
    habit->deviation[hour] = deviation;
    habit->weight[hour] = weight;
    return true;
}

static bool take_running(struct pack_reader *reader, struct habit *habit)
{
    int64_t hours = pack_get_signed(reader);
    uint32_t count = pack_get_varint32(reader);
    int64_t sum_micro = pack_get_signed(reader);
    uint64_t distance_micro = pack_get_varint(reader);
    if (hours > INT32_MAX || hours < INT32_MIN || count > COUNT_MAX) return false;
    if (distance_micro > (uint64_t)count * (uint64_t)DIFFERENCE_MAX) return false;
    int64_t most_micro = (int64_t)distance_micro;
    if (sum_micro > most_micro || sum_micro < -most_micro) return false;
    habit->hours = (int32_t)hours;
    habit->count = count;
    habit->sum_micro = sum_micro;
    habit->distance_micro = most_micro;
    return true;
}

enum status habit_restore(struct habit *habit, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    struct habit taken = *habit;
    if (pack_get_u8(&reader) != VERSION) return ST_CORRUPT;
    uint32_t chosen = pack_get_varint32(&reader);
    if (chosen >> BAND_HOURS != 0) return ST_CORRUPT;
    for (unsigned hour = 0; hour < BAND_HOURS; hour++) {
        if ((chosen & UINT32_C(1) << hour) == 0) continue;
        if (!take_hour(&reader, &taken, hour)) return ST_CORRUPT;
    }
    if (!take_running(&reader, &taken)) return ST_CORRUPT;
    if (reader.is_short || reader.at != size) return ST_CORRUPT;
    *habit = taken;
    return ST_OK;
}
