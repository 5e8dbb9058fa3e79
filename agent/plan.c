/* Invariant: every byte that our code allocates at start stands in exactly one part that is ours,
 * by the very function that is asked when it is allocated. */
#include "plan.h"

#include "agent.h"
#include "alarm_front.h"
#include "announcer.h"
#include "base/log.h"
#include "base/loop.h"
#include "config_learned.h"
#include "control.h"
#include "plan_days.h"
#include "plan_traffic.h"
#include "repeat.h"
#include "store/database.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Measured on Debian 12, amd64 (docs/plan.md); memory in bytes. */
enum {
    FILE_BYTES = 5700 * 1024,         /* code and constants of program and libraries */
    OPENSSL_FILE_BYTES = 2750 * 1024, /* more of OpenSSL, for TLS */
    LIBRARY_DATA_BYTES = 320 * 1024,  /* relocations and tables that the libraries write to */
    STACK_BYTES = 100 * 1024,         /* of all threads, as far as they are used */
    SQLITE_BYTES = 380 * 1024,        /* cache of 256 KiB, statements, index of the WAL */
    MQTT_BYTES = 24 * 1024,           /* libmosquitto, one connection */
    TLS_FIRST_BYTES = 350 * 1024,     /* what OpenSSL sets up for itself */
    TLS_BYTES = 120 * 1024,           /* one connection */
    COAP_BYTES = 100 * 1024,          /* libcoap with its peers */
    ALLOCATOR_BYTES = 32 * 1024       /* what malloc keeps between blocks and for threads */
};

struct plan_assumptions plan_assume(void)
{
    return (struct plan_assumptions){.id_bytes = 24, .latency_ms = 20};
}

static void add_part(struct plan *plan, bool is_ours, int64_t bytes, int64_t resident_bytes,
                     const char *name)
{
    if (plan->part_count == PLAN_PARTS) return;
    struct plan_part *part = &plan->parts[plan->part_count++];
    *part =
        (struct plan_part){.is_ours = is_ours, .bytes = bytes, .resident_bytes = resident_bytes};
    (void)snprintf(part->name, sizeof part->name, "%s", name);
    if (is_ours) plan->ours_bytes += bytes;
    plan->resident_bytes += resident_bytes;
}

static void add_ours(struct plan *plan, size_t bytes, const char *name)
{
    add_part(plan, true, (int64_t)bytes, (int64_t)bytes, name);
}

static size_t source_bytes(const struct config_source *source)
{
    const struct driver *driver = source->driver;
    size_t keys = driver->repeat_keys != NULL ? driver->repeat_keys(source->options) : 0;
    size_t opened = driver->open_bytes != NULL ? driver->open_bytes(source->options) : 0;
    return driver->state_size + driver->options_size + repeat_size_bytes(keys) + opened;
}

/* What one more device costs: what the table has once, rules among it, is not counted to any. */
static int64_t find_device_bytes(const struct stream_options *stream)
{
    struct stream_options other = *stream;
    other.devices = stream->devices > LIMIT_DEVICES / 2 ? stream->devices / 2 : 2 * stream->devices;
    int64_t devices = (int64_t)other.devices - (int64_t)stream->devices;
    int64_t bytes = (int64_t)stream_size_bytes(&other) - (int64_t)stream_size_bytes(stream);
    return bytes / devices;
}

static void add_our_parts(struct plan *plan, const struct config *config)
{
    struct stream_options stream = config_stream_options(config);
    struct store_options store = config_store_options(config);
    size_t table = stream_size_bytes(&stream);
    plan->device_bytes = find_device_bytes(&stream);
    add_ours(plan, table, "devices, their panes, windows and alarms");
    add_ours(plan, store_size_bytes(&store), "store: two batches, room to merge");
    if (config->models != NULL)
        add_ours(plan, config_model_bytes(config), "models of learned alarms");
    for (size_t i = 0; i < config->source_count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "source %s", config->sources[i].name);
        add_ours(plan, source_bytes(&config->sources[i]), name);
    }
    if (config->has_uplink) {
        bool has_ledger = config->uplink.ledger_every_ms > 0;
        add_ours(plan, uplink_mqtt_size_bytes() + (has_ledger ? announcer_size_bytes() : 0),
                 "uplink");
    }
    const struct alarm_front_settings front = {.uplink =
                                                   config->has_uplink ? &config->uplink : NULL,
                                               .actions = config->actions,
                                               .action_count = config->action_count};
    add_ours(plan, alarm_front_size_bytes(&front), "commands and actions");
    add_part(plan, true, (int64_t)control_size_bytes(), 2 * (int64_t)control_client_bytes(),
             "control socket (in memory: two clients)");
    add_ours(plan, loop_size_bytes() + agent_size_bytes() + sizeof *config + sizeof(struct log),
             "loop, agent and configuration");
}

/* Of a source or an uplink that speaks MQTT, the URL; NULL for any other. */
static const char *find_broker(const struct config_source *source)
{
    const struct field *field = field_find(source->driver->options, "broker");
    return field != NULL && field->type == FIELD_TEXT ? field_member(field, source->options) : NULL;
}

static void count_connection(const char *broker, int64_t *connections, int64_t *encrypted)
{
    if (broker == NULL) return;
    ++*connections;
    *encrypted += strncmp(broker, "mqtts:", 6) == 0;
}

static void add_library_parts(struct plan *plan, const struct config *config)
{
    int64_t connections = 0, encrypted = 0, coap = 0;
    int64_t largest_commit = config_store_options(config).batch_bytes;
    for (size_t i = 0; i < config->source_count; i++) {
        count_connection(find_broker(&config->sources[i]), &connections, &encrypted);
        coap += strcmp(config->sources[i].driver->name, "coap") == 0;
    }
    if (config->has_uplink) count_connection(config->uplink.mqtt.broker, &connections, &encrypted);
    add_part(plan, false, DATABASE_HEAP_BYTES, SQLITE_BYTES + largest_commit + largest_commit / 8,
             "SQLite, with the largest commit");
    if (connections > 0)
        add_part(plan, false, connections * MQTT_BYTES, connections * MQTT_BYTES, "libmosquitto");
    int64_t tls = encrypted > 0 ? TLS_FIRST_BYTES + encrypted * TLS_BYTES : 0;
    if (tls > 0) add_part(plan, false, tls, tls, "OpenSSL");
    if (coap > 0) add_part(plan, false, coap * COAP_BYTES, coap * COAP_BYTES, "libcoap");
    add_part(plan, false, LIBRARY_DATA_BYTES, LIBRARY_DATA_BYTES, "tables of the libraries");
    add_part(plan, false, STACK_BYTES, STACK_BYTES, "stacks of the threads");
    add_part(plan, false, ALLOCATOR_BYTES, ALLOCATOR_BYTES, "between blocks");
    plan->anonymous_bytes = plan->resident_bytes;
    int64_t files = FILE_BYTES + (encrypted > 0 ? OPENSSL_FILE_BYTES : 0);
    add_part(plan, false, files, files, "code of program and libraries (files)");
}

static void plan_memory(struct plan *plan, const struct config *config)
{
    add_our_parts(plan, config);
    add_library_parts(plan, config);
}

int64_t plan_resident_bytes(const struct config *config)
{
    struct plan plan = {.part_count = 0};
    plan_memory(&plan, config);
    return plan.resident_bytes;
}

enum status plan_make(struct plan *plan, const struct config *config,
                      const struct plan_assumptions *assumptions)
{
    *plan = (struct plan){.assumed = *assumptions};
    struct plan_assumptions *assumed = &plan->assumed;
    if (assumed->every_ms == 0)
        assumed->every_ms = config->expected_every_ms > 0 ? config->expected_every_ms : 1000;
    if (assumed->devices == 0 || assumed->devices > config->limits.devices)
        assumed->devices = config->limits.devices;
    struct plan_traffic traffic;
    const struct plan_rhythm rhythm = {.every_ms = assumed->every_ms,
                                       .commit_ms = plan_guess_commit_ms(plan, config),
                                       .id_bytes = assumed->id_bytes};
    enum status status = plan_rehearse(&traffic, config, &rhythm);
    if (status != ST_OK) return status;
    plan_memory(plan, config);
    plan_fill_days(plan, config, &traffic);
    return ST_OK;
}
