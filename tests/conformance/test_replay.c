/* The replay driver keeps the contract, and reads a recording once, whole and in order.
 *
 * For the contract its file is a named pipe, so that readings can come one by one. */
#include "base/text.h"
#include "conformance/conformance.h"
#include "drivers.h"
#include "support/fake_intake.h"
#include "support/fifo.h"
#include "support/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { INSTANCES = 2, WAIT_MS = 10000 };

struct pipes {
    struct fifo fifos[INSTANCES];
};

static void start(void *counterpart, struct loop *loop)
{
    (void)loop;
    struct pipes *pipes = counterpart;
    for (int i = 0; i < INSTANCES; i++) fifo_init(&pipes->fifos[i]);
}

static void stop(void *counterpart)
{
    struct pipes *pipes = counterpart;
    for (int i = 0; i < INSTANCES; i++) fifo_fini(&pipes->fifos[i]);
}

static void set_options(void *counterpart, int instance, void *options)
{
    const struct pipes *pipes = counterpart;
    const char *const wanted[] = {"path", pipes->fifos[instance].path, "id", "oven", NULL};
    options_set(&driver_replay, options, wanted);
}

static void break_options(void *counterpart, void *options)
{
    (void)counterpart;
    memset(options, 0, driver_replay.options_size);
}

static void send_reading(void *counterpart, int instance, int64_t value_micro)
{
    struct pipes *pipes = counterpart;
    char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add_micro(&text, value_micro);
    text_add(&text, "\n");
    fifo_write(&pipes->fifos[instance], bytes, text.size);
}

static void send_garbage(void *counterpart, int instance)
{
    struct pipes *pipes = counterpart;
    fifo_write(&pipes->fifos[instance], "garbage\n", 8);
}

/* One driver and one file that the test writes. */
struct rig {
    char folder[64];
    char path[96];
    struct intake *intake;
    void *state;
    void *options;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/isotherm-replay-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->path, sizeof rig->path, "%s/recording", rig->folder);
    rig->intake = fake_intake_open("replay[0]", NULL);
    rig->state = calloc(1, driver_replay.state_size);
    rig->options = calloc(1, driver_replay.options_size);
    assert_non_null(rig->state);
    assert_non_null(rig->options);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    driver_replay.close(rig->state);
    fake_intake_close(rig->intake);
    (void)remove(rig->path);
    (void)rmdir(rig->folder);
    free(rig->state);
    free(rig->options);
    free(rig);
    return 0;
}

static void record(struct rig *rig, const char *text)
{
    FILE *file = fopen(rig->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void run(struct rig *rig, const char *speed, const char *max_gap, const char *loops)
{
    const char *const wanted[] = {
        "path",  rig->path, "line", "{time},{value}", "id", "oven", "speed", speed, "max_gap",
        max_gap, "loop",    loops,  "header_lines",   "1",  NULL};
    options_set(&driver_replay, rig->options, wanted);
    assert_int_equal(driver_replay.open(rig->state, rig->intake, rig->options), ST_OK);
}

static bool has_ended(void *context)
{
    return ((const struct intake *)context)->end_count > 0;
}

static void await_end(struct rig *rig)
{
    assert_true(fake_intake_run_until(rig->intake, has_ended, rig->intake, WAIT_MS));
}

static void test_a_recording_is_read_once_to_its_last_line(void **state)
{
    struct rig *rig = *state;
    record(rig, "time,value\n# a comment\n\n2026-11-21T01:00:00Z,21.5\r\nrubbish\n"
                "# another\n2026-11-21T01:00:01Z,-3");
    run(rig, "full", "1h", "false");
    await_end(rig);
    assert_int_equal(rig->intake->taken_count, 2);
    assert_int_equal(rig->intake->refusal_count, 1);
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 21500000);
    assert_int_equal(rig->intake->offers[0].reading.event_ms, INT64_C(1795222800000));
    assert_int_equal(rig->intake->offers[1].reading.value_micro, -3000000);
    driver_replay.pause(rig->state);
    driver_replay.resume(rig->state);
    fake_intake_run_rounds(rig->intake, 20);
    assert_int_equal(rig->intake->end_count, 1);
    assert_int_equal(rig->intake->taken_count, 2);
}

static void test_a_long_recording_lets_others_run_and_loses_nothing(void **state)
{
    struct rig *rig = *state;
    static const size_t lines = 5000;
    FILE *file = fopen(rig->path, "w");
    assert_non_null(file);
    assert_true(fputs("time,value\n", file) >= 0);
    for (size_t i = 0; i < lines; i++)
        assert_true(fprintf(file, "%zu,%zu\n", 1700000000 + i, i) > 0);
    assert_int_equal(fclose(file), 0);
    rig->intake->busy_left = 5;
    run(rig, "full", "1h", "false");
    loop_run_once(rig->intake->loop, false);
    loop_run_once(rig->intake->loop, false);
    assert_true(rig->intake->taken_count < lines / 2);
    await_end(rig);
    assert_int_equal(rig->intake->busy_count, 5);
    assert_int_equal(rig->intake->taken_count, lines);
    for (size_t i = 0; i < lines; i++)
        assert_int_equal(rig->intake->offers[i].reading.value_micro, (int64_t)i * 1000000);
}

static void test_recorded_speed_keeps_the_pauses(void **state)
{
    struct rig *rig = *state;
    record(rig, "h\n1700000000.000,1\n1700000000.150,2\n1700000000.100,3\n1700000000.300,4\n");
    int64_t before_mono_ms = intake_now_mono_ms(rig->intake);
    run(rig, "recorded", "1h", "false");
    await_end(rig);
    assert_true(intake_now_mono_ms(rig->intake) - before_mono_ms >= 295);
    assert_int_equal(rig->intake->taken_count, 4);
    assert_int_equal(rig->intake->offers[2].reading.value_micro, 3000000);
}

static void test_long_pauses_are_cut_short(void **state)
{
    struct rig *rig = *state;
    record(rig, "h\n2026-11-21T01:00:00Z,1\n2026-12-21T01:00:00Z,2\n2027-11-21T01:00:00Z,3\n");
    run(rig, "recorded", "10ms", "false");
    await_end(rig);
    assert_int_equal(rig->intake->taken_count, 3);
}

static void test_a_loop_begins_again(void **state)
{
    struct rig *rig = *state;
    record(rig, "h\n1700000000,1\n1700000001,2\n");
    run(rig, "full", "1h", "true");
    assert_true(fake_intake_run_until_taken(rig->intake, 5));
    assert_int_equal(rig->intake->offers[2].reading.value_micro, 1000000);
    assert_int_equal(rig->intake->refusal_count, 0);
    assert_int_equal(rig->intake->end_count, 0);
}

static void test_a_missing_recording_is_said_and_waited_for(void **state)
{
    struct rig *rig = *state;
    run(rig, "full", "1h", "false");
    assert_true(fake_intake_run_until_lost(rig->intake, 1));
    assert_non_null(strstr(rig->intake->connected_detail, "No such file"));
    record(rig, "h\n1700000000,1\n");
    await_end(rig);
    assert_int_equal(rig->intake->taken_count, 1);
}

static void test_a_folder_is_no_recording(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(mkdir(rig->path, 0700), 0);
    run(rig, "full", "1h", "false");
    assert_true(fake_intake_run_until_lost(rig->intake, 1));
    assert_non_null(strstr(rig->intake->connected_detail, "directory"));
    assert_int_equal(rig->intake->end_count, 0);
}

static void test_an_empty_recording_ends_at_once(void **state)
{
    struct rig *rig = *state;
    record(rig, "");
    run(rig, "full", "1h", "false");
    await_end(rig);
    assert_int_equal(rig->intake->taken_count, 0);
    assert_int_equal(rig->intake->refusal_count, 0);
}

#define WITH_RIG(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    static struct pipes pipes;
    static const struct conformance_case replay = {
        .driver = &driver_replay,
        .device = "oven",
        .garbage_verdict = VERDICT_NOT_NUMBER,
        .counterpart = &pipes,
        .start = start,
        .stop = stop,
        .set_options = set_options,
        .break_options = break_options,
        .send_reading = send_reading,
        .send_garbage = send_garbage,
    };
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_a_recording_is_read_once_to_its_last_line),
        WITH_RIG(test_a_long_recording_lets_others_run_and_loses_nothing),
        WITH_RIG(test_recorded_speed_keeps_the_pauses),
        WITH_RIG(test_long_pauses_are_cut_short),
        WITH_RIG(test_a_loop_begins_again),
        WITH_RIG(test_a_missing_recording_is_said_and_waited_for),
        WITH_RIG(test_a_folder_is_no_recording),
        WITH_RIG(test_an_empty_recording_ends_at_once),
    };
    return conformance_run(&replay) + cmocka_run_group_tests(tests, NULL, NULL);
}
