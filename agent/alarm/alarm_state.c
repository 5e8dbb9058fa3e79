/* alarm_state: a state is never stored; it follows from the facts, so that shelving, suppression
 * and maintenance can hold at once and each ends on its own. */
#include "alarm/alarm_state.h"

#include <stddef.h>

#define IN(state) (1U << (state))

enum {
    NORMAL = IN(ALARM_NORM),
    OPERATING = IN(ALARM_NORM) | IN(ALARM_UNACK) | IN(ALARM_ACKED) | IN(ALARM_RTNUN) |
                IN(ALARM_LATUN) | IN(ALARM_LATAK),
    HIDDEN = IN(ALARM_SHLVD) | IN(ALARM_DSUPR) | IN(ALARM_OOSRV),
    ANY = OPERATING | HIDDEN
};

enum when { ALWAYS, WHEN_LATCHING, WITHOUT_ACK };

enum effect {
    MOVE,   /* to the state `next` */
    TRACK,  /* only `active` changes */
    HIDE,   /* the trigger's own suppression begins; acknowledged, and a latch is released */
    REVEAL, /* it ends: seen anew if active, unless another one still holds */
    NOTHING,
    REFUSE
};

struct row {
    unsigned states; /* a set of IN(state) */
    enum alarm_trigger trigger;
    enum when when;
    enum effect effect;
    enum alarm_state next;
    bool annunciate, is_new_occurrence;
};

/* The first row that fits counts. */
static const struct row rows[] = {
    {NORMAL, TRIGGER_RAISE, ALWAYS, MOVE, ALARM_UNACK, true, true},
    {IN(ALARM_RTNUN), TRIGGER_RAISE, ALWAYS, MOVE, ALARM_UNACK, true, true},
    {IN(ALARM_LATUN) | IN(ALARM_LATAK), TRIGGER_RAISE, ALWAYS, MOVE, ALARM_UNACK, true, true},
    {HIDDEN, TRIGGER_RAISE, ALWAYS, TRACK, ALARM_NORM, false, true},

    {IN(ALARM_UNACK), TRIGGER_CLEAR, WHEN_LATCHING, MOVE, ALARM_LATUN, false, false},
    {IN(ALARM_UNACK), TRIGGER_CLEAR, WITHOUT_ACK, MOVE, ALARM_NORM, false, false},
    {IN(ALARM_UNACK), TRIGGER_CLEAR, ALWAYS, MOVE, ALARM_RTNUN, false, false},
    {IN(ALARM_ACKED), TRIGGER_CLEAR, WHEN_LATCHING, MOVE, ALARM_LATAK, false, false},
    {IN(ALARM_ACKED), TRIGGER_CLEAR, ALWAYS, MOVE, ALARM_NORM, false, false},
    {HIDDEN, TRIGGER_CLEAR, ALWAYS, TRACK, ALARM_NORM, false, false},

    {IN(ALARM_UNACK), TRIGGER_ACK, ALWAYS, MOVE, ALARM_ACKED, false, false},
    {IN(ALARM_RTNUN), TRIGGER_ACK, ALWAYS, MOVE, ALARM_NORM, false, false},
    {IN(ALARM_LATUN), TRIGGER_ACK, ALWAYS, MOVE, ALARM_LATAK, false, false},
    {OPERATING, TRIGGER_ACK, ALWAYS, NOTHING, ALARM_NORM, false, false},
    {HIDDEN, TRIGGER_ACK, ALWAYS, REFUSE, ALARM_NORM, false, false},

    {NORMAL, TRIGGER_RESET, ALWAYS, NOTHING, ALARM_NORM, false, false},
    {IN(ALARM_LATAK), TRIGGER_RESET, ALWAYS, MOVE, ALARM_NORM, false, false},
    {ANY, TRIGGER_RESET, ALWAYS, REFUSE, ALARM_NORM, false, false},

    {IN(ALARM_ACKED), TRIGGER_REALARM, ALWAYS, MOVE, ALARM_UNACK, true, false},

    {ANY, TRIGGER_SHELVE, ALWAYS, HIDE, ALARM_SHLVD, false, false},
    {ANY, TRIGGER_SUPPRESS, ALWAYS, HIDE, ALARM_DSUPR, false, false},
    {ANY, TRIGGER_OOS, ALWAYS, HIDE, ALARM_OOSRV, false, false},
    {ANY, TRIGGER_EXPIRE, ALWAYS, REVEAL, ALARM_SHLVD, false, false},
    {ANY, TRIGGER_UNSHELVE, ALWAYS, REVEAL, ALARM_SHLVD, false, false},
    {ANY, TRIGGER_UNSUPPRESS, ALWAYS, REVEAL, ALARM_DSUPR, false, false},
    {ANY, TRIGGER_RETURN, ALWAYS, REVEAL, ALARM_OOSRV, false, false},
};

bool alarm_state_is_hidden(struct alarm_facts facts)
{
    return facts.is_shelved || facts.is_suppressed || facts.is_out_of_service;
}

enum alarm_state alarm_state_name(struct alarm_facts facts)
{
    if (facts.is_out_of_service) return ALARM_OOSRV;
    if (facts.is_suppressed) return ALARM_DSUPR;
    if (facts.is_shelved) return ALARM_SHLVD;
    if (facts.is_active) return facts.is_unacked ? ALARM_UNACK : ALARM_ACKED;
    if (facts.is_latched) return facts.is_unacked ? ALARM_LATUN : ALARM_LATAK;
    return facts.is_unacked ? ALARM_RTNUN : ALARM_NORM;
}

static const struct row *find_row(enum alarm_state state, struct alarm_policy policy,
                                  enum alarm_trigger trigger)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        if (row->trigger != trigger || (row->states & IN(state)) == 0) continue;
        if (row->when == WHEN_LATCHING && !policy.is_latching) continue;
        if (row->when == WITHOUT_ACK && policy.needs_ack) continue;
        return row;
    }
    return NULL;
}

static bool is_hidden_by(const struct alarm_facts *facts, enum alarm_state hiding)
{
    if (hiding == ALARM_SHLVD) return facts->is_shelved;
    return hiding == ALARM_DSUPR ? facts->is_suppressed : facts->is_out_of_service;
}

static void set_hidden_by(struct alarm_facts *facts, enum alarm_state hiding, bool is_hidden)
{
    if (hiding == ALARM_SHLVD)
        facts->is_shelved = is_hidden;
    else if (hiding == ALARM_DSUPR)
        facts->is_suppressed = is_hidden;
    else
        facts->is_out_of_service = is_hidden;
    if (!facts->is_shelved) facts->is_one_shot = false;
}

static void move_to(struct alarm_facts *facts, enum alarm_state next)
{
    facts->is_active = next == ALARM_UNACK || next == ALARM_ACKED;
    facts->is_unacked = next == ALARM_UNACK || next == ALARM_RTNUN || next == ALARM_LATUN;
    facts->is_latched = next == ALARM_LATUN || next == ALARM_LATAK;
}

static void hide(struct alarm_facts *facts, const struct row *row, struct alarm_step *step)
{
    /* A shelf may be given a new end; the other two are either there or not. */
    if (is_hidden_by(facts, row->next) && row->next != ALARM_SHLVD) {
        step->outcome = ALARM_SAME;
        return;
    }
    set_hidden_by(facts, row->next, true);
    facts->is_unacked = facts->is_latched = false;
}

static void reveal(struct alarm_facts *facts, const struct row *row, struct alarm_step *step)
{
    if (!is_hidden_by(facts, row->next)) {
        step->outcome = ALARM_SAME;
        return;
    }
    set_hidden_by(facts, row->next, false);
    if (alarm_state_is_hidden(*facts)) return;
    facts->is_unacked = step->annunciate = facts->is_active;
}

struct alarm_step alarm_state_apply(struct alarm_facts *facts, struct alarm_policy policy,
                                    enum alarm_trigger trigger)
{
    enum alarm_state from = alarm_state_name(*facts);
    struct alarm_step step = {.outcome = ALARM_SAME, .from = from, .to = from};
    const struct row *row = find_row(from, policy, trigger);
    if (row == NULL || row->effect == NOTHING) return step;
    step.outcome = row->effect == REFUSE ? ALARM_REFUSED : ALARM_CHANGED;
    if (row->effect == REFUSE) return step;
    if (row->effect == TRACK && facts->is_active == (trigger == TRIGGER_RAISE)) {
        step.outcome = ALARM_SAME;
        return step;
    }
    step.annunciate = row->annunciate;
    step.is_new_occurrence = row->is_new_occurrence;
    if (row->effect == MOVE) move_to(facts, row->next);
    if (row->effect == TRACK) {
        facts->is_active = trigger == TRIGGER_RAISE;
        step.is_hidden_raise = facts->is_active;
    }
    if (row->effect == HIDE) hide(facts, row, &step);
    if (row->effect == REVEAL) reveal(facts, row, &step);
    step.to = alarm_state_name(*facts);
    return step;
}
