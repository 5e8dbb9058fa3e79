/* Invariant: a field is never longer than up to the text that ends it, and all of a line must fit;
 * so what a template does not foresee is refused and never read as something else ("23,5" is not
 * 23). */
#include "decode_line.h"

#include <stdbool.h>
#include <string.h>

#include "base/device_id.h"

const char *const line_checksum_names[] = {"none", "xor", "sum8", "crc16", NULL};

_Static_assert(sizeof((struct line_options *)0)->line <=
                   sizeof((struct line_template *)0)->literals,
               "the literals of a template fit");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct mapping_text trim(const char *start, const char *end)
{
    while (start < end && is_blank(*start)) start++;
    while (end > start && is_blank(end[-1])) end--;
    return (struct mapping_text){.text = start, .size = (size_t)(end - start)};
}

static bool is_text(const struct mapping_text *text, const char *word)
{
    return text->size == strlen(word) && memcmp(text->text, word, text->size) == 0;
}

/* ---- options ---- */

/* Steps over "{name}"; the kind of field, or LINE_ITEM_LITERAL when there is no such field. */
static enum line_item_kind take_field(const char **at)
{
    static const struct {
        const char *name;
        enum line_item_kind kind;
    } names[] = {{"{}", LINE_ITEM_SKIP},          {"{skip}", LINE_ITEM_SKIP},
                 {"{value}", LINE_ITEM_VALUE},    {"{time}", LINE_ITEM_TIME},
                 {"{unit}", LINE_ITEM_UNIT},      {"{device}", LINE_ITEM_DEVICE},
                 {"{quality}", LINE_ITEM_QUALITY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t size = strlen(names[i].name);
        if (strncmp(*at, names[i].name, size) != 0) continue;
        *at += size;
        return names[i].kind;
    }
    return LINE_ITEM_LITERAL;
}

static bool add_item(struct line_template *template, struct line_item item)
{
    if (template->item_count == LINE_ITEMS) return false;
    template->items[template->item_count++] = item;
    return true;
}

/* Appends a literal byte, to the item before when that is a literal too. */
static bool add_literal(struct line_template *template, char byte, size_t *used)
{
    struct line_item *last =
        template->item_count > 0 ? &template->items[template->item_count - 1] : NULL;
    template->literals[(*used)++] = byte;
    if (last != NULL && last->kind == LINE_ITEM_LITERAL) {
        last->size++;
        return true;
    }
    return add_item(
        template,
        (struct line_item){.kind = LINE_ITEM_LITERAL, .start = (uint8_t)(*used - 1), .size = 1});
}

/* Takes the next piece of a template; NULL, or what is wrong with it. */
static const char *compile_item(struct line_template *template, const char **at, size_t *used)
{
    char c = **at;
    bool is_added;
    if (is_blank(c)) {
        while (is_blank(**at)) (*at)++;
        is_added = add_item(template, (struct line_item){.kind = LINE_ITEM_BLANKS});
    } else if ((c == '{' || c == '}') && (*at)[1] == c) {
        *at += 2;
        is_added = add_literal(template, c, used);
    } else if (c == '}') {
        return "has a } without its {; a } itself is written }}";
    } else if (c == '{') {
        enum line_item_kind kind = take_field(at);
        if (kind == LINE_ITEM_LITERAL) {
            return "has something else in braces than {value}, {time}, {unit}, {device}, "
                   "{quality}, {skip} or {}; a { itself is written {{";
        }
        is_added = add_item(template, (struct line_item){.kind = kind});
    } else {
        (*at)++;
        is_added = add_literal(template, c, used);
    }
    return is_added ? NULL : "has too many pieces";
}

static size_t count_items(const struct line_template *template, enum line_item_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < template->item_count; i++) count += template->items[i].kind == kind;
    return count;
}

static bool is_field(const struct line_item *item)
{
    return item->kind != LINE_ITEM_LITERAL && item->kind != LINE_ITEM_BLANKS;
}

/* NULL, or what is wrong with the template. */
static const char *compile_template(const char *line, struct line_template *template)
{
    size_t used = 0;
    while (is_blank(*line)) line++;
    while (*line != '\0') {
        const char *problem = compile_item(template, &line, &used);
        if (problem != NULL) return problem;
    }
    if (template->item_count > 0 &&
        template->items[template->item_count - 1].kind == LINE_ITEM_BLANKS) {
        template->item_count--;
    }
    for (size_t i = 1; i < template->item_count; i++) {
        if (is_field(&template->items[i - 1]) && is_field(&template->items[i])) {
            return "has two fields with nothing between them";
        }
    }
    size_t values = count_items(template, LINE_ITEM_VALUE);
    if (values == 0) return "is neither json nor kv nor a template with {value} in it";
    if (values > 1) return "has {value} more than once";
    if (count_items(template, LINE_ITEM_TIME) > 1) return "has {time} more than once";
    if (count_items(template, LINE_ITEM_UNIT) > 1) return "has {unit} more than once";
    if (count_items(template, LINE_ITEM_QUALITY) > 1) return "has {quality} more than once";
    if (count_items(template, LINE_ITEM_DEVICE) > LINE_DEVICES) return "has too many {device}";
    return NULL;
}

static void check_absent(const char *name, const char *text, const struct field_report *report)
{
    if (text[0] == '\0') return;
    report->add(report->context, name,
                "is only for `line: json` and `line: kv`; a template says "
                "by its fields what stands where");
}

static void check_key(const char *name, const char *key, const struct field_report *report)
{
    if (strpbrk(key, " \t=:,;") == NULL) return;
    report->add(report->context, name, "is a key and holds no blank and none of = : , ;");
}

/* All problems go to the report. */
static void compile(const struct line_options *options, struct line_template *template,
                    const struct field_report *report)
{
    const struct mapping *mapping = &options->mapping;
    *template = (struct line_template){.checksum = (enum line_checksum)options->checksum};
    if (strcmp(options->line, "json") == 0) {
        template->form = LINE_FORM_JSON;
        mapping_check(mapping, report);
    } else if (strcmp(options->line, "kv") == 0) {
        template->form = LINE_FORM_KV;
        check_key("value", mapping->value, report);
        check_key("time", mapping->time, report);
        check_key("unit", mapping->unit, report);
        check_key("device", mapping->device, report);
        check_key("quality", mapping->quality, report);
    } else {
        template->form = LINE_FORM_TEMPLATE;
        const char *problem = compile_template(options->line, template);
        if (problem != NULL) report->add(report->context, "line", problem);
        check_absent("value", mapping->value, report);
        check_absent("time", mapping->time, report);
        check_absent("device", mapping->device, report);
        check_absent("quality", mapping->quality, report);
        if (!mapping_has_unit(mapping)) report->add(report->context, "unit", "is not C, F or K");
        return;
    }
    if (mapping->value[0] != '\0') return;
    report->add(report->context, "value", "is needed with `line: json` and `line: kv`");
}

struct first_problem {
    const char *field_name;
    const char *problem;
};

static void keep_first(void *context, const char *field_name, const char *problem)
{
    struct first_problem *first = context;
    if (first->problem == NULL) *first = (struct first_problem){field_name, problem};
}

enum status decode_line_compile(const struct line_options *options, struct line_template *template,
                                const char **field_name, const char **problem)
{
    struct first_problem first = {.problem = NULL};
    struct field_report report = {.add = keep_first, .context = &first};
    compile(options, template, &report);
    if (first.problem == NULL) return ST_OK;
    *field_name = first.field_name;
    *problem = first.problem;
    return ST_INVALID;
}

void decode_line_check(const struct line_options *options, const struct field_report *report)
{
    struct line_template template;
    compile(options, &template, report);
}

/* ---- frames ---- */

static enum verdict refuse(enum verdict verdict, const char *text, const char **detail)
{
    *detail = text;
    return verdict;
}

static uint32_t crc16_modbus(const char *bytes, size_t size)
{
    uint32_t crc = 0xFFFF;
    for (size_t i = 0; i < size; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xA001 : crc >> 1;
    }
    return crc;
}

static uint32_t checksum_of(const struct mapping_text *payload, enum line_checksum checksum)
{
    uint32_t sum = 0;
    if (checksum == LINE_CHECKSUM_CRC16) return crc16_modbus(payload->text, payload->size);
    for (size_t i = 0; i < payload->size; i++) {
        unsigned char byte = (unsigned char)payload->text[i];
        sum = checksum == LINE_CHECKSUM_XOR ? sum ^ byte : (sum + byte) & 0xFF;
    }
    return sum;
}

/* Reads exactly these hex digits; false when there is anything else. */
static bool read_hex(const char *digits, size_t size, uint32_t *number)
{
    *number = 0;
    for (size_t i = 0; i < size; i++) {
        char c = digits[i];
        bool is_decimal = c >= '0' && c <= '9';
        char letter = (char)(c | 0x20);
        if (!is_decimal && (letter < 'a' || letter > 'f')) return false;
        *number = *number * 16 + (uint32_t)(is_decimal ? c - '0' : letter - 'a' + 10);
    }
    return true;
}

/* Strips the frame off the line; on success only the payload is left. */
static enum verdict unframe(enum line_checksum checksum, struct mapping_text *line,
                            const char **detail)
{
    if (checksum == LINE_CHECKSUM_NONE) return VERDICT_OK;
    if (checksum == LINE_CHECKSUM_XOR) {
        /* What a lost line end left before the frame is not part of it. */
        const char *dollar = memrchr(line->text, '$', line->size);
        if (dollar == NULL) return refuse(VERDICT_FRAME, "no $ before the checksum", detail);
        line->size -= (size_t)(dollar + 1 - line->text);
        line->text = dollar + 1;
    }
    size_t digits = checksum == LINE_CHECKSUM_CRC16 ? 4 : 2;
    const char *star = memrchr(line->text, '*', line->size);
    if (star == NULL) return refuse(VERDICT_CHECKSUM, "no checksum", detail);
    struct mapping_text payload = {.text = line->text, .size = (size_t)(star - line->text)};
    uint32_t given;
    if (line->size != payload.size + 1 + digits || !read_hex(star + 1, digits, &given)) {
        return refuse(VERDICT_CHECKSUM, "a checksum with other than its hex digits", detail);
    }
    if (given != checksum_of(&payload, checksum)) {
        return refuse(VERDICT_CHECKSUM, "a wrong checksum", detail);
    }
    *line = trim(payload.text, payload.text + payload.size);
    return VERDICT_OK;
}

/* Noise of a line at the wrong speed, which could otherwise end up in the id of a device. */
static bool has_noise(const struct mapping_text *line)
{
    for (size_t i = 0; i < line->size; i++) {
        unsigned char byte = (unsigned char)line->text[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7F || byte == 0xFF) return true;
    }
    return false;
}

/* ---- templates and pairs ---- */

struct columns {
    struct mapping_fields fields;
    struct mapping_text devices[LINE_DEVICES];
    size_t device_count;
};

/* Where a field that begins at `at` ends, by what follows it in the template; NULL: that does not
 * stand in the line. */
static const char *find_field_end(const struct line_template *template, size_t index,
                                  const char *at, const char *end)
{
    if (index + 1 == template->item_count) return end;
    const struct line_item *next = &template->items[index + 1];
    if (next->kind == LINE_ITEM_LITERAL) {
        return memmem(at, (size_t)(end - at), template->literals + next->start, next->size);
    }
    while (at < end && is_blank(*at)) at++;
    while (at < end && !is_blank(*at)) at++;
    return at < end ? at : NULL;
}

static void keep_field(struct columns *columns, enum line_item_kind kind, struct mapping_text text)
{
    switch (kind) {
    case LINE_ITEM_VALUE:
        columns->fields.value = text;
        break;
    case LINE_ITEM_TIME:
        columns->fields.time = text;
        break;
    case LINE_ITEM_UNIT:
        columns->fields.unit = text;
        break;
    case LINE_ITEM_DEVICE:
        columns->devices[columns->device_count++] = text;
        break;
    case LINE_ITEM_QUALITY:
        columns->fields.quality = text;
        break;
    case LINE_ITEM_SKIP:
    case LINE_ITEM_LITERAL:
    case LINE_ITEM_BLANKS:
        break;
    }
}

static bool match_template(const struct line_template *template, const struct mapping_text *line,
                           struct columns *columns)
{
    const char *at = line->text;
    const char *end = at + line->size;
    for (size_t i = 0; i < template->item_count; i++) {
        const struct line_item *item = &template->items[i];
        const char *start = at;
        if (item->kind == LINE_ITEM_BLANKS) {
            while (at < end && is_blank(*at)) at++;
            if (at == start) return false;
        } else if (item->kind == LINE_ITEM_LITERAL) {
            if ((size_t)(end - at) < item->size) return false;
            if (memcmp(at, template->literals + item->start, item->size) != 0) return false;
            at += item->size;
        } else {
            at = find_field_end(template, i, start, end);
            if (at == NULL) return false;
            keep_field(columns, item->kind, trim(start, at));
        }
    }
    return at == end;
}

static bool is_between_pairs(char c)
{
    return is_blank(c) || c == ',' || c == ';';
}

/* Takes the next pair behind what stands between pairs. */
static bool take_pair(const char **at, const char *end, struct mapping_text *key,
                      struct mapping_text *value)
{
    const char *start = *at;
    while (*at < end && !is_between_pairs(**at) && **at != '=' && **at != ':') (*at)++;
    *key = trim(start, *at);
    while (*at < end && is_blank(**at)) (*at)++;
    if (key->size == 0 || *at == end || (**at != '=' && **at != ':')) return false;
    (*at)++;
    while (*at < end && is_blank(**at)) (*at)++;
    start = *at;
    while (*at < end && !is_between_pairs(**at)) (*at)++;
    *value = trim(start, *at);
    return true;
}

/* False: it is not all pairs, or a wanted key stands there twice. */
static bool match_pairs(const struct mapping *mapping, const struct mapping_text *line,
                        struct columns *columns)
{
    const char *at = line->text;
    const char *end = at + line->size;
    const struct {
        const char *key;
        struct mapping_text *text;
    } wanted[] = {
        {mapping->value, &columns->fields.value},
        {mapping->time, &columns->fields.time},
        {mapping_has_unit(mapping) ? "" : mapping->unit, &columns->fields.unit},
        {mapping->device, &columns->devices[0]},
        {mapping->quality, &columns->fields.quality},
    };
    for (;;) {
        struct mapping_text key, value;
        while (at < end && is_between_pairs(*at)) at++;
        if (at == end) return true;
        if (!take_pair(&at, end, &key, &value)) return false;
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (!is_text(&key, wanted[i].key)) continue;
            if (wanted[i].text->text != NULL) return false;
            *wanted[i].text = value;
        }
    }
}

static enum verdict check_pairs(const struct mapping *mapping, struct columns *columns,
                                const char **detail)
{
    if (columns->fields.value.text == NULL && !mapping_is_bad(mapping, &columns->fields.quality)) {
        return refuse(VERDICT_FIELD, "the value is missing", detail);
    }
    if (mapping->time[0] != '\0' && columns->fields.time.text == NULL) {
        return refuse(VERDICT_FIELD, "the time is missing", detail);
    }
    if (!mapping_has_unit(mapping) && columns->fields.unit.text == NULL) {
        return refuse(VERDICT_FIELD, "the unit is missing", detail);
    }
    if (mapping->device[0] == '\0') return VERDICT_OK;
    if (columns->devices[0].text == NULL) {
        return refuse(VERDICT_FIELD, "the device is missing", detail);
    }
    columns->device_count = 1;
    return VERDICT_OK;
}

static enum verdict decode_columns(const struct mapping *mapping, const struct columns *columns,
                                   struct mapping_result *result, const char **detail)
{
    for (size_t i = 0; i < columns->device_count; i++) {
        enum verdict verdict =
            device_id_append(result->device, columns->devices[i].text, columns->devices[i].size);
        if (verdict == VERDICT_FIELD) return refuse(verdict, "the device is empty", detail);
        if (verdict != VERDICT_OK) return refuse(verdict, "the device id is too long", detail);
    }
    return mapping_decode_fields(mapping, &columns->fields, result, detail);
}

enum verdict decode_line(const struct line_template *template, const struct mapping *mapping,
                         const char *line, size_t size, struct mapping_result *result,
                         const char **detail)
{
    struct mapping_text text = trim(line, line + size);
    result->value_micro = 0;
    result->event_ms = 0;
    result->has_event_time = false;
    if (text.size == 0) return refuse(VERDICT_LENGTH, "an empty line", detail);
    enum verdict verdict = unframe(template->checksum, &text, detail);
    if (verdict != VERDICT_OK) return verdict;
    if (has_noise(&text)) return refuse(VERDICT_FRAME, "control characters in a line", detail);
    if (template->form == LINE_FORM_JSON) {
        return mapping_decode(mapping, text.text, text.size, result, detail);
    }
    struct columns columns = {.fields = {.time_is_text = true}};
    if (template->form == LINE_FORM_TEMPLATE) {
        if (!match_template(template, &text, &columns)) {
            return refuse(VERDICT_SYNTAX, "a line that does not fit the template", detail);
        }
    } else {
        if (!match_pairs(mapping, &text, &columns)) {
            return refuse(VERDICT_SYNTAX, "a line that is not all key=value pairs", detail);
        }
        verdict = check_pairs(mapping, &columns, detail);
        if (verdict != VERDICT_OK) return verdict;
    }
    return decode_columns(mapping, &columns, result, detail);
}
