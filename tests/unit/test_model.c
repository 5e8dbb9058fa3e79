/* model: what the file may say, where a problem is, and which bands hold when. */
#include "alarm/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_MS INT64_C(3600000)
#define DEGREE INT64_C(1000000)

#define GOOD                                                                                       \
    "{\"isotherm_model\": 1, \"utc_offset\": 1, \"note\": \"made by hand\",\n"                     \
    " \"devices\": [\n"                                                                            \
    "  {\"devices\": \"line-1/oven-3\", \"summaries\": 12,\n"                                      \
    "   \"hours\": [[[10, 20.5, 30], [60, 70, 80]]]},\n"                                           \
    "  {\"devices\": \"oven-*\", \"hours\": [[[-5, 0, 5]]]}\n"                                     \
    " ]}\n"

static enum status parse(struct model *model, const char *text, struct model_problem *problem)
{
    return model_parse(model, text, strlen(text), problem);
}

static void test_an_entry_is_found_by_id_then_by_pattern(void **state)
{
    (void)state;
    struct model model;
    struct model_problem problem;
    assert_int_equal(parse(&model, GOOD, &problem), ST_OK);
    assert_int_equal(model_find_device(&model, "line-1/oven-3"), 0);
    assert_int_equal(model_find_device(&model, "line-1/oven-4"), 1);
    assert_int_equal(model_find_device(&model, "freezer"), MODEL_NO_DEVICE);
    size_t count = 0;
    const struct band *bands = model_find_bands(&model, 0, 0, &count);
    assert_int_equal(count, 2);
    assert_int_equal(bands[0].usual_micro, 20500000);
    assert_int_equal(bands[1].high_micro, 80 * DEGREE);
    assert_int_equal(model_find_bands(&model, 1, 0, &count)->low_micro, -5 * DEGREE);
    assert_int_equal(count, 1);
    model_fini(&model);
}

/* {"devices":..., "hours": 24 of them}: hour h is usual at h degrees. */
static void write_day(char *text, size_t capacity, const char *offset, int hours)
{
    size_t size = (size_t)snprintf(text, capacity,
                                   "{\"isotherm_model\":1,\"utc_offset\":%s,\"devices\":["
                                   "{\"devices\":\"a\",\"hours\":[",
                                   offset);
    for (int hour = 0; hour < hours; hour++)
        size += (size_t)snprintf(text + size, capacity - size, "%s[[%d.5,%d,%d.5]]",
                                 hour > 0 ? "," : "", hour - 1, hour, hour);
    (void)snprintf(text + size, capacity - size, "]}]}");
}

static void test_hours_go_by_the_offset_of_the_file(void **state)
{
    (void)state;
    char text[2048];
    struct model model;
    struct model_problem problem;
    size_t count = 0;
    write_day(text, sizeof text, "-2.5", 24);
    /* hour 0 would be [-1.5, 0, 0.5] */
    assert_int_equal(parse(&model, text, &problem), ST_OK);
    for (int64_t hour = 0; hour < 24; hour++) {
        int64_t at_ms = hour * HOUR_MS + 5 * HOUR_MS / 2;
        assert_int_equal(model_find_bands(&model, 0, at_ms, &count)->usual_micro, hour * DEGREE);
        assert_int_equal(count, 1);
    }
    model_fini(&model);
    write_day(text, sizeof text, "0", 23);
    assert_int_equal(parse(&model, text, &problem), ST_INVALID);
    write_day(text, sizeof text, "0", 25);
    assert_int_equal(parse(&model, text, &problem), ST_INVALID);
    assert_string_equal(problem.text, "hours: a day has 24 of them");
}

#define ENTRY(hours)                                                                               \
    "{\"isotherm_model\":1,\n\"devices\":[{\"devices\":\"a\",\n\"hours\":" hours "}]}"
#define BAND "[0,1,2]"

static void test_each_problem_is_named_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line, column;
        const char *problem;
    } cases[] = {
        {"", 1, 1, "'{' is missing here"},
        {"{}", 1, 3, "isotherm_model: 1 is missing: not a model"},
        {"{\"isotherm_model\": 2}", 1, 21, "isotherm_model: this program reads version 1"},
        {"{\"isotherm_model\": 1}", 1, 22, "devices: no entry"},
        {"{\"isotherm_model\": 1,\n  \"nodes\": []}", 2, 11,
         "the keys here are isotherm_model, utc_offset, note, devices"},
        {"{\"utc_offset\": 14.1}", 1, 20, "utc_offset: is in hours, -14 to 14"},
        {ENTRY("[]"), 3, 11, "hours: 24 are needed, or 1 for all"},
        {ENTRY("[[]]"), 3, 12, "an hour needs at least one band"},
        {ENTRY("[[[1,1,2]]]"), 3, 18, "a band is [low, usual, high] in rising order"},
        {ENTRY("[[[1,2,2]]]"), 3, 18, "a band is [low, usual, high] in rising order"},
        {ENTRY("[[[1,2]]]"), 3, 15, "',' is missing here"},
        {ENTRY("[[[1,\"2\",3]]]"), 3, 14, "a number is missing here"},
        {ENTRY("[[[1,2,1e9]]]"), 3, 16, "no thermometer means this number"},
        {ENTRY("[[[0,1,2],[1,3,4]]]"), 3, 26, "the bands of an hour must rise and not overlap"},
        {ENTRY("[[" BAND ",[2,3,4],[4,5,6],[6,7,8],[8,9,10],[10,11,12],[12,13,14],[14,15,16],"
               "[16,17,18]]]"),
         3, 95, "an hour has at most 8 bands"},
        {ENTRY("[[" BAND "]]") "x", 3, 23, "the file should end here"},
        {"{\"isotherm_model\":1,\"devices\":[{\"hours\":[[" BAND "]]}]}", 1, 53,
         "devices: an id or pattern is needed"},
        {"{\"isotherm_model\":1,\"devices\":[{\"devices\":\"a\"}]}", 1, 47,
         "hours: they are missing"},
        {"{\"isotherm_model\":1,\"devices\":[{\"devices\":\"a\\u0041\"}]}", 1, 44,
         "a string of plain ASCII without \\ must end with \""},
        {"{\"isotherm_model\":1,\"devices\":[{\"devices\":\"a\",\"hours\":[[" BAND
         "]]},\n{\"devices\":\"a\",\"hours\":[[" BAND "]]}]}",
         2, 36, "devices: there is an entry for these already"},
        {"{\"a-key-that-is-much-too-long\": 1}", 1, 3, "this string is too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct model model;
        struct model_problem problem;
        assert_int_equal(parse(&model, cases[i].text, &problem), ST_INVALID);
        assert_string_equal(problem.text, cases[i].problem);
        assert_int_equal(problem.line, cases[i].line);
        assert_int_equal(problem.column, cases[i].column);
        assert_null(model.devices);
    }
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const size_t size = sizeof GOOD - 3; /* without the last bracket */
    for (size_t cut = 0; cut <= size; cut++) {
        struct model model;
        struct model_problem problem;
        char *bytes = malloc(cut + 1);
        assert_non_null(bytes);
        memcpy(bytes, GOOD, cut);
        bytes[cut] = (char)0xff; /* would be seen, were it read */
        assert_int_equal(model_parse(&model, bytes, cut, &problem), ST_INVALID);
        free(bytes);
    }
}

static void test_a_file_that_is_not_there_is_named_so(void **state)
{
    (void)state;
    struct model model;
    struct model_problem problem;
    assert_int_equal(model_load(&model, "/nonexistent/model.json", &problem), ST_IO);
    assert_string_equal(problem.text, "cannot be read: No such file or directory");
    assert_int_equal(problem.line, 0);
    model_fini(&model);
}

static void test_a_file_is_read_and_a_directory_is_not(void **state)
{
    (void)state;
    char path[] = "/tmp/isotherm-model-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *file = fdopen(descriptor, "w");
    assert_non_null(file);
    assert_true(fputs(GOOD, file) >= 0);
    assert_int_equal(fclose(file), 0);
    struct model model;
    struct model_problem problem;
    assert_int_equal(model_load(&model, path, &problem), ST_OK);
    assert_int_equal(model.device_count, 2);
    assert_int_equal(model.utc_offset_ms, HOUR_MS);
    assert_int_equal(model_size_bytes(&model),
                     2 * sizeof(struct model_device) + 3 * sizeof(struct band));
    model_fini(&model);
    assert_int_equal(remove(path), 0);
    assert_int_equal(model_load(&model, "/tmp", &problem), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_is_found_by_id_then_by_pattern),
        cmocka_unit_test(test_hours_go_by_the_offset_of_the_file),
        cmocka_unit_test(test_each_problem_is_named_with_its_place),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named_so),
        cmocka_unit_test(test_a_file_is_read_and_a_directory_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
