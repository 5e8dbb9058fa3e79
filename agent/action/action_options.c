/* action_options: the rows of one item of `actions:`, and what its fields must be together.  Pure.
 */
#include "action/action.h"

#include "action/program.h"

#include <string.h>

static const char *const priority_names[] = {"low", "medium", "high", "critical", NULL};

_Static_assert(ACTION_PRIORITY_LOW == 0 && ACTION_PRIORITY_CRITICAL == 3, "order of the names");

static const struct field action_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, name),
     .size = sizeof((struct action_options *)0)->name,
     .is_required = true,
     .example = "horn",
     FIELD_HELP("Name of the action in logs and status, unique among all: letters, digits, . _ -")},
    {.name = "alarms",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, alarms),
     .size = sizeof((struct action_options *)0)->alarms,
     .default_text = "*",
     FIELD_HELP(
         "Which alarms: a pattern with * and ?, held against the last part of the alarm's id, "
         "or against the whole id when it has a slash, as in */hot/*.")},
    {.name = "priority",
     .type = FIELD_CHOICE,
     .offset = offsetof(struct action_options, priority),
     .choices = priority_names,
     .default_text = "low",
     FIELD_HELP("The least priority that counts.")},
    {.name = "run",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, run),
     .size = sizeof((struct action_options *)0)->run,
     .default_text = "",
     .example = "/usr/local/bin/tell-operator --short",
     FIELD_HELP(
         "Program to run, an absolute path with its arguments; no shell is involved, quotes keep "
         "blanks together. The facts of the alarm are in its environment, ISOTHERM_ALARM_*.")},
    {.name = "time_limit",
     .type = FIELD_DURATION,
     .offset = offsetof(struct action_options, limit_ms),
     .default_text = "30s",
     .min = 100,
     .max = 3600000,
     FIELD_HELP("With run: a program that takes longer is ended.")},
    {.name = "annunciated",
     .type = FIELD_BOOL,
     .offset = offsetof(struct action_options, on_annunciated),
     .default_text = "true",
     FIELD_HELP("With run: run it when an alarm calls for attention.")},
    {.name = "acknowledged",
     .type = FIELD_BOOL,
     .offset = offsetof(struct action_options, on_acknowledged),
     .default_text = "false",
     FIELD_HELP("With run: run it when an alarm is acknowledged.")},
    {.name = "cleared",
     .type = FIELD_BOOL,
     .offset = offsetof(struct action_options, on_cleared),
     .default_text = "false",
     FIELD_HELP("With run: run it when the cause of an alarm is over.")},
    {.name = "file",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, file),
     .size = sizeof((struct action_options *)0)->file,
     .default_text = "",
     FIELD_HELP(
         "In place of run, a horn or lamp: file that is written, such as the brightness of a "
         "LED below /sys/class/leds; on while an alarm is unacknowledged, off otherwise.")},
    {.name = "on_value",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, on_text),
     .size = sizeof((struct action_options *)0)->on_text,
     .default_text = "1",
     FIELD_HELP("With file: what is written to switch on.")},
    {.name = "off_value",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, off_text),
     .size = sizeof((struct action_options *)0)->off_text,
     .default_text = "0",
     FIELD_HELP("With file: what is written to switch off.")},
    {.name = "gpio_chip",
     .type = FIELD_TEXT,
     .offset = offsetof(struct action_options, gpio_chip),
     .size = sizeof((struct action_options *)0)->gpio_chip,
     .default_text = "",
     FIELD_HELP(
         "In place of file: a GPIO chip such as /dev/gpiochip0, of which one line is driven.")},
    {.name = "gpio_line",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct action_options, gpio_line),
     .default_text = "0",
     .min = 0,
     .max = 65535,
     FIELD_HELP("With gpio_chip: number of the line on the chip.")},
    {.name = "active_low",
     .type = FIELD_BOOL,
     .offset = offsetof(struct action_options, is_active_low),
     .default_text = "false",
     FIELD_HELP("With gpio_chip: the line is low while the output is on.")},
};

static bool is_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static void check_run(const struct action_options *options, const struct field_report *report)
{
    char text[ACTION_RUN_SIZE];
    const char *words[PROGRAM_WORDS];
    const char *problem = "";
    if (program_split(options->run, text, words, PROGRAM_WORDS, &problem) == 0)
        report->add(report->context, "run", problem);
    else if (words[0][0] != '/')
        report->add(report->context, "run", "must begin with the absolute path of a program");
    if (!options->on_annunciated && !options->on_acknowledged && !options->on_cleared)
        report->add(report->context, "run",
                    "would never run: annunciated, acknowledged and cleared are all false");
}

static void check_options(const void *checked, const struct field_report *report)
{
    const struct action_options *options = checked;
    if (!is_name(options->name))
        report->add(report->context, "name", "may hold only letters, digits, . _ -");
    if (options->alarms[0] == '\0')
        report->add(report->context, "alarms", "is empty; * stands for all alarms");
    int ways =
        (options->run[0] != '\0') + (options->file[0] != '\0') + (options->gpio_chip[0] != '\0');
    if (ways != 1)
        report->add(report->context, "run", "an action has one of run, file and gpio_chip");
    else if (options->run[0] != '\0')
        check_run(options, report);
    if (options->file[0] != '\0' && strcmp(options->on_text, options->off_text) == 0)
        report->add(report->context, "off_value", "is the same as on_value");
}

const struct field_table action_option_table = {
    .fields = action_fields,
    .count = sizeof action_fields / sizeof *action_fields,
    FIELD_HELP("What the gateway itself does about alarms: run a program, or drive a horn."),
    .check = check_options,
};
