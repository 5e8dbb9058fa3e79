/* command_channel: a second connection to the central broker, on which commands for alarms come in,
 * and answers and the state of every alarm go out.
 *
 * It is apart from the records' connection for two reasons: its session ends with the connection,
 * so that nothing commanded while the gateway was away is delivered later; and whatever is sent to
 * the command topic cannot hold up records.  It knows nothing of what the messages say, and keeps
 * none: what cannot be sent now is the caller's to send later.  Loop thread only. */
#ifndef ISOTHERM_UPLINK_COMMAND_CHANNEL_H
#define ISOTHERM_UPLINK_COMMAND_CHANNEL_H

#include "base/field.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mqtt_reply.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `uplink: {mqtt: {commands: ...}}`.  Without a topic nothing is ever subscribed. */
struct command_channel_options {
    char topic[LIMIT_TOPIC_SIZE]; /* {gateway} is replaced; "": commands are off */
    int64_t size_bytes;           /* the largest request that is looked at */
    int64_t age_ms;               /* the oldest request that is carried out */
    char allow[64];               /* names of commands, blanks between */
    char actors[64];              /* pattern over the names of actors */
};

extern const struct field_table command_channel_option_table;

enum { COMMAND_CHANNEL_IN_FLIGHT = 16, COMMAND_CHANNEL_TOPIC_SIZE = 2 * LIMIT_TOPIC_SIZE + 512 };

struct command_channel_events {
    void (*connected)(void *context); /* what was not acknowledged is lost */
    /* A request; its bytes are valid during the call. */
    void (*request)(void *context, const struct mqtt_message *message);
    /* After command_channel_ask_states: the broker keeps a state under these names. */
    void (*state)(void *context, const char *device, const char *name);
    void (*room)(void *context); /* something was acknowledged: more may be published */
    void *context;
};

struct command_channel_settings {
    const struct mqtt_options *mqtt; /* copied, with another client id and no session */
    const struct command_channel_options *options;
    const char *prefix;  /* of every topic; {gateway} is replaced */
    const char *gateway; /* copied */
    struct loop *loop;
    struct log *log;
};

struct command_channel;

/* Begins to connect.  ST_INVALID: the options cannot work (reason logged); ST_NO_MEMORY, ST_FULL.
 */
enum status command_channel_open(struct command_channel **channel,
                                 const struct command_channel_settings *settings,
                                 const struct command_channel_events *events) ISOTHERM_CHECK;

size_t command_channel_size_bytes(void); /* what command_channel_open allocates */

/* Disconnects and releases everything; no event afterwards.  NULL does nothing. */
void command_channel_close(struct command_channel *channel);

/* Connected, and fewer than COMMAND_CHANNEL_IN_FLIGHT messages are on the way. */
bool command_channel_has_room(const struct command_channel *channel);
bool command_channel_is_connected(const struct command_channel *channel);

/* Publishes an answer where the request wants it; a response topic that is missing, holds a
 * wildcard, belongs to the broker or lies among our own becomes `<prefix>/answer`.  ST_AGAIN: no
 * room; ST_CLOSED: not connected; ST_IO. */
enum status command_channel_answer(struct command_channel *channel, const struct mqtt_reply *reply,
                                   const char *json, size_t size) ISOTHERM_CHECK;

/* Publishes the retained state of an alarm at `<prefix>/alarm-state/<device>/<name>`, each one
 * level; size 0 deletes what the broker has.  Returns as command_channel_answer; ST_INVALID: no
 * topic. */
enum status command_channel_publish_state(struct command_channel *channel, const char *device,
                                          const char *name, const char *json,
                                          size_t size) ISOTHERM_CHECK;

/* Publishes at `<prefix>/alarm-refresh`, not retained.  Returns as command_channel_answer. */
enum status command_channel_publish_refresh(struct command_channel *channel, const char *json,
                                            size_t size) ISOTHERM_CHECK;

/* Asks for the names of all states that the broker keeps of this gateway; to be called from within
 * connected(). */
void command_channel_ask_states(struct command_channel *channel);

/* Whether answers may go to that topic, seen from a gateway with that prefix.  Pure. */
bool command_channel_may_answer(const char *topic, const char *prefix, const char *command_topic);

#endif
