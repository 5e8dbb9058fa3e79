/* algebra: any order and any split of the same readings gives the same bytes. */
#include "property/support.h"

enum { READINGS = 60, PARTS = 7 };

static void merge_and_check(struct random *random)
{
    int64_t values[READINGS], times[READINGS];
    struct summary whole = {0}, parts[PARTS] = {{0}}, merged = {0};
    for (size_t i = 0; i < READINGS; i++) {
        values[i] = random_between(random, -4, 4) * LIMIT_VALUE_MICRO / 4; /* many ties */
        times[i] = random_between(random, 1, 9);
        assert_int_equal(summary_add(&whole, values[i], times[i]), ST_OK);
    }
    for (size_t i = READINGS; i > 0; i--) {
        size_t k = (size_t)random_between(random, 0, (int64_t)i - 1);
        struct summary *part = &parts[random_between(random, 0, PARTS - 1)];
        assert_int_equal(summary_add(part, values[k], times[k]), ST_OK);
        values[k] = values[i - 1];
        times[k] = times[i - 1];
    }
    while (merged.count < READINGS) {
        struct summary *part = &parts[random_between(random, 0, PARTS - 1)];
        struct summary *into = random_between(random, 0, 1) == 0 ? &merged : &parts[0];
        if (part == into) into = &merged;
        assert_int_equal(summary_merge(into, part), ST_OK);
        *part = (struct summary){0};
    }
    assert_memory_equal(&merged, &whole, sizeof whole);
}

static void test_order_and_split_do_not_show(void **state)
{
    (void)state;
    repeat(200, merge_and_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_split_do_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
