/* Invariant: the two ledgers are computed from the parts' own counts, never kept beside them, so
 * that they can disagree when something is wrong. */
#include "report.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report_alarms.h"
#include "uplink/encode_json.h"

static const char *const uplink_states[] = {"off", "down", "connecting", "up"};
static const char *const drain_bases[] = {"unknown",    "none",    "measured",
                                          "configured", "earlier", "growing"};
static const char *const clock_names[] = {"unset", "held", "trusted"};

/* Resident memory in bytes, as the kernel counts it; 0 when it does not say. */
static uint64_t resident_bytes(void)
{
    char line[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t size = read(fd, line, sizeof line - 1);
    (void)close(fd);
    if (size <= 0) return 0;
    line[size] = '\0';
    const char *resident = strchr(line, ' ');
    return resident == NULL ? 0 : strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_refused(struct text *text, const struct verdict_counts *counts)
{
    text_json_open(text, "refused", '{');
    for (int i = VERDICT_OK + 1; i < VERDICT_COUNT; i++)
        if (counts->by[i] > 0) text_json_uint(text, verdict_name((enum verdict)i), counts->by[i]);
    text_json_close(text, '}');
}

static void add_source(struct text *text, const struct flow_source *source, int64_t now_mono_ms)
{
    const struct intake *intake = &source->intake;
    text_json_open(text, NULL, '{');
    text_json_string(text, "name", intake->name);
    text_json_string(text, "driver", source->driver->name);
    text_json_bool(text, "connected", intake->is_connected);
    text_json_bool(text, "ended", intake->has_ended);
    text_json_string(text, "detail", intake->detail);
    text_json_uint(text, "received", ledger_count_received(&intake->counts));
    text_json_uint(text, "taken", intake->counts.by[VERDICT_OK]);
    add_refused(text, &intake->counts);
    text_json_uint(text, "conflicts", intake->conflicts);
    if (intake->last_mono_ms > 0)
        text_json_int(text, "last_reading_age_ms", now_mono_ms - intake->last_mono_ms);
    else
        text_json_null(text, "last_reading_age_ms");
    text_json_close(text, '}');
}

static void add_window_name(struct text *text, const struct window_spec *window)
{
    char bytes[64];
    struct text name;
    text_init(&name, bytes, sizeof bytes);
    if (window->size_count > 0) {
        text_add(&name, "count:");
        text_add_int(&name, window->size_count);
        if (window->every_count != window->size_count) text_add_char(&name, '/');
        if (window->every_count != window->size_count) text_add_int(&name, window->every_count);
    } else {
        text_add_duration(&name, window->size_ms);
        if (window->every_ms != window->size_ms) text_add_char(&name, '/');
        if (window->every_ms != window->size_ms) text_add_duration(&name, window->every_ms);
    }
    text_json_string(text, "window", bytes);
}

static void add_windows(struct text *text, const struct flow *flow,
                        const struct stream_counts *counts)
{
    text_json_open(text, "windows", '[');
    for (size_t i = 0; i < flow->config->window_count; i++) {
        const struct stream_window_counts *window = &counts->windows[i];
        text_json_open(text, NULL, '{');
        add_window_name(text, &flow->config->windows[i]);
        text_json_uint(text, "results", window->results);
        text_json_uint(text, "revisions", window->revisions);
        text_json_uint(text, "published", window->published);
        text_json_uint(text, "open", window->open);
        text_json_uint(text, "missed", window->missed);
        text_json_close(text, '}');
    }
    text_json_close(text, ']');
}

static void add_flash(struct text *text, const struct flow *flow, int64_t now_mono_ms)
{
    struct wear_report flash = wear_report(&flow->wear, now_mono_ms);
    text_json_open(text, "flash", '{');
    text_json_uint(text, "written_bytes", flash.written_bytes);
    text_json_uint(text, "last_day_bytes", flash.last_day_bytes);
    if (flash.per_day_bytes > 0)
        text_json_int(text, "per_day_bytes", flash.per_day_bytes);
    else
        text_json_null(text, "per_day_bytes");
    text_json_int(text, "budget_per_day_bytes", flash.budget_bytes);
    text_json_int(text, "commit_every_ms", flash.interval_ms);
    text_json_bool(text, "commit_every_fixed", flash.is_fixed);
    text_json_int(text, "wal_percent", flash.wal_percent);
    text_json_bool(text, "over_budget", flash.is_over);
    text_json_close(text, '}');
}

static void add_store(struct text *text, const struct flow *flow, const struct store_counts *counts,
                      int64_t now_mono_ms)
{
    text_json_open(text, "store", '{');
    text_json_string(text, "path", flow->config->store.path);
    text_json_int(text, "file_bytes", counts->file_bytes);
    text_json_int(text, "budget_bytes", flow->config->store.budget_bytes);
    text_json_int(text, "journal_bytes", counts->journal_bytes);
    text_json_uint(text, "commits", counts->commits);
    text_json_uint(text, "failed_commits", counts->failed_commits);
    text_json_bool(text, "failing", counts->is_failing);
    text_json_int(text, "last_commit_ms", counts->last_commit_ms);
    text_json_int(text, "longest_commit_ms", counts->longest_commit_ms);
    text_json_uint(text, "waiting_alarms", counts->waiting[LANE_ALARM]);
    text_json_uint(text, "waiting_summaries", counts->waiting[LANE_WINDOW]);
    text_json_uint(text, "covered", counts->covered);
    text_json_uint(text, "merged_alarms", counts->merged_alarms);
    add_flash(text, flow, now_mono_ms);
    text_json_close(text, '}');
}

static void add_uplink(struct text *text, const struct flow *flow, int64_t now_mono_ms)
{
    if (flow->uplink == NULL) {
        text_json_null(text, "uplink");
        return;
    }
    struct uplink_counts counts = uplink_count(flow->uplink);
    text_json_open(text, "uplink", '{');
    text_json_string(text, "state", uplink_states[counts.state]);
    text_json_string(text, "problem", counts.last_problem);
    if (counts.up_since_mono_ms > 0)
        text_json_int(text, "up_ms", now_mono_ms - counts.up_since_mono_ms);
    text_json_uint(text, "sent", counts.sent);
    text_json_uint(text, "acknowledged", counts.acknowledged);
    text_json_uint(text, "no_subscriber", counts.no_subscriber);
    text_json_uint(text, "refused", counts.refused);
    text_json_uint(text, "in_flight", counts.in_flight);
    text_json_uint(text, "parked", counts.parked);
    text_json_uint(text, "connects", counts.connects);
    text_json_uint(text, "losses", counts.losses);
    text_json_uint(text, "waiting", counts.waiting);
    text_json_uint(text, "history", counts.history);
    if (counts.drain.left_ms >= 0)
        text_json_int(text, "drain_ms", counts.drain.left_ms);
    else
        text_json_null(text, "drain_ms");
    text_json_string(text, "drain_basis", drain_bases[counts.drain.basis]);
    if (uplink_waits_for_clock(flow->uplink)) text_json_bool(text, "waits_for_clock", true);
    text_json_close(text, '}');
}

/* In balance: the stream took what the sources were told was taken, and the store knows where
 * each record is. */
static bool is_balanced(const struct flow *flow, const struct verdict_counts *counts,
                        const struct stream_counts *stream, const struct store_counts *store)
{
    uint64_t taken = counts->by[VERDICT_OK] - flow->accepted_before;
    uint64_t waiting = store->waiting[LANE_ALARM] + store->waiting[LANE_WINDOW];
    return taken == stream->accepted - flow->stream_before &&
           store->written == store->acknowledged + store->merged + store->dropped + waiting;
}

static void add_reading_counts(struct text *text, const struct verdict_counts *counts)
{
    uint64_t received = ledger_count_received(counts);
    uint64_t accepted = counts->by[VERDICT_OK], late = counts->by[VERDICT_LATE];
    text_json_uint(text, "received", received);
    text_json_uint(text, "accepted", accepted);
    text_json_uint(text, "late", late);
    text_json_uint(text, "refused", received - accepted - late);
}

static void add_ledger(struct text *text, const struct flow *flow,
                       const struct stream_counts *stream, const struct store_counts *store)
{
    struct verdict_counts counts = flow_count_verdicts(flow);
    text_json_bool(text, "balanced", is_balanced(flow, &counts, stream, store));
    text_json_open(text, "readings", '{');
    add_reading_counts(text, &counts);
    text_json_close(text, '}');
    text_json_open(text, "records", '{');
    text_json_uint(text, "written", store->written);
    text_json_uint(text, "acknowledged", store->acknowledged);
    text_json_uint(text, "waiting", store->waiting[LANE_ALARM] + store->waiting[LANE_WINDOW]);
    text_json_uint(text, "merged", store->merged);
    text_json_uint(text, "dropped", store->dropped);
    text_json_uint(text, "not_yet_committed", store->staged);
    text_json_close(text, '}');
}

/* Late readings stand under their own name, not among the refused ones. */
static void add_source_counts(struct text *text, const char *name,
                              const struct verdict_counts *counts)
{
    text_json_open(text, NULL, '{');
    text_json_string(text, "name", name);
    add_reading_counts(text, counts);
    text_json_open(text, "reasons", '{');
    for (int i = VERDICT_OK + 1; i < VERDICT_COUNT; i++)
        if (i != VERDICT_LATE && counts->by[i] > 0)
            text_json_uint(text, verdict_name((enum verdict)i), counts->by[i]);
    text_json_close(text, '}');
    text_json_close(text, '}');
}

static void add_ledger_sources(struct text *text, const struct flow *flow)
{
    text_json_open(text, "sources", '[');
    for (size_t i = 0; i < flow->source_count; i++)
        add_source_counts(text, flow->sources[i].intake.name, &flow->sources[i].intake.counts);
    if (ledger_count_received(&flow->former) > 0)
        add_source_counts(text, LEDGER_FORMER, &flow->former);
    text_json_close(text, ']');
}

void report_ledger(struct text *text, const struct flow *flow, const char *epoch,
                   int64_t started_mono_ms)
{
    struct stream_counts stream = stream_count(flow->stream);
    struct store_counts store = store_count(flow->store);
    struct stream_now now = flow_now(flow);
    text_json_open(text, NULL, '{');
    text_json_int(text, "schema", 1);
    text_json_string(text, "type", "ledger");
    text_json_string(text, "gateway", flow->config->gateway);
    text_json_string(text, "epoch", epoch);
    text_json_uint(text, "next_seq", store.next_seq);
    encode_json_add_time(text, "time", now.wall_ms);
    text_json_string(text, "clock", clock_names[now.clock]);
    text_json_int(text, "uptime_ms", now.mono_ms - started_mono_ms);
    text_json_string(text, "version", ISOTHERM_VERSION);
    encode_json_add_boot(text, &flow->boot_times);
    add_ledger(text, flow, &stream, &store);
    text_json_uint(text, "conflicts", flow_count_conflicts(flow));
    add_ledger_sources(text, flow);
    text_json_close(text, '}');
}

static void add_head(struct text *text, const struct flow *flow, const char *epoch,
                     int64_t started_mono_ms, const struct stream_counts *stream)
{
    struct stream_now now = flow_now(flow);
    text_json_string(text, "gateway", flow->config->gateway);
    text_json_string(text, "version", ISOTHERM_VERSION);
    text_json_int(text, "pid", getpid());
    text_json_string(text, "epoch", epoch);
    encode_json_add_time(text, "time", now.wall_ms);
    text_json_string(text, "clock", clock_names[now.clock]);
    text_json_int(text, "uptime_ms", now.mono_ms - started_mono_ms);
    text_json_uint(text, "resident_bytes", resident_bytes());
    text_json_open(text, "devices", '{');
    text_json_uint(text, "known", stream->devices);
    text_json_int(text, "limit", flow->config->limits.devices);
    text_json_uint(text, "evicted", stream->evicted);
    text_json_close(text, '}');
    text_json_uint(text, "alarms_active", stream->alarms_active);
}

void report_status(struct text *text, const struct flow *flow, const char *epoch,
                   int64_t started_mono_ms)
{
    struct stream_counts stream = stream_count(flow->stream);
    struct store_counts store = store_count(flow->store);
    int64_t now_mono_ms = clock_mono_ms(&flow->host.clock);
    text_json_open(text, NULL, '{');
    add_head(text, flow, epoch, started_mono_ms, &stream);
    text_json_open(text, "sources", '[');
    for (size_t i = 0; i < flow->source_count; i++)
        add_source(text, &flow->sources[i], now_mono_ms);
    text_json_close(text, ']');
    add_windows(text, flow, &stream);
    report_alarms(text, stream_alarms(flow->stream));
    add_store(text, flow, &store, now_mono_ms);
    add_uplink(text, flow, now_mono_ms);
    if (flow->front != NULL) alarm_front_report(flow->front, text);
    text_json_open(text, "ledger", '{');
    add_ledger(text, flow, &stream, &store);
    add_ledger_sources(text, flow);
    text_json_close(text, '}');
    text_json_close(text, '}');
}

void report_device(struct text *text, const struct stream_device *device)
{
    text_json_open(text, NULL, '{');
    text_json_string(text, "device", device->id);
    text_json_micro(text, "last", device->last_micro);
    encode_json_add_time(text, "newest", device->newest_ms);
    encode_json_add_time(text, "arrival", device->arrival_ms);
    text_json_int(text, "silent_ms", device->silent_ms);
    text_json_uint(text, "accepted", device->accepted);
    text_json_uint(text, "late", device->late);
    text_json_uint(text, "rejected", device->rejected);
    text_json_uint(text, "alarms_active", device->alarms_active);
    text_json_close(text, '}');
}
