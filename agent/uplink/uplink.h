/* uplink: brings the records of the outbox to the central broker.
 *
 * Reads committed records from the store, encodes them, keeps few in flight and tells the store
 * which were delivered; a record leaves the outbox only on a success code.  Alarms go before
 * everything, then live records (committed while connected), then history, which has a guaranteed
 * share.  Driven by the state of the link, never by new traffic.  Loop thread only. */
#ifndef ISOTHERM_UPLINK_UPLINK_H
#define ISOTHERM_UPLINK_UPLINK_H

#include "base/boot_times.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mqtt_client.h"
#include "base/status.h"
#include "store/store.h"
#include "stream/record.h"
#include "uplink/command_channel.h"
#include "uplink/drain.h"
#include "uplink/link.h"

#include <stdbool.h>
#include <stdint.h>

/* How fast the outbox empties. */
struct uplink_pacing {
    int64_t rate;          /* records a second, at most; 0: no limit.  Alarms do not wait for it */
    int64_t burst;         /* records at once after a pause; 0: a tenth of a second's worth */
    int64_t rate_bytes;    /* bytes of topic and payload a second, likewise; 0: no limit */
    int64_t history_share; /* percent of what is sent, at least, while live records wait too */
    int64_t jitter_ms;     /* history begins to move up to so much after a connection */
    int64_t lag_ms;        /* what is on the way makes an alarm wait so long at most; 0: no limit */
};

/* The options of `uplink: {mqtt: ...}`. */
struct uplink_mqtt_options {
    struct mqtt_options mqtt;
    char topic[LIMIT_TOPIC_SIZE]; /* prefix; {gateway} is replaced */
    int64_t in_flight;            /* records sent and not yet acknowledged, at most */
    struct uplink_pacing pacing;
    int64_t ledger_every_ms; /* 0: the ledger is not published */
    bool retain;             /* the last summary of each device is retained */
    bool has_alarm_states;   /* a retained state of each alarm */
    int64_t clock_wait_ms;   /* windows without true times wait for the clock to be set */
    struct command_channel_options commands;
};

extern const struct field_table uplink_mqtt_option_table;

enum uplink_state {
    UPLINK_OFF,
    UPLINK_DOWN,       /* the last attempt failed or the connection was lost; tried again */
    UPLINK_CONNECTING, /* the first attempt is running */
    UPLINK_UP
};

struct uplink_counts {
    enum uplink_state state;
    uint64_t sent;          /* publishes, repeats included */
    uint64_t acknowledged;  /* with a success code */
    uint64_t no_subscriber; /* of these, with reason 16: nobody was listening */
    uint64_t refused;       /* reason codes at and above 0x80 */
    uint64_t connects;
    uint64_t losses; /* connections lost and attempts that failed */
    uint64_t in_flight;
    uint64_t parked;             /* refused again and again; kept, and tried each minute */
    uint64_t waiting;            /* records in the outbox, of all lanes */
    uint64_t history;            /* of these, made before the present connection; without alarms */
    struct drain_estimate drain; /* until history is gone */
    int last_refusal;            /* reason code, 0: none */
    char last_problem[128];      /* why the link is down; "" when up */
    int64_t up_since_mono_ms;    /* 0 when down */
};

struct uplink;

/* Begins to connect.  `options` stays valid until close; `store` and `boot_times` too.  `epoch` is
 * the store's.
 * ST_INVALID: the options cannot work (reason logged); ST_NO_MEMORY, ST_FULL. */
enum status uplink_open(struct uplink **uplink, const struct uplink_mqtt_options *options,
                        const char *gateway, const char *epoch, const struct boot_times *boot_times,
                        struct loop *loop, const struct clock *clock, struct log *log,
                        struct store *store) ISOTHERM_CHECK;

/* What the uplink needs, whatever the kind of link. */
struct uplink_settings {
    const struct link_kind *kind; /* static */
    const void *link_options;     /* the kind's; valid until close */
    const char *part;             /* name in log lines; static */
    const char *topic;            /* prefix; {gateway} is replaced */
    const char *gateway;
    const char *epoch;
    const struct boot_times *boot_times; /* valid until close; NULL: none */
    int64_t in_flight;                   /* 1 .. LIMIT_IN_FLIGHT */
    struct uplink_pacing pacing;
    bool retain;
    struct loop *loop;
    const struct clock *clock; /* valid until close, as log and store are */
    struct log *log;
    struct store *store;
};

/* As uplink_open, over any kind of link; everything but what is marked is copied. */
enum status uplink_open_link(struct uplink **uplink,
                             const struct uplink_settings *settings) ISOTHERM_CHECK;

/* Bytes that uplink_open and uplink_open_link allocate. */
size_t uplink_mqtt_size_bytes(void);
size_t uplink_size_bytes(const struct link_kind *kind);

/* To be called from the store's events. */
void uplink_on_committed(struct uplink *uplink);
void uplink_on_fetched(struct uplink *uplink, enum lane lane, const struct record *records,
                       size_t count);

struct uplink_counts uplink_count(const struct uplink *uplink);

/* Publishes what is not a record under <prefix>/ledger; what becomes of it is not followed up.
 * ST_CLOSED: not connected; ST_IO: not taken. */
enum status uplink_publish_ledger(struct uplink *uplink, const char *json,
                                  size_t size) ISOTHERM_CHECK;

/* Whether windows are held back since the times of this boot may yet be learned; and to be called
 * when it was decided what becomes of them, durably. */
bool uplink_waits_for_clock(const struct uplink *uplink);
void uplink_on_boot_times(struct uplink *uplink);

/* True when connected and nothing is waiting or in flight, but for what is parked or waits for the
 * clock. */
bool uplink_is_idle(const struct uplink *uplink);

/* Publishes the death, disconnects and releases everything.  NULL does nothing. */
void uplink_close(struct uplink *uplink);

#endif
