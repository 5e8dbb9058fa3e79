/* The template keeps the contract and refuses each broken frame by its reason. */
#include "conformance/conformance.h"
#include "drivers.h"
#include "support/fake_intake.h"
#include "support/fifo.h"
#include "support/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INSTANCES = 2, FRAME_SIZE = 11 };

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

static void vanish(void *counterpart)
{
    struct pipes *pipes = counterpart;
    for (int i = 0; i < INSTANCES; i++) fifo_remove(&pipes->fifos[i]);
}

static void come_back(void *counterpart)
{
    struct pipes *pipes = counterpart;
    for (int i = 0; i < INSTANCES; i++) fifo_make(&pipes->fifos[i]);
}

static void set_options(void *counterpart, int instance, void *options)
{
    const struct pipes *pipes = counterpart;
    const char *const wanted[] = {"path", pipes->fifos[instance].path, "device", "rack", NULL};
    options_set(&driver_template, options, wanted);
}

static void break_options(void *counterpart, void *options)
{
    (void)counterpart;
    memset(options, 0, driver_template.options_size);
}

/* CRC-16/CCITT with start 0xFFFF by the schoolbook, one bit at a time. */
static void seal(uint8_t frame[FRAME_SIZE])
{
    unsigned crc = 0xFFFF;
    for (unsigned bit = 0; bit < 8 * 8; bit++) {
        unsigned in = ((unsigned)frame[1 + bit / 8] >> (7 - bit % 8)) & 1U;
        unsigned out = (crc >> 15) & 1U;
        crc = (crc << 1) & 0xFFFF;
        if (in != out) crc ^= 0x1021;
    }
    frame[9] = (uint8_t)(crc >> 8);
    frame[10] = (uint8_t)crc;
}

static void make_frame(uint8_t frame[FRAME_SIZE], uint8_t probe, uint32_t event_s, int steps)
{
    const uint8_t bytes[FRAME_SIZE] = {0xA5,
                                       7,
                                       probe,
                                       (uint8_t)(event_s >> 24),
                                       (uint8_t)(event_s >> 16),
                                       (uint8_t)(event_s >> 8),
                                       (uint8_t)event_s,
                                       (uint8_t)((unsigned)steps >> 8),
                                       (uint8_t)steps};
    memcpy(frame, bytes, FRAME_SIZE);
    seal(frame);
}

static void send_reading(void *counterpart, int instance, int64_t value_micro)
{
    struct pipes *pipes = counterpart;
    uint8_t frame[FRAME_SIZE];
    make_frame(frame, 3, 0, (int)(value_micro / 62500));
    fifo_write(&pipes->fifos[instance], frame, sizeof frame);
}

static void send_garbage(void *counterpart, int instance)
{
    struct pipes *pipes = counterpart;
    uint8_t frame[FRAME_SIZE];
    make_frame(frame, 3, 0, 320);
    frame[8] ^= 1;
    fifo_write(&pipes->fifos[instance], frame, sizeof frame);
}

struct rig {
    struct fifo fifo;
    struct intake *intake;
    void *state;
    void *options;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    fifo_init(&rig->fifo);
    rig->intake = fake_intake_open("template[0]", NULL);
    rig->state = calloc(1, driver_template.state_size);
    rig->options = calloc(1, driver_template.options_size);
    assert_non_null(rig->state);
    assert_non_null(rig->options);
    const char *const wanted[] = {"path", rig->fifo.path, NULL};
    options_set(&driver_template, rig->options, wanted);
    assert_int_equal(driver_template.open(rig->state, rig->intake, rig->options), ST_OK);
    assert_true(fake_intake_run_until_connected(rig->intake));
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    driver_template.close(rig->state);
    fake_intake_close(rig->intake);
    fifo_fini(&rig->fifo);
    free(rig->state);
    free(rig->options);
    free(rig);
    return 0;
}

static void send_frame(struct rig *rig, uint8_t probe, uint32_t event_s, int steps)
{
    uint8_t frame[FRAME_SIZE];
    make_frame(frame, probe, event_s, steps);
    fifo_write(&rig->fifo, frame, sizeof frame);
}

static void test_a_frame_becomes_a_reading(void **state)
{
    struct rig *rig = *state;
    send_frame(rig, 16, 1795222861, -880);
    send_frame(rig, 1, 0, 2000);
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    const struct reading *first = &rig->intake->offers[0].reading;
    assert_string_equal(first->device, "template/16");
    assert_int_equal(first->value_micro, -55000000);
    assert_true(first->has_event_time);
    assert_int_equal(first->event_ms, INT64_C(1795222861000));
    assert_int_equal(rig->intake->offers[1].reading.value_micro, 125000000);
    assert_false(rig->intake->offers[1].reading.has_event_time);
}

static void test_each_check_has_its_reason(void **state)
{
    struct rig *rig = *state;
    uint8_t frame[FRAME_SIZE];
    send_frame(rig, 0, 0, 320);
    send_frame(rig, 17, 0, 320);
    send_frame(rig, 1, 0, -0x8000);
    send_frame(rig, 1, 0, -881);
    send_frame(rig, 1, 0, 2001);
    send_frame(rig, 1, 1577836799, 320);
    fifo_write(&rig->fifo, "junk", 4);
    send_frame(rig, 1, 1577836800, 320);
    make_frame(frame, 1, 0, 320);
    frame[1] = 8;
    fifo_write(&rig->fifo, frame, sizeof frame);
    send_frame(rig, 1, 0, 336);
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    const uint64_t *by = rig->intake->counts.by;
    assert_int_equal(by[VERDICT_FIELD], 2);
    assert_int_equal(by[VERDICT_NO_VALUE], 1);
    assert_int_equal(by[VERDICT_RANGE], 2);
    assert_int_equal(by[VERDICT_TIME], 1);
    assert_int_equal(by[VERDICT_FRAME], 1);
    assert_int_equal(by[VERDICT_LENGTH], 1);
    assert_int_equal(rig->intake->refusal_count, 8);
}

static void test_a_false_start_does_not_hide_the_frame_behind_it(void **state)
{
    struct rig *rig = *state;
    fifo_write(&rig->fifo, "\xA5\x07\xA5\xA5", 4);
    send_frame(rig, 1, 0, 336);
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_int_equal(rig->intake->refusal_count, 1);
}

static void test_a_frame_in_pieces_is_put_together(void **state)
{
    struct rig *rig = *state;
    uint8_t frame[FRAME_SIZE];
    make_frame(frame, 2, 0, 100);
    for (size_t i = 0; i < sizeof frame; i++) {
        assert_int_equal(rig->intake->offer_count, 0);
        fifo_write(&rig->fifo, frame + i, 1);
        fake_intake_run_rounds(rig->intake, 3);
    }
    assert_true(fake_intake_run_until_taken(rig->intake, 1));
    assert_int_equal(rig->intake->refusal_count, 0);
}

static void test_a_frame_that_was_busy_is_offered_again(void **state)
{
    struct rig *rig = *state;
    rig->intake->busy_left = 3;
    send_frame(rig, 1, 0, 16);
    send_frame(rig, 1, 0, 32);
    assert_true(fake_intake_run_until_taken(rig->intake, 2));
    assert_int_equal(rig->intake->busy_count, 3);
    assert_int_equal(rig->intake->offers[0].reading.value_micro, 1000000);
    assert_int_equal(rig->intake->offers[1].reading.value_micro, 2000000);
}

#define WITH_RIG(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    static struct pipes pipes;
    static const struct conformance_case template = {
        .driver = &driver_template,
        .device = "rack/3",
        .garbage_verdict = VERDICT_CHECKSUM,
        .counterpart = &pipes,
        .start = start,
        .stop = stop,
        .set_options = set_options,
        .break_options = break_options,
        .send_reading = send_reading,
        .send_garbage = send_garbage,
        .vanish = vanish,
        .come_back = come_back,
    };
    const struct CMUnitTest tests[] = {
        WITH_RIG(test_a_frame_becomes_a_reading),
        WITH_RIG(test_each_check_has_its_reason),
        WITH_RIG(test_a_false_start_does_not_hide_the_frame_behind_it),
        WITH_RIG(test_a_frame_in_pieces_is_put_together),
        WITH_RIG(test_a_frame_that_was_busy_is_offered_again),
    };
    return conformance_run(&template) + cmocka_run_group_tests(tests, NULL, NULL);
}
