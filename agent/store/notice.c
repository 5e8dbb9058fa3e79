/* Invariant: every number that is freed is in a range of one notice, or is the number of one. */
#include "store/notice.h"

#include "base/boot_times.h"

#include <string.h>

void notice_begin(struct notice_draft *draft, enum notice_reason reason, struct seq_range *memory,
                  size_t capacity)
{
    *draft = (struct notice_draft){.freed = {.ranges = memory, .capacity = capacity},
                                   .said = {.reason = reason},
                                   .clock = CLOCK_TRUSTED};
}

static void tell_times(struct notice_draft *draft, int64_t from_ms, int64_t to_ms)
{
    struct notice *said = &draft->said;
    bool is_first = said->from_ms == 0 && said->to_ms == 0;
    if (is_first || from_ms < said->from_ms) said->from_ms = from_ms;
    if (is_first || to_ms > said->to_ms) said->to_ms = to_ms;
}

void notice_tell(struct notice_draft *draft, const struct record *record)
{
    if (record->kind == RECORD_WINDOW) {
        const struct window_result *window = &record->window;
        bool is_by_time = window->size_count == 0;
        if (window->boot == 0)
            tell_times(draft, window->start_ms, is_by_time ? window->end_ms : window->end_ms + 1);
        if (draft->said.reason == NOTICE_DROPPED) draft->said.readings += window->summary.count;
        if (draft->said.reason == NOTICE_DROPPED) draft->said.lost++;
    } else if (record->kind == RECORD_ALARM) {
        if (!boot_times_is_uptime(record->alarm.event_ms))
            tell_times(draft, record->alarm.event_ms, record->alarm.event_ms + 1);
        draft->said.lost++;
    }
    if (record->created_ms > draft->created_ms) draft->created_ms = record->created_ms;
    if (record->clock < draft->clock) draft->clock = record->clock;
}

enum status notice_add(struct notice_draft *draft, uint64_t seq)
{
    if (!seq_ranges_add(&draft->freed, seq, seq)) return ST_FULL;
    draft->numbers++;
    return ST_OK;
}

enum status notice_absorb(struct notice_draft *draft, struct outbox *outbox, uint64_t seq,
                          struct meta_state *state)
{
    struct record record;
    enum status status = outbox_read(outbox, LANE_WINDOW, seq, &record);
    if (status != ST_OK) return status;
    const struct notice *notice = &record.notice;
    bool is_fitting =
        record.kind == RECORD_NOTICE && notice->reason != NOTICE_DAMAGED &&
        (notice->reason == draft->said.reason || draft->said.reason == NOTICE_DROPPED);
    if (!is_fitting || draft->freed.capacity - draft->freed.count <= NOTICE_RANGES) return ST_OK;
    for (uint32_t i = 0; i < notice->range_count; i++)
        (void)seq_ranges_add(&draft->freed, notice->ranges[i].first, notice->ranges[i].last);
    if (notice->to_ms > notice->from_ms) tell_times(draft, notice->from_ms, notice->to_ms);
    draft->said.readings += notice->readings;
    draft->said.lost += notice->lost;
    if (draft->said.reason == NOTICE_MERGED) draft->said.covered += notice->covered;
    notice_tell(draft, &record);
    status = notice_add(draft, seq);
    return status == ST_OK ? outbox_remove(outbox, LANE_WINDOW, seq, state) : status;
}

/* One notice for some of the ranges, under the last of their numbers. */
static enum status write_one(const struct notice_draft *draft, const struct seq_range *ranges,
                             size_t count, bool has_totals, struct outbox *outbox,
                             struct meta_state *state)
{
    struct record record;
    memset(&record, 0, sizeof record);
    record.kind = RECORD_NOTICE;
    record.created_ms = draft->created_ms;
    record.clock = draft->clock;
    record.notice = draft->said;
    if (!has_totals) record.notice.readings = record.notice.covered = record.notice.lost = 0;
    memcpy(record.notice.ranges, ranges, count * sizeof *ranges);
    record.notice.range_count = (uint32_t)count;
    struct seq_range *last = &record.notice.ranges[count - 1];
    record.seq = last->last;
    if (last->first == last->last)
        record.notice.range_count--;
    else
        last->last--;
    return outbox_put(outbox, LANE_WINDOW, &record, state);
}

enum status notice_write(struct notice_draft *draft, struct outbox *outbox,
                         struct meta_state *state)
{
    uint64_t written = 0;
    for (size_t at = 0; at < draft->freed.count; at += NOTICE_RANGES) {
        size_t count = draft->freed.count - at;
        if (count > NOTICE_RANGES) count = NOTICE_RANGES;
        enum status status =
            write_one(draft, draft->freed.ranges + at, count, at == 0, outbox, state);
        if (status != ST_OK) return status;
        written++;
    }
    uint64_t gone = draft->numbers - written;
    if (draft->said.reason == NOTICE_MERGED)
        state->merged += gone;
    else
        state->dropped += gone;
    return ST_OK;
}
