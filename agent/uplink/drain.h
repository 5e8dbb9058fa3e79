/* drain: how fast the outbox empties, and how long it will still take.  No allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_DRAIN_H
#define ISOTHERM_UPLINK_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

/* An exponentially weighted rate of something that is counted.  At the beginning a plain mean. */
struct meter {
    int64_t span_ms;    /* over which it is weighted */
    int64_t milli_rate; /* thousandths a second */
    int64_t measured_ms;
    uint64_t count; /* at the last look */
    int64_t looked_mono_ms;
};

void meter_init(struct meter *meter, int64_t span_ms);

/* What was counted up to now is left out; the rate so far stays. */
void meter_skip(struct meter *meter, uint64_t count, int64_t now_mono_ms);

/* Takes in what was counted since the last look. */
void meter_look(struct meter *meter, uint64_t count, int64_t now_mono_ms);

/* Begins anew. */
void meter_reset(struct meter *meter);

/* Whether the rate rests on enough. */
bool meter_is_known(const struct meter *meter);

/* What an estimate rests on. */
enum drain_basis {
    DRAIN_UNKNOWN,    /* not connected, or nothing is known yet */
    DRAIN_NONE,       /* nothing to drain: no history, and what is live goes as it comes */
    DRAIN_MEASURED,   /* records acknowledged on this connection */
    DRAIN_CONFIGURED, /* the configured rate: too early to have measured */
    DRAIN_EARLIER,    /* what was measured on a connection before */
    DRAIN_GROWING     /* measured: more is made than goes, so it will not end */
};

/* Rates in thousandths of a record a second; 0: not known. */
struct drain_facts {
    bool is_up;
    uint64_t waiting;      /* records, history among them */
    uint64_t history;      /* records */
    uint64_t pile;         /* so many live records may wait without being a pile */
    int64_t wait_ms;       /* until history begins to move */
    int64_t limit;         /* records a second; 0: none */
    int64_t history_milli; /* of history acknowledged: what live records leave of the whole */
    int64_t earlier_milli; /* likewise, on a connection before */
    int64_t all_milli;     /* of all acknowledged while there was a pile or history */
    int64_t inflow_milli;  /* of records made meanwhile */
};

struct drain_estimate {
    int64_t left_ms; /* until history is gone, or without any the pile; -1: not known */
    enum drain_basis basis;
};

struct drain_estimate drain_estimate(const struct drain_facts *facts);

#endif
