#include "support/fake_store.h"

#include <stdlib.h>
#include <string.h>

enum fake_place { PLACE_FREE, PLACE_STAGED, PLACE_HANDED, PLACE_COMMITTED };

struct fake_record {
    struct record record;
    enum lane lane;
    enum fake_place place;
    enum fake_place acknowledged; /* PLACE_FREE: not yet; else how far the deletion has come */
};

struct fake_request {
    bool is_commit;
    enum lane lane;
    uint64_t after, ticket;
    size_t max;
};

struct store {
    struct store_events events;
    struct fake_record records[FAKE_STORE_RECORDS];
    size_t count;
    struct fake_request requests[LANE_COUNT + 1];
    size_t request_count;
    bool is_fetching[LANE_COUNT];
    bool is_committing;
    int refused_acknowledges;
    int failed_fetches;
    size_t wrong_acknowledges;
};

struct store *fake_store_open(const struct store_events *events)
{
    struct store *store = calloc(1, sizeof *store);
    if (store != NULL) store->events = *events;
    return store;
}

uint64_t fake_store_add(struct store *store, enum lane lane)
{
    if (store->count == FAKE_STORE_RECORDS) abort();
    struct fake_record *added = &store->records[store->count++];
    *added = (struct fake_record){.lane = lane, .place = PLACE_STAGED};
    added->record.seq = store->count;
    added->record.kind = lane == LANE_ALARM ? RECORD_ALARM : RECORD_WINDOW;
    strcpy(added->record.device, "oven-1");
    return added->record.seq;
}

static void finish_commit(struct store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        struct fake_record *record = &store->records[i];
        if (record->place == PLACE_HANDED) record->place = PLACE_COMMITTED;
        if (record->acknowledged == PLACE_HANDED) record->acknowledged = PLACE_COMMITTED;
    }
    store->is_committing = false;
}

static bool is_waiting(const struct fake_record *record, enum lane lane)
{
    return record->lane == lane && record->place == PLACE_COMMITTED &&
           record->acknowledged != PLACE_COMMITTED;
}

static size_t find(const struct store *store, const struct fake_request *request,
                   struct record *found)
{
    size_t count = 0;
    for (size_t i = 0; i < store->count && count < request->max; i++) {
        const struct fake_record *record = &store->records[i];
        if (is_waiting(record, request->lane) && record->record.seq > request->after)
            found[count++] = record->record;
    }
    return count;
}

bool fake_store_step(struct store *store)
{
    if (store->request_count == 0) return false;
    struct fake_request request = store->requests[0];
    store->request_count--;
    memmove(store->requests, store->requests + 1, store->request_count * sizeof request);
    if (request.is_commit) {
        finish_commit(store);
        store->events.committed(store->events.context, request.ticket);
    } else {
        struct record found[STORE_FETCH_MAX];
        bool has_failed = store->failed_fetches > 0 && store->failed_fetches--;
        size_t count = has_failed ? 0 : find(store, &request, found);
        store->is_fetching[request.lane] = false;
        store->events.fetched(store->events.context, request.lane, found, count);
    }
    return true;
}

void fake_store_settle(struct store *store)
{
    while (store->is_committing) (void)fake_store_step(store);
    (void)store_commit(store, 0);
    while (fake_store_step(store)) continue;
}

void fake_store_refuse_acknowledge(struct store *store, int count)
{
    store->refused_acknowledges = count;
}

void fake_store_fail_fetch(struct store *store, int count)
{
    store->failed_fetches = count;
}

void fake_store_crash(struct store *store)
{
    size_t kept = 0; /* seqs of what is lost are given again, as in the real store */
    for (size_t i = 0; i < store->count; i++) {
        struct fake_record *record = &store->records[i];
        if (record->place != PLACE_COMMITTED) continue;
        if (record->acknowledged != PLACE_COMMITTED) record->acknowledged = PLACE_FREE;
        store->records[kept++] = *record;
    }
    store->count = kept;
    store->request_count = 0;
    store->is_committing = false;
    memset(store->is_fetching, 0, sizeof store->is_fetching);
}

size_t fake_store_waiting(const struct store *store, enum lane lane)
{
    size_t waiting = 0;
    for (size_t i = 0; i < store->count; i++) waiting += is_waiting(&store->records[i], lane);
    return waiting;
}

size_t fake_store_wrong_acknowledges(const struct store *store)
{
    return store->wrong_acknowledges;
}

/* ---- store.h ---- */

enum status store_acknowledge(struct store *store, enum lane lane, uint64_t seq)
{
    if (store->refused_acknowledges > 0) {
        store->refused_acknowledges--;
        return ST_FULL;
    }
    if (seq == 0 || seq > store->count || store->records[seq - 1].lane != lane ||
        store->records[seq - 1].acknowledged != PLACE_FREE) {
        store->wrong_acknowledges++;
        return ST_OK;
    }
    store->records[seq - 1].acknowledged = PLACE_STAGED;
    return ST_OK;
}

bool store_commit(struct store *store, uint64_t ticket)
{
    if (store->is_committing) return false;
    for (size_t i = 0; i < store->count; i++) {
        struct fake_record *record = &store->records[i];
        if (record->place == PLACE_STAGED) record->place = PLACE_HANDED;
        if (record->acknowledged == PLACE_STAGED) record->acknowledged = PLACE_HANDED;
    }
    store->is_committing = true;
    store->requests[store->request_count++] =
        (struct fake_request){.is_commit = true, .ticket = ticket};
    return true;
}

void store_set_wal(struct store *store, int percent)
{
    (void)store;
    (void)percent;
}

bool store_is_committing(const struct store *store)
{
    return store->is_committing;
}

enum status store_fetch(struct store *store, enum lane lane, uint64_t after, size_t max)
{
    if (store->is_fetching[lane]) return ST_AGAIN;
    if (max == 0 || max > STORE_FETCH_MAX) return ST_INVALID;
    store->is_fetching[lane] = true;
    store->requests[store->request_count++] =
        (struct fake_request){.lane = lane, .after = after, .max = max};
    return ST_OK;
}

struct store_counts store_count(const struct store *store)
{
    struct store_counts counts = {0};
    for (size_t i = 0; i < store->count; i++)
        counts.written += store->records[i].place == PLACE_COMMITTED;
    counts.next_seq = counts.written + 1;
    counts.waiting[LANE_ALARM] = fake_store_waiting(store, LANE_ALARM);
    counts.waiting[LANE_WINDOW] = fake_store_waiting(store, LANE_WINDOW);
    return counts;
}

void store_close(struct store *store)
{
    free(store);
}
