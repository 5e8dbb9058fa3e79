#include "base/backoff.h"

int64_t backoff_wait_ms(uint32_t attempt, int64_t min_ms, int64_t max_ms, uint64_t random)
{
    int64_t top_ms = min_ms;
    for (uint32_t i = 0; i <= attempt && top_ms < max_ms; i++)
        top_ms = top_ms > max_ms / 2 ? max_ms : top_ms * 2;
    if (top_ms > max_ms) top_ms = max_ms;
    return min_ms + (int64_t)(random % (uint64_t)(top_ms - min_ms + 1));
}

uint64_t backoff_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}
