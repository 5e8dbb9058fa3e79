/* Invariant: what is exact in the record is exact in the text; the mean alone is rounded. */
#include "uplink/encode_json.h"

#include "base/text.h"
#include "base/wide.h"

#include <stdbool.h>
#include <string.h>

enum {
    SCHEMA_VERSION = 1,
    LABEL_SIZE = 64,
    SUMSQ_PLACES = 12 /* millionths squared */
};

static size_t finish(struct text *text)
{
    text_json_close(text, '}');
    return text->is_cut ? 0 : text->size;
}

static void add_origin(struct text *text, const struct encode_json_origin *origin)
{
    text_json_string(text, "gateway", origin->gateway);
    text_json_string(text, "epoch", origin->epoch);
}

/* The id is built from what stands in three fields of its own, for those who want one key. */
static void add_identity(struct text *text, const char *type, uint64_t seq,
                         const struct encode_json_origin *origin)
{
    char id[LIMIT_GATEWAY_SIZE + 64];
    struct text label;
    text_init(&label, id, sizeof id);
    text_add(&label, origin->gateway);
    text_add_char(&label, '/');
    text_add(&label, origin->epoch);
    text_add_char(&label, '/');
    text_add_uint(&label, seq);
    if (label.is_cut) text->is_cut = true;

    text_json_int(text, "schema", SCHEMA_VERSION);
    text_json_string(text, "type", type);
    text_json_string(text, "id", id);
    add_origin(text, origin);
    text_json_uint(text, "seq", seq);
}

static void add_window_label(struct text *text, const struct window_result *window)
{
    char label_bytes[LABEL_SIZE];
    struct text label;
    text_init(&label, label_bytes, sizeof label_bytes);
    if (window->size_count > 0) {
        text_add(&label, "count:");
        text_add_uint(&label, window->size_count);
        if (window->every_count != window->size_count) {
            text_add_char(&label, '/');
            text_add_uint(&label, window->every_count);
        }
    } else {
        text_add_duration(&label, window->size_ms);
        if (window->every_ms != window->size_ms) {
            text_add_char(&label, '/');
            text_add_duration(&label, window->every_ms);
        }
    }
    text_json_string(text, "window", label_bytes);
}

/* An event time that is not known must not be sent as 1970. */
static void add_time(struct text *text, const char *key, int64_t time_ms, bool is_known)
{
    if (is_known)
        text_json_time(text, key, time_ms);
    else
        text_json_null(text, key);
}

void encode_json_add_time(struct text *text, const char *key, int64_t time_ms)
{
    add_time(text, key, time_ms, !boot_times_is_uptime(time_ms));
}

static void add_span(struct text *text, int64_t start_ms, int64_t end_ms, bool is_known)
{
    add_time(text, "start", start_ms, is_known);
    add_time(text, "end", end_ms, is_known);
    text_json_int(text, "start_ms", start_ms);
    text_json_int(text, "end_ms", end_ms);
}

static void add_window(struct text *text, const struct window_result *window)
{
    add_window_label(text, window);
    if (window->size_count > 0) {
        text_json_uint(text, "size_count", window->size_count);
        text_json_uint(text, "every_count", window->every_count);
    } else {
        text_json_int(text, "size_ms", window->size_ms);
        text_json_int(text, "every_ms", window->every_ms);
    }
    add_span(text, window->start_ms, window->end_ms, window->boot == 0);
    if (window->merged > 0) text_json_uint(text, "merged", window->merged);
}

/* Readers that parse numbers as doubles would round the totals, so these travel as text. */
static void add_sum(struct text *text, int64_t sum_micro)
{
    char digits[32];
    struct text sum;
    text_init(&sum, digits, sizeof digits);
    text_add_micro(&sum, sum_micro);
    text_json_string(text, "sum", digits);
}

static void add_sumsq(struct text *text, struct wide sumsq)
{
    char digits[WIDE_TEXT_SIZE];
    size_t size = wide_format(sumsq, digits);
    size_t whole = size > SUMSQ_PLACES ? size - SUMSQ_PLACES : 0;
    size_t used = size;
    while (used > whole && digits[used - 1] == '0') used--;

    char decimal[WIDE_TEXT_SIZE + SUMSQ_PLACES];
    struct text number;
    text_init(&number, decimal, sizeof decimal);
    if (whole == 0) text_add_char(&number, '0');
    text_add_bytes(&number, digits, whole);
    if (used > whole) {
        text_add_char(&number, '.');
        for (size_t i = size - whole; i < SUMSQ_PLACES; i++) text_add_char(&number, '0');
        text_add_bytes(&number, digits + whole, used - whole);
    }
    text_json_string(text, "sumsq", decimal);
}

/* A value and when it was seen; a window without readings has neither. */
static void add_value(struct text *text, bool is_known, const char *value_key, int64_t value_micro,
                      const char *time_key, int64_t event_ms)
{
    if (is_known) {
        text_json_micro(text, value_key, value_micro);
        text_json_int(text, time_key, event_ms);
    } else {
        text_json_null(text, value_key);
        text_json_null(text, time_key);
    }
}

static void add_summary(struct text *text, const struct summary *summary)
{
    bool is_known = summary->count > 0;
    text_json_uint(text, "count", summary->count);
    if (summary->expected > 0)
        text_json_uint(text, "expected", summary->expected);
    else
        text_json_null(text, "expected");
    if (is_known)
        text_json_micro(text, "avg", summary_mean_micro(summary));
    else
        text_json_null(text, "avg");
    add_value(text, is_known, "min", summary->min_micro, "min_ms", summary->min_ms);
    add_value(text, is_known, "max", summary->max_micro, "max_ms", summary->max_ms);
    add_value(text, is_known, "first", summary->first_micro, "first_ms", summary->first_ms);
    add_value(text, is_known, "last", summary->last_micro, "last_ms", summary->last_ms);
    add_sum(text, summary->sum_micro);
    add_sumsq(text, summary->sumsq);
}

static const char *clock_name(enum clock_quality clock)
{
    switch (clock) {
    case CLOCK_TRUSTED:
        return "trusted";
    case CLOCK_HELD:
        return "held";
    case CLOCK_UNSET:
        break;
    }
    return "unset";
}

/* A wall time that was never set is not known; it must not be sent as 1970, nor as 1975. */
static void add_wall_time(struct text *text, const char *key, int64_t wall_ms,
                          enum clock_quality clock)
{
    bool is_known = clock != CLOCK_UNSET && wall_ms != 0 && !boot_times_is_uptime(wall_ms);
    add_time(text, key, wall_ms, is_known);
}

/* Wraps around, since any number survives in the store. */
static void add_to(int64_t *time_ms, int64_t shift_ms)
{
    *time_ms = (int64_t)((uint64_t)*time_ms + (uint64_t)shift_ms);
}

/* The window with its times moved to where they are known to be, or, where that is not known, to
 * milliseconds since the boot began. */
static void place(struct record *record, const struct boot_times *boot_times)
{
    struct window_result *window = &record->window;
    struct summary *summary = &window->summary;
    enum clock_quality made = record->clock;
    int64_t shift_ms = boot_times_shift_ms(boot_times, window->boot, &record->clock);
    if (record->clock != CLOCK_UNSET) {
        window->boot = 0;
        if (made == CLOCK_UNSET) add_to(&record->created_ms, shift_ms);
    }
    int64_t *const times[] = {&window->start_ms, &window->end_ms,    &summary->min_ms,
                              &summary->max_ms,  &summary->first_ms, &summary->last_ms};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) add_to(times[i], shift_ms);
}

static void add_summary_record(struct text *text, const struct record *record,
                               const struct encode_json_origin *origin)
{
    const struct window_result *window = &record->window;
    struct record placed;
    if (window->boot > 0) {
        placed = *record;
        place(&placed, origin->boot_times);
        record = &placed;
        window = &placed.window;
    }
    add_identity(text, "summary", record->seq, origin);
    text_json_uint(text, "revision", window->revision);
    if (window->part > 0) text_json_uint(text, "part", window->part);
    text_json_string(text, "device", record->device);
    text_json_string(text, "metric", "temperature");
    text_json_string(text, "unit", "Cel");
    add_window(text, window);
    add_summary(text, &window->summary);
    text_json_bool(text, "provisional", window->is_provisional);
    text_json_uint(text, "late", window->late);
    text_json_uint(text, "missed", window->missed);
    text_json_uint(text, "bad", window->rejected);
    text_json_int(text, "longest_gap_ms", window->longest_gap_ms);
    add_wall_time(text, "created", record->created_ms, record->clock);
    text_json_string(text, "clock", clock_name(record->clock));
    if (window->boot > 0) text_json_uint(text, "boot", window->boot);
}

/* Only when there is something to say. */
static void add_given(struct text *text, const char *key, const char *string)
{
    if (string[0] != '\0') text_json_string(text, key, string);
}

static void add_count(struct text *text, const char *key, uint32_t count)
{
    if (count > 0) text_json_uint(text, key, count);
}

static void add_mark(struct text *text, const char *key, bool is_set)
{
    if (is_set) text_json_bool(text, key, true);
}

static void add_alarm_times(struct text *text, const struct record *record)
{
    const struct alarm_event *alarm = &record->alarm;
    if (alarm->event_ms == 0 || boot_times_is_uptime(alarm->event_ms)) {
        text_json_null(text, "event_time");
        text_json_null(text, "event_ms");
    } else {
        text_json_time(text, "event_time", alarm->event_ms);
        text_json_int(text, "event_ms", alarm->event_ms);
    }
    add_wall_time(text, "arrival", alarm->arrival_ms, record->clock);
    add_wall_time(text, "since", alarm->since_ms, record->clock);
    if (alarm->until_ms != 0) add_wall_time(text, "until", alarm->until_ms, record->clock);
    add_wall_time(text, "time", record->created_ms, record->clock);
    text_json_string(text, "clock", clock_name(record->clock));
    text_json_uint(text, "boot", alarm->boot);
    text_json_int(text, "mono_ms", alarm->mono_ms);
}

static void add_alarm_marks(struct text *text, const struct alarm_event *alarm)
{
    add_mark(text, "first_out", alarm->is_first_out);
    add_mark(text, "chattering", alarm->is_chattering);
    add_mark(text, "in_flood", alarm->is_in_flood);
    add_count(text, "realarm", alarm->realarm);
    add_count(text, "merged", alarm->merged);
    add_count(text, "raised_while_suppressed", alarm->raised_while_suppressed);
    add_given(text, "cause", alarm->cause);
    add_count(text, "cause_occurrence", alarm->cause_occurrence);
    add_given(text, "list", alarm->list);
    add_given(text, "actor", alarm->actor);
    add_given(text, "reason", alarm->reason);
    add_given(text, "cmd", alarm->command);
}

static void add_alarm_record(struct text *text, const struct record *record,
                             const struct encode_json_origin *origin)
{
    const struct alarm_event *alarm = &record->alarm;
    char id[ALARM_ID_SIZE];
    alarm_id_write(id, record->device, alarm->name, alarm->id);
    add_identity(text, "alarm", record->seq, origin);
    text_json_string(text, "device", record->device);
    text_json_string(text, "alarm", alarm->name);
    text_json_string(text, "alarm_id", id);
    text_json_string(text, "kind", alarm->kind);
    text_json_string(text, "priority", alarm_priority_text(alarm->priority));
    add_given(text, "group", alarm->group);
    text_json_string(text, "from", alarm_state_text(alarm->from));
    text_json_string(text, "to", alarm_state_text(alarm->to));
    text_json_string(text, "trigger", alarm_trigger_text(alarm->trigger));
    text_json_bool(text, "annunciate", alarm->annunciate);
    text_json_uint(text, "occurrence", alarm->occurrence);
    if (alarm->has_no_value)
        text_json_null(text, "value");
    else
        text_json_micro(text, "value", alarm->value_micro);
    text_json_string(text, "unit", "Cel");
    text_json_string(text, "quality", alarm_quality_text(alarm->kind, alarm->is_uncertain));
    text_json_micro(text, "limit", alarm->limit_micro);
    text_json_micro(text, "deadband", alarm->deadband_micro);
    text_json_int(text, "on_delay_ms", alarm->on_delay_ms);
    text_json_int(text, "off_delay_ms", alarm->off_delay_ms);
    add_alarm_times(text, record);
    add_alarm_marks(text, alarm);
}

static const char *reason_name(enum notice_reason reason)
{
    switch (reason) {
    case NOTICE_MERGED:
        return "merged";
    case NOTICE_DAMAGED:
        return "damaged";
    default:
        return "dropped";
    }
}

static void add_ranges(struct text *text, const struct notice *notice)
{
    text_json_open(text, "ranges", '[');
    for (uint32_t i = 0; i < notice->range_count; i++) {
        text_json_open(text, NULL, '[');
        text_json_uint(text, NULL, notice->ranges[i].first);
        text_json_uint(text, NULL, notice->ranges[i].last);
        text_json_close(text, ']');
    }
    text_json_close(text, ']');
}

/* What stands nowhere else in the sequence. */
static void add_loss(struct text *text, const struct notice *notice)
{
    if (notice->reason == NOTICE_MERGED) return;
    text_json_uint(text, "lost", notice->lost);
    if (notice->reason != NOTICE_DAMAGED) return;
    text_json_uint(text, "journal", notice->blobs);
    if (notice->aside[0] != '\0') text_json_string(text, "aside", notice->aside);
    if (notice->former_epoch[0] == '\0') return;
    text_json_string(text, "former_epoch", notice->former_epoch);
    text_json_uint(text, "former_seq", notice->former_seq);
}

static void add_notice_record(struct text *text, const struct record *record,
                              const struct encode_json_origin *origin)
{
    const struct notice *notice = &record->notice;
    uint64_t records = 0;
    for (uint32_t i = 0; i < notice->range_count; i++)
        records += notice->ranges[i].last - notice->ranges[i].first + 1;
    add_identity(text, "notice", record->seq, origin);
    text_json_string(text, "reason", reason_name(notice->reason));
    add_span(text, notice->from_ms, notice->to_ms, notice->from_ms != 0 || notice->to_ms != 0);
    text_json_uint(text, "records", records);
    text_json_uint(text, "covered", notice->covered);
    text_json_uint(text, "readings", notice->readings);
    add_ranges(text, notice);
    add_loss(text, notice);
    add_wall_time(text, "created", record->created_ms, record->clock);
    text_json_string(text, "clock", clock_name(record->clock));
}

/* The mark stands last: but for it every copy of a record has the same bytes. */
size_t encode_json_record(const struct record *record, const struct encode_json_origin *origin,
                          bool is_replay, char *json, size_t capacity)
{
    struct text text;
    text_init(&text, json, capacity);
    text_json_open(&text, NULL, '{');
    switch (record->kind) {
    case RECORD_WINDOW:
        add_summary_record(&text, record, origin);
        break;
    case RECORD_ALARM:
        add_alarm_record(&text, record, origin);
        break;
    case RECORD_NOTICE:
        add_notice_record(&text, record, origin);
        break;
    default:
        return 0;
    }
    if (is_replay) text_json_bool(&text, "replayed", true);
    return finish(&text);
}

size_t encode_json_birth(const struct encode_json_origin *origin, uint64_t next_seq, char *json,
                         size_t capacity)
{
    struct text text;
    text_init(&text, json, capacity);
    text_json_open(&text, NULL, '{');
    text_json_int(&text, "schema", SCHEMA_VERSION);
    text_json_bool(&text, "online", true);
    add_origin(&text, origin);
    text_json_uint(&text, "next_seq", next_seq);
    text_json_string(&text, "version", ISOTHERM_VERSION);
    encode_json_add_boot(&text, origin->boot_times);
    return finish(&text);
}

void encode_json_add_boot(struct text *text, const struct boot_times *times)
{
    if (times == NULL || !times->is_concerned) return;
    const struct boot_time *known = boot_times_find(times, times->boot);
    text_json_uint(text, "boot", times->boot);
    if (known != NULL && times->is_durable && known->begin_ms != 0)
        text_json_int(text, "boot_ms", known->begin_ms);
    else
        text_json_null(text, "boot_ms");
}

size_t encode_json_death(const struct encode_json_origin *origin, const char *reason, char *json,
                         size_t capacity)
{
    struct text text;
    text_init(&text, json, capacity);
    text_json_open(&text, NULL, '{');
    text_json_int(&text, "schema", SCHEMA_VERSION);
    text_json_bool(&text, "online", false);
    add_origin(&text, origin);
    text_json_string(&text, "reason", reason);
    return finish(&text);
}
