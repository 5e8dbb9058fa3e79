/* link: what a kind of link to the centre must do.
 *
 * A link delivers messages and reports what became of each.  It connects by itself and, after a
 * loss, connects again with backoff for ever.  It knows nothing of records, lanes and the store,
 * so the uplink is tested without a broker.  Adding a kind costs one file with a
 * `const struct link_kind` at its foot.  Loop thread only. */
#ifndef ISOTHERM_UPLINK_LINK_H
#define ISOTHERM_UPLINK_LINK_H

#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct link; /* each kind has its own */

/* Reason codes are those of MQTT v5; a link of another kind maps its own to them. */
enum { LINK_REASON_SUCCESS = 0, LINK_REASON_NO_SUBSCRIBER = 16, LINK_REASON_REFUSED = 0x80 };

/* Called by the link, never from within open, publish or close. */
struct link_events {
    /* Ready to publish.  Nothing published before is acknowledged any more. */
    void (*connected)(void *context);
    /* The connection, or an attempt to make one, has failed; the link tries again by itself.
     * What was published and not acknowledged may or may not have arrived. */
    void (*lost)(void *context, const char *reason);
    /* What became of one message: delivered below LINK_REASON_REFUSED, refused from there. */
    void (*acknowledged)(void *context, int message_id, int reason);
    void *context;
};

struct link_message {
    const char *topic;
    const char *payload; /* NUL-terminated, and `size` bytes without the NUL */
    size_t size;
    bool is_retained;
    bool is_replay; /* older than the connection; the link says so to the receiver if it can */
};

struct link_settings {
    struct loop *loop;
    struct log *log;
    const char *part;      /* name in log lines; static */
    const char *client_id; /* when the options name none.  Copied. */
    const char *death_topic;
    const char *death_payload; /* retained, published by the other side when we vanish.  Copied. */
};

struct link_kind {
    const char *name;

    /* Bytes that open allocates. */
    size_t (*size_bytes)(void);

    /* Begins to connect; does not block.  `options` is the kind's own struct and stays valid
     * until close.  ST_INVALID: the options cannot work (reason logged); ST_NO_MEMORY, ST_FULL.
     * After a failure *link is NULL. */
    enum status (*open)(struct link **link, const void *options,
                        const struct link_settings *settings, const struct link_events *events);

    /* Says good-bye when connected and releases everything.  No event afterwards.  NULL does
     * nothing. */
    void (*close)(struct link *link);

    /* Sends one message that the other side must acknowledge; copied, never queued while
     * disconnected.  *message_id (not 0) comes back with acknowledged().  ST_CLOSED: not
     * connected; ST_IO: not taken.  After a failure nothing was sent. */
    enum status (*publish)(struct link *link, const struct link_message *message, int *message_id);

    bool (*is_connected)(const struct link *link);

    /* How many messages the other side takes before it has answered the first; 0: any number.
     * While connected. */
    size_t (*count_places)(const struct link *link);

    /* Short name of a reason code, static; NULL when the kind knows none. */
    const char *(*reason_name)(int reason);
};

#endif
