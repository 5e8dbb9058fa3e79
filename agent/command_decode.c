#include "command.h"

#include "base/clock.h"
#include "base/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decoding {
    bool is_json;
    int64_t now_wall_ms;
    const struct config_times *times;
    const char *disbelief; /* the option that refuses the time, or NULL */
    int64_t disbelieved_ms;
    const char *detail; /* what was wrong, of the driver; NULL or empty: nothing more is known */
};

/* As the stream will judge the time. */
static const char *disbelief(const struct decoding *decoding, int64_t event_ms)
{
    const struct config_times *times = decoding->times;
    if (event_ms > decoding->now_wall_ms + times->future_ms) return "times.future";
    bool is_old = times->past_ms > 0 && event_ms < decoding->now_wall_ms - times->past_ms;
    return is_old ? "times.past" : NULL;
}

static void print_reading(void *context, const struct reading *reading)
{
    struct decoding *decoding = context;
    if (reading->has_event_time) {
        decoding->disbelief = disbelief(decoding, reading->event_ms);
        decoding->disbelieved_ms = reading->event_ms;
        if (decoding->disbelief != NULL) return;
    }
    char bytes[512];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    int64_t event_ms = reading->has_event_time ? reading->event_ms : decoding->now_wall_ms;
    if (decoding->is_json) {
        text_json_open(&text, NULL, '{');
        text_json_string(&text, "device", reading->device);
        text_json_micro(&text, "value", reading->value_micro);
        text_json_string(&text, "unit", "Cel");
        text_json_time(&text, "time", event_ms);
        text_json_bool(&text, "has_event_time", reading->has_event_time);
        text_json_close(&text, '}');
    } else {
        text_add(&text, "device ");
        text_add(&text, reading->device);
        text_add(&text, "  value ");
        text_add_micro(&text, reading->value_micro);
        text_add(&text, " Cel  time ");
        text_add_time(&text, event_ms);
        if (!reading->has_event_time) text_add(&text, " (of arrival)");
    }
    (void)puts(bytes);
}

/* The source to try: by name, or the only one (of those that can decode). */
static const struct config_source *choose_source(const struct config *config, const char *name)
{
    const struct config_source *found = NULL;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        if (source->driver->decode == NULL) continue;
        bool is_named = name != NULL && (strcmp(source->name, name) == 0 ||
                                         strcmp(source->driver->name, name) == 0);
        if (is_named) return source;
        if (name != NULL) continue;
        if (found != NULL) return NULL;
        found = source;
    }
    return found;
}

static size_t read_payload(const char *argument, char *payload, size_t capacity)
{
    if (argument != NULL && strcmp(argument, "-") != 0) {
        size_t size = strlen(argument);
        if (size > capacity) size = capacity;
        memcpy(payload, argument, size);
        return size;
    }
    return fread(payload, 1, capacity, stdin);
}

static void print_refusal(const char *source, enum verdict verdict, const char *address,
                          const struct decoding *decoding)
{
    if (decoding->disbelief != NULL) verdict = VERDICT_TIME;
    bool has_detail = decoding->detail != NULL && decoding->detail[0] != '\0';
    char bytes[256] = "";
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    if (decoding->is_json) {
        text_json_open(&text, NULL, '{');
        text_json_string(&text, "verdict", verdict_name(verdict));
        if (has_detail) text_json_string(&text, "detail", decoding->detail);
        text_json_close(&text, '}');
        (void)puts(bytes);
        return;
    }
    (void)printf("refused by %s: %s (%s)", source, verdict_text(verdict), verdict_name(verdict));
    if (decoding->disbelief != NULL) {
        text_add_time(&text, decoding->disbelieved_ms);
        (void)printf(": %s is beyond %s", bytes, decoding->disbelief);
    } else if (verdict == VERDICT_UNKNOWN_DEVICE) {
        if (*address == '\0')
            (void)printf("; give the topic or path with --address");
        else
            (void)printf(": %s fits nothing that this source listens to", address);
    } else if (has_detail) {
        (void)printf(": %s", decoding->detail);
    }
    (void)puts("");
}

static int decode(const struct config *config, const char *name, const char *address,
                  const char *argument, bool is_json)
{
    const struct config_source *source = choose_source(config, name);
    if (source == NULL)
        return command_usage("decode",
                             name == NULL ? "say which source with --source"
                                          : "no such source that can decode",
                             name);
    size_t capacity = (size_t)config->limits.payload_bytes;
    char *payload = malloc(capacity + 1);
    if (payload == NULL) return EXIT_FAILED;
    size_t size = read_payload(argument, payload, capacity + 1);
    struct clock clock = clock_system();
    struct decoding decoding = {
        .is_json = is_json, .now_wall_ms = clock_wall_ms(&clock), .times = &config->times};
    enum verdict verdict = VERDICT_LENGTH;
    if (size <= capacity)
        verdict =
            source->driver->decode(source->options, address, payload, size, decoding.now_wall_ms,
                                   print_reading, &decoding, &decoding.detail);
    free(payload);
    if (verdict == VERDICT_OK && decoding.disbelief == NULL) return EXIT_OK;
    print_refusal(source->name, verdict, address, &decoding);
    return EXIT_FAILED;
}

static int run_decode(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"source", required_argument, NULL, 's'},
                                            {"address", required_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char *path = COMMAND_DEFAULT_CONFIG;
    const char *name = NULL;
    const char *address = "";
    bool is_json = false;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "c:s:a:j", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 's':
            name = optarg;
            break;
        case 'a':
            address = optarg;
            break;
        case 'j':
            is_json = true;
            break;
        default:
            return command_usage("decode", "unknown option or missing value", argv[optind - 1]);
        }
    }
    const char *argument = optind < argc ? argv[optind++] : NULL;
    if (optind < argc) return command_usage("decode", "unexpected argument", argv[optind]);
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) return EXIT_FAILED;
    int code = command_load_config(config, path, false);
    if (code == EXIT_OK) code = decode(config, name, address, argument, is_json);
    config_fini(config);
    free(config);
    return code;
}

const struct command command_decode = {
    .name = "decode",
    .summary = "try a payload against the mappings of a configuration",
    .help =
        "Usage: isotherm decode [-c CONFIG] [--source NAME] [--address A] [--json] [PAYLOAD]\n\n"
        "Says what the agent would make of a payload: device, value in degrees Celsius, time,\n"
        "or the reason why it is refused. Without PAYLOAD (or with -) it is read from standard\n"
        "input. Nothing is started.\n\n"
        "  -c, --config CONFIG  the configuration (default " COMMAND_DEFAULT_CONFIG ")\n"
        "  -s, --source NAME    which source, e.g. mqtt or mqtt[0]; needed if there are several\n"
        "  -a, --address A      what comes with the payload: an MQTT topic, a CoAP path\n"
        "  -j, --json           as JSON, for programs\n\n"
        "Example:\n"
        "  isotherm decode -s mqtt -a factory/l1/oven-3/temperature '{\"temp\":21.5}'\n\n"
        "Exit codes: 0 taken; 1 refused; 64 wrong usage; 78 the configuration has errors.\n",
    .run = run_decode,
};
