/* degrade_steps: the single steps of degrade, each a transaction.  Private to degrade. */
#ifndef ISOTHERM_STORE_DEGRADE_STEPS_H
#define ISOTHERM_STORE_DEGRADE_STEPS_H

#include "store/degrade.h"

/* Rows that are to go, as a walk finds them. */
struct degrade_leaving {
    struct degrade *degrade;
    struct seq_ranges offered;
    uint64_t since, last_seq, rows;
    struct notice_draft draft;
    uint64_t *seqs;
    size_t count, most;
    uint64_t notices[MERGE_NOTICES];
    size_t notice_count;
    size_t bytes, bytes_most;
    bool is_full;
    bool is_owed; /* the notice gets a number of its own */
};

void degrade_leaving_begin(struct degrade_leaving *leaving, struct degrade *degrade,
                           enum notice_reason reason);
void degrade_leave(struct degrade_leaving *leaving, const struct record *record);
void degrade_leave_notice(struct degrade_leaving *leaving, uint64_t seq); /* to be absorbed */

/* Each of the following leaves *state as the database has it. */

/* Removes the rows and writes the notices. */
enum status degrade_let_go(struct degrade_leaving *leaving, enum lane lane,
                           struct meta_state *state) ISOTHERM_CHECK;

/* What degrade->merge.plan says. */
enum status degrade_apply_merge(struct degrade *degrade, struct meta_state *state) ISOTHERM_CHECK;

/* Some of the oldest views; sets are_views_done when there are no more. */
enum status degrade_drop_views(struct degrade *degrade, struct meta_state *state,
                               bool *has_gained) ISOTHERM_CHECK;

/* Some of the oldest that say the same as a finer kind; sets is_fold_done likewise. */
enum status degrade_fold(struct degrade *degrade, struct meta_state *state,
                         bool *has_gained) ISOTHERM_CHECK;

/* Some notices that say little become few. */
enum status degrade_tidy(struct degrade *degrade, struct meta_state *state) ISOTHERM_CHECK;

#endif
