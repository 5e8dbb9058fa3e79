/* Invariant: what agent_open started is stopped by agent_close in the reverse order, also when
 * the start failed half way. */
#include "agent.h"

#include "announcer.h"
#include "base/loop.h"
#include "control.h"
#include "flow.h"
#include "service.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_MS = 5000, STOP_POOL_MS = 200 };

struct agent {
    const struct config *config;
    struct log *log;
    struct clock clock;
    struct loop *loop;
    struct flow flow;
    struct store_options store_options;
    struct store_found found;
    int64_t started_mono_ms;
    struct announcer *announcer; /* NULL: the ledger is not published */
    struct control *control;
    struct loop_timer *control_timer; /* while its directory is missing */
    struct service service;
    bool is_stop_asked;
    bool is_store_started;
};

static void on_stop_signal(void *context, int signal_number)
{
    struct agent *agent = context;
    log_write(agent->log, LOG_LEVEL_INFO, "agent", "stopping: %s",
              signal_number == SIGTERM ? "SIGTERM" : "SIGINT");
    agent->is_stop_asked = true;
    loop_stop(agent->loop);
}

static void on_hangup_signal(void *context, int signal_number)
{
    struct agent *agent = context;
    (void)signal_number;
    log_write(agent->log, LOG_LEVEL_WARN, "agent",
              "SIGHUP: a changed configuration takes effect at the next start");
}

static enum status start_signals(struct agent *agent)
{
    (void)signal(SIGPIPE, SIG_IGN);
    enum status status = loop_signal_start(agent->loop, SIGTERM, on_stop_signal, agent);
    if (status == ST_OK) status = loop_signal_start(agent->loop, SIGINT, on_stop_signal, agent);
    if (status == ST_OK) status = loop_signal_start(agent->loop, SIGHUP, on_hangup_signal, agent);
    return status;
}

static void on_retry(void *context)
{
    loop_stop(context);
}

/* Waits a while, or less when asked to stop. */
static enum status wait_to_retry(struct agent *agent)
{
    struct loop_timer *timer = loop_timer_start(agent->loop, RETRY_MS, 0, on_retry, agent->loop);
    if (timer == NULL) return ST_FULL;
    loop_run(agent->loop);
    loop_timer_stop(&timer);
    return agent->is_stop_asked ? ST_CLOSED : ST_OK;
}

static enum status prepare_flow(struct agent *agent)
{
    return flow_prepare(&agent->flow);
}

static enum status start_store(struct agent *agent)
{
    struct store_events events = flow_events(&agent->flow);
    agent->store_options = config_store_options(agent->config);
    for (;;) {
        enum status status = store_open(&agent->flow.store, &agent->store_options, agent->loop,
                                        agent->log, &events, &agent->found);
        if (status != ST_AGAIN) return status;
        log_write(agent->log, LOG_LEVEL_WARN, "agent", "the store cannot be opened yet; trying %s",
                  "again in 5 s");
        service_wait(&agent->service, "the store cannot be opened yet", 4 * RETRY_MS);
        status = wait_to_retry(agent);
        if (status != ST_OK) return status;
    }
}

struct restoring {
    struct agent *agent;
    uint64_t entries, refused;
};

static void restore_entry(void *context, const void *bytes, size_t size)
{
    struct restoring *restoring = context;
    restoring->entries++;
    if (flow_restore(&restoring->agent->flow, bytes, size) != ST_OK) restoring->refused++;
}

static enum status start_stream(struct agent *agent)
{
    struct stream_options options = config_stream_options(agent->config);
    options.boot = agent->flow.boot_times.boot;
    struct stream_sink sink = flow_sink(&agent->flow);
    enum status status = stream_open(&agent->flow.stream, &options, &sink);
    if (status != ST_OK) return status;
    struct restoring restoring = {.agent = agent};
    status = store_restore(agent->flow.store, restore_entry, &restoring);
    if (restoring.entries > 0)
        log_write(agent->log, LOG_LEVEL_INFO, "agent",
                  "open windows rebuilt from %llu journal entries, %llu not usable",
                  (unsigned long long)restoring.entries, (unsigned long long)restoring.refused);
    return status;
}

static enum status start_uplink(struct agent *agent)
{
    if (!agent->config->has_uplink) return ST_OK;
    return uplink_open(&agent->flow.uplink, &agent->config->uplink, agent->config->gateway,
                       agent->found.epoch, &agent->flow.boot_times, agent->loop, &agent->clock,
                       agent->log, agent->flow.store);
}

static enum status open_front(struct agent *agent)
{
    const struct config *config = agent->config;
    const struct alarm_front_settings settings = {
        .gateway = config->gateway,
        .uplink = config->has_uplink ? &config->uplink : NULL,
        .actions = config->actions,
        .action_count = config->action_count,
        .loop = agent->loop,
        .log = agent->log,
        .clock = agent->clock,
    };
    struct alarm_front_host host = flow_front_host(&agent->flow);
    return alarm_front_open(&agent->flow.front, &settings, &host);
}

static enum status start_front(struct agent *agent)
{
    return alarm_front_start(agent->flow.front, stream_alarms(agent->flow.stream));
}

static enum status start_announcer(struct agent *agent)
{
    int64_t every_ms = agent->config->uplink.ledger_every_ms;
    if (agent->flow.uplink == NULL || every_ms == 0) return ST_OK;
    return announcer_open(&agent->announcer, &agent->flow, agent->found.epoch,
                          agent->started_mono_ms, every_ms);
}

static enum status start_store_thread(struct agent *agent)
{
    enum status status = store_start(agent->flow.store);
    agent->is_store_started = status == ST_OK;
    return status;
}

static enum status open_control(struct agent *agent)
{
    struct control_subject subject = {.flow = &agent->flow,
                                      .epoch = agent->found.epoch,
                                      .started_mono_ms = agent->started_mono_ms};
    return control_open(&agent->control, agent->config->control_socket, &subject);
}

static void on_control_retry(void *context)
{
    struct agent *agent = context;
    if (open_control(agent) == ST_OK) loop_timer_stop(&agent->control_timer);
}

/* Readings do not wait for the directory in which one could ask about them. */
static enum status start_control(struct agent *agent)
{
    enum status status = open_control(agent);
    if (status != ST_AGAIN) return status;
    log_write(agent->log, LOG_LEVEL_WARN, "agent", "no status and tail yet; trying again each 5 s");
    agent->control_timer =
        loop_timer_start(agent->loop, RETRY_MS, RETRY_MS, on_control_retry, agent);
    return agent->control_timer != NULL ? ST_OK : ST_FULL;
}

static enum status start_flow(struct agent *agent)
{
    return flow_start(&agent->flow);
}

static enum status start_service(struct agent *agent)
{
    return service_start(&agent->service, agent->loop, &agent->flow);
}

size_t agent_size_bytes(void)
{
    return sizeof(struct agent);
}

enum status agent_open(struct agent **result, const struct config *config, struct log *log)
{
    static enum status (*const steps[])(struct agent * agent) = {
        start_signals, prepare_flow,       open_front,   start_store,
        start_stream,  start_store_thread, start_uplink, start_announcer,
        start_front,   start_control,      start_flow,   start_service,
    };
    struct agent *agent = calloc(1, sizeof *agent);
    *result = agent;
    if (agent == NULL) return ST_NO_MEMORY;
    agent->config = config;
    agent->log = log;
    agent->clock = clock_system();
    agent->started_mono_ms = clock_mono_ms(&agent->clock);
    service_open(&agent->service, log);
    enum status status = loop_open(&agent->loop);
    if (status != ST_OK) return status;
    flow_init(&agent->flow, config, agent->loop, log, agent->clock);
    agent->flow.boot_times.boot = clock_boot_number();
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == ST_OK; i++)
        status = steps[i](agent);
    return status;
}

void agent_run(struct agent *agent)
{
    log_write(agent->log, LOG_LEVEL_INFO, "agent",
              "gateway %s runs, version " ISOTHERM_VERSION ", pid %d, status at %s",
              agent->config->gateway, (int)getpid(), agent->config->control_socket);
    while (!agent->is_stop_asked) loop_run(agent->loop);
}

enum status agent_close(struct agent *agent, bool *is_pool_busy)
{
    *is_pool_busy = false;
    if (agent == NULL) return ST_OK;
    enum status status = ST_OK;
    service_stop(&agent->service);
    loop_timer_stop(&agent->control_timer);
    control_close(agent->control);
    if (agent->loop != NULL) flow_stop(&agent->flow);
    announcer_close(agent->announcer);
    uplink_close(agent->flow.uplink);
    agent->flow.uplink = NULL;
    alarm_front_close(agent->flow.front);
    agent->flow.front = NULL;
    if (agent->is_store_started) status = store_stop(agent->flow.store, agent->flow.ticket);
    store_close(agent->flow.store);
    stream_close(agent->flow.stream);
    *is_pool_busy = !loop_finish(agent->loop, STOP_POOL_MS);
    flow_fini(&agent->flow);
    service_close(&agent->service);
    free(agent);
    return status;
}
