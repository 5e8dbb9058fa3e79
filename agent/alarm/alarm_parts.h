/* alarm_parts: what the alarm engine is made of, for the files of this folder and nobody else.
 *
 * One block holds everything.  Loop thread only. */
#ifndef ISOTHERM_ALARM_PARTS_H
#define ISOTHERM_ALARM_PARTS_H

#include "alarm/alarm_engine.h"
#include "alarm/alarm_nuisance.h"
#include "alarm/alarm_rate.h"
#include "alarm/alarm_shelf.h"
#include "alarm/alarm_state.h"
#include "alarm/alarm_tally.h"
#include "alarm/alarm_timer.h"
#include "alarm/alarm_zone.h"
#include "alarm/learned.h"

enum {
    ALARM_NOTES = 256,   /* who shelved or took out of service, and why */
    ALARM_NO_RULE = 255, /* > LIMIT_ALARMS */
    ALARM_FIXED_SOURCES = 1 + 2 * LIMIT_ALARMS,
    ALARM_DAY_MS = 24 * 3600 * 1000,
    ALARM_SLOT_MS = 600000
};

/* One limit of a rule, with an override or without; the same for all devices it is for. */
struct alarm_condition {
    const struct alarm_rule *rule;
    struct alarm_timing timing;
    int64_t limit_micro, deadband_micro;
    enum alarm_kind kind;
    uint8_t rule_index, override; /* 0: none */
    uint8_t group;                /* ALARM_NO_RULE: none */
    uint8_t suppressor;           /* a rule; ALARM_NO_RULE: none */
};

struct alarm {
    struct alarm_zone zone;
    struct alarm_chatter chatter;
    struct alarm_shelf shelf;
    struct alarm_rate rate;
    struct alarm_flap flap;
    int64_t value_micro, event_ms, arrival_ms; /* the deciding reading */
    int64_t since_ms;                          /* wall: the condition began */
    int64_t state_wall_ms, state_mono_ms;      /* the present state began */
    int64_t active_mono_ms, unacked_mono_ms;   /* valid while so */
    int64_t window_ms;                         /* start of the newest window judged */
    int64_t written_mono_ms;                   /* when last journalled */
    int64_t limit_micro;                       /* of one judged from outside */
    uint32_t source, next;                     /* the next alarm of the source */
    uint32_t next_dirty, note, condition;
    uint16_t reserved_bytes; /* for its entry, while dirty */
    uint32_t occurrence, realarm, hidden_raises;
    uint32_t annunciated;
    struct alarm_tally tally; /* of the annunciations, by days of running time */
    struct alarm_facts facts;
    uint8_t fault; /* of a sensor: the newest verdict on it */
    bool is_used : 1;
    bool has_value : 1;
    bool is_dirty : 1;    /* in the list */
    bool is_changed : 1;  /* to be journalled with the next commit */
    bool is_in_group : 1; /* counts as active in its group */
    bool is_first_out : 1;
    bool is_suspended : 1;    /* restored: times are how long ago */
    bool is_same_clock : 1;   /* restored: written_mono_ms is of the clock that still runs */
    bool is_reconfigured : 1; /* the limit is another one than before the restart */
};

struct alarm_source {
    char id[LIMIT_DEVICE_ID_SIZE]; /* "": not used */
    int64_t last_mono_ms;          /* the last good reading, or the start */
    int64_t last_wall_ms;
    int64_t last_event_ms, last_micro;
    int64_t last_raw_micro; /* a bad one too */
    uint64_t silent_rules;  /* the rules with source_silent that watch it */
    uint32_t first;         /* its first alarm */
    uint32_t tag;           /* of the hash */
    bool is_used;
    bool has_reading;
    bool is_fixed; /* there from the start */
    bool is_faulty;
};

struct alarm_slot {
    uint32_t tag, index; /* of the source + 1; 0: free */
};

struct alarm_group {
    char name[ALARM_NAME_SIZE];
    uint32_t active;
    uint32_t first; /* the first-out alarm; ALARM_NONE: none */
};

struct alarm_note {
    uint32_t alarm; /* ALARM_NONE: free */
    char actor[ALARM_ACTOR_SIZE];
    char reason[ALARM_REASON_SIZE];
};

/* An alarm of the former run that is no longer configured and was not Normal. */
struct alarm_removed {
    char device[LIMIT_DEVICE_ID_SIZE];
    char source[LIMIT_DEVICE_ID_SIZE]; /* as in the journal */
    char name[ALARM_NAME_SIZE];
    enum alarm_kind kind;
    enum alarm_state state;
    uint32_t occurrence;
};

enum { ALARM_REMOVED_MAX = 64 };

struct alarm_engine {
    struct alarm_options options;
    struct alarm_sink sink;
    struct alarm_condition *conditions;
    size_t condition_count;
    struct alarm *alarms;
    uint32_t alarm_capacity, alarms_used; /* ever used */
    uint32_t first_free;
    struct alarm_source *sources;
    uint32_t source_capacity, sources_used; /* ever used */
    uint32_t first_free_source;
    struct alarm_slot *table;
    uint32_t table_mask;
    struct alarm_timers timers;
    struct alarm_note *notes;
    uint32_t next_note;
    uint32_t gateway; /* the source of its own alarms */
    struct alarm_group groups[LIMIT_ALARMS];
    size_t group_count;
    uint32_t rule_active[LIMIT_ALARMS]; /* active alarms of each rule */
    uint64_t suppressors;               /* rules that suppress others */
    uint64_t silent_rules;
    int64_t silence_mono_ms[LIMIT_ALARMS]; /* when each of them was looked at last */
    size_t active;
    struct alarm_flood flood;
    struct alarm_counts counts;
    int64_t slot_mono_ms; /* when the present slot of ten minutes began */
    int64_t run_ms;       /* running time, over all runs */
    int64_t mono_ms;      /* the last one seen */
    int64_t seen_mono_ms; /* up to which run_ms counts */
    enum clock_quality clock;
    uint32_t first_dirty;
    size_t reserved_bytes;
    size_t state_cursor, sweep_cursor;
    bool is_sweep_due;
    bool is_common_changed;
    bool is_same_clock; /* as with an alarm */
    int64_t written_mono_ms;
    bool has_resumed; /* times have a place on this run's monotonic clock */
    struct alarm_removed removed[ALARM_REMOVED_MAX];
    size_t removed_count;
    struct learned_rule learned_rules[LIMIT_ALARMS];
    struct learned *learned; /* NULL: no rule asks for it */
};

#endif
