/* Invariant: sizes come from the encoders that will be used, rates from the windows; nothing is
 * guessed but the readings. */
#include "plan_traffic.h"

#include "config_learned.h"
#include "store/record_codec.h"
#include "stream/stream.h"
#include "uplink/encode_json.h"
#include "uplink/topics.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define BEGIN_MS INT64_C(1795219200000) /* some midnight */
#define SEQ 1234567                     /* as long as sequence numbers are after a while */

enum {
    READINGS_MOST = 20000,
    READINGS_LEAST = 200,
    PACKET_HEAD_BYTES = 1 + 2 + 2 + 2 + 1, /* type, length, topic's length, id, properties */
    ADVANCE_EVERY = 8
};

/* What passed the sink. */
struct rehearsal {
    const struct config *config;
    struct topics topics;
    struct encode_json_origin origin;
    struct plan_traffic *traffic;
    uint64_t records[LIMIT_WINDOWS];
    uint64_t stored[LIMIT_WINDOWS], json[LIMIT_WINDOWS], packet[LIMIT_WINDOWS];
    uint64_t journal_bytes, commits;
    int64_t commit_ms;
    bool is_closing; /* windows that end before their time: counted only where there is no other */
    bool is_counting_journal;
    char text[LIMIT_RECORD_JSON];
};

static bool has_room(void *context, size_t bytes)
{
    (void)context;
    (void)bytes;
    return true;
}

static size_t find_kind(const struct rehearsal *rehearsal, const struct window_result *window)
{
    const struct window_spec *specs = rehearsal->config->windows;
    size_t i = 0;
    while (i < rehearsal->config->window_count &&
           (specs[i].size_ms != window->size_ms || specs[i].every_ms != window->every_ms ||
            specs[i].size_count != window->size_count ||
            specs[i].every_count != window->every_count))
        i++;
    return i;
}

static void take_record(void *context, struct record *record)
{
    struct rehearsal *rehearsal = context;
    char topic[TOPICS_SIZE];
    uint8_t bytes[RECORD_CODEC_MAX];
    if (record->kind != RECORD_WINDOW) return;
    size_t kind = find_kind(rehearsal, &record->window);
    if (kind == rehearsal->config->window_count) return;
    if (rehearsal->is_closing && rehearsal->records[kind] > 0) return;
    record->seq = SEQ;
    size_t json = encode_json_record(record, &rehearsal->origin, false, rehearsal->text,
                                     sizeof rehearsal->text);
    size_t topic_size = topics_write(&rehearsal->topics, record, topic) ? strlen(topic) : 0;
    rehearsal->records[kind]++;
    rehearsal->stored[kind] += record_codec_encode(record, bytes, sizeof bytes);
    rehearsal->json[kind] += json;
    rehearsal->packet[kind] += json + topic_size + PACKET_HEAD_BYTES;
}

static void take_journal(void *context, const void *bytes, size_t size)
{
    struct rehearsal *rehearsal = context;
    if (rehearsal->is_counting_journal) rehearsal->journal_bytes += size + 1 + (size > 127);
    /* A habit grows with the days; how far it may is added by itself. */
    if (rehearsal->is_closing && !alarm_engine_is_entry(bytes, size))
        rehearsal->traffic->state_bytes += (int64_t)size + 2;
}

/* A temperature as sensors send it, to a thousandth of a degree, that wanders. */
static int64_t make_value_micro(uint32_t *random)
{
    *random = *random * 1664525U + 1013904223U;
    return 21000000 + (int64_t)(*random >> 8) % 9999 * 1000;
}

/* As long as the widest window twice, as far as that takes a reasonable number of readings. */
static int64_t choose_readings(const struct config *config, int64_t every_ms, int64_t commit_ms)
{
    int64_t longest_ms = commit_ms * 4;
    int64_t readings = READINGS_LEAST;
    for (size_t i = 0; i < config->window_count; i++) {
        const struct window_spec *window = &config->windows[i];
        if (window->size_ms > longest_ms) longest_ms = window->size_ms;
        if (2 * window->size_count > readings) readings = 2 * window->size_count;
    }
    int64_t by_time = (2 * longest_ms + config->lateness_ms) / every_ms + READINGS_LEAST;
    if (by_time > readings) readings = by_time;
    return readings < READINGS_MOST ? readings : READINGS_MOST;
}

static void play(struct rehearsal *rehearsal, struct stream *stream, const char *id,
                 int64_t every_ms)
{
    const struct config *config = rehearsal->config;
    int64_t readings = choose_readings(config, every_ms, rehearsal->commit_ms);
    int64_t commit_ms = rehearsal->commit_ms, next_commit_ms = BEGIN_MS + commit_ms;
    struct stream_now now = {.clock = CLOCK_TRUSTED};
    uint32_t random = 1;
    for (int64_t i = 0; i < readings; i++) {
        struct reading reading = {.value_micro = make_value_micro(&random),
                                  .has_event_time = true,
                                  .event_ms = BEGIN_MS + i * every_ms + i * 7 % every_ms / 2};
        (void)memcpy(reading.device, id, strlen(id) + 1);
        now.wall_ms = reading.event_ms + 20;
        now.mono_ms = now.wall_ms - BEGIN_MS;
        rehearsal->is_counting_journal = i >= readings / 2;
        if (stream_add_reading(stream, &reading, &now) != VERDICT_OK) continue;
        if (i % ADVANCE_EVERY == 0) stream_advance(stream, &now);
        if (now.wall_ms < next_commit_ms) continue;
        stream_flush_journal(stream);
        next_commit_ms = now.wall_ms - (now.wall_ms - BEGIN_MS) % commit_ms + commit_ms;
        if (rehearsal->is_counting_journal) rehearsal->commits++;
    }
    rehearsal->is_counting_journal = false;
    rehearsal->is_closing = true;
    (void)stream_journal_states(stream, 1);
    (void)stream_close_windows(stream, &now);
}

static int64_t count_a_day_milli(const struct window_spec *window, int64_t every_ms)
{
    if (window->size_count > 0) return DAY_MS * 1000 / every_ms / window->every_count;
    int64_t records = DAY_MS * 1000 / window->every_ms;
    int64_t provisional = window->provisional_ms > 0 ? window->size_ms / window->provisional_ms : 0;
    return records * (1 + provisional);
}

static void conclude(struct rehearsal *rehearsal, int64_t every_ms)
{
    struct plan_traffic *traffic = rehearsal->traffic;
    traffic->kind_count = rehearsal->config->window_count;
    for (size_t i = 0; i < traffic->kind_count; i++) {
        struct plan_kind *kind = &traffic->kinds[i];
        uint64_t records = rehearsal->records[i];
        kind->records_per_day_milli = count_a_day_milli(&rehearsal->config->windows[i], every_ms);
        if (records == 0) continue;
        kind->stored_bytes = (int64_t)((rehearsal->stored[i] + records - 1) / records);
        kind->json_bytes = (int64_t)((rehearsal->json[i] + records - 1) / records);
        kind->packet_bytes = (int64_t)((rehearsal->packet[i] + records - 1) / records);
    }
    if (rehearsal->commits > 0)
        traffic->journal_milli_bytes =
            (int64_t)(rehearsal->journal_bytes * 1000 / rehearsal->commits);
}

/* Alarms come as they come, but a device is learned from every reading: of all rules only what
 * learns is left, once, for any device. */
static bool leave_what_learns(struct stream_options *options)
{
    static const struct alarm_rule rule = {
        .name = "learns",
        .devices = "*",
        .is_unusual = true,
        .unusual = {.deviations_micro = (int64_t)HABIT_DEVIATIONS_MAX * 1000000}};
    bool learns = false;
    for (size_t i = 0; i < options->alarm_count; i++) learns |= options->alarms[i].is_unusual;
    options->alarms = &rule;
    options->alarm_count = learns ? 1 : 0;
    return learns;
}

enum status plan_rehearse(struct plan_traffic *traffic, const struct config *config,
                          const struct plan_rhythm *rhythm)
{
    int64_t id_bytes = rhythm->id_bytes;
    char id[LIMIT_DEVICE_ID_SIZE];
    struct rehearsal rehearsal = {
        .config = config,
        .origin = {.gateway = config->gateway, .epoch = "0123456789abcdef"},
        .traffic = traffic,
        .commit_ms = rhythm->commit_ms};
    *traffic = (struct plan_traffic){0};
    const char *prefix = config->has_uplink ? config->uplink.topic : "isotherm/{gateway}";
    if (!topics_init(&rehearsal.topics, prefix, config->gateway)) return ST_INVALID;
    if (id_bytes < 1 || id_bytes >= (int64_t)sizeof id) return ST_INVALID;
    memset(id, 'd', (size_t)id_bytes);
    id[id_bytes] = '\0';
    if (id_bytes > 2) id[id_bytes / 2] = '/'; /* three bytes of the topic */
    struct stream_options options = config_stream_options(config);
    options.devices = 1;
    if (leave_what_learns(&options)) traffic->state_bytes = plan_habit_bytes(config, id_bytes);
    const struct stream_sink sink = {
        .has_room = has_room, .emit = take_record, .journal = take_journal, .context = &rehearsal};
    struct stream *stream = NULL;
    enum status status = stream_open(&stream, &options, &sink);
    if (status != ST_OK) return status;
    play(&rehearsal, stream, id, rhythm->every_ms);
    stream_close(stream);
    conclude(&rehearsal, rhythm->every_ms);
    return ST_OK;
}
