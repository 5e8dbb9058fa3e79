/* Invariant: a group is planned only when every record that can ever belong to it was seen. */
#include "store/merge_plan.h"

#include "store/database.h"
#include "store/merge_rules.h"

#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_LEAST = 1024,
    ENTRIES_MOST = 4096,
    BYTES_PER_ENTRY = 64, /* of a batch */
    ROWS_MOST = 65536,    /* of one look */
    SPANS_MOST = 64,
    MODULUS_MOST = 64,
    PAGES_EXTRA = 24,
    PLACE_BYTES = DATABASE_PAGE_BYTES / 2, /* pages are at least half full, mostly */
    ROW_BYTES = 11                         /* beside the record itself */
};

static void choose_capacities(struct merge_plan *plan, int64_t batch_bytes)
{
    int64_t entries = batch_bytes / BYTES_PER_ENTRY;
    plan->capacity = entries < ENTRIES_LEAST  ? ENTRIES_LEAST
                     : entries > ENTRIES_MOST ? ENTRIES_MOST
                                              : (size_t)entries;
    plan->device_slots = ENTRIES_LEAST;
    while (plan->device_slots * 2 <= plan->capacity / 2) plan->device_slots *= 2;
}

size_t merge_plan_count_entries(int64_t batch_bytes)
{
    struct merge_plan plan;
    choose_capacities(&plan, batch_bytes);
    return plan.capacity;
}

size_t merge_plan_size_bytes(int64_t batch_bytes)
{
    struct merge_plan plan;
    choose_capacities(&plan, batch_bytes);
    return plan.capacity * sizeof *plan.entries + 2 * plan.device_slots * sizeof *plan.devices;
}

enum status merge_plan_init(struct merge_plan *plan, int64_t batch_bytes,
                            const struct store_kinds *kinds)
{
    memset(plan, 0, sizeof *plan);
    choose_capacities(plan, batch_bytes);
    plan->kinds = kinds;
    plan->page_limit = (size_t)(batch_bytes * 3 / 2 / DATABASE_PAGE_BYTES) + PAGES_EXTRA;
    plan->entries = calloc(plan->capacity, sizeof *plan->entries);
    plan->devices = calloc(plan->device_slots, sizeof *plan->devices);
    plan->spare_devices = calloc(plan->device_slots, sizeof *plan->devices);
    if (plan->entries != NULL && plan->devices != NULL && plan->spare_devices != NULL) return ST_OK;
    merge_plan_fini(plan);
    return ST_NO_MEMORY;
}

void merge_plan_fini(struct merge_plan *plan)
{
    free(plan->entries);
    free(plan->devices);
    free(plan->spare_devices);
    memset(plan, 0, sizeof *plan);
}

/* ---- devices ---- */

uint64_t merge_plan_hash(const char *id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *id != '\0'; id++) hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    hash ^= hash >> 29;
    return hash | 1;
}

/* Its slot, or a free one. */
static struct merge_device *find_device(const struct merge_plan *plan, uint64_t hash)
{
    size_t at = (size_t)(hash >> 1) & (plan->device_slots - 1);
    while (plan->devices[at].hash != 0 && plan->devices[at].hash != hash)
        at = (at + 1) & (plan->device_slots - 1);
    return &plan->devices[at];
}

static bool is_settled(const struct merge_device *device)
{
    return device->newest_ms >= device->needed_ms;
}

static void show_reading(struct merge_plan *plan, struct merge_device *device, int64_t event_ms)
{
    if (device->hash == 0 || event_ms <= device->newest_ms) return;
    bool was_settled = is_settled(device);
    device->newest_ms = event_ms;
    if (!was_settled && is_settled(device)) plan->unsettled--;
}

static void need_reading(struct merge_plan *plan, struct merge_device *device, int64_t event_ms)
{
    if (event_ms <= device->needed_ms) return;
    bool was_settled = is_settled(device);
    device->needed_ms = event_ms;
    if (was_settled && !is_settled(device)) plan->unsettled++;
}

/* ---- entries ---- */

/* The reading after which nothing can change the entry, nor its span be added to. */
static int64_t find_needed_ms(const struct merge_plan *plan, int64_t size_ms, int64_t every_ms,
                              int64_t start_ms, int64_t end_ms)
{
    int64_t settle_ms = merge_rules_settle_ms(plan->kinds, size_ms, every_ms);
    if (plan->task.takes_unfinished) return end_ms + settle_ms;
    int64_t span_ms = merge_rules_floor(start_ms, plan->task.target_ms);
    return span_ms + plan->task.target_ms + settle_ms;
}

static int64_t find_needed_of(const struct merge_plan *plan, const struct merge_entry *entry)
{
    return find_needed_ms(plan, entry->size_ms, entry->every_ms, entry->start_ms, entry->end_ms);
}

/* Whether nothing can change the entry any more: a device that goes on under another clock was
 * begun anew with a higher part, when all its windows had been published. */
static bool is_entry_settled(const struct merge_plan *plan, const struct merge_entry *entry)
{
    const struct merge_device *device = &plan->devices[entry->slot];
    if (entry->boot != device->boot) return entry->part < device->part;
    return device->newest_ms >= find_needed_of(plan, entry);
}

static void note_part(struct merge_plan *plan, struct merge_device *device,
                      const struct window_result *window)
{
    if (device->hash == 0 || window->part <= device->part) return;
    device->part = window->part;
    if (window->boot == device->boot) return;
    if (!is_settled(device)) plan->unsettled--;
    device->boot = window->boot;
    device->newest_ms = device->needed_ms = INT64_MIN;
}

static void wait_for(struct merge_plan *plan, uint64_t seq)
{
    if (plan->unsettled_seq == 0 || seq < plan->unsettled_seq) plan->unsettled_seq = seq;
}

static bool is_wanted(const struct merge_plan *plan, uint64_t device, int64_t start_ms)
{
    return start_ms < plan->region_end_ms &&
           (device >> 16) % plan->task.modulus == plan->task.remainder;
}

static void defer(struct merge_plan *plan, uint64_t seq, int64_t start_ms)
{
    if (start_ms < plan->region_end_ms) return;
    if (plan->deferred_seq != 0 && plan->deferred_seq < seq) return;
    plan->deferred_seq = seq;
    plan->deferred_ms = start_ms;
}

/* Devices again, with what the entries that are left say of them. */
static void rebuild_devices(struct merge_plan *plan)
{
    struct merge_device *former = plan->devices;
    size_t slots = plan->device_slots;
    plan->devices = plan->spare_devices;
    plan->spare_devices = former;
    memset(plan->devices, 0, slots * sizeof *plan->devices);
    plan->device_count = plan->unsettled = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct merge_entry *entry = &plan->entries[i];
        struct merge_device *device = find_device(plan, entry->device);
        if (device->hash == 0) {
            size_t at = entry->slot;
            *device = former[at];
            device->needed_ms = INT64_MIN;
            plan->device_count++;
        }
        if (entry->boot == device->boot) need_reading(plan, device, find_needed_of(plan, entry));
    }
    for (size_t i = 0; i < plan->count; i++)
        plan->entries[i].slot =
            (uint16_t)(find_device(plan, plan->entries[i].device) - plan->devices);
}

/* Half as much time, or half the devices. */
static void shrink(struct merge_plan *plan)
{
    if (plan->spans > 1) {
        plan->spans /= 2;
        plan->region_end_ms = plan->first_span_ms + plan->spans * plan->task.target_ms;
    } else {
        plan->task.modulus *= 2;
    }
    size_t kept = 0;
    for (size_t i = 0; i < plan->count; i++) {
        struct merge_entry *entry = &plan->entries[i];
        defer(plan, entry->seq, entry->start_ms);
        if (is_wanted(plan, entry->device, entry->start_ms)) plan->entries[kept++] = *entry;
    }
    plan->count = kept;
    rebuild_devices(plan);
}

static bool has_room(const struct merge_plan *plan)
{
    return plan->count < plan->capacity && plan->device_count < plan->device_slots * 3 / 4;
}

static void note(struct merge_plan *plan, const struct record *record, uint64_t hash)
{
    const struct window_result *window = &record->window;
    struct merge_device *device = find_device(plan, hash);
    if (device->hash == 0) {
        *device = (struct merge_device){.hash = hash,
                                        .rank = record->seq,
                                        .boot = window->boot,
                                        .part = window->part,
                                        .newest_ms = window->summary.last_ms,
                                        .needed_ms = INT64_MIN};
        plan->device_count++;
    }
    size_t place = plan->bytes / PLACE_BYTES;
    struct merge_entry *entry = &plan->entries[plan->count++];
    *entry = (struct merge_entry){
        .seq = record->seq,
        .device = hash,
        .rank = device->rank,
        .size_ms = window->size_ms,
        .every_ms = window->every_ms,
        .start_ms = window->start_ms,
        .end_ms = window->end_ms,
        .revision = window->revision,
        .part = window->part,
        .boot = window->boot,
        .slot = (uint16_t)(device - plan->devices),
        .run = MERGE_NO_RUN,
        .place = (uint16_t)(place < MERGE_PLACES ? place : MERGE_PLACES - 1),
        .is_merged = window->merged > 0,
        .is_offered = seq_ranges_contain(&plan->offered, record->seq),
        .is_provisional = window->is_provisional,
    };
    if (plan->first_seq == 0) plan->first_seq = record->seq;
    if (entry->boot == device->boot) need_reading(plan, device, find_needed_of(plan, entry));
}

/* Of former boots, and of true times when only uptime came of late, nothing newer will come. */
static int64_t find_newest_ms(const struct merge_task *task, uint32_t boot)
{
    if (boot == 0)
        return task->newest_ms == INT64_MIN && task->newest_boot != 0 ? INT64_MAX : task->newest_ms;
    return boot == task->newest_boot ? task->newest_uptime_ms : INT64_MAX;
}

static bool is_fine_member(const struct merge_plan *plan, const struct window_result *window)
{
    return merge_rules_classify(plan->kinds, window) == MERGE_MEMBER &&
           window->end_ms - window->start_ms < plan->task.target_ms;
}

static void take_window(struct merge_plan *plan, const struct record *record)
{
    const struct window_result *window = &record->window;
    uint64_t hash = merge_plan_hash(record->device);
    struct merge_device *device = find_device(plan, hash);
    note_part(plan, device, window);
    if (window->summary.count > 0 && window->boot == device->boot)
        show_reading(plan, device, window->summary.last_ms);
    if (!is_fine_member(plan, window)) return;
    if (find_needed_ms(plan, window->size_ms, window->every_ms, window->start_ms, window->end_ms) >
        find_newest_ms(&plan->task, window->boot)) {
        wait_for(plan, record->seq);
        return;
    }
    if (!plan->has_region) {
        plan->has_region = true;
        plan->first_span_ms = merge_rules_floor(window->start_ms, plan->task.target_ms);
        plan->region_end_ms = plan->first_span_ms + plan->spans * plan->task.target_ms;
    }
    while (is_wanted(plan, hash, window->start_ms) && !has_room(plan)) {
        if (plan->task.modulus >= MODULUS_MOST) {
            plan->is_out_of_room = plan->has_stopped = true;
            return;
        }
        shrink(plan);
    }
    defer(plan, record->seq, window->start_ms);
    if (is_wanted(plan, hash, window->start_ms)) note(plan, record, hash);
}

static bool visit(void *context, const struct record *record, size_t bytes)
{
    struct merge_plan *plan = context;
    plan->rows++;
    if (record->kind == RECORD_WINDOW) take_window(plan, record);
    if (record->kind == RECORD_NOTICE && plan->deferred_seq == 0 &&
        plan->notice_count < MERGE_NOTICES && !seq_ranges_contain(&plan->offered, record->seq))
        plan->notices[plan->notice_count++] = record->seq;
    if (plan->has_region) plan->bytes += bytes + ROW_BYTES;
    if (plan->rows >= ROWS_MOST) plan->has_stopped = true;
    if (plan->deferred_seq != 0 && plan->unsettled == 0) plan->has_stopped = true;
    if (!plan->is_out_of_room) plan->last_seq = record->seq;
    return !plan->has_stopped;
}

/* ---- order ---- */

static int compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const struct merge_entry *a, const struct merge_entry *b)
{
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    int order = compare_numbers(a->size_ms, b->size_ms);
    if (order == 0) order = compare_numbers(a->every_ms, b->every_ms);
    if (order == 0) order = compare_numbers(a->boot, b->boot);
    if (order == 0) order = compare_numbers(a->start_ms, b->start_ms);
    if (order == 0) order = compare_numbers(a->is_merged, b->is_merged);
    if (order == 0) order = compare_numbers(a->part, b->part);
    if (order == 0) order = compare_numbers(a->revision, b->revision);
    if (order == 0) order = a->seq < b->seq ? -1 : 1;
    return order;
}

static void sift(struct merge_entry *entries, size_t at, size_t count,
                 int (*order)(const struct merge_entry *a, const struct merge_entry *b))
{
    struct merge_entry moved = entries[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && order(&entries[child], &entries[child + 1]) < 0) child++;
        if (order(&moved, &entries[child]) >= 0) break;
        entries[at] = entries[child];
    }
    entries[at] = moved;
}

void merge_plan_sort(struct merge_entry *entries, size_t count,
                     int (*order)(const struct merge_entry *a, const struct merge_entry *b))
{
    for (size_t i = count / 2; i > 0; i--) sift(entries, i - 1, count, order);
    for (size_t i = count; i > 1; i--) {
        struct merge_entry first = entries[0];
        entries[0] = entries[i - 1];
        entries[i - 1] = first;
        sift(entries, 0, i - 1, order);
    }
}

/* ---- groups ---- */

static bool is_same_kind(const struct merge_entry *a, const struct merge_entry *b)
{
    return a->rank == b->rank && a->size_ms == b->size_ms && a->every_ms == b->every_ms &&
           a->boot == b->boot;
}

/* The editions of one window; what was merged before stands alone. */
static size_t find_chain_end(const struct merge_plan *plan, size_t at, size_t end)
{
    const struct merge_entry *first = &plan->entries[at];
    size_t next = at + 1;
    while (!first->is_merged && next < end && !plan->entries[next].is_merged &&
           plan->entries[next].start_ms == first->start_ms &&
           plan->entries[next].part == first->part)
        next++;
    return next;
}

/* Where an edition may have been handed out, or the first one is not here any more, the centre
 * may know the window by itself; where the last is provisional, another one will come. */
static bool is_usable(const struct merge_plan *plan, size_t at, size_t end)
{
    const struct merge_entry *first = &plan->entries[at], *last = &plan->entries[end - 1];
    if (!is_entry_settled(plan, last)) return false;
    for (size_t i = at; i < end; i++)
        if (plan->entries[i].is_offered) return false;
    return first->revision == 1 && !last->is_provisional;
}

static void mark_chain(struct merge_plan *plan, size_t at, size_t end)
{
    for (size_t i = at; i < end; i++) {
        plan->entries[i].run = (uint16_t)plan->run_count;
        plan->entries[i].is_added = i + 1 == end;
    }
}

static bool is_place_touched(const struct merge_plan *plan, size_t place)
{
    return (plan->is_touched[place / 8] >> (place % 8) & 1) != 0;
}

/* Notes the places on the disk that the run will change; false: too many for a transaction. */
static bool touch(struct merge_plan *plan, size_t at, size_t end)
{
    size_t before = plan->touched;
    for (size_t i = at; i < end; i++) {
        size_t place = plan->entries[i].place;
        if (plan->entries[i].run != plan->run_count || is_place_touched(plan, place)) continue;
        plan->is_touched[place / 8] |= (uint8_t)(1U << place % 8);
        plan->touched++;
    }
    return before == 0 || plan->touched <= plan->page_limit;
}

static void clear_run(struct merge_plan *plan, size_t at, size_t end)
{
    for (size_t i = at; i < end; i++)
        if (plan->entries[i].run == plan->run_count) plan->entries[i].run = MERGE_NO_RUN;
}

static void wait_for_chain(struct merge_plan *plan, size_t at, size_t end)
{
    for (size_t i = at; i < end; i++)
        if (!plan->entries[i].is_offered) wait_for(plan, plan->entries[i].seq);
}

/* Entries of one device, kind and span. */
static void plan_group(struct merge_plan *plan, size_t at, size_t end)
{
    size_t rows = 0;
    for (size_t i = at, next; i < end; i = next) {
        next = find_chain_end(plan, i, end);
        if (is_usable(plan, i, next)) {
            mark_chain(plan, i, next);
            rows += next - i;
        } else if (!is_entry_settled(plan, &plan->entries[next - 1])) {
            wait_for_chain(plan, i, next);
        }
    }
    if (rows >= 2 && plan->run_count < MERGE_RUNS && touch(plan, at, end)) {
        plan->run_count++;
        plan->planned += rows;
        return;
    }
    if (rows >= 2) plan->has_more = true;
    clear_run(plan, at, end);
}

static void plan_groups(struct merge_plan *plan)
{
    int64_t target_ms = plan->task.target_ms;
    for (size_t at = 0, end; at < plan->count && !plan->has_more; at = end) {
        const struct merge_entry *first = &plan->entries[at];
        int64_t span_ms = merge_rules_floor(first->start_ms, target_ms);
        for (end = at + 1; end < plan->count; end++) {
            const struct merge_entry *entry = &plan->entries[end];
            if (!is_same_kind(first, entry) || entry->start_ms >= span_ms + target_ms) break;
        }
        plan_group(plan, at, end);
    }
}

enum status merge_plan_make(struct merge_plan *plan, struct outbox *outbox,
                            const struct merge_task *task, struct seq_ranges offered)
{
    struct merge_plan fresh = {.entries = plan->entries,
                               .capacity = plan->capacity,
                               .devices = plan->devices,
                               .spare_devices = plan->spare_devices,
                               .device_slots = plan->device_slots,
                               .kinds = plan->kinds,
                               .page_limit = plan->page_limit,
                               .offered = offered,
                               .task = *task,
                               .spans = SPANS_MOST,
                               .last_seq = task->after};
    *plan = fresh;
    memset(plan->devices, 0, plan->device_slots * sizeof *plan->devices);
    enum status status = outbox_walk(outbox, LANE_WINDOW, task->after, visit, plan);
    if (status != ST_OK) return status;
    merge_plan_sort(plan->entries, plan->count, compare);
    plan_groups(plan);
    return ST_OK;
}
