#include "command.h"

#include "board_find.h"
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEMS = 200 };

int command_usage(const char *command, const char *problem, const char *argument)
{
    (void)fprintf(stderr, "isotherm %s: %s%s%s\nsee `isotherm %s --help`\n", command, problem,
                  argument == NULL ? "" : ": ", argument == NULL ? "" : argument, command);
    return EXIT_USAGE;
}

void command_print_problems(const struct config_problems *problems, bool with_warnings)
{
    size_t shown = problems->count < problems->capacity ? problems->count : problems->capacity;
    for (size_t i = 0; i < shown; i++) {
        const struct config_problem *problem = &problems->items[i];
        if (problem->is_warning && !with_warnings) continue;
        (void)fputs(problem->file, stderr);
        if (problem->line > 0) (void)fprintf(stderr, ":%u:%u", problem->line, problem->column);
        (void)fprintf(stderr, ": %s: %s\n", problem->is_warning ? "warning" : "error",
                      problem->text);
    }
    if (problems->count > shown) (void)fprintf(stderr, "and %zu more\n", problems->count - shown);
}

int command_load_config(struct config *config, const char *path, bool with_warnings)
{
    return command_load_config_for(config, path, board_search_default(), with_warnings);
}

int command_load_config_for(struct config *config, const char *path, struct board_search boards,
                            bool with_warnings)
{
    const struct config_purpose purpose = {.boards = boards, .plan_bytes = plan_resident_bytes};
    struct config_problems problems = {.capacity = PROBLEMS};
    problems.items = calloc(PROBLEMS, sizeof *problems.items);
    if (problems.items == NULL) problems.capacity = 0;
    enum status status = config_load_for(config, path, &purpose, &problems);
    command_print_problems(&problems, with_warnings);
    free(problems.items);
    return status == ST_OK ? EXIT_OK : EXIT_CONFIG;
}

int command_find_socket(const char *socket_path, const char *config_path, char *path, size_t size)
{
    int code = EXIT_OK;
    if (socket_path == NULL) {
        struct config *config = calloc(1, sizeof *config);
        if (config == NULL) return EXIT_FAILED;
        code = command_load_config(config, config_path, false);
        if (code == EXIT_OK) (void)snprintf(path, size, "%s", config->control_socket);
        config_fini(config);
        free(config);
    } else {
        (void)snprintf(path, size, "%s", socket_path);
    }
    return code;
}
