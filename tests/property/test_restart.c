/* restart: a stream restored from the journal at any commit goes on as if nothing had been. */
#include "property/support.h"

enum { READINGS = 300, COMMITS = READINGS, DEVICES = 6 };

#define START_MS INT64_C(1700000000000)

struct script {
    struct reading readings[READINGS];
    struct stream_now now[READINGS];
    bool is_advance[READINGS], is_commit[READINGS], is_state[READINGS];
};

#define HOT_OR_COLD                                                                                \
    .name = "hot", .devices = "d*", .high_micro = 20000000, .has_high = true,                      \
    .low_micro = -20000000, .has_low = true, .deadband_micro = 3000000

static const struct alarm_rule rules[] = {{HOT_OR_COLD}, {HOT_OR_COLD, .on_delay_ms = 4000}};

static struct stream_options choose_options(struct random *random)
{
    struct stream_options options = {
        .devices = DEVICES,
        .admission = ADMISSION_EVICT,
        .window_count = 5,
        .windows = {{.size_ms = 10000, .every_ms = 10000, .provisional_ms = 3000},
                    {.size_ms = 60000, .every_ms = 20000},
                    {.size_ms = 20000, .every_ms = 20000},
                    {.size_count = 5, .every_count = 5},
                    {.size_count = 12, .every_count = 4}},
        .lateness_ms = random_between(random, 0, 2) * 10000,
        .grace_ms = 5000,
        .future_ms = 1000,
        .alarm_count = 1,
        .alarms = &rules[random_between(random, 0, 1)],
    };
    if (random_between(random, 0, 1) == 0) options.windows[0].provisional_ms = 0;
    if (random_between(random, 0, 2) == 0) options.devices = DEVICES / 2;
    return options;
}

static void write_script(struct script *script, struct random *random)
{
    int64_t clock_ms[DEVICES], mono_ms = 100000, wall_ms = START_MS;
    for (size_t i = 0; i < DEVICES; i++) clock_ms[i] = START_MS;
    for (size_t i = 0; i < READINGS; i++) {
        size_t device = (size_t)random_between(random, 0, DEVICES - 1);
        int64_t dice = random_between(random, 0, 99);
        int64_t event_ms = clock_ms[device] += random_between(random, 0, 5000);
        if (dice < 40) event_ms -= random_between(random, 0, 30000);
        if (dice == 50) clock_ms[device] += 1000000;
        if (dice > 90) event_ms -= random_between(random, 0, 200000);
        mono_ms += random_between(random, 0, 900);
        if (event_ms > wall_ms) wall_ms = event_ms;
        script->now[i] =
            (struct stream_now){.wall_ms = wall_ms, .mono_ms = mono_ms, .clock = CLOCK_UNSET};
        script->readings[i] =
            (struct reading){.value_micro = random_between(random, -30, 30) * 1000000,
                             .has_event_time = true,
                             .event_ms = event_ms};
        snprintf(script->readings[i].device, LIMIT_DEVICE_ID_SIZE, "d%zu", device);
        script->is_advance[i] = random_between(random, 0, 3) == 0;
        script->is_commit[i] = random_between(random, 0, 4) == 0;
        script->is_state[i] = random_between(random, 0, 9) == 0;
    }
}

/* Plays from..to; what a round of whole states makes superfluous is deleted, as the store does. */
static void play(struct stream *stream, struct capture *capture, const struct script *script,
                 size_t from, size_t to, size_t *round_begin)
{
    for (size_t i = from; i < to; i++) {
        enum verdict verdict = stream_add_reading(stream, &script->readings[i], &script->now[i]);
        assert_true(verdict == VERDICT_OK || verdict == VERDICT_LATE);
        if (script->is_advance[i]) stream_advance(stream, &script->now[i]);
        if (script->is_state[i]) {
            if (*round_begin == SIZE_MAX) *round_begin = capture->entry_count;
            if (stream_journal_states(stream, 2)) {
                size_t drop = *round_begin;
                memmove(capture->entries, capture->entries + drop,
                        (capture->entry_count - drop) * sizeof *capture->entries);
                capture->entry_count -= drop;
                *round_begin = SIZE_MAX;
            }
        }
        if (script->is_commit[i]) stream_flush_journal(stream);
    }
}

static void finish(struct stream *stream, const struct script *script)
{
    struct stream_now now = script->now[READINGS - 1];
    stream_advance(stream, &now);
    assert_true(stream_close_windows(stream, &now));
}

/* Per device in the order of coming; the order of devices is that of their slots. */
static int compare_records(const void *left, const void *right)
{
    const struct record *a = left;
    const struct record *b = right;
    int order = strcmp(a->device, b->device);
    if (order != 0) return order;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* When the restart came decides how many provisional results there were, and how much of a delay
 * is left, and so when a flood of alarms begins: the time until the next call is not counted. */
static size_t skip_timed(const struct capture *capture, size_t at)
{
    for (; at < capture->record_count; at++) {
        const struct record *record = &capture->records[at];
        if (record->kind == RECORD_WINDOW && !record->window.is_provisional) break;
        bool is_flood = strcmp(record->alarm.kind, "flood") == 0;
        if (record->kind == RECORD_ALARM && record->alarm.on_delay_ms == 0 && !is_flood) break;
    }
    return at;
}

static void compare_finals(struct capture *whole, struct capture *torn, bool has_provisional)
{
    qsort(whole->records, whole->record_count, sizeof *whole->records, compare_records);
    qsort(torn->records, torn->record_count, sizeof *torn->records, compare_records);
    size_t i = skip_timed(whole, 0), k = skip_timed(torn, 0);
    assert_true(i < whole->record_count);
    while (i < whole->record_count) {
        struct record *a = &whole->records[i];
        struct record *b = &torn->records[k];
        assert_true(k < torn->record_count);
        a->seq = b->seq = 0;
        if (has_provisional && a->kind == RECORD_WINDOW) {
            a->window.revision = b->window.revision = 0;
            a->window.missed = b->window.missed = 0; /* since the former record, of any kind */
        }
        assert_memory_equal(a, b, sizeof *a);
        i = skip_timed(whole, i + 1);
        k = skip_timed(torn, k + 1);
    }
    assert_int_equal(k, torn->record_count);
}

static void restart_and_check(struct random *random)
{
    static struct script script;
    struct stream_options options = choose_options(random);
    write_script(&script, random);
    /* Silence would be counted from the restart: keep it out of this comparison. */
    options.grace_ms = INT64_C(1) << 40;
    size_t crash = (size_t)random_between(random, 1, READINGS - 1);
    script.is_commit[crash - 1] = true;

    struct capture whole = {0}, torn = {0};
    size_t whole_round = SIZE_MAX, torn_round = SIZE_MAX;
    struct stream *stream = open_stream(&options, &whole);
    play(stream, &whole, &script, 0, READINGS, &whole_round);
    finish(stream, &script);
    assert_ledger(stream, &options);
    stream_close(stream);

    stream = open_stream(&options, &torn);
    play(stream, &torn, &script, 0, crash, &torn_round);
    struct stream_counts before = stream_count(stream);
    stream_close(stream);
    struct capture journal = {.entries = torn.entries, .entry_count = torn.entry_count};
    torn.entries = NULL;
    torn.entry_count = torn.entry_capacity = 0;
    size_t records_before = torn.record_count;
    stream = open_stream(&options, &torn);
    for (size_t i = 0; i < journal.entry_count; i++) {
        const struct entry *entry = &journal.entries[i];
        assert_int_equal(stream_restore(stream, entry->bytes, entry->size), ST_OK);
    }
    assert_int_equal(torn.record_count, records_before); /* nothing is emitted by it */
    assert_ledger(stream, &options);
    assert_int_equal(stream_count(stream).devices, before.devices);
    assert_int_equal(stream_count(stream).alarms_active, before.alarms_active);
    for (size_t i = 0; i < options.window_count; i++) {
        assert_int_equal(stream_count(stream).windows[i].open, before.windows[i].open);
    }
    /* Eviction goes by silence on the monotonic clock, which a restart cannot know. */
    if (before.evicted == 0 && options.devices == DEVICES) {
        torn_round = SIZE_MAX;
        play(stream, &torn, &script, crash, READINGS, &torn_round);
        finish(stream, &script);
        assert_ledger(stream, &options);
        compare_finals(&whole, &torn, options.windows[0].provisional_ms > 0);
    }
    stream_close(stream);
    free(journal.entries);
    capture_release(&whole);
    capture_release(&torn);
}

static void test_restored_stream_goes_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    repeat(30, restart_and_check);
}

/* With little room nothing is lost: what does not fit now fits after the next commit.  That no
 * call takes more room than there is, flushes included, is asserted by the sink. */
static void squeeze_and_check(struct random *random)
{
    static struct script script;
    struct stream_options options = choose_options(random);
    struct capture capture = {.room = stream_room_bytes(&options) +
                                      (size_t)random_between(random, 2000, 20000)};
    size_t busy = 0;
    write_script(&script, random);
    struct stream *stream = open_stream(&options, &capture);
    for (size_t i = 0; i < READINGS; i++) {
        enum verdict verdict = stream_add_reading(stream, &script.readings[i], &script.now[i]);
        if (verdict == VERDICT_BUSY) {
            busy++;
            stream_flush_journal(stream);
            capture.used = 0;
            verdict = stream_add_reading(stream, &script.readings[i], &script.now[i]);
        }
        assert_true(verdict == VERDICT_OK || verdict == VERDICT_LATE);
        if (script.is_advance[i]) stream_advance(stream, &script.now[i]);
        if (script.is_state[i]) (void)stream_journal_states(stream, 2);
    }
    while (!stream_close_windows(stream, &script.now[READINGS - 1])) {
        stream_flush_journal(stream);
        capture.used = 0;
    }
    stream_flush_journal(stream);
    assert_true(busy > 0);
    assert_ledger(stream, &options);
    assert_int_equal(stream_count(stream).records, capture.record_count);
    stream_close(stream);
    capture_release(&capture);
}

static void test_little_room_loses_nothing(void **state)
{
    (void)state;
    repeat(30, squeeze_and_check);
}

/* Whatever the journal holds, restoring it never crashes and the stream works afterwards. */
static void damage_and_check(struct random *random)
{
    static struct script script;
    struct stream_options options = choose_options(random);
    struct capture capture = {0};
    size_t round = SIZE_MAX;
    size_t refused = 0;
    write_script(&script, random);
    struct stream *stream = open_stream(&options, &capture);
    play(stream, &capture, &script, 0, READINGS / 3, &round);
    while (!stream_journal_states(stream, 100)) assert_true(capture.entry_count > 0);
    stream_close(stream);
    size_t entries = capture.entry_count;
    stream = open_stream(&options, &capture);
    for (size_t i = 0; i < entries; i++) {
        struct entry entry = capture.entries[i];
        for (int64_t n = random_between(random, 0, 3); n > 0; n--) {
            size_t at = (size_t)random_between(random, 0, (int64_t)entry.size - 1);
            entry.bytes[at] = (unsigned char)random_next(random);
        }
        if (random_between(random, 0, 3) == 0) {
            entry.size = (size_t)random_between(random, 0, (int64_t)entry.size);
        }
        refused += stream_restore(stream, entry.bytes, entry.size) != ST_OK;
    }
    assert_true(refused > 0);
    for (size_t i = 0; i < READINGS; i++) {
        enum verdict verdict = stream_add_reading(stream, &script.readings[i], &script.now[i]);
        assert_int_not_equal(verdict, VERDICT_BUSY);
    }
    stream_advance(stream, &script.now[READINGS - 1]);
    assert_true(stream_close_windows(stream, &script.now[READINGS - 1]));
    stream_close(stream);
    capture_release(&capture);
}

static void test_damaged_journals_are_refused(void **state)
{
    (void)state;
    repeat(30, damage_and_check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restored_stream_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(test_little_room_loses_nothing),
        cmocka_unit_test(test_damaged_journals_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
