/* Invariant: what is expected comes from the sources and the store's commits alone; what was got
 * comes from the messages alone.  Nothing of the stream's own counting is believed. */
#include "simulation/world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_MOST_MS = 100 };
enum { CELLS = 1 << 19, SEQS = 1 << 21, TRANSITIONS = 1 << 18, MERGED = 1 << 17, HOPS = 4 };

void oracle_open(struct oracle *oracle, struct world *world)
{
    *oracle = (struct oracle){
        .world = world,
        .cells = calloc(CELLS, sizeof *oracle->cells),
        .hash_by_seq = calloc(SEQS, sizeof *oracle->hash_by_seq),
        .transitions = calloc(TRANSITIONS, sizeof *oracle->transitions),
        .merged = calloc(MERGED, sizeof *oracle->merged),
        .missed = {calloc(world->options.devices + 1, sizeof(uint64_t)),
                   calloc(world->options.devices + 1, sizeof(uint64_t))},
    };
    if (oracle->cells == NULL || oracle->hash_by_seq == NULL || oracle->transitions == NULL ||
        oracle->merged == NULL || oracle->missed[0] == NULL || oracle->missed[1] == NULL)
        abort();
}

void oracle_close(struct oracle *oracle)
{
    free(oracle->cells);
    free(oracle->hash_by_seq);
    free(oracle->transitions);
    free(oracle->merged);
    free(oracle->missed[0]);
    free(oracle->missed[1]);
}

/* ---- cells ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ (z >> 29);
}

/* With `is_made` false: NULL when there is none. */
static struct cell *find_part(struct oracle *oracle, uint32_t device, bool is_hopping,
                              uint32_t boot, int64_t start_ms, uint32_t part, bool is_made)
{
    uint64_t at =
        mix(device * 2U + is_hopping, (uint64_t)start_ms + part + boot * UINT64_C(0x10001)) % CELLS;
    for (;; at = (at + 1) % CELLS) {
        struct cell *cell = &oracle->cells[at];
        if (!cell->is_used) break;
        if (cell->device == device && cell->is_hopping == is_hopping && cell->boot == boot &&
            cell->start_ms == start_ms && cell->part == part)
            return cell;
    }
    if (!is_made) return NULL;
    WORLD_CHECK(oracle->world, ++oracle->cell_count < CELLS * 3 / 4, "too many windows");
    oracle->cells[at] = (struct cell){.is_used = true,
                                      .device = device,
                                      .is_hopping = is_hopping,
                                      .boot = boot,
                                      .start_ms = start_ms,
                                      .part = part};
    return &oracle->cells[at];
}

static struct cell *find_cell(struct oracle *oracle, uint32_t device, bool is_hopping,
                              uint32_t boot, int64_t start_ms, bool is_made)
{
    return find_part(oracle, device, is_hopping, boot, start_ms, 0, is_made);
}

static void merge(struct tally *into, const struct tally *from)
{
    if (from->count == 0) return;
    if (into->count == 0 || from->min_micro < into->min_micro) into->min_micro = from->min_micro;
    if (into->count == 0 || from->max_micro > into->max_micro) into->max_micro = from->max_micro;
    into->count += from->count;
    into->sum_micro += from->sum_micro;
}

static bool is_equal(const struct tally *a, const struct tally *b)
{
    return a->count == b->count && a->sum_micro == b->sum_micro && a->min_micro == b->min_micro &&
           a->max_micro == b->max_micro;
}

static int64_t floor_to(int64_t time_ms, int64_t size_ms)
{
    int64_t rest_ms = time_ms % size_ms;
    return time_ms - (rest_ms < 0 ? rest_ms + size_ms : rest_ms);
}

void oracle_promise(struct oracle *oracle, const struct message *reading)
{
    int64_t start_ms = floor_to(reading->event_ms, oracle->world->options.window_ms);
    struct tally one = {1, reading->value_micro, reading->value_micro, reading->value_micro};
    merge(&find_cell(oracle, reading->device, false, reading->boot, start_ms, true)->expected,
          &one);
    oracle->promised++;
}

/* ---- what the consumer reads ---- */

/* The text after "name":, or NULL. */
static const char *find_field(const char *payload, const char *name)
{
    char key[32] = "\"";
    strcat(strcat(key, name), "\":");
    const char *found = strstr(payload, key);
    return found == NULL ? NULL : found + strlen(key);
}

static int64_t read_number(struct oracle *oracle, const char *payload, const char *name)
{
    const char *text = find_field(payload, name);
    WORLD_CHECK(oracle->world, text != NULL, "no %s in %s", name, payload);
    return strtoll(text, NULL, 10);
}

/* A decimal, in quotes or not, in millionths. */
static int64_t read_micro(struct oracle *oracle, const char *payload, const char *name)
{
    const char *text = find_field(payload, name);
    WORLD_CHECK(oracle->world, text != NULL, "no %s in %s", name, payload);
    if (*text == '"') text++;
    bool is_negative = *text == '-';
    if (is_negative) text++;
    int64_t micro = 0, places = -1;
    for (; (*text >= '0' && *text <= '9') || *text == '.'; text++) {
        if (*text == '.') {
            places = 0;
            continue;
        }
        micro = micro * 10 + (*text - '0');
        if (places >= 0) places++;
    }
    for (places = places < 0 ? 0 : places; places < 6; places++) micro *= 10;
    return is_negative ? -micro : micro;
}

static uint32_t read_device(struct oracle *oracle, const char *payload)
{
    const char *text = find_field(payload, "device");
    WORLD_CHECK(oracle->world, text != NULL && strlen(text) > 3, "no device in %s", payload);
    return (uint32_t)strtoul(text + 2, NULL, 10);
}

static uint64_t *missed_of(struct oracle *oracle, uint32_t device, bool is_hopping)
{
    uint32_t devices = oracle->world->options.devices; /* strangers share the last place */
    return &oracle->missed[is_hopping][device < devices ? device : devices];
}

static struct tally read_tally(struct oracle *oracle, const char *payload)
{
    return (struct tally){.count = (uint64_t)read_number(oracle, payload, "count"),
                          .sum_micro = read_micro(oracle, payload, "sum"),
                          .min_micro = read_micro(oracle, payload, "min"),
                          .max_micro = read_micro(oracle, payload, "max")};
}

/* Takes a time of a window back to what the stream had: uptime from UPTIME_BASE_MS on, when the
 * window is of a boot that had no clock.  Returns that boot, 0 for a window that never was of
 * uptime.  True times of uptime lie a tenth of a second beside the truth at most. */
static uint32_t find_boot(struct oracle *oracle, const char *payload, int64_t *start_ms)
{
    const struct world *world = oracle->world;
    int64_t window_ms = world->options.window_ms;
    if (find_field(payload, "boot") != NULL) {
        WORLD_CHECK(oracle->world,
                    strstr(payload, "\"start\":null,\"end\":null") != NULL &&
                        strstr(payload, "\"clock\":\"unset\"") != NULL,
                    "unknown time is not said to be unknown: %s", payload);
        *start_ms += UPTIME_BASE_MS;
        oracle->unplaced++;
        return (uint32_t)read_number(oracle, payload, "boot");
    }
    if (floor_to(*start_ms, window_ms) == *start_ms) return 0;
    for (uint32_t boot = world->boot; boot > 0; boot--) {
        int64_t uptime_ms = *start_ms - world->boot_begin_ms[boot] + UPTIME_BASE_MS;
        int64_t off_ms = uptime_ms + ERROR_MOST_MS - floor_to(uptime_ms + ERROR_MOST_MS, window_ms);
        if (off_ms > 2 * ERROR_MOST_MS) continue;
        *start_ms = uptime_ms + ERROR_MOST_MS - off_ms;
        oracle->placed++;
        return boot;
    }
    world_fail(oracle->world, __FILE__, __LINE__, "a window of no boot: %s", payload);
}

static void receive_merged(struct oracle *oracle, const char *payload, bool is_hopping)
{
    WORLD_CHECK(oracle->world, oracle->merged_count < MERGED, "too many merged records");
    uint32_t device = read_device(oracle, payload);
    *missed_of(oracle, device, is_hopping) += (uint64_t)read_number(oracle, payload, "missed");
    int64_t start_ms = read_number(oracle, payload, "start_ms");
    int64_t length_ms = read_number(oracle, payload, "end_ms") - start_ms;
    uint32_t boot = find_boot(oracle, payload, &start_ms);
    oracle->merged[oracle->merged_count++] = (struct merged){.device = device,
                                                             .is_hopping = is_hopping,
                                                             .boot = boot,
                                                             .start_ms = start_ms,
                                                             .end_ms = start_ms + length_ms,
                                                             .got = read_tally(oracle, payload)};
}

static void receive_notice(struct oracle *oracle, const char *payload)
{
    oracle->notices++;
    oracle->named += (uint64_t)read_number(oracle, payload, "records");
}

static void receive_window(struct oracle *oracle, const char *payload, const char *name,
                           uint64_t seq)
{
    uint32_t device = read_device(oracle, payload);
    const char *end = strchr(name + 1, '"');
    bool is_hopping = memchr(name, '/', (size_t)(end - name)) != NULL;
    int64_t start_ms = read_number(oracle, payload, "start_ms");
    if (find_field(payload, "merged") != NULL) {
        receive_merged(oracle, payload, is_hopping);
        return;
    }
    uint32_t part =
        find_field(payload, "part") == NULL ? 0 : (uint32_t)read_number(oracle, payload, "part");
    uint32_t boot = find_boot(oracle, payload, &start_ms);
    struct cell *cell = find_part(oracle, device, is_hopping, boot, start_ms, part, true);
    if (boot > 0) start_ms = oracle->earliest_ms;
    if (oracle->earliest_ms == 0 || start_ms < oracle->earliest_ms) oracle->earliest_ms = start_ms;
    uint32_t revision = (uint32_t)read_number(oracle, payload, "revision");
    *missed_of(oracle, device, is_hopping) += (uint64_t)read_number(oracle, payload, "missed");
    WORLD_CHECK(oracle->world, (cell->seq < seq) == (cell->revision < revision),
                "revisions out of order: %s", payload);
    if (revision < cell->revision) return;
    cell->revision = revision;
    cell->seq = seq;
    cell->is_provisional = strncmp(find_field(payload, "provisional"), "true", 4) == 0;
    cell->got = read_tally(oracle, payload);
}

static void receive_alarm(struct oracle *oracle, const char *payload, uint64_t seq)
{
    WORLD_CHECK(oracle->world, oracle->transition_count < TRANSITIONS, "too many alarms");
    const char *trigger = find_field(payload, "trigger");
    WORLD_CHECK(oracle->world, trigger != NULL, "no trigger in %s", payload);
    if (strncmp(trigger, "\"FLOOD\"", 7) == 0) return; /* about many alarms, of the gateway */
    oracle->transitions[oracle->transition_count++] =
        (struct transition){.seq = seq,
                            .device = read_device(oracle, payload),
                            .occurrence = (uint32_t)read_number(oracle, payload, "occurrence"),
                            .is_raise = strncmp(trigger, "\"RAISE\"", 7) == 0};
    oracle->alarms++;
}

static void check_epoch(struct oracle *oracle, const char *payload)
{
    char epoch[sizeof oracle->epoch] = "";
    const char *text = find_field(payload, "epoch");
    WORLD_CHECK(oracle->world, text != NULL, "no epoch in %s", payload);
    for (size_t i = 0; i + 1 < sizeof epoch && text[i + 1] != '"'; i++) epoch[i] = text[i + 1];
    if (oracle->epoch[0] == '\0') memcpy(oracle->epoch, epoch, sizeof epoch);
    WORLD_CHECK(oracle->world, strcmp(epoch, oracle->epoch) == 0, "another epoch: %s", payload);
}

/* No time is of last century, nor of any year before a clock can be right. */
static void check_times(struct oracle *oracle, const char *payload)
{
    for (const char *c = payload; (c = strstr(c, "\"19")) != NULL; c++)
        WORLD_CHECK(oracle->world, c[5] != '-', "a time of last century: %s", payload);
    for (const char *c = payload; (c = strstr(c, "_ms\":")) != NULL; c++) {
        if (memcmp(c - 4, "mono", 4) == 0) continue;
        int64_t time_ms = strtoll(c + 5, NULL, 10);
        WORLD_CHECK(oracle->world, time_ms < UPTIME_BASE_MS / 2 || time_ms >= CLOCK_FLOOR_MS,
                    "uptime instead of a time: %s", payload);
    }
}

void oracle_receive(struct oracle *oracle, const char *payload, size_t size)
{
    if (find_field(payload, "seq") == NULL) return; /* a birth or a death */
    uint64_t seq = (uint64_t)read_number(oracle, payload, "seq");
    WORLD_CHECK(oracle->world, seq > 0 && seq < SEQS, "seq %" PRIu64, seq);
    uint64_t hash = 1;
    const char *replayed = strstr(payload, ",\"replayed\":"); /* all that may differ */
    size = replayed != NULL ? (size_t)(replayed - payload) : size - 1;
    for (size_t i = 0; i < size; i++) hash = hash * 31 + (unsigned char)payload[i];
    uint32_t mark = (uint32_t)(hash ^ (hash >> 32)) | 1U;
    if (oracle->hash_by_seq[seq] != 0) {
        WORLD_CHECK(oracle->world, oracle->hash_by_seq[seq] == mark,
                    "seq %" PRIu64 " comes again with other content: %s", seq, payload);
        oracle->repeated++;
        return;
    }
    check_epoch(oracle, payload);
    check_times(oracle, payload);
    oracle->hash_by_seq[seq] = mark;
    oracle->distinct++;
    if (seq > oracle->highest_seq) oracle->highest_seq = seq;
    const char *clock = find_field(payload, "clock");
    if (clock != NULL && strncmp(clock, "\"unset\"", 7) == 0) oracle->unset_clock++;
    const char *window = find_field(payload, "window");
    if (find_field(payload, "ranges") != NULL)
        receive_notice(oracle, payload);
    else if (window != NULL)
        receive_window(oracle, payload, window, seq);
    else
        receive_alarm(oracle, payload, seq);
    const char *after_epoch = find_field(payload, "seq");
    for (const char *c = after_epoch; *c != '\0'; c++)
        oracle->digest = oracle->digest * 1099511628211U + (unsigned char)*c;
}

/* ---- the comparison ---- */

static void verify_sequence(struct oracle *oracle, uint64_t dropped)
{
    uint64_t missing = oracle->highest_seq - oracle->distinct;
    missing = missing > oracle->named ? missing - oracle->named : 0;
    WORLD_CHECK(oracle->world, missing <= dropped,
                "%" PRIu64 " holes in the sequence up to %" PRIu64 ", %" PRIu64 " dropped", missing,
                oracle->highest_seq, dropped);
}

static void verify_tumbling(struct oracle *oracle, const struct cell *cell, bool is_whole)
{
    bool is_exact = is_whole && *missed_of(oracle, cell->device, false) == 0;
    bool is_right = is_exact ? is_equal(&cell->expected, &cell->got) && !cell->is_provisional
                             : cell->got.count <= cell->expected.count;
    WORLD_CHECK(oracle->world, is_right,
                "device %u, window from %" PRId64 ": promised %" PRIu64 " readings, sum %" PRId64
                "; got %" PRIu64 ", sum %" PRId64 " in revision %u",
                cell->device, cell->start_ms, cell->expected.count, cell->expected.sum_micro,
                cell->got.count, cell->got.sum_micro, cell->revision);
}

static void verify_hopping(struct oracle *oracle, const struct cell *cell, bool is_whole)
{
    struct tally expected = {0};
    int64_t window_ms = oracle->world->options.window_ms;
    for (int i = 0; i < HOPS; i++) {
        struct cell *part = find_cell(oracle, cell->device, false, cell->boot,
                                      cell->start_ms + i * window_ms, false);
        if (part != NULL) merge(&expected, &part->expected);
    }
    WORLD_CHECK(oracle->world, cell->got.count <= expected.count,
                "device %u, hopping window from %" PRId64 ": %" PRIu64 " readings of %" PRIu64,
                cell->device, cell->start_ms, cell->got.count, expected.count);
    if (!is_whole || *missed_of(oracle, cell->device, true) > 0) return;
    WORLD_CHECK(oracle->world, is_equal(&expected, &cell->got),
                "device %u, hopping window from %" PRId64 ": promised %" PRIu64 ", got %" PRIu64,
                cell->device, cell->start_ms, expected.count, cell->got.count);
}

static int compare_seqs(const void *left, const void *right)
{
    const struct transition *a = left, *b = right;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* Each device's alarm is raised and cleared in turn, and occurrences count up by one. */
static void verify_alarms(struct oracle *oracle)
{
    uint32_t devices = oracle->world->options.devices;
    struct transition *last = calloc(devices, sizeof *last);
    if (last == NULL) abort();
    qsort(oracle->transitions, oracle->transition_count, sizeof *oracle->transitions, compare_seqs);
    for (size_t i = 0; i < oracle->transition_count; i++) {
        const struct transition *now = &oracle->transitions[i];
        WORLD_CHECK(oracle->world, now->device < devices, "an alarm of device %u", now->device);
        struct transition *former = &last[now->device];
        bool is_next = now->is_raise != former->is_raise &&
                       now->occurrence == former->occurrence + (now->is_raise ? 1 : 0);
        WORLD_CHECK(oracle->world, is_next, "device %u: alarm %u %s after %u %s", now->device,
                    now->occurrence, now->is_raise ? "raised" : "cleared", former->occurrence,
                    former->is_raise ? "raised" : "cleared");
        *former = *now;
    }
    free(last);
}

/* A merged record holds the windows of its time that did not come by themselves. */
static void verify_merged(struct oracle *oracle, const struct merged *merged, bool is_whole)
{
    struct tally expected = {0};
    int64_t window_ms = oracle->world->options.window_ms;
    for (int64_t start_ms = merged->start_ms; start_ms < merged->end_ms; start_ms += window_ms) {
        struct cell *cell = find_cell(oracle, merged->device, false, merged->boot, start_ms, false);
        if (cell == NULL || cell->revision > 0 || cell->other_parts.count > 0) continue;
        cell->is_merged = true;
        merge(&expected, &cell->expected);
    }
    bool is_exact = is_whole && *missed_of(oracle, merged->device, false) == 0;
    bool is_right =
        is_exact ? is_equal(&expected, &merged->got) : merged->got.count <= expected.count;
    WORLD_CHECK(
        oracle->world, is_right,
        "device %u, merged from %" PRId64 " to %" PRId64 ": promised %" PRIu64 ", got %" PRIu64,
        merged->device, merged->start_ms, merged->end_ms, expected.count, merged->got.count);
}

/* A device that was begun anew says more of a window in another part. */
static void gather_parts(struct oracle *oracle)
{
    for (size_t i = 0; i < CELLS; i++) {
        struct cell *cell = &oracle->cells[i];
        if (!cell->is_used || cell->part == 0 || cell->got.count == 0) continue;
        struct cell *first =
            find_cell(oracle, cell->device, cell->is_hopping, cell->boot, cell->start_ms, true);
        merge(&first->other_parts, &cell->got);
        first->is_provisional |= cell->is_provisional;
        cell->got = (struct tally){0};
        oracle->parts++;
    }
}

void oracle_verify(struct oracle *oracle, uint64_t dropped)
{
    bool is_whole = dropped == 0;
    gather_parts(oracle);
    verify_sequence(oracle, dropped);
    uint64_t got = 0;
    for (size_t i = 0; i < oracle->merged_count; i++) {
        const struct merged *merged = &oracle->merged[i];
        WORLD_CHECK(oracle->world, !merged->is_hopping, "hopping windows were added up");
        verify_merged(oracle, merged, is_whole);
        got += merged->got.count;
    }
    for (size_t i = 0; i < CELLS; i++) {
        struct cell *cell = &oracle->cells[i];
        if (!cell->is_used || cell->is_merged || cell->part > 0) continue;
        merge(&cell->got, &cell->other_parts);
        cell->other_parts = (struct tally){0};
        if (cell->is_hopping)
            verify_hopping(oracle, cell, is_whole);
        else
            verify_tumbling(oracle, cell, is_whole);
        if (!cell->is_hopping) got += cell->got.count;
    }
    for (uint32_t i = 0; i <= oracle->world->options.devices; i++) got += oracle->missed[0][i];
    WORLD_CHECK(oracle->world, !is_whole || got == oracle->promised,
                "promised %" PRIu64 " readings, accounted for %" PRIu64, oracle->promised, got);
    if (is_whole) verify_alarms(oracle);
}
