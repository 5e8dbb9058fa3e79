/* world: one gateway upon a disk in memory, with sources and a centre that remember everything.
 *
 * The real stream and the real writer of the store, driven as flow.c drives them, but without a
 * thread: one step after another from one seed.  Beside them the model: what was taken, emitted,
 * journalled and reported as committed.  verify.c compares the two after every restart. */
#ifndef ISOTHERM_TESTS_POWER_WORLD_H
#define ISOTHERM_TESTS_POWER_WORLD_H

#include "store/record_codec.h"
#include "store/writer.h"
#include "stream/stream.h"
#include "support/fault_vfs.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    WORLD_DEVICES = 4,
    WORLD_RECORDS = 16384, /* of a life */
    WORLD_ENTRIES = 8192,  /* since the last restart */
    WORLD_HASHES = 1 << 16,
    WORLD_BATCH_BYTES = 24 * 1024,
    WORLD_STORE_NAME_AT = sizeof FAULT_DIRECTORY
};

struct model_record {
    uint8_t bytes[RECORD_CODEC_MAX];
    uint16_t size;
    enum lane lane;
    bool was_delivered;       /* the centre has it */
    uint64_t acknowledged_in; /* number of the batch; 0: not yet */
    bool may_be_gone;         /* acknowledged in a batch that did not come to be */
    /* of the first kind of window; count 0: of another */
    uint32_t device, revision, count, missed;
    int64_t start_ms;
};

struct model_entry {
    size_t size;
    uint8_t bytes[STREAM_JOURNAL_BYTES];
};

struct entry_list {
    struct model_entry *entries;
    size_t count;
};

/* What is true as of a batch. */
struct model_point {
    uint64_t batch, taken, next_seq;
    size_t entry_count;
};

struct world {
    struct fault_disk disk;
    sqlite3_vfs vfs;
    uint64_t random;
    struct store_options store_options;
    struct stream_options stream_options;
    struct stream *stream;
    struct writer writer;
    struct store_found found;
    struct log log, *log_to; /* NULL unless ISOTHERM_POWER_LOG is set */
    struct batch batch;
    bool is_open, is_sweeping, is_dumping;
    int64_t wall_ms, mono_ms;
    uint64_t taken, next_seq;
    struct model_point reported, pending;
    struct model_record *records; /* [seq - 1] */
    struct entry_list journal, dump, other_dump;
    uint64_t *hashes; /* of every record and entry ever made; for disks that lie */
    char epoch[17];
    double longest_open_s;
    uint64_t slow_opens; /* took a second; one may be the machine's, that stood still meanwhile */
    uint64_t commits;
    uint64_t told[OWED_KINDS];
    /* What the centre was told of damage, in the epoch of the store that is open. */
    uint64_t lost_told;
    bool was_aside_told;
    char told_epoch[17];
    /* as found by the last restore */
    uint64_t restored_taken, restored_entries, foreign_entries;
};

void world_init(struct world *world, uint64_t seed);
void world_fini(struct world *world);
uint64_t world_draw(struct world *world, uint64_t limit);

/* Opens the store and rebuilds the stream.  Not ST_OK: closed again. */
enum status world_open(struct world *world);

/* Lets go of everything, as the end of the process does; nothing is committed. */
void world_close(struct world *world);

/* Nothing is left but what the store holds: a new stream and a new model. */
void world_forget(struct world *world);

/* One random thing that happens to a gateway; false: the store failed. */
bool world_step(struct world *world);
bool world_take_readings(struct world *world, uint64_t count);
bool world_commit(struct world *world);
bool world_deliver(struct world *world, bool takes_all);

/* Everything is published, committed and delivered; false: the store failed. */
bool world_finish(struct world *world);

/* The whole state of a stream, sorted by device. */
void world_dump(struct world *world, struct stream *stream, struct entry_list *dump);
struct stream *world_new_stream(struct world *world);
uint64_t world_hash(uint64_t seq, const void *bytes, size_t size);
bool world_knows_hash(const struct world *world, uint64_t hash);

/* After a restart on an honest disk: what was reported is there, whole; what was not is there
 * whole or not at all.  Adopts what was found. */
void verify_restart(struct world *world);

/* After world_finish: the centre has every reading that was taken exactly once. */
void verify_delivered(struct world *world);

/* On a disk that lies or is damaged: whatever is handed out was once made just so. */
void verify_genuine(struct world *world);

#endif
