/* coap: readings that devices POST or PUT to a CoAP server of ours (RFC 7252).
 *
 * Invariant: a request is answered with success only after the commit that holds its reading, and
 * a request that is sent again gets the same answer and never makes a second reading.
 *
 * When the commit comes within ack_wait the answer travels in the ACK: two messages, and nothing
 * for libcoap to repeat.  Else an empty ACK stops the sender's repetitions, and the answer follows
 * by itself.  What makes a request "the same" is all of it - sender, message id, token, path and
 * payload - since sensors that wake from deep sleep begin with the same message id each time. */
#include "drivers.h"

#include "coap_exchange.h"
#include "coap_server.h"
#include "mapping.h"
#include "path_map.h"

#include "base/backoff.h"
#include "base/text.h"

#include <string.h>

enum {
    KEYS_MAX = 1024, /* requests known over a restart */
    MAX_AGE_S = 5,   /* "come back in", told with 5.03 and 4.29 */
    BIND_AGAIN_MIN_MS = 1000,
    BIND_AGAIN_MAX_MS = 60000
};

struct coap_options {
    char listen[128];
    char path[LIMIT_PATH_SIZE];
    struct mapping mapping;
    int64_t sessions;
    int64_t pending;
    int64_t remembered;
    int64_t ack_wait_ms;
};

struct coap_state {
    struct intake *intake;
    const struct coap_options *options;
    struct path_map map;
    struct coap_server_address address;
    char listed_path[3 * LIMIT_PATH_SIZE];
    struct coap_exchange *exchange;
    struct coap_server *server; /* NULL: the address is not bound yet */
    struct loop_timer *bind_timer;
    struct loop_timer *ack_timer;
    bool is_ack_timer_set;
    bool is_paused;
    uint32_t attempt;
    uint64_t random;
};

/* Decoding: path and payload become a reading. */

static enum verdict decode_request(const struct path_map *map, const struct mapping *mapping,
                                   const struct coap_server_request *request,
                                   struct reading *reading, const char **detail)
{
    struct mapping_result result;
    *detail = NULL;
    memset(reading, 0, sizeof *reading);
    enum verdict verdict =
        path_map_match(map, request->segments, request->segment_count, result.device);
    if (verdict != VERDICT_OK) return verdict;
    verdict = mapping_decode(mapping, request->payload, request->payload_size, &result, detail);
    if (verdict != VERDICT_OK && !verdict_is_of_sensor(verdict)) return verdict;
    if (result.device[0] == '\0') return VERDICT_UNKNOWN_DEVICE;
    memcpy(reading->device, result.device, sizeof reading->device);
    reading->value_micro = result.value_micro;
    reading->has_event_time = result.has_event_time;
    reading->event_ms = result.event_ms;
    return verdict;
}

static enum verdict coap_decode(const void *context_options, const char *address,
                                const char *payload, size_t size, int64_t now_wall_ms,
                                void (*found)(void *context, const struct reading *reading),
                                void *context, const char **detail)
{
    const struct coap_options *options = context_options;
    struct coap_server_request request = {.payload = payload, .payload_size = size};
    struct path_map map;
    struct reading reading;
    (void)now_wall_ms;
    if (path_map_compile(&map, options->path, detail) != ST_OK) return VERDICT_UNKNOWN_DEVICE;
    request.segment_count = path_map_split(address, request.segments, PATH_MAP_SEGMENTS);
    if (size > COAP_SERVER_PAYLOAD) return VERDICT_LENGTH;
    enum verdict verdict = decode_request(&map, &options->mapping, &request, &reading, detail);
    if (verdict == VERDICT_OK) found(context, &reading);
    return verdict;
}

/* Requests and their answers. */

static unsigned code_of_verdict(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_OK:
    case VERDICT_DUPLICATE: /* we have it already: what the sender wants to hear */
        return 204;
    case VERDICT_UNKNOWN_DEVICE:
        return 404;
    case VERDICT_RATE:
        return 429;
    case VERDICT_BUSY:
    case VERDICT_DEVICE_LIMIT:
        return 503;
    default:
        return 400;
    }
}

static void set_answer(struct coap_server_answer *answer, unsigned code, const char *diagnostic)
{
    answer->code = code;
    answer->diagnostic = diagnostic;
    if (code == 429 || code == 503) answer->max_age_s = MAX_AGE_S;
}

static const struct reading no_reading = {.device = ""};

/* Reports what this driver itself refuses; of `reading` what could be read. */
static void report(struct coap_state *state, const struct coap_server_request *request,
                   const struct reading *reading, enum verdict verdict, const char *detail)
{
    char peer[64], bytes[128];
    struct text path;
    coap_server_describe(request->session, peer, sizeof peer);
    text_init(&path, bytes, sizeof bytes);
    for (size_t i = 0; i < request->segment_count && i < PATH_MAP_SEGMENTS; i++) {
        text_add_char(&path, '/');
        text_add_bytes(&path, request->segments[i].bytes, request->segments[i].size);
    }
    intake_report_bad_value(state->intake, reading, verdict, "%s from %s: %s", bytes, peer,
                            detail == NULL ? verdict_text(verdict) : detail);
}

/* Answers a request that was seen before as it was answered then; false when it is new. */
static bool answer_again(struct coap_state *state, const struct coap_server_request *request,
                         struct coap_server_answer *answer)
{
    struct coap_waiting *waiting = coap_exchange_find(state->exchange, request->fingerprint);
    unsigned code = coap_exchange_recall(state->exchange, request->fingerprint,
                                         intake_now_mono_ms(state->intake));
    /* After a restart the table is empty, but what was committed before is known. */
    if (waiting == NULL && code == 0 &&
        intake_is_repeat(state->intake, request->fingerprint, COAP_EXCHANGE_LIFETIME_MS)) {
        code = 204;
        coap_exchange_remember(state->exchange, request->fingerprint, code,
                               intake_now_mono_ms(state->intake));
    }
    if (waiting == NULL && code == 0) return false;
    report(state, request, &no_reading, VERDICT_DUPLICATE, NULL);
    if (waiting != NULL)
        waiting->is_acknowledged = true; /* by the empty ACK that a code of 0 means */
    else
        set_answer(answer, code, NULL);
    return true;
}

/* Checks what stands around the payload; false when the answer is set. */
static bool check_request(struct coap_state *state, const struct coap_server_request *request,
                          struct coap_server_answer *answer)
{
    size_t limit = intake_payload_limit(state->intake);
    if (limit > COAP_SERVER_PAYLOAD) limit = COAP_SERVER_PAYLOAD;
    enum verdict verdict = VERDICT_OK;
    const char *detail = NULL;
    if (request->is_partial || request->payload_size > limit) {
        verdict = VERDICT_LENGTH;
        detail = "the payload is too long";
        set_answer(answer, 413, NULL);
        answer->size1_bytes = (uint32_t)limit;
    } else if (request->format != COAP_SERVER_NO_FORMAT &&
               request->format != COAP_SERVER_FORMAT_TEXT &&
               request->format != COAP_SERVER_FORMAT_JSON) {
        verdict = VERDICT_SYNTAX;
        detail = "neither plain text nor JSON";
        set_answer(answer, 415, detail);
    }
    if (verdict == VERDICT_OK) return true;
    report(state, request, &no_reading, verdict, detail);
    return false;
}

/* Offers the reading; true when it was taken. */
static bool take_reading(struct coap_state *state, const struct coap_server_request *request,
                         struct coap_server_answer *answer, uint64_t *ticket)
{
    struct reading reading;
    const char *detail;
    enum verdict verdict =
        decode_request(&state->map, &state->options->mapping, request, &reading, &detail);
    if (verdict != VERDICT_OK) {
        report(state, request, &reading, verdict, detail);
    } else {
        verdict = intake_offer_reading(state->intake, &reading, ticket);
        if (verdict == VERDICT_OK && request->is_confirmable)
            intake_remember(state->intake, request->fingerprint);
    }
    set_answer(answer, code_of_verdict(verdict), detail == NULL ? verdict_text(verdict) : detail);
    if (answer->code == 204) answer->diagnostic = NULL;
    return verdict == VERDICT_OK;
}

static void acknowledge_due(void *context)
{
    struct coap_state *state = context;
    int64_t now_mono_ms = intake_now_mono_ms(state->intake);
    state->is_ack_timer_set = false;
    for (;;) {
        struct coap_waiting *waiting = coap_exchange_oldest_unacknowledged(state->exchange);
        if (waiting == NULL) return;
        if (waiting->ack_by_mono_ms > now_mono_ms) {
            loop_timer_again(state->ack_timer, waiting->ack_by_mono_ms - now_mono_ms, 0);
            state->is_ack_timer_set = true;
            return;
        }
        coap_server_acknowledge(waiting->session, waiting->message_id);
        waiting->is_acknowledged = true;
    }
}

/* Keeps the request until the commit. */
static void wait_for_commit(struct coap_state *state, const struct coap_server_request *request,
                            struct coap_server_answer *answer, uint64_t ticket)
{
    int64_t wait_ms = state->options->ack_wait_ms;
    struct coap_waiting waiting = {
        .fingerprint = request->fingerprint,
        .ticket = ticket,
        .session = request->session,
        .ack_by_mono_ms = intake_now_mono_ms(state->intake) + wait_ms,
        .message_id = request->message_id,
        .token_size = request->token_size,
        .is_confirmable = request->is_confirmable,
        .is_silent = request->is_silent,
        .is_acknowledged = wait_ms == 0,
    };
    memcpy(waiting.token, request->token, request->token_size);
    coap_server_hold(request->session);
    coap_exchange_wait(state->exchange, &waiting);
    *answer = (struct coap_server_answer){.is_later = wait_ms > 0};
    if (wait_ms > 0 && request->is_confirmable && !state->is_ack_timer_set) {
        loop_timer_again(state->ack_timer, wait_ms, 0);
        state->is_ack_timer_set = true;
    }
    /* Half of it is for the commit itself, so that the answer still travels in the ACK. */
    bool is_full = coap_exchange_is_full(state->exchange);
    intake_request_commit_within(state->intake, is_full ? 0 : wait_ms / 2);
}

static void on_request(void *context, const struct coap_server_request *request,
                       struct coap_server_answer *answer)
{
    struct coap_state *state = context;
    uint64_t ticket = 0;
    char device[LIMIT_DEVICE_ID_SIZE];
    if (answer_again(state, request, answer)) return;
    bool is_known = path_map_match(&state->map, request->segments, request->segment_count,
                                   device) != VERDICT_UNKNOWN_DEVICE;
    if (is_known && request->method != COAP_SERVER_POST && request->method != COAP_SERVER_PUT) {
        set_answer(answer, 405, NULL);
        return;
    }
    if (is_known && (state->is_paused || coap_exchange_is_full(state->exchange))) {
        set_answer(answer, 503, NULL);
        return;
    }
    bool is_taken =
        check_request(state, request, answer) && take_reading(state, request, answer, &ticket);
    if (answer->code == 503) return; /* not remembered: when it is sent again it may be taken */
    coap_exchange_remember(state->exchange, request->fingerprint, answer->code,
                           intake_now_mono_ms(state->intake));
    bool needs_answer = request->is_confirmable || !request->is_silent;
    if (is_taken && needs_answer && ticket > intake_durable_ticket(state->intake))
        wait_for_commit(state, request, answer, ticket);
}

static void answer_waiting(struct coap_state *state, const struct coap_waiting *waiting)
{
    enum coap_server_carriage carriage = COAP_SERVER_PLAIN;
    if (waiting->is_confirmable)
        carriage = waiting->is_acknowledged ? COAP_SERVER_SEPARATE : COAP_SERVER_PIGGYBACKED;
    if (!waiting->is_silent)
        coap_server_send(state->server, waiting->session, carriage, 204, waiting->message_id,
                         waiting->token, waiting->token_size, intake_now_mono_ms(state->intake));
    else if (carriage == COAP_SERVER_PIGGYBACKED)
        coap_server_acknowledge(waiting->session, waiting->message_id);
}

static size_t coap_repeat_keys(const void *options)
{
    const struct coap_options *coap = options;
    int64_t keys = coap->remembered < KEYS_MAX ? coap->remembered : KEYS_MAX;
    return (size_t)(keys > coap->pending ? keys : coap->pending); /* one commit may hold as many */
}

/* A confirmable request is answered after its commit, so none may wait for the timer. */
static size_t coap_commit_readings(const void *options)
{
    (void)options;
    return 1;
}

static size_t coap_open_bytes(const void *options)
{
    const struct coap_options *coap = options;
    return coap_server_size_bytes() +
           coap_exchange_size_bytes((size_t)coap->pending, (size_t)coap->remembered);
}

static void coap_durable(void *context, uint64_t ticket)
{
    struct coap_state *state = context;
    if (state->exchange == NULL) return;
    for (;;) {
        struct coap_waiting *waiting = coap_exchange_oldest(state->exchange);
        if (waiting == NULL || waiting->ticket > ticket) return;
        answer_waiting(state, waiting);
        coap_server_release(waiting->session);
        coap_exchange_drop_oldest(state->exchange);
    }
}

static void coap_pause(void *context)
{
    struct coap_state *state = context;
    state->is_paused = true;
}

static void coap_resume(void *context)
{
    struct coap_state *state = context;
    state->is_paused = false;
}

/* Opening and closing. */

static enum status bind_server(struct coap_state *state);

static void bind_again(void *context)
{
    struct coap_state *state = context;
    /* Once started, a source is never given up, whatever the cause. */
    if (bind_server(state) != ST_OK) loop_timer_again(state->bind_timer, BIND_AGAIN_MAX_MS, 0);
}

/* ST_OK also when it is to be tried again. */
static enum status bind_server(struct coap_state *state)
{
    const struct coap_server_settings settings = {
        .loop = intake_loop(state->intake),
        .address = &state->address,
        .listed_path = state->listed_path,
        .idle_sessions = (unsigned)state->options->sessions,
        .handler = on_request,
        .context = state,
    };
    char bytes[256];
    struct text detail;
    const char *reason;
    enum status status = coap_server_open(&state->server, &settings, &reason);
    text_init(&detail, bytes, sizeof bytes);
    text_add(&detail, status == ST_OK ? "listening on " : "cannot listen on ");
    text_add(&detail, state->options->listen);
    if (status == ST_OK) {
        intake_report_connected(state->intake, true, bytes);
        return ST_OK;
    }
    int64_t wait_ms = backoff_wait_ms(state->attempt, BIND_AGAIN_MIN_MS, BIND_AGAIN_MAX_MS,
                                      backoff_random(&state->random));
    text_add(&detail, ": ");
    text_add(&detail, reason);
    if (status == ST_AGAIN) {
        text_add(&detail, "; tries again in ");
        text_add_duration(&detail, wait_ms);
        loop_timer_again(state->bind_timer, wait_ms, 0);
        if (state->attempt < UINT32_MAX) state->attempt++;
        status = ST_OK;
    }
    intake_report_connected(state->intake, false, bytes);
    return status;
}

/* The template as .well-known/core may carry it (RFC 6690): braces are not for URIs. */
static void list_path(struct coap_state *state)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._~/";
    const char *path = state->options->path;
    struct text text;
    text_init(&text, state->listed_path, sizeof state->listed_path);
    for (path += *path == '/'; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;
        if (strchr(plain, c) != NULL) {
            text_add_char(&text, *path);
            continue;
        }
        text_add_char(&text, '%');
        text_add_char(&text, hex[c >> 4]);
        text_add_char(&text, hex[c & 15]);
    }
}

static enum status coap_open(void *context, struct intake *intake, const void *options)
{
    struct coap_state *state = context;
    const char *problem;
    state->intake = intake;
    state->options = options;
    if (path_map_compile(&state->map, state->options->path, &problem) != ST_OK ||
        coap_server_parse(state->options->listen, &state->address, &problem) != ST_OK) {
        log_write(intake_log(intake), LOG_LEVEL_ERROR, intake_name(intake),
                  "the options cannot work: %s", problem);
        return ST_INVALID;
    }
    list_path(state);
    state->random = (uint64_t)intake_now_mono_ms(intake);
    enum status status = coap_exchange_open(&state->exchange, (size_t)state->options->pending,
                                            (size_t)state->options->remembered);
    if (status != ST_OK) return status;
    const int64_t never_ms = INT64_MAX / 4; /* armed when there is something to wait for */
    state->bind_timer = loop_timer_start(intake_loop(intake), never_ms, 0, bind_again, state);
    state->ack_timer = loop_timer_start(intake_loop(intake), never_ms, 0, acknowledge_due, state);
    if (state->bind_timer == NULL || state->ack_timer == NULL) return ST_FULL;
    return bind_server(state);
}

static void coap_close(void *context)
{
    struct coap_state *state = context;
    loop_timer_stop(&state->bind_timer);
    loop_timer_stop(&state->ack_timer);
    while (state->exchange != NULL && coap_exchange_oldest(state->exchange) != NULL) {
        coap_server_release(coap_exchange_oldest(state->exchange)->session);
        coap_exchange_drop_oldest(state->exchange);
    }
    coap_exchange_close(state->exchange);
    state->exchange = NULL;
    coap_server_close(state->server);
    state->server = NULL;
}

/* Options. */

static void check_options(const void *options, const struct field_report *report_to)
{
    const struct coap_options *coap = options;
    struct coap_server_address address;
    struct path_map map;
    const char *problem;
    if (coap_server_parse(coap->listen, &address, &problem) != ST_OK)
        report_to->add(report_to->context, "listen", problem);
    if (path_map_compile(&map, coap->path, &problem) != ST_OK)
        report_to->add(report_to->context, "path", problem);
    else if (map.part_count == 0 && coap->mapping.device[0] == '\0')
        report_to->add(report_to->context, "path",
                       "names no device: put a part in braces, such as t/{device}, or set device");
    mapping_check(&coap->mapping, report_to);
}

static const struct field fields[] = {
    {.name = "listen",
     .type = FIELD_TEXT,
     .offset = offsetof(struct coap_options, listen),
     .size = sizeof((struct coap_options *)0)->listen,
     .default_text = "coap://127.0.0.1:5683",
     FIELD_HELP(
         "Address and UDP port to listen on, e.g. coap://192.0.2.1:5683 or coap://[::1]; "
         "numeric, since names are not resolved. There is no encryption: name the address of "
         "the sensor network, not of all networks.")},
    {.name = "path",
     .type = FIELD_TEXT,
     .offset = offsetof(struct coap_options, path),
     .size = sizeof((struct coap_options *)0)->path,
     .default_text = "t/{device}",
     FIELD_HELP("Path that devices POST or PUT to; the parts in braces, in their order, become the "
                "device id, e.g. {line}/{device}/temperature.")},
    MAPPING_FIELDS(struct coap_options, mapping),
    {.name = "ack_wait",
     .type = FIELD_DURATION,
     .offset = offsetof(struct coap_options, ack_wait_ms),
     .default_text = "1s",
     .min = 0,
     .max = 1500,
     FIELD_HELP(
         "How long the acknowledgement of a request waits for the commit, so that both travel "
         "in one message; after that it is sent empty and the answer follows. 0s: at once.")},
    {.name = "sessions",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct coap_options, sessions),
     .default_text = "32",
     .min = 1,
     .max = 4096,
     FIELD_HELP("How many idle senders the CoAP library keeps; more cost time with each request.")},
    {.name = "pending",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct coap_options, pending),
     .default_text = "64",
     .min = 1,
     .max = 4096,
     FIELD_HELP("How many requests may wait for a commit at once; beyond, senders are told to come "
                "back in 5 s.")},
    {.name = "remembered",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct coap_options, remembered),
     .default_text = "4096",
     .min = 64,
     .max = 65536,
     FIELD_HELP("How many recent requests are remembered, for at most 247 s, to recognise one that "
                "is sent again.")},
};

static const struct field_table options_table = {
    .fields = fields,
    .count = sizeof fields / sizeof fields[0],
    FIELD_HELP("Readings that devices POST or PUT to a CoAP server of this agent."),
    .check = check_options,
};

const struct driver driver_coap = {
    .name = "coap",
    .help = "Readings that devices POST or PUT to a CoAP server of this agent.",
    .is_compiled = true,
    .state_size = sizeof(struct coap_state),
    .options_size = sizeof(struct coap_options),
    .options = &options_table,
    .can_wait = true,
    .repeat_keys = coap_repeat_keys,
    .commit_readings = coap_commit_readings,
    .open_bytes = coap_open_bytes,
    .open = coap_open,
    .close = coap_close,
    .durable = coap_durable,
    .pause = coap_pause,
    .resume = coap_resume,
    .decode = coap_decode,
};
