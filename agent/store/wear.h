/* wear: how often to commit and how seldom to write back, so that the flash is not written more
 * than it can stand.
 *
 * An account earns the daily budget, evenly, and pays for what was really written.  The interval
 * between commits is what a commit costs divided by what is earned, longer while the account is
 * overdrawn, shorter while there are savings, and always within WEAR_LEAST_MS and WEAR_MOST_MS.
 * So a steady load is kept within the budget, as far as the interval reaches, and a low one is
 * committed each second.  When the budget binds, the WAL grows longer before it is written back, so
 * that a page that many commits change goes back once.  Pure; the caller brings the time. */
#ifndef ISOTHERM_STORE_WEAR_H
#define ISOTHERM_STORE_WEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEAR_LEAST_MS = 1000,
    WEAR_MOST_MS = 60000,
    WEAR_WAL_PERCENT = 100, /* of its usual length */
    WEAR_WAL_MOST_PERCENT = 400,
    WEAR_HOURS = 24 /* what was written is kept by the hour, for a day */
};

#define WEAR_BUDGET_MOST (INT64_C(1) << 38) /* bytes per day */

/* Embedded by its owner; the fields are private. */
struct wear {
    int64_t budget_bytes; /* per day; 0: no limit */
    int64_t fixed_ms;     /* interval that was asked for; 0: it follows from the budget */
    int64_t balance;      /* in bytes times the milliseconds of a day: nothing is rounded away */
    int64_t cost_bytes;   /* of a commit, smoothed */
    int64_t interval_ms;
    int64_t began_mono_ms, noted_mono_ms;
    uint64_t total_bytes; /* since the beginning */
    uint64_t hours[WEAR_HOURS];
    int64_t hour; /* of the run, the one being counted */
};

/* A zero `fixed_ms` lets the budget (at most WEAR_BUDGET_MOST) decide. */
void wear_init(struct wear *wear, int64_t budget_bytes, int64_t fixed_ms, int64_t now_mono_ms);

/* A commit was made; `total_bytes` is what was written since the beginning, its own included. */
void wear_note_commit(struct wear *wear, uint64_t total_bytes, int64_t now_mono_ms);

/* How commits are made: how long after one the next is due, and how long the WAL grows before it is
 * written back. */
struct wear_form {
    int64_t interval_ms;
    int wal_percent;
};

/* The form that goes with an interval.  One that follows from the budget says how scarce that is:
 * where commits have to be rarer than the least interval, the WAL grows in proportion.  One that
 * was asked for says nothing, so there it matters whether the budget is exceeded. */
struct wear_form wear_choose_form(int64_t interval_ms, int64_t budget_bytes, bool is_fixed,
                                  bool is_exceeded);

/* The form now. */
struct wear_form wear_form(const struct wear *wear);

/* Its interval. */
int64_t wear_interval_ms(const struct wear *wear);

/* How long a commit may wait that somebody asked for who could wait for `patience_ms`: not at
 * all while the budget is kept. */
int64_t wear_patience_ms(const struct wear *wear, int64_t patience_ms);

struct wear_report {
    uint64_t written_bytes;  /* since the beginning */
    uint64_t last_day_bytes; /* in the last 24 hours, to the hour */
    int64_t per_day_bytes;   /* the same for a whole day; 0: too early to say */
    int64_t budget_bytes;    /* 0: no limit */
    int64_t interval_ms;     /* now */
    int wal_percent;         /* likewise */
    bool is_fixed;           /* the configuration says the interval */
    bool is_over;            /* more is written than the interval can hold back */
};

struct wear_report wear_report(const struct wear *wear, int64_t now_mono_ms);

#endif
