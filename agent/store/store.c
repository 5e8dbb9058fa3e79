/* Invariant: a ticket is reported as committed only after the transaction that holds its batch,
 * and every record's number is given once. */
#include "store/store.h"

#include "store/batch.h"
#include "store/database.h"
#include "store/merge.h"
#include "store/store_thread.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct store {
    struct store_thread thread;
    struct store_events events;
    struct batch batches[2];
    struct batch *filling; /* one of the two */
    bool is_committing;    /* the other one is with the thread */
    bool is_fetching[LANE_COUNT];
    bool has_lost;   /* the last commit was given up while stopping */
    uint64_t ticket; /* newest handed over */
    uint64_t next_seq;
    uint64_t committing_records;
    uint64_t told[OWED_KINDS]; /* versions of owed notices that were put into a batch */
    enum clock_quality clock;  /* of the newest record */
    int wal_percent;
    struct store_counts counts;
    struct log log;
    struct record delivery[STORE_FETCH_MAX]; /* so that a callback may fetch again */
};

static void deliver_commit(struct store *store, const struct store_job *job)
{
    batch_clear(job->batch);
    store->is_committing = false;
    store->committing_records = 0;
    if (job->is_lost)
        store->has_lost = true;
    else
        store->events.committed(store->events.context, job->ticket);
}

static void deliver_fetch(struct store *store, const struct store_job *job)
{
    memcpy(store->delivery, store->thread.fetched[job->lane], job->count * sizeof *store->delivery);
    store->is_fetching[job->lane] = false;
    store->events.fetched(store->events.context, job->lane, store->delivery, job->count);
}

/* Hands out one answer; false: there is none. */
static bool deliver(struct store *store, bool waits)
{
    struct store_job job;
    if (!store_thread_take(&store->thread, waits, &job, &store->counts)) return false;
    if (job.kind == STORE_JOB_COMMIT)
        deliver_commit(store, &job);
    else
        deliver_fetch(store, &job);
    return true;
}

static void on_wake(void *context)
{
    struct store *store = context;
    while (deliver(store, false)) continue;
}

static enum status open_parts(struct store *store, const struct store_options *options,
                              struct loop *loop, struct store_found *found)
{
    for (size_t i = 0; i < 2; i++) {
        if (batch_init(&store->batches[i], (size_t)options->batch_bytes) != ST_OK)
            return ST_NO_MEMORY;
    }
    store->filling = &store->batches[0];
    store->thread.wake = loop_wake_start(loop, on_wake, store);
    if (store->thread.wake == NULL) return ST_NO_MEMORY;
    return writer_open(&store->thread.writer, options, &store->log, found);
}

int64_t store_least_budget(int64_t batch_bytes)
{
    return database_least_budget(batch_bytes);
}

size_t store_size_bytes(const struct store_options *options)
{
    return sizeof(struct store) + 2 * batch_size_bytes((size_t)options->batch_bytes) +
           merge_size_bytes(options->batch_bytes);
}

enum status store_open(struct store **store, const struct store_options *options, struct loop *loop,
                       const struct log *log, const struct store_events *events,
                       struct store_found *found)
{
    *store = calloc(1, sizeof **store);
    if (*store == NULL) return ST_NO_MEMORY;
    enum status status = store_thread_init(&(*store)->thread);
    if (status != ST_OK) {
        free(*store);
        *store = NULL;
        return status;
    }
    (*store)->clock = CLOCK_HELD;
    log_init(&(*store)->log, log->clock, log->fd, log->level);
    log_init(&(*store)->thread.log, log->clock, log->fd, log->level);
    (*store)->events = *events;
    status = open_parts(*store, options, loop, found);
    if (status != ST_OK) {
        store_close(*store);
        *store = NULL;
        return status;
    }
    (*store)->next_seq = found->next_seq;
    writer_count(&(*store)->thread.writer, &(*store)->counts);
    return ST_OK;
}

enum status store_restore(struct store *store,
                          void (*fn)(void *context, const void *bytes, size_t size), void *context)
{
    return writer_restore(&store->thread.writer, fn, context);
}

enum status store_start(struct store *store)
{
    writer_set_log(&store->thread.writer, &store->thread.log);
    return store_thread_start(&store->thread);
}

bool store_has_room(const struct store *store, size_t bytes)
{
    return batch_has_room(store->filling, bytes);
}

void store_add_record(struct store *store, struct record *record)
{
    record->seq = store->next_seq;
    store->clock = record->clock;
    enum status status = batch_add_record(store->filling, record);
    assert(status == ST_OK);
    if (status == ST_OK)
        store->next_seq++;
    else
        log_limited(&store->log, LOG_LEVEL_ERROR, "store", "bug",
                    "a record was offered without room for it: lost");
}

void store_add_journal(struct store *store, const void *bytes, size_t size)
{
    enum status status = batch_add_journal(store->filling, bytes, size);
    assert(status == ST_OK);
    if (status != ST_OK)
        log_limited(&store->log, LOG_LEVEL_ERROR, "store", "bug",
                    "a journal entry was offered without room for it: lost");
}

enum status store_acknowledge(struct store *store, enum lane lane, uint64_t seq)
{
    return batch_acknowledge(store->filling, lane, seq);
}

void store_mark_journal(struct store *store, bool is_end)
{
    batch_mark_journal(store->filling, is_end);
}

void store_set_wal(struct store *store, int percent)
{
    store->wal_percent = percent;
}

static void tell_owed(struct store *store)
{
    struct owed owed;
    store_thread_look_at_owed(&store->thread, &owed);
    owed_tell(&owed, store->told, store->filling, clock_wall_ms(&store->log.clock), store->clock,
              &store->next_seq);
}

bool store_commit(struct store *store, uint64_t ticket)
{
    if (store->is_committing || !store->thread.is_started) return false;
    struct batch *batch = store->filling;
    tell_owed(store);
    if (batch_is_empty(batch) && ticket <= store->ticket) return true;
    store->ticket = ticket;
    store->is_committing = true;
    batch->wal_percent = store->wal_percent;
    store->committing_records = batch_record_count(batch);
    store->filling = batch == &store->batches[0] ? &store->batches[1] : &store->batches[0];
    store_thread_add(
        &store->thread,
        &(struct store_job){.kind = STORE_JOB_COMMIT, .batch = batch, .ticket = ticket});
    return true;
}

bool store_is_committing(const struct store *store)
{
    return store->is_committing;
}

enum status store_fetch(struct store *store, enum lane lane, uint64_t after, size_t max)
{
    if (store->is_fetching[lane] || !store->thread.is_started) return ST_AGAIN;
    store->is_fetching[lane] = true;
    if (max > STORE_FETCH_MAX) max = STORE_FETCH_MAX;
    store_thread_add(
        &store->thread,
        &(struct store_job){.kind = STORE_JOB_FETCH, .lane = lane, .after = after, .max = max});
    return ST_OK;
}

struct store_counts store_count(const struct store *store)
{
    struct store_counts counts = store->counts;
    counts.staged = batch_record_count(store->filling) + store->committing_records;
    return counts;
}

/* Callbacks may add to the batch while it is being emptied, so there are several rounds; what
 * comes after the last of them was not promised to anybody. */
static void drain(struct store *store, uint64_t ticket)
{
    enum { ROUNDS = 4 };
    for (int i = 0; i < ROUNDS; i++) {
        while (deliver(store, true)) continue;
        if (!store_commit(store, ticket)) return;
        if (!store->is_committing) return;
    }
    while (deliver(store, true)) continue;
}

enum status store_stop(struct store *store, uint64_t ticket)
{
    if (store->thread.is_started) {
        store_thread_hurry(&store->thread);
        drain(store, ticket);
        store_thread_join(&store->thread);
        (void)deliver(store, false);
        writer_count(&store->thread.writer, &store->counts);
    }
    writer_close(&store->thread.writer);
    loop_wake_stop(&store->thread.wake);
    return store->has_lost ? ST_IO : ST_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) return;
    if (store->thread.is_started) {
        store_thread_hurry(&store->thread);
        store_thread_join(&store->thread);
    }
    writer_close(&store->thread.writer);
    loop_wake_stop(&store->thread.wake);
    store_thread_fini(&store->thread);
    batch_fini(&store->batches[0]);
    batch_fini(&store->batches[1]);
    free(store);
}
