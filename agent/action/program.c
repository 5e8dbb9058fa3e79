/* Invariant: at most one process of a program exists; the event it runs for left the queue when
 * it was started. */
#include "action/program.h"

#include "base/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Copies one word without its quotes; NULL when a quote stays open. */
static const char *copy_word(const char *from, char **to)
{
    char quote = '\0';
    for (; *from != '\0' && (quote != '\0' || !is_blank(*from)); from++) {
        if (*from == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*from == '"' || *from == '\'')) {
            quote = *from;
        } else {
            if (*from == '\\' && quote != '\'' && from[1] != '\0') from++;
            *(*to)++ = *from;
        }
    }
    *(*to)++ = '\0';
    return quote == '\0' ? from : NULL;
}

size_t program_split(const char *line, char *text, const char **words, size_t capacity,
                     const char **problem)
{
    size_t count = 0;
    for (;;) {
        while (is_blank(*line)) line++;
        if (*line == '\0') break;
        if (count == capacity) {
            *problem = "has too many words";
            return 0;
        }
        words[count++] = text;
        line = copy_word(line, &text);
        if (line == NULL) {
            *problem = "has a quote without its end";
            return 0;
        }
    }
    if (count == 0) *problem = "names no program";
    return count;
}

/* ---- the environment ---- */

struct variables {
    struct program *program;
    struct text text;
    size_t count;
};

static void add_variable(struct variables *variables, const char *name, const char *value)
{
    struct program *program = variables->program;
    if (variables->count == PROGRAM_VARIABLES) return;
    const char *start = program->environment_text + variables->text.size;
    size_t before = variables->text.size;
    text_add(&variables->text, name);
    text_add_char(&variables->text, '=');
    text_add(&variables->text, value);
    text_add_bytes(&variables->text, "", 1);
    if (variables->text.is_cut) variables->text.size = before;
    if (!variables->text.is_cut) program->environment[variables->count++] = start;
}

static void add_micro(struct variables *variables, const char *name, int64_t value_micro)
{
    char bytes[32];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_micro(&text, value_micro);
    add_variable(variables, name, bytes);
}

static void add_number(struct variables *variables, const char *name, uint64_t number)
{
    char bytes[32];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_uint(&text, number);
    add_variable(variables, name, bytes);
}

static void add_time(struct variables *variables, const char *name, int64_t wall_ms)
{
    char bytes[40];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    if (wall_ms > 0) text_add_time(&text, wall_ms);
    add_variable(variables, name, bytes);
}

const char *const *program_fill_environment(struct program *program,
                                            const struct action_event *event)
{
    struct variables variables = {.program = program};
    text_init(&variables.text, program->environment_text, sizeof program->environment_text);
    add_variable(&variables, "PATH",
                 "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    add_variable(&variables, "LANG", "C.UTF-8");
    add_variable(&variables, "ISOTHERM_ALARM_ID", event->alarm);
    add_variable(&variables, "ISOTHERM_ALARM_GATEWAY", event->gateway);
    add_variable(&variables, "ISOTHERM_ALARM_DEVICE", event->device);
    add_variable(&variables, "ISOTHERM_ALARM_NAME", event->name);
    add_variable(&variables, "ISOTHERM_ALARM_KIND", event->kind);
    add_variable(&variables, "ISOTHERM_ALARM_PRIORITY", event->priority);
    add_variable(&variables, "ISOTHERM_ALARM_FROM", event->from);
    add_variable(&variables, "ISOTHERM_ALARM_STATE", event->to);
    add_variable(&variables, "ISOTHERM_ALARM_TRIGGER", event->trigger);
    add_number(&variables, "ISOTHERM_ALARM_OCCURRENCE", event->occurrence);
    add_variable(&variables, "ISOTHERM_ALARM_ANNUNCIATE", event->annunciates ? "1" : "0");
    if (event->has_no_value)
        add_variable(&variables, "ISOTHERM_ALARM_VALUE", "");
    else
        add_micro(&variables, "ISOTHERM_ALARM_VALUE", event->value_micro);
    add_micro(&variables, "ISOTHERM_ALARM_LIMIT", event->limit_micro);
    add_time(&variables, "ISOTHERM_ALARM_TIME", event->wall_ms);
    add_variable(&variables, "ISOTHERM_ALARM_ACTOR", event->actor);
    add_variable(&variables, "ISOTHERM_ALARM_REASON", event->reason);
    add_number(&variables, "ISOTHERM_ALARM_LEFT_OUT", program->left_out_now);
    program->environment[variables.count] = NULL;
    return program->environment;
}

/* ---- running ---- */

static void start_next(struct program *program);

static void say_how_it_ended(struct program *program, int exit_code, int term_signal)
{
    const char *name = program->options->name;
    long long took_ms = (long long)(clock_mono_ms(program->clock) - program->started_mono_ms);
    if (program->is_ending)
        log_limited(program->log, LOG_LEVEL_WARN, name, "limit",
                    "%s was ended at its time limit, after %lld ms", program->words[0], took_ms);
    else if (term_signal != 0)
        log_limited(program->log, LOG_LEVEL_WARN, name, "signal", "%s was ended by signal %d",
                    program->words[0], term_signal);
    else if (exit_code != 0)
        log_limited(program->log, LOG_LEVEL_WARN, name, "exit", "%s failed: exit code %d",
                    program->words[0], exit_code);
    else
        log_write(program->log, LOG_LEVEL_DEBUG, name, "%s is done after %lld ms",
                  program->words[0], took_ms);
}

static void on_exit_of_program(void *context, int exit_code, int term_signal)
{
    struct program *program = context;
    program->process = NULL;
    loop_timer_again(program->timer, INT32_MAX, 0);
    say_how_it_ended(program, exit_code, term_signal);
    if (program->is_ending)
        program->timed_out++;
    else if (exit_code != 0 || term_signal != 0)
        program->failed++;
    start_next(program);
}

static void on_limit(void *context)
{
    struct program *program = context;
    if (program->process == NULL) return;
    loop_process_signal(program->process, program->is_ending ? SIGKILL : SIGTERM);
    program->is_ending = true;
    loop_timer_again(program->timer, PROGRAM_KILL_MS, 0);
}

static void start_next(struct program *program)
{
    while (program->process == NULL && program->count > 0 && !program->is_stopped) {
        const struct action_event *event = &program->queue[program->first];
        const char *const *environment = program_fill_environment(program, event);
        int error = 0;
        program->is_ending = false;
        enum status status = loop_process_start(program->loop, &program->process, program->words,
                                                environment, on_exit_of_program, program, &error);
        program->first = (program->first + 1) % PROGRAM_QUEUE;
        program->count--;
        program->started++;
        program->left_out_now = 0;
        program->started_mono_ms = clock_mono_ms(program->clock);
        if (status == ST_OK) {
            loop_timer_again(program->timer, program->options->limit_ms, 0);
            continue;
        }
        program->failed++;
        log_limited(program->log, LOG_LEVEL_ERROR, program->options->name, "start",
                    "cannot start %s: %s", program->words[0],
                    status == ST_IO ? strerror(error) : status_text(status));
    }
}

enum status program_open(struct program *program, const struct action_options *options,
                         struct loop *loop, struct log *log, const struct clock *clock)
{
    const char *problem = "";
    memset(program, 0, sizeof *program);
    program->options = options;
    program->loop = loop;
    program->log = log;
    program->clock = clock;
    size_t count =
        program_split(options->run, program->words_text, program->words, PROGRAM_WORDS, &problem);
    if (count == 0) {
        log_write(log, LOG_LEVEL_ERROR, options->name, "run %s", problem);
        return ST_INVALID;
    }
    program->timer = loop_timer_start(loop, INT32_MAX, 0, on_limit, program);
    return program->timer != NULL ? ST_OK : ST_FULL;
}

void program_tell(struct program *program, const struct action_event *event)
{
    if (program->is_stopped) return;
    if (program->count == PROGRAM_QUEUE) {
        program->first = (program->first + 1) % PROGRAM_QUEUE;
        program->count--;
        program->left_out++;
        program->left_out_now++;
        log_limited(program->log, LOG_LEVEL_WARN, program->options->name, "full",
                    "alarms come faster than %s takes them; the oldest are left out",
                    program->words[0]);
    }
    program->queue[(program->first + program->count) % PROGRAM_QUEUE] = *event;
    program->count++;
    start_next(program);
}

void program_stop(struct program *program)
{
    program->is_stopped = true;
    if (program->process != NULL) loop_process_signal(program->process, SIGTERM);
}

void program_close(struct program *program)
{
    program->is_stopped = true;
    loop_process_kill(&program->process);
    loop_timer_stop(&program->timer);
}
