/* Invariant: the heap is ordered by (due, order), and every event in it knows its place. */
#include "simulation/virtual_time.h"

#include "base/clock.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS = 4096, WAKES = 8 };

struct loop_timer {
    struct virtual_event event;
    bool is_used;
    int64_t repeat_ms;
    loop_fn *fn;
    void *context;
};

struct loop_wake {
    struct virtual_event event;
    bool is_used;
    loop_fn *fn;
    void *context;
};

struct loop {
    struct loop_timer timers[LIMIT_TIMERS];
    struct loop_wake wakes[WAKES];
    bool is_stopped;
};

static struct {
    int64_t now_ms, begin_wall_ms;
    int64_t wall_ms, wall_at_ms; /* what the gateway's clock was set to, and when */
    int64_t drift_ppm;
    int64_t mono_offset_ms;
    int64_t grain_ms;
    bool is_synchronised;
    uint64_t orders, steps;
    struct virtual_event *heap[EVENTS + 1];
    size_t count;
} universe;

/* ---- the heap ---- */

static bool is_before(const struct virtual_event *a, const struct virtual_event *b)
{
    if (a->due_ms != b->due_ms) return a->due_ms < b->due_ms;
    return a->order < b->order;
}

static void put(size_t place, struct virtual_event *event)
{
    universe.heap[place] = event;
    event->place = place;
}

static void rise(size_t place, struct virtual_event *event)
{
    for (; place > 1 && is_before(event, universe.heap[place / 2]); place /= 2)
        put(place, universe.heap[place / 2]);
    put(place, event);
}

static void sink(size_t place, struct virtual_event *event)
{
    for (;;) {
        size_t child = 2 * place;
        if (child > universe.count) break;
        if (child < universe.count && is_before(universe.heap[child + 1], universe.heap[child]))
            child++;
        if (!is_before(universe.heap[child], event)) break;
        put(place, universe.heap[child]);
        place = child;
    }
    put(place, event);
}

void virtual_event_clear(struct virtual_event *event)
{
    if (event->place == 0) return;
    size_t place = event->place;
    struct virtual_event *last = universe.heap[universe.count--];
    event->place = 0;
    if (last == event) return;
    if (place > 1 && is_before(last, universe.heap[place / 2]))
        rise(place, last);
    else
        sink(place, last);
}

void virtual_event_set(struct virtual_event *event, int64_t delay_ms, loop_fn *fn, void *context)
{
    virtual_event_clear(event);
    if (universe.count == EVENTS) abort();
    event->due_ms = universe.now_ms + (delay_ms > 0 ? delay_ms : 0);
    event->order = ++universe.orders;
    event->fn = fn;
    event->context = context;
    rise(++universe.count, event);
}

bool virtual_time_step(int64_t until_ms)
{
    struct virtual_event *event = universe.count > 0 ? universe.heap[1] : NULL;
    if (event == NULL || event->due_ms > until_ms) {
        if (universe.now_ms < until_ms) universe.now_ms = until_ms;
        return false;
    }
    if (event->due_ms > universe.now_ms) universe.now_ms = event->due_ms;
    virtual_event_clear(event);
    event->fn(event->context);
    return true;
}

/* ---- the clocks ---- */

void virtual_time_reset(int64_t wall_ms)
{
    memset(&universe, 0, sizeof universe);
    universe.begin_wall_ms = universe.wall_ms = wall_ms;
    universe.mono_offset_ms = 1000;
    universe.is_synchronised = true;
}

int64_t virtual_time_now_ms(void)
{
    return universe.now_ms;
}

int64_t virtual_time_wall_ms(void)
{
    return universe.begin_wall_ms + universe.now_ms;
}

static int64_t read_wall_ms(void *context)
{
    (void)context;
    int64_t passed_ms = universe.now_ms - universe.wall_at_ms;
    return universe.wall_ms + passed_ms + passed_ms / 1000 * universe.drift_ppm / 1000;
}

static int64_t read_mono_ms(void *context)
{
    (void)context;
    return universe.now_ms + universe.mono_offset_ms;
}

void virtual_time_set_wall(int64_t wall_ms)
{
    universe.wall_ms = wall_ms;
    universe.wall_at_ms = universe.now_ms;
}

void virtual_time_set_drift(int64_t ppm)
{
    virtual_time_set_wall(read_wall_ms(NULL));
    universe.drift_ppm = ppm;
}

void virtual_time_set_mono(int64_t mono_ms)
{
    universe.mono_offset_ms = mono_ms - universe.now_ms;
}

void virtual_time_set_synchronised(bool is_synchronised)
{
    universe.is_synchronised = is_synchronised;
}

void virtual_time_set_grain(int64_t grain_ms)
{
    universe.grain_ms = grain_ms;
}

uint64_t virtual_time_count_steps(void)
{
    return universe.steps;
}

struct clock clock_system(void)
{
    return (struct clock){.wall_ms = read_wall_ms, .mono_ms = read_mono_ms, .context = NULL};
}

int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->context);
}

int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ms(clock->context);
}

bool clock_is_synchronised(void)
{
    return universe.is_synchronised;
}

/* ---- the loop ---- */

enum status loop_open(struct loop **loop)
{
    *loop = calloc(1, sizeof **loop);
    return *loop == NULL ? ST_NO_MEMORY : ST_OK;
}

void loop_close(struct loop *loop)
{
    if (loop == NULL) return;
    for (size_t i = 0; i < LIMIT_TIMERS; i++) virtual_event_clear(&loop->timers[i].event);
    for (size_t i = 0; i < WAKES; i++) virtual_event_clear(&loop->wakes[i].event);
    free(loop);
}

void loop_run(struct loop *loop)
{
    loop->is_stopped = false;
    while (!loop->is_stopped && virtual_time_step(INT64_MAX)) continue;
}

void loop_run_once(struct loop *loop, bool waits)
{
    (void)loop;
    (void)virtual_time_step(waits ? INT64_MAX : universe.now_ms);
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}

static int64_t coarsen(int64_t repeat_ms)
{
    return repeat_ms < universe.grain_ms ? universe.grain_ms : repeat_ms;
}

static void on_timer(void *context)
{
    struct loop_timer *timer = context;
    universe.steps++;
    if (timer->repeat_ms > 0)
        virtual_event_set(&timer->event, coarsen(timer->repeat_ms), on_timer, timer);
    timer->fn(timer->context);
}

struct loop_timer *loop_timer_start(struct loop *loop, int64_t delay_ms, int64_t repeat_ms,
                                    loop_fn *fn, void *context)
{
    for (size_t i = 0; i < LIMIT_TIMERS; i++) {
        struct loop_timer *timer = &loop->timers[i];
        if (timer->is_used) continue;
        *timer = (struct loop_timer){.is_used = true, .fn = fn, .context = context};
        loop_timer_again(timer, delay_ms, repeat_ms);
        return timer;
    }
    return NULL;
}

void loop_timer_again(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    timer->repeat_ms = repeat_ms;
    virtual_event_set(&timer->event, delay_ms, on_timer, timer);
}

void loop_timer_stop(struct loop_timer **timer)
{
    if (*timer == NULL) return;
    virtual_event_clear(&(*timer)->event);
    (*timer)->is_used = false;
    *timer = NULL;
}

static void on_wake(void *context)
{
    struct loop_wake *wake = context;
    universe.steps++;
    wake->fn(wake->context);
}

struct loop_wake *loop_wake_start(struct loop *loop, loop_fn *fn, void *context)
{
    for (size_t i = 0; i < WAKES; i++) {
        struct loop_wake *wake = &loop->wakes[i];
        if (wake->is_used) continue;
        *wake = (struct loop_wake){.is_used = true, .fn = fn, .context = context};
        return wake;
    }
    return NULL;
}

void loop_wake_send(struct loop_wake *wake)
{
    if (wake->event.place == 0) virtual_event_set(&wake->event, 0, on_wake, wake);
}

void loop_wake_stop(struct loop_wake **wake)
{
    if (*wake == NULL) return;
    virtual_event_clear(&(*wake)->event);
    (*wake)->is_used = false;
    *wake = NULL;
}

/* No descriptors, signals, pool threads and processes here. */

struct loop_watch *loop_watch_start(struct loop *loop, int fd, unsigned events, loop_watch_fn *fn,
                                    void *context)
{
    (void)loop, (void)fd, (void)events, (void)fn, (void)context;
    return NULL;
}

void loop_watch_update(struct loop_watch *watch, unsigned events)
{
    (void)watch, (void)events;
}

void loop_watch_stop(struct loop_watch **watch)
{
    *watch = NULL;
}

enum status loop_signal_start(struct loop *loop, int signal_number, loop_signal_fn *fn,
                              void *context)
{
    (void)loop, (void)signal_number, (void)fn, (void)context;
    return ST_FULL;
}

enum status loop_pool_run(struct loop *loop, loop_work_fn *work, loop_fn *done, void *request)
{
    (void)loop, (void)work, (void)done, (void)request;
    return ST_FULL;
}

enum status loop_process_start(struct loop *loop, struct loop_process **process,
                               const char *const *argv, const char *const *environment,
                               loop_exit_fn *fn, void *context, int *error)
{
    (void)loop, (void)argv, (void)environment, (void)fn, (void)context, (void)error;
    *process = NULL;
    return ST_FULL;
}

void loop_process_signal(struct loop_process *process, int signal_number)
{
    (void)process, (void)signal_number;
}

void loop_process_kill(struct loop_process **process)
{
    *process = NULL;
}
