/* action: programs and outputs, with real processes and files on a real loop. */
#include "action/action.h"
#include "action/program.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 60000 };

struct rig {
    struct loop *loop;
    struct log log;
    struct clock clock;
    struct actions *actions;
    struct loop_timer *turns; /* so that the loop comes round */
    char folder[64];
};

static void on_turn(void *context)
{
    (void)context;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    assert_int_equal(loop_open(&rig->loop), ST_OK);
    rig->clock = clock_system();
    log_init(&rig->log, rig->clock, STDERR_FILENO, LOG_LEVEL_ERROR);
    rig->turns = loop_timer_start(rig->loop, 5, 5, on_turn, NULL);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/isotherm-action-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    actions_close(rig->actions);
    loop_timer_stop(&rig->turns);
    loop_close(rig->loop);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    assert_int_equal(system(command), 0);
    free(rig);
    return 0;
}

static void open_actions(struct rig *rig, const struct action_options *options, size_t count)
{
    assert_int_equal(actions_open(&rig->actions, options, count, rig->loop, &rig->log, &rig->clock),
                     ST_OK);
}

static struct action_counts counts_of(const struct rig *rig, size_t index)
{
    struct action_counts counts;
    assert_true(actions_count(rig->actions, index, &counts));
    return counts;
}

static struct action_options program_options(const char *run)
{
    struct action_options options = {.name = "tell",
                                     .alarms = "*",
                                     .limit_ms = DEADLINE_MS,
                                     .on_annunciated = true,
                                     .on_text = "1",
                                     .off_text = "0"};
    (void)snprintf(options.run, sizeof options.run, "%s", run);
    return options;
}

static struct action_event raised(const char *alarm)
{
    struct action_event event = {.device = "l1/oven",
                                 .name = "hot",
                                 .kind = "high",
                                 .priority = "high",
                                 .from = "NORM",
                                 .to = "UNACK",
                                 .trigger = "RAISE",
                                 .occurrence = 7,
                                 .annunciates = true,
                                 .value_micro = 251500000,
                                 .limit_micro = 250000000,
                                 .wall_ms = 1795219200000,
                                 .gateway = "line-7"};
    (void)snprintf(event.alarm, sizeof event.alarm, "%s", alarm);
    return event;
}

static struct action_event moved(struct action_event event, const char *trigger, const char *to)
{
    memcpy(event.from, event.to, sizeof event.from);
    (void)snprintf(event.trigger, sizeof event.trigger, "%s", trigger);
    (void)snprintf(event.to, sizeof event.to, "%s", to);
    event.annunciates = false;
    return event;
}

/* Turns the loop until the file holds that text. */
static void wait_for_text(struct rig *rig, const char *path, const char *text)
{
    char found[1024] = "";
    for (int64_t end = clock_mono_ms(&rig->clock) + DEADLINE_MS;
         clock_mono_ms(&rig->clock) < end;) {
        loop_run_once(rig->loop, true);
        FILE *file = fopen(path, "r");
        size_t size = file != NULL ? fread(found, 1, sizeof found - 1, file) : 0;
        if (file != NULL) (void)fclose(file);
        found[size] = '\0';
        if (strcmp(found, text) == 0) return;
    }
    assert_string_equal(found, text);
}

#define WAIT_UNTIL(rig, condition)                                                                 \
    do {                                                                                           \
        int64_t end_ms = clock_mono_ms(&(rig)->clock) + DEADLINE_MS;                               \
        while (!(condition) && clock_mono_ms(&(rig)->clock) < end_ms)                              \
            loop_run_once((rig)->loop, true);                                                      \
        assert_true(condition);                                                                    \
    } while (0)

static void test_command_lines_are_split_without_a_shell(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        size_t count;
        const char *words[4];
    } cases[] = {
        {"/bin/true", 1, {"/bin/true"}},
        {"  /bin/echo  a\tb ", 3, {"/bin/echo", "a", "b"}},
        {"/x \"two words\" 'and \"more\"'", 3, {"/x", "two words", "and \"more\""}},
        {"/x a\\ b \\\"c", 3, {"/x", "a b", "\"c"}},
        {"/x '' end", 3, {"/x", "", "end"}},
        {"/x $HOME;rm|&", 2, {"/x", "$HOME;rm|&"}},
        {"", 0, {NULL}},
        {"   ", 0, {NULL}},
        {"/x 'open", 0, {NULL}},
        {"/x a b c d", 0, {NULL}}, /* more than four */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        const char *words[4];
        const char *problem = NULL;
        assert_int_equal(program_split(cases[i].line, text, words, 4, &problem), cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++)
            assert_string_equal(words[k], cases[i].words[k]);
        if (cases[i].count == 0) assert_non_null(problem);
    }
}

static void test_program_finds_the_facts_in_its_environment(void **state)
{
    struct rig *rig = *state;
    char run[1024], path[128];
    (void)snprintf(path, sizeof path, "%s/facts", rig->folder);
    (void)snprintf(run, sizeof run, "/bin/sh -c 'env | grep ^ISO | sort > %s.new; mv %s.new %s'",
                   path, path, path);
    (void)setenv("SECRET_OF_THE_AGENT", "x", 1);
    const struct action_options options = program_options(run);
    open_actions(rig, &options, 1);
    struct action_event event = raised("l1/oven/hot/H");
    actions_tell(rig->actions, &event);
    wait_for_text(rig, path,
                  "ISOTHERM_ALARM_ACTOR=\nISOTHERM_ALARM_ANNUNCIATE=1\n"
                  "ISOTHERM_ALARM_DEVICE=l1/oven\nISOTHERM_ALARM_FROM=NORM\n"
                  "ISOTHERM_ALARM_GATEWAY=line-7\nISOTHERM_ALARM_ID=l1/oven/hot/H\n"
                  "ISOTHERM_ALARM_KIND=high\nISOTHERM_ALARM_LEFT_OUT=0\nISOTHERM_ALARM_LIMIT=250\n"
                  "ISOTHERM_ALARM_NAME=hot\nISOTHERM_ALARM_OCCURRENCE=7\n"
                  "ISOTHERM_ALARM_PRIORITY=high\nISOTHERM_ALARM_REASON=\n"
                  "ISOTHERM_ALARM_STATE=UNACK\nISOTHERM_ALARM_TIME=2026-11-21T00:00:00Z\n"
                  "ISOTHERM_ALARM_TRIGGER=RAISE\nISOTHERM_ALARM_VALUE=251.5\n");
}

static void test_program_gets_no_variable_and_no_descriptor_of_ours(void **state)
{
    struct rig *rig = *state;
    char run[1024], path[128];
    (void)snprintf(path, sizeof path, "%s/found", rig->folder);
    (void)snprintf(run, sizeof run,
                   "/bin/sh -c 'echo \"[$SECRET_OF_THE_AGENT]\" > %s.new; [ -e /proc/self/fd/57 ] "
                   "|| echo none >> %s.new; mv %s.new %s'",
                   path, path, path, path);
    (void)setenv("SECRET_OF_THE_AGENT", "x", 1);
    assert_int_equal(dup2(STDERR_FILENO, 57), 57); /* as a library opens one, without CLOEXEC */
    const struct action_options options = program_options(run);
    open_actions(rig, &options, 1);
    struct action_event event = raised("a");
    actions_tell(rig->actions, &event);
    wait_for_text(rig, path, "[]\nnone\n");
    (void)close(57);
}

static void test_one_runs_at_a_time_and_the_oldest_waiting_is_left_out(void **state)
{
    struct rig *rig = *state;
    char run[1024], path[128], gate[128];
    (void)snprintf(path, sizeof path, "%s/order", rig->folder);
    (void)snprintf(gate, sizeof gate, "%s/gate", rig->folder);
    (void)snprintf(run, sizeof run,
                   "/bin/sh -c 'while ! [ -e %s ]; do sleep 0.02; done; "
                   "echo $ISOTHERM_ALARM_ID $ISOTHERM_ALARM_LEFT_OUT >> %s'",
                   gate, path);
    const struct action_options options = program_options(run);
    open_actions(rig, &options, 1);
    for (int i = 0; i < PROGRAM_QUEUE + 3; i++) {
        char alarm[8];
        (void)snprintf(alarm, sizeof alarm, "a%d", i);
        struct action_event event = raised(alarm);
        actions_tell(rig->actions, &event);
    }
    assert_int_equal(counts_of(rig, 0).started, 1);
    assert_int_equal(counts_of(rig, 0).waiting, PROGRAM_QUEUE);
    assert_int_equal(counts_of(rig, 0).left_out, 2);
    FILE *file = fopen(gate, "w");
    assert_non_null(file);
    (void)fclose(file);
    char expected[512] = "a0 0\n";
    for (int i = 3; i < PROGRAM_QUEUE + 3; i++)
        (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "a%d %d\n",
                       i, i == 3 ? 2 : 0);
    wait_for_text(rig, path, expected);
    WAIT_UNTIL(rig, counts_of(rig, 0).started == PROGRAM_QUEUE + 1);
    assert_int_equal(counts_of(rig, 0).failed, 0);
}

/* A process that is dead but not waited for counts as dead. */
static bool is_alive(int pid)
{
    char path[64], line[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return false;
    size_t size = fread(line, 1, sizeof line - 1, file);
    (void)fclose(file);
    line[size] = '\0';
    return strstr(line, ") Z") == NULL;
}

/* The line that a shell has written, without turning the loop. */
static int wait_for_pid(const struct rig *rig, const char *path)
{
    int pid = 0;
    char end = '\0';
    for (int64_t end_ms = clock_mono_ms(&rig->clock) + DEADLINE_MS;
         end != '\n' && clock_mono_ms(&rig->clock) < end_ms; (void)usleep(1000)) {
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        if (fscanf(file, "%d%c", &pid, &end) != 2) end = '\0';
        (void)fclose(file);
    }
    assert_int_equal(end, '\n');
    return pid;
}

static void test_program_that_takes_too_long_is_ended_with_all_it_started(void **state)
{
    struct rig *rig = *state;
    char run[1024], path[128];
    (void)snprintf(path, sizeof path, "%s/pid", rig->folder);
    (void)snprintf(run, sizeof run,
                   "/bin/sh -c 'trap \"\" TERM; sleep 3600 & echo $! > %s; wait; wait'", path);
    struct action_options options = program_options(run);
    options.limit_ms = 500;
    open_actions(rig, &options, 1);
    struct action_event event = raised("a");
    actions_tell(rig->actions, &event);
    int pid = wait_for_pid(rig, path); /* the limit is over only when the loop comes round */
    WAIT_UNTIL(rig, counts_of(rig, 0).timed_out == 1);
    assert_int_equal(counts_of(rig, 0).failed, 0);
    WAIT_UNTIL(rig, !is_alive(pid));
}

static void test_failures_are_counted_and_the_next_event_is_taken(void **state)
{
    struct rig *rig = *state;
    const struct action_options options[] = {program_options("/bin/sh -c 'exit 3'"),
                                             program_options("/no/such/program")};
    open_actions(rig, options, 2);
    struct action_event event = raised("a");
    actions_tell(rig->actions, &event);
    actions_tell(rig->actions, &event);
    WAIT_UNTIL(rig, counts_of(rig, 0).failed == 2);
    assert_int_equal(counts_of(rig, 0).started, 2);
    assert_int_equal(counts_of(rig, 1).failed, 2);
    assert_int_equal(counts_of(rig, 1).waiting, 0);
}

static void test_program_runs_at_the_moments_that_are_asked_for(void **state)
{
    struct rig *rig = *state;
    struct action_options options = program_options("/bin/true");
    options.on_annunciated = false;
    options.on_acknowledged = options.on_cleared = true;
    open_actions(rig, &options, 1);
    struct action_event event = raised("a");
    actions_tell(rig->actions, &event);
    assert_int_equal(counts_of(rig, 0).started, 0);
    event = moved(event, "ACK", "ACKED");
    actions_tell(rig->actions, &event);
    assert_int_equal(counts_of(rig, 0).started + counts_of(rig, 0).waiting, 1);
    event = moved(event, "CLEAR", "NORM");
    actions_tell(rig->actions, &event);
    assert_int_equal(counts_of(rig, 0).started + counts_of(rig, 0).waiting, 2);
    event = moved(event, "SHELVE", "SHLVD");
    actions_tell(rig->actions, &event);
    assert_int_equal(counts_of(rig, 0).started + counts_of(rig, 0).waiting, 2);
}

static void test_pattern_and_priority_choose(void **state)
{
    struct rig *rig = *state;
    struct action_options options[] = {program_options("/bin/true"), program_options("/bin/true")};
    (void)strcpy(options[0].alarms, "l1/*/hot/*");
    options[1].priority = ACTION_PRIORITY_CRITICAL;
    open_actions(rig, options, 2);
    struct action_event event = raised("l1/oven/hot/H");
    actions_tell(rig->actions, &event);
    event = raised("l2/oven/hot/H");
    (void)strcpy(event.priority, "critical");
    actions_tell(rig->actions, &event);
    assert_int_equal(counts_of(rig, 0).started + counts_of(rig, 0).waiting, 1);
    assert_int_equal(counts_of(rig, 1).started + counts_of(rig, 1).waiting, 1);
}

/* ---- outputs ---- */

static struct action_options horn_options(const struct rig *rig, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/horn", rig->folder);
    struct action_options options = {
        .name = "horn", .alarms = "*", .on_text = "255\n", .off_text = "0\n"};
    (void)snprintf(options.file, sizeof options.file, "%s", path);
    return options;
}

static void make_file(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
}

static void test_horn_is_on_until_the_last_alarm_is_acknowledged_or_over(void **state)
{
    struct rig *rig = *state;
    char path[128];
    const struct action_options options = horn_options(rig, path, sizeof path);
    make_file(path);
    open_actions(rig, &options, 1);
    actions_begin(rig->actions);
    wait_for_text(rig, path, "0\n");
    struct action_event one = raised("one"), two = raised("two"), quiet = raised("quiet");
    quiet.annunciates = false;
    actions_tell(rig->actions, &quiet);
    assert_false(counts_of(rig, 0).is_on);
    actions_tell(rig->actions, &one);
    actions_tell(rig->actions, &one);
    actions_tell(rig->actions, &two);
    wait_for_text(rig, path, "255\n");
    one = moved(one, "ACK", "ACKED");
    actions_tell(rig->actions, &one);
    assert_true(counts_of(rig, 0).is_on);
    two = moved(two, "CLEAR", "RTNUN");
    actions_tell(rig->actions, &two);
    wait_for_text(rig, path, "0\n");
    one = moved(one, "REALARM", "UNACK");
    one.annunciates = true;
    actions_tell(rig->actions, &one);
    wait_for_text(rig, path, "255\n");
    one = moved(one, "SHELVE", "SHLVD");
    actions_tell(rig->actions, &one);
    wait_for_text(rig, path, "0\n");
}

static void test_horn_takes_up_what_stood_before_the_start(void **state)
{
    struct rig *rig = *state;
    char path[128];
    struct action_options options[] = {horn_options(rig, path, sizeof path),
                                       program_options("/bin/true")};
    make_file(path);
    open_actions(rig, options, 2);
    struct action_event event = raised("one");
    actions_take_over(rig->actions, &event);
    actions_begin(rig->actions);
    wait_for_text(rig, path, "255\n");
    assert_int_equal(counts_of(rig, 1).started, 0);
}

static void test_output_that_is_missing_is_tried_again_and_never_made(void **state)
{
    struct rig *rig = *state;
    char path[128];
    const struct action_options options = horn_options(rig, path, sizeof path);
    open_actions(rig, &options, 1);
    struct action_event event = raised("one");
    actions_tell(rig->actions, &event);
    WAIT_UNTIL(rig, counts_of(rig, 0).write_errors == 1);
    assert_int_not_equal(access(path, F_OK), 0);
    make_file(path);
    wait_for_text(rig, path, "255\n");
}

static void test_chip_that_is_no_chip_is_an_error_and_no_crash(void **state)
{
    struct rig *rig = *state;
    const struct action_options options = {
        .name = "horn", .alarms = "*", .gpio_chip = "/dev/null", .gpio_line = 3};
    open_actions(rig, &options, 1);
    actions_begin(rig->actions);
    WAIT_UNTIL(rig, counts_of(rig, 0).write_errors > 0);
}

/* ---- options ---- */

static void note(void *context, const char *field_name, const char *problem)
{
    (void)problem;
    (void)snprintf(context, 64, "%s", field_name);
}

static void assert_complains(const struct action_options *options, const char *field_name)
{
    char found[64] = "";
    const struct field_report report = {.add = note, .context = found};
    action_option_table.check(options, &report);
    assert_string_equal(found, field_name);
}

static void test_options_are_held_against_each_other(void **state)
{
    (void)state;
    const struct action_options good = program_options("/bin/true");
    assert_complains(&good, "");
    struct action_options options = good;
    (void)strcpy(options.file, "/x");
    assert_complains(&options, "run");
    options.run[0] = '\0';
    assert_complains(&options, "");
    (void)strcpy(options.off_text, "1");
    assert_complains(&options, "off_value");
    options = good;
    (void)strcpy(options.run, "true");
    assert_complains(&options, "run");
    options = good;
    options.on_annunciated = false;
    assert_complains(&options, "run");
    options = good;
    (void)strcpy(options.name, "a b");
    assert_complains(&options, "name");
    options = good;
    options.alarms[0] = '\0';
    assert_complains(&options, "alarms");
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_lines_are_split_without_a_shell),
        WITH_RIG(test_program_finds_the_facts_in_its_environment),
        WITH_RIG(test_program_gets_no_variable_and_no_descriptor_of_ours),
        WITH_RIG(test_one_runs_at_a_time_and_the_oldest_waiting_is_left_out),
        WITH_RIG(test_program_that_takes_too_long_is_ended_with_all_it_started),
        WITH_RIG(test_failures_are_counted_and_the_next_event_is_taken),
        WITH_RIG(test_program_runs_at_the_moments_that_are_asked_for),
        WITH_RIG(test_pattern_and_priority_choose),
        WITH_RIG(test_horn_is_on_until_the_last_alarm_is_acknowledged_or_over),
        WITH_RIG(test_horn_takes_up_what_stood_before_the_start),
        WITH_RIG(test_output_that_is_missing_is_tried_again_and_never_made),
        WITH_RIG(test_chip_that_is_no_chip_is_an_error_and_no_crash),
        cmocka_unit_test(test_options_are_held_against_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
