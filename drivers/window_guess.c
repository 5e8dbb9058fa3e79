/* Invariant: what is guessed is below what the broker was told, and was the whole of what came
 * unacknowledged, twice in a row. */
#include "window_guess.h"

void window_guess_init(struct window_guess *guess, size_t most)
{
    *guess = (struct window_guess){.most = most};
}

void window_guess_reset(struct window_guess *guess)
{
    window_guess_init(guess, guess->most);
}

/* The first message after the acknowledgements left. */
static void judge_answer(struct window_guess *guess, int64_t wait_ms)
{
    if (guess->guessed > 0) {
        int64_t most_ms = WINDOW_GUESS_SOON_MS + WINDOW_GUESS_TIMES * guess->longest_wait_ms;
        if (wait_ms > most_ms) guess->guessed = 0; /* it had nothing more to send */
        return;
    }
    bool was_waiting = guess->quiet_ms >= WINDOW_GUESS_QUIET_MS &&
                       wait_ms <= guess->quiet_ms / WINDOW_GUESS_PART && guess->count < guess->most;
    bool is_second = was_waiting && guess->count == guess->former_count;
    if (is_second) guess->guessed = guess->count;
    if (!is_second || wait_ms > guess->longest_wait_ms) guess->longest_wait_ms = wait_ms;
    guess->former_count = was_waiting ? guess->count : 0;
}

void window_guess_arrive(struct window_guess *guess, size_t count, int64_t now_mono_ms)
{
    if (guess->is_released) judge_answer(guess, now_mono_ms - guess->released_mono_ms);
    if (guess->guessed > 0 && count >= guess->guessed) guess->guessed = 0; /* it sends more */
    guess->is_released = guess->is_quiet = false;
    guess->arrived_mono_ms = now_mono_ms;
}

void window_guess_pause(struct window_guess *guess, int64_t now_mono_ms)
{
    guess->quiet_ms = now_mono_ms - guess->arrived_mono_ms;
    guess->is_quiet = true;
}

void window_guess_release(struct window_guess *guess, size_t count, int64_t now_mono_ms)
{
    if (count == 0) return;
    if (!guess->is_quiet) window_guess_pause(guess, now_mono_ms);
    guess->count = count;
    guess->released_mono_ms = now_mono_ms;
    guess->is_released = true;
}

size_t window_guess_read(const struct window_guess *guess)
{
    return guess->guessed > 0 ? guess->guessed : guess->most;
}

bool window_guess_is_guessed(const struct window_guess *guess)
{
    return guess->guessed > 0;
}
