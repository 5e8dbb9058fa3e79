/* Invariant: a reading is acknowledged to its source only after the commit that holds it, and a
 * record is sent only after the commit that holds it. */
#include "flow.h"

#include <stdlib.h>
#include <string.h>

#include "flow_alarms.h"
#include "flow_clock.h"

enum {
    TICK_MS = 500,
    TURN_MS = 10,
    STALL_MS = 1000,
    STOP_COMMIT_MS = 1500,
    STOP_DRAIN_MS = 500,
    REFUSALS_MS = 10000, /* a crash forgets refusals of so long at most */
    LOW_ROOM_BYTES = 64 * STREAM_RECORD_BYTES,
};

static void source_pause(struct flow_source *source)
{
    if (!source->is_open || source->is_paused || source->driver->pause == NULL) return;
    source->is_paused = true;
    source->driver->pause(source->state);
}

static void source_resume(struct flow *flow, struct flow_source *source)
{
    if (!source->is_open || !source->is_paused) return;
    if (flow->is_full || flow->is_stopping || source->awaits_commit) return;
    source->is_paused = false;
    if (source->driver->resume != NULL) source->driver->resume(source->state);
}

/* Commits and pauses never happen inside a driver's own call: it would be called back while it
 * is in the middle of something. */
static void commit_soon(struct flow *flow)
{
    if (flow->wants_commit) return;
    flow->wants_commit = true;
    if (flow->soon_timer != NULL) loop_timer_again(flow->soon_timer, 0, 0);
}

/* Where the flash is to be spared and the source can wait: with what comes until then. */
static void commit_within(struct flow *flow, int64_t patience_ms)
{
    int64_t wait_ms = wear_patience_ms(&flow->wear, patience_ms);
    if (wait_ms == 0) {
        commit_soon(flow);
        return;
    }
    if (flow->wants_commit || flow->is_soon_set || flow->soon_timer == NULL) return;
    flow->is_soon_set = true;
    loop_timer_again(flow->soon_timer, wait_ms, 0);
}

/* A broker that sends few messages before they are acknowledged must not be held up by an interval
 * that was made long: it would have to drop what comes meanwhile. */
static void serve_small_windows(struct flow *flow)
{
    if (flow->wear.fixed_ms > 0 || flow->ticket - flow->handed_ticket < FLOW_WINDOW_LEAST) return;
    if (clock_mono_ms(&flow->host.clock) - flow->handed_mono_ms < FLOW_WINDOW_WAIT_MS) return;
    for (size_t i = 0; i < flow->source_count; i++) {
        const struct flow_source *source = &flow->sources[i];
        if (source->driver->pauses_for_commit &&
            source->intake.last_ticket > flow->host.durable_ticket)
            commit_soon(flow);
    }
}

static void resume_sources(struct flow *flow)
{
    for (size_t i = 0; i < flow->source_count; i++) source_resume(flow, &flow->sources[i]);
}

int64_t flow_journal_share(int64_t budget_bytes)
{
    int64_t share_bytes = budget_bytes / FLOW_JOURNAL_PART;
    return share_bytes > FLOW_SWEEP_MIN_BYTES / 2 ? share_bytes : FLOW_SWEEP_MIN_BYTES / 2;
}

/* In a small store the journal must leave room for windows. */
int64_t flow_sweep_limit(int64_t swept_bytes, int64_t share_bytes)
{
    int64_t limit_bytes = swept_bytes * FLOW_SWEEP_GROWTH;
    if (limit_bytes < FLOW_SWEEP_MIN_BYTES) limit_bytes = FLOW_SWEEP_MIN_BYTES;
    if (limit_bytes <= share_bytes) return limit_bytes;
    int64_t least_bytes = swept_bytes + swept_bytes / 2;
    return least_bytes > share_bytes ? least_bytes : share_bytes;
}

static void sweep_journal(struct flow *flow)
{
    int64_t journal_bytes = store_count(flow->store).journal_bytes;
    int64_t share_bytes = flow_journal_share(flow->config->store.budget_bytes);
    if (!flow->is_sweeping) {
        if (journal_bytes < flow_sweep_limit(flow->sweep_bytes, share_bytes)) return;
        store_mark_journal(flow->store, false);
        for (size_t i = 0; i < flow->source_count; i++)
            repeat_journal_whole(&flow->sources[i].intake.repeat);
        if (flow->front != NULL) alarm_front_journal_whole(flow->front);
        flow->is_sweeping = flow->is_ledger_due = true;
        flow->sweep_bytes = 0;
    }
    size_t share = (size_t)flow->config->limits.devices / FLOW_SWEEP_ROUNDS + 1;
    if (journal_bytes > share_bytes) share = (size_t)flow->config->limits.devices;
    if (!stream_journal_states(flow->stream, share)) return;
    store_mark_journal(flow->store, true);
    flow->is_sweeping = false;
}

/* Sources whose acknowledgements leave all together must not take more while a commit runs,
 * else there would never be a moment in which all that was taken is durable. */
static void pause_for_commit(struct flow *flow)
{
    for (size_t i = 0; i < flow->source_count; i++) {
        struct flow_source *source = &flow->sources[i];
        if (!source->driver->pauses_for_commit) continue;
        if (source->intake.last_ticket <= flow->host.durable_ticket) continue;
        source->awaits_commit = true;
        source_pause(source);
    }
}

/* A disk that stalls must not keep alarms from being seen: sources go on without acknowledging,
 * as far as the source's own window and the other batch reach, and wait for the next commit. */
static void outlast_stall(struct flow *flow)
{
    if (!store_is_committing(flow->store) || flow->is_stopping) return;
    if (clock_mono_ms(&flow->host.clock) - flow->handed_mono_ms < STALL_MS) return;
    log_limited(flow->host.log, LOG_LEVEL_WARN, "store", "stall",
                "a commit takes longer than %d s; nothing is acknowledged until it is done",
                STALL_MS / 1000);
    for (size_t i = 0; i < flow->source_count; i++) {
        flow->sources[i].awaits_commit = false;
        source_resume(flow, &flow->sources[i]);
    }
}

static void journal_ledger(struct flow *flow)
{
    struct ledger ledger = {.count = 0};
    for (size_t i = 0; i < flow->source_count; i++) {
        struct ledger_line *line = &ledger.lines[ledger.count++];
        memcpy(line->name, flow->config->sources[i].name, sizeof line->name);
        line->counts = flow->sources[i].intake.counts;
    }
    if (ledger_count_received(&flow->former) > 0) {
        struct ledger_line *line = &ledger.lines[ledger.count++];
        memcpy(line->name, LEDGER_FORMER, sizeof LEDGER_FORMER);
        line->counts = flow->former;
    }
    uint8_t bytes[LEDGER_BYTES];
    store_add_journal(flow->store, bytes, ledger_encode(&ledger, bytes));
    struct verdict_counts counts = flow_count_verdicts(flow);
    flow->journalled_received = ledger_count_received(&counts);
    flow->journalled_mono_ms = clock_mono_ms(&flow->host.clock);
}

static void journal_repeats(struct flow *flow, struct intake *intake)
{
    uint8_t bytes[REPEAT_ENTRY_BYTES];
    int64_t now_mono_ms = clock_mono_ms(&flow->host.clock);
    size_t size;
    while ((size = repeat_encode(&intake->repeat, intake->name, now_mono_ms, bytes)) > 0)
        store_add_journal(flow->store, bytes, size);
}

/* Where nothing but refusals comes in there is no reading for the counts to go with: then now and
 * then, and at the end. */
static bool are_refusals_due(const struct flow *flow)
{
    struct verdict_counts counts = flow_count_verdicts(flow);
    bool is_time = flow->is_stopping ||
                   clock_mono_ms(&flow->host.clock) - flow->journalled_mono_ms >= REFUSALS_MS;
    return is_time && ledger_count_received(&counts) != flow->journalled_received;
}

/* Counts and keys belong to the readings they speak of: they go with every batch that has any, and
 * with the one that begins a round, since all entries before it will be deleted. */
static void journal_sources(struct flow *flow)
{
    flow_clock_journal(flow, flow->is_ledger_due);
    bool is_needed =
        flow->ticket != flow->handed_ticket || flow->is_ledger_due || are_refusals_due(flow);
    if (!is_needed) return;
    flow->is_ledger_due = false;
    journal_ledger(flow);
    for (size_t i = 0; i < flow->source_count; i++) journal_repeats(flow, &flow->sources[i].intake);
}

static void sink_journal(void *context, const void *bytes, size_t size)
{
    struct flow *flow = context;
    store_add_journal(flow->store, bytes, size);
}

static void commit(struct flow *flow)
{
    if (!flow->is_running) return; /* a start that failed has nothing to say, least of all counts */
    if (store_is_committing(flow->store)) {
        flow->wants_commit = true;
        return;
    }
    flow->wants_commit = flow->is_soon_set = false;
    stream_flush_journal(flow->stream);
    sweep_journal(flow);
    journal_sources(flow);
    store_set_wal(flow->store, wear_form(&flow->wear).wal_percent);
    if (flow->front != NULL) alarm_front_journal(flow->front, sink_journal, flow);
    if (!store_commit(flow->store, flow->ticket)) return;
    flow->handed_ticket = flow->ticket;
    flow->handed_mono_ms = clock_mono_ms(&flow->host.clock);
    if (flow->commit_timer != NULL && flow->wear.fixed_ms == 0)
        loop_timer_again(flow->commit_timer, wear_interval_ms(&flow->wear),
                         wear_interval_ms(&flow->wear));
    pause_for_commit(flow);
    flow->is_full = false; /* the other batch is empty */
    resume_sources(flow);
}

static void on_committed(void *context, uint64_t ticket)
{
    struct flow *flow = context;
    flow->host.durable_ticket = ticket;
    wear_note_commit(&flow->wear, store_count(flow->store).flash_bytes,
                     clock_mono_ms(&flow->host.clock));
    if (!flow->is_sweeping && flow->sweep_bytes == 0)
        flow->sweep_bytes = store_count(flow->store).journal_bytes;
    for (size_t i = 0; i < flow->source_count; i++) {
        struct flow_source *source = &flow->sources[i];
        source->awaits_commit = false;
        if (source->is_open && source->driver->can_wait)
            source->driver->durable(source->state, ticket);
        source_resume(flow, source);
    }
    if (flow->uplink != NULL) uplink_on_committed(flow->uplink);
    flow_clock_on_committed(flow);
    if (flow->front != NULL) alarm_front_on_committed(flow->front, ticket);
    if (flow->watcher.committed != NULL) flow->watcher.committed(flow->watcher.context);
    if (flow->wants_commit || flow->is_full) commit(flow);
}

static void on_fetched(void *context, enum lane lane, const struct record *records, size_t count)
{
    struct flow *flow = context;
    if (flow->uplink != NULL) uplink_on_fetched(flow->uplink, lane, records, count);
}

struct store_events flow_events(struct flow *flow)
{
    return (struct store_events){.committed = on_committed, .fetched = on_fetched, .context = flow};
}

static bool sink_has_room(void *context, size_t bytes)
{
    struct flow *flow = context;
    return store_has_room(flow->store, bytes + flow->reserve_bytes);
}

static void sink_emit(void *context, struct record *record)
{
    struct flow *flow = context;
    store_add_record(flow->store, record);
    if (record->kind == RECORD_ALARM) {
        flow_alarms_log(flow, record);
        flow_front_tell(flow, record);
        commit_soon(flow);
    } else if (record->window.boot == flow->boot_times.boot) {
        flow->boot_times.is_concerned = true; /* as another run of this boot was */
    }
    if (flow->watcher.record != NULL) flow->watcher.record(flow->watcher.context, record);
}

struct stream_sink flow_sink(struct flow *flow)
{
    return (struct stream_sink){
        .has_room = sink_has_room, .emit = sink_emit, .journal = sink_journal, .context = flow};
}

/* Both are counted for the device: which one is wrong cannot be known here. */
static void note_source(struct flow *flow, struct intake *intake, const struct reading *reading)
{
    size_t offset = offsetof(struct flow_source, intake);
    const struct flow_source *source = (const void *)((const char *)intake - offset);
    unsigned former = stream_note_source(flow->stream, (uint8_t)(source - flow->sources + 1));
    if (former == 0) return;
    intake->conflicts++;
    log_limited(flow->host.log, LOG_LEVEL_WARN, intake->name, "conflict",
                "device %s comes from %s as well; both are counted as one device", reading->device,
                flow->sources[former - 1].intake.name);
}

static enum verdict on_offer(void *context, struct intake *intake, const struct reading *reading,
                             uint64_t *ticket)
{
    struct flow *flow = context;
    if (flow->is_full || flow->is_stopping) return VERDICT_BUSY;
    struct stream_now now = flow_now(flow);
    enum verdict verdict = stream_add_reading(flow->stream, reading, &now);
    if (verdict == VERDICT_BUSY) {
        flow->is_full = true;
        commit_soon(flow);
        return verdict;
    }
    if (verdict != VERDICT_OK) return verdict;
    note_source(flow, intake, reading);
    *ticket = ++flow->ticket;
    if (flow->watcher.reading != NULL) {
        size_t offset = offsetof(struct flow_source, intake);
        const void *source = (const char *)intake - offset;
        flow->watcher.reading(flow->watcher.context, source, reading, now.wall_ms);
    }
    return VERDICT_OK;
}

static void on_bad_value(void *context, const struct reading *reading, enum verdict verdict)
{
    struct flow *flow = context;
    struct stream_now now = flow_now(flow);
    if (!flow->is_stopping) stream_add_bad_value(flow->stream, reading, verdict, &now);
}

static uint64_t on_take_ticket(void *context)
{
    struct flow *flow = context;
    return ++flow->ticket;
}

static void on_request_commit(void *context, int64_t patience_ms)
{
    commit_within(context, patience_ms);
}

static void on_end(void *context, struct intake *intake)
{
    (void)intake;
    commit_soon(context);
}

static void on_soon(void *context)
{
    struct flow *flow = context;
    for (size_t i = 0; flow->is_full && i < flow->source_count; i++)
        source_pause(&flow->sources[i]);
    commit(flow);
}

static void on_tick(void *context)
{
    struct flow *flow = context;
    flow->is_synchronised = clock_is_synchronised();
    struct stream_now now = flow_now(flow);
    if (flow->config->alarm_count > 0) flow_alarms_judge(flow, &now);
    stream_advance(flow->stream, &now);
    flow_clock_judge(flow, &now);
    if (!store_has_room(flow->store, LOW_ROOM_BYTES)) commit_soon(flow);
    serve_small_windows(flow);
    outlast_stall(flow);
    if (flow->front != NULL) alarm_front_on_tick(flow->front);
}

static void on_commit_timer(void *context)
{
    commit(context);
}

void flow_init(struct flow *flow, const struct config *config, struct loop *loop, struct log *log,
               struct clock clock)
{
    memset(flow, 0, sizeof *flow);
    flow->config = config;
    flow->host = (struct intake_host){
        .loop = loop,
        .log = log,
        .clock = clock,
        .gateway = config->gateway,
        .payload_limit = (size_t)config->limits.payload_bytes,
        .offer = on_offer,
        .bad_value = on_bad_value,
        .take_ticket = on_take_ticket,
        .request_commit = on_request_commit,
        .end = on_end,
        .context = flow,
    };
    flow->is_synchronised = clock_is_synchronised();
    wear_init(&flow->wear, store_flash_per_day(&config->store), config->store.commit_every_ms,
              clock_mono_ms(&clock));
}

/* Keys of a source that is no longer configured are of no use to anyone. */
static enum status restore_repeats(struct flow *flow, const void *bytes, size_t size)
{
    char name[REPEAT_NAME_SIZE];
    enum status status = repeat_read_name(bytes, size, name);
    for (size_t i = 0; i < flow->source_count && status == ST_OK; i++) {
        struct intake *intake = &flow->sources[i].intake;
        if (strcmp(intake->name, name) != 0) continue;
        return repeat_restore(&intake->repeat, bytes, size, clock_mono_ms(&flow->host.clock));
    }
    return status;
}

enum status flow_restore(struct flow *flow, const void *bytes, size_t size)
{
    uint8_t tag = size > 0 ? *(const uint8_t *)bytes : 0;
    if (tag == LEDGER_TAG) return ledger_decode(&flow->restored, bytes, size);
    if (tag == REPEAT_TAG) return restore_repeats(flow, bytes, size);
    if (tag == BOOT_TIMES_TAG) return boot_times_decode(&flow->boot_times, bytes, size);
    if (flow->front != NULL && alarm_front_is_entry(bytes, size))
        return alarm_front_restore(flow->front, bytes, size);
    return stream_restore(flow->stream, bytes, size);
}

static void add_counts(struct verdict_counts *into, const struct verdict_counts *from)
{
    for (int i = 0; i < VERDICT_COUNT; i++) into->by[i] += from->by[i];
}

uint64_t flow_count_conflicts(const struct flow *flow)
{
    uint64_t conflicts = 0;
    for (size_t i = 0; i < flow->source_count; i++) conflicts += flow->sources[i].intake.conflicts;
    return conflicts;
}

struct verdict_counts flow_count_verdicts(const struct flow *flow)
{
    struct verdict_counts all = flow->former;
    for (size_t i = 0; i < flow->source_count; i++)
        add_counts(&all, &flow->sources[i].intake.counts);
    return all;
}

/* Sources take over what they counted in the former run; the rest stays in the total. */
static void take_over_ledger(struct flow *flow)
{
    for (size_t i = 0; i < flow->source_count; i++) {
        struct intake *intake = &flow->sources[i].intake;
        struct verdict_counts counts;
        if (ledger_take(&flow->restored, intake->name, &counts))
            add_counts(&intake->counts, &counts);
    }
    for (size_t i = 0; i < flow->restored.count; i++)
        add_counts(&flow->former, &flow->restored.lines[i].counts);
    flow->restored.count = 0;
    struct verdict_counts all = flow_count_verdicts(flow);
    flow->journalled_received = ledger_count_received(&all);
    flow->accepted_before = flow_count_verdicts(flow).by[VERDICT_OK];
    flow->stream_before = stream_count(flow->stream).accepted;
}

static enum status prepare_source(struct flow *flow, const struct config_source *from)
{
    struct flow_source *source = &flow->sources[flow->source_count];
    source->driver = from->driver;
    source->state = calloc(1, from->driver->state_size);
    if (source->state == NULL) return ST_NO_MEMORY;
    intake_init(&source->intake, &flow->host, from->name);
    flow->source_count++;
    size_t keys = from->driver->repeat_keys != NULL ? from->driver->repeat_keys(from->options) : 0;
    flow->reserve_bytes += repeat_room_bytes(keys);
    return repeat_open(&source->intake.repeat, keys);
}

enum status flow_prepare(struct flow *flow)
{
    enum status status = ST_OK;
    flow->reserve_bytes = LEDGER_BYTES + BOOT_TIMES_BYTES + alarm_front_room_bytes();
    for (size_t i = 0; i < flow->config->source_count && status == ST_OK; i++)
        status = prepare_source(flow, &flow->config->sources[i]);
    return status;
}

static enum status open_source(struct flow_source *source, const struct config_source *from)
{
    enum status status = from->driver->open(source->state, &source->intake, from->options);
    source->is_open = true; /* a failed open is closed too */
    return status;
}

static enum status start_timers(struct flow *flow)
{
    struct loop *loop = flow->host.loop;
    int64_t commit_ms = wear_interval_ms(&flow->wear);
    flow->tick_timer = loop_timer_start(loop, TICK_MS, TICK_MS, on_tick, flow);
    flow->commit_timer = loop_timer_start(loop, commit_ms, commit_ms, on_commit_timer, flow);
    flow->soon_timer = loop_timer_start(loop, commit_ms, 0, on_soon, flow);
    bool is_complete =
        flow->tick_timer != NULL && flow->commit_timer != NULL && flow->soon_timer != NULL;
    return is_complete ? ST_OK : ST_FULL;
}

enum status flow_start(struct flow *flow)
{
    const struct config *config = flow->config;
    enum status status = start_timers(flow);
    if (status != ST_OK) return status;
    take_over_ledger(flow);
    flow->is_running = true;
    if (flow_now(flow).clock == CLOCK_UNSET) flow->boot_times.is_concerned = true;
    for (size_t i = 0; i < flow->source_count; i++) repeat_expect(&flow->sources[i].intake.repeat);
    for (size_t i = 0; i < config->source_count; i++) {
        status = open_source(&flow->sources[i], &config->sources[i]);
        if (status == ST_OK) continue;
        log_write(flow->host.log, LOG_LEVEL_ERROR, config->sources[i].name, "cannot start: %s",
                  status_text(status));
        return status;
    }
    return ST_OK;
}

static bool is_all_durable(const struct flow *flow)
{
    return flow->host.durable_ticket >= flow->ticket && !store_is_committing(flow->store);
}

static void count_turn(void *context)
{
    ++*(int64_t *)context;
}

/* Runs the loop until `is_done` or until `limit_ms` has passed; looks again at each turn of a
 * short timer, since a single round of the loop may wait for long. */
static void run_until(struct flow *flow, bool (*is_done)(const struct flow *flow), int64_t limit_ms)
{
    int64_t turns = 0;
    struct loop_timer *timer =
        loop_timer_start(flow->host.loop, TURN_MS, TURN_MS, count_turn, &turns);
    if (timer == NULL) return;
    while (turns < limit_ms / TURN_MS && !is_done(flow)) loop_run_once(flow->host.loop, true);
    loop_timer_stop(&timer);
}

static bool is_drained(const struct flow *flow)
{
    return uplink_is_idle(flow->uplink);
}

void flow_stop(struct flow *flow)
{
    flow->is_stopping = true;
    alarm_front_stop(flow->front);
    loop_timer_stop(&flow->tick_timer);
    loop_timer_stop(&flow->commit_timer);
    loop_timer_stop(&flow->soon_timer);
    for (size_t i = 0; i < flow->source_count; i++) source_pause(&flow->sources[i]);
    if (flow->store != NULL) {
        commit(flow);
        run_until(flow, is_all_durable, STOP_COMMIT_MS);
    }
    for (size_t i = 0; i < flow->source_count; i++) {
        struct flow_source *source = &flow->sources[i];
        if (source->is_open) source->driver->close(source->state);
        source->is_open = false;
    }
    if (flow->uplink != NULL && uplink_count(flow->uplink).state == UPLINK_UP)
        run_until(flow, is_drained, STOP_DRAIN_MS);
}

void flow_fini(struct flow *flow)
{
    for (size_t i = 0; i < flow->source_count; i++) {
        free(flow->sources[i].state);
        flow->sources[i].state = NULL;
        repeat_close(&flow->sources[i].intake.repeat);
    }
}
