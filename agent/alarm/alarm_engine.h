/* alarm_engine: all alarms of a gateway: from readings, windows and time to transitions.
 *
 * An alarm is one limit of one rule for one source: a device, or the gateway itself.  The table
 * is allocated once; alarms are taken from it when a device is first heard of.  Every transition
 * goes to the sink as an event, in the same batch as the state it leads to, so that no crash
 * tears them apart.  All times come in as arguments.  Loop thread only. */
#ifndef ISOTHERM_ALARM_ENGINE_H
#define ISOTHERM_ALARM_ENGINE_H

#include "alarm/alarm_command.h"
#include "alarm/alarm_event.h"
#include "alarm/alarm_rule.h"
#include "alarm/habit.h"
#include "base/status.h"
#include "base/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALARM_NO_SOURCE UINT32_MAX
#define ALARM_NONE UINT32_MAX

enum { ALARM_JOURNAL_BYTES = 768 /* an entry at most */ };

struct alarm_options {
    const struct alarm_rule *rules; /* of the caller, as long as the engine lives */
    size_t rule_count;
    size_t devices;            /* at most */
    const char *gateway;       /* the source of the gateway's own alarms; likewise */
    int64_t expected_every_ms; /* how often a device should send; 0: not known */
    uint32_t boot;             /* which monotonic clock this is; equal as long as it goes on */
    uint64_t hash_seed;
    struct habit_options habit; /* for rules that are learned */
};

struct alarm_sink {
    /* Whether the batch can take so much more, beside what alarm_engine_reserved_bytes says. */
    bool (*has_room)(void *context, size_t bytes);
    void (*emit)(void *context, const char *source, const struct alarm_event *event,
                 const struct alarm_now *now);
    void (*journal)(void *context, const void *bytes, size_t size);
    void *context;
};

/* A window that was just published, of which only time and three figures matter here. */
struct alarm_window {
    int64_t size_ms, start_ms;
    int64_t average_micro, min_micro, max_micro;
    int64_t event_ms; /* of its last reading */
};

/* Figures of section 13 of the alarm reference.  All survive a restart but those of the table. */
struct alarm_counts {
    uint64_t events, annunciations, raised, hidden_raises, realarms;
    uint64_t by_priority[ALARM_PRIORITY_COUNT];      /* of the annunciated */
    uint64_t held_back;                              /* by chattering, floods or an outer limit */
    uint64_t chattering, fleeting;                   /* marks */
    uint64_t slots, slots_over, slot_peak, slot_now; /* of ten minutes of running time */
    uint64_t floods, flood_alarms, flood_peak, flood_ms;
    uint64_t acks, ack_total_ms, ack_longest_ms;
    uint64_t active_longest_ms; /* of those that are over */
    uint64_t realarm_most;      /* of one occurrence */
    uint64_t midnight_day;      /* days since 1970 at the last midnight of UTC that was seen */
    uint64_t standing_at_midnight, standing_peak; /* then, and the most at any midnight */
    uint64_t commands[ALARM_BUSY + 1];            /* by how they were answered, enum alarm_answer */
    uint64_t not_judged;                          /* rates over no time or a gap */
    uint64_t unwatched;                           /* devices for which there was no room */
};

/* What is so now; counted over the whole table when asked for. */
struct alarm_census {
    size_t alarms, active, by_state[ALARM_STATE_COUNT];
    size_t pending; /* a delay runs */
    size_t standing, chattering, flapping;
    int64_t longest_active_ms, longest_unacked_ms;
    int64_t longest_shelved_ms, longest_suppressed_ms, longest_out_of_service_ms;
    bool is_in_flood;
    int64_t flood_ms; /* of all floods, the present one included */
    int64_t run_ms;   /* running time over all runs */
    struct alarm_ranking {
        struct alarm_top {
            char alarm[ALARM_ID_SIZE];
            uint32_t calls, ever;
        } top[10];
        size_t count;
        uint64_t calls; /* of all alarms together */
    } day, month;       /* of two days, of thirty, of running time; see alarm_tally.h */
};

struct alarm_engine;

/* ST_NO_MEMORY.  Released with alarm_engine_close. */
enum status alarm_engine_open(struct alarm_engine **engine, const struct alarm_options *options,
                              const struct alarm_sink *sink) ISOTHERM_CHECK;
void alarm_engine_close(struct alarm_engine *engine);

/* What alarm_engine_open allocates for these options. */
size_t alarm_engine_size_bytes(const struct alarm_options *options);

/* How many alarms one device can have at most. */
size_t alarm_engine_alarms_per_device(const struct alarm_options *options);

/* The source with that id; when it is not known yet it is taken in, with its alarms.
 * ALARM_NO_SOURCE: no rule watches it. */
uint32_t alarm_engine_find_source(struct alarm_engine *engine, const char *id,
                                  const struct alarm_now *now);

/* The device is gone: its alarms are removed, with a last event for those that are not Normal. */
void alarm_engine_remove_source(struct alarm_engine *engine, uint32_t source,
                                const struct alarm_now *now);

/* Whether a value can be one of this sensor's; one that cannot is not to be used at all, but for
 * alarm_engine_add_bad_value.  To be asked of each value once: the next one may depend on it. */
bool alarm_engine_is_good(struct alarm_engine *engine, uint32_t source, int64_t value_micro);

/* The same for a device that is not known yet, which this does not change. */
bool alarm_engine_is_first_bad(const struct alarm_engine *engine, const char *id,
                               int64_t value_micro);

/* Whether a bad value is of interest, of a device that is not known: a rule must watch for sensor
 * faults, and unless it `may_be_new` its alarms must be there already. */
bool alarm_engine_is_fault_watched(const struct alarm_engine *engine, const char *id,
                                   bool may_be_new);

struct alarm_bad_value {
    enum verdict verdict; /* why it was refused; the event says so */
    bool has_value;
    int64_t value_micro, event_ms;
};

/* A value that is not older than the last one was refused, since the sensor has failed.  Only
 * the sensor's own alarms are judged; what the others say from now on is uncertain. */
void alarm_engine_add_bad_value(struct alarm_engine *engine, uint32_t source,
                                const struct alarm_bad_value *bad, const struct alarm_now *now);

/* Judges a good reading that is not older than the last one judged.  `is_of_device`: event_ms is
 * the device's own. */
void alarm_engine_add_reading(struct alarm_engine *engine, uint32_t source, int64_t value_micro,
                              int64_t event_ms, bool is_of_device, const struct alarm_now *now);

/* The source's windows are of another time from now on: none that was judged is newer. */
void alarm_engine_begin_anew(struct alarm_engine *engine, uint32_t source);

/* Judges a window when it is published; an older one than the last is passed over. */
void alarm_engine_add_window(struct alarm_engine *engine, uint32_t source,
                             const struct alarm_window *window, const struct alarm_now *now);

/* Judges from outside.  Finds the alarm of a rule; ALARM_NONE: there is none. */
uint32_t alarm_engine_find(const struct alarm_engine *engine, uint32_t source, const char *rule,
                           enum alarm_kind kind);
void alarm_engine_judge(struct alarm_engine *engine, uint32_t alarm, bool is_in_zone,
                        int64_t value_micro, int64_t limit_micro, int64_t event_ms,
                        const struct alarm_now *now);

/* Judges what troubles the agent itself. */
void alarm_engine_judge_trouble(struct alarm_engine *engine, enum alarm_trouble trouble,
                                int64_t value_micro, bool is_troubled, const struct alarm_now *now);

/* Does what time alone causes.  Stops early when the sink has no room; call it again after the
 * next commit.  To be called about once a second. */
void alarm_engine_advance(struct alarm_engine *engine, const struct alarm_now *now);

/* What a flush will hand over at most. */
size_t alarm_engine_reserved_bytes(const struct alarm_engine *engine);

/* Hands what changed to the sink, before a commit. */
void alarm_engine_flush(struct alarm_engine *engine);

/* Journals up to `count` alarms from where the last call stopped; true when this call ended a
 * round over all.  Only as much as the sink has room for. */
bool alarm_engine_journal_states(struct alarm_engine *engine, size_t count);

/* Whether a journal entry is one of the engine's. */
bool alarm_engine_is_entry(const void *bytes, size_t size);

/* Replays one, before the first reading.  ST_CORRUPT: ignored; ST_FULL: no room. */
enum status alarm_engine_restore(struct alarm_engine *engine, const void *bytes,
                                 size_t size) ISOTHERM_CHECK;

size_t alarm_engine_count_active(const struct alarm_engine *engine);
size_t alarm_engine_count_active_of(const struct alarm_engine *engine, const char *id);
struct alarm_counts alarm_engine_count(const struct alarm_engine *engine);
void alarm_engine_take_census(const struct alarm_engine *engine, struct alarm_census *census);

#endif
