/* decode_json: what is JSON, what is not, and what stands at a pointer. */
#include "decode_json.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Text with its size, so that it may hold NUL. */
struct bytes {
    const char *text;
    size_t size;
};
#define BYTES(literal)                                                                             \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* Scans an exact copy on the heap, so that the sanitizer sees a read beyond the end. */
static enum verdict scan(const char *text, size_t size, const char **detail)
{
    char *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy + 1, text, size);
    *detail = NULL;
    enum verdict verdict = decode_json(copy + 1, size, NULL, 0, NULL, detail);
    free(copy);
    assert_true((verdict == VERDICT_OK) == (*detail == NULL));
    return verdict;
}

static void test_what_must_be_accepted(void **state)
{
    (void)state;
    static const struct bytes texts[] = {
        BYTES("{}"),
        BYTES("[]"),
        BYTES("0"),
        BYTES("-0"),
        BYTES("-1.5e-3"),
        BYTES("1E+2"),
        BYTES("1e999"),
        BYTES("true"),
        BYTES("false"),
        BYTES("null"),
        BYTES("\"\""),
        BYTES(" \t\r\n[ 1 , 2 ]\n"),
        BYTES("{\"a\":{\"a\":{\"a\":1}}}"),
        BYTES("{\"\":0}"),
        BYTES("{\"a\":1,\"A\":2,\"a \":3}"),
        BYTES("[[[[[[[[]]]]]]]]"),
        BYTES("[[[[[[[{\"a\":1}]]]]]]]"),
        BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
        BYTES("\"\\u0061\\u00e9\\u20ac\\ud83d\\uDE00\""),
        BYTES("\"\\uFFFF\\uFDD0\""),
        BYTES("\"\x7f\""),
        BYTES("\"\xC2\x80\xDF\xBF\""),
        BYTES("\"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\""),
        BYTES("\"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\""),
        BYTES("[{\"a\":1},{\"a\":1}]"),
        BYTES("{\"a\":{\"b\":1},\"b\":2}"),
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *detail;
        if (scan(texts[i].text, texts[i].size, &detail) != VERDICT_OK) {
            fail_msg("%s: %s", texts[i].text, detail);
        }
    }
}

static const struct bytes broken[] = {
    /* more behind the value */
    BYTES("{} x"),
    BYTES("{}{}"),
    BYTES("1 2"),
    BYTES("[1]]"),
    BYTES("{\"a\":1}}"),
    BYTES("[] \0"),
    BYTES("[]\0garbage"),
    BYTES("null,"),
    BYTES("{}//"),
    BYTES("{}#"),
    /* cut */
    BYTES(" "),
    BYTES("["),
    BYTES("{"),
    BYTES("[1"),
    BYTES("[1,"),
    BYTES("{\"a\""),
    BYTES("{\"a\":"),
    BYTES("{\"a\":1"),
    BYTES("{\"a\":1,"),
    BYTES("\""),
    BYTES("\"a"),
    BYTES("\"\\"),
    BYTES("\"\\u"),
    BYTES("\"\\u12"),
    BYTES("tru"),
    BYTES("nul"),
    BYTES("fals"),
    BYTES("-"),
    BYTES("1e"),
    BYTES("1."),
    BYTES("\"\xE2\x82"),
    /* numbers */
    BYTES("01"),
    BYTES("-01"),
    BYTES("00"),
    BYTES("+1"),
    BYTES("1.e3"),
    BYTES(".5"),
    BYTES("-.5"),
    BYTES("5.]"),
    BYTES("[1.]"),
    BYTES("[1e+]"),
    BYTES("[0x10]"),
    BYTES("[0e]"),
    BYTES("[NaN]"),
    BYTES("[Infinity]"),
    BYTES("[-Infinity]"),
    BYTES("[1,5.]"),
    BYTES("[--1]"),
    BYTES("[1 000]"),
    BYTES("[\xEF\xBC\x91]"),
    /* words */
    BYTES("True"),
    BYTES("[nulL]"),
    BYTES("[truex]"),
    BYTES("undefined"),
    BYTES("a"),
    /* structure */
    BYTES("[,1]"),
    BYTES("[1,]"),
    BYTES("[1,,2]"),
    BYTES("[1 2]"),
    BYTES("[1:2]"),
    BYTES("{,}"),
    BYTES("{\"a\":1,}"),
    BYTES("{\"a\",1}"),
    BYTES("{\"a\" 1}"),
    BYTES("{\"a\"::1}"),
    BYTES("{a:1}"),
    BYTES("{'a':1}"),
    BYTES("{1:1}"),
    BYTES("{\"a\":1 \"b\":2}"),
    BYTES("[}"),
    BYTES("{]"),
    BYTES("]"),
    BYTES("[\"a\":1]"),
    BYTES("{\"a\":}"),
    BYTES("[/* */1]"),
    /* white space that JSON does not know */
    BYTES("[\f]"),
    BYTES("[\v1]"),
    BYTES("\xC2\xA0[]"),
    BYTES("[\xE2\x81\xA0]"),
    BYTES("\xEF\xBB\xBF{}"),
    BYTES("\0{}"),
    /* strings */
    BYTES("\"\n\""),
    BYTES("\"\t\""),
    BYTES("\"\0\""),
    BYTES("\"\x1f\""),
    BYTES("\"\\x00\""),
    BYTES("\"\\a\""),
    BYTES("\"\\'\""),
    BYTES("\"\\\0\""),
    BYTES("\"\\U0061\""),
    BYTES("\"\\u006\""),
    BYTES("\"\\u00g0\""),
    BYTES("\"\\u 061\""),
    BYTES("\"\\u0000\""),
    BYTES("\"a\\u0000b\""),
    BYTES("{\"\\u0000\":1}"),
    BYTES("'a'"),
    /* escaped surrogates alone */
    BYTES("\"\\ud800\""),
    BYTES("\"\\uDC00\""),
    BYTES("\"\\ud800\\u0061\""),
    BYTES("\"\\ud800\\ud800\""),
    BYTES("\"\\ud800x\""),
    BYTES("\"\\ud83d\\n\""),
    BYTES("\"\\udc00\\ud800\""),
    /* not UTF-8 */
    BYTES("\"\x80\""),
    BYTES("\"\xBF\""),
    BYTES("\"\xC0\x80\""),
    BYTES("\"\xC1\xBF\""),
    BYTES("\"\xC3\""),
    BYTES("\"\xC3(\""),
    BYTES("\"\xE0\x9F\xBF\""),
    BYTES("\"\xE2\x82\""),
    BYTES("\"\xED\xA0\x80\""),
    BYTES("\"\xED\xBF\xBF\""),
    BYTES("\"\xF0\x8F\xBF\xBF\""),
    BYTES("\"\xF0\x9F\x98\""),
    BYTES("\"\xF4\x90\x80\x80\""),
    BYTES("\"\xF5\x80\x80\x80\""),
    BYTES("\"\xF8\x88\x80\x80\x80\""),
    BYTES("\"\xFE\xFF\""),
    BYTES("\"\xE9t\xE9\""),
    BYTES("{\"\xFF\":1}"),
    /* twice the same key, however written, at any depth */
    BYTES("{\"a\":1,\"a\":1}"),
    BYTES("{\"a\":1,\"b\":{},\"a\":2}"),
    BYTES("{\"a\":1,\"\\u0061\":2}"),
    BYTES("{\"\\u20ac\":1,\"\xE2\x82\xAC\":2}"),
    BYTES("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}"),
    BYTES("{\"/\":1,\"\\/\":2}"),
    BYTES("{\"\":1,\"\":2}"),
    BYTES("[[{\"x\":{\"k\":0,\"l\":0,\"k\":0}}]]"),
    /* too deep */
    BYTES("[[[[[[[[[]]]]]]]]]"),
    BYTES("{\"a\":[[[[[[[[1]]]]]]]]}"),
};

static void test_what_must_be_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(broken); i++) {
        const char *detail;
        if (scan(broken[i].text, broken[i].size, &detail) != VERDICT_SYNTAX) {
            fail_msg("taken, case %zu: %s", i, broken[i].text);
        }
    }
}

static void test_refusals_say_why(void **state)
{
    (void)state;
    const char *detail;
    assert_int_equal(scan("", 0, &detail), VERDICT_LENGTH);
    assert_string_equal(detail, "an empty payload");
    assert_int_equal(scan("[1]x", 4, &detail), VERDICT_SYNTAX);
    assert_string_equal(detail, "more text behind the JSON value");
    assert_int_equal(scan("\"\xFF\"", 3, &detail), VERDICT_SYNTAX);
    assert_string_equal(detail, "a JSON string that is not UTF-8");
    assert_int_equal(scan("{\"a\":1,\"a\":2}", 13, &detail), VERDICT_SYNTAX);
    assert_string_equal(detail, "a key stands twice in a JSON object");
    assert_int_equal(scan("[[[[[[[[[1]]]]]]]]]", 19, &detail), VERDICT_SYNTAX);
    assert_string_equal(detail, "JSON nested deeper than 8");
}

static void test_deep_nesting_needs_no_deep_stack(void **state)
{
    (void)state;
    static const size_t depths[] = {9, 10, 1000, 100000, 1 << 20};
    for (size_t i = 0; i < COUNT(depths); i++) {
        const char *detail;
        char *text = malloc(2 * depths[i]);
        assert_non_null(text);
        memset(text, '[', depths[i]);
        memset(text + depths[i], ']', depths[i]);
        assert_int_equal(scan(text, depths[i], &detail), VERDICT_SYNTAX);
        assert_int_equal(scan(text, 2 * depths[i], &detail), VERDICT_SYNTAX);
        assert_string_equal(detail, "JSON nested deeper than 8");
        free(text);
    }
}

/* An object with `count` keys, the last one twice if asked for. */
static size_t write_keys(char *text, unsigned count, bool repeat_last)
{
    size_t size = (size_t)sprintf(text, "{");
    for (unsigned i = 0; i < count; i++) size += (size_t)sprintf(text + size, "\"k%u\":0,", i);
    if (repeat_last) size += (size_t)sprintf(text + size, "\"k%u\":0,", count - 1);
    text[size - 1] = '}';
    return size;
}

static void test_keys_are_bounded_and_exact_up_to_the_bound(void **state)
{
    (void)state;
    char text[DECODE_JSON_KEYS * 16];
    const char *detail;
    assert_int_equal(scan(text, write_keys(text, DECODE_JSON_KEYS, false), &detail), VERDICT_OK);
    assert_int_equal(scan(text, write_keys(text, DECODE_JSON_KEYS - 1, true), &detail),
                     VERDICT_SYNTAX);
    assert_int_equal(scan(text, write_keys(text, DECODE_JSON_KEYS + 1, false), &detail),
                     VERDICT_LENGTH);
    /* Closed objects give their keys back. */
    char many[20000] = "[";
    size_t size = 1;
    for (int i = 0; i < 1000; i++) size += (size_t)sprintf(many + size, "{\"a\":1,\"b\":2},");
    many[size - 1] = ']';
    assert_int_equal(scan(many, size, &detail), VERDICT_OK);
}

static const char *document =
    "{\"a\":1.50,\"b\":{\"c\":[10,{\"d\":\"x\\ny\"},[null,true]],\"\":\"empty\"},"
    "\"a/b\":2,\"m~n\":3,\"e.f\":4,\"\\u00e9\":5,\"0\":{\"0\":6},\" \":{ \"s\" : [ ] },\"a~1b\":7}";

static void check_found(const char *pointer, enum json_kind kind, const char *text)
{
    struct json_slice found;
    const char *detail;
    assert_int_equal(decode_json(document, strlen(document), &pointer, 1, &found, &detail),
                     VERDICT_OK);
    if (found.kind != kind) fail_msg("%s: kind %d", pointer, (int)found.kind);
    if (kind == JSON_MISSING) return;
    if (found.size == strlen(text) && memcmp(found.text, text, found.size) == 0) return;
    fail_msg("%s: %.*s", pointer, (int)found.size, found.text);
}

static void test_pointers_find_their_values(void **state)
{
    (void)state;
    check_found("/a", JSON_NUMBER, "1.50");
    check_found("a", JSON_NUMBER, "1.50");
    check_found("/b/c/0", JSON_NUMBER, "10");
    check_found("b.c.0", JSON_NUMBER, "10");
    check_found("/b/c/1/d", JSON_STRING, "x\\ny");
    check_found("/b/c/2", JSON_ARRAY, "[null,true]");
    check_found("b.c.2.0", JSON_NULL, "null");
    check_found("b.c.2.1", JSON_BOOL, "true");
    check_found("/b/", JSON_STRING, "empty");
    check_found("/a~1b", JSON_NUMBER, "2");
    check_found("/m~0n", JSON_NUMBER, "3");
    check_found("/a~01b", JSON_NUMBER, "7");
    check_found("a~1b", JSON_NUMBER, "7");
    check_found("/e.f", JSON_NUMBER, "4");
    check_found("a/b", JSON_NUMBER, "2");
    check_found("/\xC3\xA9", JSON_NUMBER, "5");
    check_found("/0/0", JSON_NUMBER, "6");
    check_found("/ ", JSON_OBJECT, "{ \"s\" : [ ] }");
    check_found("/ /s", JSON_ARRAY, "[ ]");
}

static void test_pointers_that_lead_nowhere(void **state)
{
    (void)state;
    static const char *const pointers[] = {
        "/x",      "e.f",    "/a/b",     "/b/c/3",
        "/b/c/00", "/b/c/-", "/b/c/+1",  "/b/c/1e0",
        "/A",      "/a/",    "/b/c/0/0", "//",
        "/b//",    "a.",     "/b/c/",    "/b/c/18446744073709551616",
        "/aa",     "/ab"};
    for (size_t i = 0; i < COUNT(pointers); i++) check_found(pointers[i], JSON_MISSING, NULL);
}

static void test_four_pointers_in_one_pass(void **state)
{
    (void)state;
    const char *text = "{\"t\":{\"v\":\"9\"},\"ts\":1,\"u\":\"C\"}";
    const char *pointers[] = {"/t/v", "/t", "", "u"};
    struct json_slice found[4];
    const char *detail;
    assert_int_equal(decode_json(text, strlen(text), pointers, 4, found, &detail), VERDICT_OK);
    assert_int_equal(found[0].kind, JSON_STRING);
    assert_int_equal(found[0].size, 1);
    assert_int_equal(found[1].kind, JSON_OBJECT);
    assert_memory_equal(found[1].text, "{\"v\":\"9\"}", found[1].size);
    assert_int_equal(found[2].kind, JSON_MISSING);
    assert_int_equal(found[3].kind, JSON_STRING);
    assert_memory_equal(found[3].text, "C", 1);
}

static void test_strings_are_unescaped(void **state)
{
    (void)state;
    const char *text =
        "[\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\tz\xC3\xA9\"]";
    const char *pointer = "/0";
    const char *expected = "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"\\/\b\f\n\r\tz\xC3\xA9";
    struct json_slice found;
    const char *detail;
    char bytes[64] = "";
    assert_int_equal(decode_json(text, strlen(text), &pointer, 1, &found, &detail), VERDICT_OK);
    assert_true(found.has_escapes);
    assert_int_equal(decode_json_string(&found, bytes, sizeof bytes), strlen(expected));
    assert_memory_equal(bytes, expected, strlen(expected));
    memset(bytes, '#', sizeof bytes);
    assert_int_equal(decode_json_string(&found, bytes, 3), strlen(expected));
    assert_memory_equal(bytes, "A\xC3\xA9#", 4);
}

static void test_pointer_texts_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"/a", "/", "//", "/a~0b~1c", "a", "a.b.0", "a/b", "a~b"};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "/~", "/a~2"};
    for (size_t i = 0; i < COUNT(good); i++) assert_null(decode_json_check_pointer(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++) assert_non_null(decode_json_check_pointer(bad[i]));
}

static void test_json_test_suite(void **state)
{
    (void)state;
    const char *folder = getenv("ISOTHERM_JSONTESTSUITE");
    DIR *files = folder != NULL ? opendir(folder) : NULL;
    if (files == NULL) {
        print_message("skipped: no JSONTestSuite in ISOTHERM_JSONTESTSUITE\n");
        skip();
    }
    unsigned refused = 0, taken = 0, strict = 0;
    for (struct dirent *entry; (entry = readdir(files)) != NULL;) {
        char path[1024];
        static char text[1 << 20];
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".json") == NULL) continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(text, 1, sizeof text, file);
        (void)fclose(file);
        const char *detail;
        enum verdict verdict = scan(text, size, &detail);
        if (entry->d_name[0] == 'n') {
            if (verdict == VERDICT_OK) fail_msg("taken: %s", entry->d_name);
            refused++;
        } else if (entry->d_name[0] == 'y') {
            bool is_stricter = strstr(entry->d_name, "duplicated_key") != NULL ||
                               strstr(entry->d_name, "null_escape") != NULL ||
                               strstr(entry->d_name, "escaped_null") != NULL;
            if (verdict != VERDICT_OK && !is_stricter) fail_msg("%s: %s", entry->d_name, detail);
            taken += verdict == VERDICT_OK;
            strict += verdict != VERDICT_OK;
        }
    }
    (void)closedir(files);
    print_message("JSONTestSuite: %u n_ refused, %u y_ taken, %u y_ refused by a stricter rule\n",
                  refused, taken, strict);
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_must_be_accepted),
        cmocka_unit_test(test_what_must_be_refused),
        cmocka_unit_test(test_refusals_say_why),
        cmocka_unit_test(test_deep_nesting_needs_no_deep_stack),
        cmocka_unit_test(test_keys_are_bounded_and_exact_up_to_the_bound),
        cmocka_unit_test(test_pointers_find_their_values),
        cmocka_unit_test(test_pointers_that_lead_nowhere),
        cmocka_unit_test(test_four_pointers_in_one_pass),
        cmocka_unit_test(test_strings_are_unescaped),
        cmocka_unit_test(test_pointer_texts_are_checked),
        cmocka_unit_test(test_json_test_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
