/* plan: what a configuration will use, computed before anything runs: every byte of memory, the
 * hours of outage that the store holds, bytes to flash and to the centre each day.
 *
 * What our code allocates is asked of the same functions that allocate it.  What the libraries and
 * the system take was measured; docs/plan.md says how, and with which versions.  Whoever plans
 * wants to know what is enough, so every estimate lies a little above what was measured.
 * Pure but for the memory that plan_make borrows while it runs. */
#ifndef ISOTHERM_PLAN_H
#define ISOTHERM_PLAN_H

#include "base/status.h"
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAN_PARTS = 24 + LIMIT_SOURCES, PLAN_LEVELS = 8 };

/* What the configuration does not say. */
struct plan_assumptions {
    int64_t every_ms;   /* a device sends a reading so often; 0: expected_every, else 1 s */
    int64_t id_bytes;   /* length of a device's id */
    int64_t devices;    /* that send; 0: as many as the table holds */
    int64_t latency_ms; /* a message to the centre and its acknowledgement back */
};

struct plan_assumptions plan_assume(void);

/* Memory of one part. */
struct plan_part {
    char name[64];
    bool is_ours;           /* allocated by our code, once, at start */
    int64_t bytes;          /* allocated, or mapped */
    int64_t resident_bytes; /* of these, in memory once every device has sent and closed windows */
};

/* How long an outage may last if everything waiting were merged to windows of this length. */
struct plan_level {
    int64_t resolution_ms; /* 0: as configured, nothing merged */
    int64_t records_per_hour;
    int64_t covered_ms;
};

struct plan {
    struct plan_assumptions assumed; /* completed */
    struct plan_part parts[PLAN_PARTS];
    size_t part_count;
    int64_t device_bytes;    /* of the table, for each device */
    int64_t ours_bytes;      /* sum of what is ours */
    int64_t resident_bytes;  /* sum, as the kernel counts the process (VmRSS) */
    int64_t anonymous_bytes; /* of these, memory that is no file's (RssAnon) */

    int64_t records_per_day;
    int64_t json_bytes;            /* of a record, on average */
    int64_t packet_bytes;          /* of a record as an MQTT packet, topic and head included */
    int64_t payload_bytes_per_day; /* JSON alone */
    int64_t uplink_bytes_per_day;  /* MQTT packets */

    int64_t record_bytes;  /* of a record in the file, on average */
    int64_t outbox_bytes;  /* of the budget, for records */
    int64_t journal_bytes; /* of a commit */
    struct plan_level levels[PLAN_LEVELS];
    size_t level_count;
    int64_t commits_per_day;
    int64_t flash_bytes_per_day; /* written by SQLite, WAL and write-back included */
    int64_t flash_budget_bytes;  /* a day; 0: no limit */
    int64_t commit_every_ms;     /* as configured, or as follows from the budget */
    int wal_percent;             /* of its usual length, at which the WAL is written back */
    bool is_commit_fixed;

    int64_t drain_records_per_s; /* while the centre keeps up */
    int64_t drain_day_ms;        /* to make up for a day without the centre */
    int64_t drain_full_ms;       /* for as much as the store holds as configured */
};

/* ST_INVALID: the windows do not fit together (config_load has said why); ST_NO_MEMORY. */
enum status plan_make(struct plan *plan, const struct config *config,
                      const struct plan_assumptions *assumptions) ISOTHERM_CHECK;

/* The part that check holds against the board: what the process will have in memory. */
int64_t plan_resident_bytes(const struct config *config);

#endif
