/* Any bytes as a journal of a habit: refused without a change, or a state with which all goes on:
 * it is written as it was read, and nothing in it overflows. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "alarm/habit.h"
#include "base/limits.h"

#define HOUR_MS INT64_C(3600000)

static const struct habit_options options = {
    .memory_days = 14, .warm_up_days = 2, .least_micro = 1};

static void copy(struct habit *habit, struct habit *to)
{
    uint8_t bytes[HABIT_ENTRY_BYTES];
    size_t size;
    habit_encode_whole(habit);
    while ((size = habit_encode(habit, bytes)) > 0)
        FUZZ_REQUIRE(habit_restore(to, bytes, size) == ST_OK);
}

static void go_on(struct habit *habit)
{
    for (int64_t hour = 0; hour < 3 * BAND_HOURS; hour++) {
        struct band band;
        int64_t value_micro = hour % 2 == 0 ? LIMIT_VALUE_MICRO : -LIMIT_VALUE_MICRO;
        int64_t event_ms = ((int64_t)habit->hours + hour) * HOUR_MS;
        bool is_known = habit_find_band(habit, &options, 100000, event_ms, &band);
        FUZZ_REQUIRE(!is_known ||
                     (band.low_micro < band.usual_micro && band.usual_micro < band.high_micro));
        habit_add(habit, &options, value_micro, event_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct habit habit = {0}, before = {0}, again = {0};
    if (habit_restore(&habit, data, size) != ST_OK) {
        FUZZ_REQUIRE(memcmp(&habit, &before, sizeof habit) == 0);
        return 0;
    }
    copy(&habit, &again);
    FUZZ_REQUIRE(memcmp(&habit, &again, sizeof habit) == 0);
    go_on(&habit);
    return 0;
}
