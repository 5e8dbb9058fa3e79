#include "command_store.h"

#include "base/clock.h"
#include "base/device_id.h"
#include "base/event_time.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(const struct store_request *request);
} verbs[] = {
    {"check", command_store_check},
    {"dump", command_store_dump},
    {"export", command_store_export},
    {"repair", command_store_repair},
};

struct reader *command_store_open(const struct store_request *request, enum reader_mode mode,
                                  int *code)
{
    struct reader *reader;
    int64_t holder;
    enum status status = reader_open(&reader, request->path, mode, request->log, &holder);
    char process[32] = "";
    if (holder > 0) (void)snprintf(process, sizeof process, " (process %" PRId64 ")", holder);
    *code = EXIT_FAILED;
    if (status == ST_OK && reader_is_copy(reader)) {
        (void)fprintf(stderr,
                      "isotherm store: the running agent%s has %s: this is how it stands now\n",
                      process, request->path);
    } else if (holder >= 0 && (status == ST_AGAIN || status == ST_FULL)) {
        (void)fprintf(stderr,
                      "isotherm store: the running agent%s has %s: stop it first (systemctl stop "
                      "isotherm), %s\n",
                      process, request->path, mode == READER_OWNS ? "then repair" : "or try again");
        *code = EXIT_UNAVAILABLE;
    } else if (status == ST_NOT_FOUND) {
        (void)fprintf(stderr, "isotherm store: there is no store at %s\n", request->path);
    } else if (status == ST_CORRUPT) {
        (void)fprintf(stderr,
                      "isotherm store: %s is damaged so that it cannot be opened; try "
                      "`isotherm store repair`\n",
                      request->path);
    } else if (status != ST_OK) {
        (void)fprintf(stderr, "isotherm store: %s cannot be read: %s\n", request->path,
                      status_text(status));
    }
    return reader;
}

/* When a record happened: a window as long as it lasted. */
static void event_span(const struct record *record, int64_t *from_ms, int64_t *to_ms)
{
    *from_ms = *to_ms = record->created_ms;
    if (record->kind == RECORD_WINDOW) {
        *from_ms = record->window.start_ms;
        *to_ms = record->window.end_ms - (record->window.size_ms > 0 ? 1 : 0);
    } else if (record->kind == RECORD_ALARM) {
        *from_ms = *to_ms = record->alarm.event_ms;
    }
}

bool command_store_wants(const struct store_request *request, const struct record *record)
{
    int64_t from_ms, to_ms;
    event_span(record, &from_ms, &to_ms);
    if (to_ms < request->from_ms || from_ms >= request->to_ms) return false;
    return request->device == NULL || device_id_matches(request->device, record->device);
}

static bool parse_time(const char *text, int64_t *event_ms)
{
    return event_time_parse(text, strlen(text), true, TIME_FORM_ISO, event_ms) == VERDICT_OK;
}

static bool parse_lane(const char *text, struct store_request *request)
{
    request->has_lane = true;
    request->lane = strcmp(text, "alarms") == 0 ? LANE_ALARM : LANE_WINDOW;
    return request->lane == LANE_ALARM || strcmp(text, "summaries") == 0;
}

static bool parse_format(const char *text, struct store_request *request)
{
    request->is_csv = strcmp(text, "csv") == 0;
    return request->is_csv || strcmp(text, "jsonl") == 0;
}

static bool parse_gateway(const char *text, struct store_request *request)
{
    int size = snprintf(request->gateway, sizeof request->gateway, "%s", text);
    return size > 0 && size < (int)sizeof request->gateway;
}

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},  {"json", no_argument, NULL, 'j'},
    {"gateway", required_argument, NULL, 'g'}, {"device", required_argument, NULL, 'd'},
    {"from", required_argument, NULL, 'f'},    {"to", required_argument, NULL, 't'},
    {"lane", required_argument, NULL, 'l'},    {"format", required_argument, NULL, 'F'},
    {"yes", no_argument, NULL, 'y'},           {NULL, 0, NULL, 0}};

/* Takes one option; NULL, or what is wrong with its value. */
static const char *take_option(struct store_request *request, int option, const char *value,
                               const char **config_path)
{
    switch (option) {
    case 'c':
        *config_path = value;
        return NULL;
    case 'j':
        request->is_json = true;
        return NULL;
    case 'y':
        request->is_confirmed = true;
        return NULL;
    case 'd':
        request->device = value;
        return NULL;
    case 'g':
        return parse_gateway(value, request) ? NULL : "not the name of a gateway";
    case 'f':
        return parse_time(value, &request->from_ms) ? NULL : "not a time like 2026-11-21T06:30:00Z";
    case 't':
        return parse_time(value, &request->to_ms) ? NULL : "not a time like 2026-11-21T06:30:00Z";
    case 'l':
        return parse_lane(value, request) ? NULL : "a lane is alarms or summaries";
    default:
        return parse_format(value, request) ? NULL : "a format is jsonl or csv";
    }
}

/* The path, if it was given, stands for the store; a configuration fills in the rest. */
static int complete(struct store_request *request, const char *path, const char *config_path)
{
    if (path != NULL && strlen(path) >= sizeof request->path)
        return command_usage("store", "the path is too long", path);
    if (path != NULL) memcpy(request->path, path, strlen(path) + 1);
    if (path != NULL && config_path == NULL) return EXIT_OK;
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) return EXIT_FAILED;
    int code = command_load_config(
        config, config_path == NULL ? COMMAND_DEFAULT_CONFIG : config_path, false);
    if (code == EXIT_OK) {
        if (path == NULL) memcpy(request->path, config->store.path, sizeof request->path);
        if (request->gateway[0] == '\0')
            memcpy(request->gateway, config->gateway, sizeof request->gateway);
        request->budget_bytes = config->store.budget_bytes;
        request->batch_bytes = config_store_options(config).batch_bytes;
    }
    config_fini(config);
    free(config);
    return code;
}

static int run_verb(struct store_request *request)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, request->verb) != 0) continue;
        struct log log;
        log_init(&log, clock_system(), STDERR_FILENO, LOG_LEVEL_ERROR);
        request->log = &log;
        int code = verbs[i].run(request);
        if (fflush(stdout) != 0 || ferror(stdout) != 0) return EXIT_FAILED;
        return code;
    }
    return command_usage("store", "no such verb; check, dump, export or repair", request->verb);
}

static int run_store(int argc, char **argv)
{
    struct store_request request = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
    const char *config_path = NULL;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:jg:d:f:t:l:F:y", options, NULL)) != -1;) {
        if (option == '?')
            return command_usage("store", "unknown option or missing value", argv[optind - 1]);
        const char *problem = take_option(&request, option, optarg, &config_path);
        if (problem != NULL) return command_usage("store", problem, optarg);
    }
    if (optind >= argc)
        return command_usage("store", "say what to do: check, dump, export or repair", NULL);
    request.verb = argv[optind++];
    const char *path = optind < argc ? argv[optind++] : NULL;
    if (optind < argc) return command_usage("store", "unexpected argument", argv[optind]);
    int code = complete(&request, path, config_path);
    return code == EXIT_OK ? run_verb(&request) : code;
}

const struct command command_store = {
    .name = "store",
    .summary = "check, show, export or repair the store",
    .help =
        "Usage: isotherm store check  [-c CONFIG | STORE] [--json]\n"
        "       isotherm store dump   [-c CONFIG | STORE] [--json] [FILTER]...\n"
        "       isotherm store export [-c CONFIG | STORE --gateway NAME] [--format jsonl|csv]\n"
        "                             [FILTER]...\n"
        "       isotherm store repair [-c CONFIG | STORE] [--yes] [--json]\n\n"
        "Looks into a store. STORE is the file itself, a copy of it, or one that was set aside\n"
        "(store.db.damaged-1); its -wal belongs to it. Without STORE it is that of the\n"
        "configuration (default " COMMAND_DEFAULT_CONFIG "). Beside a running agent check, dump\n"
        "and export look at a copy as of now, made in TMPDIR (/tmp) and deleted at once; the\n"
        "agent goes on undisturbed. Only repair ever writes, and needs the agent stopped.\n\n"
        "  check    reads all of it: pages, version, every record and journal entry, the order\n"
        "           of the numbers, the ledger, the budget; says everything that is wrong\n"
        "  dump     shows what is in it, line by line\n"
        "  export   prints the records that wait, exactly as the centre would have got them\n"
        "           (docs/data-format.md); scripts/isotherm-consumer --input reads them\n"
        "  repair   saves what is still readable into a new store with the same numbers, and\n"
        "           keeps the old one beside it as STORE.damaged-1; asks before it does, or\n"
        "           takes --yes. An agent does without: it sets a damaged store aside by itself\n"
        "           and begins a new one. Repair is for those who want the records in it sent\n\n"
        "  -c, --config CONFIG   the configuration, which names store, gateway and budget\n"
        "  -g, --gateway NAME    the gateway's name, for a store without its configuration\n"
        "  -d, --device PATTERN  only records of devices that fit, e.g. 'oven-*'\n"
        "  -f, --from TIME       only what happened at this time or later (2026-11-21T06:00:00Z)\n"
        "  -t, --to TIME         only what happened before this time\n"
        "  -l, --lane LANE       only alarms, or only summaries\n"
        "  -F, --format FORMAT   jsonl (one JSON object per line, the default) or csv\n"
        "  -j, --json            for programs\n"
        "  -y, --yes             do not ask\n\n"
        "Examples:\n"
        "  isotherm store check\n"
        "  isotherm store export --lane summaries --format csv > summaries.csv\n"
        "  isotherm store export store.db.damaged-1 -g line-7 > lost.jsonl\n"
        "  isotherm store repair /var/lib/isotherm/store.db\n\n"
        "Exit codes: 0 done, sound; 1 damaged, not there, or nothing was done; 64 wrong usage;\n"
        "69 the agent runs and has the store, and it is to be repaired or could not be copied;\n"
        "78 the configuration has errors.\n",
    .run = run_store,
};
