/* Invariant: nothing goes that is not counted, as acknowledged, merged or dropped, in the
 * transaction in which it goes. */
#include "store/room.h"

#include "store/acknowledge.h"
#include "store/database.h"
#include "store/reserve.h"
#include "store/store_file.h"

#include <inttypes.h>

enum {
    DROP_FIRST = 64,     /* records dropped at the first lack of room, or ... */
    DROP_PART = 64,      /* ... this part of them, if that is more; then twice as many ... */
    DROP_MOST = 4096,    /* ... up to this in one transaction */
    DEGRADE_ROUNDS = 16, /* of these, that look for something to merge first */
    DEGRADE_STEPS = 32,  /* in each */
};

void room_give_up_reserve(struct writer *writer)
{
    if (!writer->has_reserve) return;
    writer->has_reserve = false;
    (void)reserve_give_up(writer->path, writer->log);
}

static void tell_dropped(struct writer *writer, enum lane lane, uint64_t dropped)
{
    if (dropped == 0) return;
    log_growing(writer->log, lane == LANE_ALARM ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "store",
                "dropped", "no room: dropped the %" PRIu64 " oldest %s (%" PRIu64 " in all)",
                dropped, lane == LANE_ALARM ? "alarms" : "window results", writer->state.dropped);
}

/* Drops the oldest windows in a transaction of its own, or notices that become one. */
static enum status drop_windows(struct writer *writer, uint64_t count, bool *has_gained)
{
    uint64_t dropped = 0, waiting = writer->state.waiting[LANE_WINDOW];
    if (waiting == 0) return ST_OK;
    enum status status = degrade_drop(&writer->degrade, count, &writer->state, &dropped);
    *has_gained = writer->state.waiting[LANE_WINDOW] < waiting;
    if (status == ST_OK && !*has_gained)
        status =
            degrade_drop_offered(&writer->degrade, LANE_WINDOW, count, &writer->state, &dropped);
    *has_gained = *has_gained || dropped > 0;
    if (status == ST_OK) tell_dropped(writer, LANE_WINDOW, dropped);
    return status;
}

static enum status drop_alarms(struct writer *writer, uint64_t count)
{
    uint64_t dropped = 0;
    enum status status =
        degrade_drop_offered(&writer->degrade, LANE_ALARM, count, &writer->state, &dropped);
    if (status == ST_OK) tell_dropped(writer, LANE_ALARM, dropped);
    return status;
}

/* Beyond its share the WAL may have what the database does not use yet; the next transaction may
 * make that larger. */
static int64_t find_spare_pages(struct writer *writer)
{
    int64_t spare = writer->shares.max_pages - degrade_count_pages(&writer->degrade) -
                    writer->shares.batch_pages;
    return spare > 0 ? spare : 0;
}

enum status room_write_back(struct writer *writer)
{
    int64_t usual = writer->shares.checkpoint_pages;
    if (writer->wal_pages < usual && !writer->is_wal_long) return ST_OK;
    int64_t spare = find_spare_pages(writer), wanted = usual * writer->wal_percent / 100;
    if (wanted > usual + spare) wanted = usual + spare;
    writer->is_wal_long = writer->is_wal_long || wanted > usual;
    /* Cut only when it has outgrown its share: allocating it anew costs writes. */
    char wal[STORE_FILE_PATH_SIZE];
    store_file_join(wal, writer->path, "-wal");
    bool is_cut = store_file_bytes(wal) > writer->shares.wal_bytes + spare * DATABASE_FRAME_BYTES;
    if (writer->wal_pages < wanted && !is_cut) return ST_OK;
    enum status status = database_checkpoint(writer->connection, writer->log, is_cut);
    if (status != ST_OK) return status;
    writer->wal_pages = 0;
    writer->is_wal_long = writer->is_wal_long && !is_cut;
    return ST_OK;
}

/* Steps until there is some room, or nothing more to be had. */
static enum status degrade(struct writer *writer, bool *has_gained)
{
    enum status status = ST_OK;
    bool has_more = true;
    for (int i = 0; status == ST_OK && has_more && i < DEGRADE_STEPS; i++) {
        status = degrade_step(&writer->degrade, true, &writer->state, &has_more);
        if (status == ST_OK) *has_gained = *has_gained || has_more;
        if (status == ST_OK) status = room_write_back(writer);
        if (!degrade_is_due(&writer->degrade)) break;
    }
    return status;
}

/* Makes room after ST_FULL, in this order: the WAL, the reserve, steps down in resolution, the
 * oldest windows, the windows of the batch itself.  Alarms go only where alarms alone fill the
 * budget: then the oldest makes way for the newest, since the alternative is to stand still for
 * good. */
enum status room_make(struct writer *writer, unsigned round, bool *has_windows)
{
    uint64_t count = DROP_FIRST;
    if (count < writer->state.waiting[LANE_WINDOW] / DROP_PART)
        count = writer->state.waiting[LANE_WINDOW] / DROP_PART;
    for (unsigned i = 0; i < round && count < DROP_MOST; i++) count *= 2;
    enum status status = database_checkpoint(writer->connection, writer->log, true);
    if (status == ST_CORRUPT || status == ST_IO) return status;
    if (status == ST_FULL) room_give_up_reserve(writer);
    bool has_gained = false;
    if (round < DEGRADE_ROUNDS) status = degrade(writer, &has_gained);
    /* Windows do not go for what is between transitions, where these are what fills the store. */
    if (!has_gained && writer->state.waiting[LANE_ALARM] > writer->state.waiting[LANE_WINDOW])
        status = degrade_merge_alarms(&writer->degrade, true, &writer->state, &has_gained);
    if (has_gained || (status != ST_OK && status != ST_FULL)) return status;
    /* Not tried again before something was dropped: a batch that just fits into the WAL could
     * leave no room to write it back, nor to delete. */
    status = drop_windows(writer, count, &has_gained);
    if (status != ST_OK || has_gained) return status;
    if (*has_windows) {
        *has_windows = false;
        log_growing(writer->log, LOG_LEVEL_WARN, "store", "skipped",
                    "no room: the window results of a batch are dropped");
        return ST_OK;
    }
    if (writer->state.waiting[LANE_ALARM] > 0) return drop_alarms(writer, count);
    log_growing(writer->log, LOG_LEVEL_ERROR, "store", "full",
                "no room, and nothing left to drop: waiting for space");
    return ST_FULL;
}

enum status room_deliver_ahead(struct writer *writer, struct batch *batch)
{
    int64_t pages = writer->shares.batch_pages;
    enum status status = ST_OK;
    while (status == ST_OK && acknowledge_is_much(batch, pages)) {
        struct meta_state state = writer->state;
        status = database_begin(writer->connection, writer->log);
        if (status != ST_OK) return status;
        status = acknowledge_some(&writer->outbox, batch, pages, &state);
        if (status == ST_OK) status = meta_save(&writer->meta, &state);
        status = database_end(writer->connection, writer->log, status);
        if (status == ST_OK) writer->state = state;
        if (status == ST_OK) status = room_write_back(writer);
    }
    return status;
}
