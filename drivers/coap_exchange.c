/* Invariant: a request that waits is found by its fingerprint for as long as it waits, even when
 * the recent ones have pushed it out of their table; so it is never taken a second time. */
#include "coap_exchange.h"

#include <assert.h>
#include <stdlib.h>

enum { WAYS = 8 }; /* recent fingerprints that share a place; the oldest of them gives way */

struct recent {
    uint64_t fingerprint;
    int64_t until_mono_ms;
    unsigned code; /* 0: free */
};

struct coap_exchange {
    struct coap_waiting *waiting; /* a ring */
    size_t waiting_capacity, first, count;
    struct recent *recent; /* places of WAYS each */
    size_t place_mask;
};

static size_t places_for(size_t recent)
{
    size_t places = 1;
    while (places * WAYS < recent) places *= 2;
    return places;
}

size_t coap_exchange_size_bytes(size_t waiting, size_t recent)
{
    return sizeof(struct coap_exchange) + waiting * sizeof(struct coap_waiting) +
           places_for(recent) * WAYS * sizeof(struct recent);
}

enum status coap_exchange_open(struct coap_exchange **exchange, size_t waiting, size_t recent)
{
    size_t places = places_for(recent);
    struct coap_exchange *made = calloc(1, sizeof *made);
    *exchange = NULL;
    if (made == NULL) return ST_NO_MEMORY;
    made->waiting = calloc(waiting, sizeof *made->waiting);
    made->recent = calloc(places * WAYS, sizeof *made->recent);
    if (made->waiting == NULL || made->recent == NULL) {
        coap_exchange_close(made);
        return ST_NO_MEMORY;
    }
    made->waiting_capacity = waiting;
    made->place_mask = places - 1;
    *exchange = made;
    return ST_OK;
}

void coap_exchange_close(struct coap_exchange *exchange)
{
    if (exchange == NULL) return;
    free(exchange->waiting);
    free(exchange->recent);
    free(exchange);
}

static struct recent *place_of(const struct coap_exchange *exchange, uint64_t fingerprint)
{
    return &exchange->recent[((size_t)fingerprint & exchange->place_mask) * WAYS];
}

unsigned coap_exchange_recall(const struct coap_exchange *exchange, uint64_t fingerprint,
                              int64_t now_mono_ms)
{
    const struct recent *place = place_of(exchange, fingerprint);
    for (size_t i = 0; i < WAYS; i++) {
        if (place[i].code != 0 && place[i].fingerprint == fingerprint &&
            now_mono_ms < place[i].until_mono_ms)
            return place[i].code;
    }
    return 0;
}

void coap_exchange_remember(struct coap_exchange *exchange, uint64_t fingerprint, unsigned code,
                            int64_t now_mono_ms)
{
    struct recent *place = place_of(exchange, fingerprint);
    struct recent *oldest = place;
    for (size_t i = 0; i < WAYS; i++) {
        if (place[i].code == 0 || place[i].fingerprint == fingerprint) {
            oldest = &place[i];
            break;
        }
        if (place[i].until_mono_ms < oldest->until_mono_ms) oldest = &place[i];
    }
    *oldest = (struct recent){fingerprint, now_mono_ms + COAP_EXCHANGE_LIFETIME_MS, code};
}

static struct coap_waiting *waiting_at(struct coap_exchange *exchange, size_t place)
{
    return &exchange->waiting[(exchange->first + place) % exchange->waiting_capacity];
}

bool coap_exchange_is_full(const struct coap_exchange *exchange)
{
    return exchange->count == exchange->waiting_capacity;
}

void coap_exchange_wait(struct coap_exchange *exchange, const struct coap_waiting *waiting)
{
    assert(!coap_exchange_is_full(exchange));
    *waiting_at(exchange, exchange->count) = *waiting;
    exchange->count++;
}

struct coap_waiting *coap_exchange_find(struct coap_exchange *exchange, uint64_t fingerprint)
{
    for (size_t i = 0; i < exchange->count; i++) {
        struct coap_waiting *waiting = waiting_at(exchange, i);
        if (waiting->fingerprint == fingerprint) return waiting;
    }
    return NULL;
}

struct coap_waiting *coap_exchange_oldest(struct coap_exchange *exchange)
{
    return exchange->count == 0 ? NULL : waiting_at(exchange, 0);
}

struct coap_waiting *coap_exchange_oldest_unacknowledged(struct coap_exchange *exchange)
{
    for (size_t i = 0; i < exchange->count; i++) {
        struct coap_waiting *waiting = waiting_at(exchange, i);
        if (waiting->is_confirmable && !waiting->is_acknowledged) return waiting;
    }
    return NULL;
}

void coap_exchange_drop_oldest(struct coap_exchange *exchange)
{
    assert(exchange->count > 0);
    exchange->first = (exchange->first + 1) % exchange->waiting_capacity;
    exchange->count--;
}
