/* Invariant: one question is with the store at a time, and its answer is used only if nothing that
 * led to it has changed. */
#include "uplink/uplink_state.h"

enum {
    REFUSED_MAX = 16, /* of a lane, more than in_flight; then it takes nothing new */
    LIVE_PLACES = 8,  /* of these, that history leaves to live records */
    ALARM_PLACES = 4, /* on the way, that windows leave to alarms */
};

/* What is to be done next. */
struct choice {
    enum stretch_name name;       /* STRETCH_COUNT: nothing now */
    struct flight_entry *refused; /* to be tried again; NULL: new ones */
    int64_t wait_ms;              /* when nothing: until there may be; 0: an event will tell */
};

/* Windows of both stretches have one table's worth of places, since a loss makes them one. */
static size_t count_places(const struct uplink *uplink, enum stretch_name name)
{
    size_t limit = uplink->in_flight_limit + REFUSED_MAX;
    if (limit > LIMIT_IN_FLIGHT) limit = LIMIT_IN_FLIGHT;
    size_t used = uplink->stretches[name].flight.count;
    if (name != STRETCH_ALARM)
        used = uplink->stretches[STRETCH_LIVE].flight.count +
               uplink->stretches[STRETCH_HISTORY].flight.count;
    if (name == STRETCH_HISTORY) used += LIVE_PLACES;
    return used < limit ? limit - used : 0;
}

static size_t less(size_t from, size_t taken)
{
    return from > taken ? from - taken : 0;
}

static size_t at_most(size_t count, size_t limit)
{
    return count < limit ? count : limit;
}

/* On the way and no record: birth and ledger. */
static size_t count_others(const struct uplink *uplink)
{
    size_t records = 0;
    for (int name = 0; name < STRETCH_COUNT; name++)
        records += flight_count_sent(&uplink->stretches[name].flight);
    return less(uplink->lag.count, records);
}

/* Deliveries that the store cannot take yet hold the sending back as well.  What goes beyond the
 * places of the broker would wait in the library, an alarm behind all the rest. */
static size_t count_room(const struct uplink *uplink, enum stretch_name name)
{
    size_t alarms = flight_count_open(&uplink->stretches[STRETCH_ALARM].flight);
    size_t windows = flight_count_open(&uplink->stretches[STRETCH_LIVE].flight) +
                     flight_count_open(&uplink->stretches[STRETCH_HISTORY].flight);
    size_t places = uplink->in_flight_limit + ALARM_PLACES;
    size_t brokers = uplink->kind->count_places(uplink->link);
    if (brokers > 0) places = at_most(places, brokers);
    size_t kept = at_most(ALARM_PLACES, places / 2);
    size_t room = less(places, alarms + windows + count_others(uplink));
    if (name != STRETCH_ALARM)
        room = at_most(less(room, less(kept, alarms)), less(uplink->in_flight_limit, windows));
    return at_most(room, STORE_FETCH_MAX);
}

bool uplink_may_send_ahead(const struct uplink *uplink, enum stretch_name name)
{
    return name == STRETCH_ALARM || lag_count_allowed(&uplink->lag, uplink->last_bytes) > 0;
}

/* How many records the configured rates let go now. */
static int64_t count_allowed(struct uplink *uplink, int64_t now_mono)
{
    int64_t allowed = pace_count_allowed(&uplink->pace, now_mono);
    int64_t bytes = pace_count_allowed(&uplink->byte_pace, now_mono);
    if (bytes == INT64_MAX) return allowed;
    int64_t by_bytes = bytes > 0 ? 1 + bytes / (uplink->last_bytes + 1) : 0;
    return by_bytes < allowed ? by_bytes : allowed;
}

static int64_t pace_wait(const struct uplink *uplink)
{
    int64_t wait_ms = pace_wait_ms(&uplink->pace);
    int64_t byte_wait_ms = pace_wait_ms(&uplink->byte_pace);
    return byte_wait_ms > wait_ms ? byte_wait_ms : wait_ms;
}

static void wake_after(struct uplink *uplink, int64_t wait_ms)
{
    loop_timer_again(uplink->timer, wait_ms > 0 ? wait_ms : 1, 0);
}

void uplink_hold(struct uplink *uplink, struct stretch *stretch, int64_t wait_ms)
{
    int64_t resume_mono_ms = uplink_now_mono_ms(uplink) + wait_ms;
    if (resume_mono_ms > stretch->resume_mono_ms) stretch->resume_mono_ms = resume_mono_ms;
    stretch->may_have_more = true;
}

void uplink_restart(struct uplink *uplink, enum stretch_name name)
{
    struct stretch *stretch = &uplink->stretches[name];
    stretch->flight.cursor = name == STRETCH_LIVE ? uplink->live_from_seq - 1 : 0;
    stretch->may_have_more = true;
    stretch->commits_due = uplink->commits_due;
    stretch->restart_mono_ms = uplink_now_mono_ms(uplink);
}

/* ---- what is next ---- */

/* When there is something to do for the stretch, INT64_MAX for never; *refused is the record to
 * be tried again then, NULL for new ones. */
static int64_t find_work(struct uplink *uplink, enum stretch_name name, int64_t now_mono,
                         struct flight_entry **refused)
{
    struct stretch *stretch = &uplink->stretches[name];
    *refused = flight_find_refused(&stretch->flight);
    bool takes_more = stretch->may_have_more && stretch->commits_due == 0 &&
                      count_places(uplink, name) > 0 && !stretch->waits_for_clock;
    int64_t at_mono_ms = takes_more ? stretch->resume_mono_ms : INT64_MAX;
    if (*refused == NULL) return at_mono_ms;
    int64_t again_mono_ms = (*refused)->retry_mono_ms;
    if (again_mono_ms < stretch->resume_mono_ms) again_mono_ms = stretch->resume_mono_ms;
    if (again_mono_ms <= now_mono || again_mono_ms < at_mono_ms) return again_mono_ms;
    *refused = NULL;
    return at_mono_ms;
}

static void wait_at_most(struct choice *choice, int64_t wait_ms)
{
    if (choice->wait_ms == 0 || wait_ms < choice->wait_ms) choice->wait_ms = wait_ms;
}

/* More alarms wait, and the table is full of those just sent: an answer or a commit makes places at
 * once, and no window goes before.  Where the broker refuses them all, windows go on. */
static bool are_alarms_next(const struct uplink *uplink, int64_t now_mono)
{
    const struct stretch *alarms = &uplink->stretches[STRETCH_ALARM];
    bool waits = alarms->may_have_more && alarms->commits_due == 0 &&
                 alarms->resume_mono_ms <= now_mono && count_places(uplink, STRETCH_ALARM) == 0;
    for (size_t i = 0; waits && i < alarms->flight.count; i++)
        if (alarms->flight.entries[i].refusals == 0) return true;
    return false;
}

/* Alarms wait for no rate.  Then live records, except that history gets its share. */
static struct choice choose(struct uplink *uplink, int64_t now_mono)
{
    struct choice choice = {.name = STRETCH_COUNT};
    struct flight_entry *refused[STRETCH_COUNT];
    bool is_ready[STRETCH_COUNT];
    (void)count_allowed(uplink, now_mono);
    int64_t pace_mono_ms = now_mono + pace_wait(uplink);
    for (int name = 0; name < STRETCH_COUNT; name++) {
        int64_t at_mono_ms = find_work(uplink, (enum stretch_name)name, now_mono, &refused[name]);
        if (name != STRETCH_ALARM && at_mono_ms < pace_mono_ms) at_mono_ms = pace_mono_ms;
        if (name != STRETCH_ALARM && are_alarms_next(uplink, now_mono)) at_mono_ms = INT64_MAX;
        is_ready[name] = at_mono_ms <= now_mono;
        if (!is_ready[name] && at_mono_ms != INT64_MAX)
            wait_at_most(&choice, at_mono_ms - now_mono);
    }
    bool is_history_due = is_ready[STRETCH_HISTORY] &&
                          (!is_ready[STRETCH_LIVE] || turn_count_history(&uplink->turn) > 0);
    if (is_ready[STRETCH_ALARM])
        choice.name = STRETCH_ALARM;
    else if (is_history_due)
        choice.name = STRETCH_HISTORY;
    else if (is_ready[STRETCH_LIVE])
        choice.name = STRETCH_LIVE;
    if (choice.name != STRETCH_COUNT) choice.refused = refused[choice.name];
    return choice;
}

/* ---- asking the store ---- */

static bool fetch(struct uplink *uplink, enum stretch_name name, uint64_t after, size_t max)
{
    if (store_fetch(uplink->store, stretch_lane(name), after, max) != ST_OK) {
        wake_after(uplink, UPLINK_RETRY_MS);
        return false;
    }
    uplink->is_fetching = true;
    uplink->is_fetching_refused = false;
    uplink->is_fetch_stale = false;
    uplink->fetch_stretch = name;
    uplink->fetch_after = after;
    uplink->fetch_max = max;
    return true;
}

static void fetch_more(struct uplink *uplink, enum stretch_name name, size_t max)
{
    struct stretch *stretch = &uplink->stretches[name];
    if (!fetch(uplink, name, stretch->flight.cursor, max)) return;
    stretch->may_have_more = false; /* a commit from now on makes it true again */
}

static void fetch_refused(struct uplink *uplink, enum stretch_name name, uint64_t seq)
{
    if (fetch(uplink, name, seq - 1, 1)) uplink->is_fetching_refused = true;
}

static size_t count_wanted(struct uplink *uplink, enum stretch_name name, int64_t now_mono)
{
    size_t wanted = count_room(uplink, name);
    size_t places = count_places(uplink, name);
    wanted = at_most(wanted, places);
    if (name == STRETCH_ALARM) return wanted;
    wanted = at_most(wanted, lag_count_allowed(&uplink->lag, uplink->last_bytes));
    int64_t allowed = count_allowed(uplink, now_mono);
    if (allowed < (int64_t)wanted) wanted = allowed > 0 ? (size_t)allowed : 0;
    size_t turns = turn_count_history(&uplink->turn);
    bool is_contended = name == STRETCH_HISTORY && uplink->stretches[STRETCH_LIVE].may_have_more;
    if (is_contended && turns > 0 && turns < wanted) wanted = turns;
    return wanted;
}

void uplink_pump(struct uplink *uplink)
{
    if (uplink->counts.state != UPLINK_UP || uplink->is_fetching) return;
    if (uplink->is_birth_due && !uplink_send_birth(uplink)) {
        wake_after(uplink, UPLINK_RETRY_MS);
        return;
    }
    int64_t now_mono = uplink_now_mono_ms(uplink);
    struct choice choice = choose(uplink, now_mono);
    if (choice.name == STRETCH_COUNT) {
        if (choice.wait_ms > 0) wake_after(uplink, choice.wait_ms);
        return;
    }
    if (count_room(uplink, choice.name) == 0) return; /* an answer makes some */
    if (choice.refused != NULL) {                     /* it has its place already */
        if (!uplink_may_send_ahead(uplink, choice.name)) return;
        fetch_refused(uplink, choice.name, choice.refused->seq);
        return;
    }
    size_t wanted = count_wanted(uplink, choice.name, now_mono);
    if (wanted > 0) fetch_more(uplink, choice.name, wanted);
}

/* ---- the answer ---- */

/* An answer is of use only if nothing has changed since the question: the link is still up, the
 * stretch is not held nor put back, and no alarm may have come in between. */
static bool is_answer_usable(struct uplink *uplink, enum stretch_name name)
{
    if (uplink->is_fetch_stale || uplink->counts.state != UPLINK_UP || uplink->is_birth_due)
        return false;
    if (!uplink->is_fetching_refused &&
        uplink->fetch_after != uplink->stretches[name].flight.cursor)
        return false;
    int64_t now_mono = uplink_now_mono_ms(uplink);
    struct flight_entry *refused;
    if (name != STRETCH_ALARM && find_work(uplink, STRETCH_ALARM, now_mono, &refused) <= now_mono)
        return false;
    return find_work(uplink, name, now_mono, &refused) <= now_mono;
}

static size_t count_before(const struct record *records, size_t count, uint64_t seq)
{
    while (count > 0 && records[count - 1].seq >= seq) count--;
    return count;
}

void uplink_on_fetched(struct uplink *uplink, enum lane lane, const struct record *records,
                       size_t count)
{
    enum stretch_name name = uplink->fetch_stretch;
    if (!uplink->is_fetching || lane != stretch_lane(name)) return;
    uplink->is_fetching = false;
    struct stretch *asked = &uplink->stretches[name];
    if (uplink->is_fetching_refused) {
        if (is_answer_usable(uplink, name)) uplink_send_again(uplink, name, records, count);
    } else {
        bool has_new = asked->may_have_more;
        asked->may_have_more = true;
        if (name == STRETCH_HISTORY) count = count_before(records, count, uplink->live_from_seq);
        if (is_answer_usable(uplink, name)) uplink_send(uplink, name, records, count, has_new);
    }
    uplink_pump(uplink);
}
