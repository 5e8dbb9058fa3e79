/* intake: the drivers' one door.
 *
 * A driver offers readings, reports refusals and the state of its source, and gets the loop, the
 * clocks and the log through here; it knows nothing of what lies behind.  Each instance of a
 * driver has an intake of its own, which adds the instance's name to logs and counts.
 * Loop thread only. */
#ifndef ISOTHERM_INTAKE_H
#define ISOTHERM_INTAKE_H

#include "base/log.h"
#include "base/loop.h"
#include "base/status.h"
#include "base/verdict.h"
#include "stream/reading.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake;

/* Offers a reading; it is copied.  VERDICT_OK: taken, and *ticket (may be NULL) is its place in
 * commit order.  VERDICT_BUSY: not taken and not counted as refused; offer it again after
 * `resume`, or tell the source to come back.  Any other verdict: refused and counted here, the
 * driver has nothing more to report. */
enum verdict intake_offer_reading(struct intake *intake, const struct reading *reading,
                                  uint64_t *ticket) ISOTHERM_CHECK;

/* Counts and (once per reason and minute) logs an input that the driver itself refused.  `detail`
 * is a short printf-style text that helps to find the sender: topic, line, what was wrong. */
void intake_report_refusal(struct intake *intake, enum verdict verdict, const char *detail, ...)
    ISOTHERM_PRINTF(3, 4);

/* The same for an input of which device and, where it has one, time could be read: when the verdict
 * says that its sensor has failed (verdict_is_of_sensor), the device is told too.  The value counts
 * with VERDICT_IMPOSSIBLE alone; a device "" is none. */
void intake_report_bad_value(struct intake *intake, const struct reading *reading,
                             enum verdict verdict, const char *detail, ...) ISOTHERM_PRINTF(4, 5);

/* For a source that sends again what was not acknowledged: each input has a key (see repeat.h),
 * which is kept over restarts with the readings of the same call into the driver.
 *
 * intake_expect_repeats: a session goes on, so that what was remembered may come again, each once.
 * After a restart that is so from the beginning.
 * intake_is_repeat: whether this is such an input; then the driver reports VERDICT_DUPLICATE and
 * acknowledges it like the first, which may not be durable yet.
 * intake_remember: this input was dealt with, taken or refused.
 * intake_forget_repeats: nothing comes again; returns the ticket of the commit that makes this
 * durable, before which the source should not begin anew; 0: there was nothing to forget. */
void intake_expect_repeats(struct intake *intake);
bool intake_is_repeat(struct intake *intake, uint64_t key, int64_t max_age_ms);
void intake_remember(struct intake *intake, uint64_t key);
uint64_t intake_forget_repeats(struct intake *intake);

/* Says that the source is there (or lost) and why; logged on change, shown in status. */
void intake_report_connected(struct intake *intake, bool is_connected, const char *detail);

/* Says that a source with an end (a recording) has ended. */
void intake_report_end(struct intake *intake);

/* Asks for a commit soon, because the source waits for its acknowledgement: at once, or, where
 * that spares the flash, within the time for which the source waits without harm. */
void intake_request_commit(struct intake *intake);
void intake_request_commit_within(struct intake *intake, int64_t patience_ms);

/* The largest ticket that is committed. */
uint64_t intake_durable_ticket(const struct intake *intake);

struct loop *intake_loop(const struct intake *intake);
struct log *intake_log(const struct intake *intake);  /* for log_write with intake_name */
const char *intake_name(const struct intake *intake); /* e.g. "mqtt[0]" */
const char *intake_gateway(const struct intake *intake);
size_t intake_payload_limit(const struct intake *intake); /* bytes; larger input: VERDICT_LENGTH */
int64_t intake_now_mono_ms(const struct intake *intake);
int64_t intake_now_wall_ms(const struct intake *intake);

#endif
