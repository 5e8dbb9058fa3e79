/* month: thirty days without a centre and a store of a few megabytes; three in a build with
 * sanitizers.  ISOTHERM_DAYS says another number. */
#include "outage/plant.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void live(const struct plant_options *options, int64_t duration_ms, int64_t part_ms)
{
    struct plant *plant = plant_open(options);
    plant_run(plant, duration_ms);
    struct store_counts counts = plant_count(plant);
    printf("%u devices, %" PRId64 " days: %" PRIu64 " readings, %" PRIu64 " records, of which "
           "%" PRIu64 " merged (%" PRIu64 " covered), %" PRIu64 " dropped, %" PRIu64
           " waiting; %" PRId64 " of %" PRId64 " bytes\n",
           options->devices, duration_ms / DAY, plant_count_readings(plant), counts.written,
           counts.merged, counts.covered, counts.dropped, counts.waiting[LANE_WINDOW],
           plant_most_bytes(plant), options->budget_bytes);
    assert_true(counts.merged > 1000);
    assert_int_equal(counts.dropped, 0);
    plant_drain(plant);
    plant_verify(plant, part_ms);
    plant_close(plant);
}

static void test_month_of_a_hundred_devices_in_16_mib(void **state)
{
    (void)state;
    struct plant_options options = {.seed = 1,
                                    .devices = 100,
                                    .windows = {{.size_ms = MINUTE, .every_ms = MINUTE}},
                                    .window_count = 1,
                                    .every_ms = 30 * SECOND,
                                    .lateness_ms = 10 * SECOND,
                                    .commit_every_ms = 5 * MINUTE,
                                    .budget_bytes = 16 << 20,
                                    .batch_bytes = 256 << 10,
                                    .alarm_permille = 10};
#ifdef NDEBUG
    int default_days = 30;
#else
    int default_days = 3; /* sanitizers are slow */
#endif
    const char *days = getenv("ISOTHERM_DAYS");
    live(&options, (days != NULL ? atoi(days) : default_days) * DAY, HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_month_of_a_hundred_devices_in_16_mib),
    };
    return cmocka_run_group_tests_name("month", tests, NULL, NULL);
}
