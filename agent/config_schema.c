/* Invariant: the schema never refuses what config_load takes from unquoted values; it may take
 * more, since what several keys must be together stands only in code. */
#include "config_writers.h"

#include "config.h"
#include "config_tables.h"

#include <string.h>

/* Indented JSON. */
struct json {
    FILE *out;
    int depth;
    bool needs_comma;
};

static void begin(struct json *json, const char *key)
{
    if (json->needs_comma) fputc(',', json->out);
    if (json->depth > 0) fprintf(json->out, "\n%*s", 2 * json->depth, "");
    json->needs_comma = true;
    if (key != NULL) fprintf(json->out, "\"%s\": ", key);
}

static void open_bracket(struct json *json, const char *key, char bracket)
{
    begin(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->needs_comma = false;
}

static void close_bracket(struct json *json, char bracket)
{
    json->depth--;
    if (json->needs_comma) fprintf(json->out, "\n%*s", 2 * json->depth, "");
    fputc(bracket, json->out);
    json->needs_comma = true;
}

static void add_string(struct json *json, const char *key, const char *string)
{
    begin(json, key);
    fputc('"', json->out);
    for (const char *c = string; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20) {
            fprintf(json->out, "\\u%04x", (unsigned)*c);
            continue;
        }
        if (*c == '"' || *c == '\\') fputc('\\', json->out);
        fputc(*c, json->out);
    }
    fputc('"', json->out);
}

/* Something that is JSON already. */
static void add_raw(struct json *json, const char *key, const char *raw)
{
    begin(json, key);
    fputs(raw, json->out);
}

static void add_number(struct json *json, const char *key, const struct field *field,
                       int64_t number)
{
    char digits[32];
    struct text text;
    text_init(&text, digits, sizeof digits);
    if (field->type == FIELD_DECIMAL) {
        text_add_micro(&text, number);
    } else {
        text_add_int(&text, number);
    }
    add_raw(json, key, digits);
}

/* Whether YAML would read the word as a number. */
static bool is_number_word(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static void add_choices(struct json *json, const struct field *field)
{
    open_bracket(json, "enum", '[');
    for (size_t i = 0; field->choices[i] != NULL; i++) {
        add_string(json, NULL, field->choices[i]);
        if (is_number_word(field->choices[i])) add_raw(json, NULL, field->choices[i]);
    }
    close_bracket(json, ']');
}

static void add_limited(struct json *json, const struct field *field)
{
    bool is_whole = field->type == FIELD_INTEGER;
    add_string(json, "type", is_whole ? "integer" : "number");
    if (!field_has_range(field)) return;
    if (field->min != INT64_MIN) add_number(json, "minimum", field, field->min);
    if (field->max != INT64_MAX) add_number(json, "maximum", field, field->max);
}

static void add_scalar(struct json *json, const struct field *field)
{
    if (field->type == FIELD_TEXT) {
        add_raw(json, "type", "[\"string\", \"number\", \"boolean\"]");
        return;
    }
    open_bracket(json, "anyOf", '[');
    open_bracket(json, NULL, '{');
    if (field->type == FIELD_CHOICE) {
        add_choices(json, field);
    } else if (field->type == FIELD_BOOL) {
        add_string(json, "type", "boolean");
    } else if (field->type == FIELD_DURATION) {
        add_string(json, "$ref", "#/$defs/duration");
    } else if (field->type == FIELD_BYTES) {
        add_string(json, "$ref", "#/$defs/bytes");
    } else {
        add_limited(json, field);
    }
    close_bracket(json, '}');
    add_raw(json, NULL, "{\"$ref\": \"#/$defs/variable\"}");
    close_bracket(json, ']');
}

static void add_description(struct json *json, const struct field *field)
{
    char values[256], words[1024];
    config_describe_values(field, values, sizeof values);
    (void)snprintf(words, sizeof words, "%s (%s)", config_help(field), values);
    add_string(json, "description", words);
    if (field->default_text == NULL || field->type == FIELD_LIST) return;
    if (field->type == FIELD_BOOL || field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL) {
        add_raw(json, "default", field->default_text);
    } else {
        add_string(json, "default", field->default_text);
    }
}

static void add_table(struct json *json, const struct field_table *table,
                      const struct field *extra);

static void add_sources(struct json *json)
{
    open_bracket(json, "items", '{');
    add_string(json, "type", "object");
    add_raw(json, "minProperties", "1");
    add_raw(json, "maxProperties", "1");
    add_raw(json, "additionalProperties", "false");
    open_bracket(json, "properties", '{');
    for (const struct driver *const *at = registry_list(); *at != NULL; at++) {
        if (!(*at)->is_compiled) continue;
        open_bracket(json, (*at)->name, '{');
        add_string(json, "description", (*at)->help);
        add_table(json, (*at)->options, &config_source_name);
        close_bracket(json, '}');
    }
    close_bracket(json, '}');
    close_bracket(json, '}');
}

static void add_items(struct json *json, const struct field_table *table)
{
    open_bracket(json, "items", '{');
    if (table->scalar_name == NULL) {
        add_table(json, table, NULL);
    } else { /* or that one value by itself */
        open_bracket(json, "anyOf", '[');
        add_raw(json, NULL, "{\"type\": [\"string\", \"number\", \"boolean\"]}");
        open_bracket(json, NULL, '{');
        add_table(json, table, NULL);
        close_bracket(json, '}');
        close_bracket(json, ']');
    }
    close_bracket(json, '}');
}

static void add_field(struct json *json, const struct field *field)
{
    open_bracket(json, field->name, '{');
    add_description(json, field);
    if (field->type == FIELD_GROUP) {
        add_table(json, field->fields, NULL);
    } else if (field->type == FIELD_LIST) {
        add_raw(json, "type", field->is_required ? "\"array\"" : "[\"array\", \"null\"]");
        if (field->is_required) add_raw(json, "minItems", "1");
        begin(json, "maxItems");
        fprintf(json->out, "%u", (unsigned)field->max_count);
        if (config_is_source_list(field)) {
            add_sources(json);
        } else {
            add_items(json, field->fields);
        }
    } else {
        add_scalar(json, field);
    }
    close_bracket(json, '}');
}

/* Recursion follows the tables, which are finite. */
static void add_table(struct json *json, const struct field_table *table, const struct field *extra)
{
    bool has_required = false;
    for (size_t i = 0; i < table->count; i++) {
        has_required = has_required || table->fields[i].is_required;
    }
    add_raw(json, "type", has_required ? "\"object\"" : "[\"object\", \"null\"]");
    add_raw(json, "additionalProperties", "false");
    open_bracket(json, "properties", '{');
    if (extra != NULL) add_field(json, extra);
    for (size_t i = 0; i < table->count; i++) add_field(json, &table->fields[i]);
    close_bracket(json, '}');
    if (!has_required) return;
    open_bracket(json, "required", '[');
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].is_required) add_string(json, NULL, table->fields[i].name);
    }
    close_bracket(json, ']');
}

static void add_definitions(struct json *json)
{
    open_bracket(json, "$defs", '{');
    open_bracket(json, "variable", '{');
    add_string(json, "description", "A value from the environment.");
    add_string(json, "type", "string");
    add_string(json, "pattern", "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}");
    close_bracket(json, '}');
    open_bracket(json, "duration", '{');
    add_string(json, "description", "A whole number with a unit: 250ms, 10s, 5min, 1h, 7d; or 0.");
    add_raw(json, "type", "[\"string\", \"integer\"]");
    add_string(json, "pattern", "^(0|[1-9][0-9]*) *(ms|s|min|h|d)$");
    add_raw(json, "maximum", "0");
    add_raw(json, "minimum", "0");
    close_bracket(json, '}');
    open_bracket(json, "bytes", '{');
    add_string(json, "description", "Bytes, or a whole number with a unit: 64 KiB, 16 MiB, 1 GiB.");
    add_raw(json, "type", "[\"string\", \"integer\"]");
    add_string(json, "pattern", "^(0|[1-9][0-9]*) *(B|KiB|MiB|GiB)$");
    add_raw(json, "minimum", "0");
    close_bracket(json, '}');
    close_bracket(json, '}');
}

static void write_schema(FILE *out, const char *id, const struct field_table *table)
{
    struct json json = {.out = out};
    open_bracket(&json, NULL, '{');
    add_string(&json, "$schema", "https://json-schema.org/draft/2020-12/schema");
    add_string(&json, "$id", id);
    add_string(&json, "title", table->help);
    add_string(&json, "$comment",
               "Made from the tables in the code: cmake --build --preset dev "
               "--target documents");
    add_table(&json, table, NULL);
    add_definitions(&json);
    close_bracket(&json, '}');
    fputc('\n', out);
}

void config_write_schema(FILE *out)
{
    write_schema(out, "urn:isotherm:configuration", &config_table);
}

void config_write_board_schema(FILE *out)
{
    write_schema(out, "urn:isotherm:board", &board_table);
}
