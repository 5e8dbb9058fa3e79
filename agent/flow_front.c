/* flow_front: between the flow and the alarms' front.  A command and an event take tickets as
 * readings do, so that what is said of them waits for "durable up to ticket n" like everything
 * else. */
#include "flow.h"

static uint64_t on_change(void *context)
{
    struct flow *flow = context;
    flow->host.request_commit(flow->host.context, 0);
    return ++flow->ticket;
}

static uint64_t find_newest_ticket(void *context)
{
    const struct flow *flow = context;
    return flow->ticket;
}

static struct alarm_now find_now(void *context)
{
    struct stream_now now = flow_now(context);
    return (struct alarm_now){.wall_ms = now.wall_ms, .mono_ms = now.mono_ms, .clock = now.clock};
}

struct alarm_front_host flow_front_host(struct flow *flow)
{
    return (struct alarm_front_host){
        .change = on_change, .newest = find_newest_ticket, .now = find_now, .context = flow};
}

void flow_front_tell(struct flow *flow, const struct record *record)
{
    if (flow->front == NULL) return;
    int64_t wall_ms = record->clock == CLOCK_UNSET ? 0 : record->created_ms;
    alarm_front_on_event(flow->front, record->device, &record->alarm, wall_ms, ++flow->ticket);
}
