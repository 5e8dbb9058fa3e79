/* flow: the data's way through the agent: drivers -> stream -> store -> uplink, and the two
 * numbers that come back (durable up to a ticket, acknowledged up to a record).
 *
 * The flow does not open its parts; the agent does, and hands them in.  Loop thread only. */
#ifndef ISOTHERM_FLOW_H
#define ISOTHERM_FLOW_H

#include "alarm_front.h"
#include "base/boot_times.h"
#include "base/loop.h"
#include "config.h"
#include "intake_host.h"
#include "ledger.h"
#include "store/store.h"
#include "store/wear.h"
#include "stream/stream.h"
#include "uplink/uplink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the plan must know too. */
enum {
    FLOW_SWEEP_ROUNDS = 32,            /* commits over which all whole states are journalled */
    FLOW_SWEEP_MIN_BYTES = 256 * 1024, /* of journal, before that is done */
    FLOW_SWEEP_GROWTH = 3,             /* and times the size after the last time */
    FLOW_JOURNAL_PART = 8, /* of the budget: beyond, states are journalled sooner and all at once */
    FLOW_WINDOW_LEAST = 20,    /* what brokers send unacknowledged at least */
    FLOW_WINDOW_WAIT_MS = 5000 /* how long they may be kept waiting with that */
};

struct flow_source {
    const struct driver *driver;
    void *state; /* driver->state_size bytes */
    struct intake intake;
    bool is_open;
    bool is_paused;
    bool awaits_commit; /* paused until the running commit is done */
};

/* Whoever wants to see what passes by (the control socket's tail). */
struct flow_watcher {
    void (*reading)(void *context, const struct flow_source *source, const struct reading *reading,
                    int64_t arrival_ms);
    void (*record)(void *context, const struct record *record);
    void (*committed)(void *context);
    void *context;
};

struct flow {
    const struct config *config;
    struct intake_host host;
    struct flow_source sources[LIMIT_SOURCES];
    size_t source_count;
    struct stream *stream;
    struct store *store;
    struct uplink *uplink;     /* NULL: no uplink configured */
    struct alarm_front *front; /* NULL: nobody commands alarms or is told of them */
    struct flow_watcher watcher;
    struct loop_timer *tick_timer, *commit_timer, *soon_timer;
    uint64_t ticket;        /* of the newest reading taken */
    uint64_t handed_ticket; /* up to which the store has them */
    int64_t handed_mono_ms; /* when the running commit was handed to the store */
    bool is_full;           /* the batch has no room: every source is paused */
    bool wants_commit;      /* as soon as the running one is done */
    bool is_soon_set;       /* a commit that was asked for waits, to spare the flash */
    struct wear wear;       /* says how long after a commit the next one is due */
    bool is_stopping;
    bool is_synchronised;         /* the wall clock, by the kernel; asked for at each tick */
    struct boot_times boot_times; /* `boot` is the caller's to set, before anything is restored */
    bool is_boot_due;             /* what was decided about this boot goes with the next batch */
    bool is_boot_handed;          /* it went with the one that is being committed */
    bool is_clock_awaited;        /* summaries waited for the clock at the last tick, ... */
    int64_t clock_waited_ms;      /* and in all, while they could have been sent */
    int64_t clock_judged_mono_ms; /* the last tick */
    size_t reserve_bytes;         /* of each batch, for the ledger and the keys of repeats */
    struct ledger restored;       /* of the former run, until the sources are open */
    struct verdict_counts former; /* of sources that are no longer configured */
    uint64_t journalled_received; /* readings counted in the newest entry of the ledger */
    int64_t journalled_mono_ms;   /* and when that was made */
    uint64_t accepted_before;     /* readings taken in former runs, as far as they were committed */
    uint64_t stream_before;       /* what the stream counted as accepted when this run began */
    bool is_running;     /* flow_start has taken over the ledger; nothing is committed before */
    bool is_ledger_due;  /* the next batch makes older entries of the ledger needless */
    bool is_sweeping;    /* a round of whole states is being journalled */
    int64_t sweep_bytes; /* size of the journal after the last round */
};

/* Prepares the host side of the intakes; the parts are set by the agent afterwards. */
void flow_init(struct flow *flow, const struct config *config, struct loop *loop, struct log *log,
               struct clock clock);

/* Makes the sources of the configuration, still closed, with what they need to remember.  Before
 * flow_restore.  ST_NO_MEMORY. */
enum status flow_prepare(struct flow *flow) ISOTHERM_CHECK;

/* Gives one journal entry back to the ledger, a source or the stream, before flow_start. */
enum status flow_restore(struct flow *flow, const void *bytes, size_t size) ISOTHERM_CHECK;

/* Readings of a device whose reading before came from another source, since the start. */
uint64_t flow_count_conflicts(const struct flow *flow);

/* All counts of all sources, former ones included. */
struct verdict_counts flow_count_verdicts(const struct flow *flow);

/* The sink for stream_open and the events for store_open. */
struct stream_sink flow_sink(struct flow *flow);
struct store_events flow_events(struct flow *flow);

/* What alarm_front_open asks for, and telling the front of an alarm's record in the batch. */
struct alarm_front_host flow_front_host(struct flow *flow);
void flow_front_tell(struct flow *flow, const struct record *record);

/* Opens every source of the configuration and starts the timers.  ST_INVALID: a source's options
 * cannot work (reason logged); ST_NO_MEMORY, ST_FULL. */
enum status flow_start(struct flow *flow) ISOTHERM_CHECK;

/* Stops taking, commits what was taken, acknowledges it, gives the uplink a moment, closes the
 * sources.  Runs the loop itself, for at most 2 seconds. */
void flow_stop(struct flow *flow);

/* Frees what flow_prepare allocated; after the loop was closed. */
void flow_fini(struct flow *flow);

/* When whole states are journalled: how much of the budget the journal may take before that is
 * hurried, and the size of the journal at which it begins, if it had `swept_bytes` after the last
 * time.  Pure. */
int64_t flow_journal_share(int64_t budget_bytes);
int64_t flow_sweep_limit(int64_t swept_bytes, int64_t share_bytes);

/* The clocks as the stream is to see them: while the wall clock stands before any time that can be
 * right it is unset, and uptime stands in for it. */
struct stream_now flow_now(const struct flow *flow);

#endif
