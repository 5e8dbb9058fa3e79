/* random_outages: any windows, devices, budget and length: nothing is counted twice or lost but
 * what a notice names, and the disk never holds more than the budget. */
#include "outage/plant.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OUTAGES = 5 };

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

struct dice {
    uint64_t state;
};

static int64_t throw(struct dice * dice, int64_t low, int64_t high)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return low + (int64_t)((z ^ (z >> 31)) % ((uint64_t)(high - low) + 1));
}

/* The first is tumbling, so that everything can be compared with it. */
static void choose_windows(struct dice *dice, struct plant_options *options)
{
    static const struct window_spec first[] = {
        {.size_ms = 10 * SECOND, .every_ms = 10 * SECOND},
        {.size_ms = MINUTE, .every_ms = MINUTE},
        {.size_ms = 15 * SECOND, .every_ms = 15 * SECOND},
        {.size_ms = 5 * MINUTE, .every_ms = 5 * MINUTE},
        {.size_ms = 30 * SECOND, .every_ms = 30 * SECOND, .provisional_ms = 10 * SECOND},
    };
    static const struct window_spec more[] = {
        {.size_ms = 5 * MINUTE, .every_ms = MINUTE},
        {.size_ms = MINUTE, .every_ms = MINUTE},
        {.size_count = 20, .every_count = 20},
        {.size_count = 20, .every_count = 5},
        {.size_ms = 10 * MINUTE, .every_ms = 10 * MINUTE},
    };
    options->windows[options->window_count++] = first[throw(dice, 0, 4)];
    int64_t others = throw(dice, 0, 2);
    for (int64_t i = 0; i < others; i++) {
        const struct window_spec *spec = &more[throw(dice, 0, 4)];
        bool is_known = false;
        for (size_t k = 0; k < options->window_count; k++)
            is_known = is_known || memcmp(&options->windows[k], spec, sizeof *spec) == 0 ||
                       (options->windows[k].size_ms == spec->size_ms && spec->size_ms > 0);
        if (!is_known) options->windows[options->window_count++] = *spec;
    }
}

static void live(uint64_t seed)
{
    struct dice dice = {.state = seed * 7919};
    struct plant_options options = {.seed = seed,
                                    .devices = (uint32_t) throw(&dice, 1, 40),
                                    .every_ms = throw(&dice, 1, 6) * 10 * SECOND,
                                    .lateness_ms = throw(&dice, 0, 3) * 10 * SECOND,
                                    .commit_every_ms = throw(&dice, 1, 20) * 30 * SECOND,
                                    .batch_bytes = throw(&dice, 1, 4) * (16 << 10),
                                    .alarm_permille = (unsigned) throw(&dice, 0, 100),
                                    .reopen_permille = (unsigned) throw(&dice, 0, 20),
                                    .glimpse_permille = (unsigned) throw(&dice, 0, 1) * 10,
                                    .late_permille = (unsigned) throw(&dice, 0, 1) * 50,
                                    .silent_permille = (unsigned) throw(&dice, 0, 1) * 50};
    choose_windows(&dice, &options);
    options.budget_bytes = -throw(&dice, 100, 900) * 1024;
    int64_t hours = throw(&dice, 6, 60);
    printf("seed %" PRIu64 ": %u devices, %zu windows, %" PRId64 " h, %" PRId64 " KiB\n", seed,
           options.devices, options.window_count, hours, -options.budget_bytes / 1024);
    (void)fflush(stdout);
    struct plant *plant = plant_open(&options);
    plant_run(plant, hours * HOUR);
    plant_drain(plant);
    struct store_counts counts = plant_count(plant);
    printf("  %" PRIu64 " written, %" PRIu64 " merged, %" PRIu64 " covered, %" PRIu64
           " dropped; longest %" PRId64 " min\n",
           counts.written, counts.merged, counts.covered, counts.dropped,
           plant_longest_ms(plant) / MINUTE);
    plant_verify(plant, plant_longest_ms(plant) > HOUR ? 0 : HOUR);
    plant_close(plant);
}

static void test_random_outages(void **state)
{
    (void)state;
    uint64_t first = number_from("ISOTHERM_SEED", 1);
    uint64_t count = OUTAGES * number_from("ISOTHERM_BUDGET", 1);
    if (getenv("ISOTHERM_SEED") != NULL && getenv("ISOTHERM_BUDGET") == NULL) count = 1;
    for (uint64_t seed = first; seed < first + count; seed++) live(seed);
}

/* Alarms alone fill the budget: windows go as they come, within their own batch. */
static void flood(uint64_t seed)
{
    struct dice dice = {.state = seed * 104729};
    struct plant_options options = {.seed = seed,
                                    .devices = (uint32_t) throw(&dice, 1, 20),
                                    .every_ms = throw(&dice, 1, 6) * 10 * SECOND,
                                    .commit_every_ms = throw(&dice, 1, 4) * MINUTE,
                                    .batch_bytes = throw(&dice, 1, 4) * (16 << 10),
                                    .budget_bytes = -throw(&dice, 4, 100) * 1024,
                                    .alarm_permille = 900,
                                    .alarms_at_once = (unsigned) throw(&dice, 100, 300),
                                    .reopen_permille = (unsigned) throw(&dice, 0, 20),
                                    .glimpse_permille = (unsigned) throw(&dice, 0, 1) * 100};
    choose_windows(&dice, &options);
    struct plant *plant = plant_open(&options);
    plant_run(plant, 6 * HOUR);
    struct store_counts counts = plant_count(plant);
    printf("seed %" PRIu64 ": %" PRIu64 " written, %" PRIu64 " dropped, %" PRIu64
           " alarms and %" PRIu64 " others wait\n",
           seed, counts.written, counts.dropped, counts.waiting[LANE_ALARM],
           counts.waiting[LANE_WINDOW]);
    assert_true(counts.dropped > 0);
    assert_true(counts.waiting[LANE_ALARM] > counts.waiting[LANE_WINDOW]);
    plant_drain(plant);
    plant_verify(plant, 0);
    plant_close(plant);
}

static void test_what_alarms_leave_no_room_for_is_named(void **state)
{
    (void)state;
    uint64_t first = number_from("ISOTHERM_SEED", 1);
    uint64_t count = OUTAGES * number_from("ISOTHERM_BUDGET", 1);
    if (getenv("ISOTHERM_SEED") != NULL && getenv("ISOTHERM_BUDGET") == NULL) count = 1;
    for (uint64_t seed = first; seed < first + count; seed++) flood(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_outages),
        cmocka_unit_test(test_what_alarms_leave_no_room_for_is_named),
    };
    return cmocka_run_group_tests_name("random_outages", tests, NULL, NULL);
}
