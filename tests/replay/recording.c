/* Invariant: whatever the header says is used or refused; nothing in it is passed over. */
#include "replay/recording.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const required[] = {"device", "firmware", "date", "who", "why"};
enum { REQUIRED = sizeof required / sizeof required[0] };

static bool complain(const struct recording *recording, const char *what, const char *about)
{
    fprintf(stderr, "line %u: %s: %s\n", recording->line_number, what, about);
    return false;
}

static bool read_line(struct recording *recording)
{
    if (recording->is_pending) {
        recording->is_pending = false;
        return true;
    }
    if (fgets(recording->line, sizeof recording->line, recording->file) == NULL) return false;
    recording->line_number++;
    recording->line[strcspn(recording->line, "\n")] = '\0';
    return true;
}

static bool set_option(struct recording *recording, const struct field_table *table, char *base,
                       char *path, const char *text);

/* The struct behind a group, or behind "list.3.", which is made if it is the next one. */
static bool set_nested(struct recording *recording, const struct field *field, char *base,
                       char *rest, const char *text)
{
    char *nested = base + field->offset;
    if (field->type == FIELD_LIST) {
        char *end;
        size_t *count = (size_t *)(void *)(base + field->count_offset);
        unsigned long index = strtoul(rest, &end, 10);
        if (*end != '.' || index > *count || index >= field->max_count)
            return complain(recording, "no such place in the list", rest);
        nested += index * field->size;
        if (index == *count) {
            if (field_set_defaults(field->fields, nested) != ST_OK) return false;
            ++*count;
        }
        rest = end + 1;
    } else if (field->type != FIELD_GROUP) {
        return complain(recording, "not a group", field->name);
    }
    return set_option(recording, field->fields, nested, rest, text);
}

/* `path` as a.b or list.0.a; it is cut to pieces. */
static bool set_option(struct recording *recording, const struct field_table *table, char *base,
                       char *path, const char *text)
{
    char *rest = strchr(path, '.');
    if (rest != NULL) *rest++ = '\0';
    const struct field *field = field_find(table, path);
    if (field == NULL) return complain(recording, "no such option", path);
    if (field->given_offset != 0) *(bool *)(void *)(base + field->given_offset) = true;
    if (rest != NULL) return set_nested(recording, field, base, rest, text);
    char problem[160];
    if (field_set_text(field, base, text, problem, sizeof problem) == ST_OK) return true;
    return complain(recording, path, problem);
}

static bool choose_driver(struct recording *recording, const char *name)
{
    recording->driver = registry_find(name);
    if (recording->driver == NULL) return complain(recording, "no such driver", name);
    if (!recording->driver->is_compiled) return true;
    if (recording->driver->decode == NULL) return complain(recording, "cannot decode", name);
    recording->options = calloc(1, recording->driver->options_size);
    return recording->options != NULL &&
           field_set_defaults(recording->driver->options, recording->options) == ST_OK;
}

static bool use_option(struct recording *recording, char *text)
{
    char *value = strstr(text, " = ");
    if (recording->driver == NULL || value == NULL)
        return complain(recording, "wanted: driver first, then option: NAME = VALUE", text);
    *value = '\0';
    if (!recording->driver->is_compiled) return true;
    return set_option(recording, recording->driver->options, recording->options, text, value + 3);
}

/* "# key: text".  A line with only "#" and words is a remark. */
static bool use_header(struct recording *recording, bool *has)
{
    char *key = recording->line + 1 + strspn(recording->line + 1, " ");
    char *text = strstr(key, ": ");
    if (text == NULL) return true;
    *text = '\0';
    text += 2;
    if (strcmp(key, "driver") == 0) return choose_driver(recording, text);
    if (strcmp(key, "option") == 0) return use_option(recording, text);
    if (strcmp(key, "now") == 0) return sscanf(text, "%" SCNd64, &recording->now_wall_ms) == 1;
    for (size_t i = 0; i < REQUIRED; i++) {
        if (strcmp(key, required[i]) != 0) continue;
        has[i] = text[0] != '\0';
        return true;
    }
    return complain(recording, "no such header", key);
}

static void report_problem(void *context, const char *field_name, const char *problem)
{
    struct recording *recording = context;
    (void)complain(recording, field_name, problem);
    recording->is_pending = false;
    recording->driver = NULL;
}

static bool check_options(struct recording *recording)
{
    const struct driver *driver = recording->driver;
    if (!driver->is_compiled || driver->options->check == NULL) return true;
    const struct field_report report = {.add = report_problem, .context = recording};
    driver->options->check(recording->options, &report);
    return recording->driver != NULL;
}

bool recording_open(struct recording *recording, const char *path)
{
    *recording = (struct recording){.now_wall_ms = INT64_C(1795222800000)};
    recording->file = fopen(path, "r");
    if (recording->file == NULL) {
        perror(path);
        return false;
    }
    bool has[REQUIRED] = {false};
    while (read_line(recording)) {
        if (recording->line[0] != '#') {
            recording->is_pending = true;
            break;
        }
        if (!use_header(recording, has)) return false;
    }
    for (size_t i = 0; i < REQUIRED; i++)
        if (!has[i]) return complain(recording, "the header does not say", required[i]);
    if (recording->driver == NULL) return complain(recording, "the header does not say", "driver");
    return check_options(recording);
}

void recording_close(struct recording *recording)
{
    if (recording->file != NULL) (void)fclose(recording->file);
    recording->file = NULL;
    free(recording->options);
    recording->options = NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Undoes \n, \r, \t, \\ and \xHH in place; what is none of them stays as it is. */
static size_t unescape(char *text)
{
    static const char names[] = "nrt\\", values[] = "\n\r\t\\";
    size_t size = 0;
    for (const char *from = text; *from != '\0';) {
        const char *name = from[0] == '\\' && from[1] != '\0' ? strchr(names, from[1]) : NULL;
        if (name != NULL) {
            text[size++] = values[name - names];
            from += 2;
        } else if (from[0] == '\\' && from[1] == 'x' && hex_digit(from[2]) >= 0 &&
                   hex_digit(from[3]) >= 0) {
            text[size++] = (char)(hex_digit(from[2]) * 16 + hex_digit(from[3]));
            from += 4;
        } else {
            text[size++] = *from++;
        }
    }
    return size;
}

bool recording_next(struct recording *recording, const char **address, const char **payload,
                    size_t *size)
{
    do {
        if (!read_line(recording)) return false;
    } while (recording->line[0] == '#');
    *address = "";
    char *text = recording->line;
    if (text[0] == '@') {
        *address = text + 1;
        text += strcspn(text, " ");
        if (*text != '\0') *text++ = '\0';
    }
    *payload = text;
    *size = unescape(text);
    return true;
}
