/* fake_link: a link to nowhere that remembers what was published, driven by the test. */
#ifndef ISOTHERM_TESTS_FAKE_LINK_H
#define ISOTHERM_TESTS_FAKE_LINK_H

#include "uplink/link.h"

#include <stdint.h>

enum { FAKE_LINK_MESSAGES = 65536 };

struct fake_link_message {
    char topic[96];
    uint64_t seq; /* from the payload; 0: none, a status message */
    int message_id;
    bool is_retained, is_replay;
    bool is_open; /* published on the present connection and not answered */
};

/* The one fake link of a test program; its counters are to be read by the test. */
struct fake_link {
    struct link_events events;
    bool is_opened, is_connected;
    enum status publish_status;  /* of the next calls */
    size_t published_while_down; /* must stay 0 */
    size_t count;
    struct fake_link_message messages[FAKE_LINK_MESSAGES];
    char death_payload[512];
    char last_payload[2048];
    int next_message_id;
    size_t places; /* that the other side names; 0: any number */
};

extern const struct link_kind fake_link_kind;

struct fake_link *fake_link_get(void);
void fake_link_reset(void);

void fake_link_connect(void);
void fake_link_lose(const char *reason);

/* Answers the oldest message that is open (status messages included).  False: none is. */
bool fake_link_answer(int reason);
size_t fake_link_count_open(void);

#endif
