/* Feeds a recording through windows and alarms and prints the records, without a broker and
 * without a store.  Time is the recording's own, so that the same file always gives the same
 * lines. */
#include "command.h"

#include "base/field.h"
#include "base/log.h"
#include "base/loop.h"
#include "intake_host.h"
#include "ledger.h"
#include "stream/stream.h"
#include "uplink/encode_json.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct replaying {
    struct config config;
    struct log log;
    struct loop *loop;
    struct stream *stream;
    struct intake_host host;
    struct intake intake;
    const struct driver *driver;
    void *driver_options, *driver_state;
    int64_t newest_ms; /* the recording's own clock */
    uint64_t seq, ticket;
    bool is_quiet;
};

static bool has_room(void *context, size_t bytes)
{
    (void)context;
    (void)bytes;
    return true;
}

static void emit(void *context, struct record *record)
{
    struct replaying *replaying = context;
    char line[LIMIT_RECORD_JSON];
    record->seq = ++replaying->seq;
    const struct encode_json_origin origin = {.gateway = replaying->config.gateway,
                                              .epoch = "replay"};
    if (encode_json_record(record, &origin, false, line, sizeof line) > 0) (void)puts(line);
}

static void forget_journal(void *context, const void *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
}

static struct stream_now now_of(const struct replaying *replaying)
{
    return (struct stream_now){
        .wall_ms = replaying->newest_ms, .mono_ms = replaying->newest_ms, .clock = CLOCK_HELD};
}

/* Time goes on as far as the recording says. */
static struct stream_now move_to(struct replaying *replaying, const struct reading *reading)
{
    int64_t event_ms =
        reading->has_event_time ? reading->event_ms : clock_wall_ms(&replaying->host.clock);
    if (event_ms > replaying->newest_ms) replaying->newest_ms = event_ms;
    struct stream_now now = now_of(replaying);
    stream_advance(replaying->stream, &now);
    return now;
}

static void add_bad_value(void *context, const struct reading *reading, enum verdict verdict)
{
    struct replaying *replaying = context;
    struct stream_now now = move_to(replaying, reading);
    stream_add_bad_value(replaying->stream, reading, verdict, &now);
}

static enum verdict offer(void *context, struct intake *intake, const struct reading *reading,
                          uint64_t *ticket)
{
    struct replaying *replaying = context;
    (void)intake;
    struct stream_now now = move_to(replaying, reading);
    enum verdict verdict = stream_add_reading(replaying->stream, reading, &now);
    *ticket = ++replaying->ticket;
    return verdict;
}

static void ignore_commit(void *context, int64_t patience_ms)
{
    (void)context;
    (void)patience_ms;
}

static void on_end(void *context, struct intake *intake)
{
    struct replaying *replaying = context;
    (void)intake;
    loop_stop(replaying->loop);
}

static enum status set_option(struct replaying *replaying, const char *name, const char *value)
{
    char problem[256];
    const struct field *field = field_find(replaying->driver->options, name);
    if (field == NULL) return ST_NOT_FOUND;
    enum status status =
        field_set_text(field, replaying->driver_options, value, problem, sizeof problem);
    if (status != ST_OK) (void)fprintf(stderr, "isotherm replay: --%s: %s\n", name, problem);
    return status;
}

/* Reads one duration as the configuration does. */
static enum status parse_duration(const char *text, int64_t *duration_ms)
{
    static const struct field field = {.name = "duration", .type = FIELD_DURATION, .offset = 0};
    char problem[128];
    enum status status = field_set_text(&field, duration_ms, text, problem, sizeof problem);
    if (status != ST_OK) (void)fprintf(stderr, "isotherm replay: %s: %s\n", text, problem);
    return status;
}

static enum status add_window(struct config *config, const char *text)
{
    if (config->window_count == LIMIT_WINDOWS) {
        (void)fprintf(stderr, "isotherm replay: at most %d windows\n", LIMIT_WINDOWS);
        return ST_FULL;
    }
    struct window_spec *window = &config->windows[config->window_count];
    *window = (struct window_spec){0};
    char size[64];
    (void)snprintf(size, sizeof size, "%s", text);
    char *every = strchr(size, '/');
    if (every != NULL) *every++ = '\0';
    enum status status = parse_duration(size, &window->size_ms);
    window->every_ms = window->size_ms;
    if (status == ST_OK && every != NULL) status = parse_duration(every, &window->every_ms);
    if (status == ST_OK) config->window_count++;
    return status;
}

static enum status open_parts(struct replaying *replaying)
{
    struct stream_options options = config_stream_options(&replaying->config);
    options.past_ms = 0;
    struct stream_sink sink = {
        .has_room = has_room, .emit = emit, .journal = forget_journal, .context = replaying};
    enum status status = stream_open(&replaying->stream, &options, &sink);
    if (status == ST_OK) status = loop_open(&replaying->loop);
    if (status != ST_OK) return status;
    replaying->host = (struct intake_host){.loop = replaying->loop,
                                           .log = &replaying->log,
                                           .clock = clock_system(),
                                           .gateway = replaying->config.gateway,
                                           .payload_limit = LIMIT_PAYLOAD_DEFAULT,
                                           .offer = offer,
                                           .bad_value = add_bad_value,
                                           .request_commit = ignore_commit,
                                           .end = on_end,
                                           .context = replaying};
    intake_init(&replaying->intake, &replaying->host, "replay");
    return replaying->driver->open(replaying->driver_state, &replaying->intake,
                                   replaying->driver_options);
}

/* A recording of which nothing is understood was most likely read in the wrong form. */
static enum status check_taken(const struct replaying *replaying)
{
    if (ledger_count_received(&replaying->intake.counts) == 0 ||
        replaying->intake.counts.by[VERDICT_OK] > 0)
        return ST_OK;
    (void)fprintf(stderr, "isotherm replay: not one line was taken; do they have the form that "
                          "--line says?\n");
    return ST_CORRUPT;
}

static void print_ledger(const struct replaying *replaying)
{
    const struct verdict_counts *counts = &replaying->intake.counts;
    uint64_t received = ledger_count_received(counts);
    (void)fprintf(stderr, "received %" PRIu64 ", taken %" PRIu64, received, counts->by[VERDICT_OK]);
    for (int i = VERDICT_OK + 1; i < VERDICT_COUNT; i++)
        if (counts->by[i] > 0)
            (void)fprintf(stderr, ", %s %" PRIu64, verdict_name((enum verdict)i), counts->by[i]);
    (void)fprintf(stderr, "; records %" PRIu64 "\n", replaying->seq);
}

static int play(struct replaying *replaying)
{
    enum status status = open_parts(replaying);
    if (status == ST_OK) {
        loop_run(replaying->loop);
        replaying->driver->close(replaying->driver_state);
        struct stream_now now = now_of(replaying);
        if (!stream_close_windows(replaying->stream, &now)) status = ST_FULL; /* never: has_room */
        if (!replaying->is_quiet) print_ledger(replaying);
        if (status == ST_OK) status = check_taken(replaying);
    } else {
        (void)fprintf(stderr, "isotherm replay: cannot start: %s\n", status_text(status));
        if (replaying->loop != NULL) replaying->driver->close(replaying->driver_state);
    }
    loop_close(replaying->loop);
    stream_close(replaying->stream);
    if (fflush(stdout) != 0) status = ST_IO;
    if (status == ST_INVALID) return EXIT_USAGE; /* windows or the form of the lines */
    return status == ST_OK ? EXIT_OK : EXIT_FAILED;
}

static enum status prepare(struct replaying *replaying)
{
    replaying->driver = registry_find("replay");
    if (replaying->driver == NULL || !replaying->driver->is_compiled) return ST_UNSUPPORTED;
    replaying->driver_options = calloc(1, replaying->driver->options_size);
    replaying->driver_state = calloc(1, replaying->driver->state_size);
    if (replaying->driver_options == NULL || replaying->driver_state == NULL) return ST_NO_MEMORY;
    log_init(&replaying->log, clock_system(), STDERR_FILENO, LOG_LEVEL_WARN);
    (void)snprintf(replaying->config.gateway, sizeof replaying->config.gateway, "replay");
    replaying->config.limits.devices = 1000;
    replaying->config.lateness_ms = 30000;
    replaying->config.grace_ms = 5000;
    replaying->config.times.future_ms = 60000;
    return field_set_defaults(replaying->driver->options, replaying->driver_options);
}

/* Windows, lateness and alarms of a configuration instead of the defaults. */
static int take_config(struct replaying *replaying, const char *path)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) return EXIT_FAILED;
    int code = command_load_config(config, path, false);
    if (code == EXIT_OK) {
        config_fini(&replaying->config);
        replaying->config = *config;
        replaying->config.source_count = 0; /* the options stay with the sources */
        config->models = NULL;
    }
    config_fini(config);
    free(config);
    return code;
}

static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
                                             {"window", required_argument, NULL, 'w'},
                                             {"lateness", required_argument, NULL, 'L'},
                                             {"line", required_argument, NULL, 'l'},
                                             {"device", required_argument, NULL, 'd'},
                                             {"header-lines", required_argument, NULL, 'H'},
                                             {"speed", required_argument, NULL, 's'},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {NULL, 0, NULL, 0}};

static int take_option(struct replaying *replaying, int option, char **argv)
{
    enum status status = ST_OK;
    switch (option) {
    case 'c':
        return take_config(replaying, optarg);
    case 'w':
        status = add_window(&replaying->config, optarg);
        break;
    case 'L':
        status = parse_duration(optarg, &replaying->config.lateness_ms);
        break;
    case 'l':
        status = set_option(replaying, "line", optarg);
        break;
    case 'd':
        status = set_option(replaying, "id", optarg);
        break;
    case 'H':
        status = set_option(replaying, "header_lines", optarg);
        break;
    case 's':
        status = set_option(replaying, "speed", optarg);
        break;
    case 'q':
        replaying->is_quiet = true;
        break;
    default:
        return command_usage("replay", "unknown option or missing value", argv[optind - 1]);
    }
    return status == ST_OK ? EXIT_OK : EXIT_USAGE;
}

static int run_with(struct replaying *replaying, int argc, char **argv)
{
    if (prepare(replaying) != ST_OK) return EXIT_FAILED;
    int code = EXIT_OK;
    opterr = 0;
    for (int option; code == EXIT_OK && (option = getopt_long(argc, argv, "c:w:L:l:d:H:s:q",
                                                              long_options, NULL)) != -1;)
        code = take_option(replaying, option, argv);
    if (code != EXIT_OK) return code;
    if (optind >= argc) return command_usage("replay", "which recording?", NULL);
    const char *path = argv[optind++];
    if (optind < argc) return command_usage("replay", "unexpected argument", argv[optind]);
    struct stat found;
    if (access(path, R_OK) != 0 || stat(path, &found) != 0 || S_ISDIR(found.st_mode)) {
        (void)fprintf(stderr, "isotherm replay: cannot read %s\n", path);
        return EXIT_FAILED;
    }
    if (replaying->config.window_count == 0 && add_window(&replaying->config, "1min") != ST_OK)
        return EXIT_FAILED;
    if (set_option(replaying, "path", path) != ST_OK) return EXIT_USAGE;
    return play(replaying);
}

static int run_replay(int argc, char **argv)
{
    struct replaying *replaying = calloc(1, sizeof *replaying);
    if (replaying == NULL) return EXIT_FAILED;
    int code = run_with(replaying, argc, argv);
    free(replaying->driver_options);
    free(replaying->driver_state);
    config_fini(&replaying->config);
    free(replaying);
    return code;
}

const struct command command_replay = {
    .name = "replay",
    .summary = "run a recording through windows and alarms and print the records",
    .help =
        "Usage: isotherm replay [OPTION]... RECORDING\n\n"
        "Feeds a recorded file, line by line, through the same windows and alarms as the agent\n"
        "and prints every summary and alarm as one JSON object per line. Needs no broker and no\n"
        "store; the clock is the recording's own, so the output is always the same.\n\n"
        "  -l, --line TEMPLATE    form of a line, e.g. '{time},{value}' or '{device},{value}'\n"
        "  -d, --device ID        the device, when lines do not say\n"
        "  -H, --header-lines N   lines to skip at the beginning\n"
        "  -w, --window SIZE[/EVERY]  e.g. 1h or 15min/1min; may be repeated (default 1min)\n"
        "  -L, --lateness TIME    how late a reading may come (default 30s)\n"
        "  -s, --speed full|recorded  (default full)\n"
        "  -c, --config CONFIG    take windows, lateness and alarms from a configuration\n"
        "  -q, --quiet            no ledger on standard error at the end\n\n"
        "Example:\n"
        "  isotherm replay -H 1 -l '{time},{value}' -d press-1 -w 1h temperatures.csv\n\n"
        "Exit codes: 0 played; 1 failed; 64 wrong usage; 78 the configuration has errors.\n",
    .run = run_replay,
};
