#include "command.h"

#include "control_client.h"
#include "status_print.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 10000 };

struct printing {
    bool is_json, wants_devices;
    size_t lines;
};

static bool print_line(void *context, const char *line, size_t size)
{
    struct printing *printing = context;
    printing->lines++;
    if (printing->is_json) {
        (void)puts(line);
        return true;
    }
    status_print(line, size, printing->wants_devices);
    return true;
}

static int ask(const char *path, struct printing *printing)
{
    enum status status = control_client_ask(path, printing->wants_devices ? "devices" : "status",
                                            TIMEOUT_MS, print_line, printing);
    if (status == ST_OK && (printing->lines > 0 || printing->wants_devices)) return EXIT_OK;
    if (status == ST_NOT_FOUND)
        (void)fprintf(stderr, "isotherm status: no agent answers at %s\n", path);
    else if (status == ST_DENIED)
        (void)fprintf(stderr, "isotherm status: " CONTROL_CLIENT_DENIED "\n", path);
    else if (status == ST_TIMEOUT)
        (void)fprintf(stderr, "isotherm status: the agent at %s did not answer within %d s\n", path,
                      TIMEOUT_MS / 1000);
    else
        (void)fprintf(stderr, "isotherm status: %s: %s\n", path,
                      status == ST_OK ? "no answer" : status_text(status));
    return EXIT_UNAVAILABLE;
}

static int run_status(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"devices", no_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    const char *config_path = COMMAND_DEFAULT_CONFIG;
    const char *socket_path = NULL;
    struct printing printing = {0};
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:s:jd", options, NULL)) != -1;) {
        if (option == 'c')
            config_path = optarg;
        else if (option == 's')
            socket_path = optarg;
        else if (option == 'j')
            printing.is_json = true;
        else if (option == 'd')
            printing.wants_devices = true;
        else
            return command_usage("status", "unknown option or missing value", argv[optind - 1]);
    }
    if (optind < argc) return command_usage("status", "unexpected argument", argv[optind]);
    char path[LIMIT_PATH_SIZE];
    int code = command_find_socket(socket_path, config_path, path, sizeof path);
    return code == EXIT_OK ? ask(path, &printing) : code;
}

const struct command command_status = {
    .name = "status",
    .summary = "ask the running agent how it is",
    .help =
        "Usage: isotherm status [-c CONFIG | --socket PATH] [--devices] [--json]\n\n"
        "Asks the running agent over its local socket: sources, refusals by reason, windows,\n"
        "what waits in the store, the uplink, and the ledger, which must balance.\n\n"
        "  -c, --config CONFIG  the agent's configuration, which names the socket\n"
        "  -s, --socket PATH    the socket itself\n"
        "  -d, --devices        one line per device instead\n"
        "  -j, --json           as JSON, for programs\n\n"
        "Exit codes: 0 answered; 64 wrong usage; 69 no agent runs there, or it is silent; 78 the\n"
        "configuration has errors.\n",
    .run = run_status,
};
