/* control: the local socket through which tools ask the running agent.
 *
 * One request per connection, a line of text; the answer is one or more lines of JSON:
 *   status                       one object (report.h)
 *   devices                      one object per device
 *   alarms                       one object per alarm that is not normal; `alarms all`: of all
 *   command {...}                the answer to a command, once it is durable (alarm_request.h)
 *   tail readings|records|all    one object per reading or record, until the client leaves
 * Who is not root, of the agent's user, or in its group is answered CONTROL_DENIED; whoever finds
 * all places taken, CONTROL_BUSY.  A client that does not read fast enough loses lines, which are
 * counted and said in-band; it never slows the agent.  Loop thread only. */
#ifndef ISOTHERM_CONTROL_H
#define ISOTHERM_CONTROL_H

#include "base/status.h"
#include "flow.h"

#include <stdint.h>

#define CONTROL_DENIED "denied"
#define CONTROL_BUSY "busy"

struct control;

struct control_subject {
    struct flow *flow;
    const char *epoch;
    int64_t started_mono_ms;
};

/* Bytes that control_open allocates; those of a client it has are all that is touched. */
size_t control_size_bytes(void);
size_t control_client_bytes(void);

/* Listens on `path` (mode 0660; a socket left behind by a dead agent is replaced).  The subject
 * is copied, what it points to stays valid.  ST_AGAIN: the directory is not there (yet; logged);
 * ST_IO: cannot listen there, or another agent does (logged); ST_NO_MEMORY, ST_FULL. */
enum status control_open(struct control **control, const char *path,
                         const struct control_subject *subject) ISOTHERM_CHECK;

/* Closes every connection and removes the socket.  NULL does nothing. */
void control_close(struct control *control);

#endif
