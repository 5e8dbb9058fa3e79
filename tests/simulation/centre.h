/* centre: the central broker with its consumer, and the gateway's end of the link to it, over a
 * network that delays, loses and breaks. */
#ifndef ISOTHERM_TESTS_CENTRE_H
#define ISOTHERM_TESTS_CENTRE_H

#include "simulation/virtual_time.h"
#include "uplink/link.h"

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

enum { CENTRE_FLIGHTS = 160 };

struct centre_flight {
    struct virtual_event event;
    struct link *link;
    bool is_used, has_arrived;
    int message_id, reason;
    size_t size;
    char payload[LIMIT_RECORD_JSON + 64];
};

/* The broker, its consumer, and the gateway's end of the link to it. */
struct link {
    struct world *world;
    struct link_events events;
    bool is_open, is_connected;
    bool is_dead; /* connected, but the other side is gone */
    bool is_up;   /* the broker can be reached */
    struct virtual_event connect, detect, outage;
    struct centre_flight flights[CENTRE_FLIGHTS];
    int next_message_id;
    uint64_t outages, losses, refusals;
};

extern const struct link_kind centre_link_kind;

void centre_begin_outages(struct link *centre);
void centre_cut_off(struct link *centre);
void centre_heal(struct link *centre); /* the broker is there, and stays */

#endif
