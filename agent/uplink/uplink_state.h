/* uplink_state: what the files of the uplink share.
 *
 * uplink.c opens, closes and follows the link; uplink_fetch.c decides what goes next and asks the
 * store for it; uplink_send.c sends records and takes the answers.  Internal. */
#ifndef ISOTHERM_UPLINK_UPLINK_STATE_H
#define ISOTHERM_UPLINK_UPLINK_STATE_H

#include "uplink/drain.h"
#include "uplink/encode_json.h"
#include "uplink/flight.h"
#include "uplink/lag.h"
#include "uplink/pace.h"
#include "uplink/topics.h"
#include "uplink/turn.h"
#include "uplink/uplink.h"

enum {
    UPLINK_STATUS_JSON_SIZE = 512,
    UPLINK_RETRY_MS = 200, /* after the store took no question, or the link was closed */
};

/* What is read from the outbox in ascending order by itself.  The windows of the outbox are two
 * stretches, parted where the present connection came up: so live ones need not wait. */
enum stretch_name { STRETCH_ALARM, STRETCH_LIVE, STRETCH_HISTORY, STRETCH_COUNT };

struct stretch {
    struct flight flight;
    bool may_have_more;     /* false: the store had no more; a commit will tell */
    int64_t resume_mono_ms; /* nothing is sent before */
    uint32_t refusals;      /* in a row */
    bool waits_for_clock;   /* its next record is of a boot that may yet learn its times */
    /* A deletion that was told is done after some commits: until those told before are done, a
     * read from the beginning would bring the same records again. */
    unsigned commits_due;
    int64_t restart_mono_ms; /* when it was last read from the beginning */
};

struct uplink {
    struct stretch stretches[STRETCH_COUNT];
    struct uplink_counts counts;
    const struct link_kind *kind;
    struct link *link;
    struct loop_timer *timer; /* when something waits for a time to come */
    struct loop_timer *tick_timer;
    const struct clock *clock;
    struct log *log;
    struct store *store;
    const char *part;

    bool is_fetching;
    bool is_fetching_refused; /* one record by itself, for another try */
    bool is_fetch_stale;      /* the connection has changed since the question */
    enum stretch_name fetch_stretch;
    uint64_t fetch_after;
    size_t fetch_max;

    size_t in_flight_limit;
    bool retain;
    uint64_t live_from_seq; /* records below were committed before this connection */
    unsigned commits_due;   /* until all that was told is done */
    uint64_t history_left;  /* as far as is known */
    bool is_birth_due;
    int birth_message_id;
    uint64_t random;

    struct uplink_pacing pacing;
    struct pace pace, byte_pace;
    struct lag lag;
    int64_t last_bytes; /* of the record sent last */
    struct turn turn;
    struct meter history_meter, all_meter, inflow_meter;
    uint64_t history_acknowledged;
    int64_t earlier_milli; /* rate of history on a connection before */
    bool was_busy;         /* more waited at the last tick than could go */
    bool was_moving;       /* history did */

    struct encode_json_origin origin;
    char gateway[LIMIT_GATEWAY_SIZE];
    char epoch[32];
    struct topics topics;
    char json[LIMIT_RECORD_JSON];
};

static inline int64_t uplink_now_mono_ms(const struct uplink *uplink)
{
    return clock_mono_ms(uplink->clock);
}

static inline enum lane stretch_lane(enum stretch_name name)
{
    return name == STRETCH_ALARM ? LANE_ALARM : LANE_WINDOW;
}

/* Asks the store for what can be sent now, or sees to it that this is done later.  To be called
 * after every event that may have changed something. */
void uplink_pump(struct uplink *uplink);

/* Reads the stretch from its oldest record on again; what is on the way is recognised. */
void uplink_restart(struct uplink *uplink, enum stretch_name name);

/* Nothing of the stretch is sent for so long. */
void uplink_hold(struct uplink *uplink, struct stretch *stretch, int64_t wait_ms);

/* The answer to a question of uplink_pump: sends the records, or keeps them for later. */
void uplink_send(struct uplink *uplink, enum stretch_name name, const struct record *records,
                 size_t count, bool has_new);

/* The record that was refused before; count 0: the store has it no more. */
void uplink_send_again(struct uplink *uplink, enum stretch_name name, const struct record *records,
                       size_t count);

/* Tells the store of every delivery, as far as its batch has room. */
void uplink_report_deliveries(struct uplink *uplink);

/* Whether a record of the stretch may be sent before what is on the way has arrived. */
bool uplink_may_send_ahead(const struct uplink *uplink, enum stretch_name name);

/* The answer to a message; false: it changes nothing. */
bool uplink_take_answer(struct uplink *uplink, int message_id, int reason);

/* The birth, before everything else on a connection.  False: it is still to be sent. */
bool uplink_send_birth(struct uplink *uplink);

#endif
