/* alarms: the worked examples of the alarm reference, as far as this cut goes (limits, deadband,
 * on-delay), played through the stream second by second under clocks that may be wrong. */
#include "property/support.h"

#define T0_MS INT64_C(1795219200000)

enum { SEGMENTS = 4, TRANSITIONS = 4, BEGIN_S = -20 };

/* A value that comes each so many seconds, first at `from_s`, last before `to_s`. */
struct segment {
    int64_t from_s, to_s, every_s, value_milli;
};

struct transition {
    bool is_raise;
    int64_t at_s;
    int64_t since_s; /* of a raise */
    uint32_t occurrence;
};

struct example {
    const char *name;
    struct segment segments[SEGMENTS];
    int64_t step_at_s, step_s; /* the wall clock is stepped */
    int64_t restart_at_s;      /* the process is; 0: not */
    int64_t end_s;
    struct transition transitions[TRANSITIONS];
};

#define RAISE(at, since, occurrence)                                                               \
    {                                                                                              \
        true, at, since, occurrence                                                                \
    }
#define CLEAR(at, occurrence)                                                                      \
    {                                                                                              \
        false, at, 0, occurrence                                                                   \
    }

static const struct example examples[] = {
    {.name = "1: raised when the condition held for the delay",
     .segments = {{-20, 0, 10, 79999}, {0, 200, 10, 80000}},
     .end_s = 200,
     .transitions = {RAISE(60, 0, 1)}},
    {.name = "2: a reading below the limit cancels the delay",
     .segments = {{0, 51, 10, 81000}, {55, 56, 10, 79500}, {60, 200, 10, 81000}},
     .end_s = 200,
     .transitions = {RAISE(120, 60, 1)}},
    {.name = "3: the edge of the deadband is not below it",
     .segments = {{0, 100, 10, 81000}, {100, 3700, 10, 79000}},
     .end_s = 3700,
     .transitions = {RAISE(60, 0, 1)}},
    {.name = "3b: below the deadband it is cleared, and may come again",
     .segments = {{0, 100, 10, 81000}, {100, 200, 10, 78999}, {200, 300, 10, 80000}},
     .end_s = 300,
     .transitions = {RAISE(60, 0, 1), CLEAR(100, 1), RAISE(260, 200, 2)}},
    {.name = "9: rare readings, the delay ends between them",
     .segments = {{0, 900, 300, 81000}},
     .end_s = 900,
     .transitions = {RAISE(60, 0, 1)}},
    {.name = "10: silence neither cancels nor clears",
     .segments = {{0, 1, 10, 81000}},
     .end_s = 4000,
     .transitions = {RAISE(60, 0, 1)}},
    {.name = "11: the wall clock is stepped back by an hour during the delay",
     .segments = {{0, 100, 10, 81000}, {100, 200, 10, 70000}},
     .step_at_s = 30,
     .step_s = -3600,
     .end_s = 200,
     .transitions = {RAISE(60, 0, 1), CLEAR(100, 1)}},
    {.name = "11b: by 30 days, behind everything that is remembered",
     .segments = {{0, 100, 10, 81000}, {100, 200, 10, 70000}, {200, 300, 10, 90000}},
     .step_at_s = 30,
     .step_s = -30 * 86400,
     .end_s = 300,
     .transitions = {RAISE(60, 0, 1), CLEAR(100, 1), RAISE(260, 200 - 30 * 86400, 2)}},
    {.name = "11c: forward by 30 days",
     .segments = {{0, 51, 10, 81000}, {55, 56, 10, 79500}, {60, 200, 10, 81000}},
     .step_at_s = 30,
     .step_s = 30 * 86400,
     .end_s = 200,
     .transitions = {RAISE(120, 60 + 30 * 86400, 1)}},
    {.name = "a restart during the delay keeps what has passed of it, but for the pause",
     .segments = {{0, 200, 10, 81000}},
     .restart_at_s = 31,
     .end_s = 200,
     .transitions = {RAISE(61, 0, 1)}},
    {.name = "a restart while active raises nothing twice",
     .segments = {{0, 150, 10, 81000}, {150, 200, 10, 70000}},
     .restart_at_s = 100,
     .end_s = 200,
     .transitions = {RAISE(60, 0, 1), CLEAR(150, 1)}},
};

static const struct alarm_rule HOT = {.name = "hot",
                                      .devices = "*",
                                      .high_micro = 80000000,
                                      .has_high = true,
                                      .deadband_micro = 1000000,
                                      .on_delay_ms = 60000};

static const struct stream_options OPTIONS = {.devices = 1,
                                              .window_count = 1,
                                              .windows = {{.size_ms = 60000, .every_ms = 60000}},
                                              .future_ms = 60000,
                                              .grace_ms = 10000,
                                              .alarm_count = 1,
                                              .alarms = &HOT};

static struct stream *restart(struct stream *stream, struct capture *capture)
{
    stream_flush_journal(stream);
    stream_close(stream);
    size_t count = capture->entry_count;
    stream = open_stream(&OPTIONS, capture);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            stream_restore(stream, capture->entries[i].bytes, capture->entries[i].size), ST_OK);
    return stream;
}

static void offer(struct stream *stream, const struct segment *segment, int64_t at_s,
                  const struct stream_now *now)
{
    if (segment->every_s == 0 || at_s < segment->from_s || at_s >= segment->to_s ||
        (at_s - segment->from_s) % segment->every_s != 0)
        return;
    struct reading reading = {.device = "d", .value_micro = segment->value_milli * 1000};
    enum verdict verdict = stream_add_reading(stream, &reading, now);
    assert_true(verdict == VERDICT_OK || verdict == VERDICT_LATE);
}

/* Plays one second, and takes the transition that came of it, if there was one. */
static bool play_second(struct stream *stream, struct capture *capture,
                        const struct example *example, int64_t at_s, struct record *alarm)
{
    bool is_stepped = example->step_s != 0 && at_s >= example->step_at_s;
    struct stream_now now = {.wall_ms = T0_MS + (at_s + (is_stepped ? example->step_s : 0)) * 1000,
                             .mono_ms = (at_s + 1000) * 1000,
                             .clock = CLOCK_TRUSTED};
    size_t before = capture->record_count, found = 0;
    for (size_t i = 0; i < SEGMENTS; i++) offer(stream, &example->segments[i], at_s, &now);
    stream_advance(stream, &now);
    for (size_t i = before; i < capture->record_count; i++) {
        if (capture->records[i].kind != RECORD_ALARM) continue;
        *alarm = capture->records[i];
        found++;
    }
    assert_true(found <= 1);
    return found == 1;
}

static void play(const struct example *example)
{
    struct capture capture = {0};
    struct stream *stream = open_stream(&OPTIONS, &capture);
    size_t seen = 0;
    for (int64_t at_s = BEGIN_S; at_s < example->end_s; at_s++) {
        if (example->restart_at_s != 0 && at_s == example->restart_at_s)
            stream = restart(stream, &capture);
        struct record record;
        if (!play_second(stream, &capture, example, at_s, &record)) continue;
        assert_true(seen < TRANSITIONS);
        const struct transition *expected = &example->transitions[seen++];
        assert_int_equal(at_s, expected->at_s);
        assert_int_equal(record.alarm.to, expected->is_raise ? ALARM_UNACK : ALARM_NORM);
        assert_int_equal(record.alarm.occurrence, expected->occurrence);
        if (expected->is_raise)
            assert_int_equal(record.alarm.since_ms, T0_MS + expected->since_s * 1000);
    }
    assert_true(seen == TRANSITIONS || example->transitions[seen].occurrence == 0);
    assert_ledger(stream, &OPTIONS);
    stream_close(stream);
    capture_release(&capture);
}

static void test_worked_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        print_message("  %s\n", examples[i].name);
        play(&examples[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_worked_examples)};
    return cmocka_run_group_tests_name("alarms", tests, NULL, NULL);
}
