/* Invariant: each line that is taken from the splitter was offered once, reported once, or was a
 * comment. */
#include "line_source.h"

#include "base/device_id.h"

#include <string.h>

enum { SHOWN_BYTES = 60 }; /* of a refused line, in the log */

/* The parts of the configured id, each escaped, with '/' between them. */
static enum verdict build_id(const char *text, char *id)
{
    id[0] = '\0';
    if (text[0] == '\0') return VERDICT_OK;
    for (;;) {
        size_t size = strcspn(text, "/");
        enum verdict verdict = device_id_append(id, text, size);
        if (verdict != VERDICT_OK || text[size] == '\0') return verdict;
        text += size + 1;
    }
}

static bool carries_device(const struct line_source_options *options)
{
    return options->format.mapping.device[0] != '\0' ||
           strstr(options->format.line, "{device}") != NULL;
}

void line_source_check(const struct line_source_options *options, const struct field_report *report)
{
    char id[LIMIT_DEVICE_ID_SIZE];
    enum verdict verdict = build_id(options->id, id);
    if (verdict == VERDICT_LENGTH) report->add(report->context, "id", "is too long");
    if (verdict == VERDICT_FIELD) report->add(report->context, "id", "has an empty part");
    if (options->id[0] == '\0' && !carries_device(options))
        report->add(report->context, "id", "is needed, since no line says which device it is from");
    decode_line_check(&options->format, report);
}

static enum status prepare(struct line_source *source, const char **problem)
{
    const char *field_name = "";
    *problem = "the id is too long or has an empty part";
    if (build_id(source->options->id, source->id) != VERDICT_OK) return ST_INVALID;
    return decode_line_compile(&source->options->format, &source->format, &field_name, problem);
}

enum status line_source_init(struct line_source *source, struct intake *intake,
                             const struct line_source_options *options)
{
    source->intake = intake;
    source->options = options;
    source->comment = '\0';
    line_source_restart(source, false);
    const char *problem = "";
    enum status status = prepare(source, &problem);
    if (status != ST_OK)
        log_write(intake_log(intake), LOG_LEVEL_ERROR, intake_name(intake), "%s", problem);
    return status;
}

void line_source_restart(struct line_source *source, bool skips_first)
{
    line_splitter_init(&source->splitter, (size_t)source->options->line_limit_bytes, skips_first);
}

enum verdict line_source_decode(const struct line_source *source, const char *line, size_t size,
                                struct reading *reading, const char **detail)
{
    struct mapping_result result = {0};
    memcpy(result.device, source->id, sizeof result.device);
    enum verdict verdict =
        decode_line(&source->format, &source->options->format.mapping, line, size, &result, detail);
    if (verdict != VERDICT_OK && !verdict_is_of_sensor(verdict)) return verdict;
    if (result.device[0] == '\0') {
        *detail = "no device in the line and no id configured";
        return VERDICT_UNKNOWN_DEVICE;
    }
    *reading = (struct reading){.value_micro = result.value_micro,
                                .has_event_time = result.has_event_time,
                                .event_ms = result.event_ms};
    memcpy(reading->device, result.device, sizeof reading->device);
    return verdict;
}

static void refuse(struct line_source *source, const struct reading *reading, enum verdict verdict,
                   const char *detail, const char *line, size_t size)
{
    int shown = size < SHOWN_BYTES ? (int)size : SHOWN_BYTES;
    intake_report_bad_value(source->intake, reading, verdict, "%s: %.*s%s", detail, shown, line,
                            size > SHOWN_BYTES ? "..." : "");
}

/* False when the agent is busy. */
static bool offer(struct line_source *source, const char *line, size_t size)
{
    if (source->comment != '\0' && line[0] == source->comment) return true;
    struct reading reading = {0};
    const char *detail = "";
    enum verdict verdict = line_source_decode(source, line, size, &reading, &detail);
    if (verdict == VERDICT_OK)
        return intake_offer_reading(source->intake, &reading, NULL) != VERDICT_BUSY;
    refuse(source, &reading, verdict, detail, line, size);
    return true;
}

enum line_step line_source_step(struct line_source *source)
{
    const struct reading none = {0};
    const char *line;
    size_t size;
    switch (line_splitter_peek(&source->splitter, &line, &size)) {
    case LINE_NONE:
        return LINE_STEP_EMPTY;
    case LINE_READY:
        if (!offer(source, line, size)) return LINE_STEP_BUSY;
        break;
    case LINE_TOO_LONG:
        refuse(source, &none, VERDICT_LENGTH, "the line is too long", line, size);
        break;
    case LINE_DAMAGED:
        refuse(source, &none, VERDICT_FRAME, "NUL or 0xFF in the line", line, size);
        break;
    }
    line_splitter_take(&source->splitter);
    return LINE_STEP_TAKEN;
}

enum verdict line_source_try(const struct line_source_options *options, const char *line,
                             size_t size,
                             void (*found)(void *context, const struct reading *reading),
                             void *context, const char **detail)
{
    struct line_source source = {.options = options};
    if (prepare(&source, detail) != ST_OK) return VERDICT_SYNTAX;
    if (size > (size_t)options->line_limit_bytes) return VERDICT_LENGTH;
    struct reading reading;
    enum verdict verdict = line_source_decode(&source, line, size, &reading, detail);
    if (verdict == VERDICT_OK) found(context, &reading);
    return verdict;
}
