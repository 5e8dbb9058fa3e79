#include "support/fake_time.h"

#include "base/loop.h"

#include <stddef.h>

enum { FAKE_TIMERS = 16 };

struct loop_timer {
    loop_fn *fn; /* NULL: free */
    void *context;
    int64_t due_ms; /* -1: not armed */
    int64_t repeat_ms;
};

static struct loop_timer timers[FAKE_TIMERS];
static int64_t now_ms = FAKE_TIME_START_MS;

static int64_t read_now(void *context)
{
    (void)context;
    return now_ms;
}

struct clock fake_time_clock(void)
{
    return (struct clock){.wall_ms = read_now, .mono_ms = read_now, .context = NULL};
}

void fake_time_reset(void)
{
    now_ms = FAKE_TIME_START_MS;
    for (size_t i = 0; i < FAKE_TIMERS; i++) timers[i] = (struct loop_timer){.due_ms = -1};
}

static struct loop_timer *find_next(int64_t until_ms)
{
    struct loop_timer *next = NULL;
    for (size_t i = 0; i < FAKE_TIMERS; i++) {
        struct loop_timer *timer = &timers[i];
        if (timer->fn == NULL || timer->due_ms < 0 || timer->due_ms > until_ms) continue;
        if (next == NULL || timer->due_ms < next->due_ms) next = timer;
    }
    return next;
}

void fake_time_advance(int64_t by_ms)
{
    int64_t until_ms = now_ms + by_ms;
    struct loop_timer *timer;
    while ((timer = find_next(until_ms)) != NULL) {
        if (timer->due_ms > now_ms) now_ms = timer->due_ms;
        timer->due_ms = timer->repeat_ms > 0 ? now_ms + timer->repeat_ms : -1;
        timer->fn(timer->context);
    }
    now_ms = until_ms;
}

struct loop_timer *loop_timer_start(struct loop *loop, int64_t delay_ms, int64_t repeat_ms,
                                    loop_fn *fn, void *context)
{
    (void)loop;
    for (size_t i = 0; i < FAKE_TIMERS; i++) {
        if (timers[i].fn != NULL) continue;
        timers[i] = (struct loop_timer){fn, context, now_ms + delay_ms, repeat_ms};
        return &timers[i];
    }
    return NULL;
}

void loop_timer_again(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    timer->due_ms = now_ms + delay_ms;
    timer->repeat_ms = repeat_ms;
}

void loop_timer_stop(struct loop_timer **timer)
{
    if (*timer == NULL) return;
    **timer = (struct loop_timer){.due_ms = -1};
    *timer = NULL;
}
