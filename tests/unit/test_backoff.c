/* A thousand gateways lose their broker at the same moment and find it again: do they come back
 * spread over time, none too early, and does each try a bounded number of times? */
#include "base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { GATEWAYS = 1000, MIN_MS = 1000, MAX_MS = 60000, SECOND_MS = 1000, SECONDS = 200 };

struct fleet {
    unsigned back_in[SECONDS]; /* gateways that came back in each second after the broker did */
    unsigned most_tries;
};

/* Seeded by its name, as the client is. */
static void live(struct fleet *fleet, uint64_t seed, int64_t outage_ms)
{
    int64_t at_ms = 0;
    unsigned tries = 0;
    for (uint32_t attempt = 0;; attempt++) {
        int64_t wait_ms = backoff_wait_ms(attempt, MIN_MS, MAX_MS, backoff_random(&seed));
        assert_in_range(wait_ms, MIN_MS, MAX_MS);
        at_ms += wait_ms;
        tries++;
        if (at_ms >= outage_ms) break;
    }
    size_t second = (size_t)((at_ms - outage_ms) / SECOND_MS);
    assert_true(second < SECONDS);
    fleet->back_in[second]++;
    if (tries > fleet->most_tries) fleet->most_tries = tries;
}

static void test_a_fleet_comes_back_spread_over_a_minute(void **state)
{
    (void)state;
    static const int64_t outages_ms[] = {300000, 3600000, 86400000};
    for (size_t k = 0; k < sizeof outages_ms / sizeof *outages_ms; k++) {
        struct fleet fleet = {0};
        for (uint64_t i = 0; i < GATEWAYS; i++)
            live(&fleet, i * UINT64_C(0x100000001b3), outages_ms[k]);
        unsigned back = 0, busiest = 0, last = 0;
        for (unsigned i = 0; i < SECONDS; i++) {
            back += fleet.back_in[i];
            if (fleet.back_in[i] > busiest) busiest = fleet.back_in[i];
            if (fleet.back_in[i] > 0) last = i;
        }
        assert_int_equal(back, GATEWAYS);
        assert_true(busiest <= GATEWAYS / 15); /* evenly: a thirtieth in each second */
        assert_in_range(last, 40, MAX_MS / SECOND_MS);
        /* Some 31 s each on the mean: no gateway hammers. */
        assert_true(fleet.most_tries <= outages_ms[k] / 1000 / 20 + 10);
    }
}

static void test_first_wait_is_short_and_the_longest_is_kept(void **state)
{
    (void)state;
    assert_int_equal(backoff_wait_ms(0, 100, 5000, 0), 100);
    assert_in_range(backoff_wait_ms(0, 100, 5000, UINT64_MAX), 100, 200);
    assert_in_range(backoff_wait_ms(UINT32_MAX, 100, 5000, UINT64_MAX), 100, 5000);
    assert_int_equal(backoff_wait_ms(3, 700, 700, 12345), 700);
    assert_in_range(backoff_wait_ms(99, INT64_MAX / 2, INT64_MAX - 1, UINT64_MAX), INT64_MAX / 2,
                    INT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fleet_comes_back_spread_over_a_minute),
        cmocka_unit_test(test_first_wait_is_short_and_the_longest_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
