#include "command.h"

#include "action/action.h"
#include "base/mqtt_tls.h"
#include "base/text.h"
#include "board.h"
#include "config_learned.h"
#include "driver.h"
#include "uplink/command_channel.h"

#include <stdio.h>
#include <string.h>

enum { PARTS = 24, TEXT_SIZE = 1024 };

/* What a build may have been made without. */
struct part {
    const char *name;
    bool is_compiled;
};

static size_t list_parts(struct part parts[PARTS])
{
    const struct part others[] = {
        {"tls", mqtt_tls_is_compiled()},
        {"alarm_commands", command_channel_option_table.left_out == NULL},
        {"actions", action_option_table.left_out == NULL},
        {"boards", board_table.left_out == NULL},
        {"learned", config_habit_table.left_out == NULL},
        {"tools", !command_plan.is_left_out},
    };
    enum { OTHERS = sizeof others / sizeof *others };
    size_t count = 0;
    for (const struct driver *const *at = registry_list(); *at != NULL && count < PARTS - OTHERS;
         at++)
        parts[count++] = (struct part){(*at)->name, (*at)->is_compiled};
    for (size_t i = 0; i < OTHERS; i++) parts[count++] = others[i];
    return count;
}

static void print_json(const struct part *parts, size_t count)
{
    char bytes[TEXT_SIZE];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "name", "isotherm");
    text_json_string(&text, "version", ISOTHERM_VERSION);
    text_json_open(&text, "parts", '{');
    for (size_t i = 0; i < count; i++) text_json_bool(&text, parts[i].name, parts[i].is_compiled);
    text_json_close(&text, '}');
    text_json_close(&text, '}');
    (void)puts(bytes);
}

static void print_parts(const char *title, const struct part *parts, size_t count, bool is_compiled)
{
    const char *before = title;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].is_compiled != is_compiled) continue;
        (void)printf("%s%s", before, parts[i].name);
        before = " ";
    }
    if (before != title) (void)putchar('\n');
}

static int run_version(int argc, char **argv)
{
    struct part parts[PARTS];
    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--json") != 0))
        return command_usage("version", "unexpected argument", argv[1]);
    size_t count = list_parts(parts);
    if (argc == 2) {
        print_json(parts, count);
        return EXIT_OK;
    }
    (void)puts("isotherm " ISOTHERM_VERSION);
    print_parts("with: ", parts, count, true);
    print_parts("without: ", parts, count, false);
    return EXIT_OK;
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version and what this build has",
    .help = "Usage: isotherm version [--json]\n\n"
            "Prints the version of the program, and which parts this build has or is without.\n",
    .run = run_version,
};
