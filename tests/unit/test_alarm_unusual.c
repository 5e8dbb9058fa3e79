/* alarm_unusual: learned alarms through the engine: raised with their reason, kept over a crash. */
#include "alarm/alarm_engine.h"
#include "alarm/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define DEGREE INT64_C(1000000)

enum { ENTRIES = 4096, EVENTS = 64, RULES = 3, LEAST_BYTES = 100 };

struct outside {
    uint8_t bytes[ENTRIES][ALARM_JOURNAL_BYTES];
    size_t sizes[ENTRIES], count;
    size_t flushed_bytes; /* by the flush under way */
    struct alarm_event events[EVENTS];
    size_t event_count;
};

static struct outside first, second;
static struct alarm_rule rules[RULES];
static struct model model;

static bool has_room(void *context, size_t bytes)
{
    (void)context;
    (void)bytes;
    return true;
}

static void emit(void *context, const char *source, const struct alarm_event *event,
                 const struct alarm_now *now)
{
    struct outside *outside = context;
    (void)source;
    (void)now;
    assert_true(outside->event_count < EVENTS);
    outside->events[outside->event_count++] = *event;
}

static void journal(void *context, const void *bytes, size_t size)
{
    struct outside *outside = context;
    assert_true(outside->count < ENTRIES && size <= ALARM_JOURNAL_BYTES);
    memcpy(outside->bytes[outside->count], bytes, size);
    outside->sizes[outside->count++] = size;
    outside->flushed_bytes += size;
}

static struct alarm_engine *open_engine(struct outside *outside)
{
    const struct alarm_options options = {
        .rules = rules,
        .rule_count = RULES,
        .devices = 4,
        .gateway = "line-7",
        .boot = 1,
        .habit = {.memory_days = 14, .warm_up_days = 7, .least_micro = DEGREE / 2}};
    const struct alarm_sink sink = {
        .has_room = has_room, .emit = emit, .journal = journal, .context = outside};
    struct alarm_engine *engine = NULL;
    assert_int_equal(alarm_engine_open(&engine, &options, &sink), ST_OK);
    return engine;
}

static struct alarm_now now_at(int64_t event_ms)
{
    return (struct alarm_now){
        .wall_ms = event_ms, .mono_ms = event_ms - START_MS, .clock = CLOCK_HELD};
}

static void send(struct alarm_engine *engine, const char *device, int64_t value_micro,
                 int64_t event_ms)
{
    struct alarm_now now = now_at(event_ms);
    uint32_t source = alarm_engine_find_source(engine, device, &now);
    alarm_engine_advance(engine, &now);
    alarm_engine_add_reading(engine, source, value_micro, event_ms, true, &now);
}

static void flush(struct alarm_engine *engine, struct outside *outside)
{
    size_t reserved = alarm_engine_reserved_bytes(engine);
    outside->flushed_bytes = 0;
    alarm_engine_flush(engine);
    assert_true(outside->flushed_bytes <= reserved);
}

static struct alarm_engine *restore(const struct outside *from, struct outside *into)
{
    struct alarm_engine *engine = open_engine(into);
    for (size_t i = 0; i < from->count; i++) {
        assert_true(alarm_engine_is_entry(from->bytes[i], from->sizes[i]));
        assert_int_equal(alarm_engine_restore(engine, from->bytes[i], from->sizes[i]), ST_OK);
    }
    return engine;
}

/* Half an hour between readings, 50 with half a degree to either side. */
static void live(struct alarm_engine *engine, const char *device, int64_t days)
{
    for (int64_t at = 0; at < days * 48; at++)
        send(engine, device, 50 * DEGREE + (at % 2 == 0 ? DEGREE : -DEGREE) / 2,
             START_MS + at * HOUR_MS / 2);
}

static int open_rules(void **state)
{
    static const char text[] = "{\"isotherm_model\":1,\"devices\":["
                               "{\"devices\":\"oven-*\",\"hours\":[[[40,50,60]]]}]}";
    struct model_problem problem;
    (void)state;
    assert_int_equal(model_parse(&model, text, sizeof text - 1, &problem), ST_OK);
    memset(rules, 0, sizeof rules);
    rules[0] = (struct alarm_rule){.name = "odd",
                                   .devices = "oven-*",
                                   .is_unusual = true,
                                   .unusual = {.deviations_micro = 5 * DEGREE}};
    rules[1] = (struct alarm_rule){.name = "known",
                                   .devices = "*",
                                   .model = &model,
                                   .deadband_micro = DEGREE,
                                   .on_delay_ms = HOUR_MS};
    rules[2] = (struct alarm_rule){.name = "hot", .devices = "*", .has_high = true};
    rules[2].high_micro = 90 * DEGREE;
    first.count = first.event_count = second.count = second.event_count = 0;
    return 0;
}

static int close_rules(void **state)
{
    (void)state;
    model_fini(&model);
    return 0;
}

static void test_what_is_unusual_is_raised_with_its_reason_and_cleared(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    live(engine, "oven-1", 8);
    assert_int_equal(first.event_count, 0);
    int64_t at_ms = START_MS + 8 * 24 * HOUR_MS;
    send(engine, "oven-1", 53 * DEGREE, at_ms);
    send(engine, "oven-1", 51 * DEGREE, at_ms + 1000);
    assert_int_equal(first.event_count, 2);
    const struct alarm_event *raised = &first.events[0], *cleared = &first.events[1];
    assert_string_equal(raised->kind, "unusual");
    assert_int_equal(raised->trigger, TRIGGER_RAISE);
    assert_int_equal(raised->limit_micro, 52500000);
    assert_string_equal(raised->reason,
                        "53 is 6 deviations above the usual 50 \xC2\xB1 0.5 at 0 h");
    assert_int_equal(cleared->trigger, TRIGGER_CLEAR);
    assert_string_equal(cleared->reason, "");
    alarm_engine_close(engine);
}

static void test_a_model_judges_from_the_first_reading_with_delay_and_deadband(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    send(engine, "lamp", 70 * DEGREE, START_MS);
    send(engine, "oven-1", 60 * DEGREE, START_MS);
    send(engine, "oven-1", 59999999, START_MS + 1000); /* ends the delay */
    send(engine, "oven-1", 65 * DEGREE, START_MS + 2000);
    send(engine, "oven-1", 59 * DEGREE, START_MS + HOUR_MS + 1999);
    assert_int_equal(first.event_count, 0);
    send(engine, "oven-1", 65 * DEGREE, START_MS + HOUR_MS + 3000);
    send(engine, "oven-1", 66 * DEGREE, START_MS + 2 * HOUR_MS + 3000);
    send(engine, "oven-1", 59 * DEGREE, START_MS + 2 * HOUR_MS + 4000);
    assert_int_equal(first.event_count, 1);
    assert_string_equal(first.events[0].name, "known");
    assert_string_equal(first.events[0].reason, "65 is 15 above the usual 50 (40 to 60) at 1 h");
    assert_int_equal(first.events[0].on_delay_ms, HOUR_MS);
    send(engine, "oven-1", 58900000, START_MS + 2 * HOUR_MS + 5000);
    assert_int_equal(first.event_count, 2);
    alarm_engine_close(engine);
}

static void test_a_delay_that_time_ends_is_explained_too(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    send(engine, "oven-1", 70 * DEGREE, START_MS);
    struct alarm_now now = now_at(START_MS + HOUR_MS);
    alarm_engine_advance(engine, &now);
    assert_int_equal(first.event_count, 1);
    assert_string_equal(first.events[0].reason, "70 is 20 above the usual 50 (40 to 60) at 0 h");
    alarm_engine_close(engine);
}

static void test_without_a_clock_arrival_times_teach_and_judge_nothing(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    for (int64_t hour = 0; hour < 24 * 9; hour++) {
        struct alarm_now now = now_at(START_MS + hour * HOUR_MS);
        now.clock = CLOCK_UNSET;
        uint32_t source = alarm_engine_find_source(engine, "oven-1", &now);
        alarm_engine_add_reading(engine, source, 50 * DEGREE, now.wall_ms, false, &now);
    }
    send(engine, "oven-1", 59 * DEGREE, START_MS + 24 * 9 * HOUR_MS);
    assert_int_equal(first.event_count, 0);
    assert_int_equal(alarm_engine_count_active(engine), 0);
    alarm_engine_close(engine);
}

/* The entries of one device's habit in a journal begun anew. */
static size_t write_habit(struct alarm_engine *engine, struct outside *outside, const char *device,
                          uint8_t *bytes)
{
    enum { KIND_AT = 2, LENGTH_AT = 3, ID_AT = 4, HABIT = 3 };
    size_t size = 0;
    outside->count = 0;
    assert_true(alarm_engine_journal_states(engine, SIZE_MAX));
    for (size_t i = 0; i < outside->count; i++) {
        const uint8_t *entry = outside->bytes[i];
        if (entry[KIND_AT] != HABIT || entry[LENGTH_AT] != strlen(device)) continue;
        if (memcmp(entry + ID_AT, device, strlen(device)) != 0) continue;
        memcpy(bytes + size, entry, outside->sizes[i]);
        size += outside->sizes[i];
    }
    return size;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 16;
}

static void test_killed_at_any_commit_the_habits_are_the_same_bytes(void **state)
{
    (void)state;
    static const char *const devices[] = {"oven-1", "line-1/oven-2", "oven-3"};
    uint8_t whole_bytes[1024], killed_bytes[1024];
    struct alarm_engine *whole = open_engine(&first), *killed = open_engine(&second);
    uint32_t seed = 11;
    for (int64_t at = 0; at < 3000; at++) {
        const char *device = devices[next_random(&seed) % 3];
        int64_t value_micro = 45 * DEGREE + (int64_t)(next_random(&seed) % 4000) * 1000;
        int64_t event_ms = START_MS + at * HOUR_MS / 7;
        send(whole, device, value_micro, event_ms);
        send(killed, device, value_micro, event_ms);
        if (next_random(&seed) % 20 != 0) continue;
        flush(killed, &second);
        if (next_random(&seed) % 8 == 0) { /* a journal begun anew */
            second.count = 0;
            assert_true(alarm_engine_journal_states(killed, SIZE_MAX));
        }
        alarm_engine_close(killed);
        static struct outside before;
        before = second;
        killed = restore(&before, &second);
        first.event_count = second.event_count = 0;
    }
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        size_t size = write_habit(whole, &first, devices[i], whole_bytes);
        assert_true(size > LEAST_BYTES);
        assert_int_equal(write_habit(killed, &second, devices[i], killed_bytes), size);
        assert_memory_equal(whole_bytes, killed_bytes, size);
    }
    alarm_engine_close(whole);
    alarm_engine_close(killed);
}

static void test_a_device_that_left_and_came_again_is_a_new_one(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    live(engine, "oven-1", 8);
    int64_t at_ms = START_MS + 8 * 24 * HOUR_MS;
    struct alarm_now now = now_at(at_ms);
    alarm_engine_remove_source(engine, alarm_engine_find_source(engine, "oven-1", &now), &now);
    send(engine, "oven-1", 58 * DEGREE, at_ms);
    assert_int_equal(first.event_count, 0);
    alarm_engine_close(engine);
}

static void test_habits_of_rules_that_are_gone_are_no_damage(void **state)
{
    (void)state;
    struct alarm_engine *engine = open_engine(&first);
    live(engine, "oven-1", 2);
    flush(engine, &first);
    alarm_engine_close(engine);
    rules[0] = rules[2];
    rules[1] = rules[2];
    engine = restore(&first, &second);
    send(engine, "oven-1", 50 * DEGREE, START_MS + 3 * 24 * HOUR_MS);
    flush(engine, &second);
    alarm_engine_close(engine);
}

static void test_memory_is_counted(void **state)
{
    (void)state;
    const struct alarm_options small = {
        .rules = &rules[2], .rule_count = 1, .devices = 1000, .gateway = "g"};
    const struct alarm_options large = {
        .rules = rules, .rule_count = RULES, .devices = 1000, .gateway = "g"};
    size_t more = alarm_engine_size_bytes(&large) - alarm_engine_size_bytes(&small);
    assert_true(more >= 1000 * (HABIT_BYTES + sizeof(uint16_t)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rules, close_rules)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_unusual_is_raised_with_its_reason_and_cleared),
        TEST(test_a_model_judges_from_the_first_reading_with_delay_and_deadband),
        TEST(test_a_delay_that_time_ends_is_explained_too),
        TEST(test_without_a_clock_arrival_times_teach_and_judge_nothing),
        TEST(test_killed_at_any_commit_the_habits_are_the_same_bytes),
        TEST(test_a_device_that_left_and_came_again_is_a_new_one),
        TEST(test_habits_of_rules_that_are_gone_are_no_damage),
        TEST(test_memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
