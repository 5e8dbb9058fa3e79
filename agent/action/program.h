/* program: runs one program for one alarm event after the other, with a time limit.
 *
 * No shell: the words of the command line become the arguments as they stand.  The facts of the
 * event are in the environment, ISOTHERM_ALARM_..., beside PATH and LANG and nothing of ours, so
 * that no secret of the configuration leaks.  One runs at a time; a few events wait, and when
 * more come the oldest waiting one is left out.  Loop thread only. */
#ifndef ISOTHERM_ACTION_PROGRAM_H
#define ISOTHERM_ACTION_PROGRAM_H

#include "action/action.h"

enum {
    PROGRAM_WORDS = 24, /* program and arguments */
    PROGRAM_QUEUE = 16, /* events that wait */
    PROGRAM_VARIABLES = 24,
    PROGRAM_ENVIRONMENT_BYTES = 2048,
    PROGRAM_KILL_MS = 2000 /* from SIGTERM to SIGKILL */
};

/* Embedded by its owner; the fields are private. */
struct program {
    const struct action_options *options;
    struct loop *loop;
    struct log *log;
    const struct clock *clock;
    char words_text[ACTION_RUN_SIZE];
    const char *words[PROGRAM_WORDS + 1];
    struct loop_process *process; /* NULL: none runs */
    struct loop_timer *timer;     /* its time limit */
    bool is_ending;               /* SIGTERM was sent */
    bool is_stopped;
    int64_t started_mono_ms;
    struct action_event queue[PROGRAM_QUEUE];
    size_t first, count;
    uint64_t left_out_now; /* since the last start */
    uint64_t started, failed, timed_out, left_out;
    char environment_text[PROGRAM_ENVIRONMENT_BYTES];
    const char *environment[PROGRAM_VARIABLES + 1];
};

/* Splits a command line at blanks; "..." and '...' keep blanks together and \ takes the next
 * character as it stands.  The words point into `text`, of the size of `line`.  Returns how many;
 * 0: none, more than capacity, or an open quote, and *problem (static) says so. */
size_t program_split(const char *line, char *text, const char **words, size_t capacity,
                     const char **problem);

/* What the option `run` points to stays valid until program_close.  ST_INVALID: the words cannot
 * be split; ST_FULL: no timer. */
enum status program_open(struct program *program, const struct action_options *options,
                         struct loop *loop, struct log *log,
                         const struct clock *clock) ISOTHERM_CHECK;

/* Runs it for the event, now or after those that wait. */
void program_tell(struct program *program, const struct action_event *event);

/* Lists the variables of an event, NULL behind the last.  Pure but for the program's own memory. */
const char *const *program_fill_environment(struct program *program,
                                            const struct action_event *event);

void program_stop(struct program *program);
void program_close(struct program *program);

#endif
