/* config: what is committed beside the code is what the tables say.  When a comparison fails:
 * cmake --build --preset dev --target documents */
#include "config_tables.h"
#include "config_writers.h"
#include "support/config_case.h"

static char *read_file(const char *name)
{
    char path[512], *text = NULL;
    size_t capacity = 0;
    (void)snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, name);
    FILE *in = fopen(path, "r");
    if (in == NULL) fail_msg("%s cannot be read", path);
    assert_true(getdelim(&text, &capacity, '\0', in) > 0);
    assert_int_equal(fclose(in), 0);
    return text;
}

static char *make(enum config_document document)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(config_write_document(document, out), ST_OK);
    assert_int_equal(fclose(out), 0);
    assert_true(size > 1000);
    return text;
}

static void assert_same(const char *name, const char *committed, const char *made)
{
    unsigned line = 1;
    while (*committed != '\0' && *committed == *made) {
        if (*made == '\n') line++;
        committed++;
        made++;
    }
    if (*committed != *made) {
        fail_msg("%s, line %u: not as made from the tables; build the target documents", name,
                 line);
    }
}

static void test_example_is_up_to_date(void **state)
{
    (void)state;
    char *committed = read_file("config/isotherm.full.yaml"), *made = make(CONFIG_EXAMPLE);
    assert_same("config/isotherm.full.yaml", committed, made);
    free(committed);
    free(made);
}

static void test_schema_is_up_to_date(void **state)
{
    (void)state;
    char *committed = read_file("config/isotherm.schema.json"), *made = make(CONFIG_SCHEMA);
    assert_same("config/isotherm.schema.json", committed, made);
    free(committed);
    free(made);
}

static void assert_reference(const char *name, enum config_document document)
{
    char *page = read_file(name), *made = make(document);
    char *begin = strstr(page, "<!-- made from the tables: begin -->\n");
    assert_non_null(begin);
    begin = strchr(begin, '\n') + 1;
    char *end = strstr(begin, "<!-- made from the tables: end -->");
    assert_non_null(end);
    *end = '\0';
    assert_same(name, begin, made);
    free(page);
    free(made);
}

static void test_reference_is_up_to_date(void **state)
{
    (void)state;
    assert_reference("docs/configuration.md", CONFIG_REFERENCE);
}

static void test_documents_of_boards_are_up_to_date(void **state)
{
    (void)state;
    char *committed = read_file("config/board.schema.json"), *made = make(CONFIG_BOARD_SCHEMA);
    assert_same("config/board.schema.json", committed, made);
    free(committed);
    free(made);
    assert_reference("docs/boards.md", CONFIG_BOARD_REFERENCE);
}

/* Every scalar of the source that has a default and no example is at its default. */
static void assert_defaults(const struct config_source *source)
{
    const struct field_table *table = source->driver->options;
    const void *options = source->options;
    const size_t size = source->driver->options_size;
    char *fresh = calloc(1, size);
    assert_non_null(fresh);
    assert_int_equal(field_set_defaults(table, fresh), ST_OK);
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        const char *member = (const char *)options + field->offset;
        const char *expected = fresh + field->offset;
        char path[160];
        (void)snprintf(path, sizeof path, "sources.%s.%s", source->driver->name, field->name);
        if (config_find_example(path, field) != NULL || field->default_text == NULL) continue;
        if (field->type == FIELD_TEXT) {
            assert_string_equal(member, expected);
        } else if (field->type == FIELD_BOOL) {
            assert_memory_equal(member, expected, sizeof(bool));
        } else if (field->type == FIELD_CHOICE) {
            assert_memory_equal(member, expected, sizeof(int));
        } else if (field->type != FIELD_LIST) {
            assert_memory_equal(member, expected, sizeof(int64_t));
        }
    }
    free(fresh);
}

static void test_full_example_loads_and_equals_the_defaults(void **state)
{
    (void)state;
    struct config_case full, least;
    char *example = read_file("config/isotherm.full.yaml");
    case_run(&full, example);
    free(example);
    case_run(&least, CASE_REST);
    case_print(&full);
    assert_int_equal(full.status, ST_OK);
    assert_int_equal(full.problems.count, 0);
    const struct config *a = &full.config, *b = &least.config;
    assert_string_equal(a->gateway, b->gateway);
    assert_memory_equal(&a->store, &b->store, sizeof a->store);
    assert_memory_equal(&a->limits, &b->limits, sizeof a->limits);
    assert_memory_equal(&a->times, &b->times, sizeof a->times);
    assert_memory_equal(a->windows, b->windows, sizeof a->windows);
    assert_int_equal(a->window_count, b->window_count);
    assert_int_equal(a->lateness_ms, b->lateness_ms);
    assert_int_equal(a->grace_ms, b->grace_ms);
    assert_int_equal(a->expected_every_ms, b->expected_every_ms);
    assert_int_equal(a->alarm_count, b->alarm_count);
    assert_memory_equal(&a->uplink, &b->uplink, sizeof a->uplink);
    assert_string_equal(a->control_socket, b->control_socket);
    assert_int_equal(a->log_level, b->log_level);
    size_t compiled = 0;
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        compiled += (*at)->is_compiled ? 1 : 0;
    }
    assert_int_equal(a->source_count, compiled);
    for (size_t i = 0; i < a->source_count; i++) assert_defaults(&a->sources[i]);
    case_close(&full);
    case_close(&least);
}

static void test_least_example_loads(void **state)
{
    (void)state;
    struct config_case test;
    char *example = read_file("config/isotherm.yaml");
    case_run(&test, example);
    free(example);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.problems.count, 0);
    case_close(&test);
}

static void test_failed_writing_is_noticed(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) skip();
    assert_int_equal(config_write_document(CONFIG_SCHEMA, full), ST_IO);
    (void)fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_is_up_to_date),
        cmocka_unit_test(test_schema_is_up_to_date),
        cmocka_unit_test(test_reference_is_up_to_date),
        cmocka_unit_test(test_documents_of_boards_are_up_to_date),
        cmocka_unit_test(test_full_example_loads_and_equals_the_defaults),
        cmocka_unit_test(test_least_example_loads),
        cmocka_unit_test(test_failed_writing_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
