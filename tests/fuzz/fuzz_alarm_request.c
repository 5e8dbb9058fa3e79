/* Any bytes as a command for an alarm: the first chooses where it came from.  What is taken is
 * whole, and its answer fits and can never be taken for a command. */
#include "fuzz/fuzz.h"

#include "alarm_request.h"

#include <string.h>

static void require_text(const char *text, size_t capacity)
{
    FUZZ_REQUIRE(memchr(text, '\0', capacity) != NULL);
    for (; *text != '\0'; text++) FUZZ_REQUIRE((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void require_whole(const struct alarm_request *request, bool is_local)
{
    const struct alarm_command *command = &request->command;
    require_text(command->id, sizeof command->id);
    require_text(command->alarm, sizeof command->alarm);
    require_text(command->actor, sizeof command->actor);
    require_text(command->reason, sizeof command->reason);
    require_text(request->gateway, sizeof request->gateway);
    FUZZ_REQUIRE(command->alarm[0] != '\0');
    FUZZ_REQUIRE((command->verb == ALARM_SHELVE) == (command->shelve_ms > 0));
    FUZZ_REQUIRE(command->verb == ALARM_SHELVE || !command->is_one_shot);
    FUZZ_REQUIRE(request->sent_ms >= 0);
    if (is_local) return;
    FUZZ_REQUIRE(command->id[0] != '\0' && command->actor[0] != '\0');
    FUZZ_REQUIRE(request->has_occurrence && request->sent_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    bool is_local = (data[0] & 1) != 0;
    struct alarm_request request, other;
    const char *detail = NULL;
    enum request_result result =
        alarm_request_parse((const char *)data + 1, size - 1, is_local, &request, &detail);
    FUZZ_REQUIRE(result == REQUEST_DONE || result == REQUEST_MALFORMED);
    FUZZ_REQUIRE((result == REQUEST_DONE) == (detail == NULL));
    if (result == REQUEST_DONE) require_whole(&request, is_local);
    char json[ALARM_ANSWER_BYTES];
    struct text text;
    text_init(&text, json, sizeof json);
    const struct alarm_reply reply = {
        .gateway = "g", .request = &request, .result = result, .detail = detail};
    alarm_request_write_answer(&text, &reply);
    FUZZ_REQUIRE(!text.is_cut);
    FUZZ_REQUIRE(alarm_request_parse(json, text.size, true, &other, &detail) == REQUEST_MALFORMED);
    return 0;
}
