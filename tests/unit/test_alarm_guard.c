/* alarm_guard: nothing is carried out twice, in fixed memory, over restarts. */
#include "alarm_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 3 * ALARM_GUARD_IDS };

static const char *id_of(int number)
{
    static char id[16];
    (void)snprintf(id, sizeof id, "c-%d", number);
    return id;
}

static enum alarm_guard_finding find(const struct alarm_guard *guard, const char *id,
                                     uint64_t fingerprint, int64_t sent_ms)
{
    uint8_t result = 0;
    enum alarm_guard_finding finding = alarm_guard_find(guard, id, fingerprint, sent_ms, &result);
    if (finding == ALARM_GUARD_REPEAT) assert_int_equal(result, (uint8_t)(fingerprint % 5));
    return finding;
}

static void remember(struct alarm_guard *guard, const char *id, uint64_t fingerprint,
                     int64_t sent_ms)
{
    alarm_guard_remember(guard, id, fingerprint, sent_ms, (uint8_t)(fingerprint % 5));
}

static void test_an_id_is_new_once(void **state)
{
    (void)state;
    static struct alarm_guard guard;
    memset(&guard, 0, sizeof guard);
    assert_int_equal(find(&guard, "a", 7, 1000), ALARM_GUARD_NEW);
    remember(&guard, "a", 7, 1000);
    assert_int_equal(find(&guard, "a", 7, 1000), ALARM_GUARD_REPEAT);
    assert_int_equal(find(&guard, "a", 7, 5000), ALARM_GUARD_REPEAT);
    assert_int_equal(find(&guard, "a", 8, 1000), ALARM_GUARD_ID_USED);
    assert_int_equal(find(&guard, "b", 7, 1000), ALARM_GUARD_NEW);
}

/* Whatever was carried out once is, ever after, known or too old. */
static void test_nothing_that_was_sent_is_ever_new_again(void **state)
{
    (void)state;
    static struct alarm_guard guard;
    static int64_t sent_ms[MANY];
    static bool was_taken[MANY];
    memset(&guard, 0, sizeof guard);
    memset(was_taken, 0, sizeof was_taken);
    srand(7);
    int taken = 0;
    for (int i = 0; i < MANY; i++) {
        sent_ms[i] = 1000 + i * 10 + rand() % 500; /* not in order, and some at the same time */
        if (find(&guard, id_of(i), (uint64_t)i, sent_ms[i]) != ALARM_GUARD_NEW) continue;
        remember(&guard, id_of(i), (uint64_t)i, sent_ms[i]);
        was_taken[i] = true;
        taken++;
        for (int k = 0; k <= i; k++)
            if (was_taken[k])
                assert_int_not_equal(find(&guard, id_of(k), (uint64_t)k, sent_ms[k]),
                                     ALARM_GUARD_NEW);
    }
    assert_true(taken > MANY * 9 / 10);
    assert_int_equal(guard.count, ALARM_GUARD_IDS);
}

static void test_local_ids_are_forgotten_first_and_bar_nobody(void **state)
{
    (void)state;
    static struct alarm_guard guard;
    memset(&guard, 0, sizeof guard);
    remember(&guard, "far", 1, 5000);
    for (int i = 0; i < MANY; i++) remember(&guard, id_of(i), 1, 0);
    assert_int_equal(find(&guard, "far", 1, 5000), ALARM_GUARD_REPEAT);
    assert_int_equal(find(&guard, id_of(MANY - 1), 1, 0), ALARM_GUARD_REPEAT);
    assert_int_equal(find(&guard, "new", 1, 1), ALARM_GUARD_NEW);
    assert_int_equal(find(&guard, "new", 1, 0), ALARM_GUARD_NEW);
}

struct tape {
    uint8_t bytes[2 * MANY][ALARM_GUARD_ENTRY_BYTES];
    size_t sizes[2 * MANY], count;
};

static void write_entries(struct alarm_guard *guard, struct tape *tape)
{
    size_t size;
    while ((size = alarm_guard_encode(guard, tape->bytes[tape->count])) > 0) {
        assert_true(tape->count < 2 * MANY - 1);
        tape->sizes[tape->count++] = size;
    }
}

static void assert_same(const struct alarm_guard *a, const struct alarm_guard *b)
{
    assert_int_equal(a->count, b->count);
    assert_true(a->floor_ms == b->floor_ms);
    for (size_t i = 0; i < a->count; i++) {
        const struct alarm_guard_entry *entry = &a->entries[i];
        assert_int_equal(find(b, entry->id, entry->fingerprint, entry->sent_ms),
                         ALARM_GUARD_REPEAT);
    }
}

static void test_a_restart_forgets_nothing_that_was_committed(void **state)
{
    (void)state;
    static struct alarm_guard guard, restored;
    static struct tape tape;
    memset(&guard, 0, sizeof guard);
    memset(&restored, 0, sizeof restored);
    for (int i = 0; i < MANY; i++) {
        remember(&guard, id_of(i), (uint64_t)i, 1000 + i);
        if (i % 7 == 0) write_entries(&guard, &tape); /* a commit */
        if (i == MANY / 2) {
            tape.count = 0; /* a round of whole states: what was written before is deleted */
            alarm_guard_journal_whole(&guard);
        }
    }
    write_entries(&guard, &tape);
    for (size_t i = 0; i < tape.count; i++)
        assert_int_equal(alarm_guard_restore(&restored, tape.bytes[i], tape.sizes[i]), ST_OK);
    assert_same(&guard, &restored);
    assert_same(&restored, &guard);
    uint8_t bytes[ALARM_GUARD_ENTRY_BYTES];
    assert_int_equal(alarm_guard_encode(&restored, bytes), 0);
}

static void test_damaged_entries_are_refused_whole(void **state)
{
    (void)state;
    static struct alarm_guard guard, restored;
    memset(&guard, 0, sizeof guard);
    memset(&restored, 0, sizeof restored);
    char id[ALARM_COMMAND_ID_SIZE];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    guard.floor_ms = INT64_MAX;
    remember(&guard, id, UINT64_MAX, INT64_MAX);
    uint8_t bytes[ALARM_GUARD_ENTRY_BYTES];
    size_t size = alarm_guard_encode(&guard, bytes);
    assert_true(size > 0 && size <= sizeof bytes);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(alarm_guard_restore(&restored, bytes, cut), ST_CORRUPT);
    bytes[0] = 'L';
    assert_int_equal(alarm_guard_restore(&restored, bytes, size), ST_CORRUPT);
    assert_int_equal(restored.count, 0);
    bytes[0] = ALARM_GUARD_TAG;
    assert_int_equal(alarm_guard_restore(&restored, bytes, size), ST_OK);
    assert_same(&guard, &restored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_id_is_new_once),
        cmocka_unit_test(test_nothing_that_was_sent_is_ever_new_again),
        cmocka_unit_test(test_local_ids_are_forgotten_first_and_bar_nobody),
        cmocka_unit_test(test_a_restart_forgets_nothing_that_was_committed),
        cmocka_unit_test(test_damaged_entries_are_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
