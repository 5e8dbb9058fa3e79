/* isotherm: temperature agent for factory gateways.  Picks a subcommand and calls it. */
#include "command.h"

#include "base/field.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_run,    &command_check, &command_plan,    &command_board,
    &command_status, &command_tail,  &command_alarms,  &command_decode,
    &command_replay, &command_store, &command_version,
};

static void print_help(FILE *out)
{
    (void)fputs("isotherm - takes in temperature readings, keeps windowed summaries per device,\n"
                "raises alarms, and forwards summaries to a central broker.\n\n"
                "Usage: isotherm COMMAND [OPTION]...\n\n"
                "Commands:\n",
                out);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        (void)fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    (void)fputs(
        "\nA first try:\n"
        "  isotherm check isotherm.yaml     say everything that is wrong with a configuration\n"
        "  isotherm run -c isotherm.yaml    start the agent in the foreground\n"
        "  isotherm status -c isotherm.yaml ask the running agent how it is\n\n"
        "`isotherm COMMAND --help` tells more about a command; isotherm(1) is the manual.\n"
        "Without -c the configuration is " COMMAND_DEFAULT_CONFIG ".\n\n"
        "Exit codes: 0 done; 1 failed; 64 wrong usage; 69 no agent runs there; 78 the\n"
        "configuration has errors.\n",
        out);
}

static bool is_any(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int reject(const char *name)
{
    const char *nearest = NULL;
    size_t shortest = SIZE_MAX;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        size_t distance = field_name_distance(name, commands[i]->name);
        if (distance >= shortest) continue;
        shortest = distance;
        nearest = commands[i]->name;
    }
    (void)fprintf(stderr, "isotherm: no command \"%s\"", name);
    if (nearest != NULL)
        (void)fprintf(stderr, "; did you mean \"%s\"?\n", nearest);
    else
        (void)fputs("; see `isotherm --help`\n", stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (is_any(argv[1], "--help", "-h") || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_OK;
    }
    const char *name = is_any(argv[1], "--version", "-V") ? "version" : argv[1];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i]->name, name) != 0) continue;
        for (int k = 2; k < argc; k++) {
            if (strcmp(argv[k], "--") == 0) break;
            if (!is_any(argv[k], "--help", "-h")) continue;
            (void)fputs(commands[i]->help, stdout);
            return EXIT_OK;
        }
        return commands[i]->run(argc - 1, argv + 1);
    }
    return reject(name);
}
