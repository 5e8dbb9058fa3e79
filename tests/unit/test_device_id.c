/* device_id: ids from strangers, one-to-one and harmless. */
#include "base/device_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/backoff.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_safe_bytes_stand_for_themselves(void **state)
{
    (void)state;
    char id[LIMIT_DEVICE_ID_SIZE] = "";
    const char *safe = "azAZ09-._:~";
    assert_int_equal(device_id_append(id, safe, strlen(safe)), VERDICT_OK);
    assert_string_equal(id, safe);
}

static void test_all_other_bytes_are_escaped(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char id[LIMIT_DEVICE_ID_SIZE] = "";
        char part = (char)byte;
        assert_int_equal(device_id_append(id, &part, 1), VERDICT_OK);
        if (strlen(id) == 1) {
            assert_true(byte > ' ' && byte < 127 && strchr("/%+#$*?\\\"'", byte) == NULL);
        } else {
            static const char hex[] = "0123456789ABCDEF";
            char expected[4] = {'%', hex[byte / 16], hex[byte % 16], '\0'};
            assert_string_equal(id, expected);
        }
    }
}

static void test_parts_are_joined_and_cannot_bring_their_own_slash(void **state)
{
    (void)state;
    char id[LIMIT_DEVICE_ID_SIZE] = "";
    assert_int_equal(device_id_append(id, "line 1", 6), VERDICT_OK);
    assert_int_equal(device_id_append(id, "../$SYS/+/#\n", 12), VERDICT_OK);
    assert_string_equal(id, "line%201/..%2F%24SYS%2F%2B%2F%23%0A");
    char other[LIMIT_DEVICE_ID_SIZE] = "";
    assert_int_equal(device_id_append(other, "a/b", 3), VERDICT_OK);
    char joined[LIMIT_DEVICE_ID_SIZE] = "";
    assert_int_equal(device_id_append(joined, "a", 1), VERDICT_OK);
    assert_int_equal(device_id_append(joined, "b", 1), VERDICT_OK);
    assert_string_not_equal(other, joined);
}

static void test_what_does_not_fit_leaves_the_id_unchanged(void **state)
{
    (void)state;
    char part[LIMIT_DEVICE_ID_SIZE];
    memset(part, 'x', sizeof part);
    char id[LIMIT_DEVICE_ID_SIZE] = "";
    assert_int_equal(device_id_append(id, part, 0), VERDICT_FIELD);
    assert_string_equal(id, "");
    assert_int_equal(device_id_append(id, part, LIMIT_DEVICE_ID_SIZE), VERDICT_LENGTH);
    assert_string_equal(id, "");
    assert_int_equal(device_id_append(id, part, LIMIT_DEVICE_ID_SIZE - 1), VERDICT_OK);
    assert_int_equal(strlen(id), LIMIT_DEVICE_ID_SIZE - 1);
    assert_int_equal(device_id_append(id, part, 1), VERDICT_LENGTH);
    assert_int_equal(strlen(id), LIMIT_DEVICE_ID_SIZE - 1);
    char other[LIMIT_DEVICE_ID_SIZE] = "a";
    memset(part, ' ', sizeof part);
    assert_int_equal(device_id_append(other, part, 21), VERDICT_LENGTH);
    assert_string_equal(other, "a");
    assert_int_equal(device_id_append(other, part, 20), VERDICT_OK);
    assert_int_equal(strlen(other), 62);
}

static size_t unescape(const char *id, char *bytes)
{
    size_t size = 0;
    for (; *id != '\0'; id++) {
        if (*id != '%') {
            bytes[size++] = *id;
            continue;
        }
        int high = id[1] <= '9' ? id[1] - '0' : id[1] - 'A' + 10;
        int low = id[2] <= '9' ? id[2] - '0' : id[2] - 'A' + 10;
        bytes[size++] = (char)(high * 16 + low);
        id += 2;
    }
    return size;
}

static void test_the_original_can_be_had_back(void **state)
{
    (void)state;
    uint64_t seed = 51;
    for (int round = 0; round < 5000; round++) {
        char part[21];
        char back[LIMIT_DEVICE_ID_SIZE];
        size_t size = 1 + (size_t)(backoff_random(&seed) % sizeof part);
        for (size_t i = 0; i < size; i++) part[i] = (char)backoff_random(&seed);
        char id[LIMIT_DEVICE_ID_SIZE] = "";
        assert_int_equal(device_id_append(id, part, size), VERDICT_OK);
        assert_null(strchr(id, '/'));
        assert_int_equal(unescape(id, back), size);
        assert_memory_equal(back, part, size);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *id;
        bool fits;
    } cases[] = {
        {"oven-3", "oven-3", true},
        {"oven-3", "oven-33", false},
        {"oven-*", "oven-3", true},
        {"oven-*", "line-1/oven-3", true},
        {"oven-*", "oven-3/probe", false},
        {"*", "oven", true},
        {"*", "line-1/oven-3", true},
        {"line-*", "line-1/oven-3", false},
        {"line-1/*", "line-1/oven-3", true},
        {"line-1/*", "line-1/a/b", true},
        {"line-1/*", "line-2/oven", false},
        {"*/oven-3", "a/b/oven-3", true},
        {"*/b", "c/a/b", true},
        {"?", "a", true},
        {"?", "ab", false},
        {"a?c", "a/c", false},
        {"a?c", "abc", true},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXbXb", false},
        {"*a", "baaa", true},
        {"**", "", true},
        {"", "a", false},
        {"", "", true},
        {"*?", "", false},
        {"*%2F*", "a%2Fb", true},
        {"oven", "Oven", false},
        {"/oven", "line/oven", false},
        {"a/?", "a/b", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (device_id_matches(cases[i].pattern, cases[i].id) == cases[i].fits) continue;
        fail_msg("%s against %s", cases[i].pattern, cases[i].id);
    }
}

static void test_many_stars_stay_fast(void **state)
{
    (void)state;
    char pattern[130];
    for (size_t i = 0; i < 128; i += 2) memcpy(pattern + i, "*a", 2);
    memcpy(pattern + 126, "*b", 3);
    char id[LIMIT_DEVICE_ID_SIZE];
    memset(id, 'a', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    assert_false(device_id_matches(pattern, id));
    pattern[127] = 'a';
    assert_false(device_id_matches(pattern, id)); /* 64 letters against 63 */
    assert_true(device_id_matches(pattern + 2, id));
}

static void test_an_id_is_one_topic_level(void **state)
{
    (void)state;
    char level[32];
    assert_true(device_id_to_topic_level("line-1/oven%203", level, sizeof level));
    assert_string_equal(level, "line-1%2Foven%25203");
    assert_true(device_id_to_topic_level("abc", level, 4));
    assert_string_equal(level, "abc");
    assert_false(device_id_to_topic_level("abc", level, 3));
    assert_false(device_id_to_topic_level("a/", level, 4));
    assert_true(device_id_to_topic_level("a/", level, 5));
    assert_false(device_id_to_topic_level("", level, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_bytes_stand_for_themselves),
        cmocka_unit_test(test_all_other_bytes_are_escaped),
        cmocka_unit_test(test_parts_are_joined_and_cannot_bring_their_own_slash),
        cmocka_unit_test(test_what_does_not_fit_leaves_the_id_unchanged),
        cmocka_unit_test(test_the_original_can_be_had_back),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_many_stars_stay_fast),
        cmocka_unit_test(test_an_id_is_one_topic_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
