/* service: the agent as a service of a manager such as systemd: says when it is ready, how it is,
 * and feeds the watchdog only while intake, store and uplink get on.
 *
 * Without a manager (no NOTIFY_SOCKET) it only logs a part that is stuck.  Loop thread only. */
#ifndef ISOTHERM_SERVICE_H
#define ISOTHERM_SERVICE_H

#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/status.h"
#include "flow.h"
#include "health.h"

#include <stdbool.h>
#include <stdint.h>

/* Embedded by its owner; the fields are private. */
struct service {
    struct notify notify;
    struct health health;
    struct log *log;
    struct loop_timer *timer;
    const struct flow *flow;
    int64_t watchdog_ms; /* 0: none */
    bool is_ready_due;
};

/* Looks for a manager in the environment. */
void service_open(struct service *service, struct log *log);

/* The start takes `more_ms` longer, and why. */
void service_wait(struct service *service, const char *reason, int64_t more_ms);

/* Everything runs: says so, and from now on watches the flow, which stays valid until
 * service_close.  ST_FULL. */
enum status service_start(struct service *service, struct loop *loop,
                          const struct flow *flow) ISOTHERM_CHECK;

/* Says that the agent stops. */
void service_stop(struct service *service);
void service_close(struct service *service);

/* What the parts have to do and have done, as health judges it. */
void service_look(const struct flow *flow, struct health_work work[HEALTH_PARTS]);

#endif
