/* flow: what is acknowledged was committed, what was committed is counted after a restart, and no
 * order of offers, commits and pauses leaves a source waiting for ever.  The stream is the real
 * one; store and driver are stand-ins whose commits end when the test says so. */
#include "flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENTRIES = 512, ENTRY_SIZE = 8192, ROOM_BYTES = 1 << 20 };

/* ---- a store in memory ---- */

struct entry {
    uint8_t bytes[ENTRY_SIZE];
    size_t size;
    uint64_t batch;
};

struct store {
    struct store_events events;
    struct entry entries[ENTRIES];
    size_t entry_count, record_count;
    size_t room_bytes, used_bytes; /* of the batch being filled */
    uint64_t batch;                /* number of the one being filled, from 1 */
    uint64_t round, ticket;
    uint64_t trim_below; /* when the running commit ends */
    bool is_committing, is_dirty;
    int64_t journal_bytes; /* what store_count says */
};

bool store_has_room(const struct store *store, size_t bytes)
{
    return store->used_bytes + bytes <= store->room_bytes;
}

void store_add_record(struct store *store, struct record *record)
{
    record->seq = ++store->record_count;
    store->used_bytes += STREAM_RECORD_BYTES;
    store->is_dirty = true;
}

void store_add_journal(struct store *store, const void *bytes, size_t size)
{
    assert_true(store->entry_count < ENTRIES && size <= ENTRY_SIZE);
    struct entry *entry = &store->entries[store->entry_count++];
    memcpy(entry->bytes, bytes, size);
    entry->size = size;
    entry->batch = store->batch;
    store->used_bytes += size;
    store->is_dirty = true;
}

void store_set_wal(struct store *store, int percent)
{
    (void)store;
    (void)percent;
}

void store_mark_journal(struct store *store, bool is_end)
{
    if (is_end)
        store->trim_below = store->round;
    else
        store->round = store->batch;
    store->is_dirty = true;
}

bool store_commit(struct store *store, uint64_t ticket)
{
    if (store->is_committing) return false;
    if (!store->is_dirty && ticket <= store->ticket) return true;
    store->ticket = ticket;
    store->is_committing = true;
    store->is_dirty = false;
    store->used_bytes = 0;
    store->batch++;
    return true;
}

bool store_is_committing(const struct store *store)
{
    return store->is_committing;
}

struct store_counts store_count(const struct store *store)
{
    return (struct store_counts){.journal_bytes = store->journal_bytes};
}

enum status store_fetch(struct store *store, enum lane lane, uint64_t after, size_t max)
{
    (void)store, (void)lane, (void)after, (void)max;
    return ST_AGAIN;
}

enum status store_acknowledge(struct store *store, enum lane lane, uint64_t seq)
{
    (void)store, (void)lane, (void)seq;
    return ST_OK;
}

static void end_commit(struct store *store)
{
    assert_true(store->is_committing);
    size_t kept = 0;
    for (size_t i = 0; i < store->entry_count; i++)
        if (store->entries[i].batch >= store->trim_below)
            memmove(&store->entries[kept++], &store->entries[i], sizeof *store->entries);
    store->entry_count = kept;
    store->trim_below = 0;
    store->is_committing = false;
    store->events.committed(store->events.context, store->ticket);
}

/* ---- a source ---- */

struct source {
    struct intake *intake;
    bool is_paused, is_offering;
    size_t pauses, resumes;
    uint64_t durable_ticket;
};

static enum status source_open(void *state, struct intake *intake, const void *options)
{
    struct source *source = state;
    source->intake = intake;
    return options == NULL ? ST_OK : ST_INVALID;
}

static void source_close(void *state)
{
    (void)state;
}

static void source_durable(void *state, uint64_t ticket)
{
    struct source *source = state;
    assert_false(source->is_offering);
    source->durable_ticket = ticket;
}

static void source_pause(void *state)
{
    struct source *source = state;
    assert_false(source->is_offering); /* never in the middle of the driver's own call */
    assert_false(source->is_paused);
    source->is_paused = true;
    source->pauses++;
}

static void source_resume(void *state)
{
    struct source *source = state;
    assert_true(source->is_paused);
    source->is_paused = false;
    source->resumes++;
}

static size_t source_repeat_keys(const void *options)
{
    (void)options;
    return 8;
}

#define SOURCE_HOOKS                                                                               \
    .state_size = sizeof(struct source), .can_wait = true, .open = source_open,                    \
    .close = source_close, .durable = source_durable, .pause = source_pause,                       \
    .resume = source_resume, .repeat_keys = source_repeat_keys

static const struct driver together = {.name = "together", .pauses_for_commit = true, SOURCE_HOOKS};
static const struct driver one_by_one = {.name = "one-by-one", SOURCE_HOOKS};

/* ---- the bench ---- */

struct bench {
    struct config config;
    struct log log;
    struct loop *loop;
    struct store store;
    struct flow flow;
    int64_t event_ms;
};

static void configure(struct bench *bench)
{
    struct config *config = &bench->config;
    config->limits = (struct config_limits){.devices = 4, .payload_bytes = 100};
    config->windows[0] = (struct window_spec){.size_ms = 1000, .every_ms = 1000};
    config->window_count = 1;
    config->times.future_ms = INT64_C(1) << 39;
    config->store.commit_every_ms = 3600000; /* commits come when they are asked for */
    config->sources[0] = (struct config_source){.driver = &together, .name = "together"};
    config->sources[1] = (struct config_source){.driver = &one_by_one, .name = "one-by-one"};
    config->source_count = 2;
}

static void open_flow(struct bench *bench)
{
    flow_init(&bench->flow, &bench->config, bench->loop, &bench->log, clock_system());
    const struct stream_options options = {
        .devices = 4,
        .windows = {bench->config.windows[0]},
        .window_count = 1,
        .future_ms = bench->config.times.future_ms,
    };
    struct stream_sink sink = flow_sink(&bench->flow);
    assert_int_equal(flow_prepare(&bench->flow), ST_OK);
    assert_int_equal(stream_open(&bench->flow.stream, &options, &sink), ST_OK);
    bench->flow.store = &bench->store;
    bench->store.events = flow_events(&bench->flow);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL || loop_open(&bench->loop) != ST_OK) return -1;
    log_init(&bench->log, clock_system(), STDERR_FILENO, LOG_LEVEL_ERROR);
    bench->store.room_bytes = ROOM_BYTES;
    bench->store.batch = 1;
    struct clock clock = clock_system();
    bench->event_ms = clock_wall_ms(&clock);
    configure(bench);
    open_flow(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    stream_close(bench->flow.stream);
    loop_close(bench->loop);
    flow_fini(&bench->flow);
    free(bench);
    return 0;
}

static struct source *source_of(struct bench *bench, size_t index)
{
    return bench->flow.sources[index].state;
}

static enum verdict offer(struct bench *bench, size_t index)
{
    struct reading reading = {
        .device = "oven-1", .value_micro = 1, .has_event_time = true, .event_ms = bench->event_ms};
    struct source *source = source_of(bench, index);
    uint64_t ticket;
    bench->event_ms += 100;
    source->is_offering = true;
    enum verdict verdict = intake_offer_reading(source->intake, &reading, &ticket);
    source->is_offering = false;
    return verdict;
}

static void turn(struct bench *bench)
{
    loop_run_once(bench->loop, false);
}

/* Asks for a commit as a driver does, and lets it begin. */
static void begin_commit(struct bench *bench)
{
    intake_request_commit(source_of(bench, 0)->intake);
    turn(bench);
    assert_true(bench->store.is_committing);
}

/* The agent is killed and started again. */
static void restart(struct bench *bench)
{
    stream_close(bench->flow.stream);
    flow_fini(&bench->flow);
    loop_close(bench->loop);
    assert_int_equal(loop_open(&bench->loop), ST_OK);
    open_flow(bench);
    bench->store.is_committing = bench->store.is_dirty = false;
    bench->store.ticket = 0;
    for (size_t i = 0; i < bench->store.entry_count; i++) {
        const struct entry *entry = &bench->store.entries[i];
        assert_int_equal(flow_restore(&bench->flow, entry->bytes, entry->size), ST_OK);
    }
    assert_int_equal(flow_start(&bench->flow), ST_OK);
}

static uint64_t count_taken(const struct bench *bench)
{
    return flow_count_verdicts(&bench->flow).by[VERDICT_OK];
}

/* ---- tests ---- */

static void test_a_ticket_is_durable_only_after_its_commit(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    assert_int_equal(offer(bench, 1), VERDICT_OK); /* this one is in the other batch */
    assert_int_equal(source_of(bench, 1)->durable_ticket, 0);
    end_commit(&bench->store);
    assert_int_equal(source_of(bench, 1)->durable_ticket, 1);
    assert_int_equal(intake_durable_ticket(source_of(bench, 1)->intake), 1);
}

static void test_a_source_that_acknowledges_together_rests_during_its_commit(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 0), VERDICT_OK);
    begin_commit(bench);
    assert_true(source_of(bench, 0)->is_paused);
    assert_false(source_of(bench, 1)->is_paused);
    end_commit(&bench->store);
    assert_false(source_of(bench, 0)->is_paused);
    assert_int_equal(offer(bench, 1), VERDICT_OK); /* nothing of the first one: it goes on */
    begin_commit(bench);
    assert_false(source_of(bench, 0)->is_paused);
}

static void test_a_commit_asked_for_while_one_runs_follows_it(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    intake_request_commit(source_of(bench, 1)->intake);
    turn(bench);
    end_commit(&bench->store);
    assert_true(bench->store.is_committing);
    end_commit(&bench->store);
    assert_int_equal(source_of(bench, 1)->durable_ticket, 2);
    assert_false(bench->store.is_committing);
}

static void test_a_full_batch_pauses_everybody_until_the_next_begins(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    bench->store.room_bytes = 0;
    assert_int_equal(offer(bench, 1), VERDICT_BUSY);
    turn(bench);
    assert_true(source_of(bench, 0)->is_paused);
    assert_true(source_of(bench, 1)->is_paused);
    bench->store.room_bytes = ROOM_BYTES;
    assert_int_equal(offer(bench, 1), VERDICT_BUSY); /* also from whoever does not know yet */
    bench->store.is_dirty = true;
    end_commit(&bench->store);
    assert_true(bench->store.is_committing);
    assert_false(source_of(bench, 0)->is_paused);
    assert_false(source_of(bench, 1)->is_paused);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
}

static void test_a_full_batch_with_a_commit_already_wanted_is_not_forgotten(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    intake_request_commit(source_of(bench, 1)->intake);
    turn(bench);
    bench->store.room_bytes = 0;
    assert_int_equal(offer(bench, 1), VERDICT_BUSY);
    bench->store.room_bytes = ROOM_BYTES;
    end_commit(&bench->store);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    end_commit(&bench->store);
    assert_int_equal(source_of(bench, 1)->durable_ticket, 2);
}

static void test_stopping_commits_what_came_while_a_commit_ran(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    bench->flow.is_stopping = true; /* as flow_stop begins; it would run the loop */
    intake_request_commit(source_of(bench, 1)->intake);
    turn(bench);
    assert_int_equal(offer(bench, 1), VERDICT_BUSY);
    end_commit(&bench->store);
    end_commit(&bench->store);
    assert_int_equal(source_of(bench, 1)->durable_ticket, 2);
}

static void test_counts_survive_a_kill(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 0), VERDICT_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    end_commit(&bench->store);
    restart(bench);
    assert_int_equal(count_taken(bench), 2);
    assert_int_equal(stream_count(bench->flow.stream).accepted, 2);
}

/* Nothing but bad input: there is no reading for the counts to be committed with. */
static void test_refusals_alone_are_committed_now_and_then(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    bench->flow.journalled_mono_ms = clock_mono_ms(&bench->flow.host.clock);
    intake_report_refusal(source_of(bench, 1)->intake, VERDICT_SYNTAX, "bad");
    intake_request_commit(source_of(bench, 0)->intake);
    turn(bench);
    assert_false(bench->store.is_committing); /* not each of them */
    bench->flow.journalled_mono_ms -= 10001;
    begin_commit(bench);
    end_commit(&bench->store);
    restart(bench);
    assert_int_equal(bench->flow.sources[1].intake.counts.by[VERDICT_SYNTAX], 1);
}

static void test_counts_of_former_sources_survive_with_every_place_taken(void **state)
{
    struct bench *bench = *state;
    struct config *config = &bench->config;
    for (config->source_count = 0; config->source_count < LIMIT_SOURCES; config->source_count++) {
        struct config_source *source = &config->sources[config->source_count];
        *source = (struct config_source){.driver = &one_by_one};
        (void)snprintf(source->name, sizeof source->name, "source-%zu", config->source_count);
    }
    restart(bench);
    assert_int_equal(offer(bench, 0), VERDICT_OK);
    begin_commit(bench);
    end_commit(&bench->store);
    strcpy(config->sources[0].name, "another");
    for (uint64_t runs = 1; runs <= 3; runs++) {
        restart(bench);
        assert_int_equal(count_taken(bench), runs);
        assert_int_equal(bench->flow.former.by[VERDICT_OK], 1);
        assert_int_equal(offer(bench, 1), VERDICT_OK);
        begin_commit(bench);
        end_commit(&bench->store);
    }
}

static bool is_repeat(struct bench *bench, size_t source, uint64_t key)
{
    return intake_is_repeat(source_of(bench, source)->intake, key, INT64_MAX);
}

static void test_keys_survive_a_kill_with_their_readings(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    for (uint64_t key = 1; key <= 3; key++) {
        assert_int_equal(offer(bench, 1), VERDICT_OK);
        intake_remember(source_of(bench, 1)->intake, key << 32 | 77);
        if (key == 3) break; /* this one is not committed */
        begin_commit(bench);
        end_commit(&bench->store);
    }
    restart(bench);
    assert_int_equal(count_taken(bench), 2);
    assert_false(is_repeat(bench, 0, UINT64_C(1) << 32 | 77));
    assert_true(is_repeat(bench, 1, UINT64_C(1) << 32 | 77));
    assert_true(is_repeat(bench, 1, UINT64_C(2) << 32 | 77));
    assert_false(is_repeat(bench, 1, UINT64_C(3) << 32 | 77));
}

static void test_what_is_forgotten_is_committed_like_a_reading(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    struct intake *intake = source_of(bench, 1)->intake;
    assert_int_equal(intake_forget_repeats(intake), 0);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    intake_remember(intake, UINT64_C(1) << 32 | 77);
    begin_commit(bench);
    end_commit(&bench->store);
    uint64_t ticket = intake_forget_repeats(intake);
    assert_true(ticket > intake_durable_ticket(intake));
    turn(bench);
    end_commit(&bench->store);
    assert_int_equal(intake_durable_ticket(intake), ticket);
    restart(bench);
    assert_int_equal(count_taken(bench), 1);
    assert_false(is_repeat(bench, 1, UINT64_C(1) << 32 | 77));
}

/* What an earlier run counted would be written over by zeros. */
static void test_a_start_that_fails_leaves_the_counts_alone(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    end_commit(&bench->store);
    flow_fini(&bench->flow);
    stream_close(bench->flow.stream);
    open_flow(bench);
    size_t entries = bench->store.entry_count;
    flow_stop(&bench->flow); /* something else could not be started */
    assert_int_equal(bench->store.entry_count, entries);
    assert_false(bench->store.is_committing);
    restart(bench);
    assert_int_equal(count_taken(bench), 1);
}

static void test_stopping_before_there_is_a_stream_is_harmless(void **state)
{
    struct bench *bench = *state;
    stream_close(bench->flow.stream);
    bench->flow.stream = NULL;
    flow_stop(&bench->flow);
    assert_int_equal(bench->store.entry_count, 0);
}

static void sweep(struct bench *bench)
{
    bench->store.journal_bytes = 1 << 20;
    for (int i = 0; i < 40 && bench->store.entries[0].batch == 1; i++) {
        begin_commit(bench);
        end_commit(&bench->store);
    }
    assert_true(bench->store.entries[0].batch > 1); /* the journal was cut */
}

/* With few devices a round begins and ends in one batch, perhaps one without any reading. */
static void test_a_round_of_whole_states_keeps_the_counts(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    intake_remember(source_of(bench, 1)->intake, UINT64_C(5) << 32 | 77);
    begin_commit(bench);
    end_commit(&bench->store);
    sweep(bench);
    restart(bench);
    assert_int_equal(count_taken(bench), 1);
    assert_int_equal(stream_count(bench->flow.stream).accepted, 1);
    assert_true(is_repeat(bench, 1, UINT64_C(5) << 32 | 77));
}

/* Else the journal would grow to three times what it was with each restart. */
static void test_a_long_journal_of_the_former_run_is_cut(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(flow_start(&bench->flow), ST_OK);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    bench->store.journal_bytes = 1 << 20;
    end_commit(&bench->store);
    restart(bench);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    begin_commit(bench);
    end_commit(&bench->store);
    assert_int_equal(offer(bench, 1), VERDICT_OK);
    sweep(bench);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_a_ticket_is_durable_only_after_its_commit),
        CASE(test_a_source_that_acknowledges_together_rests_during_its_commit),
        CASE(test_a_commit_asked_for_while_one_runs_follows_it),
        CASE(test_a_full_batch_pauses_everybody_until_the_next_begins),
        CASE(test_a_full_batch_with_a_commit_already_wanted_is_not_forgotten),
        CASE(test_stopping_commits_what_came_while_a_commit_ran),
        CASE(test_counts_survive_a_kill),
        CASE(test_refusals_alone_are_committed_now_and_then),
        CASE(test_counts_of_former_sources_survive_with_every_place_taken),
        CASE(test_keys_survive_a_kill_with_their_readings),
        CASE(test_what_is_forgotten_is_committed_like_a_reading),
        CASE(test_a_start_that_fails_leaves_the_counts_alone),
        CASE(test_stopping_before_there_is_a_stream_is_harmless),
        CASE(test_a_round_of_whole_states_keeps_the_counts),
        CASE(test_a_long_journal_of_the_former_run_is_cut),
    };
    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
