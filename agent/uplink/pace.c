/* Invariant: never more is saved up than the burst, so that no second sees more than rate and
 * burst together; a debt is never forgiven. */
#include "uplink/pace.h"

enum { TOKEN = 1000 }; /* rate * milliseconds gives such units */

void pace_init(struct pace *pace, int64_t rate, int64_t burst, int64_t now_mono_ms)
{
    int64_t most = burst > 0 ? burst * TOKEN : rate * TOKEN / 10 + TOKEN;
    *pace =
        (struct pace){.rate = rate, .most = most, .tokens = TOKEN, .filled_mono_ms = now_mono_ms};
}

int64_t pace_count_allowed(struct pace *pace, int64_t now_mono_ms)
{
    if (pace->rate <= 0) return INT64_MAX;
    int64_t elapsed_ms = now_mono_ms - pace->filled_mono_ms;
    pace->filled_mono_ms = now_mono_ms;
    if (elapsed_ms > (pace->most - pace->tokens) / pace->rate)
        pace->tokens = pace->most;
    else
        pace->tokens += elapsed_ms * pace->rate;
    return pace->tokens > 0 ? pace->tokens / TOKEN : 0;
}

int64_t pace_wait_ms(const struct pace *pace)
{
    if (pace->rate <= 0 || pace->tokens >= TOKEN) return 0;
    return (TOKEN - pace->tokens + pace->rate - 1) / pace->rate;
}

void pace_take(struct pace *pace, int64_t count)
{
    if (pace->rate > 0) pace->tokens -= count * TOKEN;
}
