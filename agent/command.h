/* command: the subcommands of the program.  Each gets its own arguments (argv[0] is the
 * subcommand) and returns an exit code. */
#ifndef ISOTHERM_COMMAND_H
#define ISOTHERM_COMMAND_H

#include "config.h"

/* Exit codes, after sysexits.h where one fits. */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 64,
    EXIT_UNAVAILABLE = 69, /* no agent runs there, or a service is not to be had */
    EXIT_CONFIG = 78
};

#define COMMAND_DEFAULT_CONFIG "/etc/isotherm/isotherm.yaml"

struct command {
    const char *name;
    const char *summary; /* one line for the list of commands */
    const char *help;    /* what `isotherm NAME --help` prints */
    int (*run)(int argc, char **argv);
    bool is_left_out; /* of this build: only the name stands */
};

extern const struct command command_board;
extern const struct command command_plan;
extern const struct command command_run;
extern const struct command command_check;
extern const struct command command_status;
extern const struct command command_tail;
extern const struct command command_alarms;
extern const struct command command_decode;
extern const struct command command_replay;
extern const struct command command_store;
extern const struct command command_version;

/* Loads a configuration for a command and prints every problem on standard error; warnings only
 * when asked to, since a command that merely looks something up need not repeat them.  EXIT_OK, or
 * the exit code to end with; config_fini is due in any case. */
int command_load_config(struct config *config, const char *path, bool with_warnings);

/* The same for a board, or profiles, named on the command line. */
int command_load_config_for(struct config *config, const char *path, struct board_search boards,
                            bool with_warnings);

/* Prints what was found on standard error. */
void command_print_problems(const struct config_problems *problems, bool with_warnings);

/* Says what is wrong with the arguments and where to read more; returns EXIT_USAGE. */
int command_usage(const char *command, const char *problem, const char *argument);

/* The socket of the agent that `--socket` or the configuration names, into path of size bytes.
 * EXIT_OK or the exit code to end with. */
int command_find_socket(const char *socket_path, const char *config_path, char *path, size_t size);

#endif
