/* Invariant: every row of every table appears exactly once. */
#include "config_writers.h"

#include "config.h"
#include "config_tables.h"

static void write_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') fputc('\\', out);
        fputc(*text, out);
    }
}

static void write_default(FILE *out, const struct field *field)
{
    if (field->is_required) {
        fputs("required", out);
    } else if (field->default_text == NULL) {
        fputs("–", out);
    } else {
        fputc('`', out);
        if (field->default_text[0] == '\0') fputs("\"\"", out);
        write_text(out, field->default_text);
        fputc('`', out);
    }
}

static void write_row(FILE *out, const struct field *field)
{
    char values[256];
    config_describe_values(field, values, sizeof values);
    fprintf(out, "| `%s` | ", field->name);
    write_text(out, values);
    fputs(" | ", out);
    write_default(out, field);
    fputs(" | ", out);
    write_text(out, config_help(field));
    fputs(" |\n", out);
}

static void write_table(FILE *out, const struct field_table *table, const struct field *extra,
                        const char *path);

static void write_sources(FILE *out, const char *path)
{
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        char inner[CONFIG_DOCUMENT_PATH_SIZE];
        config_join_path(inner, path, (*at)->name);
        fprintf(out, "\n### `%s`\n\n%s\n\n", inner, (*at)->help);
        if ((*at)->is_compiled) {
            write_table(out, (*at)->options, &config_source_name, inner);
        } else {
            fputs("Not compiled into this program.\n", out);
        }
    }
}

static void write_nested(FILE *out, const struct field *field, const char *path)
{
    char inner[CONFIG_DOCUMENT_PATH_SIZE];
    config_join_path(inner, path, field->name);
    if (config_is_source_list(field)) {
        fprintf(out, "\n### `%s`\n\n%s\n", inner, config_help(field));
        write_sources(out, inner);
    } else {
        fprintf(out, "\n### `%s`\n\n%s%s\n\n", inner, field->type == FIELD_LIST ? "A list. " : "",
                config_help(field));
        write_table(out, field->fields, NULL, inner);
    }
}

static void write_table(FILE *out, const struct field_table *table, const struct field *extra,
                        const char *path)
{
    fputs("| key | values | default | meaning |\n| --- | --- | --- | --- |\n", out);
    if (extra != NULL) write_row(out, extra);
    for (size_t i = 0; i < table->count; i++) write_row(out, &table->fields[i]);
    for (size_t i = 0; i < table->count; i++) {
        if (field_is_nested(&table->fields[i])) write_nested(out, &table->fields[i], path);
    }
}

void config_write_reference(FILE *out)
{
    fputs("### Top level\n\n", out);
    write_table(out, &config_table, NULL, "");
}

void config_write_board_reference(FILE *out)
{
    fputs("### Top level\n\n", out);
    write_table(out, &board_table, NULL, "");
}
