/* alarm_rig: plays a table of input against an alarm engine under a virtual clock and writes down
 * what came of it, a line per event; on request the engine is killed and restarted at every step.
 *
 * A script is lines of "SECOND WHAT ...", in order of time:
 *   0 oven 81.5              a reading
 *   0 oven 81.5 until 60 every 10
 *   0 oven bad               a value that a decoder refused
 *   30 wall -3600            the wall clock is stepped by so many seconds
 *   30 clock held            and whether it can be trusted
 *   40 ack oven/t/H 1        a command, with the occurrence; answered in the output
 *   40 shelve oven/t/H 3600  likewise reset, unshelve, oos, return, oneshot
 *   99 end                   time goes on until then
 * Expected are lines of "SECOND id TRIGGER FROM>TO #occurrence marks". */
#ifndef ISOTHERM_TESTS_ALARM_RIG_H
#define ISOTHERM_TESTS_ALARM_RIG_H

#include "alarm/alarm_engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RIG_T0_MS INT64_C(1795219200000)

enum { RIG_EVENTS = 4096, RIG_JOURNAL = 1 << 22, RIG_TEXT = 1 << 18 };

struct alarm_rig {
    struct alarm_options options;
    struct alarm_engine *engine;
    struct alarm_now now;
    int64_t base_mono_ms;
    int64_t wall_offset_ms;
    struct alarm_event events[RIG_EVENTS];
    size_t event_count;
    uint8_t journal[RIG_JOURNAL];
    size_t journal_size;
    size_t room, used; /* of the batch; room 0: no limit */
    char text[RIG_TEXT];
    size_t text_size;
    bool is_restarting; /* at every step */
    size_t restarts;
};

/* Opens an engine for these rules (kept by the caller), for 1,100 devices. */
struct alarm_rig *alarm_rig_open(const struct alarm_rule *rules, size_t count);
void alarm_rig_close(struct alarm_rig *rig);

/* Opens the engine again, empty, after rig->options were changed. */
void alarm_rig_open_engine(struct alarm_rig *rig);

bool alarm_rig_has_room(void *context, size_t bytes);
void alarm_rig_emit(void *context, const char *source, const struct alarm_event *event,
                    const struct alarm_now *now);
void alarm_rig_journal(void *context, const void *bytes, size_t size);

void alarm_rig_set_time(struct alarm_rig *rig, int64_t at_s);
void alarm_rig_pass_until(struct alarm_rig *rig, int64_t at_s); /* second by second */
void alarm_rig_read(struct alarm_rig *rig, const char *device, double value);
void alarm_rig_read_bad(struct alarm_rig *rig, const char *device);
void alarm_rig_commit(struct alarm_rig *rig);

/* The process is killed after a commit; another one goes on with what the journal holds. */
void alarm_rig_restart(struct alarm_rig *rig);

/* Commits, or restarts where the rig is to restart at every step. */
void alarm_rig_step(struct alarm_rig *rig);

void alarm_rig_play(struct alarm_rig *rig, const char *script);

#endif
