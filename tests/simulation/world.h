/* world: a gateway, its sources and its centre in one universe that follows from one seed.
 *
 * Real: flow, intake, ledger, stream, uplink, store and its database (in memory-backed files).
 * Simulated: time, the loop, the store's thread, devices, sources, the network, the central broker
 * and its consumer, crashes.  An outside oracle knows every reading that was promised and compares
 * it with what the consumer has in the end. */
#ifndef ISOTHERM_TESTS_WORLD_H
#define ISOTHERM_TESTS_WORLD_H

#include "flow.h"
#include "simulation/virtual_time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
    bool redelivers;           /* after a crash all that was not acknowledged comes again, also what
                                  was committed */
};

/* ---- the oracle ---- */

struct tally {
    uint64_t count;
    int64_t sum_micro, min_micro, max_micro;
};

struct cell {
    bool is_used, is_hopping, is_provisional;
    uint32_t device;
    int64_t start_ms;
    struct tally expected; /* tumbling only: what was promised */
    struct tally before;   /* parts published before the device began anew */
    struct tally latest;   /* of the highest revision since */
    struct tally got;      /* the two together */
    uint32_t revision;
};

struct transition {
    uint64_t seq;
    uint32_t device, occurrence;
    bool is_raise;
};

struct oracle {
    struct world *world;
    struct cell *cells;
    size_t cell_count;
    uint32_t *hash_by_seq; /* of the payload; 0: not come */
    uint64_t highest_seq, distinct, repeated;
    struct transition *transitions;
    size_t transition_count;
    uint64_t *missed[2]; /* as the records say, per device: of tumbling and hopping windows */
    uint64_t promised, unset_clock, alarms;
    int64_t earliest_ms; /* start of a window */
    char epoch[32];
    uint64_t digest; /* of everything that came, in its order */
};

void oracle_open(struct oracle *oracle, struct world *world);
void oracle_close(struct oracle *oracle);

/* A reading of that device was committed: from now on it must be counted. */
void oracle_promise(struct oracle *oracle, uint32_t device, int64_t event_ms, int64_t value_micro);

/* The consumer got a message. */
void oracle_receive(struct oracle *oracle, const char *payload, size_t size);

/* Compares; everything must have arrived.  `dropped`: records that the store gave up. */
void oracle_verify(struct oracle *oracle, uint64_t dropped);

/* ---- the sources ---- */

enum { SOURCE_POLL, SOURCE_QUEUE, SOURCE_LINE, SOURCE_COUNT };
enum { SOURCE_MESSAGES = 1 << 13, WORLD_TAKEN = 1 << 15 };
#define STRANGER 1000000U /* the first number of an id that comes once */

struct message {
    uint32_t device;
    int64_t value_micro, event_ms;
    uint64_t ticket;   /* when taken in this run */
    bool is_committed; /* as the disk knows, in whichever run */
    bool is_settled;   /* may be acknowledged */
};

/* A source keeps what was not acknowledged; numbers are free-running. */
struct source {
    struct world *world;
    struct intake *intake; /* NULL: the agent is down */
    bool can_wait, is_paused;
    struct message messages[SOURCE_MESSAGES];
    uint64_t first, next, end; /* not acknowledged, not delivered, not measured */
    uint64_t acknowledged;     /* an acknowledgement up to here is on its way */
    struct virtual_event answer, retry;
    uint64_t overflowed, refused[VERDICT_COUNT];
};

extern const struct driver source_drivers[SOURCE_COUNT];

void source_measure(struct source *source, const struct message *message);
void source_crash(struct source *source);

/* ---- the centre ---- */

enum { CENTRE_FLIGHTS = 160 };

struct centre_flight {
    struct virtual_event event;
    struct link *link;
    bool is_used, has_arrived;
    int message_id, reason;
    size_t size;
    char payload[LIMIT_RECORD_JSON + 64];
};

/* The broker, its consumer, and the gateway's end of the link to it. */
struct link {
    struct world *world;
    struct link_events events;
    bool is_open, is_connected;
    bool is_dead; /* connected, but the other side is gone */
    bool is_up;   /* the broker can be reached */
    struct virtual_event connect, detect, outage;
    struct centre_flight flights[CENTRE_FLIGHTS];
    int next_message_id;
    uint64_t outages, losses, refusals;
};

extern const struct link_kind centre_link_kind;

void centre_begin_outages(struct link *centre);
void centre_cut_off(struct link *centre);
void centre_heal(struct link *centre); /* the broker is there, and stays */

/* ---- the world ---- */

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

/* Ends all trouble, lets everything close and drain, compares, and releases. */
void world_finish(struct world *world);
void world_verify(struct world *world); /* the first half of it */
void world_close(struct world *world);

void world_crash(struct world *world); /* drops the process, keeps what is committed */
void world_boot(struct world *world);
void world_lose_clock(struct world *world); /* as a reboot without a battery does */
void world_begin_strangers(struct world *world);

/* The agent took a reading; message: of a source that waits, else NULL. */
void world_take(struct world *world, const struct message *reading, struct message *message,
                uint64_t ticket);

/* Calls fn with `count` seeds, ISOTHERM_BUDGET times as many, or with ISOTHERM_SEED alone. */
void world_repeat(uint64_t count, void (*fn)(uint64_t seed));

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

/* Allocations by our own code while it ran, of all worlds so far; see allocation.c. */
uint64_t allocation_count(void);
void allocation_watch(bool is_watching);

#endif
