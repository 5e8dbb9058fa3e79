/* room: how a writer finds room for a batch, and keeps its transactions small.  Private to writer.
 */
#ifndef ISOTHERM_STORE_ROOM_H
#define ISOTHERM_STORE_ROOM_H

#include "base/status.h"
#include "store/batch.h"
#include "store/writer.h"

/* Makes some room after ST_FULL; *has_windows becomes false when only leaving out the batch's own
 * windows is left.  `round` counts the tries for this batch.  ST_FULL: there is nothing more to be
 * had now. */
enum status room_make(struct writer *writer, unsigned round, bool *has_windows) ISOTHERM_CHECK;

/* Writes the WAL back when it has its full length. */
enum status room_write_back(struct writer *writer) ISOTHERM_CHECK;

/* Deletes what was delivered ahead of the batch's own transaction, as far as it is too much for
 * that. */
enum status room_deliver_ahead(struct writer *writer, struct batch *batch) ISOTHERM_CHECK;

void room_give_up_reserve(struct writer *writer);

#endif
