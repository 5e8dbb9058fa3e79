/* plan_traffic: what one device causes, found out by a rehearsal: a stream of one device is given
 * readings on a clock of its own, and what it would journal, store and send is measured with the
 * very code that will do it.  Pure but for the memory of that stream. */
#ifndef ISOTHERM_PLAN_TRAFFIC_H
#define ISOTHERM_PLAN_TRAFFIC_H

#include "base/status.h"
#include "config.h"

#include <stddef.h>
#include <stdint.h>

/* Of one kind of window, on average. */
struct plan_kind {
    int64_t records_per_day_milli; /* of one device, in thousandths */
    int64_t stored_bytes;          /* of a record as the store keeps it, without the file's own */
    int64_t json_bytes;
    int64_t packet_bytes;
};

struct plan_traffic {
    struct plan_kind kinds[LIMIT_WINDOWS];
    size_t kind_count;
    int64_t journal_milli_bytes; /* of one device in one commit, in thousandths of a byte */
    int64_t state_bytes;         /* of the whole state of one device in the journal */
};

struct plan_rhythm {
    int64_t every_ms;  /* a reading */
    int64_t commit_ms; /* a commit */
    int64_t id_bytes;  /* of the device */
};

/* ST_INVALID: the windows do not fit together, or no such id; ST_NO_MEMORY. */
enum status plan_rehearse(struct plan_traffic *traffic, const struct config *config,
                          const struct plan_rhythm *rhythm) ISOTHERM_CHECK;

/* What a device's habit takes in the journal when every hour of the day has been learned; 0 in a
 * program without learned alarms. */
int64_t plan_habit_bytes(const struct config *config, int64_t id_bytes);

#endif
