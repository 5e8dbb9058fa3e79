/* Invariant: what is not behind a # loads without a problem, and leaves every value at its
 * default except those that have an example. */
#include "config_writers.h"

#include "config.h"
#include "config_tables.h"

#include <string.h>

enum { LINE_MAX_COLUMNS = 96 };

struct page {
    FILE *out;
    int indent;
    bool is_commented; /* a whole block is shown, not set */
};

static void begin_line(const struct page *page)
{
    if (page->is_commented) fputs("# ", page->out);
    fprintf(page->out, "%*s", page->indent, "");
}

/* A comment, broken between words. */
static void write_comment(const struct page *page, const char *words)
{
    int room = LINE_MAX_COLUMNS - page->indent;
    while (*words != '\0') {
        size_t size = strlen(words);
        if (size > (size_t)room) {
            size = (size_t)room;
            while (size > 1 && words[size] != ' ') size--;
        }
        begin_line(page);
        fprintf(page->out, "# %.*s\n", (int)size, words);
        words += size;
        while (*words == ' ') words++;
    }
}

/* Whether YAML and we read the bare word as the same text. */
static bool is_plain(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0' && strcmp(text, "null") != 0;
}

static void write_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20) {
            fprintf(out, "\\x%02x", (unsigned)*c);
            continue;
        }
        if (*c == '"' || *c == '\\') fputc('\\', out);
        if (*c == '$' && (c[1] == '{' || c[1] == '$')) fputc('$', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

static void write_value(const struct page *page, const struct field *field, const char *value)
{
    bool needs_quotes = field->type == FIELD_TEXT || field->type == FIELD_CHOICE;
    if (needs_quotes && !is_plain(value)) {
        write_quoted(page->out, value);
    } else {
        fputs(value, page->out);
    }
}

static void write_help(const struct page *page, const struct field *field)
{
    char values[256], words[1024];
    if (field_is_nested(field)) {
        write_comment(page, config_help(field));
        return;
    }
    config_describe_values(field, values, sizeof values);
    (void)snprintf(words, sizeof words, "%s (%s%s)", config_help(field), values,
                   field->is_required ? "; required" : "");
    write_comment(page, words);
}

static void write_scalar(const struct page *page, const struct field *field, const char *path)
{
    const char *example = config_find_example(path, field);
    const char *value = example != NULL ? example : field->default_text;
    begin_line(page);
    if (field->default_text == NULL && !field->is_required) fputs("# ", page->out);
    fprintf(page->out, "%s:", field->name);
    if (value != NULL) {
        fputc(' ', page->out);
        write_value(page, field, value);
    }
    fputc('\n', page->out);
}

static void write_table(const struct page *page, const struct field_table *table, const char *path);

static void write_item(const struct page *page, const struct field *list, const char *path)
{
    struct page dash = *page, inner = *page;
    dash.indent += 2;
    inner.indent += 4;
    begin_line(page);
    fprintf(page->out, "%s:\n", list->name);
    begin_line(&dash);
    fputs("-\n", page->out);
    write_table(&inner, list->fields, path);
}

static void write_list(const struct page *page, const struct field *field, const char *path)
{
    if (field->is_required) {
        write_item(page, field, path);
        return;
    }
    begin_line(page);
    fprintf(page->out, "%s: %s\n", field->name,
            field->default_text != NULL ? field->default_text : "[]");
    struct page shown = *page;
    shown.is_commented = true;
    write_comment(page, "An item in full:");
    write_item(&shown, field, path);
}

static void write_sources(const struct page *page, const struct field *field, const char *path)
{
    struct page dash = *page, inner = *page;
    dash.indent += 2;
    inner.indent += 6;
    begin_line(page);
    fprintf(page->out, "%s:\n", field->name);
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        char driver_path[CONFIG_DOCUMENT_PATH_SIZE];
        config_join_path(driver_path, path, (*at)->name);
        write_comment(&dash, (*at)->help);
        if (!(*at)->is_compiled) {
            write_comment(&dash, "Not compiled into this program.");
            continue;
        }
        begin_line(&dash);
        fprintf(page->out, "- %s:\n", (*at)->name);
        write_help(&inner, &config_source_name);
        write_scalar(&inner, &config_source_name, driver_path);
        write_table(&inner, (*at)->options, driver_path);
    }
}

static void write_field(const struct page *page, const struct field *field, const char *path)
{
    write_help(page, field);
    if (config_is_source_list(field)) {
        write_sources(page, field, path);
    } else if (field->type == FIELD_LIST) {
        write_list(page, field, path);
    } else if (field->type == FIELD_GROUP) {
        struct page inner = *page;
        inner.indent += 2;
        begin_line(page);
        fprintf(page->out, "%s:\n", field->name);
        write_table(&inner, field->fields, path);
    } else {
        write_scalar(page, field, path);
    }
}

static void write_table(const struct page *page, const struct field_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        char inner[CONFIG_DOCUMENT_PATH_SIZE];
        config_join_path(inner, path, table->fields[i].name);
        if (page->indent == 0 && !page->is_commented) fputc('\n', page->out);
        write_field(page, &table->fields[i], inner);
    }
}

void config_write_example(FILE *out)
{
    const struct page page = {.out = out};
    fputs("# yaml-language-server: $schema=isotherm.schema.json\n#\n"
          "# Every option of Isotherm at its default, with an example where there is none.\n"
          "# Made from the tables in the code: cmake --build --preset dev --target documents\n",
          out);
    write_table(&page, &config_table, "");
}
