/* Invariant: every offer and every refusal is kept in order, or the test fails: none is lost. */
#include "support/fake_intake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

/* PATIENCE: a wait that succeeds costs nothing, and a busy machine is no fault. */
enum { FAKE_KEYS = 256, WAIT_MS = 10000, TICK_MS = 5, PATIENCE = 4 };

struct intake *fake_intake_open(const char *name, struct loop *loop)
{
    struct intake *intake = calloc(1, sizeof *intake);
    assert_non_null(intake);
    intake->owns_loop = loop == NULL;
    if (loop == NULL) assert_int_equal(loop_open(&loop), ST_OK);
    intake->loop = loop;
    intake->clock = clock_system();
    intake->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(intake->log_fd >= 0);
    log_init(&intake->log, intake->clock, intake->log_fd, LOG_LEVEL_DEBUG);
    (void)snprintf(intake->name, sizeof intake->name, "%s", name);
    (void)snprintf(intake->gateway, sizeof intake->gateway, "gw-test");
    intake->payload_limit = LIMIT_PAYLOAD_DEFAULT;
    intake->answer = VERDICT_OK;
    assert_int_equal(repeat_open(&intake->repeat, FAKE_KEYS), ST_OK);
    return intake;
}

/* With ISOTHERM_TEST_LOG set, shows what the driver logged. */
static void show_log(const struct intake *intake)
{
    if (getenv("ISOTHERM_TEST_LOG") == NULL) return;
    char bytes[4096];
    off_t at = 0;
    ssize_t size;
    while ((size = pread(intake->log_fd, bytes, sizeof bytes, at)) > 0) {
        (void)fwrite(bytes, 1, (size_t)size, stderr);
        at += size;
    }
}

void fake_intake_close(struct intake *intake)
{
    if (intake == NULL) return;
    if (intake->owns_loop) loop_close(intake->loop);
    show_log(intake);
    (void)close(intake->log_fd);
    repeat_close(&intake->repeat);
    free(intake);
}

static void nothing(void *context)
{
    (void)context;
}

bool fake_intake_run_until(struct intake *intake, fake_predicate *is_done, void *context,
                           int64_t timeout_ms)
{
    const struct clock clock = clock_system(); /* the intake's may stand still */
    int64_t end_mono_ms = clock_mono_ms(&clock) + timeout_ms * PATIENCE;
    /* The tick makes sure that a round ends although nothing happens. */
    struct loop_timer *tick = loop_timer_start(intake->loop, TICK_MS, TICK_MS, nothing, NULL);
    assert_non_null(tick);
    bool done = is_done(context);
    while (!done && clock_mono_ms(&clock) < end_mono_ms) {
        loop_run_once(intake->loop, true);
        done = is_done(context);
    }
    loop_timer_stop(&tick);
    return done;
}

struct wait {
    struct intake *intake;
    size_t count;
    enum verdict verdict;
    const char *words;
};

static bool has_taken(void *context)
{
    const struct wait *wait = context;
    return wait->intake->taken_count >= wait->count;
}

bool fake_intake_run_until_taken(struct intake *intake, size_t count)
{
    struct wait wait = {.intake = intake, .count = count};
    return fake_intake_run_until(intake, has_taken, &wait, WAIT_MS);
}

static bool has_refused(void *context)
{
    const struct wait *wait = context;
    return wait->intake->counts.by[wait->verdict] >= wait->count;
}

bool fake_intake_run_until_refused(struct intake *intake, enum verdict verdict, uint64_t count)
{
    struct wait wait = {.intake = intake, .count = (size_t)count, .verdict = verdict};
    return fake_intake_run_until(intake, has_refused, &wait, WAIT_MS);
}

static bool has_source(void *context)
{
    return ((const struct wait *)context)->intake->is_connected;
}

bool fake_intake_run_until_connected(struct intake *intake)
{
    struct wait wait = {.intake = intake};
    return fake_intake_run_until(intake, has_source, &wait, WAIT_MS);
}

static bool is_lost(void *context)
{
    const struct wait *wait = context;
    return wait->intake->lost_count >= wait->count && !wait->intake->is_connected;
}

bool fake_intake_run_until_lost(struct intake *intake, size_t lost_count)
{
    struct wait wait = {.intake = intake, .count = lost_count};
    return fake_intake_run_until(intake, is_lost, &wait, WAIT_MS);
}

static bool has_logged(void *context)
{
    const struct wait *wait = context;
    return fake_intake_has_logged(wait->intake, wait->words);
}

bool fake_intake_run_until_logged(struct intake *intake, const char *words)
{
    struct wait wait = {.intake = intake, .words = words};
    return fake_intake_run_until(intake, has_logged, &wait, WAIT_MS);
}

void fake_intake_run_rounds(struct intake *intake, int rounds)
{
    for (int i = 0; i < rounds; i++) loop_run_once(intake->loop, false);
}

void fake_intake_commit(struct intake *intake, const struct driver *driver, void *state)
{
    if (driver->pauses_for_commit && driver->pause != NULL) driver->pause(state);
    intake->durable_ticket = intake->last_ticket;
    if (driver->durable != NULL) driver->durable(state, intake->durable_ticket);
    if (driver->pauses_for_commit && driver->resume != NULL) driver->resume(state);
}

bool fake_intake_has_logged(const struct intake *intake, const char *words)
{
    off_t size = lseek(intake->log_fd, 0, SEEK_END);
    if (size <= 0) return false;
    char *bytes = calloc(1, (size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(pread(intake->log_fd, bytes, (size_t)size, 0), size);
    bool found = strstr(bytes, words) != NULL;
    free(bytes);
    return found;
}

size_t fake_intake_count(const struct intake *intake, const char *device, int64_t value_micro)
{
    size_t found = 0;
    for (size_t i = 0; i < intake->offer_count; i++) {
        const struct fake_offer *offer = &intake->offers[i];
        if (offer->verdict != VERDICT_OK || offer->reading.value_micro != value_micro) continue;
        if (device == NULL || strcmp(offer->reading.device, device) == 0) found++;
    }
    return found;
}

void fake_intake_forget(struct intake *intake)
{
    intake->offer_count = 0;
    intake->taken_count = 0;
    intake->busy_count = 0;
    intake->refusal_count = 0;
    memset(&intake->counts, 0, sizeof intake->counts);
}

enum verdict intake_offer_reading(struct intake *intake, const struct reading *reading,
                                  uint64_t *ticket)
{
    enum verdict verdict = intake->answer;
    if (intake->busy_left > 0) {
        intake->busy_left--;
        verdict = VERDICT_BUSY;
    }
    if (verdict == VERDICT_BUSY) {
        intake->busy_count++;
        return verdict;
    }
    assert_true(intake->offer_count < FAKE_OFFERS);
    assert_true(reading->device[0] != '\0');
    assert_non_null(memchr(reading->device, '\0', sizeof reading->device));
    struct fake_offer *offer = &intake->offers[intake->offer_count++];
    *offer = (struct fake_offer){.reading = *reading, .verdict = verdict};
    if (verdict == VERDICT_OK) {
        offer->ticket = ++intake->last_ticket;
        intake->taken_count++;
        if (ticket != NULL) *ticket = offer->ticket;
    } else {
        intake->counts.by[verdict]++;
    }
    return verdict;
}

ISOTHERM_PRINTF(4, 0)
static void keep_refusal(struct intake *intake, const struct reading *reading, enum verdict verdict,
                         const char *detail, va_list arguments)
{
    assert_true((unsigned)verdict < VERDICT_COUNT);
    assert_true(verdict != VERDICT_OK);
    assert_true(intake->refusal_count < FAKE_REFUSALS);
    struct fake_refusal *refusal = &intake->refusals[intake->refusal_count++];
    refusal->verdict = verdict;
    refusal->reading = (struct reading){0};
    if (reading != NULL && verdict_is_of_sensor(verdict)) refusal->reading = *reading;
    (void)vsnprintf(refusal->detail, sizeof refusal->detail, detail, arguments);
    intake->counts.by[verdict]++;
    log_write(&intake->log, LOG_LEVEL_WARN, intake->name, "refused (%s): %s", verdict_name(verdict),
              refusal->detail);
}

void intake_report_refusal(struct intake *intake, enum verdict verdict, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    keep_refusal(intake, NULL, verdict, detail, arguments);
    va_end(arguments);
}

void intake_report_bad_value(struct intake *intake, const struct reading *reading,
                             enum verdict verdict, const char *detail, ...)
{
    va_list arguments;
    va_start(arguments, detail);
    keep_refusal(intake, reading, verdict, detail, arguments);
    va_end(arguments);
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
    if (!repeat_forget(&intake->repeat)) return 0;
    intake->commit_requests++;
    return ++intake->last_ticket;
}

void intake_report_connected(struct intake *intake, bool is_connected, const char *detail)
{
    if (is_connected && !intake->is_connected) intake->connected_count++;
    if (!is_connected) intake->lost_count++;
    intake->is_connected = is_connected;
    (void)snprintf(intake->connected_detail, sizeof intake->connected_detail, "%s",
                   detail != NULL ? detail : "");
    log_write(&intake->log, LOG_LEVEL_INFO, intake->name, "%s: %s",
              is_connected ? "connected" : "not connected", intake->connected_detail);
}

void intake_report_end(struct intake *intake)
{
    intake->end_count++;
}

void intake_request_commit(struct intake *intake)
{
    intake->commit_requests++;
}

void intake_request_commit_within(struct intake *intake, int64_t patience_ms)
{
    (void)patience_ms;
    intake->commit_requests++;
}

uint64_t intake_durable_ticket(const struct intake *intake)
{
    return intake->durable_ticket;
}

struct loop *intake_loop(const struct intake *intake)
{
    return intake->loop;
}

struct log *intake_log(const struct intake *intake)
{
    return (struct log *)&intake->log;
}

const char *intake_name(const struct intake *intake)
{
    return intake->name;
}

const char *intake_gateway(const struct intake *intake)
{
    return intake->gateway;
}

size_t intake_payload_limit(const struct intake *intake)
{
    return intake->payload_limit;
}

int64_t intake_now_mono_ms(const struct intake *intake)
{
    return clock_mono_ms(&intake->clock);
}

int64_t intake_now_wall_ms(const struct intake *intake)
{
    return clock_wall_ms(&intake->clock);
}
