/* encode_json: each record has the bytes of its sample in tests/data/records, which the schemas
 * in docs/ are held against as well. */
#include "uplink/encode_json.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1795226400000) /* 2026-11-21T02:00:00Z */

static const struct encode_json_origin origin = {.gateway = "gw-12", .epoch = "9f3c2a7be01d4455"};

/* ISOTHERM_REWRITE=1 in the environment writes the samples instead; review the difference. */
static void assert_is_sample(const char *name, const char *json, size_t size)
{
    char path[256];
    char expected[LIMIT_RECORD_JSON + 2];
    assert_true(size > 0);
    assert_int_equal(size, strlen(json));
    (void)snprintf(path, sizeof path, "%s/tests/data/records/%s.json", SOURCE_DIR, name);
    if (getenv("ISOTHERM_REWRITE") != NULL) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_true(fprintf(out, "%s\n", json) > 0);
        assert_int_equal(fclose(out), 0);
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t read = fread(expected, 1, sizeof expected - 1, file);
    (void)fclose(file);
    assert_true(read > 0 && expected[read - 1] == '\n');
    expected[read - 1] = '\0';
    assert_string_equal(json, expected);
}

static void assert_record_is_sample(const char *name, const struct record *record)
{
    char json[LIMIT_RECORD_JSON];
    size_t size = encode_json_record(record, &origin, false, json, sizeof json);
    assert_is_sample(name, json, size);
}

static struct record window_record(const char *device, int64_t size_ms, int64_t every_ms)
{
    struct record record = {.seq = 1234,
                            .kind = RECORD_WINDOW,
                            .created_ms = NOW_MS + 250,
                            .clock = CLOCK_TRUSTED,
                            .window = {.size_ms = size_ms,
                                       .every_ms = every_ms,
                                       .start_ms = NOW_MS - size_ms,
                                       .end_ms = NOW_MS,
                                       .revision = 1}};
    strcpy(record.device, device);
    return record;
}

static void add_readings(struct record *record, const int64_t *values_micro, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(summary_add(&record->window.summary, values_micro[i],
                                     record->window.start_ms + (int64_t)i * 1000),
                         ST_OK);
}

static void test_tumbling_window(void **state)
{
    (void)state;
    struct record record = window_record("boiler1", 10000, 10000);
    const int64_t values_micro[] = {21500000, 20900000, 22400000, 21600000};
    add_readings(&record, values_micro, 4);
    record.window.summary.expected = 10;
    record.window.rejected = 2;
    record.window.longest_gap_ms = 6000;
    assert_record_is_sample("summary-tumbling", &record);
}

static void test_hopping_window_below_zero_with_a_revision(void **state)
{
    (void)state;
    struct record record = window_record("line%201/freezer-2", 900000, 60000);
    const int64_t values_micro[] = {-18062500, -18125000, -1};
    add_readings(&record, values_micro, 3);
    record.window.revision = 3;
    record.window.late = 1;
    record.window.missed = 7;
    record.clock = CLOCK_HELD;
    assert_record_is_sample("summary-hopping-negative", &record);
}

static void test_window_by_count(void **state)
{
    (void)state;
    struct record record = window_record("press-7", 0, 0);
    record.window.size_count = 100;
    record.window.every_count = 10;
    record.window.start_ms = NOW_MS - 99000;
    const int64_t values_micro[] = {1, 2, 2};
    add_readings(&record, values_micro, 3);
    record.window.is_provisional = true;
    assert_record_is_sample("summary-count", &record);
}

/* Totals that need all 128 bits and both ends of the values. */
static void test_extremes_are_exact(void **state)
{
    (void)state;
    struct record record = window_record("kiln", 86400000, 86400000);
    const int64_t values_micro[] = {LIMIT_VALUE_MICRO, -LIMIT_VALUE_MICRO, LIMIT_VALUE_MICRO};
    add_readings(&record, values_micro, 3);
    struct summary *summary = &record.window.summary;
    summary->sum_micro = INT64_MIN;
    summary->sumsq = (struct wide){.low = UINT64_MAX, .high = UINT64_MAX};
    summary->count = UINT32_MAX;
    summary->expected = UINT32_MAX;
    assert_record_is_sample("summary-extremes", &record);
}

static void test_window_without_readings_and_clock(void **state)
{
    (void)state;
    struct record record = window_record("door", 60000, 60000);
    record.window.summary.expected = 6;
    record.window.longest_gap_ms = 60000;
    record.clock = CLOCK_UNSET;
    assert_record_is_sample("summary-empty", &record);
}

/* Of a boot without a set clock: placed once it is known when that began, else told as uptime. */
static void test_windows_of_uptime(void **state)
{
    (void)state;
    const int64_t values_micro[] = {21500000, 20250000};
    struct boot_times times = {.boot = 78};
    struct record record = window_record("press-7", 60000, 60000);
    struct encode_json_origin placed = origin;
    char json[LIMIT_RECORD_JSON], again[LIMIT_RECORD_JSON];
    add_readings(&record, values_micro, 2);
    const int64_t begin_ms = NOW_MS - 3600123;
    struct summary *summary = &record.window.summary;
    int64_t *const moved[] = {&record.window.start_ms, &record.window.end_ms, &summary->min_ms,
                              &summary->max_ms,        &summary->first_ms,    &summary->last_ms,
                              &record.created_ms};
    for (size_t i = 0; i < 7; i++) *moved[i] += UPTIME_BASE_MS - NOW_MS + 3600000;
    record.clock = CLOCK_UNSET;
    record.window.boot = 77;
    assert_record_is_sample("summary-uptime", &record);
    placed.boot_times = &times;
    assert_true(encode_json_record(&record, &placed, false, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"boot\":77")); /* another boot knows nothing of it */
    times.boot = 77;
    boot_times_decide(&times, CLOCK_HELD, begin_ms);
    size_t size = encode_json_record(&record, &placed, false, json, sizeof json);
    assert_is_sample("summary-placed", json, size);
    boot_times_decide(&times, CLOCK_TRUSTED, begin_ms);
    (void)encode_json_record(&record, &placed, false, again, sizeof again);
    assert_string_equal(json, again);
}

static void test_a_notice_of_no_known_time(void **state)
{
    (void)state;
    char json[LIMIT_RECORD_JSON];
    struct record record = {.seq = 9, .kind = RECORD_NOTICE, .created_ms = NOW_MS};
    record.notice =
        (struct notice){.reason = NOTICE_DROPPED, .lost = 1, .range_count = 1, .ranges = {{7, 8}}};
    assert_true(encode_json_record(&record, &origin, false, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"start\":null,\"end\":null"));
}

static void test_merged_window_says_how_many_it_holds(void **state)
{
    (void)state;
    struct record record = window_record("press-7", 10000, 10000);
    record.window.start_ms = NOW_MS - 3600000;
    record.window.end_ms = NOW_MS;
    record.window.merged = 360;
    const int64_t values_micro[] = {21500000, 20250000};
    add_readings(&record, values_micro, 2);
    assert_record_is_sample("summary-merged", &record);
}

static void test_notice_names_numbers_that_will_not_come(void **state)
{
    (void)state;
    struct record record = {.seq = 918300,
                            .kind = RECORD_NOTICE,
                            .created_ms = NOW_MS + 204,
                            .clock = CLOCK_TRUSTED,
                            .notice = {.reason = NOTICE_MERGED,
                                       .range_count = 2,
                                       .from_ms = NOW_MS - 3600000,
                                       .to_ms = NOW_MS,
                                       .covered = 60,
                                       .ranges = {{917000, 917600}, {917602, 918299}}}};
    assert_record_is_sample("notice-merged", &record);
    record.notice.reason = NOTICE_DROPPED;
    record.notice.covered = 0;
    record.notice.readings = 7794;
    record.notice.lost = 1299;
    assert_record_is_sample("notice-dropped", &record);
    record.notice = (struct notice){.reason = NOTICE_DAMAGED,
                                    .from_ms = NOW_MS - 3600000,
                                    .to_ms = NOW_MS,
                                    .lost = 412,
                                    .blobs = 3,
                                    .former_seq = 918299,
                                    .former_epoch = "9f27c1d06be4a358",
                                    .aside = "store.db.damaged-1"};
    record.seq = 1;
    assert_record_is_sample("notice-damaged", &record);
}

static void test_longest_notice_fits(void **state)
{
    (void)state;
    char name[LIMIT_GATEWAY_SIZE], json[LIMIT_RECORD_JSON];
    memset(name, 'g', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const struct encode_json_origin longest = {.gateway = name, .epoch = "ffffffffffffffff"};
    struct record record = {.seq = UINT64_MAX, .kind = RECORD_NOTICE, .created_ms = INT64_MAX};
    record.notice = (struct notice){.reason = NOTICE_DAMAGED,
                                    .range_count = NOTICE_RANGES,
                                    .from_ms = INT64_MIN,
                                    .to_ms = INT64_MIN,
                                    .covered = UINT64_MAX,
                                    .readings = UINT64_MAX,
                                    .lost = UINT64_MAX,
                                    .blobs = UINT32_MAX,
                                    .former_seq = UINT64_MAX,
                                    .former_epoch = "ffffffffffffffff"};
    memset(record.notice.aside, 'a', sizeof record.notice.aside - 1);
    for (uint32_t i = 0; i < NOTICE_RANGES; i++)
        record.notice.ranges[i] = (struct seq_range){UINT64_MAX - 100 + 2 * (uint64_t)i,
                                                     UINT64_MAX - 100 + 2 * (uint64_t)i};
    assert_true(encode_json_record(&record, &longest, true, json, sizeof json) > 0);
}

static struct record alarm_record(void)
{
    struct record record = {.seq = 918233,
                            .kind = RECORD_ALARM,
                            .device = "freezer-2",
                            .created_ms = NOW_MS + 204,
                            .clock = CLOCK_TRUSTED,
                            .alarm = {.name = "too-warm",
                                      .kind = "high",
                                      .id = "H",
                                      .group = "cold-room",
                                      .priority = ALARM_PRIORITY_HIGH,
                                      .trigger = TRIGGER_RAISE,
                                      .annunciate = true,
                                      .is_first_out = true,
                                      .boot = 41,
                                      .mono_ms = 5230117,
                                      .arrival_ms = NOW_MS,
                                      .off_delay_ms = 60000,
                                      .from = ALARM_NORM,
                                      .to = ALARM_UNACK,
                                      .occurrence = 7,
                                      .value_micro = -14875000,
                                      .event_ms = NOW_MS - 100,
                                      .since_ms = NOW_MS - 60000,
                                      .limit_micro = -15000000,
                                      .deadband_micro = 600000,
                                      .on_delay_ms = 60000}};
    return record;
}

static void test_alarm_raised(void **state)
{
    (void)state;
    struct record record = alarm_record();
    assert_record_is_sample("alarm-raise", &record);
}

static void test_alarm_cleared_without_a_clock(void **state)
{
    (void)state;
    struct record record = alarm_record();
    record.alarm.from = ALARM_UNACK;
    record.alarm.to = ALARM_NORM;
    record.alarm.trigger = TRIGGER_CLEAR;
    record.alarm.annunciate = record.alarm.is_first_out = false;
    record.clock = CLOCK_UNSET;
    assert_record_is_sample("alarm-clear-clock-unset", &record);
}

static void test_alarm_of_uptime_has_no_time(void **state)
{
    (void)state;
    char json[LIMIT_RECORD_JSON];
    struct record record = alarm_record(); /* the clock was set after the condition began */
    record.alarm.event_ms = record.alarm.since_ms = UPTIME_BASE_MS + 5000;
    assert_true(encode_json_record(&record, &origin, false, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"event_time\":null,\"event_ms\":null,\"arrival\":\"2026-"));
    assert_non_null(strstr(json, "\"since\":null,\"time\":\"2026-"));
}

static void test_birth_of_a_boot_without_a_clock(void **state)
{
    (void)state;
    char json[512];
    struct boot_times times = {.boot = 77};
    const struct encode_json_origin told = {
        .gateway = "gw-12", .epoch = "9f3c2a7be01d4455", .boot_times = &times};
    assert_true(encode_json_birth(&told, 1235, json, sizeof json) > 0);
    assert_null(strstr(json, "boot"));
    times.is_concerned = true;
    assert_true(encode_json_birth(&told, 1235, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"boot\":77,\"boot_ms\":null}"));
    boot_times_decide(&times, CLOCK_TRUSTED, NOW_MS);
    assert_true(encode_json_birth(&told, 1235, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"boot_ms\":null")); /* it may still be lost */
    times.is_durable = true;
    assert_true(encode_json_birth(&told, 1235, json, sizeof json) > 0);
    assert_non_null(strstr(json, "\"boot_ms\":1795226400000"));
}

static void test_birth_and_death(void **state)
{
    (void)state;
    char json[512];
    size_t size = encode_json_birth(&origin, 1235, json, sizeof json);
    assert_is_sample("status-birth", json, size);
    size = encode_json_death(&origin, "lost", json, sizeof json);
    assert_is_sample("status-death", json, size);
}

static void test_longest_record_fits(void **state)
{
    (void)state;
    char name[LIMIT_GATEWAY_SIZE], json[LIMIT_RECORD_JSON];
    memset(name, 'g', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const struct encode_json_origin longest = {.gateway = name, .epoch = "ffffffffffffffff"};
    struct record record = window_record("", INT64_MAX, INT64_MAX - 1);
    memset(record.device, 'd', sizeof record.device - 1);
    struct window_result *window = &record.window;
    record.seq = UINT64_MAX;
    record.created_ms = window->start_ms = window->end_ms = INT64_MIN;
    window->longest_gap_ms = INT64_MIN;
    window->boot = window->part = UINT32_MAX;
    window->revision = window->late = window->missed = window->rejected = UINT32_MAX;
    window->summary = (struct summary){.sum_micro = INT64_MIN,
                                       .sumsq = {UINT64_MAX, UINT64_MAX},
                                       .min_micro = INT64_MIN,
                                       .max_micro = INT64_MIN,
                                       .first_micro = INT64_MIN,
                                       .last_micro = INT64_MIN,
                                       .min_ms = INT64_MIN,
                                       .max_ms = INT64_MIN,
                                       .first_ms = INT64_MIN,
                                       .last_ms = INT64_MIN,
                                       .count = UINT32_MAX,
                                       .expected = UINT32_MAX};
    assert_true(encode_json_record(&record, &longest, true, json, sizeof json) > 0);
}

static void test_longest_alarm_fits(void **state)
{
    (void)state;
    char name[LIMIT_GATEWAY_SIZE], json[LIMIT_RECORD_JSON];
    memset(name, 'g', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const struct encode_json_origin longest = {.gateway = name, .epoch = "ffffffffffffffff"};
    struct record record = {.seq = UINT64_MAX,
                            .kind = RECORD_ALARM,
                            .created_ms = INT64_MAX / 1000,
                            .clock = CLOCK_TRUSTED};
    struct alarm_event *alarm = &record.alarm;
    memset(record.device, 'd', sizeof record.device - 1);
    memset(alarm->name, 'n', sizeof alarm->name - 1);
    memset(alarm->kind, 'k', sizeof alarm->kind - 1);
    memset(alarm->id, 'i', sizeof alarm->id - 1);
    memset(alarm->group, 'g', sizeof alarm->group - 1);
    memset(alarm->cause, 'c', sizeof alarm->cause - 1);
    memset(alarm->actor, 'a', sizeof alarm->actor - 1);
    memset(alarm->reason, 'r', sizeof alarm->reason - 1);
    memset(alarm->command, 'm', sizeof alarm->command - 1);
    memset(alarm->list, 'l', sizeof alarm->list - 1);
    alarm->trigger = TRIGGER_UNSUPPRESS;
    alarm->priority = ALARM_PRIORITY_CRITICAL;
    alarm->annunciate = alarm->is_first_out = alarm->is_chattering = alarm->is_in_flood = true;
    alarm->is_uncertain = true;
    alarm->occurrence = alarm->boot = alarm->realarm = UINT32_MAX;
    alarm->raised_while_suppressed = alarm->cause_occurrence = alarm->merged = UINT32_MAX;
    alarm->mono_ms = alarm->value_micro = alarm->limit_micro = alarm->deadband_micro = INT64_MIN;
    alarm->on_delay_ms = alarm->off_delay_ms = alarm->event_ms = INT64_MIN;
    alarm->until_ms = alarm->since_ms = alarm->arrival_ms = INT64_MIN;
    assert_true(encode_json_record(&record, &longest, true, json, sizeof json) > 0);
}

static void test_too_small_a_buffer_is_said(void **state)
{
    (void)state;
    struct record record = window_record("boiler1", 10000, 10000);
    char json[LIMIT_RECORD_JSON];
    size_t size = encode_json_record(&record, &origin, false, json, sizeof json);
    assert_int_equal(encode_json_record(&record, &origin, false, json, size), 0);
    assert_int_equal(encode_json_record(&record, &origin, false, json, size + 1), size);
    record.kind = (enum record_kind)9;
    assert_int_equal(encode_json_record(&record, &origin, false, json, sizeof json), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tumbling_window),
        cmocka_unit_test(test_hopping_window_below_zero_with_a_revision),
        cmocka_unit_test(test_window_by_count),
        cmocka_unit_test(test_extremes_are_exact),
        cmocka_unit_test(test_window_without_readings_and_clock),
        cmocka_unit_test(test_windows_of_uptime),
        cmocka_unit_test(test_a_notice_of_no_known_time),
        cmocka_unit_test(test_merged_window_says_how_many_it_holds),
        cmocka_unit_test(test_notice_names_numbers_that_will_not_come),
        cmocka_unit_test(test_longest_notice_fits),
        cmocka_unit_test(test_alarm_raised),
        cmocka_unit_test(test_alarm_cleared_without_a_clock),
        cmocka_unit_test(test_alarm_of_uptime_has_no_time),
        cmocka_unit_test(test_birth_of_a_boot_without_a_clock),
        cmocka_unit_test(test_birth_and_death),
        cmocka_unit_test(test_longest_record_fits),
        cmocka_unit_test(test_longest_alarm_fits),
        cmocka_unit_test(test_too_small_a_buffer_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
