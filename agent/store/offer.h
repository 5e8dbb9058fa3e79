/* offer: which windows the centre may have.
 *
 * A window that was handed out may have been delivered, even when no acknowledgement ever came, so
 * it must not be merged.  That is noted, durably, before it is handed out: ahead of time for many
 * at once, and with the commit itself while everything is handed out as it comes. */
#ifndef ISOTHERM_STORE_OFFER_H
#define ISOTHERM_STORE_OFFER_H

#include "store/batch.h"
#include "store/meta.h"
#include "store/outbox.h"

#include <stdbool.h>
#include <stddef.h>

/* Notes that all of a batch will be handed out; with the state before its records are counted. */
void offer_batch(struct meta_state *state, const struct batch *batch);

/* Whether all of these windows, ascending, are noted. */
bool offer_is_noted(const struct meta_state *state, const struct record *records, size_t count);

/* Notes these windows and some that come after them; to be saved by the caller. */
enum status offer_note(struct outbox *outbox, struct meta_state *state,
                       const struct record *records, size_t count) ISOTHERM_CHECK;

/* Notes the alarms up to `last`, and some that come after them; likewise. */
enum status offer_note_alarms(struct outbox *outbox, struct meta_state *state,
                              uint64_t last) ISOTHERM_CHECK;

#endif
