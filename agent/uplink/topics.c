/* Invariant: whatever gateway and device are called, each takes exactly one level of a topic. */
#include "uplink/topics.h"

#include "base/device_id.h"
#include "base/text.h"

#include <string.h>

static bool add_level(const struct topics *topics, const char *level,
                      char topic[LIMIT_TOPIC_SIZE + 16])
{
    struct text text;
    text_init(&text, topic, LIMIT_TOPIC_SIZE + 16);
    text_add(&text, topics->prefix);
    text_add(&text, level);
    return !text.is_cut;
}

bool topics_init(struct topics *topics, const char *prefix, const char *gateway)
{
    static const char mark[] = "{gateway}";
    char level[3 * LIMIT_GATEWAY_SIZE];
    if (!device_id_to_topic_level(gateway, level, sizeof level)) return false;
    struct text text;
    text_init(&text, topics->prefix, sizeof topics->prefix);
    for (const char *found; (found = strstr(prefix, mark)) != NULL;
         prefix = found + sizeof mark - 1) {
        text_add_bytes(&text, prefix, (size_t)(found - prefix));
        text_add(&text, level);
    }
    text_add(&text, prefix);
    if (text.is_cut || text.size == 0) return false;
    return add_level(topics, "/status", topics->status) &&
           add_level(topics, "/ledger", topics->ledger);
}

bool topics_write(const struct topics *topics, const struct record *record, char *topic)
{
    const char *kind = record->kind == RECORD_ALARM ? "/alarm/" : "/summary/";
    size_t prefix_size = strlen(topics->prefix), kind_size = strlen(kind);
    memcpy(topic, topics->prefix, prefix_size);
    memcpy(topic + prefix_size, kind, kind_size);
    size_t used = prefix_size + kind_size;
    return device_id_to_topic_level(record->device, topic + used, TOPICS_SIZE - used);
}
