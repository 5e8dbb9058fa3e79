/* stream: while the clock is not set, uptime stands in for the time of what has none. */
#include "property/support.h"
#include "stream/stream.h"

#include "base/boot_times.h"

#define T0 INT64_C(1800000000000)

struct fixture {
    struct stream_options options;
    struct capture *capture;
    struct stream *stream;
    struct stream_now now;
};

static struct stream_now unset(int64_t mono_ms)
{
    return (struct stream_now){
        .wall_ms = UPTIME_BASE_MS + mono_ms, .mono_ms = mono_ms, .clock = CLOCK_UNSET};
}

static struct stream_now set(int64_t mono_ms)
{
    return (struct stream_now){.wall_ms = T0 + mono_ms, .mono_ms = mono_ms, .clock = CLOCK_HELD};
}

static struct fixture start(struct capture *capture)
{
    struct fixture f = {.capture = capture, .now = unset(1000)};
    f.options = (struct stream_options){.devices = 3,
                                        .window_count = 1,
                                        .windows = {{.size_ms = 10000, .every_ms = 10000}},
                                        .lateness_ms = 5000,
                                        .grace_ms = 20000,
                                        .future_ms = 60000,
                                        .past_ms = 86400000,
                                        .boot = 7};
    f.stream = open_stream(&f.options, capture);
    return f;
}

static void finish(struct fixture *f)
{
    assert_ledger(f->stream, &f->options);
    stream_close(f->stream);
    capture_release(f->capture);
}

/* event_ms 0: the reading has no time of its own. */
static enum verdict add(struct fixture *f, const char *device, int64_t event_ms)
{
    struct reading reading = {
        .value_micro = 1, .has_event_time = event_ms != 0, .event_ms = event_ms};
    snprintf(reading.device, sizeof reading.device, "%s", device);
    return stream_add_reading(f->stream, &reading, &f->now);
}

static const struct window_result *window(const struct fixture *f, size_t index)
{
    assert_true(index < f->capture->record_count);
    return &f->capture->records[index].window;
}

static void assert_window(const struct fixture *f, size_t index, uint32_t boot, uint32_t part,
                          int64_t start_ms, uint32_t count)
{
    assert_int_equal(window(f, index)->boot, boot);
    assert_int_equal(window(f, index)->part, part);
    assert_int_equal(window(f, index)->start_ms, start_ms);
    assert_int_equal(window(f, index)->summary.count, count);
}

static void test_windows_of_uptime_end_when_the_clock_is_set(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(&capture);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    f.now = unset(12000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    assert_int_equal(capture.record_count, 0);
    f.now = set(13000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    assert_int_equal(capture.record_count, 2); /* both panes, in the order of their ends */
    assert_window(&f, 0, 7, 0, UPTIME_BASE_MS, 1);
    assert_window(&f, 1, 7, 0, UPTIME_BASE_MS + 10000, 1);
    assert_int_equal(window(&f, 1)->summary.last_ms, UPTIME_BASE_MS + 12000);
    f.now = set(40000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    assert_int_equal(capture.record_count, 3);
    assert_window(&f, 2, 0, 1, T0 + 10000, 1);
    assert_int_equal(stream_count(f.stream).accepted, 4);
    assert_int_equal(stream_count(f.stream).evicted, 0);
    finish(&f);
}

static void test_a_clock_that_is_lost_again(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(&capture);
    f.now = set(1000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    f.now = unset(2000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    assert_window(&f, 0, 0, 0, T0, 1);
    f.now = set(3000);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    assert_window(&f, 1, 7, 1, UPTIME_BASE_MS, 1);
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_window(&f, 2, 0, 2, T0, 1); /* the same window again: its part adds to the other */
    finish(&f);
}

static void test_times_of_devices_are_true(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(&capture);
    assert_int_equal(add(&f, "a", T0), VERDICT_OK);
    f.now = unset(2000);
    assert_int_equal(add(&f, "a", T0 + 30000), VERDICT_OK);
    assert_window(&f, 0, 0, 0, T0, 1);
    f.now = set(3000);
    assert_int_equal(add(&f, "a", T0 + 31000), VERDICT_OK); /* nothing is begun anew */
    assert_int_equal(capture.record_count, 1);
    f.now = unset(4000); /* no time before the floor is believed, as far as `past` goes */
    assert_int_equal(add(&f, "b", CLOCK_FLOOR_MS - 86400001), VERDICT_TIME);
    assert_int_equal(add(&f, "b", CLOCK_FLOOR_MS - 86400000), VERDICT_OK);
    finish(&f);
}

static void test_a_device_that_sometimes_brings_its_time_loses_nothing(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(&capture);
    for (int64_t i = 0; i < 6; i++) {
        f.now = unset(1000 + i);
        assert_int_equal(add(&f, "a", i % 2 == 0 ? 0 : T0 + i), VERDICT_OK);
    }
    assert_true(stream_close_windows(f.stream, &f.now));
    assert_int_equal(capture.record_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_window(&f, i, i % 2 == 0 ? 7 : 0, (uint32_t)i, i % 2 == 0 ? UPTIME_BASE_MS : T0, 1);
    finish(&f);
}

static void test_the_wall_clock_does_not_close_windows_of_uptime(void **state)
{
    (void)state;
    struct capture capture = {0};
    struct fixture f = start(&capture);
    assert_int_equal(add(&f, "a", 0), VERDICT_OK);
    f.now = set(1000 + 33999); /* their end + lateness + grace, by uptime alone */
    stream_advance(f.stream, &f.now);
    assert_int_equal(capture.record_count, 0);
    f.now = set(1000 + 34000);
    stream_advance(f.stream, &f.now);
    assert_int_equal(capture.record_count, 1);
    assert_window(&f, 0, 7, 0, UPTIME_BASE_MS, 1);
    finish(&f);
}

/* Closes the stream and opens another one with what was journalled. */
static void restart(struct fixture *f, uint32_t boot)
{
    struct capture journalled = *f->capture;
    *f->capture = (struct capture){0};
    stream_close(f->stream);
    f->options.boot = boot;
    f->stream = open_stream(&f->options, f->capture);
    for (size_t i = 0; i < journalled.entry_count; i++)
        assert_int_equal(
            stream_restore(f->stream, journalled.entries[i].bytes, journalled.entries[i].size),
            ST_OK);
    capture_release(&journalled);
}

static void test_a_restart_within_the_boot_goes_on(void **state)
{
    (void)state;
    for (int is_whole = 0; is_whole < 2; is_whole++) {
        struct capture capture = {0};
        struct fixture f = start(&capture);
        assert_int_equal(add(&f, "a", 0), VERDICT_OK);
        if (is_whole)
            assert_true(stream_journal_states(f.stream, 3));
        else
            stream_flush_journal(f.stream);
        restart(&f, 7);
        f.now = unset(9000);
        assert_int_equal(add(&f, "a", 0), VERDICT_OK);
        assert_int_equal(capture.record_count, 0);
        assert_true(stream_close_windows(f.stream, &f.now));
        assert_window(&f, 0, 7, 0, UPTIME_BASE_MS, 2);
        finish(&f);
    }
}

static void test_windows_of_a_former_boot_are_told_as_of_it(void **state)
{
    (void)state;
    for (int is_silent = 0; is_silent < 2; is_silent++) {
        struct capture capture = {0};
        struct fixture f = start(&capture);
        f.now = unset(900000);
        assert_int_equal(add(&f, "a", 0), VERDICT_OK);
        stream_flush_journal(f.stream);
        restart(&f, 8);
        f.now = unset(2000); /* earlier than all panes, which makes nothing late */
        stream_advance(f.stream, &f.now);
        if (is_silent) {
            f.now = unset(2000 + 35000);
            stream_advance(f.stream, &f.now);
            assert_window(&f, 0, 7, 0, UPTIME_BASE_MS + 900000, 1);
        }
        assert_int_equal(add(&f, "a", 0), VERDICT_OK);
        assert_window(&f, 0, 7, 0, UPTIME_BASE_MS + 900000, 1);
        assert_int_equal(capture.record_count, 1);
        assert_true(stream_close_windows(f.stream, &f.now));
        assert_window(&f, 1, 8, 1, UPTIME_BASE_MS + (is_silent ? 30000 : 0), 1);
        finish(&f);
    }
}

static void test_alarms_on_windows_do_not_go_blind(void **state)
{
    (void)state;
    const struct alarm_rule hot = {.name = "hot",
                                   .devices = "*",
                                   .basis = ALARM_ON_AVERAGE,
                                   .window_ms = 10000,
                                   .has_high = true,
                                   .high_micro = 0};
    struct capture capture = {0};
    struct fixture f = start(&capture);
    stream_close(f.stream);
    f.options.alarms = &hot;
    f.options.alarm_count = 1;
    f.stream = open_stream(&f.options, &capture);
    f.now = set(1000);
    struct reading reading = {.device = "a", .value_micro = -5};
    assert_int_equal(stream_add_reading(f.stream, &reading, &f.now), VERDICT_OK);
    f.now = set(20000);
    assert_int_equal(stream_add_reading(f.stream, &reading, &f.now), VERDICT_OK);
    assert_int_equal(stream_count(f.stream).alarms_active, 0);
    for (int64_t mono_ms = 21000; mono_ms < 60000; mono_ms += 10000) {
        f.now = unset(mono_ms);
        reading.value_micro = 5;
        assert_int_equal(stream_add_reading(f.stream, &reading, &f.now), VERDICT_OK);
    }
    assert_int_equal(stream_count(f.stream).alarms_active, 1);
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_of_uptime_end_when_the_clock_is_set),
        cmocka_unit_test(test_a_clock_that_is_lost_again),
        cmocka_unit_test(test_times_of_devices_are_true),
        cmocka_unit_test(test_a_device_that_sometimes_brings_its_time_loses_nothing),
        cmocka_unit_test(test_the_wall_clock_does_not_close_windows_of_uptime),
        cmocka_unit_test(test_a_restart_within_the_boot_goes_on),
        cmocka_unit_test(test_windows_of_a_former_boot_are_told_as_of_it),
        cmocka_unit_test(test_alarms_on_windows_do_not_go_blind),
    };
    return cmocka_run_group_tests_name("stream_uptime", tests, NULL, NULL);
}
