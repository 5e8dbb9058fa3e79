/* Invariant: what is shown is what config_load would use; nothing is decided here. */
#include "command.h"

#include "base/text.h"
#include "board_find.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEMS = 200, JSON_SIZE = 16 * 1024 };

struct showing {
    struct board board;
    struct board_found found;
    struct config_tree tree;
    struct config_problem items[PROBLEMS];
    struct config_problems problems;
    char json[JSON_SIZE];
    bool is_json;
};

static void add_number(struct text *text, enum field_type type, int64_t number)
{
    const struct field like = {.type = type};
    field_add_number(text, &like, number);
}

static void print_limit(const char *name, enum field_type type, int64_t most, const char *effect)
{
    char words[64];
    struct text text;
    text_init(&text, words, sizeof words);
    if (most > 0) add_number(&text, type, most);
    if (most > 0)
        (void)printf("%-14s at most %s: %s\n", name, words, effect);
    else
        (void)printf("%-14s no limit of the board\n", name);
}

static const char *say_recognised(const struct showing *showing)
{
    const struct board_found *found = &showing->found;
    if (!found->is_automatic) return "named, not looked for";
    if (found->fact[0] != '\0') return "recognised by";
    return "not recognised: no profile fits this machine";
}

static void print_facts(const struct board_facts *facts)
{
    if (facts->compatible_size > 0) {
        (void)printf("%-14s", "device tree");
        for (size_t at = 0; at < facts->compatible_size; at += strlen(facts->compatible + at) + 1)
            (void)printf(" %s", facts->compatible + at);
        (void)putchar('\n');
    }
    if (facts->dmi_vendor[0] != '\0' || facts->dmi_product[0] != '\0')
        (void)printf("DMI            %s, %s\n", facts->dmi_vendor, facts->dmi_product);
    if (facts->memory_bytes > 0)
        (void)printf("memory         %lld MiB in this machine\n",
                     (long long)(facts->memory_bytes / (1 << 20)));
}

static void print_port(const struct board_port *port)
{
    (void)printf("  %-12s %s, RS-485: %s%s%s%s%s\n", port->name, port->path,
                 board_rs485_names[port->rs485], port->command[0] != '\0' ? ", run before: " : "",
                 port->command, port->has_parity ? "" : ", no parity",
                 port->is_console ? ", has the console as shipped" : "");
}

static void print_board(const struct showing *showing)
{
    const struct board *board = &showing->board;
    const struct board_limits *limits = &board->limits;
    (void)printf("board          %s%s%s\n", board->name, board->title[0] != '\0' ? ", " : "",
                 board->title);
    const char *fact = showing->found.fact;
    (void)printf("found          %s%s%s\n", say_recognised(showing), fact[0] != '\0' ? " " : "",
                 fact);
    (void)printf("profile        %s\n", board->file[0] != '\0' ? board->file : "none; defaults");
    print_facts(&showing->found.facts);
    (void)puts("\nwhat follows");
    print_limit("agent memory", FIELD_BYTES, limits->memory_bytes,
                "`isotherm check` refuses a configuration that plans more");
    print_limit("devices", FIELD_INTEGER, limits->devices, "bounds limits.devices");
    print_limit("payload", FIELD_BYTES, limits->payload_bytes, "bounds limits.payload");
    print_limit("store", FIELD_BYTES, limits->store_bytes, "bounds store.budget");
    (void)printf("storage        %s, unless store.storage says otherwise\n",
                 store_storage_names[board->storage]);
    (void)printf("clock          %s\n",
                 board->has_clock_battery
                     ? "goes on without power"
                     : "stands still without power: wall times are right only after a time server "
                       "has answered");
    if (board->watchdog.device[0] == '\0')
        (void)printf("watchdog       not known\n");
    else if (board->watchdog.longest_ms > 0)
        (void)printf(
            "watchdog       %s, at most %lld s: RuntimeWatchdogSec= of systemd must not be more\n",
            board->watchdog.device, (long long)(board->watchdog.longest_ms / 1000));
    else
        (void)printf("watchdog       %s\n", board->watchdog.device);
    (void)printf("%-14s", "toolchains");
    for (size_t i = 0; i < board->toolchain_count; i++)
        (void)printf(" %s", board->toolchains[i].name);
    (void)puts(board->toolchain_count > 0 ? "" : " not known");
    (void)puts(board->port_count > 0 ? "serial ports, for `port:` of a source"
                                     : "serial ports   none with a name: write the path");
    for (size_t i = 0; i < board->port_count; i++) print_port(&board->ports[i]);
    if (board->note[0] != '\0') (void)printf("note           %s\n", board->note);
}

static void add_facts(struct text *text, const struct board_facts *facts)
{
    text_json_open(text, "machine", '{');
    text_json_open(text, "compatible", '[');
    for (size_t at = 0; at < facts->compatible_size; at += strlen(facts->compatible + at) + 1)
        text_json_string(text, NULL, facts->compatible + at);
    text_json_close(text, ']');
    text_json_string(text, "dmi_vendor", facts->dmi_vendor);
    text_json_string(text, "dmi_product", facts->dmi_product);
    text_json_int(text, "memory_bytes", facts->memory_bytes);
    text_json_close(text, '}');
}

static void add_limit(struct text *text, const char *name, int64_t most)
{
    if (most > 0)
        text_json_int(text, name, most);
    else
        text_json_null(text, name);
}

static void add_limits(struct text *text, const struct board_limits *limits)
{
    text_json_open(text, "limits", '{');
    add_limit(text, "memory_bytes", limits->memory_bytes);
    add_limit(text, "devices", limits->devices);
    add_limit(text, "payload_bytes", limits->payload_bytes);
    add_limit(text, "store_bytes", limits->store_bytes);
    text_json_close(text, '}');
}

static void add_ports(struct text *text, const struct board *board)
{
    text_json_open(text, "serial", '[');
    for (size_t i = 0; i < board->port_count; i++) {
        const struct board_port *port = &board->ports[i];
        text_json_open(text, NULL, '{');
        text_json_string(text, "name", port->name);
        text_json_string(text, "path", port->path);
        text_json_string(text, "rs485", board_rs485_names[port->rs485]);
        text_json_string(text, "command", port->command);
        text_json_bool(text, "parity", port->has_parity);
        text_json_bool(text, "console", port->is_console);
        text_json_close(text, '}');
    }
    text_json_close(text, ']');
}

static void print_json(struct showing *showing)
{
    const struct board *board = &showing->board;
    struct text text;
    text_init(&text, showing->json, sizeof showing->json);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "board", board->name);
    text_json_string(&text, "title", board->title);
    text_json_bool(&text, "automatic", showing->found.is_automatic);
    text_json_string(&text, "recognised_by", showing->found.fact);
    text_json_string(&text, "profile", board->file);
    add_facts(&text, &showing->found.facts);
    add_limits(&text, &board->limits);
    text_json_string(&text, "storage", store_storage_names[board->storage]);
    text_json_bool(&text, "clock_battery", board->has_clock_battery);
    text_json_open(&text, "watchdog", '{');
    text_json_string(&text, "device", board->watchdog.device);
    text_json_int(&text, "longest_ms", board->watchdog.longest_ms);
    text_json_close(&text, '}');
    text_json_open(&text, "toolchains", '[');
    for (size_t i = 0; i < board->toolchain_count; i++)
        text_json_string(&text, NULL, board->toolchains[i].name);
    text_json_close(&text, ']');
    add_ports(&text, board);
    text_json_string(&text, "note", board->note);
    text_json_close(&text, '}');
    (void)puts(showing->json);
}

static void print_listed(void *context, const struct board *board)
{
    struct showing *showing = context;
    struct text text;
    if (!showing->is_json) {
        (void)printf("%-22s %s\n", board->name, board->title);
        return;
    }
    text_init(&text, showing->json, sizeof showing->json);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "board", board->name);
    text_json_string(&text, "title", board->title);
    text_json_string(&text, "profile", board->file);
    text_json_close(&text, '}');
    (void)puts(showing->json);
}

static int show(struct showing *showing, const struct board_search *search, bool is_list)
{
    showing->problems = (struct config_problems){.items = showing->items, .capacity = PROBLEMS};
    if (config_tree_init(&showing->tree, &showing->problems) != ST_OK) return EXIT_FAILED;
    enum status status = ST_OK;
    if (is_list)
        board_list(&showing->tree, search, print_listed, showing);
    else
        status = board_find(&showing->tree, search, search->name != NULL ? search->name : "auto",
                            NULL, &showing->board, &showing->found);
    bool is_bad = showing->tree.errors > 0;
    config_tree_fini(&showing->tree);
    command_print_problems(&showing->problems, true);
    if (is_bad && !is_list) return status == ST_NOT_FOUND ? EXIT_FAILED : EXIT_CONFIG;
    if (!is_list && showing->is_json) print_json(showing);
    if (!is_list && !showing->is_json) print_board(showing);
    return is_bad ? EXIT_CONFIG : EXIT_OK;
}

static int run_board(int argc, char **argv)
{
    static const struct option options[] = {
        {"boards", required_argument, NULL, 'b'}, {"root", required_argument, NULL, 'r'},
        {"board", required_argument, NULL, 'B'},  {"list", no_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0}};
    struct board_search search = board_search_default();
    bool is_list = false, is_json = false;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "b:r:B:lj", options, NULL)) != -1;) {
        switch (option) {
        case 'b':
            search.directories = optarg;
            break;
        case 'r':
            search.root = optarg;
            break;
        case 'B':
            search.name = optarg;
            break;
        case 'l':
            is_list = true;
            break;
        case 'j':
            is_json = true;
            break;
        default:
            return command_usage("board", "unknown option or missing value", argv[optind - 1]);
        }
    }
    if (optind < argc) search.name = argv[optind++];
    if (optind < argc) return command_usage("board", "unexpected argument", argv[optind]);
    struct showing *showing = calloc(1, sizeof *showing);
    if (showing == NULL) return EXIT_FAILED;
    showing->is_json = is_json;
    int code = show(showing, &search, is_list);
    free(showing);
    return code;
}

const struct command command_board = {
    .name = "board",
    .summary = "show which board this is and what follows from it",
    .help =
        "Usage: isotherm board [--boards PLACE[:PLACE]...] [--root DIR] [--json] [NAME]\n"
        "       isotherm board --list [--boards PLACE[:PLACE]...] [--json]\n\n"
        "Shows which board's profile an agent on this machine uses, how it was recognised, and\n"
        "what follows: limits, storage, clock, watchdog, names of serial ports. With NAME, the\n"
        "profile of that name, as if the configuration said `board: NAME`.\n\n"
        "  -b, --boards PLACE  looks there first: a profile itself, its folder, or a folder of\n"
        "                      such folders (default: the environment variable ISOTHERM_BOARDS)\n"
        "  -r, --root DIR      reads proc and sys below DIR, e.g. of an image that is mounted\n"
        "  -l, --list          one line for each profile; says what is wrong with any of them\n"
        "  -j, --json          for programs\n\n"
        "Exit codes: 0 shown; 1 no such board; 64 wrong usage; 78 a profile has errors.\n",
    .run = run_board,
};
