/* window_guess: how many messages a broker sends before it waits for acknowledgements.
 *
 * Brokers have limits of their own beside the one that they are told (ejabberd 23.01: 1, RabbitMQ
 * 3.10: 10), and none says which.  What can be seen: so many messages came and then no more, until
 * the acknowledgements left, and then the next came at once.  Twice in a row with the same number
 * is taken for the broker's window, until it sends more, or has nothing more to send.  No
 * allocation.  Pure. */
#ifndef ISOTHERM_DRIVERS_WINDOW_GUESS_H
#define ISOTHERM_DRIVERS_WINDOW_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WINDOW_GUESS_QUIET_MS = 100, /* nothing came for so long before, at least */
    WINDOW_GUESS_PART = 8,       /* and something within this part of that after */
    WINDOW_GUESS_SOON_MS = 20,   /* what follows comes within so long, and a few times that */
    WINDOW_GUESS_TIMES = 4
};

/* Embedded by its owner; the fields are private. */
struct window_guess {
    size_t most, guessed; /* as configured; 0: nothing is guessed */
    size_t count, former_count;
    int64_t arrived_mono_ms, quiet_ms, released_mono_ms, longest_wait_ms;
    bool is_quiet, is_released;
};

/* `most`: the window that the broker was told of. */
void window_guess_init(struct window_guess *guess, size_t most);

/* A message came, while `count` others were not yet acknowledged. */
void window_guess_arrive(struct window_guess *guess, size_t count, int64_t now_mono_ms);

/* From now on what comes is not looked at, until the acknowledgements leave. */
void window_guess_pause(struct window_guess *guess, int64_t now_mono_ms);

/* The acknowledgements of `count` messages, all that were outstanding, left. */
void window_guess_release(struct window_guess *guess, size_t count, int64_t now_mono_ms);

/* The connection is lost: another one may end at another broker. */
void window_guess_reset(struct window_guess *guess);

/* With so many unacknowledged the broker may be waiting for us. */
size_t window_guess_read(const struct window_guess *guess);
bool window_guess_is_guessed(const struct window_guess *guess);

#endif
