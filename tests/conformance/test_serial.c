/* The serial driver keeps the contract, and stands what only serial lines do. */
#include "base/text.h"
#include "conformance/conformance.h"
#include "drivers.h"
#include "support/fake_intake.h"
#include "support/options.h"
#include "support/pty.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { INSTANCES = 2, REPLUG_MS = 5000, WAIT_MS = 10000 };

struct lines {
    struct pty ptys[INSTANCES];
};

static void plug_all(void *counterpart)
{
    struct lines *lines = counterpart;
    for (int i = 0; i < INSTANCES; i++) assert_true(pty_plug(&lines->ptys[i]));
}

static void unplug_all(void *counterpart)
{
    struct lines *lines = counterpart;
    for (int i = 0; i < INSTANCES; i++) pty_unplug(&lines->ptys[i], false);
}

static void start(void *counterpart, struct loop *loop)
{
    (void)loop;
    struct lines *lines = counterpart;
    for (int i = 0; i < INSTANCES; i++) assert_true(pty_init(&lines->ptys[i]));
    plug_all(lines);
}

static void stop(void *counterpart)
{
    struct lines *lines = counterpart;
    for (int i = 0; i < INSTANCES; i++) pty_fini(&lines->ptys[i]);
}

static void set_options(void *counterpart, int instance, void *options)
{
    const struct lines *lines = counterpart;
    const char *const wanted[] = {"port", lines->ptys[instance].link, "id", "hall/boiler", NULL};
    options_set(&driver_serial, options, wanted);
}

static void break_options(void *counterpart, void *options)
{
    (void)counterpart;
    memset(options, 0, driver_serial.options_size);
}

static void send_reading(void *counterpart, int instance, int64_t value_micro)
{
    struct lines *lines = counterpart;
    char bytes[64];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add(&text, "\n"); /* ends what is skipped after the port was opened */
    text_add_micro(&text, value_micro);
    text_add(&text, "\r\n");
    assert_true(pty_write(&lines->ptys[instance], bytes));
}

static void send_garbage(void *counterpart, int instance)
{
    struct lines *lines = counterpart;
    assert_true(pty_write(&lines->ptys[instance], "\nboot v1.2, calibrating\r\n"));
}

/* One driver on one pty, with the options of the test. */
struct rig {
    struct pty pty;
    struct intake *intake;
    void *state;
    void *options;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL || !pty_init(&rig->pty) || !pty_plug(&rig->pty)) return -1;
    rig->intake = fake_intake_open("serial[0]", NULL);
    rig->state = calloc(1, driver_serial.state_size);
    rig->options = calloc(1, driver_serial.options_size);
    *state = rig;
    return rig->state != NULL && rig->options != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    driver_serial.close(rig->state);
    fake_intake_close(rig->intake);
    pty_fini(&rig->pty);
    free(rig->state);
    free(rig->options);
    free(rig);
    return 0;
}

static void run(struct rig *rig, const char *line, const char *id, const char *skip_first)
{
    const char *const wanted[] = {"port", rig->pty.link, "line",     line, "id",
                                  id,     "skip_first",  skip_first, NULL};
    options_set(&driver_serial, rig->options, wanted);
    assert_int_equal(driver_serial.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_true(fake_intake_run_until_connected(rig->intake));
}

static void test_a_cut_first_line_is_not_taken_for_a_value(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "true");
    assert_true(pty_write(&rig->pty, "3.50\r\n24.50\r\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 24500000);
    assert_int_equal(rig->intake->refusal_count, 0);
}

static void test_the_first_line_is_taken_when_told_so(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "false");
    assert_true(pty_write(&rig->pty, "23.50\r"));
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 23500000);
}

static void test_the_id_of_a_line_follows_the_configured_one(void **state)
{
    struct rig *rig = *state;
    run(rig, "{device},{value}", "line 1/rack", "false");
    assert_true(pty_write(&rig->pty, "A0,23.50\r\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_string_equal(rig->intake->offers[0].reading.device, "line%201/rack/A0");
}

static void test_each_kind_of_broken_line_is_counted_by_its_reason(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "false");
    char longest[400];
    memset(longest, '7', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_true(pty_write(&rig->pty, longest));
    assert_true(pty_write(&rig->pty, longest));
    assert_true(pty_write(&rig->pty, "\r\n1\r\nx\r\n\xff\xff\xff\r\nnan\r\n2\r\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    assert_int_equal(rig->intake->counts.by[VERDICT_LENGTH], 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_NOT_NUMBER], 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_FRAME], 1);
    assert_int_equal(rig->intake->counts.by[VERDICT_NO_VALUE], 1);
    assert_int_equal(rig->intake->refusal_count, 4);
}

struct deadline {
    const struct intake *intake;
    bool is_missed;
};

/* Timers run in the order in which they are due, however late: one of the driver's that is due
 * before this one has run. */
static void look_at_port(void *context)
{
    struct deadline *deadline = context;
    deadline->is_missed = !deadline->intake->is_connected;
}

static void test_a_replugged_port_is_back_within_five_seconds(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "false");
    char former_path[sizeof rig->pty.path];
    memcpy(former_path, rig->pty.path, sizeof former_path);
    int former = open(former_path, O_RDWR | O_NOCTTY | O_CLOEXEC); /* keeps its number taken */
    assert_true(former >= 0);
    pty_unplug(&rig->pty, true); /* udev is slower than the driver: the link dangles */
    assert_true(fake_intake_run_until_lost(rig->intake, 1));
    assert_true(pty_plug(&rig->pty));
    assert_string_not_equal(rig->pty.path, former_path);
    struct deadline deadline = {.intake = rig->intake};
    struct loop_timer *timer =
        loop_timer_start(rig->intake->loop, REPLUG_MS, 0, look_at_port, &deadline);
    assert_true(fake_intake_run_until_connected(rig->intake));
    loop_timer_stop(&timer);
    assert_false(deadline.is_missed);
    assert_true(pty_write(&rig->pty, "23.5\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_int_equal(rig->intake->lost_count, 1); /* said once */
    (void)close(former);
}

static void test_half_a_line_is_forgotten_when_the_port_vanishes(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "false");
    assert_true(pty_write(&rig->pty, "1\n12"));
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    pty_unplug(&rig->pty, false);
    assert_true(fake_intake_run_until_lost(rig->intake, 1));
    assert_true(pty_plug(&rig->pty));
    assert_true(fake_intake_run_until_connected(rig->intake));
    assert_true(pty_write(&rig->pty, "3\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    assert_int_equal(rig->intake->offers[1].reading.value_micro, 3000000);
}

static void test_a_line_that_was_busy_is_offered_again_by_itself(void **state)
{
    struct rig *rig = *state;
    run(rig, "{value}", "oven", "false");
    rig->intake->busy_left = 3;
    assert_true(pty_write(&rig->pty, "1\n2\n"));
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    assert_int_equal(rig->intake->busy_count, 3);
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 1000000);
    assert_int_equal(rig->intake->offers[1].reading.value_micro, 2000000);
}

struct tally {
    struct rig *rig;
    size_t good, wanted;
};

/* Counts what was taken since it was asked last; there is not room for all of it at once. */
static bool has_all_good_lines(void *context)
{
    struct tally *tally = context;
    tally->good += fake_intake_count(tally->rig->intake, "oven", 77125000);
    fake_intake_forget(tally->rig->intake);
    return tally->good >= tally->wanted;
}

/* Writes all bytes, running the driver whenever the line is full. */
static void send_all(struct tally *tally, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        at += pty_write_bytes(&tally->rig->pty, bytes + at, size - at);
        loop_run_once(tally->rig->intake->loop, false);
        (void)has_all_good_lines(tally);
    }
}

static void test_every_good_line_between_noise_is_counted(void **state)
{
    struct rig *rig = *state;
    struct tally tally = {.rig = rig, .wanted = 200};
    const char *const wanted[] = {"port", rig->pty.link, "id", "oven", "coalesce", "0ms", NULL};
    options_set(&driver_serial, rig->options, wanted);
    assert_int_equal(driver_serial.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_true(fake_intake_run_until_connected(rig->intake));
    unsigned seed = 1;
    send_all(&tally, "\n", 1);
    for (size_t i = 0; i < tally.wanted; i++) {
        char noise[4096];
        for (size_t k = 0; k < sizeof noise; k++) {
            seed = seed * 1664525U + 1013904223U;
            noise[k] = i % 3 == 0 ? (char)0xff : (char)(unsigned char)(seed >> 24);
        }
        send_all(&tally, noise, sizeof noise);
        send_all(&tally, "\n77.125\r\n", 9);
    }
    /* What was written last may still be on its way. */
    assert_true(fake_intake_run_until(rig->intake, has_all_good_lines, &tally, WAIT_MS));
    assert_int_equal(tally.good, tally.wanted);
}

#define WITH_RIG(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    static struct lines lines;
    static const struct conformance_case serial = {
        .driver = &driver_serial,
        .device = "hall/boiler",
        .garbage_verdict = VERDICT_NOT_NUMBER,
        .counterpart = &lines,
        .start = start,
        .stop = stop,
        .set_options = set_options,
        .break_options = break_options,
        .send_reading = send_reading,
        .send_garbage = send_garbage,
        .vanish = unplug_all,
        .come_back = plug_all,
    };
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_a_cut_first_line_is_not_taken_for_a_value),
        WITH_RIG(test_the_first_line_is_taken_when_told_so),
        WITH_RIG(test_the_id_of_a_line_follows_the_configured_one),
        WITH_RIG(test_each_kind_of_broken_line_is_counted_by_its_reason),
        WITH_RIG(test_a_replugged_port_is_back_within_five_seconds),
        WITH_RIG(test_half_a_line_is_forgotten_when_the_port_vanishes),
        WITH_RIG(test_a_line_that_was_busy_is_offered_again_by_itself),
        WITH_RIG(test_every_good_line_between_noise_is_counted),
    };
    return conformance_run(&serial) + cmocka_run_group_tests(tests, NULL, NULL);
}
