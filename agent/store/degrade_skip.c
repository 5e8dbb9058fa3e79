/* Invariant: each number of the batch is then that of a record in the outbox, or in a notice. */
#include "store/degrade.h"

#include "store/record_codec.h"

/* A number for which the draft has no place begins another one. */
static enum status name(struct degrade *degrade, struct notice_draft *draft,
                        const struct record *record, struct meta_state *state)
{
    enum status status = notice_add(draft, record->seq);
    if (status == ST_FULL) {
        status = notice_write(draft, degrade->outbox, state);
        notice_begin(draft, NOTICE_DROPPED, degrade->merge.ranges, degrade->merge.range_capacity);
        if (status == ST_OK) status = notice_add(draft, record->seq);
    }
    notice_tell(draft, record);
    return status;
}

enum status degrade_insert_without_windows(struct degrade *degrade, const struct batch *batch,
                                           struct meta_state *state)
{
    struct notice_draft draft;
    struct batch_record row;
    struct record record;
    enum status status = ST_OK;
    notice_begin(&draft, NOTICE_DROPPED, degrade->merge.ranges, degrade->merge.range_capacity);
    for (size_t cursor = 0; status == ST_OK && batch_next_record(batch, &cursor, &row);) {
        bool is_window = row.lane == LANE_WINDOW &&
                         record_codec_decode(row.bytes, row.size, row.seq, &record) == ST_OK &&
                         record.kind == RECORD_WINDOW;
        if (!is_window) {
            status = outbox_add(degrade->outbox, &row, state);
            continue;
        }
        state->written++;
        status = name(degrade, &draft, &record, state);
    }
    if (status == ST_OK) status = notice_write(&draft, degrade->outbox, state);
    if (status == ST_OK && batch->next_seq != 0) state->next_seq = batch->next_seq;
    return status;
}
