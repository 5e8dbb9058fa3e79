/* plant_state: what the two files of the plant share: plant.c lives it, plant_verify.c compares. */
#ifndef ISOTHERM_TESTS_OUTAGE_PLANT_STATE_H
#define ISOTHERM_TESTS_OUTAGE_PLANT_STATE_H

#include "outage/plant.h"

#define START_MS INT64_C(1760004000000) /* the beginning of an hour */

struct tally {
    uint64_t count;
    int64_t sum_micro, min_micro, max_micro;
};

/* A window as the consumer knows it. */
struct seen {
    int64_t start_ms, end_ms;
    uint32_t device, kind, revision;
    bool is_used;
    struct tally tally;
};

struct plant {
    struct plant_options options;
    uint64_t random;
    char folder[64];
    struct stream_options stream_options;
    struct stream *stream;
    struct store_options store_options;
    struct writer writer;
    struct log log;
    struct batch batch;
    struct store_found found;
    uint64_t next_seq;
    int64_t wall_ms, end_ms;
    int64_t *due_ms, *silent_until_ms; /* per device */
    int64_t *value_micro;
    uint64_t readings, alarms;
    int64_t most_bytes, longest_ms;
    /* oracle: [device][hour] */
    struct tally *hours;
    size_t hour_count;
    /* consumer */
    struct seen *seen;
    size_t seen_slots, seen_count;
    uint8_t *by_seq;
    size_t seqs;
    uint64_t received, missed[LIMIT_WINDOWS], notices;
    uint64_t *contents; /* by number: a hash of what came */
    uint64_t told[OWED_KINDS];
};

enum { SEQ_RECEIVED = 1, SEQ_MERGED = 2, SEQ_DROPPED = 8 };

void *plant_claim(size_t count, size_t size);
void plant_add(struct tally *into, const struct tally *from);

#endif
