/* alarm_timer: heap[place of x] is x for every x that waits, and no parent is due after its
 * children. */
#include "alarm/alarm_timer.h"

#include <stdbool.h>

static bool is_before(const struct alarm_timers *timers, uint32_t a, uint32_t b)
{
    const struct alarm_timer *first = &timers->timers[a], *second = &timers->timers[b];
    if (first->due_mono_ms != second->due_mono_ms) return first->due_mono_ms < second->due_mono_ms;
    if (first->order != second->order) return first->order < second->order;
    return a < b;
}

static void put(struct alarm_timers *timers, uint32_t place, uint32_t alarm)
{
    timers->heap[place] = alarm;
    timers->timers[alarm].place = place;
}

static void sift_up(struct alarm_timers *timers, uint32_t place)
{
    uint32_t alarm = timers->heap[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!is_before(timers, alarm, timers->heap[parent])) break;
        put(timers, place, timers->heap[parent]);
        place = parent;
    }
    put(timers, place, alarm);
}

static void sift_down(struct alarm_timers *timers, uint32_t place)
{
    uint32_t alarm = timers->heap[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= timers->count) break;
        if (child + 1 < timers->count &&
            is_before(timers, timers->heap[child + 1], timers->heap[child]))
            child++;
        if (!is_before(timers, timers->heap[child], alarm)) break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, alarm);
}

static void take_out(struct alarm_timers *timers, uint32_t alarm)
{
    uint32_t place = timers->timers[alarm].place;
    timers->timers[alarm].place = ALARM_TIMER_NONE;
    uint32_t last = timers->heap[--timers->count];
    if (last == alarm) return;
    put(timers, place, last);
    sift_up(timers, place);
    sift_down(timers, timers->timers[last].place);
}

void alarm_timer_set(struct alarm_timers *timers, uint32_t alarm, int64_t due_mono_ms,
                     int64_t order)
{
    struct alarm_timer *timer = &timers->timers[alarm];
    bool waits = timer->place != ALARM_TIMER_NONE;
    if (due_mono_ms == INT64_MAX) {
        if (waits) take_out(timers, alarm);
        return;
    }
    if (waits && timer->due_mono_ms == due_mono_ms && timer->order == order) return;
    timer->due_mono_ms = due_mono_ms;
    timer->order = order;
    if (!waits) put(timers, timers->count++, alarm);
    sift_up(timers, timer->place);
    sift_down(timers, timer->place);
}

uint32_t alarm_timer_first(const struct alarm_timers *timers, int64_t mono_ms)
{
    if (timers->count == 0) return ALARM_TIMER_NONE;
    uint32_t first = timers->heap[0];
    return timers->timers[first].due_mono_ms <= mono_ms ? first : ALARM_TIMER_NONE;
}
