/* owed: notices that have no number yet.
 *
 * What went before it was ever handed out leaves its numbers to the notice of it (notice.h).  Where
 * the centre may have what went, or nothing but damage is known, the notice needs a number of its
 * own, and only the loop gives those.  So it is owed: kept with the state, durably, until it has
 * been committed as a record among others.  Pure; a part of the state (meta.h). */
#ifndef ISOTHERM_STORE_OWED_H
#define ISOTHERM_STORE_OWED_H

#include "base/status.h"
#include "store/seq_ranges.h"
#include "stream/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;

enum owed_kind { OWED_DROPPED, OWED_DAMAGED, OWED_KINDS };

struct owed {
    struct notice notices[OWED_KINDS];
    uint64_t versions[OWED_KINDS]; /* changes with the notice; 0: nothing is owed */
    uint64_t newest;               /* of the versions ever given */
};

/* The notice, to be added to. */
struct notice *owed_change(struct owed *owed, enum owed_kind kind);

/* Numbers of which those that never came will not come; where there is no place for a range, what
 * lies between two of them is named as well. */
void owed_add_range(struct notice *notice, uint64_t first, uint64_t last);

/* Event time, from inclusive, to exclusive; an empty span is not known and changes nothing. */
void owed_add_span(struct notice *notice, int64_t from_ms, int64_t to_ms);

/* Also what another notice says. */
void owed_add_notice(struct notice *notice, const struct notice *more);

/* Adds to the batch, under numbers from *next_seq on, what is owed and was not told in the version
 * noted in told[]; when there is no place, later. */
void owed_tell(const struct owed *owed, uint64_t told[OWED_KINDS], struct batch *batch,
               int64_t now_wall_ms, enum clock_quality clock, uint64_t *next_seq);

/* A batch is in the database that told these versions. */
void owed_settle(struct owed *owed, const uint64_t told[OWED_KINDS]);

/* After it was read from the database: what is as it was `before` keeps its version, what is not
 * gets one that was never given. */
void owed_follow(struct owed *owed, const struct owed *before);

/* As bytes in the database (at most RECORD_CODEC_MAX), and back.  ST_CORRUPT. */
size_t owed_encode(const struct owed *owed, enum owed_kind kind, uint8_t *bytes);
enum status owed_decode(struct owed *owed, enum owed_kind kind, const uint8_t *bytes,
                        size_t size) ISOTHERM_CHECK;

#endif
