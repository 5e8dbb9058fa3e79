/* alarm_shelf: no clock, however wrong, makes a shelf last longer than the running time granted. */
#include "alarm/alarm_shelf.h"

struct alarm_shelf alarm_shelf_begin(int64_t shelve_ms, const struct alarm_now *now)
{
    return (struct alarm_shelf){.until_wall_ms = now->wall_ms + shelve_ms,
                                .end_mono_ms = now->mono_ms + shelve_ms,
                                .has_wall = now->clock == CLOCK_TRUSTED};
}

int64_t alarm_shelf_left_ms(const struct alarm_shelf *shelf, int64_t mono_ms)
{
    int64_t left_ms = shelf->is_suspended ? shelf->end_mono_ms : shelf->end_mono_ms - mono_ms;
    return left_ms > 0 ? left_ms : 0;
}

static void bound_by_wall(struct alarm_shelf *shelf, const struct alarm_now *now)
{
    int64_t left_ms = shelf->until_wall_ms - now->wall_ms;
    if (left_ms < 0) left_ms = 0;
    if (left_ms < alarm_shelf_left_ms(shelf, now->mono_ms))
        shelf->end_mono_ms = now->mono_ms + left_ms;
}

void alarm_shelf_resume(struct alarm_shelf *shelf, const struct alarm_now *now)
{
    if (!shelf->is_suspended) return;
    shelf->end_mono_ms += now->mono_ms;
    shelf->is_suspended = false;
    shelf->is_owed_by_clock = shelf->has_wall;
    alarm_shelf_trust(shelf, now);
}

void alarm_shelf_trust(struct alarm_shelf *shelf, const struct alarm_now *now)
{
    if (!shelf->is_owed_by_clock || now->clock != CLOCK_TRUSTED) return;
    shelf->is_owed_by_clock = false;
    bound_by_wall(shelf, now);
}
