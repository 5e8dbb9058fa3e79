/* Invariant: every input ends in exactly one verdict and is counted here, once. */
#include "intake.h"

#include "base/text.h"
#include "intake_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void intake_init(struct intake *intake, struct intake_host *host, const char *name)
{
    memset(intake, 0, sizeof *intake);
    intake->host = host;
    intake->name = name;
}

static void log_refusal(struct intake *intake, enum verdict verdict, const char *detail)
{
    log_limited(intake->host->log, LOG_LEVEL_WARN, intake->name, verdict_name(verdict),
                "refused, %s: %s", verdict_text(verdict), detail);
}

/* Whoever sends recorded data meets this first, so it says which option to look at. */
static void log_disbelief(struct intake *intake, const struct reading *reading)
{
    char bytes[256];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    text_add(&text, reading->device);
    text_add(&text, " at ");
    text_add_time(&text, reading->event_ms);
    text_add(&text, reading->event_ms < intake_now_wall_ms(intake)
                        ? ", older than times.past allows; for recorded data set times: {past: 0}"
                        : ", further ahead than times.future allows");
    log_refusal(intake, VERDICT_TIME, bytes);
}

enum verdict intake_offer_reading(struct intake *intake, const struct reading *reading,
                                  uint64_t *ticket)
{
    struct intake_host *host = intake->host;
    uint64_t taken = 0;
    enum verdict verdict = host->offer(host->context, intake, reading, &taken);
    if (verdict == VERDICT_BUSY) return verdict;
    intake->counts.by[verdict]++;
    if (verdict != VERDICT_OK) {
        if (verdict == VERDICT_TIME && reading->has_event_time)
            log_disbelief(intake, reading);
        else
            log_refusal(intake, verdict, reading->device);
        return verdict;
    }
    intake->last_ticket = taken;
    intake->last_mono_ms = clock_mono_ms(&host->clock);
    if (ticket != NULL) *ticket = taken;
    return VERDICT_OK;
}

ISOTHERM_PRINTF(3, 0)
static void count_refusal(struct intake *intake, enum verdict verdict, const char *detail,
                          va_list arguments)
{
    char text[256];
    (void)vsnprintf(text, sizeof text, detail, arguments);
    intake->counts.by[verdict]++;
    log_refusal(intake, verdict, text);
}

void intake_report_refusal(struct intake *intake, enum verdict verdict, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    count_refusal(intake, verdict, detail, arguments);
    va_end(arguments);
}

void intake_report_bad_value(struct intake *intake, const struct reading *reading,
                             enum verdict verdict, const char *detail, ...)
{
    struct intake_host *host = intake->host;
    va_list arguments;
    va_start(arguments, detail);
    count_refusal(intake, verdict, detail, arguments);
    va_end(arguments);
    if (reading->device[0] != '\0' && verdict_is_of_sensor(verdict) && host->bad_value != NULL)
        host->bad_value(host->context, reading, verdict);
}

void intake_expect_repeats(struct intake *intake)
{
    repeat_expect(&intake->repeat);
}

bool intake_is_repeat(struct intake *intake, uint64_t key, int64_t max_age_ms)
{
    return repeat_match(&intake->repeat, key, intake_now_mono_ms(intake), max_age_ms);
}

void intake_remember(struct intake *intake, uint64_t key)
{
    repeat_remember(&intake->repeat, key, intake_now_mono_ms(intake));
}

uint64_t intake_forget_repeats(struct intake *intake)
{
    struct intake_host *host = intake->host;
    if (!repeat_forget(&intake->repeat)) return 0;
    intake->last_ticket = host->take_ticket(host->context);
    host->request_commit(host->context, 0);
    return intake->last_ticket;
}

void intake_report_connected(struct intake *intake, bool is_connected, const char *detail)
{
    bool is_change = !intake->has_spoken || intake->is_connected != is_connected;
    (void)snprintf(intake->detail, sizeof intake->detail, "%s", detail);
    intake->is_connected = is_connected;
    intake->has_spoken = true;
    if (is_change) intake->changed_mono_ms = clock_mono_ms(&intake->host->clock);
    if (is_change && is_connected)
        log_write(intake->host->log, LOG_LEVEL_INFO, intake->name, "connected: %s", detail);
    else if (is_change)
        log_write(intake->host->log, LOG_LEVEL_WARN, intake->name, "not connected: %s", detail);
    else if (!is_connected)
        log_limited(intake->host->log, LOG_LEVEL_WARN, intake->name, "connect",
                    "still not connected: %s", detail);
}

void intake_report_end(struct intake *intake)
{
    intake->has_ended = true;
    log_write(intake->host->log, LOG_LEVEL_INFO, intake->name, "the recording has ended");
    intake->host->end(intake->host->context, intake);
}

void intake_request_commit(struct intake *intake)
{
    intake_request_commit_within(intake, 0);
}

void intake_request_commit_within(struct intake *intake, int64_t patience_ms)
{
    intake->host->request_commit(intake->host->context, patience_ms);
}

uint64_t intake_durable_ticket(const struct intake *intake)
{
    return intake->host->durable_ticket;
}

struct loop *intake_loop(const struct intake *intake)
{
    return intake->host->loop;
}

struct log *intake_log(const struct intake *intake)
{
    return intake->host->log;
}

const char *intake_name(const struct intake *intake)
{
    return intake->name;
}

const char *intake_gateway(const struct intake *intake)
{
    return intake->host->gateway;
}

size_t intake_payload_limit(const struct intake *intake)
{
    return intake->host->payload_limit;
}

int64_t intake_now_mono_ms(const struct intake *intake)
{
    return clock_mono_ms(&intake->host->clock);
}

int64_t intake_now_wall_ms(const struct intake *intake)
{
    return clock_wall_ms(&intake->host->clock);
}
