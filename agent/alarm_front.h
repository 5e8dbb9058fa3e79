/* alarm_front: where people and things outside meet the alarms: commands come in (control socket,
 * central broker), answers and the retained states go out after their commit, and the gateway's own
 * actions begin at once.
 *
 * It holds the parts together; each is a module of its own.  Memory is taken by open and start.
 * Loop thread only. */
#ifndef ISOTHERM_ALARM_FRONT_H
#define ISOTHERM_ALARM_FRONT_H

#include "action/action.h"
#include "alarm/alarm_command.h"
#include "alarm/alarm_event.h"
#include "base/loop.h"
#include "base/status.h"
#include "base/text.h"
#include "uplink/uplink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the front asks of the flow. */
struct alarm_front_host {
    uint64_t (*change)(void *context); /* there is something to commit now: the ticket it has */
    uint64_t (*newest)(void *context); /* the ticket of the newest thing that happened */
    struct alarm_now (*now)(void *context);
    void *context;
};

struct alarm_front_settings {
    const char *gateway;
    const struct uplink_mqtt_options *uplink; /* NULL: none */
    const struct action_options *actions;
    size_t action_count;
    struct loop *loop;
    struct log *log;
    struct clock clock;
};

struct alarm_front;

/* Makes it, ready for alarm_front_restore.  The settings are copied, what they point to stays valid
 * until close.  ST_NO_MEMORY. */
enum status alarm_front_open(struct alarm_front **front,
                             const struct alarm_front_settings *settings,
                             const struct alarm_front_host *host) ISOTHERM_CHECK;

/* What open and start allocate for these settings, of which only the options count. */
size_t alarm_front_size_bytes(const struct alarm_front_settings *settings);

/* Takes over what stands in the restored engine and begins: actions, connection, commands.
 * `engine` stays valid until close.  ST_INVALID: options cannot work (reason logged); ST_NO_MEMORY,
 * ST_FULL. */
enum status alarm_front_start(struct alarm_front *front,
                              struct alarm_engine *engine) ISOTHERM_CHECK;

/* Ends running programs; nothing is taken any more. */
void alarm_front_stop(struct alarm_front *front);

/* Releases everything, after stop or instead of start.  NULL does nothing. */
void alarm_front_close(struct alarm_front *front);

/* A transition was put into the batch, durable with `ticket`.  `wall_ms` 0: not known. */
void alarm_front_on_event(struct alarm_front *front, const char *device,
                          const struct alarm_event *event, int64_t wall_ms, uint64_t ticket);

/* Everything up to the ticket is durable. */
void alarm_front_on_committed(struct alarm_front *front, uint64_t ticket);

/* To be called about twice a second. */
void alarm_front_on_tick(struct alarm_front *front);

/* Carries out a request of a local user and writes the answer (ALARM_ANSWER_BYTES).  Returns the
 * ticket that must be durable before the answer may be given; 0: at once. */
uint64_t alarm_front_take_local(struct alarm_front *front, const char *json, size_t size,
                                const char *peer, struct text *answer);

/* Copies views as alarm_engine_list does. */
size_t alarm_front_list(const struct alarm_front *front, size_t *cursor, struct alarm_view *views,
                        size_t max);

/* The journal: ids of commands that were carried out.  Whether an entry is ours; giving it back;
 * handing over what is new; and everything once more, since older entries will be deleted. */
bool alarm_front_is_entry(const void *bytes, size_t size);
enum status alarm_front_restore(struct alarm_front *front, const void *bytes,
                                size_t size) ISOTHERM_CHECK;
void alarm_front_journal(struct alarm_front *front,
                         void (*add)(void *context, const void *bytes, size_t size), void *context);
void alarm_front_journal_whole(struct alarm_front *front);

/* What the entries of one commit take at most. */
size_t alarm_front_room_bytes(void);

/* Adds `commands` and `actions` to the status object. */
void alarm_front_report(const struct alarm_front *front, struct text *text);

#endif
