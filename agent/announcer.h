/* announcer: publishes the ledger through the uplink at each connection, then again and again,
 * and a last time at the end.  It is a look at the present, so it is not kept for later: a ledger
 * that was missed is replaced by the next.  Loop thread only. */
#ifndef ISOTHERM_ANNOUNCER_H
#define ISOTHERM_ANNOUNCER_H

#include "base/status.h"
#include "flow.h"

#include <stddef.h>
#include <stdint.h>

struct announcer;

/* Bytes that announcer_open allocates. */
size_t announcer_size_bytes(void);

/* `flow`, with its uplink, and `epoch` stay valid until close.  ST_NO_MEMORY, ST_FULL. */
enum status announcer_open(struct announcer **announcer, struct flow *flow, const char *epoch,
                           int64_t started_mono_ms, int64_t every_ms) ISOTHERM_CHECK;

/* Publishes the last ledger if it can, and releases everything.  NULL does nothing. */
void announcer_close(struct announcer *announcer);

#endif
