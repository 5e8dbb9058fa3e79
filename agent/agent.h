/* agent: owns every part, starts them in the order of their dependence and stops them in the
 * reverse order.  Loop thread only. */
#ifndef ISOTHERM_AGENT_H
#define ISOTHERM_AGENT_H

#include "base/log.h"
#include "base/status.h"
#include "config.h"

#include <stdbool.h>

struct agent;

/* Bytes that agent_open allocates by itself, its parts not counted. */
size_t agent_size_bytes(void);

/* Starts everything; `config` and `log` stay valid until agent_close.  Waits (and says so) while
 * the store's directory is missing.  ST_CLOSED: asked to stop while waiting; ST_FOREIGN, ST_IO:
 * the store cannot be opened for a reason a person must mend (logged); ST_INVALID: options that
 * cannot work; ST_NO_MEMORY, ST_FULL. */
enum status agent_open(struct agent **agent, const struct config *config,
                       struct log *log) ISOTHERM_CHECK;

/* Runs until SIGTERM or SIGINT. */
void agent_run(struct agent *agent);

/* Stops and releases everything: readings taken are committed and acknowledged, the death is
 * published.  ST_IO: the last commit failed.  NULL: ST_OK.  *is_pool_busy: a name is still being
 * looked up or a connection tried, which may take minutes; end with _exit, exit() would wait. */
enum status agent_close(struct agent *agent, bool *is_pool_busy);

#endif
