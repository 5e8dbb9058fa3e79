/* Invariant: a version stands for one content of the notice, so that what was told and what has
 * come up since are never confused. */
#include "store/owed.h"

#include "store/batch.h"
#include "store/record_codec.h"

#include <string.h>

#define TIME_KNOWN_MS INT64_C(1000000000000) /* no gateway is older */

static const enum notice_reason reasons[OWED_KINDS] = {
    [OWED_DROPPED] = NOTICE_DROPPED, [OWED_DAMAGED] = NOTICE_DAMAGED};

struct notice *owed_change(struct owed *owed, enum owed_kind kind)
{
    if (owed->versions[kind] == 0) owed->notices[kind] = (struct notice){.reason = reasons[kind]};
    owed->versions[kind] = ++owed->newest;
    return &owed->notices[kind];
}

void owed_add_range(struct notice *notice, uint64_t first, uint64_t last)
{
    struct seq_ranges set = {
        .ranges = notice->ranges, .capacity = NOTICE_RANGES, .count = notice->range_count};
    if (first == 0 || first > last) return;
    seq_ranges_add_loosely(&set, first, last);
    notice->range_count = (uint32_t)set.count;
}

void owed_add_span(struct notice *notice, int64_t from_ms, int64_t to_ms)
{
    if (from_ms >= to_ms) return;
    bool is_first = notice->from_ms >= notice->to_ms;
    if (is_first || from_ms < notice->from_ms) notice->from_ms = from_ms;
    if (is_first || to_ms > notice->to_ms) notice->to_ms = to_ms;
}

void owed_add_notice(struct notice *notice, const struct notice *more)
{
    owed_add_span(notice, more->from_ms, more->to_ms);
    notice->readings += more->readings;
    notice->lost += more->lost;
    notice->blobs += more->blobs;
    for (uint32_t i = 0; i < more->range_count; i++)
        owed_add_range(notice, more->ranges[i].first, more->ranges[i].last);
}

static bool tell_one(const struct notice *notice, struct batch *batch, int64_t now_wall_ms,
                     enum clock_quality clock, uint64_t seq)
{
    struct record record;
    memset(&record, 0, sizeof record);
    record.seq = seq;
    record.kind = RECORD_NOTICE;
    record.created_ms = now_wall_ms;
    record.clock = now_wall_ms < TIME_KNOWN_MS ? CLOCK_UNSET : clock;
    record.notice = *notice;
    if (notice->from_ms >= notice->to_ms)
        record.notice.from_ms = record.notice.to_ms = record.clock == CLOCK_UNSET ? 0 : now_wall_ms;
    return batch_add_record(batch, &record) == ST_OK;
}

void owed_tell(const struct owed *owed, uint64_t told[OWED_KINDS], struct batch *batch,
               int64_t now_wall_ms, enum clock_quality clock, uint64_t *next_seq)
{
    for (int kind = 0; kind < OWED_KINDS; kind++) {
        uint64_t version = owed->versions[kind];
        if (version == 0 || version == told[kind]) continue;
        if (!tell_one(&owed->notices[kind], batch, now_wall_ms, clock, *next_seq)) continue;
        ++*next_seq;
        told[kind] = batch->told[kind] = version;
    }
}

void owed_settle(struct owed *owed, const uint64_t told[OWED_KINDS])
{
    for (int kind = 0; kind < OWED_KINDS; kind++)
        if (told[kind] == owed->versions[kind]) owed->versions[kind] = 0;
}

static bool is_same(const struct owed *a, const struct owed *b, enum owed_kind kind)
{
    uint8_t bytes[RECORD_CODEC_MAX], others[RECORD_CODEC_MAX];
    size_t size = owed_encode(a, kind, bytes);
    return size == owed_encode(b, kind, others) && memcmp(bytes, others, size) == 0;
}

void owed_follow(struct owed *owed, const struct owed *before)
{
    owed->newest = before->newest;
    for (int kind = 0; kind < OWED_KINDS; kind++) {
        if (owed->versions[kind] == 0) continue;
        bool is_known = before->versions[kind] != 0 && is_same(owed, before, (enum owed_kind)kind);
        owed->versions[kind] = is_known ? before->versions[kind] : ++owed->newest;
    }
}

size_t owed_encode(const struct owed *owed, enum owed_kind kind, uint8_t *bytes)
{
    struct record record;
    memset(&record, 0, sizeof record);
    record.kind = RECORD_NOTICE;
    record.notice = owed->notices[kind];
    return record_codec_encode(&record, bytes, RECORD_CODEC_MAX);
}

enum status owed_decode(struct owed *owed, enum owed_kind kind, const uint8_t *bytes, size_t size)
{
    struct record record;
    if (bytes == NULL || record_codec_decode(bytes, size, 0, &record) != ST_OK) return ST_CORRUPT;
    if (record.kind != RECORD_NOTICE || record.notice.reason != reasons[kind]) return ST_CORRUPT;
    *owed_change(owed, kind) = record.notice;
    return ST_OK;
}
