/* What does a step of the wall clock do to answers?  libcoap reckons in it; here it can be set. */
#include "support/coap_rig.h"
#include "support/coap_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    coap_time_s = COAP_TIME_BEGIN_S;
    return coap_rig_set_up(state);
}

static enum coap_peer_type answer_type(struct coap_rig *rig, uint16_t message_id)
{
    struct coap_peer peer;
    struct coap_peer_request request = coap_peer_post(message_id, "t/a", "1");
    coap_peer_open(&peer, "127.0.0.1", rig->port);
    coap_peer_send(&peer, &request);
    assert_true(fake_intake_run_until_taken(rig->intake, rig->intake->taken_count + 1));
    fake_intake_commit(rig->intake, &driver_coap, rig->state);
    (void)coap_rig_receive_at(rig, &peer); /* the empty ACK */
    coap_rig_assert_answers(coap_rig_receive_at(rig, &peer), &request, 204);
    if (rig->got.type == COAP_PEER_CON) coap_peer_acknowledge(&peer, rig->got.message_id);
    fake_intake_run_rounds(rig->intake, 3);
    coap_peer_close(&peer);
    return rig->got.type;
}

static void test_after_a_step_back_nothing_is_queued_for_ever(void **state)
{
    struct coap_rig *rig = *state;
    coap_rig_set_option(rig, "ack_wait", "0s");
    coap_rig_open_driver(rig);
    assert_int_equal(answer_type(rig, 1), COAP_PEER_CON);
    coap_time_s -= COAP_TIME_HOUR_S;
    assert_int_equal(answer_type(rig, 2), COAP_PEER_NON);
    assert_int_equal(answer_type(rig, 3), COAP_PEER_NON);
    coap_time_s += COAP_TIME_HOUR_S + 1;
    assert_int_equal(answer_type(rig, 4), COAP_PEER_CON);
}

static void test_a_step_does_not_touch_answers_in_the_ack(void **state)
{
    static const int64_t steps_s[] = {0, -COAP_TIME_HOUR_S, COAP_TIME_HOUR_S,
                                      400 * COAP_TIME_HOUR_S};
    struct coap_rig *rig = *state;
    coap_rig_open_driver(rig);
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        struct coap_peer_request request = coap_peer_post((uint16_t)i, "t/a", "1");
        coap_rig_send_and_take(rig, &request);
        coap_time_s = COAP_TIME_BEGIN_S + steps_s[i]; /* while it waits, too */
        coap_rig_commit(rig);
        coap_rig_assert_answers(coap_rig_receive(rig), &request, 204);
        assert_int_equal(rig->got.type, COAP_PEER_ACK);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, coap_rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_after_a_step_back_nothing_is_queued_for_ever),
        TEST(test_a_step_does_not_touch_answers_in_the_ack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
