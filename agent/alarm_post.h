/* alarm_post: answers to commands from afar, until what they speak of is durable and the connection
 * takes them.  A few fixed places, first in, first out.  Loop thread only; no allocation. */
#ifndef ISOTHERM_ALARM_POST_H
#define ISOTHERM_ALARM_POST_H

#include "alarm_request.h"
#include "base/mqtt_reply.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALARM_POST_PLACES = 32 };

/* Embedded by its owner; all zero is empty; the fields are private. */
struct alarm_post {
    struct alarm_post_answer {
        struct mqtt_reply reply;
        uint64_t ticket;
        size_t size;
        char json[ALARM_ANSWER_BYTES];
    } answers[ALARM_POST_PLACES];
    size_t first, count;
    uint64_t lost; /* could not be sent for another reason than a lost connection */
};

/* The next free place, or NULL; the caller fills reply and json and then adds it. */
struct alarm_post_answer *alarm_post_reserve(struct alarm_post *post);

/* Adds the reserved answer; it may leave once `ticket` is durable. */
void alarm_post_add(struct alarm_post *post, size_t size, uint64_t ticket);

/* Sends what may leave, as long as `send` returns ST_OK.  ST_AGAIN and ST_CLOSED keep the answer
 * for the next time; any other status gives it up. */
void alarm_post_pump(struct alarm_post *post, uint64_t durable_ticket,
                     enum status (*send)(void *context, const struct mqtt_reply *reply,
                                         const char *json, size_t size),
                     void *context);

#endif
