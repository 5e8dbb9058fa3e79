/* alarm_journal: the bytes of the engine's journal entries, shared by the two files that write and
 * read them.  Loop thread only. */
#ifndef ISOTHERM_ALARM_JOURNAL_H
#define ISOTHERM_ALARM_JOURNAL_H

#include "alarm/alarm_engine.h"
#include "base/pack.h"

enum {
    ALARM_ENTRY_TAG = 'A', /* first byte; entries of others begin otherwise */
    ALARM_ENTRY_VERSION = 1,
    ALARM_ENTRY_BITS = 17,
    ALARM_FIGURES = 24,
    ALARM_MORE_FIGURES = 5 /* at the end of an entry; older entries have none */
};

enum alarm_entry {
    ALARM_ENTRY_STATE,
    ALARM_ENTRY_FORGET,
    ALARM_ENTRY_COMMON,
    ALARM_ENTRY_HABIT,
    ALARM_ENTRY_COUNT
};

/* The figures that are kept, in their order; returns how many. */
size_t alarm_journal_figures(struct alarm_counts *counts, uint64_t *figures[ALARM_FIGURES]);
size_t alarm_journal_more_figures(struct alarm_counts *counts,
                                  uint64_t *figures[ALARM_MORE_FIGURES]);

#endif
