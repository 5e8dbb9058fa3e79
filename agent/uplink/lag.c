/* Invariant: `bytes` is the sum over the messages on the way, and with none of them one may always
 * be sent, so that nothing waits for an answer that cannot come. */
#include "uplink/lag.h"

#include <string.h>

enum {
    ALONE_TIMES = 8, /* so many in a row have all taken longer: the way itself has become longer */
    PROBE_TIMES = 8, /* so many in a row were in time: then one message more is tried */
    RISE_PART = 4,   /* of the way up to what an answer says */
    FALL_PART = 2,   /* and not below this part of what was allowed */
    ALLOWED_MOST = 1 << 24
};

void lag_init(struct lag *lag, int64_t target_ms)
{
    memset(lag, 0, sizeof *lag);
    lag->target_ms = target_ms;
    lag->allowed_bytes = LAG_FIRST_BYTES;
}

void lag_restart(struct lag *lag)
{
    int64_t allowed_bytes = lag->allowed_bytes;
    lag_init(lag, lag->target_ms);
    if (allowed_bytes < lag->allowed_bytes) lag->allowed_bytes = allowed_bytes;
}

size_t lag_count_allowed(const struct lag *lag, int64_t bytes_each)
{
    if (lag->target_ms == 0) return SIZE_MAX;
    int64_t room = lag->allowed_bytes - lag->bytes;
    size_t count = room > 0 && bytes_each > 0 ? (size_t)(room / bytes_each) : 0;
    return count == 0 && lag->count == 0 ? 1 : count;
}

void lag_note_sent(struct lag *lag, int message_id, int64_t bytes, int64_t now_mono_ms)
{
    if (lag->count == LAG_MESSAGES) return;
    lag->bytes += bytes;
    lag->messages[lag->count++] = (struct lag_message){
        .message_id = message_id, .bytes = bytes, .load = lag->bytes, .sent_mono_ms = now_mono_ms};
}

/* What a message takes when nothing of ours is before it: the least ever seen.  Where the way has
 * become longer, everything seems to wait and less and less is sent ahead, down to one message at a
 * time; these then tell the new time. */
static void note_least(struct lag *lag, int64_t taken_ms, bool is_alone)
{
    if (lag->least_ms == 0 || taken_ms < lag->least_ms) lag->least_ms = taken_ms;
    if (!is_alone) {
        lag->alone = 0;
        return;
    }
    if (lag->alone == 0 || taken_ms < lag->least_alone_ms) lag->least_alone_ms = taken_ms;
    if (++lag->alone < ALONE_TIMES) return;
    lag->least_ms = lag->least_alone_ms;
    lag->alone = 0;
}

/* Not all the way at once: answers that were held up and come together make the link look slow, and
 * then fast to the messages sent meanwhile. */
static int64_t approach(int64_t allowed, int64_t bytes)
{
    if (bytes > ALLOWED_MOST) bytes = ALLOWED_MOST;
    if (bytes > allowed) return allowed + (bytes - allowed + RISE_PART - 1) / RISE_PART;
    bytes = bytes > allowed / FALL_PART ? bytes : allowed / FALL_PART;
    return bytes > 0 ? bytes : 1;
}

/* The load went in taken_ms, so in the time that is wanted as much as this would.  Less than is
 * allowed now is no sign of anything when the message was in time: there was no more to send.  On
 * a long way that is less than a message more, so now and then, while the link seems idle, one
 * more is tried. */
static void adapt(struct lag *lag, const struct lag_message *message, int64_t taken_ms)
{
    int64_t wanted_ms = lag->least_ms + lag->target_ms;
    int64_t bytes = message->load * wanted_ms / taken_ms;
    int64_t one_more = message->load + message->bytes;
    bool is_in_time = taken_ms <= wanted_ms;
    bool is_idle = taken_ms <= lag->least_ms + lag->target_ms / 2;
    lag->in_time = is_idle && one_more > lag->allowed_bytes ? lag->in_time + 1 : 0;
    if (lag->in_time == PROBE_TIMES) {
        lag->in_time = 0;
        lag->allowed_bytes = one_more;
    }
    if (is_in_time && bytes < lag->allowed_bytes) return;
    lag->allowed_bytes = approach(lag->allowed_bytes, bytes);
}

bool lag_note_answer(struct lag *lag, int message_id, int64_t now_mono_ms)
{
    size_t at = 0;
    while (at < lag->count && lag->messages[at].message_id != message_id) at++;
    if (at == lag->count) return false;
    struct lag_message message = lag->messages[at];
    lag->count--;
    memmove(lag->messages + at, lag->messages + at + 1, (lag->count - at) * sizeof message);
    lag->bytes -= message.bytes;
    int64_t taken_ms = now_mono_ms - message.sent_mono_ms;
    if (taken_ms < 1) taken_ms = 1;
    note_least(lag, taken_ms, message.load == message.bytes);
    adapt(lag, &message, taken_ms);
    return true;
}
