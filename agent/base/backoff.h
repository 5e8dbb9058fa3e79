/* backoff: how long to wait before the next try.
 *
 * Capped exponential with full jitter, a pure function of the attempt and a random number, so
 * that a fleet does not return at once after an outage.  Pure. */
#ifndef ISOTHERM_BASE_BACKOFF_H
#define ISOTHERM_BASE_BACKOFF_H

#include <stdint.h>

/* Wait in milliseconds before attempt number `attempt` (0 is the first retry): between min_ms
 * and min(max_ms, min_ms * 2^(attempt+1)), chosen by `random`.  min_ms > 0, max_ms >= min_ms. */
int64_t backoff_wait_ms(uint32_t attempt, int64_t min_ms, int64_t max_ms, uint64_t random);

/* Next number of a small generator (splitmix64); `state` is the caller's, any seed will do. */
uint64_t backoff_random(uint64_t *state);

#endif
