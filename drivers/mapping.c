/* Invariant: a value is taken as it stands in the text or not at all; nothing that is missing,
 * null or of another type ever becomes 0. */
#include "mapping.h"

#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/device_id.h"
#include "decode_json.h"

/* The pointers of a mapping, in the order in which the scanner is asked for them. */
enum { AT_VALUE, AT_TIME, AT_UNIT, AT_DEVICE, AT_QUALITY, AT_COUNT };
_Static_assert((int)AT_COUNT <= (int)DECODE_JSON_POINTERS, "one pass finds all");

/* Longer strings with escapes hold no number, time or unit, and no id that fits. */
enum { SHORT_TEXT_SIZE = 64 };
_Static_assert(SHORT_TEXT_SIZE >= LIMIT_DEVICE_ID_SIZE, "each id that fits can be unescaped");

static enum verdict refuse(enum verdict verdict, const char *text, const char **detail)
{
    *detail = text;
    return verdict;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_no_value(const char *text, size_t size)
{
    static const char *const words[] = {"nan",     "-nan", "null", "none",     "unavailable",
                                        "unknown", "n/a",  "na",   "undefined"};
    if (size == 0) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == size && strncasecmp(words[i], text, size) == 0) return true;
    }
    return false;
}

enum verdict mapping_decode_number(const char *text, size_t size, int64_t *value_micro)
{
    while (size > 0 && is_space(text[size - 1])) size--;
    while (size > 0 && is_space(*text)) {
        text++;
        size--;
    }
    enum verdict verdict = decimal_parse_micro(text, size, DECIMAL_PLAIN, value_micro);
    if (verdict != VERDICT_SYNTAX) return verdict;
    return is_no_value(text, size) ? VERDICT_NO_VALUE : VERDICT_NOT_NUMBER;
}

static enum verdict unit_of(const struct mapping *mapping, enum unit *unit)
{
    return decimal_parse_unit(mapping->unit, strlen(mapping->unit), unit);
}

bool mapping_has_unit(const struct mapping *mapping)
{
    enum unit unit;
    return unit_of(mapping, &unit) == VERDICT_OK;
}

/* Whether the text is one of the words in a list. */
static bool is_word_of(const char *words, const char *text, size_t size)
{
    for (; *words != '\0'; words += strcspn(words, " ")) {
        words += strspn(words, " ");
        if (strcspn(words, " ") == size && size > 0 && strncasecmp(words, text, size) == 0)
            return true;
    }
    return false;
}

bool mapping_is_bad(const struct mapping *mapping, const struct mapping_text *quality)
{
    return quality->text != NULL && !is_word_of(mapping->good, quality->text, quality->size);
}

static enum verdict decode_value(const struct mapping *mapping, const struct mapping_fields *fields,
                                 int64_t *value_micro, const char **detail)
{
    enum unit unit = UNIT_CELSIUS;
    int64_t number = 0;
    if (mapping_is_bad(mapping, &fields->quality))
        return refuse(VERDICT_QUALITY, "the device says that its value is bad", detail);
    if (fields->value.text == NULL)
        return refuse(VERDICT_NOT_NUMBER, "the value is neither a number nor text with one",
                      detail);
    enum verdict verdict = fields->unit.text == NULL
                               ? unit_of(mapping, &unit)
                               : decimal_parse_unit(fields->unit.text, fields->unit.size, &unit);
    if (verdict != VERDICT_OK) return refuse(verdict, "an unknown unit", detail);
    verdict = mapping_decode_number(fields->value.text, fields->value.size, &number);
    if (verdict == VERDICT_NO_VALUE) return refuse(verdict, "no value", detail);
    if (verdict == VERDICT_NOT_NUMBER) return refuse(verdict, "the value is not a number", detail);
    if (verdict != VERDICT_OK) return refuse(verdict, "no thermometer means such a value", detail);
    *value_micro = decimal_to_celsius(number, unit);
    if (*value_micro >= LIMIT_COLDEST_MICRO) return VERDICT_OK;
    return refuse(VERDICT_IMPOSSIBLE, "the value is below absolute zero", detail);
}

static enum verdict decode_time(const struct mapping *mapping, const struct mapping_fields *fields,
                                struct mapping_result *result, const char **detail)
{
    if (fields->time.text == NULL) return VERDICT_OK;
    enum verdict verdict =
        event_time_parse(fields->time.text, fields->time.size, fields->time_is_text,
                         (enum time_form)mapping->time_form, &result->event_ms);
    if (verdict == VERDICT_SYNTAX) return refuse(verdict, "the time is in no known form", detail);
    if (verdict != VERDICT_OK) return refuse(verdict, "a time that does not exist", detail);
    result->has_event_time = true;
    return VERDICT_OK;
}

enum verdict mapping_decode_fields(const struct mapping *mapping,
                                   const struct mapping_fields *fields,
                                   struct mapping_result *result, const char **detail)
{
    result->has_event_time = false;
    const char *time_detail = "";
    enum verdict verdict = decode_value(mapping, fields, &result->value_micro, detail);
    enum verdict of_time = decode_time(mapping, fields, result, &time_detail);
    if (verdict != VERDICT_OK || of_time == VERDICT_OK) return verdict;
    return refuse(of_time, time_detail, detail);
}

/* A string or number as unescaped text, in `buffer` if it must be.  False: it is neither, or too
 * long with its escapes. */
static bool get_text(const struct json_slice *slice, char buffer[SHORT_TEXT_SIZE],
                     struct mapping_text *text)
{
    if (slice->kind != JSON_STRING && slice->kind != JSON_NUMBER) return false;
    *text = (struct mapping_text){.text = slice->text, .size = slice->size};
    if (!slice->has_escapes) return true;
    text->text = buffer;
    text->size = decode_json_string(slice, buffer, SHORT_TEXT_SIZE);
    return text->size <= SHORT_TEXT_SIZE;
}

static bool is_integer(const struct json_slice *slice)
{
    return slice->kind == JSON_NUMBER && memchr(slice->text, '.', slice->size) == NULL &&
           memchr(slice->text, 'e', slice->size) == NULL &&
           memchr(slice->text, 'E', slice->size) == NULL;
}

static enum verdict decode_device(const struct json_slice *slice, struct mapping_result *result,
                                  const char **detail)
{
    char buffer[SHORT_TEXT_SIZE];
    struct mapping_text part;
    if (slice->kind == JSON_MISSING) return refuse(VERDICT_FIELD, "the device is missing", detail);
    if (slice->kind != JSON_STRING && !is_integer(slice)) {
        return refuse(VERDICT_FIELD, "the device is neither text nor an integer", detail);
    }
    if (!get_text(slice, buffer, &part)) {
        return refuse(VERDICT_LENGTH, "the device id is too long", detail);
    }
    enum verdict verdict = device_id_append(result->device, part.text, part.size);
    if (verdict == VERDICT_FIELD) return refuse(verdict, "the device is empty", detail);
    if (verdict != VERDICT_OK) return refuse(verdict, "the device id is too long", detail);
    return VERDICT_OK;
}

/* Any kind of value can say that it is not good. */
static void get_quality(const struct json_slice *slice, char buffer[SHORT_TEXT_SIZE],
                        struct mapping_text *text)
{
    if (slice->kind == JSON_MISSING) return;
    if (!get_text(slice, buffer, text))
        *text = (struct mapping_text){.text = slice->text, .size = slice->size};
}

static enum verdict decode_found(const struct mapping *mapping, const struct json_slice *found,
                                 bool has_unit, struct mapping_result *result, const char **detail)
{
    char value[SHORT_TEXT_SIZE], time[SHORT_TEXT_SIZE], unit[SHORT_TEXT_SIZE];
    char quality[SHORT_TEXT_SIZE];
    struct mapping_fields fields = {.time_is_text = found[AT_TIME].kind == JSON_STRING};
    if (mapping->device[0] != '\0') {
        enum verdict verdict = decode_device(&found[AT_DEVICE], result, detail);
        if (verdict != VERDICT_OK) return verdict;
    }
    get_quality(&found[AT_QUALITY], quality, &fields.quality);
    if (found[AT_VALUE].kind == JSON_MISSING && !mapping_is_bad(mapping, &fields.quality)) {
        return refuse(VERDICT_FIELD, "the value is missing", detail);
    }
    if (!get_text(&found[AT_VALUE], value, &fields.value)) {
        fields.value = (struct mapping_text){.text = NULL};
        if (found[AT_VALUE].kind == JSON_NULL) fields.value.text = ""; /* as good as blanks */
    }
    if (mapping->time[0] != '\0' && !get_text(&found[AT_TIME], time, &fields.time)) {
        return refuse(VERDICT_FIELD, "the time is missing or of the wrong type", detail);
    }
    if (!has_unit && !get_text(&found[AT_UNIT], unit, &fields.unit)) {
        return refuse(VERDICT_FIELD, "the unit is missing or not text", detail);
    }
    return mapping_decode_fields(mapping, &fields, result, detail);
}

enum verdict mapping_decode(const struct mapping *mapping, const char *payload, size_t size,
                            struct mapping_result *result, const char **detail)
{
    result->value_micro = 0;
    result->event_ms = 0;
    result->has_event_time = false;
    if (size == 0) return refuse(VERDICT_LENGTH, "an empty payload", detail);
    if (mapping->value[0] == '\0') {
        struct mapping_fields fields = {.value = {.text = payload, .size = size}};
        return mapping_decode_fields(mapping, &fields, result, detail);
    }
    bool has_unit = mapping_has_unit(mapping);
    const char *pointers[AT_COUNT] = {[AT_VALUE] = mapping->value,
                                      [AT_TIME] = mapping->time,
                                      [AT_UNIT] = has_unit ? NULL : mapping->unit,
                                      [AT_DEVICE] = mapping->device,
                                      [AT_QUALITY] = mapping->quality};
    struct json_slice found[AT_COUNT];
    enum verdict verdict = decode_json(payload, size, pointers, AT_COUNT, found, detail);
    if (verdict != VERDICT_OK) return verdict;
    return decode_found(mapping, found, has_unit, result, detail);
}

static void check_pointer(const char *name, const char *pointer, const struct field_report *report)
{
    const char *problem = decode_json_check_pointer(pointer);
    if (problem != NULL) report->add(report->context, name, problem);
}

static void check_optional(const char *name, const char *pointer, bool has_value,
                           const struct field_report *report)
{
    if (pointer[0] == '\0') return;
    if (has_value) {
        check_pointer(name, pointer, report);
    } else {
        report->add(report->context, name,
                    "needs `value`: without it the payload is one number and has no fields");
    }
}

void mapping_check(const struct mapping *mapping, const struct field_report *report)
{
    bool has_value = mapping->value[0] != '\0';
    if (has_value) check_pointer("value", mapping->value, report);
    check_optional("time", mapping->time, has_value, report);
    check_optional("device", mapping->device, has_value, report);
    check_optional("quality", mapping->quality, has_value, report);
    if (mapping_has_unit(mapping)) return;
    /* A word alone would be a pointer too, but is more likely a mistyped unit. */
    if (strpbrk(mapping->unit, "/.") == NULL) {
        report->add(report->context, "unit",
                    "is neither C, F or K nor a pointer such as /unit to where it stands");
    } else {
        check_optional("unit", mapping->unit, has_value, report);
    }
}
