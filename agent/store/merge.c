/* Invariant: readings are in the store exactly once per kind of window, before and after. */
#include "store/merge.h"

#include "store/merge_rules.h"

#include <stdlib.h>
#include <string.h>

static size_t count_ranges(size_t entries)
{
    return entries + (size_t)MERGE_NOTICES * NOTICE_RANGES;
}

size_t merge_size_bytes(int64_t batch_bytes)
{
    size_t entries = merge_plan_count_entries(batch_bytes);
    return merge_plan_size_bytes(batch_bytes) + MERGE_RUNS * sizeof(struct merge_output) +
           entries * sizeof(uint64_t) + count_ranges(entries) * sizeof(struct seq_range);
}

enum status merge_init(struct merge *merge, int64_t batch_bytes, const struct store_kinds *kinds)
{
    memset(merge, 0, sizeof *merge);
    enum status status = merge_plan_init(&merge->plan, batch_bytes, kinds);
    if (status != ST_OK) return status;
    merge->range_capacity = count_ranges(merge->plan.capacity);
    merge->outputs = calloc(MERGE_RUNS, sizeof *merge->outputs);
    merge->seqs = calloc(merge->plan.capacity, sizeof *merge->seqs);
    merge->ranges = calloc(merge->range_capacity, sizeof *merge->ranges);
    if (merge->outputs != NULL && merge->seqs != NULL && merge->ranges != NULL) return ST_OK;
    merge_fini(merge);
    return ST_NO_MEMORY;
}

void merge_fini(struct merge *merge)
{
    merge_plan_fini(&merge->plan);
    free(merge->outputs);
    free(merge->seqs);
    free(merge->ranges);
    memset(merge, 0, sizeof *merge);
}

void merge_sort_numbers(uint64_t *numbers, size_t count)
{
    size_t gap = 1;
    while (gap < count / 3) gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3) {
        for (size_t i = gap; i < count; i++) {
            uint64_t moved = numbers[i];
            size_t at = i;
            for (; at >= gap && numbers[at - gap] > moved; at -= gap)
                numbers[at] = numbers[at - gap];
            numbers[at] = moved;
        }
    }
}

/* ---- reading ---- */

static void join(struct merge_output *output, const struct record *record, bool is_added)
{
    if (!is_added) { /* what it says it refused since the edition before is said nowhere else */
        output->missed += record->window.missed;
        output->rejected += record->window.rejected;
        return;
    }
    bool is_begun = output->record.window.merged > 0;
    if (is_begun && (strcmp(output->record.device, record->device) != 0 ||
                     output->record.window.boot != record->window.boot))
        output->is_void = true;
    if (!output->is_void && merge_rules_add(&output->record, record) != ST_OK)
        output->is_void = true;
}

static enum status read_parts(struct merge *merge, struct outbox *outbox)
{
    memset(merge->outputs, 0, merge->plan.run_count * sizeof *merge->outputs);
    for (size_t i = 0; i < merge->plan.count; i++) {
        const struct merge_entry *entry = &merge->plan.entries[i];
        if (entry->run == MERGE_NO_RUN) continue;
        struct record record;
        enum status status = outbox_read(outbox, LANE_WINDOW, entry->seq, &record);
        if (status != ST_OK) return status == ST_NOT_FOUND ? ST_CORRUPT : status;
        join(&merge->outputs[entry->run], &record, entry->is_added);
    }
    return ST_OK;
}

/* ---- writing ---- */

/* The numbers of all parts, ascending. */
static size_t collect_numbers(struct merge *merge)
{
    size_t count = 0;
    for (size_t i = 0; i < merge->plan.count; i++) {
        const struct merge_entry *entry = &merge->plan.entries[i];
        if (entry->run == MERGE_NO_RUN || merge->outputs[entry->run].is_void) continue;
        merge->seqs[count++] = entry->seq;
    }
    merge_sort_numbers(merge->seqs, count);
    return count;
}

static size_t count_outputs(const struct merge *merge)
{
    size_t count = 0;
    for (size_t i = 0; i < merge->plan.run_count; i++) count += !merge->outputs[i].is_void;
    return count;
}

/* Under the highest of the numbers: what is free lies together then, and so do the records. */
static enum status put_outputs(struct merge *merge, const uint64_t *seqs, struct outbox *outbox,
                               struct notice_draft *draft, struct meta_state *state)
{
    for (size_t i = 0; i < merge->plan.run_count; i++) {
        struct merge_output *output = &merge->outputs[i];
        if (output->is_void) continue;
        struct window_result *window = &output->record.window;
        window->missed += output->missed;
        window->rejected += output->rejected;
        output->record.seq = *seqs++;
        notice_tell(draft, &output->record);
        enum status status = outbox_put(outbox, LANE_WINDOW, &output->record, state);
        if (status != ST_OK) return status;
    }
    return ST_OK;
}

static enum status absorb_notices(struct merge *merge, uint64_t last, struct outbox *outbox,
                                  struct notice_draft *draft, struct meta_state *state)
{
    enum status status = ST_OK;
    for (size_t i = 0; i < merge->plan.notice_count && status == ST_OK; i++) {
        uint64_t seq = merge->plan.notices[i];
        if (seq < last) status = notice_absorb(draft, outbox, seq, state);
    }
    return status;
}

enum status merge_apply(struct merge *merge, struct outbox *outbox, struct meta_state *state)
{
    struct notice_draft draft;
    notice_begin(&draft, NOTICE_MERGED, merge->ranges, merge->range_capacity);
    enum status status = read_parts(merge, outbox);
    if (status != ST_OK) return status;
    size_t count = collect_numbers(merge), made = count_outputs(merge);
    if (count == 0) return ST_OK;
    for (size_t i = 0; i < count && status == ST_OK; i++)
        status = outbox_remove(outbox, LANE_WINDOW, merge->seqs[i], state);
    if (status == ST_OK)
        status = put_outputs(merge, merge->seqs + count - made, outbox, &draft, state);
    for (size_t i = 0; i < count - made && status == ST_OK; i++)
        status = notice_add(&draft, merge->seqs[i]);
    if (status == ST_OK)
        status = absorb_notices(merge, merge->seqs[count - 1], outbox, &draft, state);
    return status == ST_OK ? notice_write(&draft, outbox, state) : status;
}
