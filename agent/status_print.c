#include "status_print.h"

#include "reply.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_duration(double duration_ms)
{
    int64_t seconds = (int64_t)(duration_ms / 1000.0);
    if (seconds >= 86400) (void)printf("%" PRId64 "d ", seconds / 86400);
    if (seconds >= 3600) (void)printf("%" PRId64 "h ", seconds % 86400 / 3600);
    if (seconds >= 60) (void)printf("%" PRId64 "min ", seconds % 3600 / 60);
    (void)printf("%" PRId64 "s", seconds % 60);
}

static void print_sources(const cJSON *status)
{
    const cJSON *source;
    (void)printf("sources\n");
    cJSON_ArrayForEach(source, cJSON_GetObjectItemCaseSensitive(status, "sources"))
    {
        const char *state = reply_is_true(source, "connected") ? "connected" : "not connected";
        if (reply_is_true(source, "ended")) state = "ended";
        (void)printf("  %-16s %-13s taken %-10.0f", reply_text(source, "name"), state,
                     reply_number(source, "taken"));
        const cJSON *refused = cJSON_GetObjectItemCaseSensitive(source, "refused");
        const cJSON *reason;
        if (cJSON_GetArraySize(refused) > 0) (void)printf(" refused:");
        cJSON_ArrayForEach(reason, refused)(void)
            printf(" %s %.0f", reason->string, reason->valuedouble);
        if (reply_number(source, "conflicts") > 0)
            (void)printf(" conflicts: %.0f", reply_number(source, "conflicts"));
        if (!reply_is_true(source, "connected") && !reply_is_true(source, "ended"))
            (void)printf("  (%s)", reply_text(source, "detail"));
        (void)printf("\n");
    }
}

static void print_windows(const cJSON *status)
{
    const cJSON *window;
    (void)printf("windows\n");
    cJSON_ArrayForEach(window, cJSON_GetObjectItemCaseSensitive(status, "windows"))(void)
        printf("  %-16s results %-10.0f revisions %-8.0f missed %.0f\n",
               reply_text(window, "window"), reply_number(window, "results"),
               reply_number(window, "revisions"), reply_number(window, "missed"));
}

static void print_drain(const cJSON *uplink)
{
    const cJSON *drain_ms = cJSON_GetObjectItemCaseSensitive(uplink, "drain_ms");
    const char *basis = reply_text(uplink, "drain_basis");
    if (reply_number(uplink, "waiting") < 1) {
        (void)printf("drain    nothing waits\n");
        return;
    }
    if (strcmp(basis, "none") == 0) {
        (void)printf("drain    %.0f on their way, none from before the connection\n",
                     reply_number(uplink, "waiting"));
        return;
    }
    (void)printf("drain    %.0f waiting, %.0f of them from before the connection: ",
                 reply_number(uplink, "waiting"), reply_number(uplink, "history"));
    if (cJSON_IsNumber(drain_ms)) {
        (void)printf("about ");
        print_duration(drain_ms->valuedouble + 999.0);
        (void)printf(" at the %s rate\n", basis);
    } else if (strcmp(reply_text(uplink, "state"), "up") != 0) {
        (void)printf("time unknown while not connected\n");
    } else if (strcmp(basis, "growing") == 0) {
        (void)printf("no end, more is made than goes\n");
    } else {
        (void)printf("time not known yet\n");
    }
}

static void print_flash(const cJSON *flash)
{
    double budget_mib = reply_number(flash, "budget_per_day_bytes") / 1048576.0;
    (void)printf("flash    %.1f MiB written", reply_number(flash, "written_bytes") / 1048576.0);
    if (reply_number(flash, "per_day_bytes") > 0)
        (void)printf(", %.1f MiB a day", reply_number(flash, "per_day_bytes") / 1048576.0);
    if (budget_mib > 0) (void)printf(" of %.1f", budget_mib);
    (void)printf("  commit every %.1f s%s, WAL at %.0f %%%s\n",
                 reply_number(flash, "commit_every_ms") / 1000.0,
                 reply_is_true(flash, "commit_every_fixed") ? " (fixed)" : "",
                 reply_number(flash, "wal_percent"),
                 reply_is_true(flash, "over_budget") ? "  OVER BUDGET" : "");
}

static void print_store_and_uplink(const cJSON *status)
{
    const cJSON *store = cJSON_GetObjectItemCaseSensitive(status, "store");
    const cJSON *uplink = cJSON_GetObjectItemCaseSensitive(status, "uplink");
    (void)printf("store    %s  %.1f of %.1f MiB  waiting: %.0f alarms, %.0f summaries%s\n",
                 reply_text(store, "path"), reply_number(store, "file_bytes") / 1048576.0,
                 reply_number(store, "budget_bytes") / 1048576.0,
                 reply_number(store, "waiting_alarms"), reply_number(store, "waiting_summaries"),
                 reply_is_true(store, "failing") ? "  COMMITS FAIL" : "");
    if (reply_number(store, "merged_alarms") > 0)
        (void)printf("  events merged in the lane of alarms: %.0f\n",
                     reply_number(store, "merged_alarms"));
    print_flash(cJSON_GetObjectItemCaseSensitive(store, "flash"));
    if (!cJSON_IsObject(uplink)) {
        (void)printf("uplink   none configured\n");
        return;
    }
    (void)printf("uplink   %s  acknowledged %.0f  refused %.0f  in flight %.0f",
                 reply_text(uplink, "state"), reply_number(uplink, "acknowledged"),
                 reply_number(uplink, "refused"), reply_number(uplink, "in_flight"));
    if (reply_text(uplink, "problem")[0] != '\0')
        (void)printf("  (%s)", reply_text(uplink, "problem"));
    (void)printf("\n");
    if (reply_is_true(uplink, "waits_for_clock"))
        (void)printf("  summaries wait for the clock to be set\n");
    print_drain(uplink);
}

static void print_ledger(const cJSON *status)
{
    const cJSON *ledger = cJSON_GetObjectItemCaseSensitive(status, "ledger");
    const cJSON *readings = cJSON_GetObjectItemCaseSensitive(ledger, "readings");
    const cJSON *records = cJSON_GetObjectItemCaseSensitive(ledger, "records");
    (void)printf("ledger   %s\n", reply_is_true(ledger, "balanced") ? "balanced" : "NOT BALANCED");
    (void)printf("  readings: received %.0f = accepted %.0f + late %.0f + refused %.0f\n",
                 reply_number(readings, "received"), reply_number(readings, "accepted"),
                 reply_number(readings, "late"), reply_number(readings, "refused"));
    (void)printf("  records:  written %.0f = acknowledged %.0f + waiting %.0f + merged %.0f + "
                 "dropped %.0f\n",
                 reply_number(records, "written"), reply_number(records, "acknowledged"),
                 reply_number(records, "waiting"), reply_number(records, "merged"),
                 reply_number(records, "dropped"));
}

static void print_ranking(const cJSON *alarms, const char *key, const char *time)
{
    const cJSON *ranking = cJSON_GetObjectItemCaseSensitive(alarms, key);
    const cJSON *item = NULL;
    if (reply_number(ranking, "calls") == 0) return;
    (void)printf("  in %s %.0f calls, %.1f %% of them by\n", time, reply_number(ranking, "calls"),
                 reply_number(ranking, "share") * 100);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(ranking, "top"))
    {
        (void)printf("    %-46s %.0f, %.0f in all\n", reply_text(item, "alarm"),
                     reply_number(item, "calls"), reply_number(item, "ever"));
    }
}

static void print_alarms(const cJSON *status)
{
    const cJSON *alarms = cJSON_GetObjectItemCaseSensitive(status, "alarms");
    const cJSON *states = cJSON_GetObjectItemCaseSensitive(alarms, "states");
    const cJSON *slots = cJSON_GetObjectItemCaseSensitive(alarms, "per_10min");
    const cJSON *floods = cJSON_GetObjectItemCaseSensitive(alarms, "floods");
    const cJSON *acks = cJSON_GetObjectItemCaseSensitive(alarms, "acknowledged");
    const cJSON *state = NULL;
    if (reply_number(alarms, "known") == 0) return;
    (void)printf("alarms   %.0f known  %.0f active", reply_number(alarms, "known"),
                 reply_number(alarms, "active"));
    cJSON_ArrayForEach(state, states)
    {
        if (state->valuedouble > 0 && strcmp(state->string, "NORM") != 0)
            (void)printf("  %s %.0f", state->string, state->valuedouble);
    }
    (void)printf("%s\n", reply_is_true(alarms, "in_flood") ? "  FLOOD" : "");
    (void)printf("  calls: %.0f, held back %.0f; in 10 min: now %.0f, peak %.0f; floods %.0f\n",
                 reply_number(alarms, "annunciations"), reply_number(alarms, "held_back"),
                 reply_number(slots, "now"), reply_number(slots, "peak"),
                 reply_number(floods, "count"));
    (void)printf(
        "  standing %.0f  chattering %.0f  flapping %.0f  fleeting %.0f  acknowledged %.0f "
        "in %.1f s on average\n",
        reply_number(alarms, "standing"), reply_number(alarms, "chattering"),
        reply_number(alarms, "flapping"), reply_number(alarms, "fleeting"),
        reply_number(acks, "count"), reply_number(acks, "mean_ms") / 1000);
    print_ranking(alarms, "two_days", "two days");
    print_ranking(alarms, "thirty_days", "thirty days");
}

static void print_status(const cJSON *status)
{
    const cJSON *devices = cJSON_GetObjectItemCaseSensitive(status, "devices");
    (void)printf("gateway  %s  version %s  up ", reply_text(status, "gateway"),
                 reply_text(status, "version"));
    print_duration(reply_number(status, "uptime_ms"));
    (void)printf("  clock %s  memory %.1f MB\n", reply_text(status, "clock"),
                 reply_number(status, "resident_bytes") / 1e6);
    (void)printf("devices  %.0f of %.0f  alarms active %.0f\n", reply_number(devices, "known"),
                 reply_number(devices, "limit"), reply_number(status, "alarms_active"));
    print_sources(status);
    print_windows(status);
    print_alarms(status);
    print_store_and_uplink(status);
    print_ledger(status);
}

static void print_device(const cJSON *device)
{
    (void)printf("%-40s %12.9g  %-24s accepted %-10.0f late %-6.0f rejected %-6.0f%s\n",
                 reply_text(device, "device"), reply_number(device, "last"),
                 reply_text(device, "newest"), reply_number(device, "accepted"),
                 reply_number(device, "late"), reply_number(device, "rejected"),
                 reply_number(device, "alarms_active") > 0 ? " ALARM" : "");
}

void status_print(const char *line, size_t size, bool is_of_device)
{
    cJSON *object = cJSON_ParseWithLength(line, size);
    if (object == NULL)
        (void)puts(line);
    else if (is_of_device)
        print_device(object);
    else
        print_status(object);
    cJSON_Delete(object);
}
