/* Invariant: never more is saved up than a tenth of a second's worth (at least one record), so
 * that no second sees much more than the rate. */
#include "uplink/pace.h"

enum { TOKEN = 1000 }; /* one record; rate * milliseconds gives such units */

void pace_init(struct pace *pace, int64_t rate, int64_t now_mono_ms)
{
    *pace = (struct pace){.rate = rate, .tokens = TOKEN, .filled_mono_ms = now_mono_ms};
}

static void fill(struct pace *pace, int64_t now_mono_ms)
{
    int64_t most = pace->rate * TOKEN / 10;
    if (most < TOKEN) most = TOKEN;
    int64_t elapsed_ms = now_mono_ms - pace->filled_mono_ms;
    pace->filled_mono_ms = now_mono_ms;
    if (elapsed_ms > most / pace->rate) /* also keeps the product small */
        pace->tokens = most;
    else
        pace->tokens += elapsed_ms * pace->rate;
    if (pace->tokens > most) pace->tokens = most;
}

size_t pace_count_allowed(struct pace *pace, int64_t now_mono_ms)
{
    if (pace->rate <= 0) return SIZE_MAX;
    fill(pace, now_mono_ms);
    return pace->tokens > 0 ? (size_t)(pace->tokens / TOKEN) : 0;
}

int64_t pace_wait_ms(const struct pace *pace)
{
    if (pace->rate <= 0 || pace->tokens >= TOKEN) return 0;
    return (TOKEN - pace->tokens + pace->rate - 1) / pace->rate;
}

void pace_take(struct pace *pace)
{
    if (pace->rate > 0) pace->tokens -= TOKEN;
}
