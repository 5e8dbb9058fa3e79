/* Invariant: the engine is asked only after every check was passed, and once for each id. */
#include "alarm_desk.h"

#include "base/device_id.h"
#include "base/pack.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN = 1000 }; /* one request */

void alarm_desk_init(struct alarm_desk *desk, const char *gateway,
                     const struct command_channel_options *remote, alarm_desk_engine_fn *ask,
                     void *engine, struct log *log, int64_t now_mono_ms)
{
    memset(desk, 0, sizeof *desk);
    desk->gateway = gateway;
    desk->remote = remote;
    desk->ask = ask;
    desk->engine = engine;
    desk->log = log;
    desk->tokens = ALARM_DESK_BURST * TOKEN;
    desk->filled_mono_ms = now_mono_ms;
}

static bool take_token(struct alarm_desk *desk, int64_t now_mono_ms)
{
    int64_t most = (int64_t)ALARM_DESK_BURST * TOKEN;
    int64_t elapsed_ms = now_mono_ms - desk->filled_mono_ms;
    desk->filled_mono_ms = now_mono_ms;
    desk->tokens = elapsed_ms > most ? most : desk->tokens + elapsed_ms * ALARM_DESK_RATE;
    if (desk->tokens > most) desk->tokens = most;
    if (desk->tokens < TOKEN) return false;
    desk->tokens -= TOKEN;
    return true;
}

static bool is_verb_allowed(const char *allow, const char *verb)
{
    size_t length = strlen(verb);
    for (const char *rest = allow; *rest != '\0';) {
        rest += strspn(rest, " ,");
        size_t size = strcspn(rest, " ,");
        if (size == length && strncmp(rest, verb, size) == 0) return true;
        rest += size;
    }
    return false;
}

/* What can be said before it is read. */
static enum request_result check_envelope(struct alarm_desk *desk,
                                          const struct alarm_desk_request *from,
                                          const struct alarm_now *now, const char **detail)
{
    if (from->is_local) return REQUEST_DONE;
    if (from->is_retained) {
        *detail = "the broker had kept it: send commands without retain";
        return REQUEST_RETAINED;
    }
    if (!take_token(desk, now->mono_ms)) {
        *detail = "too many commands; send it again later";
        return REQUEST_BUSY;
    }
    if (from->size <= (size_t)desk->remote->size_bytes) return REQUEST_DONE;
    *detail = "more bytes than are looked at";
    return REQUEST_TOO_LARGE;
}

/* Whether this sender may ask for that now. */
static enum request_result check_sender(const struct alarm_desk *desk, bool is_local,
                                        const struct alarm_request *request,
                                        const struct alarm_now *now, const char **detail)
{
    const struct alarm_command *command = &request->command;
    if (request->gateway[0] != '\0' && strcmp(request->gateway, desk->gateway) != 0)
        return REQUEST_OTHER_GATEWAY;
    if (is_local) return REQUEST_DONE;
    if (!is_verb_allowed(desk->remote->allow, alarm_request_verb_name(command->verb))) {
        *detail = "this command is not allowed from afar";
        return REQUEST_NOT_AUTHORISED;
    }
    if (!device_id_matches(desk->remote->actors, command->actor)) {
        *detail = "this actor may not command from afar";
        return REQUEST_NOT_AUTHORISED;
    }
    if (now->clock != CLOCK_TRUSTED) return REQUEST_DONE;
    int64_t age_ms = now->wall_ms - request->sent_ms;
    if (age_ms <= desk->remote->age_ms && age_ms >= -desk->remote->age_ms) return REQUEST_DONE;
    *detail = age_ms > 0 ? "sent too long ago" : "sent in the future, by our clock";
    return REQUEST_TOO_OLD;
}

struct finding {
    enum request_result result;
    bool is_repeat;
    bool has_view;
    struct alarm_view view;
};

/* Carries it out, or recalls what came of it. */
static void carry_out(struct alarm_desk *desk, const struct alarm_request *request,
                      const struct alarm_now *now, struct finding *found, const char **detail)
{
    const struct alarm_command *command = &request->command;
    uint64_t fingerprint = alarm_request_fingerprint(request);
    uint8_t former = 0;
    enum alarm_guard_finding guard = ALARM_GUARD_NEW;
    bool has_id = command->id[0] != '\0';
    if (has_id)
        guard = alarm_guard_find(&desk->guard, command->id, fingerprint, request->sent_ms, &former);
    if (guard == ALARM_GUARD_REPEAT) {
        found->is_repeat = true;
        found->result = former < REQUEST_RESULTS ? (enum request_result)former : REQUEST_DONE;
        desk->counts.repeats++;
        return;
    }
    if (guard == ALARM_GUARD_ID_USED) {
        *detail = "another command had this id";
        found->result = REQUEST_ID_USED;
        return;
    }
    if (guard == ALARM_GUARD_TOO_OLD) {
        *detail = "sent before commands that are forgotten already";
        found->result = REQUEST_TOO_OLD;
        return;
    }
    found->result = (enum request_result)desk->ask(desk->engine, command, request->has_occurrence,
                                                   now, &found->view);
    found->has_view = found->result != REQUEST_UNKNOWN_ALARM;
    if (has_id && found->result != REQUEST_BUSY)
        alarm_guard_remember(&desk->guard, command->id, fingerprint, request->sent_ms,
                             (uint8_t)found->result);
}

static void say(struct alarm_desk *desk, const struct alarm_desk_request *from,
                const struct alarm_request *request, const struct finding *found,
                const char *detail)
{
    const struct alarm_command *command = &request->command;
    const char *way = from->is_local ? "locally" : "from afar";
    const char *word = alarm_request_result_name(found->result);
    if (found->result == REQUEST_DONE && !found->is_repeat)
        log_write(desk->log, LOG_LEVEL_INFO, "alarm", "%s %s by %s, %s",
                  alarm_request_verb_name(command->verb), command->alarm, command->actor, way);
    else if (!alarm_request_is_success(found->result))
        log_limited(desk->log, LOG_LEVEL_WARN, "alarm", word, "a command %s was refused: %s%s%s",
                    way, word, detail != NULL ? ", " : "", detail != NULL ? detail : "");
}

static enum alarm_desk_when choose_when(const struct finding *found)
{
    if (found->result == REQUEST_DONE && !found->is_repeat) return ALARM_DESK_CHANGED;
    bool says_something = found->has_view || found->is_repeat;
    return says_something ? ALARM_DESK_DURABLE : ALARM_DESK_AT_ONCE;
}

enum alarm_desk_when alarm_desk_take(struct alarm_desk *desk, const struct alarm_desk_request *from,
                                     const struct alarm_now *now, struct text *answer)
{
    struct alarm_request request;
    struct finding found = {.result = REQUEST_DONE};
    const char *detail = NULL;
    bool is_read = false;
    memset(&request, 0, sizeof request);
    found.result = check_envelope(desk, from, now, &detail);
    if (found.result == REQUEST_DONE) {
        found.result =
            alarm_request_parse(from->json, from->size, from->is_local, &request, &detail);
        is_read = true;
    }
    if (request.command.actor[0] == '\0' && from->peer != NULL)
        (void)snprintf(request.command.actor, sizeof request.command.actor, "%s", from->peer);
    if (found.result == REQUEST_DONE)
        found.result = check_sender(desk, from->is_local, &request, now, &detail);
    if (found.result == REQUEST_DONE) carry_out(desk, &request, now, &found, &detail);

    uint64_t *counts = from->is_local ? desk->counts.local : desk->counts.remote;
    counts[found.result]++;
    desk->are_counts_unwritten = true;
    say(desk, from, &request, &found, detail);
    const struct alarm_reply reply = {.gateway = desk->gateway,
                                      .request = is_read ? &request : NULL,
                                      .result = found.result,
                                      .is_repeat = found.is_repeat,
                                      .detail = detail,
                                      .view = found.has_view ? &found.view : NULL};
    alarm_request_write_answer(answer, &reply);
    return choose_when(&found);
}

size_t alarm_desk_encode_counts(struct alarm_desk *desk, uint8_t *bytes)
{
    if (!desk->are_counts_unwritten) return 0;
    struct pack_writer writer = {.bytes = bytes, .capacity = ALARM_DESK_ENTRY_BYTES};
    pack_put_u8(&writer, ALARM_DESK_TAG);
    pack_put_u8(&writer, REQUEST_RESULTS);
    for (int i = 0; i < REQUEST_RESULTS; i++) pack_put_varint(&writer, desk->counts.local[i]);
    for (int i = 0; i < REQUEST_RESULTS; i++) pack_put_varint(&writer, desk->counts.remote[i]);
    pack_put_varint(&writer, desk->counts.repeats);
    desk->are_counts_unwritten = false;
    return writer.size;
}

/* Results that a later version adds are dropped, those that a former one did not know are 0. */
static void get_results(struct pack_reader *reader, size_t count, uint64_t results[REQUEST_RESULTS])
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = pack_get_varint(reader);
        if (i < REQUEST_RESULTS) results[i] = number;
    }
}

enum status alarm_desk_restore_counts(struct alarm_desk *desk, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    struct alarm_desk_counts counts = {.repeats = 0};
    bool is_ours = pack_get_u8(&reader) == ALARM_DESK_TAG;
    size_t count = pack_get_u8(&reader);
    get_results(&reader, count, counts.local);
    get_results(&reader, count, counts.remote);
    counts.repeats = pack_get_varint(&reader);
    if (!is_ours || reader.is_short || reader.at != size) return ST_CORRUPT;
    desk->counts = counts;
    return ST_OK;
}
