/* merge: puts what a plan found into one record each, in a transaction of its own. */
#ifndef ISOTHERM_STORE_MERGE_H
#define ISOTHERM_STORE_MERGE_H

#include "store/merge_plan.h"
#include "store/meta.h"
#include "store/notice.h"
#include "store/outbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MERGE_GAIN = 8 }; /* rows fewer that make a transaction worth its while */

struct merge_output {
    struct record record;
    uint32_t missed, rejected; /* of editions that are replaced */
    bool is_void;              /* its parts do not go together after all: they stay */
};

struct merge {
    struct merge_plan plan;
    struct merge_output *outputs; /* MERGE_RUNS */
    uint64_t *seqs;               /* as many as the plan has entries */
    struct seq_range *ranges;
    size_t range_capacity;
};

/* What merge_init allocates. */
size_t merge_size_bytes(int64_t batch_bytes);

/* Allocates.  ST_NO_MEMORY. */
enum status merge_init(struct merge *merge, int64_t batch_bytes,
                       const struct store_kinds *kinds) ISOTHERM_CHECK;
void merge_fini(struct merge *merge);

/* Inside the caller's transaction: merges what merge->plan says and counts in `state`. */
enum status merge_apply(struct merge *merge, struct outbox *outbox,
                        struct meta_state *state) ISOTHERM_CHECK;

/* Ascending, in place, without memory. */
void merge_sort_numbers(uint64_t *numbers, size_t count);

#endif
