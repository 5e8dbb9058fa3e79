/* oracle: what the sources were promised against what the consumer has.  It sees the gateway from
 * the outside only: readings, commits and messages. */
#ifndef ISOTHERM_TESTS_ORACLE_H
#define ISOTHERM_TESTS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message;
struct world;

struct tally {
    uint64_t count;
    int64_t sum_micro, min_micro, max_micro;
};

struct cell {
    bool is_used, is_hopping, is_provisional;
    bool is_merged; /* what was promised is in a merged record */
    uint32_t device, part;
    uint32_t boot; /* whose uptime start_ms is; 0: it is true */
    int64_t start_ms;
    struct tally expected;    /* tumbling only, in part 0: what was promised */
    struct tally got;         /* of the highest revision */
    struct tally other_parts; /* in part 0 */
    uint32_t revision;
    uint64_t seq; /* of that revision */
};

/* A record that holds several windows. */
struct merged {
    uint32_t device, boot;
    bool is_hopping;
    int64_t start_ms, end_ms;
    struct tally got;
};

struct transition {
    uint64_t seq;
    uint32_t device, occurrence;
    bool is_raise;
};

struct oracle {
    struct world *world;
    struct cell *cells;
    size_t cell_count;
    uint32_t *hash_by_seq; /* of the payload; 0: not come */
    uint64_t highest_seq, distinct, repeated;
    struct merged *merged;
    size_t merged_count;
    uint64_t notices, named; /* numbers that notices name */
    struct transition *transitions;
    size_t transition_count;
    uint64_t *missed[2]; /* as the records say, per device: of tumbling and hopping windows */
    uint64_t promised, unset_clock, alarms, parts;
    uint64_t placed, unplaced; /* windows of uptime: with true times, and without */
    int64_t earliest_ms;       /* start of a window */
    char epoch[32];
    uint64_t digest; /* of everything that came, in its order */
};

void oracle_open(struct oracle *oracle, struct world *world);
void oracle_close(struct oracle *oracle);

/* A reading of that device was committed: from now on it must be counted. */
void oracle_promise(struct oracle *oracle, const struct message *reading);

/* The consumer got a message. */
void oracle_receive(struct oracle *oracle, const char *payload, size_t size);

/* Compares; everything must have arrived.  `dropped`: records that the store gave up. */
void oracle_verify(struct oracle *oracle, uint64_t dropped);

#endif
