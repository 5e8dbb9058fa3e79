/* action: what the gateway itself does about an alarm, besides the record upstream: it runs a
 * program, or drives an output such as a horn.
 *
 * Each configured action watches the events of the alarms that its pattern and priority choose.
 * Nothing here waits for the store, the uplink or a slow disk, and nothing blocks the loop.
 * Memory is taken once, at open.  Loop thread only. */
#ifndef ISOTHERM_ACTION_ACTION_H
#define ISOTHERM_ACTION_ACTION_H

#include "base/clock.h"
#include "base/field.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIMIT_ACTIONS = 8, ACTION_NAME_SIZE = 32, ACTION_ALARM_SIZE = 128, ACTION_RUN_SIZE = 512 };

/* In ascending order of urgency. */
enum action_priority {
    ACTION_PRIORITY_LOW,
    ACTION_PRIORITY_MEDIUM,
    ACTION_PRIORITY_HIGH,
    ACTION_PRIORITY_CRITICAL
};

/* One item of `actions:`; exactly one of run, file and gpio_chip is not "". */
struct action_options {
    char name[ACTION_NAME_SIZE];
    char alarms[ACTION_ALARM_SIZE]; /* pattern over alarm ids, see device_id_matches */
    int priority;                   /* enum action_priority: the least that counts */
    char run[ACTION_RUN_SIZE];      /* program and arguments, see action_words_split */
    int64_t limit_ms;               /* then it is ended */
    bool on_annunciated, on_acknowledged, on_cleared;
    char file[LIMIT_PATH_SIZE];
    char on_text[16], off_text[16]; /* what is written into the file */
    char gpio_chip[LIMIT_PATH_SIZE];
    int64_t gpio_line;
    bool is_active_low;
};

extern const struct field_table action_option_table;

/* One transition of one alarm, as far as actions are concerned. */
struct action_event {
    char alarm[ACTION_ALARM_SIZE]; /* its id */
    char device[LIMIT_DEVICE_ID_SIZE];
    char name[32], kind[16], priority[12];
    char from[8], to[8], trigger[16]; /* mnemonics of ISA-18.2 */
    uint32_t occurrence;
    bool annunciates;
    int64_t value_micro, limit_micro;
    bool has_no_value;
    int64_t wall_ms; /* of the transition; 0: not known */
    char actor[48];  /* of a command, else "" */
    char reason[96]; /* likewise */
    char gateway[LIMIT_GATEWAY_SIZE];
};

struct action_counts {
    const char *name;
    bool is_output, is_on; /* an output; its present level */
    uint64_t started;      /* programs */
    uint64_t failed;       /* could not be started, or an exit code other than 0 */
    uint64_t timed_out;    /* ended at the time limit */
    uint64_t left_out;     /* events for which the queue had no place */
    uint64_t waiting;      /* events in the queue */
    uint64_t write_errors; /* outputs */
};

struct actions;

/* Makes the actions; outputs take their level with the first actions_take_over or _tell, or at
 * actions_begin.  The options are copied.  ST_NO_MEMORY, ST_FULL. */
enum status actions_open(struct actions **actions, const struct action_options *options,
                         size_t count, struct loop *loop, struct log *log,
                         const struct clock *clock) ISOTHERM_CHECK;

/* What actions_open allocates for these options. */
size_t actions_size_bytes(const struct action_options *options, size_t count);

/* An alarm that stood unacknowledged before the start: outputs take it up, programs do not run. */
void actions_take_over(struct actions *actions, const struct action_event *event);

/* After the last actions_take_over: writes the level of every output. */
void actions_begin(struct actions *actions);

/* Something happened; copied. */
void actions_tell(struct actions *actions, const struct action_event *event);

/* The index-th action; false behind the last. */
bool actions_count(const struct actions *actions, size_t index, struct action_counts *counts);

/* Starts nothing any more and asks running programs to end (SIGTERM). */
void actions_stop(struct actions *actions);

/* Kills what still runs and releases everything; outputs keep their level.  NULL does nothing. */
void actions_close(struct actions *actions);

#endif
