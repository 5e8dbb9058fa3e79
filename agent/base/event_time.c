/* Invariant: a time that was taken lies on the proleptic Gregorian calendar and is exact to the
 * millisecond; the local zone of the machine is never asked. */
#include "base/event_time.h"

#include "base/decimal.h"

const char *const event_time_form_names[] = {"auto", "s", "ms", "us", "ns", "iso", NULL};

struct cursor {
    const char *at;
    const char *end;
};

struct moment {
    int year, month, day;
    int hour, minute, second;
    int fraction_ms;
    int zone_min; /* east of UTC */
};

/* Exactly `places` digits. */
static bool take_number(struct cursor *cursor, int places, int *number)
{
    *number = 0;
    for (int i = 0; i < places; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9') return false;
        *number = *number * 10 + (*cursor->at++ - '0');
    }
    return true;
}

static bool take_char(struct cursor *cursor, const char *allowed)
{
    if (cursor->at == cursor->end) return false;
    for (; *allowed != '\0'; allowed++) {
        if (*cursor->at != *allowed) continue;
        cursor->at++;
        return true;
    }
    return false;
}

/* Digits behind the second: the first three are milliseconds, the others are cut. */
static bool take_fraction(struct cursor *cursor, int *fraction_ms)
{
    int places = 0;
    int digit;
    *fraction_ms = 0;
    while (take_number(cursor, 1, &digit)) {
        if (places == 3) continue;
        *fraction_ms = *fraction_ms * 10 + digit;
        places++;
    }
    for (int i = places; i < 3; i++) *fraction_ms *= 10;
    return places > 0;
}

/* Z, +hh, +hhmm, +hh:mm or nothing, which is UTC. */
static bool take_zone(struct cursor *cursor, int *zone_min)
{
    *zone_min = 0;
    if (cursor->at == cursor->end || take_char(cursor, "Zz")) return true;
    int sign = *cursor->at == '-' ? -1 : 1;
    int hours;
    int minutes = 0;
    if (!take_char(cursor, "+-") || !take_number(cursor, 2, &hours)) return false;
    if (cursor->at != cursor->end) {
        (void)take_char(cursor, ":");
        if (!take_number(cursor, 2, &minutes)) return false;
    }
    if (hours > 23 || minutes > 59) return false;
    *zone_min = sign * (hours * 60 + minutes);
    return true;
}

static bool take_moment(struct cursor *cursor, struct moment *moment)
{
    *moment = (struct moment){.second = 0};
    if (!take_number(cursor, 4, &moment->year) || !take_char(cursor, "-")) return false;
    if (!take_number(cursor, 2, &moment->month) || !take_char(cursor, "-")) return false;
    if (!take_number(cursor, 2, &moment->day) || !take_char(cursor, "Tt ")) return false;
    if (!take_number(cursor, 2, &moment->hour) || !take_char(cursor, ":")) return false;
    if (!take_number(cursor, 2, &moment->minute)) return false;
    if (take_char(cursor, ":")) {
        if (!take_number(cursor, 2, &moment->second)) return false;
        if (take_char(cursor, ".,") && !take_fraction(cursor, &moment->fraction_ms)) return false;
    }
    return take_zone(cursor, &moment->zone_min) && cursor->at == cursor->end;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Days from 1970-01-01.  Years are counted from March, so that the leap day is the last one. */
static int64_t days_since_1970(int year, int month, int day)
{
    int64_t years = month > 2 ? year : year - 1;
    int months = month > 2 ? month - 3 : month + 9;
    /* Year 0 becomes -1 in January and February; a shift by a whole cycle keeps / exact. */
    years += 400;
    int64_t leap_days = years / 4 - years / 100 + years / 400;
    int64_t days_before_month = (153 * months + 2) / 5;
    return years * 365 + leap_days + days_before_month + day - 1 - 865565;
}

static enum verdict parse_iso(const char *text, size_t size, int64_t *event_ms)
{
    struct cursor cursor = {.at = text, .end = text + size};
    struct moment moment;
    if (!take_moment(&cursor, &moment)) return VERDICT_SYNTAX;
    if (moment.month < 1 || moment.month > 12 || moment.day < 1 ||
        moment.day > days_in_month(moment.year, moment.month)) {
        return VERDICT_TIME;
    }
    if (moment.hour > 23 || moment.minute > 59 || moment.second > 60) return VERDICT_TIME;
    int64_t minutes = days_since_1970(moment.year, moment.month, moment.day) * 1440 +
                      moment.hour * 60 + moment.minute - moment.zone_min;
    int64_t seconds = minutes * 60 + moment.second;
    /* Leap seconds exist only at the end of a day in UTC. */
    if (moment.second == 60 && seconds % 86400 != 0) return VERDICT_TIME;
    *event_ms = seconds * 1000 + moment.fraction_ms;
    return VERDICT_OK;
}

/* How many powers of ten lie between the form's unit and the millisecond. */
static int scale_of(enum time_form form)
{
    switch (form) {
    case TIME_FORM_S:
        return 3;
    case TIME_FORM_US:
        return -3;
    case TIME_FORM_NS:
        return -6;
    case TIME_FORM_AUTO:
    case TIME_FORM_MS:
    case TIME_FORM_ISO:
        break;
    }
    return 0;
}

static enum time_form form_by_size(int64_t number)
{
    int64_t size = number < 0 ? -number : number;
    if (size < INT64_C(100000000000)) return TIME_FORM_S;
    if (size < INT64_C(100000000000000)) return TIME_FORM_MS;
    if (size < INT64_C(100000000000000000)) return TIME_FORM_US;
    return TIME_FORM_NS;
}

static enum verdict parse_number(const char *text, size_t size, enum decimal_grammar grammar,
                                 enum time_form form, int64_t *event_ms)
{
    enum verdict verdict = VERDICT_OK;
    if (form == TIME_FORM_AUTO) {
        int64_t number = 0;
        verdict = decimal_parse_scaled(text, size, grammar, 0, &number);
        form = form_by_size(number);
        if (verdict == VERDICT_OK && form == TIME_FORM_MS) {
            *event_ms = number;
            return VERDICT_OK;
        }
    }
    if (verdict == VERDICT_OK) {
        verdict = decimal_parse_scaled(text, size, grammar, scale_of(form), event_ms);
    }
    return verdict == VERDICT_RANGE ? VERDICT_TIME : verdict;
}

enum verdict event_time_parse(const char *text, size_t size, bool is_text, enum time_form form,
                              int64_t *event_ms)
{
    /* A date has its first dash behind the year; no number has one there but behind an e. */
    bool is_date = is_text && size > 4 && text[4] == '-' && text[3] != 'e' && text[3] != 'E';
    if (form == TIME_FORM_ISO || (form == TIME_FORM_AUTO && is_date)) {
        return is_text ? parse_iso(text, size, event_ms) : VERDICT_SYNTAX;
    }
    return parse_number(text, size, is_text ? DECIMAL_PLAIN : DECIMAL_JSON, form, event_ms);
}
