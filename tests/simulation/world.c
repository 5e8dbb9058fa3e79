/* Invariant: whatever happens here follows from the options; nothing reads the real time or real
 * randomness that could show in a result. */
#include "simulation/world.h"

#include "simulation/allocation.h"
#include "simulation/virtual_store.h"
#include "uplink/link.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGIN_WALL_MS INT64_C(1795219200000) /* 2026-11-21T00:00:00Z */

enum { COPY_SIZE = 65536 };

/* ---- chance ---- */

static uint64_t next_random(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t world_random(struct world *world, uint64_t limit)
{
    return limit == 0 ? 0 : next_random(world) % limit;
}

bool world_chance(struct world *world, unsigned permille)
{
    return world_random(world, 1000) < permille;
}

int64_t world_random_wait(struct world *world, int64_t mean_ms)
{
    return 1 + (int64_t)world_random(world, 2 * (uint64_t)mean_ms);
}

_Noreturn void world_fail(struct world *world, const char *file, int line, const char *format, ...)
{
    allocation_watch(false);
    fprintf(stderr, "%s:%d: ISOTHERM_SEED=%" PRIu64 " after %" PRId64 " ms: ", file, line,
            world->options.seed, virtual_time_now_ms());
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _fail(file, line);
    abort();
}

/* ---- the store's thread ---- */

static int64_t choose_store_delay(void *context)
{
    struct world *world = context;
    if (world_chance(world, 2)) return 1000 + (int64_t)world_random(world, 20000);
    return 1 + (int64_t)world_random(world, 30);
}

static bool choose_store_failure(void *context)
{
    struct world *world = context;
    return world->options.fails_commits && !world->is_healing && world_chance(world, 30);
}

static void on_durable(void *context, uint64_t ticket)
{
    struct world *world = context;
    world->committed_ticket = ticket;
    while (world->taken_first < world->taken_end) {
        struct taken *taken = &world->taken[world->taken_first % WORLD_TAKEN];
        if (taken->ticket > ticket) return;
        oracle_promise(&world->oracle, &taken->reading);
        if (taken->message != NULL) taken->message->is_committed = true;
        world->taken_first++;
    }
}

void world_take(struct world *world, const struct message *reading, struct message *message,
                uint64_t ticket)
{
    WORLD_CHECK(world, world->taken_end - world->taken_first < WORLD_TAKEN,
                "%d readings taken and not committed", WORLD_TAKEN);
    world->taken[world->taken_end++ % WORLD_TAKEN] =
        (struct taken){.ticket = ticket, .reading = *reading, .message = message};
}

/* ---- start and end of the process ---- */

static void restore_entry(void *context, const void *bytes, size_t size)
{
    struct world *world = context;
    enum status status = flow_restore(&world->flow, bytes, size);
    WORLD_CHECK(world, status == ST_OK, "a journal entry is not usable: %s", status_text(status));
}

static void open_uplink(struct world *world, const char *epoch)
{
    struct uplink_settings settings = {.kind = &centre_link_kind,
                                       .link_options = &world->link_options,
                                       .part = "uplink",
                                       .topic = "isotherm/{gateway}",
                                       .gateway = world->config.gateway,
                                       .epoch = epoch,
                                       .boot_times = &world->flow.boot_times,
                                       .in_flight = 20,
                                       .pacing = {.rate = world->options.rate},
                                       .loop = world->loop,
                                       .clock = &world->clock,
                                       .log = &world->log,
                                       .store = world->flow.store};
    enum status status = uplink_open_link(&world->flow.uplink, &settings);
    WORLD_CHECK(world, status == ST_OK, "uplink: %s", status_text(status));
}

void world_boot(struct world *world)
{
    allocation_watch(false);
    world->boots++;
    enum status status = loop_open(&world->loop);
    struct flow *flow = &world->flow;
    flow_init(flow, &world->config, world->loop, &world->log, world->clock);
    flow->boot_times.boot = world->boot;
    world->boot_begin_ms[world->boot] = virtual_time_wall_ms() - clock_mono_ms(&world->clock);
    struct store_events events = flow_events(flow);
    struct stream_sink sink = flow_sink(flow);
    struct stream_options options = config_stream_options(&world->config);
    options.boot = world->boot;
    struct store_found found;
    struct store_options store_options = config_store_options(&world->config);
    if (status == ST_OK)
        status =
            store_open(&flow->store, &store_options, world->loop, &world->log, &events, &found);
    if (status == ST_OK) status = flow_prepare(flow);
    if (status == ST_OK) status = stream_open(&flow->stream, &options, &sink);
    if (status == ST_OK) status = store_restore(flow->store, restore_entry, world);
    if (status == ST_OK) status = store_start(flow->store);
    WORLD_CHECK(world, status == ST_OK, "no start: %s", status_text(status));
    WORLD_CHECK(world, !found.was_set_aside, "the store was set aside");
    world->committed_ticket = 0;
    open_uplink(world, found.epoch);
    status = flow_start(flow);
    WORLD_CHECK(world, status == ST_OK, "no start of the flow: %s", status_text(status));
    world->is_up = true;
    allocation_watch(true);
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[COPY_SIZE];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) return;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (ssize_t size; (size = read(in, bytes, sizeof bytes)) > 0;)
        if (write(out, bytes, (size_t)size) != size) abort();
    (void)close(in);
    (void)close(out);
}

static const char *const suffixes[] = {"", "-wal"};

/* What a crash leaves behind is the files as they are now, not as an orderly close makes them. */
static void keep_files(struct world *world, bool is_after)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[LIMIT_PATH_SIZE + 16], kept[LIMIT_PATH_SIZE + 32];
        snprintf(path, sizeof path, "%s%s", world->config.store.path, suffixes[i]);
        snprintf(kept, sizeof kept, "%s.kept", path);
        if (!is_after) {
            copy_file(path, kept);
            continue;
        }
        (void)unlink(path);
        if (access(kept, F_OK) == 0 && rename(kept, path) != 0) abort();
    }
}

static void release_process(struct world *world)
{
    struct flow *flow = &world->flow;
    store_close(flow->store);
    stream_close(flow->stream);
    loop_close(world->loop);
    flow_fini(flow);
    world->taken_first = world->taken_end = 0;
    for (size_t i = 0; i < SOURCE_COUNT; i++) source_crash(&world->sources[i]);
    world->is_up = false;
}

void world_crash(struct world *world)
{
    allocation_watch(false);
    world->crashes++;
    virtual_store_crash();
    keep_files(world, false);
    world->centre.is_connected = false; /* a dead process says no good-bye */
    uplink_close(world->flow.uplink);
    release_process(world);
    keep_files(world, true);
    allocation_watch(true);
}

void world_stop(struct world *world)
{
    world->is_stopping = true;
    world->stops++;
    struct flow *flow = &world->flow;
    flow_stop(flow);
    allocation_watch(false);
    uplink_close(flow->uplink);
    flow->uplink = NULL;
    enum status status = store_stop(flow->store, flow->ticket);
    WORLD_CHECK(world, status == ST_OK, "stop: %s", status_text(status));
    WORLD_CHECK(world, world->taken_first == world->taken_end,
                "%zu readings taken, not committed at an orderly stop",
                world->taken_end - world->taken_first);
    virtual_store_crash();
    release_process(world);
    world->is_stopping = false;
    allocation_watch(true);
}

/* ---- what must hold all the time ---- */

static void check_ledger(struct world *world)
{
    const struct flow *flow = &world->flow;
    struct verdict_counts verdicts = flow_count_verdicts(flow);
    struct stream_counts stream = stream_count(flow->stream);
    struct store_counts store = store_count(flow->store);
    uint64_t taken = verdicts.by[VERDICT_OK] - flow->accepted_before;
    WORLD_CHECK(world, taken == stream.accepted - flow->stream_before,
                "sources were told %" PRIu64 " taken, the stream has %" PRIu64, taken,
                stream.accepted - flow->stream_before);
    uint64_t waiting = store.waiting[LANE_ALARM] + store.waiting[LANE_WINDOW];
    WORLD_CHECK(world, store.written == store.acknowledged + store.merged + store.dropped + waiting,
                "records: %" PRIu64 " written, %" PRIu64 " acknowledged, %" PRIu64
                " dropped, %" PRIu64 " waiting",
                store.written, store.acknowledged, store.dropped, waiting);
    const struct stream_window_counts *window = &stream.windows[0];
    WORLD_CHECK(world, stream.accepted == window->published + window->open + window->missed,
                "readings: %" PRIu64 " accepted, %" PRIu64 " published, %" PRIu64 " open, %" PRIu64
                " missed",
                stream.accepted, window->published, window->open, window->missed);
    WORLD_CHECK(world, store.file_bytes <= world->config.store.budget_bytes,
                "the store has %" PRId64 " bytes", store.file_bytes);
    if (store.file_bytes > world->most_file_bytes) world->most_file_bytes = store.file_bytes;
}

void world_run(struct world *world, int64_t duration_ms)
{
    int64_t until_ms = virtual_time_now_ms() + duration_ms;
    uint64_t allocations = allocation_count();
    allocation_watch(true);
    while (virtual_time_step(until_ms)) {
        world->steps++;
        if (world->is_up) check_ledger(world);
    }
    allocation_watch(false);
    WORLD_CHECK(world, allocation_count() == allocations, "our code allocated %" PRIu64 " times",
                allocation_count() - allocations);
}

/* ---- a whole life ---- */

static void make_config(struct world *world)
{
    const struct world_options *options = &world->options;
    struct config *config = &world->config;
    config->store.budget_bytes = options->budget_bytes > 0 ? options->budget_bytes : 512 << 20;
    config->store.commit_every_ms = options->commit_every_ms;
    config->store.batch_bytes = 1 << 20;
    snprintf(config->gateway, sizeof config->gateway, "gw-%" PRIu64, options->seed);
    snprintf(config->store.path, sizeof config->store.path, "%s/isotherm.db", world->folder);
    config->limits.devices = options->table > 0 ? options->table : options->devices;
    config->limits.admission = options->admission;
    config->limits.payload_bytes = LIMIT_PAYLOAD_DEFAULT;
    config->times.future_ms = 5 * MINUTE;
    config->windows[0] =
        (struct window_spec){.size_ms = options->window_ms, .every_ms = options->window_ms};
    config->windows[1] =
        (struct window_spec){.size_ms = 4 * options->window_ms, .every_ms = options->window_ms};
    config->window_count = 2;
    config->lateness_ms = options->lateness_ms;
    config->grace_ms = options->grace_ms;
    config->alarms[0] = (struct alarm_rule){.name = "hot",
                                            .devices = "d0000*",
                                            .high_micro = 80000000,
                                            .has_high = true,
                                            .deadband_micro = 1000000,
                                            .on_delay_ms = MINUTE};
    config->alarm_count = 1;
    config->has_uplink = true;
    config->uplink.clock_wait_ms =
        options->clock_wait_ms > 0 ? options->clock_wait_ms : 15 * MINUTE;
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        struct source *source = &world->sources[i];
        source->world = world;
        source->can_wait = source_drivers[i].can_wait;
        world->source_options[i] = source;
        config->sources[i].driver = &source_drivers[i];
        config->sources[i].options = &world->source_options[i];
        snprintf(config->sources[i].name, sizeof config->sources[i].name, "%s",
                 source_drivers[i].name);
    }
    config->source_count = SOURCE_COUNT;
}

/* So that a failed test, which ends in the middle of everything, is not reported as a leak too. */
static struct world *volatile present;

struct world *world_open(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL) abort();
    world->former = present;
    present = world;
    world->options = *options;
    world->random = options->seed;
    world->taken = calloc(WORLD_TAKEN, sizeof *world->taken);
    world->devices = calloc(options->devices, sizeof *world->devices);
    if (world->taken == NULL || world->devices == NULL) abort();
    printf("seed %" PRIu64 "\n", options->seed);
    fflush(stdout);
    virtual_time_reset(options->begin_wall_ms > 0 ? options->begin_wall_ms : BEGIN_WALL_MS);
    virtual_time_set_grain(options->grain_ms);
    world->clock = clock_system();
    bool is_logging = getenv("ISOTHERM_LOG") != NULL;
    world->log_fd = open(is_logging ? "/dev/stderr" : "/dev/null", O_WRONLY | O_CLOEXEC);
    log_init(&world->log, world->clock, world->log_fd, LOG_LEVEL_DEBUG);
    snprintf(world->folder, sizeof world->folder, "%s/isotherm-world-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(world->folder) == NULL) abort();
    make_config(world);
    world->centre.world = world;
    world->boot = 1;
    world->link_options = &world->centre;
    oracle_open(&world->oracle, world);
    virtual_store_set_hooks(&(struct virtual_store_hooks){.delay_ms = choose_store_delay,
                                                          .fails = choose_store_failure,
                                                          .durable = on_durable,
                                                          .context = world});
    life_begin(world);
    world_boot(world);
    return world;
}

static bool is_over(struct world *world)
{
    struct stream_counts stream = stream_count(world->flow.stream);
    struct store_counts store = store_count(world->flow.store);
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (world->sources[i].first != world->sources[i].end) return false;
    return stream.windows[0].open == 0 && stream.windows[1].open == 0 && store.staged == 0 &&
           store.waiting[LANE_ALARM] == 0 && store.waiting[LANE_WINDOW] == 0 &&
           world->taken_first == world->taken_end;
}

void world_verify(struct world *world)
{
    world->is_healing = true;
    life_end(world);
    centre_heal(&world->centre);
    if (!world->is_up) world_boot(world);
    world_run(world, 6 * world->options.window_ms + world->options.lateness_ms +
                         world->options.grace_ms + HOUR);
    for (int i = 0; i < 14 * 24 && !is_over(world); i++) world_run(world, HOUR);
    struct store_counts store = store_count(world->flow.store);
    WORLD_CHECK(world, is_over(world),
                "two weeks after all trouble: %" PRIu64 " readings in open windows, %" PRIu64
                " alarms and %" PRIu64 " windows in the outbox, %zu readings not committed",
                stream_count(world->flow.stream).windows[0].open, store.waiting[LANE_ALARM],
                store.waiting[LANE_WINDOW], world->taken_end - world->taken_first);
    oracle_verify(&world->oracle, store_count(world->flow.store).dropped);
}

static void remove_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) return;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    (void)closedir(directory);
    (void)rmdir(folder);
}

void world_close(struct world *world)
{
    allocation_watch(false);
    if (world->is_up) world_crash(world);
    allocation_watch(false);
    present = world->former;
    remove_folder(world->folder);
    (void)close(world->log_fd);
    oracle_close(&world->oracle);
    free(world->taken);
    free(world->devices);
    free(world);
}

void world_finish(struct world *world)
{
    world_verify(world);
    printf("  %" PRIu64 " readings, %" PRIu64 " promised, %" PRIu64 " records (%" PRIu64
           " repeated), %" PRIu64 " boots, %" PRIu64 " outages, %" PRIu64 " steps\n",
           world->readings, world->oracle.promised, world->oracle.distinct, world->oracle.repeated,
           world->boots, world->centre.outages, world->steps);
    if (world->oracle.parts > 0)
        printf("  %" PRIu64 " windows said in another part\n", world->oracle.parts);
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
            if (world->sources[i].refused[verdict] > 0)
                printf("  %s: %" PRIu64 " refused, %s\n", source_drivers[i].name,
                       world->sources[i].refused[verdict], verdict_name((enum verdict)verdict));
    world_close(world);
}

struct world_options world_small_options(uint64_t seed)
{
    return (struct world_options){.seed = seed,
                                  .devices = 12,
                                  .every_ms = 30 * SECOND,
                                  .window_ms = 5 * MINUTE,
                                  .lateness_ms = 30 * SECOND,
                                  .grace_ms = 30 * SECOND,
                                  .commit_every_ms = 5 * SECOND,
                                  .grain_ms = 2 * SECOND};
}

struct world *world_live(const struct world_options *options, int64_t duration_ms)
{
    struct world *world = world_open(options);
    world_run(world, duration_ms);
    world_verify(world);
    return world;
}

void world_repeat(uint64_t count, void (*fn)(uint64_t seed))
{
    const char *seed = getenv("ISOTHERM_SEED"), *budget = getenv("ISOTHERM_BUDGET");
    if (seed != NULL) {
        fn(strtoull(seed, NULL, 0));
        return;
    }
    double factor = budget != NULL ? strtod(budget, NULL) : 1;
    uint64_t seeds = (uint64_t)((double)count * factor);
    for (uint64_t i = 0; i < (seeds > 0 ? seeds : 1); i++) fn(i + 1);
}
