/* config: files that no person would write. */
#include "support/config_case.h"

#include <time.h>

static void check_text(const char *text, const char *expected)
{
    struct config_case test;
    case_run(&test, text);
    assert_int_equal(test.status, ST_INVALID);
    case_assert_problem(&test, 0, expected);
    case_close(&test);
}

static void test_empty_files(void **state)
{
    (void)state;
    static const char expected[] = "a.yaml:1:1: error: key \"sources\" is missing";
    check_text("", expected);
    check_text("\n\n# nothing\n", expected);
    check_text("---\n", expected);
    check_text("{}", expected);
    check_text("\xef\xbb\xbf", expected);
}

static void test_other_roots(void **state)
{
    (void)state;
    static const char expected[] = "a.yaml:1:1: error: the file must be a group of keys such as "
                                   "\"gateway: line-7\"";
    check_text("hello", expected);
    check_text("- a\n- b\n", expected);
    check_text("*a", "a.yaml:1:1: error: aliases (*) are not supported; put text that begins with "
                     "* in quotes");
}

static void test_second_document(void **state)
{
    (void)state;
    check_text("gateway: a\n---\ngateway: b\n",
               "a.yaml:2:1: error: a second document; a file holds one configuration");
}

static void test_syntax(void **state)
{
    (void)state;
    check_text("limits:\n\tdevices: 5\n",
               "a.yaml:2:1: error: a tab in the indentation; use blanks");
    check_text("limits:\n  devices: 5\n\tpayload: 64\n",
               "a.yaml:3:1: error: a tab in the indentation; use blanks");
    check_text("gateway: \"abc\n",
               "a.yaml:2:1: error: found unexpected end of stream while scanning a quoted scalar");
    check_text("%YAML 3.0\n---\na: b\n", "a.yaml:1:1: error: found incompatible YAML document");
}

/* `unit` repeated until the text has about `size` bytes, between two ends. */
static char *repeat(const char *begin, const char *unit, size_t size, const char *end)
{
    char *text = malloc(size + strlen(begin) + strlen(unit) + strlen(end) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, begin);
    while ((size_t)(at - text) < size) at = stpcpy(at, unit);
    strcpy(at, end);
    return text;
}

static void test_problems_are_one_line_of_whole_characters(void **state)
{
    (void)state;
    struct config_case test;
    char *text = repeat("\"a\\e[31m\\n\\x7f", "\xe2\x82\xac", 400, "\": 1\n" CASE_REST);
    case_run(&test, text);
    assert_int_equal(test.status, ST_INVALID);
    /* The key is cut after 64 bytes, here within a character. */
    const char *problem = test.items[0].text, *end = strstr(problem, "?\"; known here: gateway");
    assert_int_equal(strncmp(problem, "unknown key \"a?[31m??\xe2\x82\xac", 24), 0);
    assert_non_null(end);
    free(text);
    case_close(&test);
}

static void test_bytes_that_are_not_text(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *expected;
    } cases[] = {
        {"gateway: a\0b\n", 13, "a.yaml:1:11: error: a NUL byte; the file must be UTF-8 text"},
        {"a: b\ngateway: \xc3\xa4\xff\n", 17,
         "a.yaml:2:11: error: a byte that is not UTF-8; the file must be UTF-8 text"},
        {"# \xc0\xaf", 4,
         "a.yaml:1:3: error: a byte that is not UTF-8; the file must be UTF-8 text"},
        {"# \xed\xa0\x80", 5,
         "a.yaml:1:3: error: a byte that is not UTF-8; the file must be UTF-8 text"},
        {"# \xe2\x82", 4,
         "a.yaml:1:3: error: a byte that is not UTF-8; the file must be UTF-8 text"},
        {"\x7f\x45\x4c\x46\x02\x01\x01\x00", 8,
         "a.yaml:1:8: error: a NUL byte; the file must be UTF-8 text"},
        {"\xff\xfeg\0a\0", 6,
         "a.yaml:1:1: error: a byte that is not UTF-8; the file must be UTF-8 text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config_case test;
        case_open(&test);
        case_write_bytes(&test, "a.yaml", cases[i].bytes, cases[i].size);
        case_load(&test);
        assert_int_equal(test.status, ST_INVALID);
        case_assert_problem(&test, 0, cases[i].expected);
        case_close(&test);
    }
    struct config_case test;
    case_run(&test, "gateway: a\x1b[31m\n");
    assert_int_equal(test.status, ST_INVALID);
    case_assert_some(&test, 1, "control characters are not allowed");
    case_close(&test);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_load(&test);
    assert_int_equal(test.status, ST_IO);
    case_assert_problem(&test, 0, "a.yaml:0:0: error: cannot be read: No such file or directory");
    case_make_directory(&test, "a.yaml");
    case_load(&test);
    assert_int_equal(test.status, ST_IO);
    case_assert_problem(&test, 0, "a.yaml:0:0: error: cannot be read: is a directory, not a file");
    assert_int_equal(rmdir(test.path), 0);
    assert_int_equal(mkfifo(test.path, 0600), 0);
    case_load(&test); /* must not wait for a writer */
    assert_int_equal(test.status, ST_IO);
    case_assert_problem(&test, 0, "a.yaml:0:0: error: cannot be read: is not a regular file");
    assert_int_equal(unlink(test.path), 0);
    case_write(&test, "a.yaml", CASE_REST);
    case_write(&test, "conf.d", "a file\n");
    case_load(&test);
    assert_int_equal(test.status, ST_IO);
    case_assert_problem(&test, 0, "conf.d:0:0: error: cannot be read: Not a directory");
    case_close(&test);
}

static void test_unreadable_file(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_write(&test, "a.yaml", CASE_REST);
    assert_int_equal(chmod(test.path, 0), 0);
    case_load(&test);
    if (geteuid() == 0) { /* root may read everything */
        assert_int_equal(test.status, ST_OK);
    } else {
        assert_int_equal(test.status, ST_IO);
        case_assert_problem(&test, 0, "a.yaml:0:0: error: cannot be read: Permission denied");
    }
    case_close(&test);
}

static void test_unreadable_file_in_directory_is_a_problem(void **state)
{
    (void)state;
    struct config_case test;
    char link_path[160];
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml", CASE_REST);
    (void)snprintf(link_path, sizeof link_path, "%s/conf.d/a.yaml", test.directory);
    assert_int_equal(symlink("/nowhere", link_path), 0);
    case_load(&test);
    assert_int_equal(test.status, ST_IO);
    assert_int_equal(test.problems.count, 1);
    case_close(&test);
}

/* Usually less than one; what grows with the square of a mebibyte takes far longer. */
enum { PROCESSOR_S = 200 };

static void check_repeated(const char *begin, const char *unit, size_t size, const char *end,
                           unsigned line, const char *words)
{
    struct config_case test;
    char *text = repeat(begin, unit, size, end);
    clock_t before = clock();
    case_run(&test, text);
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    assert_int_equal(test.status, ST_INVALID);
    assert_true(test.problems.count > 0);
    case_assert_some(&test, line, words);
    if (seconds > PROCESSOR_S) fail_msg("took %.1f s: %s", seconds, words);
    free(text);
    case_close(&test);
}

static void test_large_and_deep_files(void **state)
{
    (void)state;
    const size_t most = (1 << 20) - 64;
    check_repeated("", "# comment\n", (1 << 20) + 1, "", 0, "larger than 1048576 bytes");
    check_repeated("", "# comment\n", most, "", 1, "\"sources\" is missing");
    check_repeated("windows: ", "[", 100, "", 1, "nested more than 32 levels");
    check_repeated("", "{a: ", most, "", 1, "nested more than 32 levels");
    check_repeated("", "- ", 200, "", 1, "nested more than 32 levels");
    check_repeated("windows: [", "{},", most, "]", 1, "more than 10000 values");
    check_repeated("windows: [", ",", 200, "]", 1, "did not find");
    check_repeated("gateway: ", "x", most, "\n", 1, "longer than any value");
    check_repeated("gateway: \"", "$$", 5000, "\"\n", 1, "longer than any value");
    check_repeated("", "x", most, ": 1\n", 1, "");
    check_repeated("gateway: |\n", "  x\n", most, "", 1, "longer than any value");
    check_repeated("", "? ", most, "", 1, "");
    check_repeated("\"", "\\n", most, "\": x", 1, "");
}

static void test_many_keys(void **state)
{
    (void)state;
    struct config_case test;
    char *text = malloc(200000), *at = text;
    assert_non_null(text);
    for (int i = 0; i < 4900; i++) at += sprintf(at, "key-number-%d: 1\n", i);
    case_run(&test, text);
    assert_int_equal(test.status, ST_INVALID);
    assert_int_equal(test.problems.count, 4902);
    case_assert_some(&test, 60, "unknown key \"key-number-59\"");
    free(text);
    case_close(&test);
}

static void test_anchors_do_not_multiply(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "a: &a [x, x, x, x, x, x, x, x, x]\n"
                    "b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
                    "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n"
                    "d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n"
                    "e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\n"
                    "limits: {<<: *e}\n");
    assert_int_equal(test.status, ST_INVALID);
    assert_true(test.problems.count < 64);
    case_assert_some(&test, 1, "anchors (&) are not supported");
    case_assert_some(&test, 6, "aliases (*) are not supported");
    case_close(&test);
}

static void test_expansion_is_bounded(void **state)
{
    (void)state;
    struct config_case test;
    char *value = repeat("", "y", 3000, "");
    assert_int_equal(setenv("ISOTHERM_T_LONG", value, 1), 0);
    assert_int_equal(setenv("ISOTHERM_T_BYTES", "\xff", 1), 0);
    free(value);
    case_run(&test, "gateway: ${ISOTHERM_T_LONG}${ISOTHERM_T_LONG}\n"
                    "lateness: ${ISOTHERM_T_BYTES}\n");
    case_assert_some(&test, 1, "is too long");
    case_assert_some(&test, 2, "environment variable ISOTHERM_T_BYTES is not UTF-8 text");
    assert_int_equal(unsetenv("ISOTHERM_T_LONG"), 0);
    case_close(&test);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Flips, inserts, removes, doubles or swaps a few stretches of the text. */
static size_t mutate(char *text, size_t size, size_t capacity, uint32_t *seed)
{
    static const char spice[] = "{}[]:,-#&*!|>'\"%@`$~? \n\t\\0a9\x80\xff";
    for (uint32_t times = 1 + next_random(seed) % 4; times > 0; times--) {
        size_t at = next_random(seed) % size, run = 1 + next_random(seed) % 40;
        if (run > size - at) run = size - at;
        switch (next_random(seed) % 4) {
        case 0:
            text[at] = spice[next_random(seed) % (sizeof spice - 1)];
            break;
        case 1:
            if (size < 2 * run) break;
            memmove(text + at, text + at + run, size - at - run);
            size -= run;
            break;
        case 2:
            if (size + run > capacity) break;
            memmove(text + at + run, text + at, size - at);
            size += run;
            break;
        default:
            text[at] = (char)(text[at] ^ (1 << (next_random(seed) % 8)));
            break;
        }
    }
    return size;
}

static void test_mutations_of_the_full_example_never_crash(void **state)
{
    (void)state;
    enum { ROUNDS = 1500, ROOM = 1 << 17 };
    struct config_case test;
    char *original = calloc(1, ROOM), *text = malloc(ROOM);
    assert_non_null(original);
    assert_non_null(text);
    FILE *in = fopen(SOURCE_DIR "/config/isotherm.full.yaml", "r");
    assert_non_null(in);
    size_t size = fread(original, 1, ROOM - 4096, in);
    assert_int_equal(fclose(in), 0);
    assert_true(size > 1000);
    case_open(&test);
    size_t refused = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t seed = round;
        memcpy(text, original, size);
        size_t mutated = mutate(text, size, ROOM, &seed);
        case_write_bytes(&test, "a.yaml", text, mutated);
        case_load(&test);
        bool has_error = false;
        for (size_t i = 0; i < test.problems.count && i < CASE_PROBLEMS; i++) {
            has_error = has_error || !test.items[i].is_warning;
        }
        if (has_error != (test.status == ST_INVALID)) fail_msg("round %u", round);
        refused += has_error ? 1 : 0;
    }
    assert_in_range(refused, 100, ROUNDS - 1);
    free(original);
    free(text);
    case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_files),
        cmocka_unit_test(test_other_roots),
        cmocka_unit_test(test_second_document),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_problems_are_one_line_of_whole_characters),
        cmocka_unit_test(test_bytes_that_are_not_text),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_unreadable_file),
        cmocka_unit_test(test_unreadable_file_in_directory_is_a_problem),
        cmocka_unit_test(test_large_and_deep_files),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_anchors_do_not_multiply),
        cmocka_unit_test(test_expansion_is_bounded),
        cmocka_unit_test(test_mutations_of_the_full_example_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
