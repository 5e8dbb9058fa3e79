/* alarm_inside: what the files of the alarm engine do for each other, and for nobody else.
 * Loop thread only. */
#ifndef ISOTHERM_ALARM_INSIDE_H
#define ISOTHERM_ALARM_INSIDE_H

#include "alarm/alarm_parts.h"

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
    bool has_no_value; /* value_micro is none */
    int64_t value_micro, event_ms, arrival_ms;
    int64_t since_wall_ms; /* the condition began, if it does with this */
    const struct alarm_now *now;
};

/* Judges one alarm.  False: no room for what came of it. */
bool alarm_judge(struct alarm_engine *engine, uint32_t alarm,
                 const struct alarm_judgement *judgement);

/* Raises one about missing data when it is due.  False: no room. */
bool alarm_judge_no_data(struct alarm_engine *engine, uint32_t alarm, const struct alarm_now *now);

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
void alarm_census_pass_midnight(struct alarm_engine *engine, const struct alarm_now *now);

/* alarm_engine.c: takes away what stood for a device named without its place, since it spoke. */
void alarm_engine_drop_stand_in(struct alarm_engine *engine, const char *id,
                                const struct alarm_now *now);

/* alarm_restore.c: gives restored times a place on this run's clock, once. */
void alarm_restore_resume(struct alarm_engine *engine, const struct alarm_now *now);

/* The times of an alarm that are monotonic; ALARM_TIMES of them. */
enum { ALARM_TIMES = 3 + ALARM_CHATTER_TIMES };
void alarm_journal_times(struct alarm *alarm, int64_t *times[ALARM_TIMES]);

#endif
