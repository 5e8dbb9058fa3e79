/* alarm_unusual: the learned alarms inside the engine: what is usual is asked of `learned`, what
 * follows is an alarm like any other.  Shared by the files of this folder.  Loop thread only. */
#ifndef ISOTHERM_ALARM_UNUSUAL_H
#define ISOTHERM_ALARM_UNUSUAL_H

#include "alarm/alarm_inside.h"
#include "base/pack.h"
#include "base/status.h"

/* Makes engine->learned when a rule needs it, for so many sources.  ST_NO_MEMORY.  Released with
 * alarm_unusual_close. */
enum status alarm_unusual_open(struct alarm_engine *engine, size_t sources) ISOTHERM_CHECK;
void alarm_unusual_close(struct alarm_engine *engine);

/* What alarm_unusual_open allocates. */
size_t alarm_unusual_size_bytes(const struct alarm_options *options, size_t sources);

/* A source is in the table from now on, or no longer. */
void alarm_unusual_admit(struct alarm_engine *engine, uint32_t source);
void alarm_unusual_remove(struct alarm_engine *engine, uint32_t source);

/* Judges an alarm of kind ALARM_UNUSUAL.  Without a clock an hour is no hour: then only a device's
 * own time counts, and otherwise the alarm stays as it is. */
void alarm_unusual_judge(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now);

/* Learns from the reading, after all alarms have judged it. */
void alarm_unusual_learn(struct alarm_engine *engine, uint32_t source, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now);

/* Why the alarm was raised by its deciding reading, into the event. */
void alarm_unusual_explain(const struct alarm_engine *engine, uint32_t index,
                           struct alarm_event *event);

/* The journal: what a flush needs; the flush; all that is known of a source, in at most
 * LEARNED_WHOLE_BYTES, which is to be written with the first of its learned alarms; the way back.
 * ST_CORRUPT. */
size_t alarm_unusual_reserved_bytes(const struct alarm_engine *engine);
void alarm_unusual_flush(struct alarm_engine *engine);
bool alarm_unusual_is_first(const struct alarm_engine *engine, uint32_t index);
void alarm_unusual_write_whole(struct alarm_engine *engine, uint32_t source);
enum status alarm_unusual_restore(struct alarm_engine *engine, const char *source,
                                  struct pack_reader *reader) ISOTHERM_CHECK;

#endif
