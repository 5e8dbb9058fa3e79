/* alarm_post: answers leave in order, after their commit, and none is sent twice. */
#include "alarm_post.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct wire {
    enum status status;
    size_t room;
    char sent[128];
};

static enum status send(void *context, const struct mqtt_reply *reply, const char *json,
                        size_t size)
{
    struct wire *wire = context;
    if (wire->room == 0) return wire->status;
    wire->room--;
    assert_string_equal(reply->topic, "answers");
    strncat(wire->sent, json, size);
    return ST_OK;
}

static bool add(struct alarm_post *post, char letter, uint64_t ticket)
{
    struct alarm_post_answer *answer = alarm_post_reserve(post);
    if (answer == NULL) return false;
    memcpy(answer->reply.topic, "answers", sizeof "answers");
    answer->json[0] = letter;
    answer->json[1] = '\0';
    alarm_post_add(post, 1, ticket);
    return true;
}

static void test_answers_wait_for_their_commit_and_keep_their_order(void **state)
{
    (void)state;
    static struct alarm_post post;
    memset(&post, 0, sizeof post);
    struct wire wire = {.room = 100};
    assert_true(add(&post, 'a', 5));
    assert_true(add(&post, 'b', 0));
    assert_true(add(&post, 'c', 6));
    alarm_post_pump(&post, 4, send, &wire);
    assert_string_equal(wire.sent, "");
    alarm_post_pump(&post, 5, send, &wire);
    assert_string_equal(wire.sent, "ab");
    alarm_post_pump(&post, 6, send, &wire);
    alarm_post_pump(&post, 7, send, &wire);
    assert_string_equal(wire.sent, "abc");
}

static void test_a_lost_connection_keeps_answers_and_another_failure_gives_one_up(void **state)
{
    (void)state;
    static struct alarm_post post;
    memset(&post, 0, sizeof post);
    struct wire wire = {.status = ST_CLOSED};
    assert_true(add(&post, 'a', 0));
    assert_true(add(&post, 'b', 0));
    alarm_post_pump(&post, 0, send, &wire);
    wire.status = ST_AGAIN;
    alarm_post_pump(&post, 0, send, &wire);
    assert_int_equal(post.count, 2);
    wire.room = 2;
    alarm_post_pump(&post, 0, send, &wire);
    assert_string_equal(wire.sent, "ab");
    assert_true(add(&post, 'c', 0));
    wire.status = ST_IO;
    alarm_post_pump(&post, 0, send, &wire);
    assert_int_equal(post.count, 0);
    assert_int_equal(post.lost, 1);
}

static void test_places_are_used_again_and_again(void **state)
{
    (void)state;
    static struct alarm_post post;
    memset(&post, 0, sizeof post);
    for (int i = 0; i < ALARM_POST_PLACES; i++) assert_true(add(&post, 'x', 0));
    assert_false(add(&post, 'y', 0));
    for (int round = 0; round < 3 * ALARM_POST_PLACES; round++) {
        struct wire wire = {.room = 1, .status = ST_AGAIN};
        alarm_post_pump(&post, 0, send, &wire);
        assert_true(add(&post, 'z', 0));
        assert_false(add(&post, 'y', 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_wait_for_their_commit_and_keep_their_order),
        cmocka_unit_test(test_a_lost_connection_keeps_answers_and_another_failure_gives_one_up),
        cmocka_unit_test(test_places_are_used_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
