/* Invariant: the watchdog is fed by the loop itself, so that a loop that stands still is noticed
 * too, and never while a part is stuck. */
#include "service.h"

#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    LOOK_MS = 5000,
    LOOK_LEAST_MS = 1,
    LINES_SIZE = 512,
    /* Cards and disks stand still for tens of seconds while they mend themselves. */
    STORE_LIMIT_MS = 2 * 60 * 1000,
    INTAKE_LIMIT_MS = 2 * 60 * 1000,
    /* A resolver with several servers and search domains takes minutes to give up. */
    UPLINK_LIMIT_MS = 15 * 60 * 1000
};

static const char *const uplink_states[] = {"off", "down", "connecting", "up"};

/* A source is held back only until the running commit is done. */
static struct health_work look_at_intake(const struct flow *flow)
{
    struct health_work work = {.is_due = flow->is_full && !store_is_committing(flow->store)};
    for (size_t i = 0; i < flow->source_count; i++) {
        const struct flow_source *source = &flow->sources[i];
        if (source->is_open && source->is_paused && !store_is_committing(flow->store))
            work.is_due = true;
    }
    return work;
}

static struct health_work look_at_store(const struct flow *flow)
{
    struct store_counts counts = store_count(flow->store);
    return (struct health_work){.is_due = store_is_committing(flow->store),
                                .steps = counts.commits + counts.failed_commits};
}

/* Connected, it is the uplink's turn when records wait and none is on the way; what the other
 * side leaves unanswered is not in our hands. */
static struct health_work look_at_uplink(const struct flow *flow)
{
    if (flow->uplink == NULL) return (struct health_work){.is_due = false};
    struct uplink_counts counts = uplink_count(flow->uplink);
    struct store_counts store = store_count(flow->store);
    uint64_t waiting = store.waiting[LANE_ALARM] + store.waiting[LANE_WINDOW];
    return (struct health_work){
        .is_due = counts.state != UPLINK_UP || (waiting > counts.parked && counts.in_flight == 0),
        .steps = counts.connects + counts.losses + counts.sent + counts.refused,
    };
}

void service_look(const struct flow *flow, struct health_work work[HEALTH_PARTS])
{
    work[HEALTH_INTAKE] = look_at_intake(flow);
    work[HEALTH_STORE] = look_at_store(flow);
    work[HEALTH_UPLINK] = look_at_uplink(flow);
}

static void add_status(struct text *lines, const struct flow *flow)
{
    size_t connected = 0;
    for (size_t i = 0; i < flow->source_count; i++)
        if (flow->sources[i].intake.is_connected) connected++;
    struct verdict_counts verdicts = flow_count_verdicts(flow);
    struct store_counts store = store_count(flow->store);
    text_add_uint(lines, connected);
    text_add(lines, " of ");
    text_add_uint(lines, flow->source_count);
    text_add(lines, " sources connected, ");
    text_add_uint(lines, verdicts.by[VERDICT_OK]);
    text_add(lines, " readings taken, ");
    text_add_uint(lines, store.waiting[LANE_ALARM] + store.waiting[LANE_WINDOW]);
    text_add(lines, " records waiting, uplink ");
    text_add(lines,
             uplink_states[flow->uplink != NULL ? uplink_count(flow->uplink).state : UPLINK_OFF]);
    if (store.is_failing) text_add(lines, ", commits fail");
}

static void tell(struct service *service, enum health_part stuck)
{
    char bytes[LINES_SIZE];
    struct text lines;
    text_init(&lines, bytes, sizeof bytes);
    if (service->is_ready_due) text_add(&lines, "READY=1\n");
    if (service->watchdog_ms > 0 && stuck == HEALTH_PARTS) text_add(&lines, "WATCHDOG=1\n");
    text_add(&lines, "STATUS=");
    if (stuck == HEALTH_PARTS) {
        add_status(&lines, service->flow);
    } else {
        text_add(&lines, health_part_name(stuck));
        text_add(&lines, " makes no progress");
    }
    enum status status = notify_send(&service->notify, bytes);
    if (status == ST_OK) service->is_ready_due = false;
    if (status == ST_IO)
        log_limited(service->log, LOG_LEVEL_WARN, "agent", "notify",
                    "the service manager does not listen any more");
}

static void on_look(void *context)
{
    struct service *service = context;
    struct health_work work[HEALTH_PARTS];
    service_look(service->flow, work);
    enum health_part stuck =
        health_judge(&service->health, work, clock_mono_ms(&service->flow->host.clock));
    if (stuck != HEALTH_PARTS)
        log_limited(service->log, LOG_LEVEL_ERROR, "agent", health_part_name(stuck),
                    "%s makes no progress%s", health_part_name(stuck),
                    service->watchdog_ms > 0 ? "; the watchdog is not fed any more" : "");
    tell(service, stuck);
}

void service_open(struct service *service, struct log *log)
{
    *service = (struct service){.log = log};
    if (notify_open(&service->notify, getenv("NOTIFY_SOCKET")) == ST_INVALID)
        log_write(log, LOG_LEVEL_WARN, "agent",
                  "NOTIFY_SOCKET names no socket that can be reached; nobody is told of the start");
    if (service->notify.fd >= 0)
        service->watchdog_ms =
            notify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
}

void service_wait(struct service *service, const char *reason, int64_t more_ms)
{
    char bytes[LINES_SIZE];
    struct text lines;
    text_init(&lines, bytes, sizeof bytes);
    text_add(&lines, "EXTEND_TIMEOUT_USEC=");
    text_add_int(&lines, more_ms * 1000);
    text_add(&lines, "\nSTATUS=");
    text_add(&lines, reason);
    enum status status = notify_send(&service->notify, bytes);
    (void)status; /* the next one tells it again */
}

enum status service_start(struct service *service, struct loop *loop, const struct flow *flow)
{
    int64_t limits_ms[HEALTH_PARTS] = {
        [HEALTH_INTAKE] = INTAKE_LIMIT_MS,
        [HEALTH_STORE] = STORE_LIMIT_MS,
        [HEALTH_UPLINK] = UPLINK_LIMIT_MS + flow->config->uplink.mqtt.backoff_max_ms,
    };
    service->flow = flow;
    service->is_ready_due = true;
    health_init(&service->health, limits_ms, clock_mono_ms(&flow->host.clock));
    tell(service, HEALTH_PARTS);
    int64_t look_ms = LOOK_MS;
    if (service->watchdog_ms > 0 && service->watchdog_ms / 4 < look_ms)
        look_ms = service->watchdog_ms / 4;
    if (look_ms < LOOK_LEAST_MS) look_ms = LOOK_LEAST_MS;
    service->timer = loop_timer_start(loop, look_ms, look_ms, on_look, service);
    return service->timer != NULL ? ST_OK : ST_FULL;
}

void service_stop(struct service *service)
{
    loop_timer_stop(&service->timer);
    enum status status =
        notify_send(&service->notify, "STOPPING=1\nWATCHDOG=1\nSTATUS=commits what was taken");
    (void)status; /* the manager that asked for the stop knows */
}

void service_close(struct service *service)
{
    loop_timer_stop(&service->timer);
    notify_close(&service->notify);
}
