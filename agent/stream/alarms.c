/* alarms: the stream hands on what it has accepted, in the order in which it accepted it; the
 * engine's records and journal go the stream's own way. */
#include "stream/alarms.h"
#include "alarm/learned.h"

#include <stdlib.h>
#include <string.h>

enum { ALARM_EVENTS = 32 /* caused by one call, that room is kept for */ };

static struct alarm_now at(const struct stream_now *now)
{
    return (struct alarm_now){
        .wall_ms = now->wall_ms, .mono_ms = now->mono_ms, .clock = now->clock};
}

struct alarm_options alarms_options(const struct stream_options *options)
{
    return (struct alarm_options){
        .rules = options->alarms,
        .rule_count = options->alarm_count,
        .devices = options->devices,
        .gateway = options->gateway[0] != '\0' ? options->gateway : "gateway",
        .expected_every_ms = options->expected_every_ms,
        .boot = options->boot,
        .habit = options->habit,
    };
}

size_t alarms_room_bytes(const struct stream_options *options)
{
    struct alarm_options alarms = alarms_options(options);
    size_t count = alarm_engine_alarms_per_device(&alarms);
    size_t events = 2 * count < ALARM_EVENTS ? 2 * count : ALARM_EVENTS;
    size_t common = options->alarm_count > 0;
    return events * STREAM_ALARM_BYTES + count * ALARM_JOURNAL_BYTES +
           common * (ALARM_JOURNAL_BYTES + LEARNED_STEP_BYTES);
}

static bool has_room(void *context, size_t bytes)
{
    struct stream *stream = context;
    size_t reserved = stream->reserved_bytes + alarm_engine_reserved_bytes(stream->alarms);
    return stream->sink.has_room(stream->sink.context, reserved + bytes);
}

static void emit(void *context, const char *source, const struct alarm_event *event,
                 const struct alarm_now *now)
{
    struct stream_now when = {
        .wall_ms = now->wall_ms, .mono_ms = now->mono_ms, .clock = now->clock};
    struct record record;
    memset(&record, 0, sizeof record); /* padding too: equal records are equal bytes */
    record.kind = RECORD_ALARM;
    memcpy(record.device, source, strlen(source) + 1);
    record.alarm = *event;
    publish_emit(context, &record, &when);
}

static void journal(void *context, const void *bytes, size_t size)
{
    struct stream *stream = context;
    stream->sink.journal(stream->sink.context, bytes, size);
}

/* The stream's own rules, in which the window that is meant is named. */
static enum status copy_rules(struct stream *stream)
{
    struct stream_options *options = &stream->options;
    if (options->alarm_count == 0) return ST_OK;
    stream->rules = malloc(options->alarm_count * sizeof *stream->rules);
    if (stream->rules == NULL) return ST_NO_MEMORY;
    memcpy(stream->rules, options->alarms, options->alarm_count * sizeof *stream->rules);
    options->alarms = stream->rules;
    for (size_t i = 0; i < options->alarm_count; i++) {
        struct alarm_rule *rule = &stream->rules[i];
        for (size_t k = 0; k < options->window_count && rule->window_ms == 0; k++)
            rule->window_ms = options->windows[k].size_ms;
    }
    return ST_OK;
}

enum status alarms_open(struct stream *stream)
{
    const struct alarm_sink sink = {
        .has_room = has_room, .emit = emit, .journal = journal, .context = stream};
    if (copy_rules(stream) != ST_OK) return ST_NO_MEMORY;
    struct alarm_options alarms = alarms_options(&stream->options);
    alarms.hash_seed = stream->hash_seed;
    stream->alarm_room_bytes = alarms_room_bytes(&stream->options);
    return alarm_engine_open(&stream->alarms, &alarms, &sink);
}

static uint32_t source_of(struct stream *stream, struct device *device, const char *id,
                          const struct alarm_now *now)
{
    if (device != NULL && device->knows_source) return device->alarm_source;
    uint32_t source = alarm_engine_find_source(stream->alarms, id, now);
    if (device == NULL) return source;
    device->knows_source = true;
    device->alarm_source = source;
    return source;
}

bool alarms_is_good(struct stream *stream, struct device *device, const struct reading *reading,
                    const struct stream_now *now)
{
    if (stream->options.alarm_count == 0) return true;
    /* Ids that are not admitted in the end must not fill the table of alarms. */
    if (device == NULL &&
        !alarm_engine_is_first_bad(stream->alarms, reading->device, reading->value_micro))
        return true;
    struct alarm_now when = at(now);
    return alarm_engine_is_good(stream->alarms, source_of(stream, device, reading->device, &when),
                                reading->value_micro);
}

void alarms_add_bad_value(struct stream *stream, struct device *device, const char *id,
                          const struct alarm_bad_value *bad, const struct stream_now *now)
{
    if (stream->options.alarm_count == 0) return;
    /* A device that is not known may stand for itself if it speaks clearly; noise may not. */
    bool may_be_new = bad->verdict != VERDICT_NOT_NUMBER;
    if (device == NULL && !alarm_engine_is_fault_watched(stream->alarms, id, may_be_new)) return;
    struct alarm_now when = at(now);
    alarm_engine_add_bad_value(stream->alarms, source_of(stream, device, id, &when), bad, &when);
}

void alarms_add_reading(struct stream *stream, struct device *device, int64_t value_micro,
                        int64_t event_ms, bool is_of_device, const struct stream_now *now)
{
    if (stream->options.alarm_count == 0) return;
    struct alarm_now when = at(now);
    alarm_engine_add_reading(stream->alarms, source_of(stream, device, device->id, &when),
                             value_micro, event_ms, is_of_device, &when);
}

void alarms_add_window(struct stream *stream, struct device *device,
                       const struct window_result *result, const struct stream_now *now)
{
    if (stream->options.alarm_count == 0 || result->is_provisional || result->size_ms == 0 ||
        result->summary.count == 0)
        return;
    struct alarm_now when = at(now);
    struct alarm_window window = {.size_ms = result->size_ms,
                                  .start_ms = result->start_ms,
                                  .average_micro = summary_mean_micro(&result->summary),
                                  .min_micro = result->summary.min_micro,
                                  .max_micro = result->summary.max_micro,
                                  .event_ms = result->summary.last_ms};
    alarm_engine_add_window(stream->alarms, source_of(stream, device, device->id, &when), &window,
                            &when);
}

void alarms_begin_anew(struct stream *stream, struct device *device, const struct stream_now *now)
{
    if (stream->options.alarm_count == 0) return;
    struct alarm_now when = at(now);
    alarm_engine_begin_anew(stream->alarms, source_of(stream, device, device->id, &when));
}

void alarms_remove(struct stream *stream, struct device *device, const struct stream_now *now)
{
    if (stream->options.alarm_count == 0) return;
    struct alarm_now when = at(now);
    alarm_engine_remove_source(stream->alarms, source_of(stream, device, device->id, &when), &when);
}

void alarms_advance(struct stream *stream, const struct stream_now *now)
{
    struct alarm_now when = at(now);
    alarm_engine_advance(stream->alarms, &when);
}

struct alarm_engine *stream_alarms(struct stream *stream)
{
    return stream->alarms;
}
