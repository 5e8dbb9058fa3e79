/* Asks the habit itself, with a reading for every hour of two days, so that none is left out. */
#include "plan_traffic.h"

#include "alarm/habit.h"
#include "config_learned.h"

enum { HABIT_HEAD_BYTES = 6 /* tag, version, kind, length of the id; the entry's own length */ };

#define HOUR_MS INT64_C(3600000)
#define BEGIN_MS INT64_C(1795219200000) /* some midnight */

int64_t plan_habit_bytes(const struct config *config, int64_t id_bytes)
{
    struct habit_options options = config_habit_options(config);
    struct habit habit = {.hours = 0};
    uint8_t bytes[HABIT_ENTRY_BYTES];
    int64_t sum = 0;
    for (int64_t hour = 0; hour <= 2 * BAND_HOURS; hour++) {
        int64_t value_micro = 21000000 + hour * 7919 % 9999 * 1000;
        habit_add(&habit, &options, value_micro, BEGIN_MS + hour * HOUR_MS);
    }
    habit_encode_whole(&habit);
    for (size_t size; (size = habit_encode(&habit, bytes)) > 0;)
        sum += (int64_t)size + HABIT_HEAD_BYTES + id_bytes;
    return sum;
}
