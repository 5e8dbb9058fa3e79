/* Invariant: a request that is read names every text in full: one that does not fit, or holds a
 * control character, is malformed and never cut. */
#include "alarm_request.h"

#include "base/boot_times.h"
#include "base/event_time.h"
#include "decode_json.h"

#include <string.h>

enum { DIGITS_MAX = 15 }; /* of a whole number; JSON readers that use doubles agree up to there */

static const char *const verb_names[] = {"ack", "reset", "shelve", "unshelve", "oos", "return"};
enum { VERBS = sizeof verb_names / sizeof *verb_names };

static const char *const result_names[] = {
    "done",         "nothing_to_do", "unknown_alarm",  "wrong_occurrence", "not_applicable",
    "out_of_range", "busy",          "not_authorised", "malformed",        "too_large",
    "too_old",      "retained",      "id_used",        "other_gateway",
};

_Static_assert(sizeof result_names / sizeof *result_names == REQUEST_RESULTS, "one name for each");
_Static_assert((int)ALARM_RETURN == VERBS - 1, "order of verb_names");
_Static_assert((int)ALARM_BUSY == (int)REQUEST_BUSY && (int)ALARM_DONE == (int)REQUEST_DONE &&
                   (int)ALARM_OUT_OF_RANGE == (int)REQUEST_OUT_OF_RANGE,
               "the results begin as the engine's answers do");

const char *alarm_request_verb_name(enum alarm_verb verb)
{
    return verb_names[verb];
}

bool alarm_request_find_verb(const char *name, enum alarm_verb *verb)
{
    for (int i = 0; i < VERBS; i++) {
        if (strcmp(verb_names[i], name) != 0) continue;
        *verb = (enum alarm_verb)i;
        return true;
    }
    return false;
}

const char *alarm_request_result_name(enum request_result result)
{
    return result_names[result];
}

bool alarm_request_is_success(enum request_result result)
{
    return result == REQUEST_DONE || result == REQUEST_NOTHING_TO_DO;
}

/* ---- reading ---- */

/* False: not a text, too long, or with control characters.  Missing is "". */
static bool read_text(const struct json_slice *slice, char *text, size_t capacity)
{
    text[0] = '\0';
    if (slice->kind == JSON_MISSING) return true;
    if (slice->kind != JSON_STRING) return false;
    size_t size = decode_json_string(slice, text, capacity);
    bool is_good = size < capacity;
    text[is_good ? size : 0] = '\0';
    for (size_t i = 0; i < size && is_good; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) is_good = false;
    if (!is_good) text[0] = '\0';
    return is_good;
}

/* False: not a whole number without sign.  Missing is 0. */
static bool read_whole(const struct json_slice *slice, int64_t *number)
{
    *number = 0;
    if (slice->kind == JSON_MISSING) return true;
    if (slice->kind != JSON_NUMBER || slice->size > DIGITS_MAX) return false;
    for (size_t i = 0; i < slice->size; i++) {
        if (slice->text[i] < '0' || slice->text[i] > '9') return false;
        *number = *number * 10 + (slice->text[i] - '0');
    }
    return true;
}

static const char *read_what(const char *json, size_t size, struct alarm_request *request)
{
    static const char *const pointers[] = {"/command", "/alarm_id", "/occurrence", "/id"};
    struct json_slice found[4];
    const char *detail = NULL;
    char verb[16];
    int64_t occurrence;
    struct alarm_command *command = &request->command;
    if (decode_json(json, size, pointers, 4, found, &detail) != VERDICT_OK)
        return detail != NULL ? detail : "not JSON";
    if (!read_text(&found[3], command->id, sizeof command->id))
        return "id: a text of up to 39 bytes";
    if (!read_text(&found[0], verb, sizeof verb) || !alarm_request_find_verb(verb, &command->verb))
        return "command: ack, reset, shelve, unshelve, oos or return";
    if (!read_text(&found[1], command->alarm, sizeof command->alarm) || command->alarm[0] == '\0')
        return "alarm_id: the id of one alarm";
    if (!read_whole(&found[2], &occurrence) || occurrence > UINT32_MAX)
        return "occurrence: a whole number";
    command->occurrence = (uint32_t)occurrence;
    request->has_occurrence = found[2].kind != JSON_MISSING;
    return NULL;
}

static const char *read_who(const char *json, size_t size, struct alarm_request *request)
{
    static const char *const pointers[] = {"/actor", "/reason", "/time", "/gateway"};
    struct json_slice found[4];
    const char *detail;
    struct alarm_command *command = &request->command;
    if (decode_json(json, size, pointers, 4, found, &detail) != VERDICT_OK) return detail;
    if (!read_text(&found[0], command->actor, sizeof command->actor))
        return "actor: a text of up to 47 bytes";
    if (!read_text(&found[1], command->reason, sizeof command->reason))
        return "reason: a text of up to 95 bytes";
    if (!read_text(&found[3], request->gateway, sizeof request->gateway))
        return "gateway: the name of a gateway";
    const struct json_slice *time = &found[2];
    bool is_text = time->kind == JSON_STRING;
    if (time->kind == JSON_MISSING) return NULL;
    if (!is_text && time->kind != JSON_NUMBER) return "time: a time";
    if (event_time_parse(time->text, time->size, is_text, TIME_FORM_AUTO, &request->sent_ms) !=
            VERDICT_OK ||
        request->sent_ms <= 0)
        return "time: RFC 3339, or a number since 1970";
    return NULL;
}

static const char *read_how(const char *json, size_t size, struct alarm_request *request)
{
    static const char *const pointers[] = {"/for_ms", "/one_shot", "/type", "/result"};
    struct json_slice found[4];
    const char *detail;
    char type[16];
    struct alarm_command *command = &request->command;
    if (decode_json(json, size, pointers, 4, found, &detail) != VERDICT_OK) return detail;
    if (!read_whole(&found[0], &command->shelve_ms)) return "for_ms: a whole number";
    const struct json_slice *one_shot = &found[1];
    if (one_shot->kind != JSON_MISSING && one_shot->kind != JSON_BOOL)
        return "one_shot: true or false";
    command->is_one_shot = one_shot->kind == JSON_BOOL && one_shot->text[0] == 't';
    if (!read_text(&found[2], type, sizeof type) || found[3].kind != JSON_MISSING ||
        (type[0] != '\0' && strcmp(type, "command") != 0))
        return "this is an answer, not a command";
    bool is_shelve = command->verb == ALARM_SHELVE;
    bool has_time = command->shelve_ms > 0;
    if (!is_shelve && (has_time || command->is_one_shot))
        return "for_ms and one_shot belong to shelve";
    if (is_shelve && !has_time) return "shelve needs for_ms: a shelf has an end";
    return NULL;
}

enum request_result alarm_request_parse(const char *json, size_t size, bool is_local,
                                        struct alarm_request *request, const char **detail)
{
    memset(request, 0, sizeof *request);
    *detail = read_what(json, size, request);
    if (*detail == NULL) *detail = read_who(json, size, request);
    if (*detail == NULL) *detail = read_how(json, size, request);
    if (*detail != NULL) return REQUEST_MALFORMED;
    if (is_local) return REQUEST_DONE;
    if (request->command.id[0] == '\0')
        *detail = "id is missing";
    else if (request->command.actor[0] == '\0')
        *detail = "actor is missing";
    else if (!request->has_occurrence)
        *detail = "occurrence is missing: which one does the sender mean";
    else if (request->sent_ms == 0)
        *detail = "time is missing";
    return *detail == NULL ? REQUEST_DONE : REQUEST_MALFORMED;
}

/* ---- the fingerprint ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(number >> (8 * i));
    return mix(hash, bytes, sizeof bytes);
}

uint64_t alarm_request_fingerprint(const struct alarm_request *request)
{
    const struct alarm_command *command = &request->command;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = mix_number(hash, (uint64_t)command->verb);
    hash = mix_number(hash, command->occurrence);
    hash = mix_number(hash, (uint64_t)command->shelve_ms);
    hash = mix_number(hash, command->is_one_shot ? 1 : 0);
    hash = mix(hash, command->alarm, strlen(command->alarm) + 1);
    return mix(hash, command->actor, strlen(command->actor) + 1);
}

/* ---- writing ---- */

static void add_time(struct text *text, const char *key, int64_t wall_ms)
{
    if (wall_ms > 0 && !boot_times_is_uptime(wall_ms))
        text_json_time(text, key, wall_ms);
    else
        text_json_null(text, key);
}

void alarm_request_write_view(struct text *text, const char *key, const struct alarm_view *view,
                              const char *gateway)
{
    text_json_open(text, key, '{');
    if (gateway != NULL) {
        text_json_int(text, "schema", 1);
        text_json_string(text, "type", "alarm-state");
        text_json_string(text, "gateway", gateway);
    }
    text_json_string(text, "alarm_id", view->alarm);
    text_json_string(text, "device", view->device);
    text_json_string(text, "kind", view->kind);
    text_json_string(text, "priority", view->priority);
    text_json_string(text, "group", view->group);
    text_json_string(text, "state", view->state);
    text_json_uint(text, "occurrence", view->occurrence);
    text_json_bool(text, "active", view->is_active);
    if (view->has_no_value)
        text_json_null(text, "value");
    else
        text_json_micro(text, "value", view->value_micro);
    text_json_string(text, "quality", view->quality);
    text_json_micro(text, "limit", view->limit_micro);
    add_time(text, "since", view->since_ms);
    add_time(text, "until", view->until_ms);
    text_json_uint(text, "annunciations", view->annunciated);
    text_json_uint(text, "realarm", view->realarm);
    text_json_uint(text, "raised_while_suppressed", view->hidden_raises);
    text_json_bool(text, "standing", view->is_standing);
    text_json_bool(text, "chattering", view->is_chattering);
    text_json_bool(text, "first_out", view->is_first_out);
    text_json_string(text, "actor", view->actor);
    text_json_string(text, "reason", view->reason);
    text_json_close(text, '}');
}

void alarm_request_write_answer(struct text *text, const struct alarm_reply *reply)
{
    text_json_open(text, NULL, '{');
    text_json_int(text, "schema", 1);
    text_json_string(text, "type", "alarm-answer");
    text_json_string(text, "gateway", reply->gateway);
    if (reply->request != NULL && reply->request->command.alarm[0] != '\0') {
        const struct alarm_command *command = &reply->request->command;
        text_json_string(text, "id", command->id);
        text_json_string(text, "command", alarm_request_verb_name(command->verb));
        text_json_string(text, "alarm_id", command->alarm);
        text_json_string(text, "actor", command->actor);
    } else if (reply->request != NULL) {
        text_json_string(text, "id", reply->request->command.id);
    }
    text_json_bool(text, "success", alarm_request_is_success(reply->result));
    text_json_string(text, "result", alarm_request_result_name(reply->result));
    text_json_bool(text, "repeated", reply->is_repeat);
    if (reply->detail != NULL) text_json_string(text, "detail", reply->detail);
    if (reply->view != NULL) alarm_request_write_view(text, "state", reply->view, NULL);
    text_json_close(text, '}');
}
