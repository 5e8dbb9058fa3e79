/* Invariant: 0 <= credit <= one record of history and what RUN live records give, so that neither
 * side can save up a long run of turns. */
#include "uplink/turn.h"

enum { WHOLE = 100, RUN = 64 };

/* For each live record the share is gained, for one of history the rest is spent: in balance, of
 * 100 records `share` are history. */
static int64_t cost(const struct turn *turn)
{
    return WHOLE - turn->share;
}

void turn_init(struct turn *turn, int64_t share_percent)
{
    if (share_percent < 0) share_percent = 0;
    if (share_percent >= WHOLE) share_percent = WHOLE - 1;
    *turn = (struct turn){.share = share_percent};
}

size_t turn_count_history(const struct turn *turn)
{
    return turn->share > 0 ? (size_t)(turn->credit / cost(turn)) : 0;
}

void turn_take_live(struct turn *turn)
{
    if (turn->credit < cost(turn) + (RUN - 1) * turn->share) turn->credit += turn->share;
}

void turn_take_history(struct turn *turn)
{
    turn->credit -= cost(turn);
    if (turn->credit < 0) turn->credit = 0;
}
