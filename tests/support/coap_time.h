/* coap_time: the clock of libcoap, which stands still unless the test moves it.
 *
 * libcoap reckons in wall time through coap_ticks(), which is replaced here; so it repeats nothing
 * because the test was slow.  For one file of a program, the one with its main. */
#ifndef ISOTHERM_TESTS_COAP_TIME_H
#define ISOTHERM_TESTS_COAP_TIME_H

#include <coap3/coap.h>
#include <stdint.h>

enum { COAP_TIME_HOUR_S = 3600, COAP_TIME_BEGIN_S = 1000 * COAP_TIME_HOUR_S };

static int64_t coap_time_s = COAP_TIME_BEGIN_S;

void coap_ticks(coap_tick_t *ticks)
{
    *ticks = (coap_tick_t)(coap_time_s * (int64_t)COAP_TICKS_PER_SECOND);
}

#endif
