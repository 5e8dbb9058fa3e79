/* alarm_mirror: keeps the retained state of every alarm at the broker as the engine has it, never
 * ahead of what is durable.
 *
 * A few changed alarms are remembered by name; when more have changed, and at each connection, the
 * whole list is gone through: a broker may come back with nothing, and what was on its way when the
 * last connection broke is not known to have arrived.  First comes what is not Normal, between two
 * marks, so that whoever listens may drop what is not among it; then what was ever raised.  What
 * the broker still has of alarms that are no longer configured is emptied.  Loop thread only; no
 * allocation. */
#ifndef ISOTHERM_ALARM_MIRROR_H
#define ISOTHERM_ALARM_MIRROR_H

#include "alarm/alarm_command.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALARM_MIRROR_CHANGES = 256 };

/* What the mirror asks and where it publishes. */
struct alarm_mirror_host {
    const char *gateway;
    size_t (*list)(void *context, size_t *cursor, struct alarm_view *views, size_t max);
    bool (*find)(void *context, const char *alarm, struct alarm_view *view);
    /* ST_AGAIN, ST_CLOSED: later; size 0 empties the topic. */
    enum status (*publish)(void *context, const char *device, const char *name, const char *json,
                           size_t size);
    /* Publishes a mark, not retained.  Returns likewise. */
    enum status (*mark)(void *context, const char *json, size_t size);
    void *context;
};

/* How far a scan is. */
enum alarm_mirror_phase {
    ALARM_MIRROR_IDLE,
    ALARM_MIRROR_BEGIN, /* the first mark is due */
    ALARM_MIRROR_RAISED,
    ALARM_MIRROR_END, /* the second one is */
    ALARM_MIRROR_NORMAL
};

/* Embedded by its owner; the fields are private. */
struct alarm_mirror {
    struct alarm_mirror_host host;
    struct alarm_mirror_change {
        char alarm[ALARM_ID_SIZE];
        char device[LIMIT_DEVICE_ID_SIZE];
        uint64_t ticket; /* of the newest event of the alarm */
    } changes[ALARM_MIRROR_CHANGES];
    size_t count;
    bool is_compared; /* what the broker keeps was looked at, and nothing went away since */
    enum alarm_mirror_phase phase;
    size_t cursor;
    uint64_t refresh, refreshed; /* scans so far; alarms between the marks of this one */
    uint64_t scan_ticket;        /* the scan waits until that is durable */
    uint64_t published, lost;
};

void alarm_mirror_init(struct alarm_mirror *mirror, const struct alarm_mirror_host *host);

/* Something happened to the alarm, which is durable with `ticket` (0: it is). */
void alarm_mirror_note(struct alarm_mirror *mirror, const char *alarm, const char *device,
                       uint64_t ticket);

/* Everything is to be published again.  True: what the broker keeps must be compared, too, since
 * nothing is known of it or alarms went away. */
bool alarm_mirror_connect(struct alarm_mirror *mirror);

/* The broker keeps a state of that alarm: emptied if there is no such alarm. */
void alarm_mirror_compare(struct alarm_mirror *mirror, const char *device, const char *name);

/* Publishes what may be, as long as it is taken. */
void alarm_mirror_pump(struct alarm_mirror *mirror, uint64_t durable_ticket);

#endif
