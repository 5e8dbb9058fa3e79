/* merge_rules: which records may become one, and when.  Pure. */
#ifndef ISOTHERM_STORE_MERGE_RULES_H
#define ISOTHERM_STORE_MERGE_RULES_H

#include "store/store.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum merge_class {
    MERGE_NEVER, /* nothing else holds its readings, and adding it would count some twice */
    MERGE_VIEW,  /* its readings are in records of another kind, or in its neighbours */
    MERGE_MEMBER /* adjacent ones of its kind add up exactly */
};

/* The class of a window among the kinds of windows that are made. */
enum merge_class merge_rules_classify(const struct store_kinds *kinds,
                                      const struct window_result *window);

/* Once a device has shown a reading so much later than the start of a window, no reading can
 * reach that window any more.  Kinds that are not made any more get the longest of all. */
int64_t merge_rules_settle_ms(const struct store_kinds *kinds, int64_t size_ms, int64_t every_ms);

/* A number that stands for the kinds as a whole: other windows, another number. */
uint64_t merge_rules_mark(const struct store_kinds *kinds);

/* The start of the span of `size_ms` that holds time_ms. */
int64_t merge_rules_floor(int64_t time_ms, int64_t size_ms);

/* Merges `from` into `into`, of the same device and kind; `into` with merged == 0 and count 0
 * begins.  ST_FULL: a total would overflow. */
enum status merge_rules_add(struct record *into, const struct record *from) ISOTHERM_CHECK;

#endif
