/* fleet: a thousand gateways that lost their broker at the same moment do not come back at the same
 * moment. */
#include "base/backoff.h"
#include "simulation/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { AGENTS = 1000, MIN_MS = 1000, MAX_MS = 60000, OUTAGE_MS = 3600000, SLOTS = 60 };

static void come_back(uint64_t seed)
{
    unsigned arrivals[SLOTS] = {0};
    for (uint64_t agent = 0; agent < AGENTS; agent++) {
        uint64_t random = seed * AGENTS + agent;
        int64_t at_ms = 0;
        for (uint32_t attempt = 0; at_ms < OUTAGE_MS; attempt++) {
            int64_t wait_ms = backoff_wait_ms(attempt, MIN_MS, MAX_MS, backoff_random(&random));
            assert_in_range(wait_ms, MIN_MS, MAX_MS);
            at_ms += wait_ms;
        }
        arrivals[(at_ms - OUTAGE_MS) * SLOTS / (MAX_MS + 1)]++;
    }
    /* Evenly it would be 17 a second. */
    unsigned last_quarter = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        assert_in_range(arrivals[i], 0, 4 * AGENTS / SLOTS);
        if (i >= SLOTS * 3 / 4) last_quarter += arrivals[i];
    }
    assert_true(last_quarter > 10); /* they do use the whole time */
}

static void test_a_thousand_gateways_come_back_one_after_the_other(void **state)
{
    (void)state;
    world_repeat(20, come_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_thousand_gateways_come_back_one_after_the_other),
    };
    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
