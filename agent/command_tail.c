#include "command.h"

#include "base/device_id.h"
#include "control_client.h"
#include "reply.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tailing {
    const char *pattern; /* NULL: every device */
    bool is_json;
    long count, limit; /* limit 0: until interrupted */
};

static void print_object(const cJSON *object)
{
    if (cJSON_HasObjectItem(object, "alarm"))
        (void)printf("%-24s ALARM    %-32s %s %s: %s -> %s at %.9g\n", reply_text(object, "time"),
                     reply_text(object, "device"), reply_text(object, "alarm"),
                     reply_text(object, "kind"), reply_text(object, "from"),
                     reply_text(object, "to"), reply_number(object, "value"));
    else if (cJSON_HasObjectItem(object, "window"))
        (void)printf("%-24s summary  %-32s %-12s count %-6.0f avg %-12.9g min %-12.9g max %.9g\n",
                     reply_text(object, "start"), reply_text(object, "device"),
                     reply_text(object, "window"), reply_number(object, "count"),
                     reply_number(object, "avg"), reply_number(object, "min"),
                     reply_number(object, "max"));
    else if (cJSON_HasObjectItem(object, "lost_lines"))
        (void)printf("(%.0f lines were left out: the reader was too slow)\n",
                     reply_number(object, "lost_lines"));
    else
        (void)printf("%-24s reading  %-32s %.9g\n", reply_text(object, "time"),
                     reply_text(object, "device"), reply_number(object, "value"));
}

static bool print_line(void *context, const char *line, size_t size)
{
    struct tailing *tailing = context;
    cJSON *object = cJSON_ParseWithLength(line, size);
    const char *device = reply_text(object, "device");
    bool is_wanted = tailing->pattern == NULL || device_id_matches(tailing->pattern, device);
    if (is_wanted && tailing->is_json)
        (void)puts(line);
    else if (is_wanted && object != NULL)
        print_object(object);
    cJSON_Delete(object);
    if (is_wanted) tailing->count++;
    if (fflush(stdout) != 0) return false;
    return tailing->limit == 0 || tailing->count < tailing->limit;
}

static int follow(const char *path, const char *request, struct tailing *tailing)
{
    enum status status = control_client_ask(path, request, 0, print_line, tailing);
    if (status == ST_OK) return EXIT_OK;
    if (status == ST_NOT_FOUND)
        (void)fprintf(stderr, "isotherm tail: no agent answers at %s\n", path);
    else if (status == ST_DENIED)
        (void)fprintf(stderr, "isotherm tail: " CONTROL_CLIENT_DENIED "\n", path);
    else
        (void)fprintf(stderr, "isotherm tail: %s: %s\n", path, status_text(status));
    return EXIT_UNAVAILABLE;
}

static int run_tail(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},         {"readings", no_argument, NULL, 'r'},
        {"records", no_argument, NULL, 'R'},      {"device", required_argument, NULL, 'd'},
        {"count", required_argument, NULL, 'n'},  {NULL, 0, NULL, 0}};
    const char *config_path = COMMAND_DEFAULT_CONFIG;
    const char *socket_path = NULL;
    const char *request = "tail all";
    struct tailing tailing = {0};
    char *end = NULL;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:s:jrRd:n:", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case 's':
            socket_path = optarg;
            break;
        case 'j':
            tailing.is_json = true;
            break;
        case 'r':
            request = "tail readings";
            break;
        case 'R':
            request = "tail records";
            break;
        case 'd':
            tailing.pattern = optarg;
            break;
        case 'n':
            tailing.limit = strtol(optarg, &end, 10);
            if (tailing.limit <= 0 || *end != '\0')
                return command_usage("tail", "not a count", optarg);
            break;
        default:
            return command_usage("tail", "unknown option or missing value", argv[optind - 1]);
        }
    }
    if (optind < argc) return command_usage("tail", "unexpected argument", argv[optind]);
    char path[LIMIT_PATH_SIZE];
    int code = command_find_socket(socket_path, config_path, path, sizeof path);
    return code == EXIT_OK ? follow(path, request, &tailing) : code;
}

const struct command command_tail = {
    .name = "tail",
    .summary = "show readings and summaries of the running agent as they come",
    .help =
        "Usage: isotherm tail [-c CONFIG | --socket PATH] [--readings | --records]\n"
        "                     [--device PATTERN] [--count N] [--json]\n\n"
        "Shows what passes through the running agent, live: readings as they are taken in,\n"
        "summaries and alarms as they are made. Ends with Ctrl-C or when the agent stops.\n\n"
        "  -c, --config CONFIG   the agent's configuration, which names the socket\n"
        "  -s, --socket PATH     the socket itself\n"
        "  -r, --readings        readings only\n"
        "  -R, --records         summaries and alarms only\n"
        "  -d, --device PATTERN  only devices that fit, e.g. 'oven-*'\n"
        "  -n, --count N         end after N lines\n"
        "  -j, --json            one JSON object per line\n\n"
        "Exit codes: 0 ended; 64 wrong usage; 69 no agent runs there; 78 the configuration has\n"
        "errors.\n",
    .run = run_tail,
};
