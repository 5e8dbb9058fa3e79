/* world: a gateway, its sources and its centre in one universe that follows from one seed.
 *
 * Real: flow, intake, ledger, stream, uplink, store and its database (in memory-backed files).
 * Simulated: time, the loop, the store's thread, devices, sources, the network, the central broker
 * and its consumer, crashes.  An outside oracle knows every reading that was promised and compares
 * it with what the consumer has in the end. */
#ifndef ISOTHERM_TESTS_WORLD_H
#define ISOTHERM_TESTS_WORLD_H

#include "flow.h"
#include "simulation/centre.h"
#include "simulation/oracle.h"
#include "simulation/source.h"
#include "simulation/virtual_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_BOOTS = 4096 };

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* What kind of world.  Times in milliseconds; what happens "every" so often happens at random
 * moments, 0: never. */
struct world_options {
    uint64_t seed;
    uint32_t devices; /* that measure; every third one on a source that cannot wait */
    uint32_t table;   /* places for devices; 0: one for each */
    int admission;
    int64_t every_ms;  /* a device measures */
    int64_t window_ms; /* tumbling; hopping are four of them long */
    int64_t lateness_ms, grace_ms;
    int64_t commit_every_ms;
    int64_t grain_ms; /* see virtual_time_set_grain */
    int64_t budget_bytes;
    int64_t begin_wall_ms; /* 0: 2026-11-21 */
    int64_t begin_mono_ms;
    int64_t outage_every_ms, outage_most_ms;
    int64_t crash_every_ms, down_most_ms;
    int64_t step_every_ms;     /* the gateway's clock is stepped by up to step_most_ms */
    int64_t step_most_ms;      /* and put right a while later */
    int64_t stranger_every_ms; /* a reading of an id that never comes again */
    int64_t chatter_every_ms;  /* device 2, which cannot wait, measures this often */
    unsigned late_permille;    /* readings with an event time older than the lateness */
    unsigned refusal_permille; /* publishes that the broker refuses */
    bool reboots;              /* a crash may take the clocks with it: 1970 until synchronised */
    bool hurries;              /* waiting sources ask for commits */
    bool fails_commits;        /* now and then */
    bool is_delayed_sync;      /* the first boot is in 1970 as well */
    int64_t rate;              /* of the uplink, records a second; 0: no limit */
    int64_t clock_wait_ms;     /* 0: 15 min */
    void (*published)(void *witness, const struct link_message *message); /* may be NULL */
    void *witness;
};

struct sim_device {
    struct virtual_event event;
    struct world *world;
    uint32_t number;
};

struct taken {
    uint64_t ticket;
    struct message reading;
    struct message *message; /* of a source that waits */
};

struct world {
    struct world *former; /* one that failed */
    struct world_options options;
    uint64_t random;
    struct config config;
    struct log log;
    int log_fd;
    struct loop *loop;
    struct flow flow;
    struct clock clock;
    char folder[64];
    bool is_up, is_stopping, is_healing;
    uint64_t committed_ticket;
    uint32_t boot;                      /* of the machine, from 1 */
    int64_t boot_begin_ms[WORLD_BOOTS]; /* what a right clock showed at its uptime 0 */
    uint64_t boots, crashes, stops, strangers, steps;
    struct taken *taken;
    size_t taken_first, taken_end; /* free-running */
    struct sim_device *devices;
    struct source sources[SOURCE_COUNT];
    struct source *source_options[SOURCE_COUNT]; /* what the drivers are given */
    struct link centre;
    struct link *link_options;
    struct oracle oracle;
    struct virtual_event trouble, step_clock, synchronise, stranger;
    uint64_t readings; /* measured */
    int64_t most_file_bytes;
};

/* Opens a world; prints its seed.  One at a time. */
struct world *world_open(const struct world_options *options);
void world_run(struct world *world, int64_t duration_ms);

/* A dozen devices with windows of five minutes, for what is not about numbers. */
struct world_options world_small_options(uint64_t seed);

/* Opens, runs and verifies; world_finish is still to come. */
struct world *world_live(const struct world_options *options, int64_t duration_ms);

/* Ends all trouble, lets everything close and drain, compares, and releases. */
void world_finish(struct world *world);
void world_verify(struct world *world); /* the first half of it */
void world_close(struct world *world);

void world_crash(struct world *world); /* drops the process, keeps what is committed */
void world_stop(struct world *world);  /* ends it in order */
void world_boot(struct world *world);

/* The agent took a reading; message: of a source that waits, else NULL. */
void world_take(struct world *world, const struct message *reading, struct message *message,
                uint64_t ticket);

/* Calls fn with `count` seeds, ISOTHERM_BUDGET times as many, or with ISOTHERM_SEED alone. */
void world_repeat(uint64_t count, void (*fn)(uint64_t seed));

/* life.c: what happens from outside: devices that measure, crashes, clocks; and its end. */
void life_begin(struct world *world);
void life_end(struct world *world);
void life_begin_strangers(struct world *world);
void life_lose_clock(struct world *world); /* as a reboot without a battery does */

/* Random numbers of the world: below `limit`; with the chance of so many in a thousand. */
uint64_t world_random(struct world *world, uint64_t limit);
bool world_chance(struct world *world, unsigned permille);

/* A waiting time of `mean_ms` on average. */
int64_t world_random_wait(struct world *world, int64_t mean_ms);

_Noreturn void world_fail(struct world *world, const char *file, int line, const char *format, ...)
    ISOTHERM_PRINTF(4, 5);

#define WORLD_CHECK(world, condition, ...)                                                         \
    do {                                                                                           \
        if (!(condition)) world_fail(world, __FILE__, __LINE__, __VA_ARGS__);                      \
    } while (0)

#endif
