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

static struct stream *restart(struct stream *stream, const struct stream_options *options,
                              struct capture *capture)
{
    stream_flush_journal(stream);
    stream_close(stream);
    stream = open_stream(options, capture);
    for (size_t i = 0; i < capture->entry_count; i++)
        assert_int_equal(
            stream_restore(stream, capture->entries[i].bytes, capture->entries[i].size), ST_OK);
    return stream;
}

static bool is_same_window(const struct record *a, const struct record *b)
{
    return a->window.part == b->window.part && a->window.start_ms == b->window.start_ms &&
           strcmp(a->device, b->device) == 0;
}

/* What a consumer comes to that takes the highest revision of each part and adds the parts up. */
static uint64_t count_readings(const struct capture *capture)
{
    uint64_t readings = 0;
    for (size_t i = 0; i < capture->record_count; i++) {
        const struct record *record = &capture->records[i];
        bool is_last = true;
        for (size_t j = 0; j < capture->record_count; j++) {
            const struct record *other = &capture->records[j];
            if (j == i || !is_same_window(record, other)) continue;
            assert_int_not_equal(record->window.revision, other->window.revision);
            if (other->window.revision > record->window.revision) is_last = false;
        }
        if (is_last) readings += record->window.summary.count;
    }
    return readings;
}

static void come_and_go(struct random *random)
{
    struct stream_options options = {.devices = 3,
                                     .admission = ADMISSION_EVICT,
                                     .window_count = 1,
                                     .windows = {{.size_ms = 10000, .every_ms = 10000}},
                                     .lateness_ms = 20000,
                                     .future_ms = 60000};
    struct capture capture = {0};
    struct stream *stream = open_stream(&options, &capture);
    int64_t mono_ms = 0;
    enum { READINGS = 2000 };
    for (int i = 0; i < READINGS; i++) {
        char device[8];
        snprintf(device, sizeof device, "d%u", (unsigned)random_between(random, 0, 5));
        mono_ms += random_between(random, 10, 30);
        if (i % 400 == 399) stream = restart(stream, &options, &capture);
        add(stream, device, T0 + mono_ms, mono_ms);
    }
    stream_advance(stream, &(struct stream_now){.wall_ms = T0 + mono_ms + 120000,
                                                .mono_ms = mono_ms + 120000,
                                                .clock = CLOCK_TRUSTED});
    uint32_t parts = 0;
    for (size_t i = 0; i < capture.record_count; i++)
        if (capture.records[i].window.part > parts) parts = capture.records[i].window.part;
    assert_true(parts > 100);
    assert_int_equal(count_readings(&capture), READINGS);
    stream_close(stream);
    capture_release(&capture);
}

static void test_who_comes_back_into_a_published_window_begins_another_part(void **state)
{
    (void)state;
    repeat(3, come_and_go);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart_does_not_forget_who_was_silent),
        cmocka_unit_test(test_who_comes_back_into_a_published_window_begins_another_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
