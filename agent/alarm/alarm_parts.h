/* alarm_parts: the inside of the alarm engine, shared by the files of this folder and nobody else.
 *
 * One block holds everything.  Loop thread only. */
#ifndef ISOTHERM_ALARM_PARTS_H
#define ISOTHERM_ALARM_PARTS_H

#include "alarm/alarm_engine.h"
#include "alarm/alarm_nuisance.h"
#include "alarm/alarm_rate.h"
#include "alarm/alarm_shelf.h"
#include "alarm/alarm_state.h"
#include "alarm/alarm_timer.h"
#include "alarm/alarm_zone.h"

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
    uint32_t annunciated, today, yesterday, day; /* annunciations; `day` of `today` */
    struct alarm_facts facts;
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
};

/* Why an alarm moves. */
struct alarm_because {
    enum alarm_trigger trigger;
    const struct alarm_command *command; /* NULL: none */
    const char *cause;                   /* NULL: none */
    uint32_t cause_occurrence;
    bool is_held_back; /* an outer limit calls already */
    const struct alarm_now *now;
};

enum alarm_moved { ALARM_MOVED, ALARM_STAYED, ALARM_IS_REFUSED, ALARM_HAS_NO_ROOM };

/* alarm_table.c: sources and their alarms. */
uint32_t alarm_table_find(const struct alarm_engine *engine, const char *id);
uint32_t alarm_table_add(struct alarm_engine *engine, const char *id);
void alarm_table_add_gateway(struct alarm_engine *engine);
void alarm_table_remove(struct alarm_engine *engine, uint32_t source);

/* Whether it only stands for a device that is named but was never heard of. */
bool alarm_table_is_stand_in(const struct alarm_engine *engine, uint32_t source);
const struct alarm_condition *alarm_condition_of(const struct alarm_engine *engine,
                                                 const struct alarm *alarm);
void alarm_table_write_id(const struct alarm_engine *engine, uint32_t alarm, char *id);

/* Finds an alarm by its id; ALARM_NONE: there is none. */
uint32_t alarm_table_find_alarm(const struct alarm_engine *engine, const char *id);

/* alarm_move.c: a transition with its event, or nothing at all when there is no room. */
enum alarm_moved alarm_move(struct alarm_engine *engine, uint32_t alarm,
                            const struct alarm_because *because);
void alarm_move_flood(struct alarm_engine *engine, const struct alarm_now *now);
void alarm_move_removed(struct alarm_engine *engine, const struct alarm_now *now);

/* Brings suppression by design in line with what its rule says now.  False: no room. */
bool alarm_move_suppression(struct alarm_engine *engine, uint32_t alarm,
                            const struct alarm_now *now);

/* alarm_judge.c. */
struct alarm_judgement {
    enum alarm_place place;
    int64_t value_micro, event_ms, arrival_ms;
    int64_t since_wall_ms; /* the condition began, if it does with this */
    const struct alarm_now *now;
};

/* Judges one alarm.  False: no room for what came of it. */
bool alarm_judge(struct alarm_engine *engine, uint32_t alarm,
                 const struct alarm_judgement *judgement);

/* Does what is due for all alarms of a source.  False: no room. */
bool alarm_judge_time(struct alarm_engine *engine, uint32_t source, const struct alarm_now *now);
void alarm_judge_set_timer(struct alarm_engine *engine, uint32_t alarm, bool is_exact);
int64_t alarm_judge_due(const struct alarm_engine *engine, uint32_t alarm);

/* alarm_silence.c: when to look again; a source was heard. */
int64_t alarm_silence_due(const struct alarm_engine *engine, uint32_t alarm);
void alarm_silence_heard(struct alarm_engine *engine, uint32_t source);

/* Whether the sources of a rule are silent.  False: no room. */
bool alarm_silence_judge(struct alarm_engine *engine, uint32_t alarm, const struct alarm_now *now);
bool alarm_silence_judge_rules(struct alarm_engine *engine, uint64_t rules,
                               const struct alarm_now *now);

/* alarm_journal.c. */
size_t alarm_journal_entry_bytes(const struct alarm_engine *engine, const struct alarm *alarm);
void alarm_journal_mark(struct alarm_engine *engine, uint32_t alarm, bool is_changed);
void alarm_journal_unlink(struct alarm_engine *engine, uint32_t alarm);

/* Writes that an alarm is gone; with name "" all of that source. */
void alarm_journal_forget(struct alarm_engine *engine, const char *source, const char *name,
                          enum alarm_kind kind);

/* alarm_census.c. */
bool alarm_is_standing(const struct alarm_engine *engine, const struct alarm *alarm);

/* alarm_engine.c: takes away what stood for a device named without its place, since it spoke. */
void alarm_engine_drop_stand_in(struct alarm_engine *engine, const char *id,
                                const struct alarm_now *now);

/* alarm_restore.c: gives restored times a place on this run's clock, once. */
void alarm_restore_resume(struct alarm_engine *engine, const struct alarm_now *now);

/* The times of an alarm that are monotonic; ALARM_TIMES of them. */
enum { ALARM_TIMES = 3 + ALARM_CHATTER_TIMES };
void alarm_journal_times(struct alarm *alarm, int64_t *times[ALARM_TIMES]);

#endif
