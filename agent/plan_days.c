/* Invariant: rounding goes up where more is worse, and down where less is. */
#include "plan_days.h"

#include "flow.h"
#include "store/database.h"
#include "store/degrade.h"
#include "store/wear.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

/* Measured (docs/plan.md): what SQLite adds. */
enum {
    ROW_BYTES = 11,                         /* of a record in its page: sizes, number, place */
    PAGE_USE_BYTES = 4088,                  /* of a page, for rows */
    FRAME_BYTES = DATABASE_PAGE_BYTES + 24, /* a page in the WAL */
    BASE_FRAMES = 3,        /* of every commit: the state, the journal's leaf, page 1 */
    LEAF_BYTES = 1000,      /* of a journal entry with pages of its own, beside them */
    INLINE_BYTES = 4061,    /* a longer journal entry has pages of its own */
    ROUNDS_KEPT = 3,        /* rounds of the journal that lie about in pages, measured */
    SHARED_PAGES = 5,       /* written back once for all commits since the last time */
    BURST_HALF_COMMITS = 5, /* that touch the outbox for windows that end at once */
    MARGIN_PERCENT = 7,
    REPEAT_BYTES = 7,        /* in the journal for each reading that may be sent again */
    LEDGER_TYPICAL = 64,     /* in the journal for each commit and source */
    LEDGER_JSON = 420,       /* the ledger that is published, */
    LEDGER_SOURCE_JSON = 120 /* and more for each source */
};

/* b > 0 */
static int64_t divide_up(int64_t a, int64_t b)
{
    if (b <= 0) return 0;
    return a / b + (a % b != 0);
}

/* Bytes in the file of a record that is `size` long: whole rows in a page. */
static int64_t file_bytes(int64_t size)
{
    int64_t rows = PAGE_USE_BYTES / (size + ROW_BYTES + 2);
    return rows > 0 ? divide_up(DATABASE_PAGE_BYTES, rows) : size + DATABASE_PAGE_BYTES;
}

static int64_t a_day(const struct plan *plan, const struct plan_kind *kind)
{
    return divide_up(kind->records_per_day_milli * plan->assumed.devices, 1000);
}

static void fill_records(struct plan *plan, const struct plan_traffic *traffic)
{
    int64_t file_a_day = 0;
    for (size_t i = 0; i < traffic->kind_count; i++) {
        const struct plan_kind *kind = &traffic->kinds[i];
        int64_t records = a_day(plan, kind);
        plan->records_per_day += records;
        plan->payload_bytes_per_day += records * kind->json_bytes;
        plan->uplink_bytes_per_day += records * kind->packet_bytes;
        file_a_day += records * file_bytes(kind->stored_bytes);
    }
    if (plan->records_per_day == 0) return;
    plan->json_bytes = divide_up(plan->payload_bytes_per_day, plan->records_per_day);
    plan->packet_bytes = divide_up(plan->uplink_bytes_per_day, plan->records_per_day);
    plan->record_bytes = divide_up(file_a_day, plan->records_per_day);
}

/* The most that the journal may have grown to when the centre goes away. */
static int64_t journal_most(const struct plan *plan, const struct config *config,
                            const struct plan_traffic *traffic)
{
    int64_t states = plan->assumed.devices * traffic->state_bytes;
    int64_t share = flow_journal_share(config->store.budget_bytes);
    return flow_sweep_limit(states, share) + 2 * states;
}

/* The ledger goes out beside the records. */
static void add_ledger(struct plan *plan, const struct config *config)
{
    if (!config->has_uplink || config->uplink.ledger_every_ms == 0) return;
    int64_t bytes = LEDGER_JSON + (int64_t)config->source_count * LEDGER_SOURCE_JSON;
    int64_t ledgers = divide_up(DAY_MS, config->uplink.ledger_every_ms);
    plan->uplink_bytes_per_day +=
        ledgers * (bytes + (int64_t)strlen(config->uplink.topic) + LIMIT_GATEWAY_SIZE);
}

static void fill_outbox(struct plan *plan, const struct config *config,
                        const struct plan_traffic *traffic)
{
    struct store_options options = config_store_options(config);
    struct database_shares shares;
    if (database_share(options.budget_bytes, 0, options.batch_bytes, &shares) != ST_OK) return;
    /* From there on the store merges. */
    int64_t pages = shares.max_pages * DEGRADE_BEGIN_PERCENT / 100 * DATABASE_PAGE_BYTES;
    plan->outbox_bytes = pages - journal_most(plan, config, traffic);
    if (plan->outbox_bytes < 0) plan->outbox_bytes = 0;
}

/* Records of an hour when windows shorter than `resolution_ms` are merged to it. */
static int64_t bytes_per_hour(const struct plan *plan, const struct config *config,
                              const struct plan_traffic *traffic, int64_t resolution_ms,
                              int64_t *records_per_hour)
{
    int64_t bytes_a_day = 0, records_a_day = 0;
    for (size_t i = 0; i < traffic->kind_count; i++) {
        const struct window_spec *window = &config->windows[i];
        int64_t records = a_day(plan, &traffic->kinds[i]);
        if (window->size_ms > 0 && window->every_ms < resolution_ms)
            records = divide_up(plan->assumed.devices * DAY_MS, resolution_ms);
        records_a_day += records;
        bytes_a_day += records * file_bytes(traffic->kinds[i].stored_bytes);
    }
    *records_per_hour = divide_up(records_a_day, 24);
    return divide_up(bytes_a_day, 24);
}

static void add_level(struct plan *plan, const struct config *config,
                      const struct plan_traffic *traffic, int64_t resolution_ms)
{
    struct plan_level *level = &plan->levels[plan->level_count];
    int64_t bytes = bytes_per_hour(plan, config, traffic, resolution_ms, &level->records_per_hour);
    if (bytes == 0) return;
    if (plan->level_count > 0 &&
        level->records_per_hour == plan->levels[plan->level_count - 1].records_per_hour)
        return;
    level->resolution_ms = resolution_ms;
    level->covered_ms =
        plan->outbox_bytes / bytes * HOUR_MS + plan->outbox_bytes % bytes * HOUR_MS / bytes;
    plan->level_count++;
}

static void fill_levels(struct plan *plan, const struct config *config,
                        const struct plan_traffic *traffic)
{
    static const int64_t resolutions_ms[] = {0, 60000, 10 * 60000, HOUR_MS, 6 * HOUR_MS, DAY_MS};
    for (size_t i = 0; i < sizeof resolutions_ms / sizeof *resolutions_ms; i++)
        add_level(plan, config, traffic, resolutions_ms[i]);
}

/* Readings that one commit may hold before a source asks for it; INT64_MAX: none does. */
static int64_t readings_a_commit(const struct config *config)
{
    int64_t readings = 0;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        if (source->driver->commit_readings == NULL) return INT64_MAX;
        readings += (int64_t)source->driver->commit_readings(source->options);
    }
    return readings > 0 ? readings : INT64_MAX;
}

/* What the commits of a day have to hold, each. */
struct load {
    int64_t readings, dirty, records;
    int64_t journal_bytes, record_bytes;
    int64_t journal_round_bytes; /* pages that journal entries use in turn */
    int64_t interval_ms;
};

/* By how much the journal grows from one round of whole states to the next. */
static int64_t sweep_growth(const struct config *config, int64_t states, int64_t journal_bytes)
{
    int64_t share = flow_journal_share(config->store.budget_bytes);
    int64_t after = states + (FLOW_SWEEP_ROUNDS + 1) * journal_bytes;
    int64_t limit = flow_sweep_limit(after, share);
    if (limit > share) { /* all states go into one commit */
        after = states + journal_bytes;
        limit = flow_sweep_limit(after, share);
    }
    return limit > after ? limit - after : 1;
}

static struct load load_of(const struct plan *plan, const struct config *config,
                           const struct plan_traffic *traffic, int64_t readings_a_day)
{
    int64_t commits = plan->commits_per_day;
    struct load load = {.readings = divide_up(readings_a_day, commits),
                        .records = divide_up(plan->records_per_day, commits),
                        .interval_ms = DAY_MS / commits};
    load.dirty = load.readings < plan->assumed.devices ? load.readings : plan->assumed.devices;
    load.journal_bytes = divide_up(load.dirty * traffic->journal_milli_bytes, 1000) +
                         load.readings * REPEAT_BYTES +
                         (int64_t)config->source_count * LEDGER_TYPICAL;
    int64_t states = plan->assumed.devices * traffic->state_bytes;
    int64_t growth = sweep_growth(config, states, load.journal_bytes);
    load.journal_bytes += load.journal_bytes * states / growth;
    load.journal_round_bytes = ROUNDS_KEPT * (states + growth);
    load.record_bytes = divide_up(plan->records_per_day * plan->record_bytes, commits);
    return load;
}

/* What the centre takes, while it keeps up. */
static int64_t drain_rate(const struct plan *plan, const struct config *config)
{
    int64_t rate = config->uplink.in_flight * 1000 / plan->assumed.latency_ms;
    bool is_paced = config->uplink.pacing.rate > 0 && config->uplink.pacing.rate < rate;
    return is_paced ? config->uplink.pacing.rate : rate;
}

/* In how many of a thousand commits the outbox changes: a window ends for all devices at once, but
 * each device closes it with its next reading; then they drain. */
static int64_t outbox_milli(const struct plan *plan, const struct config *config,
                            const struct load *load)
{
    int64_t rate = config->has_uplink ? drain_rate(plan, config) : 0;
    int64_t spread_ms = plan->assumed.every_ms + load->interval_ms * BURST_HALF_COMMITS / 2 +
                        (rate > 0 ? plan->assumed.devices * 1000 / rate : 0);
    int64_t milli = 0;
    for (size_t i = 0; i < config->window_count; i++) {
        const struct window_spec *window = &config->windows[i];
        if (window->size_count > 0 || window->provisional_ms > 0) return 1000;
        milli += spread_ms * 1000 / window->every_ms;
    }
    return milli < 1000 ? milli : 1000;
}

/* What the outbox adds to a commit, in thousandths of a page's frame: windows that come with it go
 * with the next one, and their pages are used again. */
static int64_t outbox_frames_milli(int64_t touched_milli, int64_t pages_milli)
{
    int64_t each = pages_milli * 1000 / (touched_milli > 0 ? touched_milli : 1);
    int64_t share =
        each < 1000 ? each : 1000; /* of one page: it stands in the frame that goes anyway */
    return touched_milli + (pages_milli + touched_milli) * share / 1000;
}

/* A page goes to the WAL with each commit that changes it, and back to its place once for all the
 * commits since the last checkpoint: what the journal goes round in, too, when that is less than
 * what came.  A long journal entry costs one page more, of the list of free pages. */
static int64_t bytes_per_commit(const struct plan *plan, const struct config *config,
                                const struct load *load)
{
    struct store_options options = config_store_options(config);
    struct database_shares shares = {.checkpoint_pages = 1};
    if (database_share(options.budget_bytes, 0, options.batch_bytes, &shares) != ST_OK) return 0;
    bool is_long = load->journal_bytes > INLINE_BYTES;
    int64_t touched_milli = outbox_milli(plan, config, load);
    int64_t frames_milli =
        (BASE_FRAMES + (is_long ? 1 : 0)) * 1000 +
        outbox_frames_milli(touched_milli, load->record_bytes * 1000 / DATABASE_PAGE_BYTES);
    int64_t to_wal = frames_milli * FRAME_BYTES / 1000 + load->journal_bytes;
    int64_t wal_pages = shares.checkpoint_pages * plan->wal_percent / WEAR_WAL_PERCENT;
    int64_t journal_back = load->journal_bytes + (is_long ? LEAF_BYTES : 0);
    int64_t round_back = load->journal_round_bytes * to_wal / FRAME_BYTES / wal_pages;
    if (round_back < journal_back) journal_back = round_back;
    /* Records of twice a burst, or all of them when a burst is longer than a checkpoint. */
    int64_t burst = 2 * load->record_bytes * 1000 / (touched_milli > 0 ? touched_milli : 1);
    int64_t records_back = burst * to_wal / FRAME_BYTES / wal_pages;
    if (records_back > load->record_bytes) records_back = load->record_bytes;
    int64_t back = journal_back + records_back + SHARED_PAGES * to_wal / wal_pages;
    return (to_wal + back) * (100 + MARGIN_PERCENT) / 100;
}

static bool has_window_source(const struct config *config)
{
    for (size_t i = 0; i < config->source_count; i++)
        if (config->sources[i].driver->pauses_for_commit) return true;
    return false;
}

static int64_t commits_a_day(const struct plan *plan, const struct config *config,
                             int64_t interval_ms)
{
    int64_t readings = plan->assumed.devices * (DAY_MS / plan->assumed.every_ms);
    int64_t commits = DAY_MS / interval_ms;
    int64_t by_count = readings / readings_a_commit(config);
    if (by_count > commits) commits = by_count;
    /* A broker's small window is not held up by a long interval (flow.c). */
    if (config->store.commit_every_ms == 0 && has_window_source(config)) {
        int64_t by_window = DAY_MS / FLOW_WINDOW_WAIT_MS;
        if (readings / FLOW_WINDOW_LEAST < by_window) by_window = readings / FLOW_WINDOW_LEAST;
        if (by_window > commits) commits = by_window;
    }
    return readings < commits ? readings : commits;
}

int64_t plan_guess_commit_ms(const struct plan *plan, const struct config *config)
{
    enum { USUAL_MS = 5000 };
    int64_t fixed_ms = config->store.commit_every_ms;
    int64_t commits = commits_a_day(plan, config, fixed_ms > 0 ? fixed_ms : USUAL_MS);
    if (commits > DAY_MS) return 1;
    return commits > 0 ? DAY_MS / commits : DAY_MS;
}

static void try_interval(struct plan *plan, const struct config *config,
                         const struct plan_traffic *traffic, int64_t interval_ms, bool is_exceeded)
{
    int64_t readings = plan->assumed.devices * (DAY_MS / plan->assumed.every_ms);
    plan->commit_every_ms = interval_ms;
    plan->wal_percent =
        wear_choose_form(interval_ms, plan->flash_budget_bytes, plan->is_commit_fixed, is_exceeded)
            .wal_percent;
    plan->commits_per_day = commits_a_day(plan, config, interval_ms);
    if (plan->commits_per_day == 0) return;
    struct load load = load_of(plan, config, traffic, readings);
    plan->journal_bytes = load.journal_bytes;
    plan->flash_bytes_per_day = plan->commits_per_day * bytes_per_commit(plan, config, &load);
}

/* As wear.c does it while running: as often as the budget allows. */
static void fill_flash(struct plan *plan, const struct config *config,
                       const struct plan_traffic *traffic)
{
    plan->flash_budget_bytes = store_flash_per_day(&config->store);
    plan->is_commit_fixed = config->store.commit_every_ms > 0;
    if (plan->is_commit_fixed) {
        int64_t interval_ms = config->store.commit_every_ms;
        try_interval(plan, config, traffic, interval_ms, false);
        if (plan->flash_bytes_per_day > plan->flash_budget_bytes)
            try_interval(plan, config, traffic, interval_ms, true);
        return;
    }
    for (int64_t interval_ms = WEAR_LEAST_MS; interval_ms <= WEAR_MOST_MS; interval_ms += 1000) {
        try_interval(plan, config, traffic, interval_ms, false);
        bool is_kept = plan->flash_bytes_per_day <= plan->flash_budget_bytes;
        if (plan->flash_budget_bytes == 0 || is_kept) return;
    }
}

static int64_t drain_ms(const struct plan *plan, int64_t records)
{
    int64_t live = divide_up(plan->records_per_day, DAY_MS / 1000);
    int64_t spare = plan->drain_records_per_s - live;
    return spare > 0 ? divide_up(records * 1000, spare) : -1;
}

static void fill_drain(struct plan *plan, const struct config *config)
{
    if (!config->has_uplink) return;
    plan->drain_records_per_s = drain_rate(plan, config);
    plan->drain_day_ms = drain_ms(plan, plan->records_per_day);
    if (plan->record_bytes > 0)
        plan->drain_full_ms = drain_ms(plan, plan->outbox_bytes / plan->record_bytes);
}

void plan_fill_days(struct plan *plan, const struct config *config,
                    const struct plan_traffic *traffic)
{
    fill_records(plan, traffic);
    add_ledger(plan, config);
    fill_outbox(plan, config, traffic);
    fill_levels(plan, config, traffic);
    fill_flash(plan, config, traffic);
    fill_drain(plan, config);
}
