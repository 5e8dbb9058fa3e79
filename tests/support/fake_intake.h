/* fake_intake: an intake that remembers everything, for tests of drivers.
 *
 * It stands in for agent/intake.c: link tests/support (isotherm_test_support) before any library
 * that has the real one.  It runs a real loop, writes the log into memory, and lets the test
 * choose the answer to offers and the moment of a commit.  The fields may be read and, where it
 * says so, written by the test. */
#ifndef ISOTHERM_TESTS_FAKE_INTAKE_H
#define ISOTHERM_TESTS_FAKE_INTAKE_H

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/verdict.h"
#include "driver.h"
#include "intake.h"
#include "repeat.h"
#include "stream/reading.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_OFFERS = 8192, FAKE_REFUSALS = 512 };

struct fake_offer {
    struct reading reading;
    uint64_t ticket;      /* 0 unless taken */
    enum verdict verdict; /* what was answered; offers answered with BUSY are only counted */
};

struct fake_refusal {
    enum verdict verdict;
    struct reading reading; /* of a bad value: device and time; else the device is "" */
    char detail[192];
};

struct intake {
    struct loop *loop;
    bool owns_loop;
    struct clock clock; /* test may set, for the driver; the system's at first */
    struct log log;
    int log_fd;
    char name[48];
    char gateway[LIMIT_GATEWAY_SIZE];

    size_t payload_limit; /* test may set; LIMIT_PAYLOAD_DEFAULT at first */
    enum verdict answer;  /* test may set: given to every offer; VERDICT_OK at first */
    int busy_left;        /* test may set: this many offers get VERDICT_BUSY first */

    uint64_t last_ticket;
    uint64_t durable_ticket; /* test may set, or call fake_intake_commit */
    struct fake_offer offers[FAKE_OFFERS];
    size_t offer_count; /* without those answered with BUSY */
    size_t taken_count;
    size_t busy_count;

    struct fake_refusal refusals[FAKE_REFUSALS]; /* reported by the driver itself */
    size_t refusal_count;
    struct verdict_counts counts; /* of every reason: reported, and answered to offers */

    struct repeat repeat; /* a restart is played by intake_expect_repeats */

    bool is_connected;
    size_t connected_count, lost_count; /* changes of state; a failed try counts as lost */
    char connected_detail[192];         /* of the last report */
    size_t end_count;
    size_t commit_requests;
};

/* A fresh intake.  `loop` is shared when given, else its own is made.  Fails the test when that
 * cannot be done.  Release with fake_intake_close, after the driver was closed. */
struct intake *fake_intake_open(const char *name, struct loop *loop);
void fake_intake_close(struct intake *intake); /* NULL does nothing */

typedef bool fake_predicate(void *context);

/* Runs the loop until is_done(context), which is asked after each round, or the time is over;
 * says which.  Wakes at least each few milliseconds. */
bool fake_intake_run_until(struct intake *intake, fake_predicate *is_done, void *context,
                           int64_t timeout_ms);

/* The usual waits, with a deadline of ten seconds. */
bool fake_intake_run_until_taken(struct intake *intake, size_t count);
bool fake_intake_run_until_refused(struct intake *intake, enum verdict verdict, uint64_t count);
bool fake_intake_run_until_connected(struct intake *intake);
bool fake_intake_run_until_lost(struct intake *intake, size_t lost_count);
bool fake_intake_run_until_logged(struct intake *intake, const char *words);

/* Runs `rounds` rounds of the loop without waiting, for what is due now. */
void fake_intake_run_rounds(struct intake *intake, int rounds);

/* What the core does around a commit: pause, everything offered so far becomes durable, durable,
 * resume.  Hooks that the driver has not are left out. */
void fake_intake_commit(struct intake *intake, const struct driver *driver, void *state);

/* Whether a line of the log so far contains the words. */
bool fake_intake_has_logged(const struct intake *intake, const char *words);

/* Whether a reading of that device (NULL: any) and value was taken; how often. */
size_t fake_intake_count(const struct intake *intake, const char *device, int64_t value_micro);

/* Forgets offers, refusals and counts; tickets and the state of the source stay. */
void fake_intake_forget(struct intake *intake);

#endif
