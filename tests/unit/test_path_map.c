#include "path_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static enum verdict match(const char *template_text, const char *path, char *device)
{
    struct path_map map;
    struct path_segment segments[PATH_MAP_SEGMENTS];
    const char *problem;
    assert_int_equal(path_map_compile(&map, template_text, &problem), ST_OK);
    assert_null(problem);
    size_t count = path_map_split(path, segments, PATH_MAP_SEGMENTS);
    return path_map_match(&map, segments, count, device);
}

static void test_a_path_leads_to_its_device(void **state)
{
    static const struct {
        const char *template_text, *path, *device;
    } cases[] = {
        {"t/{device}", "t/oven-1", "oven-1"},
        {"/t/{device}", "/t/oven-1", "oven-1"},
        {"{line}/{device}/temperature", "a/b/temperature", "a/b"},
        {"{b}/x/{a}", "1/x/2", "1/2"},
        {"fixed/path", "fixed/path", ""},
        {"t/{device}", "t/K\xc3\xbche 1+#", "K%C3%BChe%201%2B%23"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char device[LIMIT_DEVICE_ID_SIZE] = "untouched";
        assert_int_equal(match(cases[i].template_text, cases[i].path, device), VERDICT_OK);
        assert_string_equal(device, cases[i].device);
    }
}

static void test_other_paths_lead_nowhere(void **state)
{
    static const char *const paths[] = {"",       "t",
                                        "t/a/b",  "T/a",
                                        "tt/a",   "x/a",
                                        "t//a",   ".well-known/core",
                                        "/t/a/b", "t/a/b/c/d/e/f/g/h/i"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char device[LIMIT_DEVICE_ID_SIZE];
        assert_int_equal(match("t/{device}", paths[i], device), VERDICT_UNKNOWN_DEVICE);
    }
}

static void test_a_slash_inside_a_segment_stays_inside_its_part(void **state)
{
    struct path_map map;
    const char *problem;
    const struct path_segment hostile[] = {{"t", 1}, {"a/../b", 6}};
    const struct path_segment with_nul[] = {{"t", 1}, {"a\0b", 3}};
    const struct path_segment joined[] = {{"t/x", 3}};
    char device[LIMIT_DEVICE_ID_SIZE];
    (void)state;
    assert_int_equal(path_map_compile(&map, "t/{device}", &problem), ST_OK);
    assert_int_equal(path_map_match(&map, hostile, 2, device), VERDICT_OK);
    assert_string_equal(device, "a%2F..%2Fb");
    assert_int_equal(path_map_match(&map, with_nul, 2, device), VERDICT_OK);
    assert_string_equal(device, "a%00b");
    assert_int_equal(path_map_match(&map, joined, 1, device), VERDICT_UNKNOWN_DEVICE);
}

static void test_empty_and_overlong_parts_are_refused(void **state)
{
    char device[LIMIT_DEVICE_ID_SIZE];
    char path[LIMIT_DEVICE_ID_SIZE + 2];
    (void)state;
    assert_int_equal(match("t/{device}", "t/", device), VERDICT_FIELD);
    memset(path, 'a', sizeof path);
    memcpy(path, "t/", 2);
    path[2 + LIMIT_DEVICE_ID_SIZE - 1] = '\0';
    assert_int_equal(match("t/{device}", path, device), VERDICT_OK);
    path[2 + LIMIT_DEVICE_ID_SIZE - 1] = 'a';
    path[sizeof path - 1] = '\0';
    assert_int_equal(match("t/{device}", path, device), VERDICT_OK);
    memcpy(path, "t/%", 3); /* takes three bytes */
    assert_int_equal(match("t/{device}", path, device), VERDICT_LENGTH);
}

static void test_a_bad_template_is_explained(void **state)
{
    static const char *const templates[] = {
        "",
        "/",
        "t//x",
        "t/",
        "//t",
        "t/{}",
        "t/{a b",
        "t/a{b}",
        "{a}b",
        "t/{a b}",
        "{a}/{a}",
        "1/2/3/4/5/6/7/8/9",
        "{",
        "}",
        "t/{{a}}",
        ".well-known/{device}",
        "t/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    (void)state;
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++) {
        struct path_map map;
        const char *problem = NULL;
        assert_int_equal(path_map_compile(&map, templates[i], &problem), ST_INVALID);
        assert_non_null(problem);
    }
}

static void test_splitting_counts_what_it_cannot_keep(void **state)
{
    struct path_segment segments[2];
    (void)state;
    assert_int_equal(path_map_split("", segments, 2), 0);
    assert_int_equal(path_map_split("a/b/c/d", segments, 2), 4);
    assert_int_equal(segments[1].size, 1);
    assert_int_equal(segments[1].bytes[0], 'b');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_leads_to_its_device),
        cmocka_unit_test(test_other_paths_lead_nowhere),
        cmocka_unit_test(test_a_slash_inside_a_segment_stays_inside_its_part),
        cmocka_unit_test(test_empty_and_overlong_parts_are_refused),
        cmocka_unit_test(test_a_bad_template_is_explained),
        cmocka_unit_test(test_splitting_counts_what_it_cannot_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
