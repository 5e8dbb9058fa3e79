/* registry: the list of drivers, and the rules each must keep. */
#include "driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct example {
    int64_t number;
    char text[8];
};

static const struct field good_fields[] = {
    {.name = "number",
     .type = FIELD_INTEGER,
     .offset = offsetof(struct example, number),
     .max = 9,
     .default_text = "5",
     .help = "A number."},
    {.name = "text",
     .type = FIELD_TEXT,
     .offset = offsetof(struct example, text),
     .size = sizeof((struct example *)0)->text,
     .help = "A text."},
};

static enum status nothing_open(void *state, struct intake *intake, const void *options)
{
    (void)state;
    (void)intake;
    (void)options;
    return ST_OK;
}

static void nothing(void *state)
{
    (void)state;
}

/* A driver that keeps all rules, to be spoilt by one change. */
struct sample {
    struct field fields[2];
    struct field_table table;
    struct driver driver;
};

static void make_sample(struct sample *sample)
{
    memcpy(sample->fields, good_fields, sizeof good_fields);
    sample->table =
        (struct field_table){.fields = sample->fields, .count = 2, .help = "An example."};
    sample->driver = (struct driver){.name = "example",
                                     .help = "An example.",
                                     .is_compiled = true,
                                     .state_size = 1,
                                     .options_size = sizeof(struct example),
                                     .options = &sample->table,
                                     .open = nothing_open,
                                     .close = nothing};
}

static const char *check(const struct sample *sample)
{
    const struct driver *const list[] = {&sample->driver, NULL};
    const char *problem = "not set";
    enum status status = registry_check_list(list, &problem);
    assert_int_equal(status, problem == NULL ? ST_OK : ST_INVALID);
    return problem;
}

#define REFUSES(spoil)                                                                             \
    do {                                                                                           \
        struct sample sample;                                                                      \
        make_sample(&sample);                                                                      \
        assert_null(check(&sample));                                                               \
        spoil;                                                                                     \
        assert_non_null(check(&sample));                                                           \
    } while (0)

static void test_a_driver_that_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    REFUSES(sample.driver.name = "");
    REFUSES(sample.driver.help = NULL);
    REFUSES(sample.driver.open = NULL);
    REFUSES(sample.driver.close = NULL);
    REFUSES(sample.driver.can_wait = true);
    REFUSES(sample.driver.pause = nothing);
    REFUSES(sample.driver.resume = nothing);
    REFUSES(sample.driver.pauses_for_commit = true);
    REFUSES(sample.driver.state_size = 0);
    REFUSES(sample.driver.options = NULL);
}

static void test_a_table_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    REFUSES(sample.fields[1].name = "number");
    REFUSES(sample.fields[1].help = "");
    REFUSES(sample.fields[1].name = NULL);
    REFUSES(sample.fields[1].size = 0);
    REFUSES(sample.fields[1].size = 9);
    REFUSES(sample.fields[0].offset = sizeof(struct example));
    REFUSES(sample.fields[0].min = 10);
    REFUSES(sample.fields[0].default_text = "10");
    REFUSES(sample.fields[0].default_text = "five");
    REFUSES(sample.fields[0].type = FIELD_CHOICE);
    REFUSES(sample.fields[0].type = FIELD_GROUP);
    REFUSES(sample.fields[0].given_offset = sizeof(struct example));
    REFUSES(sample.table.help = NULL);
}

static void test_names_are_unique(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample);
    const struct driver *const list[] = {&sample.driver, &sample.driver, NULL};
    const char *problem;
    assert_int_equal(registry_check_list(list, &problem), ST_INVALID);
    assert_string_equal(problem, "two drivers have the same name");
}

static void test_our_own_drivers_keep_the_rules(void **state)
{
    (void)state;
    const char *problem = NULL;
    enum status status = registry_check(&problem);
    if (problem != NULL) print_error("%s\n", problem);
    assert_int_equal(status, ST_OK);
}

static void test_a_driver_is_found_by_its_whole_name(void **state)
{
    (void)state;
    static const char *const names[] = {"mqtt", "coap", "serial", "replay", "template"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_non_null(registry_find(names[i]));
        assert_string_equal(registry_find(names[i])->name, names[i]);
        assert_ptr_equal(registry_list()[i], registry_find(names[i]));
    }
    assert_null(registry_find("mqt"));
    assert_null(registry_find(""));
}

static void test_defaults_of_every_driver_can_be_set(void **state)
{
    (void)state;
    size_t tried = 0;
    for (const struct driver *const *driver = registry_list(); *driver != NULL; driver++) {
        if (!(*driver)->is_compiled) continue;
        void *options = calloc(1, (*driver)->options_size);
        assert_non_null(options);
        assert_int_equal(field_set_defaults((*driver)->options, options), ST_OK);
        free(options);
        tried++;
    }
    assert_true(tried >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_driver_that_breaks_a_rule_is_refused),
        cmocka_unit_test(test_a_table_that_makes_no_sense_is_refused),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_our_own_drivers_keep_the_rules),
        cmocka_unit_test(test_a_driver_is_found_by_its_whole_name),
        cmocka_unit_test(test_defaults_of_every_driver_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
