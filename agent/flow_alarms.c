/* Invariant: what an alarm does here does not wait for the disk, let alone for the centre. */
#include "flow_alarms.h"

#include "base/text.h"

void flow_alarms_log(const struct flow *flow, const struct record *record)
{
    const struct alarm_event *alarm = &record->alarm;
    char cause[ALARM_ID_SIZE + ALARM_STATE_SIZE], value[32];
    struct text text;
    text_init(&text, cause, sizeof cause);
    text_add(&text, alarm_state_text(alarm->to));
    text_add_char(&text, ' ');
    text_add(&text, alarm->name);
    text_add_char(&text, ' ');
    text_add(&text, record->device);
    text_init(&text, value, sizeof value);
    if (alarm->has_no_value)
        text_add(&text, "no value");
    else
        text_add_micro(&text, alarm->value_micro);
    log_limited(flow->host.log, alarm->annunciate ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "alarm", cause,
                "%s %s on %s: %s -> %s, %s at %s", alarm->name, alarm_trigger_verb(alarm->trigger),
                record->device, alarm_state_text(alarm->from), alarm_state_text(alarm->to),
                alarm->kind, value);
}

void flow_alarms_judge(struct flow *flow, const struct stream_now *now)
{
    struct alarm_now when = {.wall_ms = now->wall_ms, .mono_ms = now->mono_ms, .clock = now->clock};
    struct alarm_engine *alarms = stream_alarms(flow->stream);
    struct store_counts store = store_count(flow->store);
    struct stream_counts stream = stream_count(flow->stream);
    bool is_down = flow->uplink != NULL && uplink_count(flow->uplink).state != UPLINK_UP;
    bool is_full = stream.devices >= (uint64_t)flow->config->limits.devices;
    int64_t budget_bytes = flow->config->store.budget_bytes;
    int64_t used_micro = budget_bytes > 0 ? store.file_bytes * 100000 / budget_bytes * 1000 : 0;
    alarm_engine_judge_trouble(alarms, ALARM_UPLINK_DOWN, 0, is_down, &when);
    alarm_engine_judge_trouble(alarms, ALARM_STORE_DEGRADED, 0, store.is_failing, &when);
    alarm_engine_judge_trouble(alarms, ALARM_CLOCK_UNTRUSTED, 0, now->clock != CLOCK_TRUSTED,
                               &when);
    alarm_engine_judge_trouble(alarms, ALARM_DEVICES_FULL, (int64_t)stream.devices * 1000000,
                               is_full, &when);
    alarm_engine_judge_trouble(alarms, ALARM_OUTBOX_FULL, used_micro, false, &when);
}
