/* merge_plan: looks through the window lane from a place on and notes which records can become one.
 *
 * It sees records in the order of their numbers, so that, once a device has shown a reading late
 * enough, nothing more can come that belongs to its older windows.  What does not fit into the
 * fixed memory is left for the next look: fewer spans of time at a time, then fewer devices. */
#ifndef ISOTHERM_STORE_MERGE_PLAN_H
#define ISOTHERM_STORE_MERGE_PLAN_H

#include "store/outbox.h"
#include "store/seq_ranges.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MERGE_RUNS = 128,   /* records made in one transaction at most */
    MERGE_NOTICES = 64, /* notices made anew in one transaction at most */
    MERGE_PLACES = 4096,
    MERGE_NO_RUN = UINT16_MAX
};

struct merge_entry {
    uint64_t seq;
    uint64_t device; /* hash of the id */
    uint64_t rank;   /* the device's place in the order of devices */
    int64_t size_ms, every_ms, start_ms, end_ms;
    uint32_t revision, part, boot;
    uint16_t slot;  /* of the device */
    uint16_t run;   /* what it goes into; MERGE_NO_RUN */
    uint16_t place; /* where on the disk it lies, roughly */
    bool is_merged : 1, is_offered : 1, is_provisional : 1;
    bool is_added : 1; /* the edition that counts; others of the run are replaced by it */
};

struct merge_device {
    uint64_t hash; /* 0: free */
    uint64_t rank;
    int64_t newest_ms;   /* event time of a reading */
    int64_t needed_ms;   /* when it has shown such a one, all that was noted of it is settled */
    uint32_t boot, part; /* those of the highest part; newest_ms and needed_ms are on that clock */
};

/* What a look is for. */
struct merge_task {
    uint64_t after;
    int64_t target_ms;
    int64_t newest_ms;           /* event time of a reading: what waits for a later one is left */
    int64_t newest_uptime_ms;    /* likewise, of windows of that boot (struct window_result) */
    uint32_t newest_boot;        /* 0: none has such */
    bool takes_unfinished;       /* windows that are settled, though the span is not over */
    uint32_t modulus, remainder; /* only devices with that remainder; 1, 0: all */
};

struct merge_plan {
    struct merge_entry *entries;
    size_t capacity, count;
    struct merge_device *devices, *spare_devices;
    size_t device_slots, device_count;
    const struct store_kinds *kinds;
    size_t page_limit; /* of a transaction */
    struct seq_ranges offered;
    struct merge_task task;
    int64_t first_span_ms, region_end_ms;
    uint32_t spans, unsettled;
    uint64_t first_seq, last_seq, deferred_seq, rows;
    int64_t deferred_ms;
    size_t bytes;
    uint64_t notices[MERGE_NOTICES];
    size_t notice_count;
    uint8_t is_touched[MERGE_PLACES / 8];
    size_t touched;
    bool has_region, has_stopped, is_out_of_room;
    /* The result. */
    size_t run_count, planned; /* records to be made, and to be replaced by them */
    uint64_t unsettled_seq;    /* the first record that is waited for; 0: none */
    bool has_more;             /* the transaction is full before all was planned */
};

/* How many records a plan may touch, and what merge_plan_init allocates. */
size_t merge_plan_count_entries(int64_t batch_bytes);
size_t merge_plan_size_bytes(int64_t batch_bytes);

/* Allocates.  ST_NO_MEMORY. */
enum status merge_plan_init(struct merge_plan *plan, int64_t batch_bytes,
                            const struct store_kinds *kinds) ISOTHERM_CHECK;
void merge_plan_fini(struct merge_plan *plan);

/* Looks, and plans one transaction.  `offered` must outlive the plan's use. */
enum status merge_plan_make(struct merge_plan *plan, struct outbox *outbox,
                            const struct merge_task *task,
                            struct seq_ranges offered) ISOTHERM_CHECK;

/* The hash of an id; and by heap, in place, since the C library's sort may allocate. */
uint64_t merge_plan_hash(const char *id);
void merge_plan_sort(struct merge_entry *entries, size_t count,
                     int (*order)(const struct merge_entry *a, const struct merge_entry *b));

#endif
