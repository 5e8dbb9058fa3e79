#include "command.h"

#include "agent.h"
#include "base/log.h"
#include "base/memory.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int exit_code(enum status status)
{
    switch (status) {
    case ST_OK:
    case ST_CLOSED:
        return EXIT_OK;
    case ST_INVALID:
        return EXIT_CONFIG;
    default:
        return EXIT_FAILED;
    }
}

static int run_agent(const struct config *config, struct log *log)
{
    memory_trim(); /* what reading the configuration took */
    struct agent *agent = NULL;
    enum status status = agent_open(&agent, config, log);
    if (status == ST_OK) agent_run(agent);
    if (status != ST_OK && status != ST_CLOSED)
        log_write(log, LOG_LEVEL_ERROR, "agent", "cannot start; the lines above say why (%s)",
                  status_text(status));
    bool is_pool_busy;
    enum status closing = agent_close(agent, &is_pool_busy);
    if (status == ST_OK && closing != ST_OK)
        log_write(log, LOG_LEVEL_ERROR, "agent", "the last commit failed: %s",
                  status_text(closing));
    if (status == ST_OK) status = closing;
    log_write(log, LOG_LEVEL_INFO, "agent", "stopped");
    if (is_pool_busy) _exit(exit_code(status));
    return exit_code(status);
}

static int run_run(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"log-level", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    const char *path = COMMAND_DEFAULT_CONFIG;
    const char *level_name = NULL;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:l:", options, NULL)) != -1;) {
        if (option == 'c')
            path = optarg;
        else if (option == 'l')
            level_name = optarg;
        else
            return command_usage("run", "unknown option or missing value", argv[optind - 1]);
    }
    if (optind < argc) path = argv[optind++];
    if (optind < argc) return command_usage("run", "unexpected argument", argv[optind]);
    memory_prepare();
    struct config *config = calloc(1, sizeof *config);
    struct log *log = calloc(1, sizeof *log);
    if (config == NULL || log == NULL) {
        free(config);
        free(log);
        return EXIT_FAILED;
    }
    int code = command_load_config(config, path, true);
    enum log_level level = code == EXIT_OK ? (enum log_level)config->log_level : LOG_LEVEL_INFO;
    if (level_name != NULL && log_level_parse(level_name, &level) != ST_OK)
        code = command_usage("run", "no such log level", level_name);
    if (code == EXIT_OK) {
        log_init(log, clock_system(), STDERR_FILENO, level);
        code = run_agent(config, log);
    }
    config_fini(config);
    free(config);
    free(log);
    return code;
}

const struct command command_run = {
    .name = "run",
    .summary = "run the agent in the foreground",
    .help = "Usage: isotherm run [-c CONFIG] [--log-level error|warn|info|debug]\n\n"
            "Runs the agent in the foreground until SIGTERM or SIGINT. Log lines go to standard\n"
            "error. What was taken in is committed before it stops, and open windows go on where\n"
            "they were at the next start.\n\n"
            "  -c, --config CONFIG   the configuration (default " COMMAND_DEFAULT_CONFIG ")\n"
            "  -l, --log-level L     overrides the level of the configuration\n\n"
            "A broker, port or directory that is missing is tried again for ever. Exit codes: 0\n"
            "stopped; 1 the store cannot be opened for a reason a person must mend, or another\n"
            "agent runs; 64 wrong usage; 78 the configuration has errors.\n",
    .run = run_run,
};
