/* turn: whose turn it is when live records and history both wait: live ones, except that history
 * gets its share.  Pure. */
#ifndef ISOTHERM_UPLINK_TURN_H
#define ISOTHERM_UPLINK_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct turn {
    int64_t share;  /* of history, in percent, 0 .. 99 */
    int64_t credit; /* of history, in hundredths of a record */
};

void turn_init(struct turn *turn, int64_t share_percent);

/* How many records of history go before the next live one; 0: it is live's turn. */
size_t turn_count_history(const struct turn *turn);

/* A live record went while history waited. */
void turn_take_live(struct turn *turn);

/* A record of history went. */
void turn_take_history(struct turn *turn);

#endif
