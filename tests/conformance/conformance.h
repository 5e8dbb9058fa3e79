/* conformance: what every driver must do, written once.
 *
 * A driver joins in a short file: it fills a struct conformance_case with its good and bad options
 * and with the hooks of a counterpart (a broker, a pty, a CoAP client), and main returns
 * conformance_run(&the_case).  The suite plays the core: it allocates the state, calls the hooks
 * in the order driver.h promises, and holds what reaches the intake against it.
 *
 * Two instances run at once in one check, so the hooks get the number of the instance, 0 or 1.
 * Hooks fail the test by cmocka's assertions; they may run the loop (conformance_loop) but must
 * not wait for the driver to do anything without running it. */
#ifndef ISOTHERM_TESTS_CONFORMANCE_H
#define ISOTHERM_TESTS_CONFORMANCE_H

#include "base/loop.h"
#include "base/verdict.h"
#include "driver.h"

#include <stddef.h>
#include <stdint.h>

struct conformance_case {
    const struct driver *driver;
    const char *device;           /* the id that the counterpart's readings arrive with */
    enum verdict garbage_verdict; /* how send_garbage is to be counted */
    void *counterpart;            /* given to every hook */

    /* Begins the counterpart on `loop` (for its own watches; gone after stop), both instances. */
    void (*start)(void *counterpart, struct loop *loop);
    void (*stop)(void *counterpart); /* also when it vanished before */

    /* Fills all options (zeroed) such that the driver finds the counterpart.  Called after start;
     * must work while the counterpart has vanished. */
    void (*set_options)(void *counterpart, int instance, void *options);
    /* Changes good options into some with which open answers ST_INVALID.  NULL: there are none. */
    void (*break_options)(void *counterpart, void *options);

    /* Begins to send one reading to the instance.  A source that can wait offers it again by
     * itself for as long as it is not acknowledged. */
    void (*send_reading)(void *counterpart, int instance, int64_t value_micro);
    void (*send_garbage)(void *counterpart, int instance);

    /* The source goes away (cable out, broker killed) and is there again.  NULL when the driver
     * itself is the server and nothing can vanish. */
    void (*vanish)(void *counterpart);
    void (*come_back)(void *counterpart);

    /* How many readings of the instance the source knows to be acknowledged since start.
     * Required when the driver can wait. */
    size_t (*count_acknowledged)(void *counterpart, int instance);
};

/* Runs every check; returns what main should return. */
int conformance_run(const struct conformance_case *the_case);

#endif
