#include "command.h"

#include "base/text.h"
#include "board_find.h"
#include "plan.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEMS = 1000, JSON_SIZE = 1024 };

static void print_text(const struct config_problem *problem)
{
    (void)printf("%s:%u:%u: %s: %s\n", problem->file, problem->line, problem->column,
                 problem->is_warning ? "warning" : "error", problem->text);
}

static void print_json(const struct config_problem *problem)
{
    char bytes[JSON_SIZE];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "file", problem->file);
    text_json_uint(&text, "line", problem->line);
    text_json_uint(&text, "column", problem->column);
    text_json_string(&text, "severity", problem->is_warning ? "warning" : "error");
    text_json_string(&text, "message", problem->text);
    text_json_close(&text, '}');
    (void)puts(bytes);
}

static void print_result(const struct config *config, const char *path, size_t errors)
{
    if (errors > 0)
        (void)printf("%s: %zu error%s\n", path, errors, errors == 1 ? "" : "s");
    else
        (void)printf("%s: good: gateway %s, %zu source%s, %zu window%s, %zu alarm%s\n", path,
                     config->gateway, config->source_count, config->source_count == 1 ? "" : "s",
                     config->window_count, config->window_count == 1 ? "" : "s",
                     config->alarm_count, config->alarm_count == 1 ? "" : "s");
}

static int check(const char *path, bool is_json, struct board_search boards, struct config *config,
                 struct config_problems *problems)
{
    const struct config_purpose purpose = {.boards = boards, .plan_bytes = plan_resident_bytes};
    enum status status = config_load_for(config, path, &purpose, problems);
    size_t shown = problems->count < problems->capacity ? problems->count : problems->capacity;
    size_t errors = problems->count - shown;
    for (size_t i = 0; i < shown; i++) {
        if (!problems->items[i].is_warning) errors++;
        if (is_json)
            print_json(&problems->items[i]);
        else
            print_text(&problems->items[i]);
    }
    if (!is_json) print_result(config, path, errors);
    return status == ST_OK ? EXIT_OK : EXIT_CONFIG;
}

static int write_document(const char *name)
{
    static const char *const names[] = {"schema", "reference", "example", "board-schema",
                                        "board-reference"};
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) {
            enum status status = config_write_document((enum config_document)i, stdout);
            if (status == ST_UNSUPPORTED)
                return command_usage("check", "not compiled into this program", "--print");
            return status == ST_OK ? EXIT_OK : EXIT_FAILED;
        }
    return command_usage("check", "no such document", name);
}

static int run_check(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"board", required_argument, NULL, 'B'},
                                            {"boards", required_argument, NULL, 'b'},
                                            {"root", required_argument, NULL, 'r'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"print", required_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    const char *path = COMMAND_DEFAULT_CONFIG;
    struct board_search boards = board_search_default();
    bool is_json = false;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:B:b:r:jp:", options, NULL)) != -1;) {
        if (option == 'c')
            path = optarg;
        else if (option == 'j')
            is_json = true;
        else if (option == 'B')
            boards.name = optarg;
        else if (option == 'b')
            boards.directories = optarg;
        else if (option == 'r')
            boards.root = optarg;
        else if (option == 'p')
            return write_document(optarg);
        else
            return command_usage("check", "unknown option or missing value", argv[optind - 1]);
    }
    if (optind < argc) path = argv[optind++];
    if (optind < argc) return command_usage("check", "unexpected argument", argv[optind]);
    struct config_problems problems = {.capacity = PROBLEMS};
    struct config *config = calloc(1, sizeof *config);
    problems.items = calloc(PROBLEMS, sizeof *problems.items);
    int code = EXIT_FAILED;
    if (config != NULL && problems.items != NULL) {
        code = check(path, is_json, boards, config, &problems);
        config_fini(config);
    }
    free(problems.items);
    free(config);
    return code;
}

const struct command command_check = {
    .name = "check",
    .summary = "say everything that is wrong with a configuration",
    .help =
        "Usage: isotherm check [--board B] [--json] [CONFIG]\n"
        "       isotherm check --print schema|reference|example|board-schema|board-reference\n\n"
        "Reads a configuration (default " COMMAND_DEFAULT_CONFIG ") and the files of\n"
        "conf.d beside it, and prints every problem at once as FILE:LINE:COLUMN: error: ...\n"
        "with the nearest known key for a mistyped one. Nothing is started.\n\n"
        "  -j, --json        one JSON object per problem\n"
        "  -B, --board B     for that board instead of the one the configuration names\n"
        "  -b, --boards DIR  where profiles of boards are looked for first\n"
        "  -r, --root DIR    the system whose board is to be recognised\n"
        "  -p, --print D     prints the JSON Schema, the reference page or a full commented "
        "example\n\n"
        "Exit codes: 0 no errors (warnings may have been printed); 64 wrong usage; 78 errors.\n",
    .run = run_check,
};
