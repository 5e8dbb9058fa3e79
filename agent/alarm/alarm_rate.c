/* alarm_rate: a rate is only ever taken between two times of the same clock, the later one after
 * the earlier. */
#include "alarm/alarm_rate.h"

static void begin(struct alarm_rate *rate, int64_t value_micro, int64_t time_ms, bool is_of_device)
{
    *rate = (struct alarm_rate){.has_anchor = true,
                                .anchor_ms = time_ms,
                                .anchor_micro = value_micro,
                                .is_of_device = is_of_device};
}

/* change * 60000 / elapsed without overflow: values are below 2^37, so that their difference
 * times 60000 is below 2^54. */
static int64_t per_minute(int64_t change_micro, int64_t elapsed_ms)
{
    return change_micro * 60000 / elapsed_ms;
}

enum alarm_rate_result alarm_rate_add(struct alarm_rate *rate, int64_t value_micro, int64_t time_ms,
                                      bool is_of_device, int64_t period_ms, int64_t *rate_micro)
{
    if (!rate->has_anchor || rate->is_of_device != is_of_device) {
        begin(rate, value_micro, time_ms, is_of_device);
        return ALARM_RATE_WAITS;
    }
    int64_t elapsed_ms = time_ms - rate->anchor_ms;
    if (elapsed_ms <= 0) {
        if (elapsed_ms < 0) begin(rate, value_micro, time_ms, is_of_device);
        return ALARM_RATE_UNUSABLE;
    }
    if (elapsed_ms < period_ms) return ALARM_RATE_WAITS;
    int64_t anchor_micro = rate->anchor_micro;
    begin(rate, value_micro, time_ms, is_of_device);
    if (elapsed_ms > ALARM_RATE_GAP_PERIODS * period_ms) return ALARM_RATE_GAP;
    *rate_micro = per_minute(value_micro - anchor_micro, elapsed_ms);
    return ALARM_RATE_KNOWN;
}
