/* stream: admission, quarantine, silence, revisions, counts, room. */
#include "stream/stream.h"

#include "property/support.h"

#define T0 INT64_C(1800000000000)

static struct stream_options tens(void)
{
    return (struct stream_options){.devices = 2,
                                   .window_count = 1,
                                   .windows = {{.size_ms = 10000, .every_ms = 10000}},
                                   .lateness_ms = 5000,
                                   .grace_ms = 20000,
                                   .future_ms = 60000,
                                   .past_ms = 86400000,
                                   .expected_every_ms = 1000};
}

struct fixture {
    struct stream_options options;
    struct capture capture;
    struct stream *stream;
    struct stream_now now;
};

static struct fixture start(struct stream_options options, struct capture *capture)
{
    return (struct fixture){
        .options = options,
        .stream = open_stream(&options, capture),
        .now = {.wall_ms = T0 + 30000, .mono_ms = 1000, .clock = CLOCK_TRUSTED}};
}

static void finish(struct fixture *fixture, struct capture *capture)
{
    assert_ledger(fixture->stream, &fixture->options);
    stream_close(fixture->stream);
    capture_release(capture);
}

static enum verdict add(struct fixture *fixture, const char *device, int64_t event_ms,
                        int64_t value_micro)
{
    struct reading reading = {
        .value_micro = value_micro, .has_event_time = event_ms != 0, .event_ms = event_ms};
    snprintf(reading.device, sizeof reading.device, "%s", device);
    return stream_add_reading(fixture->stream, &reading, &fixture->now);
}

static void test_bytes_per_device(void **state)
{
    (void)state;
    struct stream_options options = {.devices = 1000,
                                     .window_count = 3,
                                     .windows = {{.size_ms = 10000, .every_ms = 10000},
                                                 {.size_ms = 60000, .every_ms = 60000},
                                                 {.size_ms = 900000, .every_ms = 60000}},
                                     .lateness_ms = 30000};
    size_t one_thousand = stream_size_bytes(&options);
    options.devices = 2000;
    size_t bytes = (stream_size_bytes(&options) - one_thousand) / 1000;
    assert_in_range(bytes, 22 * 96, 2640);
}

static void test_device_of_two_sources_is_noticed(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture fixture = start(tens(), &capture);
    assert_int_equal(stream_note_source(fixture.stream, 1), 0); /* nothing was taken yet */
    assert_int_equal(add(&fixture, "a", T0, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 1), 0);
    assert_int_equal(add(&fixture, "b", T0, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 2), 0);
    assert_int_equal(add(&fixture, "a", T0 + 1, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 1), 0);
    assert_int_equal(add(&fixture, "a", T0 + 2, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 2), 1);
    assert_int_equal(add(&fixture, "a", T0 + 3, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 2), 0);
    assert_int_equal(add(&fixture, "a", T0 + 4, 1), VERDICT_OK);
    assert_int_equal(stream_note_source(fixture.stream, 1), 2);
    finish(&fixture, &capture);
}

static void test_absurd_times_move_nothing(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    struct stream_device device;
    assert_int_equal(add(&f, "a", T0, 1), VERDICT_OK);
    const int64_t absurd[] = {-5, f.now.wall_ms + 60001, f.now.wall_ms - 86400001, INT64_MAX,
                              INT64_MIN};
    for (size_t i = 0; i < 5; i++) assert_int_equal(add(&f, "a", absurd[i], 1), VERDICT_TIME);
    assert_int_equal(add(&f, "a", T0, LIMIT_VALUE_MICRO + 1), VERDICT_RANGE);
    f.now.clock = CLOCK_UNSET; /* nothing to compare with: only the absurd is refused */
    f.now.wall_ms = 5000;
    assert_int_equal(add(&f, "a", INT64_C(7258118400000), 1), VERDICT_TIME);
    assert_int_equal(add(&f, "a", T0 + 1, 1), VERDICT_OK);
    assert_true(stream_get_device(f.stream, 0, f.now.mono_ms, &device));
    assert_int_equal(device.newest_ms, T0 + 1);
    assert_int_equal(device.rejected, 7);
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_int_equal(capture.records[0].window.rejected, 7);
    assert_int_equal(capture.records[0].window.summary.expected, 10);
    finish(&f, &capture);
}

static void test_reading_without_time_is_of_now(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    struct stream_device device;
    assert_int_equal(add(&f, "a", 0, 1), VERDICT_OK);
    assert_true(stream_get_device(f.stream, 0, f.now.mono_ms + 7, &device));
    assert_int_equal(device.newest_ms, f.now.wall_ms);
    assert_int_equal(device.silent_ms, 7);
    finish(&f, &capture);
}

/* A board without a clock battery, or a clock that was wrong and is set right: what comes then is
 * not late for years. */
static void test_a_clock_set_back_begins_the_device_anew(void **state)
{
    (void)state;
    const enum clock_quality qualities[] = {CLOCK_TRUSTED, CLOCK_UNSET};
    for (size_t i = 0; i < 2; i++) {
        struct capture capture = {0};
        struct fixture f = start(tens(), &capture);
        f.now.wall_ms = T0 + 86400000;
        assert_int_equal(add(&f, "a", 0, 1), VERDICT_OK);
        f.now.wall_ms = qualities[i] == CLOCK_UNSET ? 60000 : T0;
        f.now.clock = qualities[i];
        f.now.mono_ms += 1000;
        assert_int_equal(add(&f, "a", 0, 2), VERDICT_OK);
        assert_int_equal(capture.record_count, 1); /* what was open is published, not lost */
        assert_int_equal(capture.records[0].window.start_ms, T0 + 86400000);
        f.now.wall_ms += 20000;
        assert_int_equal(add(&f, "a", 0, 3), VERDICT_OK);
        assert_int_equal(capture.record_count, 2);
        assert_true(capture.records[1].window.start_ms <= T0);
        assert_int_equal(stream_count(f.stream).evicted, 0);
        assert_int_equal(stream_count(f.stream).accepted, 3);
        finish(&f, &capture);
    }
}

/* Their windows were published: a second first revision would take the place of the true one. */
static void test_times_lived_before_a_step_back_are_late(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    assert_int_equal(add(&f, "a", 0, 1), VERDICT_OK);
    f.now.wall_ms += 86400000;
    assert_int_equal(add(&f, "a", 0, 2), VERDICT_OK);
    assert_int_equal(capture.record_count, 1);
    f.now.wall_ms -= 86400000 - 1000;
    assert_int_equal(add(&f, "a", 0, 3), VERDICT_LATE);
    assert_int_equal(capture.record_count, 1);
    finish(&f, &capture);
}

static void test_a_device_ahead_of_a_clock_not_set_keeps_its_time(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    f.now = (struct stream_now){.wall_ms = 60000, .mono_ms = 1000, .clock = CLOCK_UNSET};
    assert_int_equal(add(&f, "a", T0, 1), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 + 1, 2), VERDICT_OK);
    assert_int_equal(capture.record_count, 0);
    finish(&f, &capture);
}

static void test_a_clock_set_back_leaves_alarms_as_they_are(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    const struct alarm_rule hot = {
        .name = "hot", .devices = "*", .has_high = true, .high_micro = 100};
    options.alarm_count = 1;
    options.alarms = &hot;
    struct fixture f = start(options, &capture);
    f.now.wall_ms = T0 + 86400000;
    assert_int_equal(add(&f, "a", 0, 200), VERDICT_OK);
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    f.now.wall_ms = T0;
    assert_int_equal(add(&f, "a", 0, 200), VERDICT_OK);
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    assert_int_equal(capture.record_count, 2); /* the alarm and the open window, nothing else */
    assert_int_equal(add(&f, "a", 0, 1), VERDICT_OK);
    assert_int_equal(stream_count(f.stream).alarms_active, 0);
    assert_int_equal(capture.record_count, 3);
    finish(&f, &capture);
}

static void test_late_reading_revises_once_per_advance(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    assert_int_equal(add(&f, "a", T0 + 1, 10), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 + 15000, 10), VERDICT_OK);
    assert_int_equal(capture.record_count, 1);
    assert_int_equal(add(&f, "a", T0 + 2, 20), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 + 3, 30), VERDICT_OK);
    assert_int_equal(capture.record_count, 1);
    stream_advance(f.stream, &f.now);
    assert_int_equal(capture.record_count, 2);
    assert_int_equal(capture.records[1].window.revision, 2);
    assert_int_equal(capture.records[1].window.late, 2);
    assert_int_equal(capture.records[1].window.summary.sum_micro, 60);
    assert_int_equal(add(&f, "a", T0 - 10001, 1), VERDICT_LATE);
    assert_int_equal(stream_count(f.stream).late, 1);
    finish(&f, &capture);
}

static void test_missed_is_said_by_the_next_result(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    options.window_count = 2;
    options.windows[1] = (struct window_spec){.size_ms = 600000, .every_ms = 600000};
    struct fixture f = start(options, &capture);
    f.now.wall_ms += 600000;
    assert_int_equal(add(&f, "a", T0 + 500000, 1), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 + 400000, 1), VERDICT_OK); /* only the long window can */
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_int_equal(stream_count(f.stream).windows[0].missed, 1);
    assert_int_equal(capture.records[0].window.missed, 1);
    assert_int_equal(capture.records[1].window.summary.count, 2);
    finish(&f, &capture);
}

static void test_silent_device_is_closed_by_either_clock(void **state)
{
    (void)state;
    static const struct {
        enum clock_quality clock;
        int64_t wall_ahead_ms, silence_ms;
        size_t records;
    } cases[] = {
        {CLOCK_TRUSTED, 100000, 19999, 0}, /* not silent for the grace time */
        {CLOCK_TRUSTED, 100000, 20000, 1}, /* the wall clock has passed the end */
        {CLOCK_UNSET, 100000, 20000, 0},   /* ... but is not to be trusted */
        {CLOCK_UNSET, 0, 34999, 0},        /* end + lateness + grace on the monotonic clock */
        {CLOCK_UNSET, 0, 35000, 1},
        {CLOCK_TRUSTED, -1000000000, 35000, 1}, /* a wall clock far behind hangs nothing */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct capture capture = {0};
        struct fixture f = start(tens(), &capture);
        assert_int_equal(add(&f, "a", T0, 10), VERDICT_OK);
        f.now.clock = cases[i].clock;
        f.now.wall_ms = T0 + cases[i].wall_ahead_ms;
        f.now.mono_ms += cases[i].silence_ms;
        stream_advance(f.stream, &f.now);
        assert_int_equal(capture.record_count, cases[i].records);
        /* A clock that was far ahead has not made the next reading late. */
        f.now.clock = CLOCK_UNSET;
        assert_int_equal(add(&f, "a", T0 + 11000, 10), VERDICT_OK);
        finish(&f, &capture);
    }
}

static void test_jump_ahead_costs_no_more_than_the_ring(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    options.past_ms = 0;
    struct fixture f = start(options, &capture);
    f.now.clock = CLOCK_UNSET;
    assert_int_equal(add(&f, "a", 1, 10), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 * 4, 10), VERDICT_OK);
    assert_int_equal(capture.record_count, 1);
    assert_int_equal(stream_count(f.stream).windows[0].open, 1);
    finish(&f, &capture);
}

static void test_full_table(void **state)
{
    (void)state;
    for (int admission = ADMISSION_REFUSE; admission <= ADMISSION_EVICT; admission++) {
        struct capture capture = {0};
        struct stream_options options = tens();
        options.admission = admission;
        struct fixture f = start(options, &capture);
        assert_int_equal(add(&f, "a", T0, 1), VERDICT_OK);
        f.now.mono_ms++;
        assert_int_equal(add(&f, "b", T0, 1), VERDICT_OK);
        f.now.mono_ms++;
        assert_int_equal(add(&f, "a", T0 + 1, 1), VERDICT_OK);
        bool evicts = admission == ADMISSION_EVICT;
        assert_int_equal(add(&f, "c", T0, 1), evicts ? VERDICT_OK : VERDICT_DEVICE_LIMIT);
        assert_int_equal(stream_count(f.stream).devices, 2);
        assert_int_equal(stream_count(f.stream).evicted, evicts);
        assert_int_equal(stream_count(f.stream).evicted_readings, evicts);
        assert_int_equal(capture.record_count, evicts);
        if (evicts) assert_string_equal(capture.records[0].device, "b");
        finish(&f, &capture);
    }
}

static void test_windows_by_count(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    options.windows[0] = (struct window_spec){.size_count = 4, .every_count = 2};
    struct fixture f = start(options, &capture);
    for (int64_t i = 1; i <= 7; i++) assert_int_equal(add(&f, "a", T0 + i, i), VERDICT_OK);
    assert_int_equal(capture.record_count, 2);
    assert_int_equal(capture.records[0].window.summary.sum_micro, 1 + 2 + 3 + 4);
    assert_int_equal(capture.records[1].window.summary.sum_micro, 3 + 4 + 5 + 6);
    assert_int_equal(capture.records[1].window.start_ms, T0 + 3);
    assert_int_equal(capture.records[1].window.end_ms, T0 + 6);
    finish(&f, &capture);
}

static void test_provisional_results_are_outranked(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    options.windows[0].provisional_ms = 1000;
    struct fixture f = start(options, &capture);
    assert_int_equal(add(&f, "a", T0, 1), VERDICT_OK);
    stream_advance(f.stream, &f.now);
    f.now.mono_ms += 1000;
    stream_advance(f.stream, &f.now); /* nothing new */
    assert_int_equal(capture.record_count, 1);
    assert_true(capture.records[0].window.is_provisional);
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_int_equal(capture.record_count, 2);
    assert_false(capture.records[1].window.is_provisional);
    assert_int_equal(capture.records[1].window.revision, 2);
    finish(&f, &capture);
}

static void test_alarm_is_raised_by_time(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct stream_options options = tens();
    const struct alarm_rule hot = {.name = "hot",
                                   .devices = "oven-*",
                                   .has_high = true,
                                   .high_micro = 50,
                                   .deadband_micro = 5,
                                   .on_delay_ms = 10000,
                                   .hold_ms = 10000};
    options.alarm_count = 1;
    options.alarms = &hot;
    struct fixture f = start(options, &capture);
    assert_int_equal(add(&f, "line/oven-1", T0, 50), VERDICT_OK);
    assert_int_equal(add(&f, "line/fridge", T0, 50), VERDICT_OK);
    assert_int_equal(add(&f, "line/oven-1", T0 - 1, 1), VERDICT_OK); /* older: not evaluated */
    f.now.mono_ms += 10000;
    stream_advance(f.stream, &f.now);
    assert_int_equal(capture.record_count, 1);
    assert_int_equal(capture.records[0].kind, RECORD_ALARM);
    assert_string_equal(capture.records[0].alarm.kind, "high");
    assert_int_equal(capture.records[0].alarm.to, ALARM_UNACK);
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    assert_int_equal(add(&f, "line/oven-1", T0 + 1, 44), VERDICT_OK);
    assert_int_equal(capture.records[1].alarm.to, ALARM_NORM);
    assert_int_equal(stream_count(f.stream).alarms_active, 0);
    finish(&f, &capture);
}

static void add_bad(struct fixture *fixture, const char *device, int64_t event_ms,
                    enum verdict verdict)
{
    struct reading reading = {.has_event_time = event_ms != 0, .event_ms = event_ms};
    snprintf(reading.device, sizeof reading.device, "%s", device);
    stream_add_bad_value(fixture->stream, &reading, verdict, &fixture->now);
}

static struct stream_options watched_for_faults(void)
{
    static const struct alarm_rule fault = {
        .name = "fault", .devices = "*", .is_fault_watched = true};
    struct stream_options options = tens();
    options.alarm_count = 1;
    options.alarms = &fault;
    return options;
}

static void test_refused_values_are_a_fault_of_the_sensor_and_nothing_else(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(watched_for_faults(), &capture);
    assert_int_equal(add(&f, "a", T0, 5), VERDICT_OK);
    add_bad(&f, "a", T0 + 1, VERDICT_NO_VALUE);
    assert_int_equal(stream_count(f.stream).alarms_active, 0);
    add_bad(&f, "a", T0 + 2, VERDICT_NOT_NUMBER);
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    assert_int_equal(capture.record_count, 1);
    assert_string_equal(capture.records[0].alarm.kind, "sensor_fault");
    assert_string_equal(capture.records[0].alarm.reason, verdict_text(VERDICT_NOT_NUMBER));
    assert_true(capture.records[0].alarm.has_no_value);
    assert_true(capture.records[0].alarm.is_uncertain);
    assert_int_equal(stream_count(f.stream).accepted, 1);
    struct stream_device device;
    assert_true(stream_get_device(f.stream, 0, f.now.mono_ms, &device));
    assert_int_equal(device.rejected, 2);
    assert_int_equal(device.last_micro, 5);
    finish(&f, &capture);
}

static void test_bad_values_that_are_no_news_raise_nothing(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(watched_for_faults(), &capture);
    assert_int_equal(add(&f, "a", T0, 5), VERDICT_OK);
    for (int i = 0; i < 5; i++) {
        add_bad(&f, "a", T0 - 1, VERDICT_NO_VALUE);                      /* older than the newest */
        add_bad(&f, "a", f.now.wall_ms + 3600000, VERDICT_QUALITY);      /* ahead of the clock */
        add_bad(&f, "a", f.now.wall_ms - 2 * 86400000, VERDICT_QUALITY); /* of long ago */
    }
    assert_int_equal(stream_count(f.stream).alarms_active, 0);
    assert_int_equal(capture.record_count, 0);
    finish(&f, &capture);
}

static void test_bad_values_admit_no_device(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(watched_for_faults(), &capture);
    for (int i = 0; i < 3; i++) {
        add_bad(&f, "noise", 0, VERDICT_NOT_NUMBER);
        add_bad(&f, "dead", 0, VERDICT_NO_VALUE); /* says clearly that it has none */
    }
    assert_int_equal(stream_count(f.stream).devices, 0);
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    assert_string_equal(capture.records[0].device, "dead");
    finish(&f, &capture);
}

static void test_what_is_colder_than_possible_is_refused_and_a_fault(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(watched_for_faults(), &capture);
    assert_int_equal(add(&f, "a", T0, LIMIT_COLDEST_MICRO), VERDICT_OK);
    assert_int_equal(add(&f, "a", T0 + 1, LIMIT_COLDEST_MICRO - 1), VERDICT_IMPOSSIBLE);
    assert_int_equal(add(&f, "a", T0 + 2, -LIMIT_VALUE_MICRO), VERDICT_IMPOSSIBLE);
    assert_int_equal(stream_count(f.stream).accepted, 1);
    assert_int_equal(capture.record_count, 1);
    assert_string_equal(capture.records[0].alarm.kind, "sensor_fault");
    assert_false(capture.records[0].alarm.has_no_value);
    assert_int_equal(capture.records[0].alarm.value_micro, -LIMIT_VALUE_MICRO);
    finish(&f, &capture);
}

static void test_no_room_changes_nothing(void **state)
{
    (void)state;
    struct stream_options options = tens();
    struct capture capture = {.room = stream_room_bytes(&options)};
    struct fixture f = start(options, &capture);
    enum verdict verdict = VERDICT_OK;
    for (size_t i = 0; verdict == VERDICT_OK && i < 100000; i++) {
        f.now.wall_ms += 10000; /* each closes a window */
        verdict = add(&f, "a", f.now.wall_ms, 1);
    }
    assert_int_equal(verdict, VERDICT_BUSY);
    struct stream_counts before = stream_count(f.stream);
    size_t entries = capture.entry_count;
    assert_int_equal(add(&f, "b", T0, 1), VERDICT_BUSY);
    struct stream_counts after = stream_count(f.stream);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(capture.entry_count, entries);
    stream_flush_journal(f.stream); /* there is always room for it */
    assert_true(capture.entry_count > entries);
    capture.used = 0;
    assert_int_equal(add(&f, "b", f.now.wall_ms, 1), VERDICT_OK);
    finish(&f, &capture);
}

static void test_other_windows_are_rebuilt_from_the_journal(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(tens(), &capture);
    for (int64_t i = 0; i < 3; i++) assert_int_equal(add(&f, "a", T0 + i * 10000, 5), VERDICT_OK);
    while (!stream_journal_states(f.stream, 10)) fail();
    stream_close(f.stream);
    struct stream_options options = tens();
    options.windows[0] = (struct window_spec){.size_ms = 60000, .every_ms = 20000};
    options.windows[1] = (struct window_spec){.size_ms = 3000, .every_ms = 3000}; /* cannot be */
    options.window_count = 2;
    options.lateness_ms = 20000;
    f.options = options;
    f.stream = open_stream(&options, &capture);
    size_t before = capture.record_count;
    for (size_t i = 0; i < capture.entry_count; i++) {
        struct entry *entry = &capture.entries[i];
        assert_int_equal(stream_restore(f.stream, entry->bytes, entry->size), ST_OK);
    }
    assert_int_equal(capture.record_count, before);
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_true(capture.record_count > before);
    assert_int_equal(capture.records[before].window.size_ms, 60000);
    assert_int_equal(capture.records[capture.record_count - 1].window.summary.last_ms, T0 + 20000);
    finish(&f, &capture);
}

static void test_options_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct window_spec wrong[] = {
        {.size_ms = 10000},
        {.size_ms = 10000, .every_ms = 3000},
        {.size_ms = 1000, .every_ms = 2000},
        {.size_ms = 10000, .every_ms = 1},
        {.size_count = 5, .every_count = 2},
        {.size_count = 4, .every_count = 2, .size_ms = 1000, .every_ms = 1000},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct stream_options options = tens();
        struct stream_sink sink = {0};
        struct stream *stream = NULL;
        options.windows[0] = wrong[i];
        assert_int_equal(stream_open(&stream, &options, &sink), ST_INVALID);
        assert_null(stream);
        assert_int_equal(stream_size_bytes(&options), 0);
    }
    stream_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_per_device),
        cmocka_unit_test(test_device_of_two_sources_is_noticed),
        cmocka_unit_test(test_absurd_times_move_nothing),
        cmocka_unit_test(test_reading_without_time_is_of_now),
        cmocka_unit_test(test_a_clock_set_back_begins_the_device_anew),
        cmocka_unit_test(test_times_lived_before_a_step_back_are_late),
        cmocka_unit_test(test_a_device_ahead_of_a_clock_not_set_keeps_its_time),
        cmocka_unit_test(test_a_clock_set_back_leaves_alarms_as_they_are),
        cmocka_unit_test(test_late_reading_revises_once_per_advance),
        cmocka_unit_test(test_missed_is_said_by_the_next_result),
        cmocka_unit_test(test_silent_device_is_closed_by_either_clock),
        cmocka_unit_test(test_jump_ahead_costs_no_more_than_the_ring),
        cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_windows_by_count),
        cmocka_unit_test(test_provisional_results_are_outranked),
        cmocka_unit_test(test_alarm_is_raised_by_time),
        cmocka_unit_test(test_refused_values_are_a_fault_of_the_sensor_and_nothing_else),
        cmocka_unit_test(test_bad_values_that_are_no_news_raise_nothing),
        cmocka_unit_test(test_bad_values_admit_no_device),
        cmocka_unit_test(test_what_is_colder_than_possible_is_refused_and_a_fault),
        cmocka_unit_test(test_no_room_changes_nothing),
        cmocka_unit_test(test_other_windows_are_rebuilt_from_the_journal),
        cmocka_unit_test(test_options_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
