/* alarm_tally: how often one alarm called lately, in a few bytes: exact by days of running time for
 * the last two, by parts of three days for the last thirty.  Pure. */
#ifndef ISOTHERM_ALARM_TALLY_H
#define ISOTHERM_ALARM_TALLY_H

#include <stdint.h>

enum { ALARM_TALLY_PARTS = 10, ALARM_TALLY_PART_DAYS = 3 };

/* All zero: never.  A number that would not fit stays at the most that does. */
struct alarm_tally {
    uint32_t day; /* of `today` */
    uint16_t today, yesterday;
    uint16_t parts[ALARM_TALLY_PARTS]; /* part n, of days 3n to 3n + 2, at n modulo their number */
};

/* Counts one on that day, which is not before the last one. */
void alarm_tally_add(struct alarm_tally *tally, uint32_t day);

/* Of the day and the one before. */
uint32_t alarm_tally_day(const struct alarm_tally *tally, uint32_t day);

/* Of the last 28 to 30 days, the present one included. */
uint32_t alarm_tally_month(const struct alarm_tally *tally, uint32_t day);

#endif
