/* Invariant: over any time t, what a load that the interval can hold back has cost is at most what
 * was earned in t plus the savings of SAVINGS_MS at most. */
#include "store/wear.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define SPENT_MOST (INT64_C(1) << 36) /* bytes in one commit, so that products fit */

enum {
    SAVINGS_MS = 3600000,   /* the account never holds more, nor owes more, than this earns */
    FIRST_COST = 16 * 1024, /* taken for the cost of a commit before the first was made */
    SMOOTHING = 8,
    DEBT_GAIN = 15,         /* an account at its lowest makes the interval so much longer */
    TIGHT_PART = 8,         /* of the largest debt: from there on nobody is served at once */
    REPORT_AFTER_MS = 60000 /* before that nothing is said of a whole day */
};

static int64_t savings_most(const struct wear *wear)
{
    return wear->budget_bytes * SAVINGS_MS;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    if (value < least) return least;
    return value > most ? most : value;
}

static int64_t choose_interval(const struct wear *wear)
{
    if (wear->fixed_ms > 0) return wear->fixed_ms;
    if (wear->budget_bytes == 0) return WEAR_LEAST_MS;
    int64_t earned_ms = wear->cost_bytes * DAY_MS / wear->budget_bytes;
    earned_ms = clamp(earned_ms, 0, WEAR_MOST_MS);
    int64_t most = savings_most(wear) / 1024; /* so that the products below fit */
    int64_t balance = wear->balance / 1024;
    if (most == 0) return WEAR_MOST_MS;
    int64_t interval_ms = balance >= 0
                              ? earned_ms * ((most - balance) * 1024 / most) / 1024
                              : earned_ms + earned_ms * DEBT_GAIN * (-balance * 1024 / most) / 1024;
    return clamp(interval_ms, WEAR_LEAST_MS, WEAR_MOST_MS);
}

void wear_init(struct wear *wear, int64_t budget_bytes, int64_t fixed_ms, int64_t now_mono_ms)
{
    memset(wear, 0, sizeof *wear);
    wear->budget_bytes = clamp(budget_bytes, 0, WEAR_BUDGET_MOST);
    wear->fixed_ms = fixed_ms;
    wear->cost_bytes = FIRST_COST;
    wear->began_mono_ms = wear->noted_mono_ms = now_mono_ms;
    wear->interval_ms = choose_interval(wear);
}

/* Hours that have passed since are empty. */
static void turn_hours(struct wear *wear, int64_t now_mono_ms)
{
    int64_t hour = (now_mono_ms - wear->began_mono_ms) / HOUR_MS;
    if (hour - wear->hour > WEAR_HOURS) wear->hour = hour - WEAR_HOURS;
    while (wear->hour < hour) wear->hours[++wear->hour % WEAR_HOURS] = 0;
}

static void settle(struct wear *wear, int64_t spent_bytes, int64_t now_mono_ms)
{
    int64_t most = savings_most(wear);
    int64_t elapsed_ms = clamp(now_mono_ms - wear->noted_mono_ms, 0, SAVINGS_MS);
    wear->balance = clamp(wear->balance + elapsed_ms * wear->budget_bytes, -most, most);
    if (spent_bytes > 2 * most / DAY_MS)
        wear->balance = -most;
    else
        wear->balance = clamp(wear->balance - spent_bytes * DAY_MS, -most, most);
}

void wear_note_commit(struct wear *wear, uint64_t total_bytes, int64_t now_mono_ms)
{
    uint64_t more = total_bytes > wear->total_bytes ? total_bytes - wear->total_bytes : 0;
    int64_t spent_bytes = more < SPENT_MOST ? (int64_t)more : SPENT_MOST;
    turn_hours(wear, now_mono_ms);
    wear->hours[wear->hour % WEAR_HOURS] += more;
    wear->total_bytes += more;
    settle(wear, spent_bytes, now_mono_ms);
    wear->noted_mono_ms = now_mono_ms;
    /* A commit of nothing costs nothing, and says nothing of the next one. */
    if (more > 0) wear->cost_bytes += (spent_bytes - wear->cost_bytes) / SMOOTHING;
    wear->interval_ms = choose_interval(wear);
}

struct wear_form wear_choose_form(int64_t interval_ms, int64_t budget_bytes, bool is_fixed,
                                  bool is_exceeded)
{
    struct wear_form form = {.interval_ms = interval_ms, .wal_percent = WEAR_WAL_PERCENT};
    int64_t percent = clamp(interval_ms, 0, WEAR_MOST_MS) * WEAR_WAL_PERCENT / WEAR_LEAST_MS;
    if (is_fixed) percent = is_exceeded ? WEAR_WAL_MOST_PERCENT : WEAR_WAL_PERCENT;
    if (budget_bytes > 0)
        form.wal_percent = (int)clamp(percent, WEAR_WAL_PERCENT, WEAR_WAL_MOST_PERCENT);
    return form;
}

struct wear_form wear_form(const struct wear *wear)
{
    return wear_choose_form(wear->interval_ms, wear->budget_bytes, wear->fixed_ms > 0,
                            wear->balance < 0);
}

int64_t wear_interval_ms(const struct wear *wear)
{
    return wear->interval_ms;
}

static bool is_tight(const struct wear *wear)
{
    return wear->fixed_ms == 0 && wear->budget_bytes > 0 &&
           wear->balance < -savings_most(wear) / TIGHT_PART;
}

int64_t wear_patience_ms(const struct wear *wear, int64_t patience_ms)
{
    if (!is_tight(wear)) return 0;
    return clamp(patience_ms, 0, wear->interval_ms);
}

static int64_t for_a_day(uint64_t total_bytes, int64_t span_s)
{
    enum { DAY_S = 86400 };
    const int64_t most = INT64_MAX / DAY_S;
    int64_t bytes = total_bytes < (uint64_t)most ? (int64_t)total_bytes : most;
    return bytes / span_s * DAY_S + bytes % span_s * DAY_S / span_s;
}

struct wear_report wear_report(const struct wear *wear, int64_t now_mono_ms)
{
    struct wear now = *wear;
    turn_hours(&now, now_mono_ms);
    struct wear_report report = {.written_bytes = now.total_bytes,
                                 .budget_bytes = now.budget_bytes,
                                 .interval_ms = now.interval_ms,
                                 .wal_percent = wear_form(&now).wal_percent,
                                 .is_fixed = now.fixed_ms > 0};
    for (size_t i = 0; i < WEAR_HOURS; i++) report.last_day_bytes += now.hours[i];
    int64_t run_ms = now_mono_ms - now.began_mono_ms;
    /* Whole hours but for the one that has begun. */
    int64_t span_ms = run_ms < DAY_MS ? run_ms : DAY_MS - HOUR_MS + run_ms % HOUR_MS;
    if (run_ms >= REPORT_AFTER_MS)
        report.per_day_bytes = for_a_day(report.last_day_bytes, span_ms / 1000);
    bool is_at_end = now.fixed_ms > 0 || now.interval_ms == WEAR_MOST_MS || is_tight(&now);
    report.is_over = now.budget_bytes > 0 && is_at_end && report.per_day_bytes > now.budget_bytes;
    return report;
}
