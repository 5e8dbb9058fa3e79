/* alarm_tally: `parts` holds nothing older than ALARM_TALLY_PARTS parts before that of `day`. */
#include "alarm/alarm_tally.h"

static void count(uint16_t *number)
{
    if (*number < UINT16_MAX) ++*number;
}

void alarm_tally_add(struct alarm_tally *tally, uint32_t day)
{
    uint32_t last = tally->day / ALARM_TALLY_PART_DAYS, part = day / ALARM_TALLY_PART_DAYS;
    if (part - last > ALARM_TALLY_PARTS) last = part - ALARM_TALLY_PARTS;
    while (last != part) tally->parts[++last % ALARM_TALLY_PARTS] = 0;
    if (tally->day != day) {
        tally->yesterday = tally->day + 1 == day ? tally->today : 0;
        tally->today = 0;
        tally->day = day;
    }
    count(&tally->today);
    count(&tally->parts[part % ALARM_TALLY_PARTS]);
}

uint32_t alarm_tally_day(const struct alarm_tally *tally, uint32_t day)
{
    if (tally->day == day) return (uint32_t)tally->today + tally->yesterday;
    return tally->day + 1 == day ? tally->today : 0;
}

uint32_t alarm_tally_month(const struct alarm_tally *tally, uint32_t day)
{
    uint32_t last = tally->day / ALARM_TALLY_PART_DAYS, part = day / ALARM_TALLY_PART_DAYS;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ALARM_TALLY_PARTS && i <= last; i++) {
        if (part - (last - i) < ALARM_TALLY_PARTS)
            sum += tally->parts[(last - i) % ALARM_TALLY_PARTS];
    }
    return sum;
}
