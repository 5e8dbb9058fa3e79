/* record_codec: a record is read back exactly, or not at all. */
#include "store/record_codec.h"

#include "base/pack.h"
#include "stream/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 2000 };

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Of any size, since the length of a varint depends on it. */
static int64_t any(uint64_t *state)
{
    unsigned shift = (unsigned)(next_random(state) % 64);
    return (int64_t)(next_random(state) >> shift) * (next_random(state) % 2 == 0 ? 1 : -1);
}

static void fill_text(uint64_t *state, char *text, size_t capacity)
{
    size_t size = (size_t)(next_random(state) % capacity);
    for (size_t i = 0; i < size; i++) text[i] = (char)(1 + next_random(state) % 255);
}

static void fill_window(uint64_t *state, struct window_result *window)
{
    int64_t *const signed_fields[] = {&window->size_ms,
                                      &window->every_ms,
                                      &window->start_ms,
                                      &window->end_ms,
                                      &window->longest_gap_ms,
                                      &window->summary.sum_micro,
                                      &window->summary.min_micro,
                                      &window->summary.max_micro,
                                      &window->summary.first_micro,
                                      &window->summary.min_ms,
                                      &window->summary.last_micro,
                                      &window->summary.max_ms,
                                      &window->summary.first_ms,
                                      &window->summary.last_ms};
    for (size_t i = 0; i < sizeof signed_fields / sizeof *signed_fields; i++)
        *signed_fields[i] = any(state);
    uint32_t *const counts[] = {&window->size_count,    &window->every_count,
                                &window->revision,      &window->late,
                                &window->missed,        &window->rejected,
                                &window->summary.count, &window->summary.expected,
                                &window->part,          &window->merged,
                                &window->boot};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) *counts[i] = (uint32_t)any(state);
    window->is_provisional = next_random(state) % 2 == 0;
    window->summary.sumsq.low = (uint64_t)any(state);
    window->summary.sumsq.high = (uint64_t)any(state);
}

static void fill_alarm(uint64_t *state, struct alarm_event *alarm)
{
    fill_text(state, alarm->name, sizeof alarm->name);
    fill_text(state, alarm->kind, sizeof alarm->kind);
    fill_text(state, alarm->id, sizeof alarm->id);
    fill_text(state, alarm->group, sizeof alarm->group);
    fill_text(state, alarm->cause, sizeof alarm->cause);
    fill_text(state, alarm->actor, sizeof alarm->actor);
    fill_text(state, alarm->reason, sizeof alarm->reason);
    fill_text(state, alarm->command, sizeof alarm->command);
    fill_text(state, alarm->list, sizeof alarm->list);
    alarm->from = (enum alarm_state)(next_random(state) % ALARM_STATE_COUNT);
    alarm->to = (enum alarm_state)(next_random(state) % ALARM_STATE_COUNT);
    alarm->trigger = (enum alarm_trigger)(next_random(state) % TRIGGER_COUNT);
    alarm->priority = (enum alarm_priority)(next_random(state) % ALARM_PRIORITY_COUNT);
    bool *const marks[] = {&alarm->annunciate, &alarm->is_first_out, &alarm->is_chattering,
                           &alarm->is_in_flood, &alarm->is_uncertain};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        *marks[i] = next_random(state) % 2 == 0;
    uint32_t *const counts[] = {&alarm->occurrence,       &alarm->boot,
                                &alarm->realarm,          &alarm->raised_while_suppressed,
                                &alarm->cause_occurrence, &alarm->merged};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) *counts[i] = (uint32_t)any(state);
    int64_t *const numbers[] = {&alarm->mono_ms,     &alarm->value_micro,    &alarm->event_ms,
                                &alarm->arrival_ms,  &alarm->since_ms,       &alarm->limit_micro,
                                &alarm->on_delay_ms, &alarm->deadband_micro, &alarm->off_delay_ms,
                                &alarm->until_ms};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) *numbers[i] = any(state);
}

static void fill(uint64_t *state, struct record *record)
{
    memset(record, 0, sizeof *record);
    record->seq = next_random(state) >> 1;
    record->kind = next_random(state) % 2 == 0 ? RECORD_WINDOW : RECORD_ALARM;
    record->clock = (enum clock_quality)(next_random(state) % 3);
    record->created_ms = any(state);
    fill_text(state, record->device, sizeof record->device);
    if (record->kind == RECORD_WINDOW)
        fill_window(state, &record->window);
    else
        fill_alarm(state, &record->alarm);
}

/* Encoding is injective, so equal bytes mean equal records; and padding does not matter. */
static void assert_same(const struct record *a, const struct record *b)
{
    uint8_t first[RECORD_CODEC_MAX], second[RECORD_CODEC_MAX];
    size_t size = record_codec_encode(a, first, sizeof first);
    assert_int_equal(record_codec_encode(b, second, sizeof second), size);
    assert_memory_equal(first, second, size);
    assert_int_equal(a->kind, b->kind);
    assert_string_equal(a->device, b->device);
    assert_true(a->created_ms == b->created_ms && a->seq == b->seq && a->clock == b->clock);
    if (a->kind == RECORD_ALARM) {
        assert_memory_equal(&a->alarm, &b->alarm, sizeof a->alarm);
        return;
    }
    assert_memory_equal(&a->window.summary, &b->window.summary, sizeof a->window.summary);
    assert_true(a->window.end_ms == b->window.end_ms && a->window.late == b->window.late);
    assert_true(a->window.longest_gap_ms == b->window.longest_gap_ms);
    assert_true(a->window.is_provisional == b->window.is_provisional);
}

static void test_any_record_is_read_back_exactly(void **unused)
{
    (void)unused;
    uint64_t seed = 1;
    for (int i = 0; i < RECORDS; i++) {
        struct record record, again;
        uint8_t bytes[RECORD_CODEC_MAX];
        fill(&seed, &record);
        size_t size = record_codec_encode(&record, bytes, sizeof bytes);
        assert_true(size > 0);
        assert_int_equal(record_codec_decode(bytes, size, record.seq, &again), ST_OK);
        assert_same(&record, &again);
    }
}

static void test_the_longest_record_fits(void **unused)
{
    (void)unused;
    struct record record = {.seq = UINT64_MAX, .kind = RECORD_WINDOW, .created_ms = INT64_MIN};
    uint8_t bytes[RECORD_CODEC_MAX];
    memset(record.device, 'x', sizeof record.device - 1);
    memset(&record.window, 0xff, sizeof record.window);
    record.window.size_ms = INT64_MIN + 1;
    record.window.every_ms = INT64_MAX;
    record.window.start_ms = record.window.longest_gap_ms = INT64_MIN;
    record.window.end_ms = 0; /* as far from the start as can be */
    record.window.summary = (struct summary){INT64_MIN,  {UINT64_MAX, UINT64_MAX / 2},
                                             INT64_MAX,  INT64_MAX,
                                             INT64_MAX,  INT64_MAX,
                                             0,          0,
                                             0,          INT64_MIN,
                                             UINT32_MAX, UINT32_MAX};
    record.window.is_provisional = true;
    size_t size = record_codec_encode(&record, bytes, sizeof bytes);
    assert_int_equal(size, RECORD_CODEC_HEAD_MAX + RECORD_CODEC_WINDOW_MAX);
    assert_true(size < STREAM_RECORD_BYTES);
    assert_int_equal(record_codec_encode(&record, bytes, size - 1), 0);
}

static struct record full_notice(void)
{
    struct record record;
    memset(&record, 0, sizeof record); /* what lies between the members is compared, too */
    record.seq = 9;
    record.kind = RECORD_NOTICE;
    record.created_ms = INT64_MIN;
    struct notice *notice = &record.notice;
    notice->reason = NOTICE_DROPPED;
    notice->range_count = NOTICE_RANGES;
    notice->from_ms = notice->to_ms = INT64_MIN;
    notice->covered = notice->readings = notice->lost = notice->former_seq = UINT64_MAX;
    notice->blobs = UINT32_MAX;
    memcpy(notice->former_epoch, "ffffffffffffffff", 17);
    memcpy(notice->aside, "store.db.damaged-1", 19);
    for (uint32_t i = 0; i < NOTICE_RANGES; i++)
        notice->ranges[i] = (struct seq_range){1000 * (uint64_t)i + 7, 1000 * (uint64_t)i + 9};
    return record;
}

static void test_notices_are_read_back_exactly(void **unused)
{
    (void)unused;
    struct record record = full_notice(), again;
    uint8_t bytes[RECORD_CODEC_MAX];
    size_t size = record_codec_encode(&record, bytes, sizeof bytes);
    assert_true(size > 0);
    assert_int_equal(record_codec_decode(bytes, size, record.seq, &again), ST_OK);
    assert_memory_equal(&again.notice, &record.notice, sizeof again.notice);
}

static void test_notices_with_ranges_out_of_order_are_refused(void **unused)
{
    (void)unused;
    struct record record = full_notice();
    uint8_t bytes[RECORD_CODEC_MAX];
    record.notice.ranges[4].first = record.notice.ranges[3].last;
    assert_int_equal(record_codec_encode(&record, bytes, sizeof bytes), 0);
    record = full_notice();
    record.notice.range_count = NOTICE_RANGES + 1;
    assert_int_equal(record_codec_encode(&record, bytes, sizeof bytes), 0);
}

/* Written by version 0.1.0 in its first form. */
static void test_records_of_the_first_version_are_read(void **unused)
{
    (void)unused;
    uint8_t bytes[RECORD_CODEC_MAX], number[8];
    struct pack_writer seq = {.bytes = number, .capacity = sizeof number};
    struct pack_writer writer = {.bytes = bytes, .capacity = sizeof bytes, .size = 4};
    pack_put_u8(&writer, 1);
    pack_put_u8(&writer, RECORD_WINDOW);
    pack_put_u8(&writer, CLOCK_TRUSTED);
    pack_put_u8(&writer, 4);
    pack_put(&writer, "oven", 4);
    pack_put_signed(&writer, 1700000060500); /* created */
    pack_put_signed(&writer, 60000);
    pack_put_signed(&writer, 60000);
    pack_put_varint(&writer, 0);
    pack_put_varint(&writer, 0);
    pack_put_signed(&writer, 1700000000000);
    pack_put_signed(&writer, 1700000060000);
    pack_put_varint(&writer, 2); /* revision */
    pack_put_u8(&writer, 0);
    for (int i = 0; i < 3; i++) pack_put_varint(&writer, 0);
    pack_put_signed(&writer, 1000);
    const uint64_t counts[] = {2, 6};
    for (int i = 0; i < 2; i++) pack_put_varint(&writer, counts[i]);
    pack_put_signed(&writer, 41000000);
    pack_put_varint(&writer, 841000000000000);
    pack_put_varint(&writer, 0);
    const int64_t rest[] = {20000000,      21000000,      20000000,      21000000,
                            1700000001000, 1700000002000, 1700000001000, 1700000002000};
    for (int i = 0; i < 8; i++) pack_put_signed(&writer, rest[i]);
    pack_put_u64(&seq, 77);
    struct pack_writer head = {.bytes = bytes, .capacity = 4};
    pack_put_u32(&head, pack_crc32(pack_crc32(0, number, 8), bytes + 4, writer.size - 4));
    struct record record;
    assert_int_equal(record_codec_decode(bytes, writer.size, 77, &record), ST_OK);
    assert_string_equal(record.device, "oven");
    assert_int_equal(record.window.revision, 2);
    assert_int_equal(record.window.summary.sum_micro, 41000000);
    assert_int_equal(record.window.summary.last_ms, 1700000002000);
}

/* The longest alarm there can be. */
static struct record longest_alarm(void)
{
    struct record record = {.seq = UINT64_MAX, .kind = RECORD_ALARM, .created_ms = INT64_MIN};
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
    alarm->occurrence = alarm->boot = alarm->realarm = UINT32_MAX;
    alarm->raised_while_suppressed = alarm->cause_occurrence = alarm->merged = UINT32_MAX;
    alarm->mono_ms = alarm->value_micro = alarm->event_ms = alarm->arrival_ms = INT64_MIN;
    alarm->since_ms = alarm->limit_micro = alarm->deadband_micro = INT64_MIN;
    alarm->on_delay_ms = alarm->off_delay_ms = alarm->until_ms = INT64_MIN;
    return record;
}

static void test_the_longest_alarm_fits_and_its_size_is_known(void **unused)
{
    (void)unused;
    struct record record = longest_alarm();
    uint8_t bytes[RECORD_CODEC_MAX];
    size_t size = record_codec_encode(&record, bytes, sizeof bytes);
    assert_int_equal(size, RECORD_CODEC_MAX);
    assert_true(size < STREAM_ALARM_BYTES);
    assert_true(alarm_event_bytes(&record.alarm) >= size);
}

static void test_every_prefix_and_every_flipped_bit_is_refused(void **unused)
{
    (void)unused;
    uint64_t seed = 2;
    for (int i = 0; i < 40; i++) {
        struct record record, again;
        uint8_t bytes[RECORD_CODEC_MAX + 1] = {0};
        fill(&seed, &record);
        size_t size = record_codec_encode(&record, bytes, RECORD_CODEC_MAX);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(record_codec_decode(bytes, cut, record.seq, &again), ST_CORRUPT);
        assert_int_equal(record_codec_decode(bytes, size + 1, record.seq, &again), ST_CORRUPT);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(record_codec_decode(bytes, size, record.seq, &again), ST_CORRUPT);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(record_codec_decode(bytes, size, record.seq + 1, &again), ST_CORRUPT);
        assert_int_equal(record_codec_decode(bytes, size, record.seq, &again), ST_OK);
    }
}

/* With a right checksum, so that the fields themselves are looked at. */
static void test_garbage_under_a_right_checksum_is_refused_or_read(void **unused)
{
    (void)unused;
    uint64_t seed = 3;
    unsigned refused = 0;
    for (int i = 0; i < RECORDS; i++) {
        struct record record, again;
        uint8_t bytes[RECORD_CODEC_MAX], covered[8 + RECORD_CODEC_MAX] = {0};
        fill(&seed, &record);
        record.seq = 0;
        size_t size = record_codec_encode(&record, bytes, sizeof bytes);
        size_t at = (size_t)(4 + next_random(&seed) % (size - 4));
        bytes[at] = (uint8_t)next_random(&seed);
        memcpy(covered + 8, bytes + 4, size - 4);
        struct pack_writer head = {.bytes = bytes, .capacity = 4};
        pack_put_u32(&head, pack_crc32(0, covered, size + 4));
        enum status status = record_codec_decode(bytes, size, 0, &again);
        if (status != ST_OK)
            refused++;
        else
            assert_true(strlen(again.device) < sizeof again.device && again.clock <= 2);
    }
    assert_true(refused > 0);
}

static void test_checksum_is_the_known_one(void **unused)
{
    (void)unused;
    assert_int_equal(pack_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(pack_crc32(pack_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

static void test_varints_too_long_are_refused(void **unused)
{
    (void)unused;
    const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    struct pack_reader reader = {.bytes = bytes, .size = sizeof bytes};
    assert_int_equal(pack_get_varint(&reader), 0);
    assert_true(reader.is_short);
    reader = (struct pack_reader){.bytes = bytes, .size = 5};
    (void)pack_get_varint32(&reader);
    assert_true(reader.is_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_record_is_read_back_exactly),
        cmocka_unit_test(test_the_longest_record_fits),
        cmocka_unit_test(test_notices_are_read_back_exactly),
        cmocka_unit_test(test_notices_with_ranges_out_of_order_are_refused),
        cmocka_unit_test(test_records_of_the_first_version_are_read),
        cmocka_unit_test(test_the_longest_alarm_fits_and_its_size_is_known),
        cmocka_unit_test(test_every_prefix_and_every_flipped_bit_is_refused),
        cmocka_unit_test(test_garbage_under_a_right_checksum_is_refused_or_read),
        cmocka_unit_test(test_checksum_is_the_known_one),
        cmocka_unit_test(test_varints_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
