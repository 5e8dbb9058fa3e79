#include "coap_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct coap_exchange *open_table(size_t waiting, size_t recent)
{
    struct coap_exchange *exchange;
    assert_int_equal(coap_exchange_open(&exchange, waiting, recent), ST_OK);
    return exchange;
}

static void test_an_answer_is_known_for_the_lifetime_of_an_exchange(void **state)
{
    struct coap_exchange *exchange = open_table(1, 64);
    (void)state;
    coap_exchange_remember(exchange, 7, 204, 1000);
    assert_int_equal(coap_exchange_recall(exchange, 7, 1000), 204);
    assert_int_equal(coap_exchange_recall(exchange, 7, 1000 + COAP_EXCHANGE_LIFETIME_MS - 1), 204);
    assert_int_equal(coap_exchange_recall(exchange, 7, 1000 + COAP_EXCHANGE_LIFETIME_MS), 0);
    assert_int_equal(coap_exchange_recall(exchange, 8, 1000), 0);
    coap_exchange_remember(exchange, 7, 400, 2000);
    assert_int_equal(coap_exchange_recall(exchange, 7, 2000), 400);
    coap_exchange_close(exchange);
}

static void test_the_oldest_of_one_place_is_forgotten_first(void **state)
{
    struct coap_exchange *exchange = open_table(1, 8); /* one place of eight */
    (void)state;
    for (uint64_t i = 1; i <= 9; i++) coap_exchange_remember(exchange, i, 204, (int64_t)i);
    assert_int_equal(coap_exchange_recall(exchange, 1, 10), 0);
    for (uint64_t i = 2; i <= 9; i++) assert_int_equal(coap_exchange_recall(exchange, i, 10), 204);
    coap_exchange_close(exchange);
}

static void test_a_million_fingerprints_need_no_more_memory(void **state)
{
    struct coap_exchange *exchange = open_table(1, 64);
    size_t known = 0;
    (void)state;
    for (uint64_t i = 0; i < 1000000; i++)
        coap_exchange_remember(exchange, i * UINT64_C(0x9e3779b97f4a7c15), 204, (int64_t)i);
    for (uint64_t i = 0; i < 1000000; i++)
        known += coap_exchange_recall(exchange, i * UINT64_C(0x9e3779b97f4a7c15), 1000000) != 0;
    assert_in_range(known, 1, 64);
    coap_exchange_close(exchange);
}

static void test_waiting_requests_leave_in_order_over_the_end_of_the_ring(void **state)
{
    struct coap_exchange *exchange = open_table(3, 8);
    (void)state;
    assert_null(coap_exchange_oldest(exchange));
    for (uint64_t round = 0; round < 10; round++) {
        for (uint64_t i = 0; i < 3; i++) {
            assert_false(coap_exchange_is_full(exchange));
            const struct coap_waiting waiting = {.fingerprint = 100 + i, .ticket = round * 3 + i};
            coap_exchange_wait(exchange, &waiting);
        }
        assert_true(coap_exchange_is_full(exchange));
        for (uint64_t i = 0; i < 3; i++) {
            assert_non_null(coap_exchange_find(exchange, 100 + i));
            assert_int_equal(coap_exchange_oldest(exchange)->ticket, round * 3 + i);
            coap_exchange_drop_oldest(exchange);
            assert_null(coap_exchange_find(exchange, 100 + i));
        }
        coap_exchange_wait(exchange, &(struct coap_waiting){0}); /* moves the start by one */
        coap_exchange_drop_oldest(exchange);
    }
    coap_exchange_close(exchange);
}

static void test_the_next_to_acknowledge_is_the_oldest_confirmable_without_ack(void **state)
{
    struct coap_exchange *exchange = open_table(4, 8);
    (void)state;
    assert_null(coap_exchange_oldest_unacknowledged(exchange));
    coap_exchange_wait(exchange, &(struct coap_waiting){.ticket = 1});
    coap_exchange_wait(exchange, &(struct coap_waiting){
                                     .ticket = 2, .is_confirmable = true, .is_acknowledged = true});
    coap_exchange_wait(exchange, &(struct coap_waiting){.ticket = 3, .is_confirmable = true});
    coap_exchange_wait(exchange, &(struct coap_waiting){.ticket = 4, .is_confirmable = true});
    assert_int_equal(coap_exchange_oldest_unacknowledged(exchange)->ticket, 3);
    coap_exchange_oldest_unacknowledged(exchange)->is_acknowledged = true;
    assert_int_equal(coap_exchange_oldest_unacknowledged(exchange)->ticket, 4);
    coap_exchange_close(exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_answer_is_known_for_the_lifetime_of_an_exchange),
        cmocka_unit_test(test_the_oldest_of_one_place_is_forgotten_first),
        cmocka_unit_test(test_a_million_fingerprints_need_no_more_memory),
        cmocka_unit_test(test_waiting_requests_leave_in_order_over_the_end_of_the_ring),
        cmocka_unit_test(test_the_next_to_acknowledge_is_the_oldest_confirmable_without_ack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
