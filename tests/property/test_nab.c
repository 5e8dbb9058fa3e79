/* nab: a real recording whose clock steps back by an hour; nothing of it may be lost. */
#include "property/support.h"

#include "base/decimal.h"
#include "base/event_time.h"

enum { ROWS = 22695, STEP_ROW = 10149 /* the last one before the step */ };

#define HOUR_MS INT64_C(3600000)

static struct reading rows[ROWS];

static FILE *open_recording(void)
{
    const char *shared = getenv("ISOTHERM_SHARED");
    char path[1024];
    snprintf(path, sizeof path, "%s/data/nab/machine_temperature_system_failure.csv",
             shared != NULL ? shared : SOURCE_DIR "/../shared");
    return fopen(path, "r");
}

static void read_rows(FILE *file)
{
    char line[128];
    assert_non_null(fgets(line, sizeof line, file)); /* the header */
    for (size_t i = 0; i < ROWS; i++) {
        assert_non_null(fgets(line, sizeof line, file));
        char *comma = strchr(line, ',');
        assert_non_null(comma);
        size_t size = strcspn(comma + 1, "\n");
        rows[i] = (struct reading){.device = "machine", .has_event_time = true};
        assert_int_equal(
            event_time_parse(line, (size_t)(comma - line), true, TIME_FORM_ISO, &rows[i].event_ms),
            VERDICT_OK);
        assert_int_equal(decimal_parse_micro(comma + 1, size, DECIMAL_PLAIN, &rows[i].value_micro),
                         VERDICT_OK);
    }
    assert_null(fgets(line, sizeof line, file));
}

static struct summary compute_hour(int64_t start_ms)
{
    struct summary hour = {.min_micro = INT64_MAX, .max_micro = INT64_MIN};
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].event_ms < start_ms || rows[i].event_ms >= start_ms + HOUR_MS) continue;
        hour.count++;
        hour.sum_micro += rows[i].value_micro;
        if (rows[i].value_micro < hour.min_micro) hour.min_micro = rows[i].value_micro;
        if (rows[i].value_micro > hour.max_micro) hour.max_micro = rows[i].value_micro;
    }
    return hour;
}

static void test_recording_is_accounted_for(void **state)
{
    (void)state;
    FILE *file = open_recording();
    if (file == NULL) {
        print_message("skipped: no ../shared/data\n");
        skip();
        return;
    }
    read_rows(file);
    fclose(file);
    struct stream_options options = {.devices = 1,
                                     .window_count = 1,
                                     .windows = {{.size_ms = HOUR_MS, .every_ms = HOUR_MS}},
                                     .lateness_ms = 30000,
                                     .grace_ms = 60000,
                                     .future_ms = 60000};
    struct capture capture = {0};
    struct stream *stream = open_stream(&options, &capture);
    struct stream_now now = {.wall_ms = INT64_C(1790000000000), .clock = CLOCK_TRUSTED};
    for (size_t i = 0; i < ROWS; i++, now.mono_ms++) {
        assert_int_equal(stream_add_reading(stream, &rows[i], &now), VERDICT_OK);
        stream_advance(stream, &now);
    }
    assert_true(stream_close_windows(stream, &now));
    assert_int_equal(stream_count(stream).accepted + stream_count(stream).late, ROWS);
    assert_ledger(stream, &options);
    struct summary total = {0};
    bool has_step = false;
    for (size_t i = 0; i < capture.record_count; i++) {
        const struct window_result *result = &capture.records[i].window;
        struct summary expected = compute_hour(result->start_ms);
        assert_int_equal(result->revision, 1);
        assert_int_equal(result->summary.count, expected.count);
        assert_int_equal(result->summary.sum_micro, expected.sum_micro);
        assert_int_equal(result->summary.min_micro, expected.min_micro);
        assert_int_equal(result->summary.max_micro, expected.max_micro);
        if (rows[STEP_ROW].event_ms == result->start_ms) {
            assert_int_equal(result->summary.count, 24); /* both halves of the step */
            has_step = true;
        }
        assert_int_equal(summary_merge(&total, &result->summary), ST_OK);
    }
    char squares[WIDE_TEXT_SIZE];
    wide_format(total.sumsq, squares);
    assert_true(has_step);
    assert_int_equal(total.count, ROWS);
    assert_int_equal(total.sum_micro, INT64_C(1950101876948)); /* shared/data/nab/README.md */
    assert_int_equal(strncmp(squares, "1718540831", 10), 0);
    stream_close(stream);
    capture_release(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recording_is_accounted_for)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
