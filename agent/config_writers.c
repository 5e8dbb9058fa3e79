/* Invariant: nothing about a single option is written here; all of it comes from its row. */
#include "config_writers.h"

#include "config.h"
#include "config_tables.h"

#include <string.h>

const char *config_help(const struct field *field)
{
    const char *help = field->help;
    if (help == NULL && field_is_nested(field)) help = field->fields->help;
    return help != NULL ? help : "";
}

const char *config_find_example(const char *path, const struct field *field)
{
    /* Where the row itself has none, e.g. since several places share it. */
    static const char *const examples[][2] = {
        {"sources.mqtt.broker", "mqtt://127.0.0.1:1883"},
        {"sources.mqtt.subscribe.topic", "factory/+line/+device/temperature"},
        {"sources.coap.listen", "coap://127.0.0.1:5683"},
        {"sources.coap.path", "t/{device}"},
        {"sources.serial.port", "/dev/ttyUSB0"},
        {"sources.serial.line", "{device},{value}"},
        {"sources.replay.path", "/var/lib/isotherm/recording.csv"},
        {"sources.replay.line", "{device},{value}"},
        {"sources.template.path", "/run/isotherm/template"},
        {"uplink.mqtt.broker", "mqtt://127.0.0.1:1884"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        if (strcmp(examples[i][0], path) == 0) return examples[i][1];
    }
    if (field->example != NULL) return field->example;
    bool needs_text = field->is_required && field->type == FIELD_TEXT;
    return needs_text && field->default_text == NULL ? "example" : NULL;
}

bool config_is_source_list(const struct field *field)
{
    return field_is_nested(field) && field->fields == &config_source_table;
}

void config_join_path(char *joined, const char *path, const char *name)
{
    (void)snprintf(joined, CONFIG_DOCUMENT_PATH_SIZE, "%s%s%s", path, path[0] == '\0' ? "" : ".",
                   name);
}

static void add_limits(struct text *text, const struct field *field)
{
    if (!field_has_range(field)) return;
    text_add(text, field->min == INT64_MIN ? ", at most " : ", ");
    if (field->max == INT64_MAX) text_add(text, "at least ");
    if (field->min != INT64_MIN) field_add_number(text, field, field->min);
    if (field->min != INT64_MIN && field->max != INT64_MAX) text_add(text, " to ");
    if (field->max != INT64_MAX) field_add_number(text, field, field->max);
}

void config_describe_values(const struct field *field, char *words, size_t capacity)
{
    static const char *const kinds[] = {[FIELD_BOOL] = "true or false",
                                        [FIELD_INTEGER] = "whole number",
                                        [FIELD_DURATION] = "duration",
                                        [FIELD_BYTES] = "bytes",
                                        [FIELD_DECIMAL] = "number",
                                        [FIELD_TEXT] = "text",
                                        [FIELD_CHOICE] = "",
                                        [FIELD_GROUP] = "group",
                                        [FIELD_LIST] = "list"};
    struct text text;
    text_init(&text, words, capacity);
    text_add(&text, kinds[field->type]);
    if (field->type == FIELD_CHOICE) {
        for (size_t i = 0; field->choices[i] != NULL; i++) {
            if (i > 0) text_add(&text, field->choices[i + 1] == NULL ? " or " : ", ");
            text_add(&text, field->choices[i]);
        }
    } else if (field->type == FIELD_TEXT) {
        text_add(&text, ", at most ");
        text_add_uint(&text, field->size - 1);
        text_add(&text, " bytes");
    } else if (field->type == FIELD_LIST) {
        text_add(&text, ", at most ");
        text_add_uint(&text, field->max_count);
    } else {
        add_limits(&text, field);
    }
}

enum status config_write_document(enum config_document document, void *stdio_file)
{
    static void (*const writers[])(FILE * out) = {[CONFIG_SCHEMA] = config_write_schema,
                                                  [CONFIG_REFERENCE] = config_write_reference,
                                                  [CONFIG_EXAMPLE] = config_write_example,
                                                  [CONFIG_BOARD_SCHEMA] = config_write_board_schema,
                                                  [CONFIG_BOARD_REFERENCE] =
                                                      config_write_board_reference};
    FILE *out = stdio_file;
    writers[document](out);
    return fflush(out) == 0 && ferror(out) == 0 ? ST_OK : ST_IO;
}
