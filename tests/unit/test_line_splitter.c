/* line_splitter: whole lines, however the bytes come. */
#include "line_splitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Feeds `size` bytes in chunks of `chunk` and writes what was found as text: lines between
 * brackets, L for too long, D for damaged. */
static void split(struct line_splitter *splitter, const char *bytes, size_t size, size_t chunk,
                  char *found, size_t capacity)
{
    size_t used = 0;
    found[0] = '\0';
    for (size_t at = 0; at < size;) {
        size_t space;
        char *to = line_splitter_space(splitter, &space);
        assert_true(space > 0);
        size_t count = size - at < chunk ? size - at : chunk;
        if (count > space) count = space;
        memcpy(to, bytes + at, count);
        line_splitter_add(splitter, count);
        at += count;
        const char *line;
        size_t line_size;
        enum line_found kind;
        while ((kind = line_splitter_peek(splitter, &line, &line_size)) != LINE_NONE) {
            const char *mark = kind == LINE_TOO_LONG ? "L" : kind == LINE_DAMAGED ? "D" : "";
            int shown = kind == LINE_READY ? (int)line_size : 0;
            used += (size_t)snprintf(found + used, capacity - used, "%s[%.*s]", mark, shown, line);
            assert_true(used < capacity);
            line_splitter_take(splitter);
        }
    }
}

#define SPLITS(limit, skips_first, bytes, expected)                                                \
    for (size_t chunk = 1; chunk <= sizeof(bytes); chunk++) {                                      \
        struct line_splitter splitter;                                                             \
        char found[256];                                                                           \
        line_splitter_init(&splitter, limit, skips_first);                                         \
        split(&splitter, bytes, sizeof(bytes) - 1, chunk, found, sizeof found);                    \
        assert_string_equal(found, expected);                                                      \
    }

static void test_any_line_end_in_any_split_gives_the_same_lines(void **state)
{
    (void)state;
    SPLITS(20, false, "1\n2\r\n3\r4\n\r5\r\r\n\n6\n7", "[1][2][3][4][5][6]");
    SPLITS(20, false, "\r\n\r\n \t \nx\n", "[x]");
    SPLITS(20, false, " a b \n", "[ a b ]");
}

static void test_the_first_line_is_skipped_because_it_may_be_cut(void **state)
{
    (void)state;
    SPLITS(20, true, "3.50\r\n24.50\r\n", "[24.50]");
    SPLITS(20, true, "\n24.50\r\n", "[24.50]");
    SPLITS(4, true, "an endless banner of another program\n24.5\n", "[24.5]");
}

static void test_a_line_over_the_limit_is_reported_once(void **state)
{
    (void)state;
    SPLITS(4, false, "1234\n12345\n5\n", "[1234]L[][5]");
    SPLITS(4, false, "123456789012345678901234567890\r\n5\n", "L[][5]");
    SPLITS(4, false, "123456789\n123456789\n5\n", "L[]L[][5]");
}

static void test_damaged_lines_are_told_apart_and_the_next_one_is_found(void **state)
{
    (void)state;
    SPLITS(9, false,
           "1\n\0\0\n2\n\xff"
           "3\n4\n5\0\n6\n",
           "[1]D[][2]D[][4]D[][6]");
    SPLITS(9, false, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\n6\n", "L[][6]");
}

static void test_a_line_stays_the_next_one_until_it_was_taken(void **state)
{
    (void)state;
    struct line_splitter splitter;
    line_splitter_init(&splitter, 10, false);
    size_t space, size;
    const char *line;
    memcpy(line_splitter_space(&splitter, &space), "ab\ncd\n", 6);
    line_splitter_add(&splitter, 6);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(line_splitter_peek(&splitter, &line, &size), LINE_READY);
        assert_int_equal(size, 2);
        assert_memory_equal(line, "ab", 2);
        /* Asking for space moves the bytes but not the place. */
        (void)line_splitter_space(&splitter, &space);
    }
    line_splitter_take(&splitter);
    line_splitter_take(&splitter); /* without a peek: nothing */
    assert_int_equal(line_splitter_peek(&splitter, &line, &size), LINE_READY);
    assert_memory_equal(line, "cd", 2);
}

static void test_what_is_left_at_the_end_becomes_a_line(void **state)
{
    (void)state;
    struct line_splitter splitter;
    line_splitter_init(&splitter, 10, false);
    size_t space, size;
    const char *line;
    memcpy(line_splitter_space(&splitter, &space), "21.5", 4);
    line_splitter_add(&splitter, 4);
    assert_int_equal(line_splitter_peek(&splitter, &line, &size), LINE_NONE);
    line_splitter_end(&splitter);
    assert_int_equal(line_splitter_peek(&splitter, &line, &size), LINE_READY);
    assert_int_equal(size, 4);
    line_splitter_take(&splitter);
    line_splitter_end(&splitter);
    assert_int_equal(line_splitter_peek(&splitter, &line, &size), LINE_NONE);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static size_t put(struct line_splitter *splitter, const char *bytes, size_t size)
{
    size_t good = 0;
    for (size_t at = 0; at < size;) {
        size_t space, line_size;
        char *to = line_splitter_space(splitter, &space);
        assert_true(space > 0);
        size_t count = size - at < space ? size - at : space;
        memcpy(to, bytes + at, count);
        line_splitter_add(splitter, count);
        at += count;
        const char *line;
        for (enum line_found found;
             (found = line_splitter_peek(splitter, &line, &line_size)) != LINE_NONE;
             line_splitter_take(splitter))
            if (found == LINE_READY && line_size == 9 && memcmp(line, "good-line", 9) == 0) good++;
    }
    return good;
}

static void test_every_good_line_is_found_within_ten_megabytes_of_noise(void **state)
{
    (void)state;
    static const size_t rounds = 2500, most = 8192; /* about 4 KiB of noise in each round */
    struct line_splitter splitter;
    line_splitter_init(&splitter, 256, true);
    uint64_t seed = 20261121;
    size_t good = 0, noise_bytes = 0;
    (void)put(&splitter, "\n", 1);
    for (size_t i = 0; i < rounds; i++) {
        char noise[8192];
        size_t size = (size_t)next_random(&seed) % most;
        bool is_storm = i % 5 == 0;
        for (size_t k = 0; k < size; k++)
            noise[k] = is_storm ? (char)0xff : (char)(unsigned char)next_random(&seed);
        good += put(&splitter, noise, size);
        good += put(&splitter, "\ngood-line\r\n", 12);
        noise_bytes += size;
    }
    assert_int_equal(good, rounds);
    assert_true(noise_bytes > 9000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_line_end_in_any_split_gives_the_same_lines),
        cmocka_unit_test(test_the_first_line_is_skipped_because_it_may_be_cut),
        cmocka_unit_test(test_a_line_over_the_limit_is_reported_once),
        cmocka_unit_test(test_damaged_lines_are_told_apart_and_the_next_one_is_found),
        cmocka_unit_test(test_a_line_stays_the_next_one_until_it_was_taken),
        cmocka_unit_test(test_what_is_left_at_the_end_becomes_a_line),
        cmocka_unit_test(test_every_good_line_is_found_within_ten_megabytes_of_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
