/* Invariant: a check leaves nothing running, so that each begins with a fresh counterpart. */
#include "conformance/conformance.h"

#include "support/fake_intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { INSTANCES = 2, BATCH = 12, WAIT_MS = 20000 };

static const char *const instance_names[INSTANCES] = {"source[0]", "source[1]"};

struct instance {
    struct intake *intake;
    void *state;
    void *options;
    bool is_open;
};

struct rig {
    const struct conformance_case *c;
    struct loop *loop;
    struct instance instances[INSTANCES];
};

static int64_t value_of(int i)
{
    return 20000000 + (int64_t)i * 125000;
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    if (rig == NULL || loop_open(&rig->loop) != ST_OK) return -1;
    rig->c = *state;
    for (int i = 0; i < INSTANCES; i++) {
        struct instance *instance = &rig->instances[i];
        instance->intake = fake_intake_open(instance_names[i], rig->loop);
        instance->state = calloc(1, rig->c->driver->state_size);
        instance->options = calloc(1, rig->c->driver->options_size);
        if (instance->state == NULL || instance->options == NULL) return -1;
    }
    rig->c->start(rig->c->counterpart, rig->loop);
    *state = rig;
    return 0;
}

/* The state outlives the loop: pool work may still have to end. */
static int tear_down(void **state)
{
    struct rig *rig = *state;
    for (int i = 0; i < INSTANCES; i++)
        if (rig->instances[i].is_open) rig->c->driver->close(rig->instances[i].state);
    rig->c->stop(rig->c->counterpart);
    loop_close(rig->loop);
    for (int i = 0; i < INSTANCES; i++) {
        fake_intake_close(rig->instances[i].intake);
        free(rig->instances[i].state);
        free(rig->instances[i].options);
    }
    free(rig);
    return 0;
}

static struct intake *open_instance(struct rig *rig, int i)
{
    struct instance *instance = &rig->instances[i];
    memset(instance->options, 0, rig->c->driver->options_size);
    rig->c->set_options(rig->c->counterpart, i, instance->options);
    memset(instance->state, 0, rig->c->driver->state_size);
    instance->is_open = true;
    assert_int_equal(rig->c->driver->open(instance->state, instance->intake, instance->options),
                     ST_OK);
    return instance->intake;
}

static void close_instance(struct rig *rig, int i)
{
    rig->c->driver->close(rig->instances[i].state);
    rig->instances[i].is_open = false;
}

static struct intake *open_connected(struct rig *rig, int i)
{
    struct intake *intake = open_instance(rig, i);
    assert_true(fake_intake_run_until_connected(intake));
    return intake;
}

static void send_batch(struct rig *rig, int i, int from)
{
    for (int n = from; n < from + BATCH; n++)
        rig->c->send_reading(rig->c->counterpart, i, value_of(n));
}

static void commit(struct rig *rig, int i)
{
    fake_intake_commit(rig->instances[i].intake, rig->c->driver, rig->instances[i].state);
}

struct batch_wait {
    const struct rig *rig;
    int instance;
    int from;
    size_t acknowledged;
};

static bool has_whole_batch(void *context)
{
    const struct batch_wait *wait = context;
    for (int n = wait->from; n < wait->from + BATCH; n++)
        if (fake_intake_count(wait->rig->instances[wait->instance].intake, wait->rig->c->device,
                              value_of(n)) == 0)
            return false;
    return true;
}

static void assert_batch_arrives(struct rig *rig, int i, int from)
{
    struct batch_wait wait = {.rig = rig, .instance = i, .from = from};
    assert_true(fake_intake_run_until(rig->instances[i].intake, has_whole_batch, &wait, WAIT_MS));
}

static bool has_acknowledged(void *context)
{
    const struct batch_wait *wait = context;
    return wait->rig->c->count_acknowledged(wait->rig->c->counterpart, wait->instance) >=
           wait->acknowledged;
}

static void test_a_failed_open_may_be_closed_twice(void **state)
{
    struct rig *rig = *state;
    if (rig->c->break_options == NULL) skip();
    struct instance *instance = &rig->instances[0];
    rig->c->set_options(rig->c->counterpart, 0, instance->options);
    rig->c->break_options(rig->c->counterpart, instance->options);
    assert_int_equal(rig->c->driver->open(instance->state, instance->intake, instance->options),
                     ST_INVALID);
    rig->c->driver->close(instance->state);
    rig->c->driver->close(instance->state);
    assert_int_equal(instance->intake->offer_count, 0);
}

static void test_an_open_source_may_be_closed_twice_and_opened_again(void **state)
{
    struct rig *rig = *state;
    (void)open_connected(rig, 0);
    close_instance(rig, 0);
    rig->c->driver->close(rig->instances[0].state);
    rig->instances[0].intake->is_connected = false;
    (void)open_connected(rig, 0);
    send_batch(rig, 0, 0);
    assert_batch_arrives(rig, 0, 0);
}

static void test_an_absent_source_is_said_and_waited_for(void **state)
{
    struct rig *rig = *state;
    if (rig->c->vanish == NULL) skip();
    rig->c->vanish(rig->c->counterpart);
    struct intake *intake = open_instance(rig, 0);
    assert_true(fake_intake_run_until_lost(intake, 1));
    assert_true(strlen(intake->connected_detail) > 0);
    rig->c->come_back(rig->c->counterpart);
    assert_true(fake_intake_run_until_connected(intake));
    send_batch(rig, 0, 0);
    assert_batch_arrives(rig, 0, 0);
}

static void test_closing_while_the_source_is_absent_is_safe(void **state)
{
    struct rig *rig = *state;
    if (rig->c->vanish != NULL) rig->c->vanish(rig->c->counterpart);
    struct intake *intake = open_instance(rig, 0);
    close_instance(rig, 0);
    fake_intake_run_rounds(intake, 10);
    assert_int_equal(intake->offer_count, 0);
}

static void test_readings_arrive_in_order(void **state)
{
    struct rig *rig = *state;
    struct intake *intake = open_connected(rig, 0);
    for (int n = 0; n < BATCH; n++) {
        rig->c->send_reading(rig->c->counterpart, 0, value_of(n));
        assert_true(fake_intake_run_until_taken(intake, (size_t)n + 1));
        const struct reading *reading = &intake->offers[n].reading;
        assert_string_equal(reading->device, rig->c->device);
        assert_int_equal(reading->value_micro, value_of(n));
        commit(rig, 0);
    }
    assert_int_equal(intake->refusal_count, 0);
}

static void test_garbage_is_counted_and_the_next_reading_comes(void **state)
{
    struct rig *rig = *state;
    struct intake *intake = open_connected(rig, 0);
    for (int i = 0; i < 3; i++) rig->c->send_garbage(rig->c->counterpart, 0);
    assert_true(fake_intake_run_until_refused(intake, rig->c->garbage_verdict, 3));
    assert_int_equal(intake->taken_count, 0);
    commit(rig, 0);
    send_batch(rig, 0, 0);
    assert_batch_arrives(rig, 0, 0);
    assert_int_equal(intake->counts.by[rig->c->garbage_verdict], 3);
}

static void test_two_instances_do_not_disturb_each_other(void **state)
{
    struct rig *rig = *state;
    struct intake *first = open_connected(rig, 0);
    struct intake *second = open_connected(rig, 1);
    send_batch(rig, 0, 0);
    send_batch(rig, 1, BATCH);
    assert_batch_arrives(rig, 0, 0);
    assert_batch_arrives(rig, 1, BATCH);
    for (int n = 0; n < BATCH; n++) {
        assert_int_equal(fake_intake_count(first, NULL, value_of(BATCH + n)), 0);
        assert_int_equal(fake_intake_count(second, NULL, value_of(n)), 0);
    }
    close_instance(rig, 0);
    commit(rig, 1);
    send_batch(rig, 1, 2 * BATCH);
    assert_batch_arrives(rig, 1, 2 * BATCH);
}

static void test_a_pause_loses_nothing(void **state)
{
    struct rig *rig = *state;
    if (rig->c->driver->pause == NULL) skip();
    struct intake *intake = open_connected(rig, 0);
    rig->c->driver->pause(rig->instances[0].state);
    rig->c->driver->pause(rig->instances[0].state);
    send_batch(rig, 0, 0);
    fake_intake_run_rounds(intake, 50);
    assert_int_equal(intake->offer_count, 0);
    rig->c->driver->resume(rig->instances[0].state);
    rig->c->driver->resume(rig->instances[0].state);
    assert_batch_arrives(rig, 0, 0);
}

static void test_what_is_busy_now_is_taken_later(void **state)
{
    struct rig *rig = *state;
    if (!rig->c->driver->can_wait) skip();
    struct intake *intake = open_connected(rig, 0);
    intake->busy_left = 2;
    send_batch(rig, 0, 0);
    struct batch_wait wait = {.rig = rig, .instance = 0, .from = 0};
    for (int i = 0; i < 50 && !has_whole_batch(&wait); i++) {
        /* The core resumes when it can take readings again. */
        (void)fake_intake_run_until(intake, has_whole_batch, &wait, 100);
        if (rig->c->driver->resume != NULL) rig->c->driver->resume(rig->instances[0].state);
    }
    assert_int_equal(intake->busy_left, 0);
    assert_batch_arrives(rig, 0, 0);
}

static void test_nothing_is_acknowledged_before_it_is_durable(void **state)
{
    struct rig *rig = *state;
    if (!rig->c->driver->can_wait) skip();
    struct intake *intake = open_connected(rig, 0);
    send_batch(rig, 0, 0);
    assert_batch_arrives(rig, 0, 0);
    fake_intake_run_rounds(intake, 50);
    assert_int_equal(rig->c->count_acknowledged(rig->c->counterpart, 0), 0);
    commit(rig, 0);
    struct batch_wait wait = {.rig = rig, .instance = 0, .acknowledged = BATCH};
    assert_true(fake_intake_run_until(intake, has_acknowledged, &wait, WAIT_MS));
    assert_int_equal(rig->c->count_acknowledged(rig->c->counterpart, 0), BATCH);
}

static void test_a_source_that_vanishes_is_found_again(void **state)
{
    struct rig *rig = *state;
    if (rig->c->vanish == NULL) skip();
    struct intake *intake = open_connected(rig, 0);
    send_batch(rig, 0, 0);
    assert_batch_arrives(rig, 0, 0);
    commit(rig, 0);
    size_t lost_before = intake->lost_count;
    rig->c->vanish(rig->c->counterpart);
    assert_true(fake_intake_run_until_lost(intake, lost_before + 1));
    rig->c->come_back(rig->c->counterpart);
    assert_true(fake_intake_run_until_connected(intake));
    send_batch(rig, 0, BATCH);
    assert_batch_arrives(rig, 0, BATCH);
}

static void test_closing_with_work_in_flight_is_safe(void **state)
{
    struct rig *rig = *state;
    struct intake *intake = open_connected(rig, 0);
    send_batch(rig, 0, 0);
    assert_true(fake_intake_run_until_taken(intake, 1));
    if (rig->c->driver->pause != NULL) rig->c->driver->pause(rig->instances[0].state);
    send_batch(rig, 0, BATCH);
    close_instance(rig, 0);
    size_t offered = intake->offer_count;
    fake_intake_run_rounds(intake, 50);
    assert_int_equal(intake->offer_count, offered);
}

#define CHECK(function)                                                                            \
    {                                                                                              \
        .name = #function, .test_func = function, .setup_func = set_up,                            \
        .teardown_func = tear_down, .initial_state = (void *)(uintptr_t)the_case                   \
    }

int conformance_run(const struct conformance_case *the_case)
{
    const struct CMUnitTest tests[] = {
        CHECK(test_a_failed_open_may_be_closed_twice),
        CHECK(test_an_open_source_may_be_closed_twice_and_opened_again),
        CHECK(test_an_absent_source_is_said_and_waited_for),
        CHECK(test_closing_while_the_source_is_absent_is_safe),
        CHECK(test_readings_arrive_in_order),
        CHECK(test_garbage_is_counted_and_the_next_reading_comes),
        CHECK(test_two_instances_do_not_disturb_each_other),
        CHECK(test_a_pause_loses_nothing),
        CHECK(test_what_is_busy_now_is_taken_later),
        CHECK(test_nothing_is_acknowledged_before_it_is_durable),
        CHECK(test_a_source_that_vanishes_is_found_again),
        CHECK(test_closing_with_work_in_flight_is_safe),
    };
    return cmocka_run_group_tests_name(the_case->driver->name, tests, NULL, NULL);
}
