#include "command.h"

#include "alarm_request.h"
#include "base/field.h"
#include "base/text.h"
#include "control_client.h"
#include "reply.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    REQUEST_BYTES = 1400,
    TIMEOUT_MS = 60000 /* an answer waits for its commit, and a disk may stall for long */
};

struct options {
    const char *config_path, *socket_path;
    bool is_json, wants_all, is_one_shot;
    const char *actor, *reason, *id;
    int64_t occurrence, for_ms;
};

struct answers {
    const struct options *options;
    size_t lines;
    bool is_refused;
};

/* ---- showing ---- */

static void print_alarm(const cJSON *alarm)
{
    char value[32] = "-";
    if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(alarm, "value")))
        (void)snprintf(value, sizeof value, "%.9g", reply_number(alarm, "value"));
    (void)printf("%-6s %-8s %-44s #%-6.0f value %-10s limit %-10.9g", reply_text(alarm, "state"),
                 reply_text(alarm, "priority"), reply_text(alarm, "alarm_id"),
                 reply_number(alarm, "occurrence"), value, reply_number(alarm, "limit"));
    if (reply_text(alarm, "since")[0] != '\0')
        (void)printf(" since %s", reply_text(alarm, "since"));
    if (reply_text(alarm, "until")[0] != '\0')
        (void)printf(" until %s", reply_text(alarm, "until"));
    if (strcmp(reply_text(alarm, "quality"), "good") != 0)
        (void)printf(" %s", reply_text(alarm, "quality"));
    if (reply_is_true(alarm, "standing")) (void)printf(" standing");
    if (reply_is_true(alarm, "chattering")) (void)printf(" chattering");
    if (reply_is_true(alarm, "first_out")) (void)printf(" first-out");
    if (reply_text(alarm, "actor")[0] != '\0')
        (void)printf(" (%s: %s)", reply_text(alarm, "actor"), reply_text(alarm, "reason"));
    (void)printf("\n");
}

static void print_answer(const cJSON *answer)
{
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(answer, "state");
    const char *result = reply_text(answer, "result");
    const char *detail = reply_text(answer, "detail");
    if (!reply_is_true(answer, "success")) {
        (void)fprintf(stderr, "isotherm alarms: %s %s: %s%s%s\n", reply_text(answer, "command"),
                      reply_text(answer, "alarm_id"), result, detail[0] != '\0' ? ": " : "",
                      detail);
        return;
    }
    (void)printf("%s %s: %s", reply_text(answer, "command"), reply_text(answer, "alarm_id"),
                 result);
    if (state != NULL)
        (void)printf(", now %s, occurrence %.0f", reply_text(state, "state"),
                     reply_number(state, "occurrence"));
    if (state != NULL && reply_text(state, "until")[0] != '\0')
        (void)printf(", until %s", reply_text(state, "until"));
    (void)printf("\n");
}

static bool take_line(void *context, const char *line, size_t size)
{
    struct answers *answers = context;
    cJSON *object = cJSON_ParseWithLength(line, size);
    bool is_answer = cJSON_HasObjectItem(object, "result");
    answers->lines++;
    if (cJSON_HasObjectItem(object, "error") || (is_answer && !reply_is_true(object, "success")))
        answers->is_refused = true;
    if (answers->options->is_json || object == NULL)
        (void)puts(line);
    else if (is_answer)
        print_answer(object);
    else if (cJSON_HasObjectItem(object, "error"))
        (void)fprintf(stderr, "isotherm alarms: %s\n", reply_text(object, "error"));
    else
        print_alarm(object);
    cJSON_Delete(object);
    return true;
}

static int ask(const char *path, const char *request, bool needs_answer, struct answers *answers)
{
    answers->lines = 0;
    enum status status = control_client_ask(path, request, TIMEOUT_MS, take_line, answers);
    if (status == ST_OK && (answers->lines > 0 || !needs_answer)) return EXIT_OK;
    if (status == ST_NOT_FOUND)
        (void)fprintf(stderr, "isotherm alarms: no agent answers at %s\n", path);
    else if (status == ST_DENIED)
        (void)fprintf(stderr, "isotherm alarms: " CONTROL_CLIENT_DENIED "\n", path);
    else if (status == ST_OK || status == ST_TIMEOUT)
        (void)fprintf(stderr, "isotherm alarms: no answer; whether it was done is not known, look "
                              "with isotherm alarms list\n");
    else
        (void)fprintf(stderr, "isotherm alarms: %s: %s\n", path, status_text(status));
    return EXIT_UNAVAILABLE;
}

/* ---- asking ---- */

static void find_user(char *name, size_t size)
{
    const char *sudo_user = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());
    if (getuid() == 0 && sudo_user != NULL && sudo_user[0] != '\0')
        (void)snprintf(name, size, "%s", sudo_user);
    else if (user != NULL)
        (void)snprintf(name, size, "%s", user->pw_name);
    else
        (void)snprintf(name, size, "uid %u", (unsigned)getuid());
}

static bool write_request(const struct options *options, const char *verb, const char *alarm,
                          char *request, size_t capacity)
{
    struct text text;
    char user[ALARM_ACTOR_SIZE], id[ALARM_COMMAND_ID_SIZE];
    uint64_t random[2] = {0, 0};
    find_user(user, sizeof user);
    if (getrandom(random, sizeof random, 0) < 0) random[0] = (uint64_t)getpid();
    (void)snprintf(id, sizeof id, "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    text_init(&text, request, capacity);
    text_add(&text, "command ");
    text_json_open(&text, NULL, '{');
    text_json_string(&text, "id", options->id != NULL ? options->id : id);
    text_json_string(&text, "command", verb);
    text_json_string(&text, "alarm_id", alarm);
    text_json_string(&text, "actor", options->actor != NULL ? options->actor : user);
    if (options->reason != NULL) text_json_string(&text, "reason", options->reason);
    if (options->occurrence > 0) text_json_int(&text, "occurrence", options->occurrence);
    if (options->for_ms > 0) text_json_int(&text, "for_ms", options->for_ms);
    if (options->is_one_shot) text_json_bool(&text, "one_shot", true);
    text_json_close(&text, '}');
    return !text.is_cut;
}

static int command_each(const struct options *options, const char *path, const char *verb,
                        char *const *alarms)
{
    struct answers answers = {.options = options};
    for (; *alarms != NULL; alarms++) {
        char request[REQUEST_BYTES];
        if (!write_request(options, verb, *alarms, request, sizeof request))
            return command_usage("alarms", "too long", *alarms);
        int code = ask(path, request, true, &answers);
        if (code != EXIT_OK) return code;
    }
    return answers.is_refused ? EXIT_FAILED : EXIT_OK;
}

static int list(const struct options *options, const char *path)
{
    struct answers answers = {.options = options};
    int code = ask(path, options->wants_all ? "alarms all" : "alarms", false, &answers);
    if (code == EXIT_OK && answers.lines == 0 && !options->is_json)
        (void)puts(options->wants_all ? "no alarm is known yet" : "every alarm is normal");
    return code == EXIT_OK && answers.is_refused ? EXIT_FAILED : code;
}

/* ---- arguments ---- */

static bool read_number(enum field_type type, const char *text, int64_t max, int64_t *number,
                        char *problem, size_t problem_size)
{
    const struct field field = {.name = "", .type = type, .min = 1, .max = max};
    return field_set_text(&field, number, text, problem, problem_size) == ST_OK;
}

static bool take_option(struct options *options, int option, char *problem, size_t problem_size)
{
    switch (option) {
    case 'c':
        options->config_path = optarg;
        return true;
    case 's':
        options->socket_path = optarg;
        return true;
    case 'j':
        return options->is_json = true;
    case 'a':
        return options->wants_all = true;
    case '1':
        return options->is_one_shot = true;
    case 'u':
        options->actor = optarg;
        return true;
    case 'r':
        options->reason = optarg;
        return true;
    case 'i':
        options->id = optarg;
        return true;
    case 'o':
        return read_number(FIELD_INTEGER, optarg, UINT32_MAX, &options->occurrence, problem,
                           problem_size);
    case 'f':
        return read_number(FIELD_DURATION, optarg, INT64_C(31622400000), &options->for_ms, problem,
                           problem_size);
    default:
        (void)snprintf(problem, problem_size, "unknown option or missing value");
        return false;
    }
}

static int check_usage(const struct options *options, const char *verb, char *const *alarms)
{
    enum alarm_verb known;
    if (strcmp(verb, "list") == 0)
        return *alarms == NULL ? EXIT_OK : command_usage("alarms", "unexpected argument", *alarms);
    if (!alarm_request_find_verb(verb, &known))
        return command_usage("alarms", "no such command for alarms", verb);
    if (*alarms == NULL) return command_usage("alarms", "name the alarm, by its id", verb);
    bool is_shelve = known == ALARM_SHELVE;
    if (is_shelve && options->for_ms == 0)
        return command_usage("alarms", "a shelf has an end: --for 30min", NULL);
    if (!is_shelve && (options->for_ms > 0 || options->is_one_shot))
        return command_usage("alarms", "--for and --one-shot belong to shelve", NULL);
    return EXIT_OK;
}

static int run_alarms(int argc, char **argv)
{
    static const struct option long_options[] = {{"config", required_argument, NULL, 'c'},
                                                 {"socket", required_argument, NULL, 's'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"all", no_argument, NULL, 'a'},
                                                 {"one-shot", no_argument, NULL, '1'},
                                                 {"actor", required_argument, NULL, 'u'},
                                                 {"reason", required_argument, NULL, 'r'},
                                                 {"id", required_argument, NULL, 'i'},
                                                 {"for", required_argument, NULL, 'f'},
                                                 {"occurrence", required_argument, NULL, 'o'},
                                                 {NULL, 0, NULL, 0}};
    struct options options = {.config_path = COMMAND_DEFAULT_CONFIG};
    char problem[200];
    opterr = 0;
    for (int option;
         (option = getopt_long(argc, argv, "c:s:ja1u:r:i:f:o:", long_options, NULL)) != -1;)
        if (!take_option(&options, option, problem, sizeof problem))
            return command_usage("alarms", problem, argv[optind - 1]);
    const char *verb = optind < argc ? argv[optind++] : "list";
    int code = check_usage(&options, verb, argv + optind);
    if (code != EXIT_OK) return code;
    char path[LIMIT_PATH_SIZE];
    code = command_find_socket(options.socket_path, options.config_path, path, sizeof path);
    if (code != EXIT_OK) return code;
    if (strcmp(verb, "list") == 0) return list(&options, path);
    return command_each(&options, path, verb, argv + optind);
}

const struct command command_alarms = {
    .name = "alarms",
    .summary = "list alarms, acknowledge, reset, shelve them",
    .help =
        "Usage: isotherm alarms [list] [--all] [--json] [-c CONFIG | --socket PATH]\n"
        "       isotherm alarms ack|reset|unshelve|oos|return ALARM... [--reason TEXT]\n"
        "       isotherm alarms shelve ALARM... --for TIME [--one-shot] [--reason TEXT]\n\n"
        "Lists the alarms of the running agent, and does to them what an operator does:\n\n"
        "  list       every alarm that is not normal; with --all the normal ones too\n"
        "  ack        acknowledge: I have seen it\n"
        "  reset      release an alarm that latches, once it is over and acknowledged\n"
        "  shelve     hide it for a while; it goes on being watched and recorded\n"
        "  unshelve   end that early\n"
        "  oos        take it out of service, e.g. for maintenance; there is no end but return\n"
        "  return     back into service\n\n"
        "ALARM is the id that list shows, e.g. line-1/oven-3/hot/H; several may be given, but no\n"
        "wildcards. What is done, by whom and why, becomes part of the alarm's records.\n\n"
        "  -r, --reason TEXT     why\n"
        "  -u, --actor NAME      who; by default the local user\n"
        "  -o, --occurrence N    only if the alarm is still at that occurrence\n"
        "  -f, --for TIME        how long, e.g. 30min, 8h; at most what the alarm allows\n"
        "  -1, --one-shot        the shelf also ends when the alarm returns to normal\n"
        "  -i, --id ID           id of this command: sent again, it changes nothing and succeeds\n"
        "  -a, --all             normal alarms too\n"
        "  -c, --config CONFIG   the agent's configuration, which names the socket\n"
        "  -s, --socket PATH     the socket itself\n"
        "  -j, --json            one JSON object per line, for programs\n\n"
        "Exit codes: 0 done, or it was so already; 1 refused, the reason is said; 64 wrong usage;\n"
        "69 no agent runs there, or it gave no answer; 78 the configuration has errors.\n\n"
        "Examples:\n"
        "  isotherm alarms\n"
        "  isotherm alarms ack line-1/oven-3/hot/H --reason 'door was open'\n"
        "  isotherm alarms shelve line-1/oven-3/hot/H --for 2h --reason 'cleaning'\n",
    .run = run_alarms,
};
