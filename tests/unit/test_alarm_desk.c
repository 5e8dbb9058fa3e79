/* alarm_desk: which requests reach the engine, what they are answered, and when. */
#include "alarm_desk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1795219200000)

struct engine {
    int calls;
    enum alarm_answer answer;
    struct alarm_command last;
    bool is_exact;
};

static enum alarm_answer ask(void *context, const struct alarm_command *command, bool is_exact,
                             const struct alarm_now *now, struct alarm_view *after)
{
    struct engine *engine = context;
    (void)now;
    engine->calls++;
    engine->last = *command;
    engine->is_exact = is_exact;
    if (engine->answer != ALARM_UNKNOWN) {
        memset(after, 0, sizeof *after);
        memcpy(after->state, "ACKED", sizeof "ACKED");
    }
    return engine->answer;
}

struct rig {
    struct engine engine;
    struct command_channel_options options;
    struct alarm_desk desk;
    struct alarm_now now;
    char answer[ALARM_ANSWER_BYTES];
    int next_id;
};

static int set_up(void **state)
{
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig.options = (struct command_channel_options){
        .size_bytes = 512, .age_ms = 120000, .allow = "ack, shelve", .actors = "an*"};
    rig.now = (struct alarm_now){.wall_ms = NOW_MS, .mono_ms = 1000, .clock = CLOCK_TRUSTED};
    alarm_desk_init(&rig.desk, "line-7", &rig.options, ask, &rig.engine, NULL, rig.now.mono_ms);
    *state = &rig;
    return 0;
}

static enum alarm_desk_when take(struct rig *rig, const char *json, bool is_local, bool is_retained)
{
    struct text answer;
    text_init(&answer, rig->answer, sizeof rig->answer);
    const struct alarm_desk_request request = {.json = json,
                                               .size = strlen(json),
                                               .is_local = is_local,
                                               .is_retained = is_retained,
                                               .peer = is_local ? "uid 1000" : NULL};
    rig->now.mono_ms += 1000; /* slower than the rate */
    enum alarm_desk_when when = alarm_desk_take(&rig->desk, &request, &rig->now, &answer);
    assert_false(answer.is_cut);
    return when;
}

static void assert_answer(const struct rig *rig, const char *part)
{
    if (strstr(rig->answer, part) == NULL) fail_msg("no %s in %s", part, rig->answer);
}

static void assert_result(const struct rig *rig, const char *name)
{
    char part[64];
    (void)snprintf(part, sizeof part, "\"result\":\"%s\"", name);
    assert_answer(rig, part);
}

static const char *far(struct rig *rig, const char *id, const char *verb, const char *actor,
                       int64_t sent_ms)
{
    static char json[512];
    (void)rig;
    (void)snprintf(json, sizeof json,
                   "{\"id\":\"%s\",\"command\":\"%s\",\"alarm_id\":\"a/hot/H\",\"occurrence\":3,"
                   "\"actor\":\"%s\",\"time\":%lld%s}",
                   id, verb, actor, (long long)sent_ms,
                   strcmp(verb, "shelve") == 0 ? ",\"for_ms\":60000" : "");
    return json;
}

static void test_a_command_is_carried_out_and_waits_for_its_commit(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false),
                     ALARM_DESK_CHANGED);
    assert_int_equal(rig->engine.calls, 1);
    assert_string_equal(rig->engine.last.actor, "anna");
    assert_int_equal(rig->engine.last.occurrence, 3);
    assert_true(rig->engine.is_exact);
    assert_result(rig, "done");
    assert_answer(rig, "\"success\":true");
    assert_answer(rig, "\"state\":\"ACKED\"");
    assert_answer(rig, "\"id\":\"1\"");
    assert_int_equal(rig->desk.counts.remote[REQUEST_DONE], 1);
}

static void test_a_repeated_id_changes_nothing_and_answers_success_after_the_commit(void **state)
{
    struct rig *rig = *state;
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false);
    assert_int_equal(take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false),
                     ALARM_DESK_DURABLE);
    assert_int_equal(rig->engine.calls, 1);
    assert_result(rig, "done");
    assert_answer(rig, "\"repeated\":true");
    assert_int_equal(rig->desk.counts.repeats, 1);
}

static void test_a_refused_id_is_not_carried_out_later(void **state)
{
    struct rig *rig = *state;
    rig->engine.answer = ALARM_NOT_APPLICABLE;
    assert_int_equal(take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false),
                     ALARM_DESK_DURABLE);
    assert_result(rig, "not_applicable");
    rig->engine.answer = ALARM_DONE;
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false);
    assert_int_equal(rig->engine.calls, 1);
    assert_result(rig, "not_applicable");
}

static void test_an_engine_that_is_busy_may_be_asked_again(void **state)
{
    struct rig *rig = *state;
    rig->engine.answer = ALARM_BUSY;
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false);
    assert_result(rig, "busy");
    rig->engine.answer = ALARM_DONE;
    assert_int_equal(take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false),
                     ALARM_DESK_CHANGED);
    assert_int_equal(rig->engine.calls, 2);
}

static void test_an_id_that_was_used_for_something_else_is_refused(void **state)
{
    struct rig *rig = *state;
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, false);
    assert_int_equal(take(rig, far(rig, "1", "shelve", "anna", NOW_MS), false, false),
                     ALARM_DESK_AT_ONCE);
    assert_result(rig, "id_used");
    assert_int_equal(rig->engine.calls, 1);
}

static void test_what_may_not_come_from_afar_never_reaches_the_engine(void **state)
{
    struct rig *rig = *state;
    static const char *const large =
        "{\"command\":\"ack\",\"alarm_id\":\"a\",\"reason\":\"                                     "
        "  "
        "                                                                                        "
        "                                                                                        "
        "                                                                                        "
        "                                                                                        "
        "                                                                                        "
        "                                                                       \"}";
    assert_int_equal(take(rig, far(rig, "1", "oos", "anna", NOW_MS), false, false),
                     ALARM_DESK_AT_ONCE);
    assert_result(rig, "not_authorised");
    (void)take(rig, far(rig, "1", "ack", "bert", NOW_MS), false, false);
    assert_result(rig, "not_authorised");
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS), false, true);
    assert_result(rig, "retained");
    (void)take(rig, large, false, false);
    assert_result(rig, "too_large");
    (void)take(rig, "{\"id\":\"77\",\"command\":\"stop\"}", false, false);
    assert_result(rig, "malformed");
    assert_answer(rig, "\"id\":\"77\"");
    (void)take(rig,
               "{\"id\":\"1\",\"command\":\"ack\",\"alarm_id\":\"a\",\"occurrence\":1,"
               "\"actor\":\"anna\",\"time\":1795219200,\"gateway\":\"line-8\"}",
               false, false);
    assert_result(rig, "other_gateway");
    assert_int_equal(rig->engine.calls, 0);
    const uint64_t *counts = rig->desk.counts.remote;
    assert_int_equal(counts[REQUEST_NOT_AUTHORISED], 2);
    assert_int_equal(counts[REQUEST_RETAINED], 1);
    assert_int_equal(counts[REQUEST_TOO_LARGE], 1);
    assert_int_equal(counts[REQUEST_MALFORMED], 1);
    assert_int_equal(counts[REQUEST_OTHER_GATEWAY], 1);
}

static void test_age_is_held_against_a_clock_that_can_be_trusted(void **state)
{
    struct rig *rig = *state;
    (void)take(rig, far(rig, "1", "ack", "anna", NOW_MS - 120001), false, false);
    assert_result(rig, "too_old");
    (void)take(rig, far(rig, "2", "ack", "anna", NOW_MS + 120001), false, false);
    assert_result(rig, "too_old");
    (void)take(rig, far(rig, "3", "ack", "anna", NOW_MS - 120000), false, false);
    assert_result(rig, "done");
    rig->now.clock = CLOCK_HELD;
    (void)take(rig, far(rig, "4", "ack", "anna", NOW_MS - 120001), false, false);
    assert_result(rig, "done");
    assert_int_equal(rig->engine.calls, 2);
    assert_int_equal(rig->desk.counts.remote[REQUEST_TOO_OLD], 2);
}

static void test_without_a_clock_replay_is_still_impossible(void **state)
{
    struct rig *rig = *state;
    rig->now.clock = CLOCK_UNSET;
    char id[16];
    for (int i = 0; i <= ALARM_GUARD_IDS; i++) {
        (void)snprintf(id, sizeof id, "c%d", i);
        (void)take(rig, far(rig, id, "ack", "anna", NOW_MS + i), false, false);
        assert_result(rig, "done");
    }
    (void)take(rig, far(rig, "c0", "ack", "anna", NOW_MS), false, false);
    assert_result(rig, "too_old");
    assert_int_equal(rig->engine.calls, ALARM_GUARD_IDS + 1);
}

static void test_a_flood_is_turned_away(void **state)
{
    struct rig *rig = *state;
    char id[16];
    for (int i = 0; i < 3 * ALARM_DESK_BURST; i++) {
        (void)snprintf(id, sizeof id, "c%d", i);
        rig->now.mono_ms -= 1000; /* all at the same moment */
        (void)take(rig, far(rig, id, "ack", "anna", NOW_MS), false, false);
    }
    assert_result(rig, "busy");
    assert_int_equal(rig->engine.calls, ALARM_DESK_BURST);
    assert_int_equal(rig->desk.counts.remote[REQUEST_BUSY], 2 * ALARM_DESK_BURST);
    (void)take(rig, far(rig, "later", "ack", "anna", NOW_MS), false, false);
    assert_result(rig, "done");
}

static void test_local_users_may_do_everything_under_their_own_name(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(take(rig, "{\"command\":\"oos\",\"alarm_id\":\"a/hot/H\"}", true, false),
                     ALARM_DESK_CHANGED);
    assert_string_equal(rig->engine.last.actor, "uid 1000");
    assert_int_equal(rig->engine.last.occurrence, 0);
    assert_false(rig->engine.is_exact);
    (void)take(rig, "{\"command\":\"return\",\"alarm_id\":\"a/hot/H\",\"actor\":\"bert\"}", true,
               false);
    assert_string_equal(rig->engine.last.actor, "bert");
    assert_int_equal(rig->desk.counts.local[REQUEST_DONE], 2);
    assert_int_equal(rig->desk.counts.remote[REQUEST_DONE], 0);
}

static void test_every_answer_of_the_engine_has_its_name(void **state)
{
    struct rig *rig = *state;
    static const char *const names[] = {"done",           "nothing_to_do",
                                        "unknown_alarm",  "wrong_occurrence",
                                        "not_applicable", "out_of_range"};
    for (int i = ALARM_DONE; i <= ALARM_OUT_OF_RANGE; i++) {
        rig->engine.answer = (enum alarm_answer)i;
        (void)take(rig, "{\"command\":\"ack\",\"alarm_id\":\"a/hot/H\"}", true, false);
        assert_result(rig, names[i]);
        assert_answer(rig, i <= ALARM_NOTHING_TO_DO ? "\"success\":true" : "\"success\":false");
    }
}

static void test_counts_survive_a_restart(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[ALARM_DESK_ENTRY_BYTES];
    assert_int_equal(alarm_desk_encode_counts(&rig->desk, bytes), 0);
    (void)take(rig, "{\"command\":\"ack\",\"alarm_id\":\"a/hot/H\"}", true, false);
    (void)take(rig, "{", false, false);
    (void)take(rig, "{", false, true);
    const struct alarm_desk_counts counts = rig->desk.counts;
    size_t size = alarm_desk_encode_counts(&rig->desk, bytes);
    assert_true(size > 0);
    assert_int_equal(alarm_desk_encode_counts(&rig->desk, bytes), 0); /* nothing new */
    alarm_desk_init(&rig->desk, "line-7", &rig->options, ask, &rig->engine, NULL, 0);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(alarm_desk_restore_counts(&rig->desk, bytes, cut), ST_CORRUPT);
    assert_int_equal(alarm_desk_restore_counts(&rig->desk, bytes, size), ST_OK);
    assert_memory_equal(&rig->desk.counts, &counts, sizeof counts);
    assert_int_equal(counts.remote[REQUEST_MALFORMED], 1);
    assert_int_equal(counts.remote[REQUEST_RETAINED], 1);
}

#define WITH_RIG(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_a_command_is_carried_out_and_waits_for_its_commit),
        WITH_RIG(test_a_repeated_id_changes_nothing_and_answers_success_after_the_commit),
        WITH_RIG(test_a_refused_id_is_not_carried_out_later),
        WITH_RIG(test_an_engine_that_is_busy_may_be_asked_again),
        WITH_RIG(test_an_id_that_was_used_for_something_else_is_refused),
        WITH_RIG(test_what_may_not_come_from_afar_never_reaches_the_engine),
        WITH_RIG(test_age_is_held_against_a_clock_that_can_be_trusted),
        WITH_RIG(test_without_a_clock_replay_is_still_impossible),
        WITH_RIG(test_a_flood_is_turned_away),
        WITH_RIG(test_local_users_may_do_everything_under_their_own_name),
        WITH_RIG(test_every_answer_of_the_engine_has_its_name),
        WITH_RIG(test_counts_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
