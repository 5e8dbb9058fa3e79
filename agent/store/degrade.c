/* Invariant: a coarser step is taken only when no finer one gains anything. */
#include "store/degrade.h"

#include "store/database.h"
#include "store/degrade_steps.h"

#include <string.h>

enum {
    RETRY_LEAST = 64, /* records, and ... */
    RETRY_PART = 8,   /* ... this part of what waits, until what had nothing is asked again */
    TIDY_STEPS = 16,
    NEWEST = 256,    /* numbers among which the newest reading is looked for */
    WHOLE_TIMES = 4, /* so many times what waits, until all is looked at from the beginning */
    HOUR_LEVEL = 2   /* as fine as this level as long as it can be */
};

static const int64_t targets_ms[DEGRADE_LEVELS] = {60000, 600000, 3600000, 21600000, 86400000};

enum status degrade_init(struct degrade *degrade, const struct store_options *options)
{
    memset(degrade, 0, sizeof *degrade);
    degrade->kinds = options->kinds;
    degrade->alarm_budget_bytes = store_alarm_budget(options);
    return merge_init(&degrade->merge, options->batch_bytes, &degrade->kinds);
}

void degrade_fini(struct degrade *degrade)
{
    degrade_close(degrade);
    merge_fini(&degrade->merge);
}

/* Everything is to be looked at from the beginning. */
static void reset(struct degrade *degrade)
{
    for (size_t i = 0; i < DEGRADE_LEVELS; i++)
        degrade->levels[i] = (struct degrade_level){.oldest_ms = INT64_MIN, .modulus = 1};
    degrade->views_after = degrade->fold_after = 0;
    degrade->are_views_done = degrade->is_fold_done = false;
    degrade->is_unfinished_done = degrade->takes_unfinished = false;
}

static void reset_alarms(struct degrade *degrade)
{
    degrade->are_alarms_done = degrade->is_merging_alarms = false;
    degrade->alarms_after = degrade->alarms_retry_seq = degrade->measured_seq = 0;
    degrade->measured_bytes = 0;
}

enum status degrade_open(struct degrade *degrade, sqlite3 *connection, struct outbox *outbox,
                         struct meta *meta, int64_t max_pages, struct log *log)
{
    degrade->connection = connection;
    degrade->outbox = outbox;
    degrade->meta = meta;
    degrade->max_pages = max_pages;
    degrade->log = log;
    degrade->is_active = degrade->is_newest_known = false;
    degrade->newest_ms = INT64_MIN;
    degrade->newest_boot = 0;
    reset(degrade);
    reset_alarms(degrade);
    enum status status = database_prepare(connection, log, "PRAGMA page_count", &degrade->pages);
    if (status == ST_OK)
        status = database_prepare(connection, log,
                                  "SELECT ifnull(sum(length(record)), 0) FROM outbox_alarm",
                                  &degrade->alarm_bytes);
    if (status != ST_OK) return status;
    return database_prepare(connection, log, "PRAGMA freelist_count", &degrade->free_pages);
}

void degrade_close(struct degrade *degrade)
{
    (void)sqlite3_finalize(degrade->pages);
    (void)sqlite3_finalize(degrade->free_pages);
    (void)sqlite3_finalize(degrade->alarm_bytes);
    degrade->pages = degrade->free_pages = degrade->alarm_bytes = NULL;
    degrade->connection = NULL;
}

void degrade_note_commit(struct degrade *degrade, const struct meta_state *state)
{
    degrade->is_newest_known = false;
    uint64_t enough = state->waiting[LANE_WINDOW] / RETRY_PART;
    if (enough < RETRY_LEAST) enough = RETRY_LEAST;
    if (state->next_seq - degrade->tried_seq < enough) return;
    degrade->tried_seq = state->next_seq;
    for (size_t i = 0; i < DEGRADE_LEVELS; i++) degrade->levels[i].is_done = false;
    degrade->are_views_done = degrade->is_fold_done = degrade->is_unfinished_done = false;
}

static bool visit_newest(void *context, const struct record *record, size_t bytes)
{
    struct degrade *degrade = context;
    (void)bytes;
    const struct summary *summary = &record->window.summary;
    if (record->kind != RECORD_WINDOW || summary->count == 0) return true;
    uint32_t boot = record->window.boot;
    int64_t *newest_ms = boot == 0 ? &degrade->newest_ms : &degrade->newest_uptime_ms;
    bool is_next_boot = boot != 0 && boot != degrade->newest_boot;
    if (is_next_boot || summary->last_ms > *newest_ms) *newest_ms = summary->last_ms;
    if (is_next_boot) degrade->newest_boot = boot;
    return true;
}

/* How far time has come. */
static enum status look_at_newest(struct degrade *degrade, const struct meta_state *state)
{
    if (degrade->is_newest_known) return ST_OK;
    uint64_t after = state->next_seq > NEWEST ? state->next_seq - NEWEST : 0;
    degrade->is_newest_known = true;
    return outbox_walk(degrade->outbox, LANE_WINDOW, after, visit_newest, degrade);
}

static int64_t ask(sqlite3_stmt *statement)
{
    int64_t number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    return number;
}

int64_t degrade_count_pages(struct degrade *degrade)
{
    return ask(degrade->pages);
}

bool degrade_is_due(struct degrade *degrade)
{
    if (degrade->connection == NULL) return false;
    int64_t used = ask(degrade->pages) - ask(degrade->free_pages);
    int64_t mark = degrade->is_active ? DEGRADE_END_PERCENT : DEGRADE_BEGIN_PERCENT;
    degrade->is_active = used * 100 > degrade->max_pages * mark;
    return degrade->is_active;
}

/* Seconds between the newest reading and the first window that the level has before it. */
static int64_t find_age_s(const struct degrade *degrade, const struct degrade_level *level)
{
    if (level->oldest_ms == INT64_MIN || degrade->newest_ms <= level->oldest_ms) return INT32_MAX;
    int64_t age_s = (int64_t)(((uint64_t)degrade->newest_ms - (uint64_t)level->oldest_ms) / 1000);
    return age_s < INT32_MAX ? age_s : INT32_MAX;
}

/* So that what is lost in resolution is in proportion to the age: the level whose windows are the
 * smallest part of their age.  DEGRADE_LEVELS: none has anything to do. */
static size_t choose_level(const struct degrade *degrade, size_t first, size_t end)
{
    size_t chosen = DEGRADE_LEVELS;
    int64_t chosen_age_s = 0;
    for (size_t i = first; i < end; i++) {
        if (degrade->levels[i].is_done) continue;
        int64_t age_s = find_age_s(degrade, &degrade->levels[i]);
        if (chosen < DEGRADE_LEVELS &&
            age_s * (targets_ms[chosen] / 1000) <= chosen_age_s * (targets_ms[i] / 1000))
            continue;
        chosen = i;
        chosen_age_s = age_s;
    }
    return chosen;
}

/* Where the next look of the level begins. */
static void move_on(struct degrade *degrade, struct degrade_level *level)
{
    const struct merge_plan *plan = &degrade->merge.plan;
    if (plan->has_more) return;
    if (plan->task.modulus > 1 && plan->task.remainder + 1 < plan->task.modulus) {
        level->modulus = plan->task.modulus;
        level->remainder = plan->task.remainder + 1;
        return;
    }
    level->modulus = 1;
    level->remainder = 0;
    uint64_t next = plan->last_seq;
    if (plan->deferred_seq != 0) { /* a silent device's windows are left behind */
        next = plan->deferred_seq - 1;
        level->oldest_ms = plan->deferred_ms;
    } else if (!plan->has_stopped) { /* up to the newest: what is not settled yet will be */
        level->is_done = true;
        if (plan->unsettled_seq != 0 && plan->unsettled_seq <= next) next = plan->unsettled_seq - 1;
    }
    level->after = next;
}

static enum status step_level(struct degrade *degrade, size_t index, struct meta_state *state,
                              bool *has_gained)
{
    struct degrade_level *level = &degrade->levels[index];
    struct merge_plan *plan = &degrade->merge.plan;
    struct merge_task task = {.after = level->after,
                              .target_ms = targets_ms[index],
                              .newest_ms = degrade->newest_ms,
                              .newest_uptime_ms = degrade->newest_uptime_ms,
                              .newest_boot = degrade->newest_boot,
                              .takes_unfinished = degrade->takes_unfinished,
                              .modulus = level->modulus,
                              .remainder = level->remainder};
    enum status status = merge_plan_make(plan, degrade->outbox, &task, meta_offered(state));
    if (status != ST_OK) return status;
    uint64_t gain = plan->planned - plan->run_count;
    uint64_t merged = state->merged;
    if (gain >= MERGE_GAIN) {
        status = degrade_apply_merge(degrade, state);
        if (status != ST_OK) return status;
    }
    *has_gained = state->merged >= merged + MERGE_GAIN;
    if (!*has_gained) plan->has_more = false;
    move_on(degrade, level);
    return ST_OK;
}

/* Steps levels first to end - 1 until one of them gains or all are done. */
static enum status step_levels(struct degrade *degrade, size_t first, size_t end,
                               struct meta_state *state, bool *has_gained)
{
    size_t level;
    enum status status = ST_OK;
    while (status == ST_OK && !*has_gained &&
           (level = choose_level(degrade, first, end)) < DEGRADE_LEVELS)
        status = step_level(degrade, level, state, has_gained);
    return status;
}

static enum status step_unfinished(struct degrade *degrade, struct meta_state *state,
                                   bool *has_gained)
{
    degrade->takes_unfinished = true;
    for (size_t i = 0; i < DEGRADE_LEVELS; i++) degrade->levels[i].is_done = false;
    enum status status = step_levels(degrade, 0, HOUR_LEVEL + 1, state, has_gained);
    if (status == ST_OK && !*has_gained)
        status = step_levels(degrade, HOUR_LEVEL + 1, DEGRADE_LEVELS, state, has_gained);
    degrade->takes_unfinished = false;
    degrade->is_unfinished_done = !*has_gained;
    return status;
}

static enum status step(struct degrade *degrade, bool is_needed, struct meta_state *state,
                        bool *has_gained)
{
    enum status status = ST_OK;
    if (!degrade->are_views_done) status = degrade_drop_views(degrade, state, has_gained);
    if (status == ST_OK && !*has_gained)
        status = step_levels(degrade, 0, HOUR_LEVEL + 1, state, has_gained);
    if (status == ST_OK && !*has_gained && !degrade->is_fold_done)
        status = degrade_fold(degrade, state, has_gained);
    if (status == ST_OK && !*has_gained)
        status = step_levels(degrade, HOUR_LEVEL + 1, DEGRADE_LEVELS, state, has_gained);
    if (status == ST_OK && !*has_gained && is_needed && !degrade->is_unfinished_done)
        status = step_unfinished(degrade, state, has_gained);
    return status;
}

enum status degrade_step(struct degrade *degrade, bool is_needed, struct meta_state *state,
                         bool *has_gained)
{
    *has_gained = false;
    enum status status = look_at_newest(degrade, state);
    if (status == ST_OK) status = step(degrade, is_needed, state, has_gained);
    if (status == ST_OK && *has_gained && ++degrade->steps >= TIDY_STEPS) {
        degrade->steps = 0;
        status = degrade_tidy(degrade, state);
    }
    uint64_t enough = WHOLE_TIMES * (state->waiting[LANE_WINDOW] + RETRY_LEAST);
    if (status != ST_OK || *has_gained || state->next_seq - degrade->whole_seq < enough)
        return status;
    /* What was left behind by the way, since its device was silent, may have settled. */
    degrade->whole_seq = state->next_seq;
    reset(degrade);
    return step(degrade, is_needed, state, has_gained);
}
