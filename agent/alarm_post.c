/* Invariant: answers leave in the order in which they were added, none before its ticket is
 * durable. */
#include "alarm_post.h"

struct alarm_post_answer *alarm_post_reserve(struct alarm_post *post)
{
    if (post->count == ALARM_POST_PLACES) return NULL;
    return &post->answers[(post->first + post->count) % ALARM_POST_PLACES];
}

void alarm_post_add(struct alarm_post *post, size_t size, uint64_t ticket)
{
    struct alarm_post_answer *answer = alarm_post_reserve(post);
    answer->size = size;
    answer->ticket = ticket;
    post->count++;
}

void alarm_post_pump(struct alarm_post *post, uint64_t durable_ticket,
                     enum status (*send)(void *context, const struct mqtt_reply *reply,
                                         const char *json, size_t size),
                     void *context)
{
    while (post->count > 0) {
        const struct alarm_post_answer *answer = &post->answers[post->first];
        if (answer->ticket > durable_ticket) return;
        enum status status = send(context, &answer->reply, answer->json, answer->size);
        if (status == ST_AGAIN || status == ST_CLOSED) return;
        if (status != ST_OK) post->lost++;
        post->first = (post->first + 1) % ALARM_POST_PLACES;
        post->count--;
    }
}
