/* topics: where records and the gateway's status are published.  No allocation.  Pure. */
#ifndef ISOTHERM_UPLINK_TOPICS_H
#define ISOTHERM_UPLINK_TOPICS_H

#include "base/limits.h"
#include "stream/record.h"

#include <stdbool.h>

/* A device id of n bytes becomes a topic level of at most 3 n. */
enum { TOPICS_SIZE = LIMIT_TOPIC_SIZE + 3 * LIMIT_DEVICE_ID_SIZE + 16 };

/* Embedded by its owner. */
struct topics {
    char prefix[LIMIT_TOPIC_SIZE]; /* private */
    char status[LIMIT_TOPIC_SIZE + 16];
    char ledger[LIMIT_TOPIC_SIZE + 16];
};

/* `prefix` with every {gateway} replaced begins all topics.  False: it does not fit. */
bool topics_init(struct topics *topics, const char *prefix, const char *gateway);

/* Writes the record's topic, at most TOPICS_SIZE bytes.  False: it does not fit. */
bool topics_write(const struct topics *topics, const struct record *record, char *topic);

#endif
