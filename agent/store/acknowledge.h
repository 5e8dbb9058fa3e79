/* acknowledge: deletes what was delivered, in transactions of bounded size.
 *
 * A fast drain acknowledges more records between two commits than one transaction may touch pages
 * for, since every page touched goes through the WAL, which is part of the budget.  Deleting ahead
 * of the commit is safe at any point: what was not deleted is sent again. */
#ifndef ISOTHERM_STORE_ACKNOWLEDGE_H
#define ISOTHERM_STORE_ACKNOWLEDGE_H

#include "store/batch.h"
#include "store/meta.h"
#include "store/outbox.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether the batch's deliveries may touch more than so many pages. */
bool acknowledge_is_much(const struct batch *batch, int64_t pages);

/* Inside the caller's transaction: deletes some of what was delivered, touching about so many
 * pages, and takes it out of the batch's ranges. */
enum status acknowledge_some(struct outbox *outbox, struct batch *batch, int64_t pages,
                             struct meta_state *state) ISOTHERM_CHECK;

#endif
