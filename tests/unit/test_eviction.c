/* eviction: after a restart, too, it is the longest silent device that makes room. */
#include "property/support.h"

#define T0 INT64_C(1700000000000)

static void add(struct stream *stream, const char *device, int64_t wall_ms, int64_t mono_ms)
{
    struct stream_now now = {.wall_ms = wall_ms, .mono_ms = mono_ms, .clock = CLOCK_TRUSTED};
    struct reading reading = {.value_micro = 1};
    snprintf(reading.device, sizeof reading.device, "%s", device);
    assert_int_equal(stream_add_reading(stream, &reading, &now), VERDICT_OK);
}

static void test_restart_does_not_forget_who_was_silent(void **state)
{
    (void)state;
    struct stream_options options = {.devices = 3,
                                     .admission = ADMISSION_EVICT,
                                     .window_count = 1,
                                     .windows = {{.size_ms = 10000, .every_ms = 10000}},
                                     .future_ms = 1000};
    struct capture before = {0}, after = {0};
    struct stream *stream = open_stream(&options, &before);
    add(stream, "a", T0, 1000);
    add(stream, "b", T0 + 1, 1001);
    add(stream, "c", T0 + 2, 1002);
    stream_flush_journal(stream);
    add(stream, "a", T0 + 3, 1003);
    stream_flush_journal(stream);
    stream_close(stream);
    stream = open_stream(&options, &after);
    for (size_t i = 0; i < before.entry_count; i++)
        assert_int_equal(stream_restore(stream, before.entries[i].bytes, before.entries[i].size),
                         ST_OK);
    add(stream, "d", T0 + 4, 50);
    assert_int_equal(stream_count(stream).evicted, 1);
    assert_string_equal(after.records[0].device, "b");
    add(stream, "c", T0 + 5, 51);
    add(stream, "e", T0 + 6, 52); /* now "a" has said nothing since the restart */
    assert_string_equal(after.records[1].device, "a");
    stream_close(stream);
    capture_release(&before);
    capture_release(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart_does_not_forget_who_was_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
