/* plant: devices, a gateway's stream and store, and a centre that is away for long.
 *
 * The real stream and the real writer of the store without threads.  Beside them an oracle that saw
 * every reading, and a consumer that knows only what it was sent: it drops known numbers, takes the
 * highest revision, adds up, and wants every number that did not come to be named by a notice. */
#ifndef ISOTHERM_TESTS_OUTAGE_PLANT_H
#define ISOTHERM_TESTS_OUTAGE_PLANT_H

#include "store/writer.h"
#include "stream/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct plant_options {
    uint64_t seed;
    uint32_t devices;
    struct window_spec windows[LIMIT_WINDOWS];
    size_t window_count;
    int64_t every_ms; /* a device measures */
    int64_t lateness_ms;
    int64_t commit_every_ms;
    int64_t batch_bytes;
    int64_t budget_bytes;      /* below 0: so much more than the least */
    unsigned late_permille;    /* readings that come later than others, some of them too late */
    unsigned silent_permille;  /* chance, per device and hour, of an hour without readings */
    unsigned alarm_permille;   /* chance, per commit, of an alarm, ... */
    unsigned alarms_at_once;   /* ... or of so many */
    unsigned reopen_permille;  /* chance, per commit, that the store is closed and opened again */
    unsigned glimpse_permille; /* chance, per commit, that the centre gets some records and the
                                  acknowledgements of only some of them come back */
};

struct plant;

struct plant *plant_open(const struct plant_options *options);
void plant_run(struct plant *plant, int64_t duration_ms); /* the centre is away */
void plant_drain(struct plant *plant); /* closes all windows and delivers everything */

/* What must hold after plant_drain.  With `part_ms`: count, sum, minimum and maximum per device
 * and such a span equal those of the oracle, of each tumbling kind; 0: over the whole time. */
void plant_verify(struct plant *plant, int64_t part_ms);

struct store_counts plant_count(const struct plant *plant);
uint64_t plant_count_readings(const struct plant *plant);
int64_t plant_most_bytes(const struct plant *plant); /* on the disk, at any time */
uint64_t plant_count_received(const struct plant *plant);
int64_t plant_longest_ms(const struct plant *plant); /* the longest merged record received */
void plant_close(struct plant *plant);

#endif
