/* Invariant: prints what plan_make computed and computes nothing but units. */
#include "command.h"

#include "base/text.h"
#include "board_find.h"
#include "plan.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

enum { WORDS_SIZE = 48, JSON_SIZE = 16 * 1024 };

/* Three digits are enough for a person. */
static const char *say_bytes(char words[WORDS_SIZE], int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int64_t tenths = bytes * 10;
    size_t unit = 0;
    for (; tenths >= 10000 && unit < 4; unit++) tenths = (tenths + 999) / 1000;
    if (unit == 0 || tenths >= 1000)
        (void)snprintf(words, WORDS_SIZE, "%" PRId64 " %s", (tenths + 5) / 10, units[unit]);
    else
        (void)snprintf(words, WORDS_SIZE, "%" PRId64 ".%" PRId64 " %s", tenths / 10, tenths % 10,
                       units[unit]);
    return words;
}

static const char *say_time(char words[WORDS_SIZE], int64_t time_ms)
{
    if (time_ms < 0)
        (void)snprintf(words, WORDS_SIZE, "never");
    else if (time_ms >= 3 * DAY_MS)
        (void)snprintf(words, WORDS_SIZE, "%" PRId64 ".%" PRId64 " d", time_ms / DAY_MS,
                       time_ms % DAY_MS * 10 / DAY_MS);
    else if (time_ms >= HOUR_MS)
        (void)snprintf(words, WORDS_SIZE, "%" PRId64 ".%" PRId64 " h", time_ms / HOUR_MS,
                       time_ms % HOUR_MS * 10 / HOUR_MS);
    else
        (void)snprintf(words, WORDS_SIZE, "%" PRId64 " min", (time_ms + 59999) / 60000);
    return words;
}

static const char *say_duration(char words[WORDS_SIZE], int64_t duration_ms)
{
    struct text text;
    text_init(&text, words, WORDS_SIZE);
    text_add_duration(&text, duration_ms);
    return words;
}

static void print_memory(const struct plan *plan, const struct config *config)
{
    char words[WORDS_SIZE];
    (void)printf("\nmemory, bytes %36s %14s\n", "allocated", "resident");
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct plan_part *part = &plan->parts[i];
        (void)printf("  %-1s %-42s %12" PRId64 " %12" PRId64 "\n", part->is_ours ? "*" : " ",
                     part->name, part->bytes, part->resident_bytes);
    }
    (void)printf("  %-44s %12" PRId64 "   taken once, at start\n", "* ours", plan->ours_bytes);
    (void)printf("  %-44s %12s %12" PRId64 "   %s\n", "the process", "", plan->resident_bytes,
                 say_bytes(words, plan->resident_bytes));
    (void)printf("  each device of the table: %" PRId64 " bytes\n", plan->device_bytes);
    int64_t most = config->board.limits.memory_bytes;
    if (most > 0) (void)printf("  the board allows %s\n", say_bytes(words, most));
}

static void print_outage(const struct plan *plan, const struct config *config)
{
    char words[WORDS_SIZE];
    (void)printf("\nan outage of the centre: %s of ", say_bytes(words, plan->outbox_bytes));
    (void)printf("%s hold records of %" PRId64 " bytes\n",
                 say_bytes(words, config->store.budget_bytes), plan->record_bytes);
    for (size_t i = 0; i < plan->level_count; i++) {
        const struct plan_level *level = &plan->levels[i];
        const char *resolution =
            level->resolution_ms > 0 ? say_duration(words, level->resolution_ms) : "as configured";
        (void)printf("  %-16s %10" PRId64 " records an hour", resolution, level->records_per_hour);
        (void)printf("  %10s covered\n", say_time(words, level->covered_ms));
    }
}

static void print_days(const struct plan *plan, const struct config *config)
{
    char words[WORDS_SIZE];
    (void)printf("\nto the centre: %" PRId64 " records a day, each %" PRId64
                 " bytes of JSON, %" PRId64 " as a packet\n",
                 plan->records_per_day, plan->json_bytes, plan->packet_bytes);
    (void)printf("  %s a day, of which JSON ", say_bytes(words, plan->uplink_bytes_per_day));
    (void)printf("%s; TCP and TLS come on top\n", say_bytes(words, plan->payload_bytes_per_day));
    print_outage(plan, config);
    if (config->has_uplink) {
        (void)printf("\nmaking up, at %" PRId64 " records a second: after a day away %s",
                     plan->drain_records_per_s, say_time(words, plan->drain_day_ms));
        (void)printf(", with a full store %s\n", say_time(words, plan->drain_full_ms));
    }
    (void)printf("\nto the flash (%s): %" PRId64 " commits a day, one every %s%s or earlier,\n",
                 store_storage_names[config->store.storage], plan->commits_per_day,
                 say_duration(words, plan->commit_every_ms),
                 plan->is_commit_fixed ? "" : " as the budget allows");
    (void)printf("  the WAL written back at %d %% of its usual length: %s a day", plan->wal_percent,
                 say_bytes(words, plan->flash_bytes_per_day));
    if (plan->flash_budget_bytes > 0)
        (void)printf(", %s %s a day",
                     plan->flash_bytes_per_day > plan->flash_budget_bytes
                         ? "MORE THAN the budget of"
                         : "of a budget of",
                     say_bytes(words, plan->flash_budget_bytes));
    (void)putchar('\n');
}

static void print_text(const struct plan *plan, const struct config *config, const char *path)
{
    char words[WORDS_SIZE];
    (void)printf("%s: gateway %s, board %s\n", path, config->gateway, config->board.name);
    (void)printf("assumed: %" PRId64 " devices, each a reading every ", plan->assumed.devices);
    (void)printf("%s, ids of %" PRId64 " bytes, ", say_duration(words, plan->assumed.every_ms),
                 plan->assumed.id_bytes);
    (void)printf("%s to the centre and back\n", say_duration(words, plan->assumed.latency_ms));
    print_memory(plan, config);
    print_days(plan, config);
}

static void add_memory(struct text *text, const struct plan *plan, const struct config *config)
{
    text_json_open(text, "memory", '{');
    text_json_int(text, "ours_bytes", plan->ours_bytes);
    text_json_int(text, "resident_bytes", plan->resident_bytes);
    text_json_int(text, "anonymous_bytes", plan->anonymous_bytes);
    text_json_int(text, "device_bytes", plan->device_bytes);
    if (config->board.limits.memory_bytes > 0)
        text_json_int(text, "limit_bytes", config->board.limits.memory_bytes);
    else
        text_json_null(text, "limit_bytes");
    text_json_open(text, "parts", '[');
    for (size_t i = 0; i < plan->part_count; i++) {
        const struct plan_part *part = &plan->parts[i];
        text_json_open(text, NULL, '{');
        text_json_string(text, "name", part->name);
        text_json_bool(text, "ours", part->is_ours);
        text_json_int(text, "bytes", part->bytes);
        text_json_int(text, "resident_bytes", part->resident_bytes);
        text_json_close(text, '}');
    }
    text_json_close(text, ']');
    text_json_close(text, '}');
}

static void add_outage(struct text *text, const struct plan *plan, const struct config *config)
{
    text_json_open(text, "outage", '{');
    text_json_int(text, "budget_bytes", config->store.budget_bytes);
    text_json_int(text, "records_bytes", plan->outbox_bytes);
    text_json_int(text, "record_bytes", plan->record_bytes);
    text_json_open(text, "levels", '[');
    for (size_t i = 0; i < plan->level_count; i++) {
        const struct plan_level *level = &plan->levels[i];
        text_json_open(text, NULL, '{');
        if (level->resolution_ms > 0)
            text_json_int(text, "resolution_ms", level->resolution_ms);
        else
            text_json_null(text, "resolution_ms");
        text_json_int(text, "records_per_hour", level->records_per_hour);
        text_json_int(text, "covered_ms", level->covered_ms);
        text_json_micro(text, "covered_hours", level->covered_ms / 3600 * 1000);
        text_json_close(text, '}');
    }
    text_json_close(text, ']');
    text_json_close(text, '}');
}

/* null: never */
static void add_time(struct text *text, const char *name, int64_t time_ms)
{
    if (time_ms >= 0)
        text_json_int(text, name, time_ms);
    else
        text_json_null(text, name);
}

static void add_days(struct text *text, const struct plan *plan)
{
    text_json_open(text, "uplink", '{');
    text_json_int(text, "records_per_day", plan->records_per_day);
    text_json_int(text, "json_bytes", plan->json_bytes);
    text_json_int(text, "packet_bytes", plan->packet_bytes);
    text_json_int(text, "payload_bytes_per_day", plan->payload_bytes_per_day);
    text_json_int(text, "bytes_per_day", plan->uplink_bytes_per_day);
    text_json_close(text, '}');
    text_json_open(text, "flash", '{');
    text_json_int(text, "commits_per_day", plan->commits_per_day);
    text_json_int(text, "commit_every_ms", plan->commit_every_ms);
    text_json_bool(text, "commit_every_fixed", plan->is_commit_fixed);
    text_json_int(text, "wal_percent", plan->wal_percent);
    text_json_int(text, "budget_per_day_bytes", plan->flash_budget_bytes);
    text_json_int(text, "journal_bytes_per_commit", plan->journal_bytes);
    text_json_int(text, "bytes_per_day", plan->flash_bytes_per_day);
    text_json_close(text, '}');
    text_json_open(text, "drain", '{');
    text_json_int(text, "records_per_second", plan->drain_records_per_s);
    add_time(text, "day_ms", plan->drain_day_ms);
    add_time(text, "full_ms", plan->drain_full_ms);
    text_json_close(text, '}');
}

static int print_json(const struct plan *plan, const struct config *config)
{
    char *bytes = calloc(1, JSON_SIZE);
    struct text text;
    if (bytes == NULL) return EXIT_FAILED;
    text_init(&text, bytes, JSON_SIZE);
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "gateway", config->gateway);
    text_json_string(&text, "board", config->board.name);
    text_json_open(&text, "assumed", '{');
    text_json_int(&text, "devices", plan->assumed.devices);
    text_json_int(&text, "every_ms", plan->assumed.every_ms);
    text_json_int(&text, "id_bytes", plan->assumed.id_bytes);
    text_json_int(&text, "latency_ms", plan->assumed.latency_ms);
    text_json_close(&text, '}');
    add_memory(&text, plan, config);
    add_days(&text, plan);
    add_outage(&text, plan, config);
    text_json_close(&text, '}');
    (void)puts(bytes);
    free(bytes);
    return EXIT_OK;
}

/* Through a row of a table, so that units and ranges are as everywhere. */
static int read_assumption(int64_t *number, enum field_type type, int64_t least, int64_t most,
                           const char *text)
{
    const struct field field = {.type = type, .min = least, .max = most};
    char problem[200];
    if (field_set_text(&field, number, text, problem, sizeof problem) == ST_OK) return EXIT_OK;
    return command_usage("plan", problem, text);
}

struct request {
    const char *path;
    struct board_search search;
    struct plan_assumptions assumptions;
    bool is_json;
};

static int read_option(struct request *request, int option, const char *last)
{
    struct plan_assumptions *assumed = &request->assumptions;
    switch (option) {
    case 'c':
        request->path = optarg;
        return EXIT_OK;
    case 'B':
        request->search.name = optarg;
        return EXIT_OK;
    case 'b':
        request->search.directories = optarg;
        return EXIT_OK;
    case 'r':
        request->search.root = optarg;
        return EXIT_OK;
    case 'j':
        request->is_json = true;
        return EXIT_OK;
    case 'e':
        return read_assumption(&assumed->every_ms, FIELD_DURATION, 1, 366 * DAY_MS, optarg);
    case 'i':
        return read_assumption(&assumed->id_bytes, FIELD_INTEGER, 1, LIMIT_DEVICE_ID_SIZE - 1,
                               optarg);
    case 'n':
        return read_assumption(&assumed->devices, FIELD_INTEGER, 1, LIMIT_DEVICES, optarg);
    case 'l':
        return read_assumption(&assumed->latency_ms, FIELD_DURATION, 1, HOUR_MS, optarg);
    default:
        return command_usage("plan", "unknown option or missing value", last);
    }
}

static int read_request(struct request *request, int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},  {"board", required_argument, NULL, 'B'},
        {"boards", required_argument, NULL, 'b'},  {"root", required_argument, NULL, 'r'},
        {"every", required_argument, NULL, 'e'},   {"id", required_argument, NULL, 'i'},
        {"devices", required_argument, NULL, 'n'}, {"latency", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},          {NULL, 0, NULL, 0}};
    *request = (struct request){.path = COMMAND_DEFAULT_CONFIG,
                                .search = board_search_default(),
                                .assumptions = plan_assume()};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, "c:B:b:r:e:i:n:l:j", options, NULL)) != -1) {
        int code = read_option(request, option, argv[optind - 1]);
        if (code != EXIT_OK) return code;
    }
    if (optind < argc) request->path = argv[optind++];
    if (optind < argc) return command_usage("plan", "unexpected argument", argv[optind]);
    return EXIT_OK;
}

static int run_plan(int argc, char **argv)
{
    struct request request;
    int code = read_request(&request, argc, argv);
    if (code != EXIT_OK) return code;
    struct config *config = calloc(1, sizeof *config);
    struct plan *plan = calloc(1, sizeof *plan);
    if (config == NULL || plan == NULL) code = EXIT_FAILED;
    if (code == EXIT_OK)
        code = command_load_config_for(config, request.path, request.search, false);
    if (code == EXIT_OK && plan_make(plan, config, &request.assumptions) != ST_OK) {
        (void)fputs("isotherm plan: no memory for the rehearsal\n", stderr);
        code = EXIT_FAILED;
    }
    if (code == EXIT_OK && request.assumptions.devices > config->limits.devices)
        (void)fprintf(stderr,
                      "isotherm plan: --devices %" PRId64 ": limits.devices is %" PRId64
                      "; planned for as many\n",
                      request.assumptions.devices, config->limits.devices);
    if (code == EXIT_OK && request.is_json)
        code = print_json(plan, config);
    else if (code == EXIT_OK)
        print_text(plan, config, request.path);
    if (config != NULL) config_fini(config);
    free(plan);
    free(config);
    return code;
}

const struct command command_plan = {
    .name = "plan",
    .summary = "say what a configuration will use, before it runs",
    .help =
        "Usage: isotherm plan [--board B] [--json] [OPTION]... [CONFIG]\n\n"
        "Says what a configuration (default " COMMAND_DEFAULT_CONFIG ") will use:\n"
        "every byte of memory, bytes to the centre and to the flash each day, how long the centre\n"
        "may be away at each resolution, and how long it takes to make up. Nothing is started.\n\n"
        "  -B, --board B     for that board instead of the one the configuration names\n"
        "  -b, --boards DIR  where profiles of boards are looked for first\n"
        "  -r, --root DIR    the system whose board is to be recognised\n"
        "  -e, --every D     a device sends a reading so often (default: expected_every, or 1s)\n"
        "  -n, --devices N   so many devices send (default: limits.devices)\n"
        "  -i, --id N        length of the ids of devices (default: 24)\n"
        "  -l, --latency D   a message to the centre and its answer (default: 20ms)\n"
        "  -j, --json        for programs\n\n"
        "Exit codes: 0 printed; 64 wrong usage; 78 the configuration has errors, or asks for more\n"
        "than the board allows.\n",
    .run = run_plan,
};
