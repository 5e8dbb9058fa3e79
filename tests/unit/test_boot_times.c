/* boot_times: what was decided about a boot stays, and is read back. */
#include "base/boot_times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BEGIN_MS INT64_C(1795226400000)

static struct boot_times read_back(const struct boot_times *times, uint32_t boot)
{
    uint8_t bytes[BOOT_TIMES_BYTES];
    struct boot_times read = {.boot = boot};
    size_t size = boot_times_encode(times, bytes);
    assert_int_equal(boot_times_decode(&read, bytes, size), ST_OK);
    return read;
}

static void test_a_boot_is_open_until_its_decision_is_durable(void **state)
{
    (void)state;
    struct boot_times times = {.boot = 7};
    enum clock_quality clock;
    assert_true(boot_times_is_open(&times, 7));
    assert_false(boot_times_is_open(&times, 6)); /* of a former one nothing more will come */
    assert_int_equal(boot_times_shift_ms(&times, 6, &clock), -UPTIME_BASE_MS);
    assert_int_equal(clock, CLOCK_UNSET);
    boot_times_decide(&times, CLOCK_HELD, BEGIN_MS);
    assert_true(boot_times_is_open(&times, 7));
    times.is_durable = true;
    assert_false(boot_times_is_open(&times, 7));
    assert_int_equal(boot_times_shift_ms(&times, 7, &clock), BEGIN_MS - UPTIME_BASE_MS);
    assert_int_equal(clock, CLOCK_HELD);
}

static void test_a_boot_given_up_stays_so(void **state)
{
    (void)state;
    struct boot_times times = {.boot = 7};
    enum clock_quality clock;
    boot_times_decide(&times, CLOCK_UNSET, 0);
    times.is_durable = true;
    boot_times_decide(&times, CLOCK_TRUSTED, BEGIN_MS); /* for readers; it places nothing here */
    assert_true(times.is_durable);
    struct boot_times read = read_back(&times, 7);
    assert_true(read.is_durable && read.is_concerned);
    assert_int_equal(boot_times_shift_ms(&read, 7, &clock), -UPTIME_BASE_MS);
    assert_int_equal(clock, CLOCK_UNSET);
    assert_int_equal(boot_times_find(&read, 7)->begin_ms, BEGIN_MS);
    read = read_back(&times, 8);
    assert_null(boot_times_find(&read, 7));
    assert_false(read.is_durable || read.is_concerned);
}

static void test_the_oldest_boot_is_forgotten_first(void **state)
{
    (void)state;
    struct boot_times times = {.boot = 0};
    for (uint32_t boot = 1; boot <= BOOT_TIMES_MAX + 2; boot++) {
        times = read_back(&times, UINT32_MAX - boot);
        boot_times_decide(&times, CLOCK_TRUSTED, (INT64_C(1) << 43) - boot);
    }
    assert_int_equal(times.count, BOOT_TIMES_MAX);
    assert_null(boot_times_find(&times, UINT32_MAX - 2));
    assert_non_null(boot_times_find(&times, UINT32_MAX - 3));
    assert_non_null(boot_times_find(&times, times.boot));
}

static void test_what_is_no_entry_changes_nothing(void **state)
{
    (void)state;
    uint8_t bytes[BOOT_TIMES_BYTES];
    struct boot_times times = {.boot = 7}, untouched = {.boot = 9, .is_concerned = true};
    for (uint32_t boot = 1; boot <= 3; boot++) {
        times.boot = boot;
        boot_times_decide(&times, CLOCK_TRUSTED, BEGIN_MS + boot);
    }
    size_t size = boot_times_encode(&times, bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(boot_times_decode(&untouched, bytes, cut), ST_CORRUPT);
    bytes[2] = BOOT_TIMES_MAX + 1;
    assert_int_equal(boot_times_decode(&untouched, bytes, size), ST_CORRUPT);
    assert_true(untouched.is_concerned && untouched.count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_boot_is_open_until_its_decision_is_durable),
        cmocka_unit_test(test_a_boot_given_up_stays_so),
        cmocka_unit_test(test_the_oldest_boot_is_forgotten_first),
        cmocka_unit_test(test_what_is_no_entry_changes_nothing),
    };
    return cmocka_run_group_tests_name("boot_times", tests, NULL, NULL);
}
