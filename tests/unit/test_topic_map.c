/* topic_map: filters with named levels, and the ids made from topics. */
#include "topic_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_topics_become_device_ids(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *id, *topic;
        const char *plain;
        const char *device; /* NULL: the topic does not fit */
        enum verdict verdict;
    } cases[] = {
        {"a/+device/t", "", "a/oven/t", "a/+/t", "oven", VERDICT_OK},
        {"a/+line/+device", "", "a/l1/oven", "a/+/+", "l1/oven", VERDICT_OK},
        {"+line/+/+device/#", "", "l1/x/oven/a/b", "+/+/+/#", "l1/oven", VERDICT_OK},
        {"a/+device/#", "", "a/oven", "a/+/#", "oven", VERDICT_OK},
        {"a/+line/+device", "{device}-{line}", "a/l1/oven", "a/+/+", "oven-l1", VERDICT_OK},
        {"a/+line/+device", "hall/{line}", "a/l1/oven", "a/+/+", "hall/l1", VERDICT_OK},
        {"a/b", "boiler", "a/b", "a/b", "boiler", VERDICT_OK},
        {"#", "", "a/b", "#", "", VERDICT_OK},
        {"$share/g/a/+device", "", "a/oven", "$share/g/a/+", "oven", VERDICT_OK},
        {"a/+device", "", "a/b%c d", "a/+", "b%25c%20d", VERDICT_OK},
        {"a/+device/t", "", "a//t", "a/+/t", "", VERDICT_FIELD},
        {"a/+device/t", "", "a/oven", "a/+/t", NULL, VERDICT_OK},
        {"a/+device/t", "", "a/oven/t/u", "a/+/t", NULL, VERDICT_OK},
        {"a/+device/t", "", "b/oven/t", "a/+/t", NULL, VERDICT_OK},
        {"a/b", "x", "a/bc", "a/b", NULL, VERDICT_OK},
        {"+device/#", "", "$SYS/broker", "+/#", NULL, VERDICT_OK},
        {"a/+d", "", "a/0123456789012345678901234567890123456789012345678901234567890123", "a/+",
         "", VERDICT_LENGTH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct topic_map map;
        const char *problem = "";
        char id[LIMIT_DEVICE_ID_SIZE];
        enum verdict verdict = VERDICT_OK;
        assert_int_equal(topic_map_parse(&map, cases[i].filter, cases[i].id, &problem), ST_OK);
        assert_string_equal(map.filter, cases[i].plain);
        bool fits = topic_map_match(&map, cases[i].topic, id, &verdict);
        assert_int_equal(fits, cases[i].device != NULL);
        if (!fits) continue;
        assert_int_equal(verdict, cases[i].verdict);
        assert_string_equal(id, cases[i].device);
    }
}

static void test_bad_filters_and_ids_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", ""},
        {"a/#/b", ""},
        {"a/b+", ""},
        {"a/b#", ""},
        {"a/+x y", ""},
        {"+a/+a", ""},
        {"$share/g", ""},
        {"$share/g/", ""},
        {"a/+d", "{e}"},
        {"a/+d", "{d"},
        {"a/+d", "d}"},
        {"a/+d", "{{d}}"},
        {"////////////////////////////////////////", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct topic_map map;
        const char *problem = NULL;
        assert_int_equal(topic_map_parse(&map, bad[i][0], bad[i][1], &problem), ST_INVALID);
        assert_non_null(problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_become_device_ids),
        cmocka_unit_test(test_bad_filters_and_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
