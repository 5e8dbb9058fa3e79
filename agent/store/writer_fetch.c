/* Invariant: before a record is handed out it is noted that the centre may have it, so that it is
 * never merged. */
#include "store/writer.h"

#include "store/offer.h"

/* Deletes a record that cannot be read. */
static enum status drop_damaged(struct writer *writer, enum lane lane, uint64_t seq)
{
    struct meta_state state = writer->state;
    enum status status = database_begin(writer->connection, writer->log);
    if (status != ST_OK) return status;
    struct notice *notice = owed_change(&state.owed, OWED_DAMAGED);
    owed_add_range(notice, seq, seq);
    notice->lost++;
    status = outbox_drop_one(&writer->outbox, lane, seq, &state);
    if (status == ST_OK) status = meta_save(&writer->meta, &state);
    status = database_end(writer->connection, writer->log, status);
    if (status == ST_OK) writer->state = state;
    return status;
}

/* How many of the windows may be handed out: all, or none when that cannot be noted now. */
static size_t note_offered(struct writer *writer, const struct record *records, size_t count)
{
    if (offer_is_noted(&writer->state, records, count)) return count;
    struct meta_state state = writer->state;
    enum status status = database_begin(writer->connection, writer->log);
    if (status == ST_OK) {
        status = offer_note(&writer->outbox, &state, records, count);
        if (status == ST_OK) status = meta_save(&writer->meta, &state);
        status = database_end(writer->connection, writer->log, status);
    }
    if (status == ST_OK) {
        writer->state = state;
        return count;
    }
    if (status != ST_FULL) writer_distrust(writer, status, &writer->commit_damage);
    return 0;
}

/* An alarm is not held back for that: when it cannot be noted on the disk, then in memory. */
static void note_offered_alarms(struct writer *writer, const struct record *records, size_t count)
{
    uint64_t last = count > 0 ? records[count - 1].seq : 0;
    struct meta_state state = writer->state;
    if (last <= state.alarms_offered || last <= writer->degrade.alarms_offered) return;
    enum status status =
        writer->connection != NULL ? database_begin(writer->connection, writer->log) : ST_FULL;
    if (status == ST_OK) {
        status = offer_note_alarms(&writer->outbox, &state, last);
        if (status == ST_OK) status = meta_save(&writer->meta, &state);
        status = database_end(writer->connection, writer->log, status);
    }
    if (status == ST_OK)
        writer->state = state;
    else
        writer->degrade.alarms_offered = last;
    if (status != ST_OK && status != ST_FULL)
        writer_distrust(writer, status, &writer->commit_damage);
}

size_t writer_fetch(struct writer *writer, enum lane lane, uint64_t after, size_t max,
                    struct record *records)
{
    size_t count = 0;
    if (writer_make_ready(writer) != ST_OK) return 0;
    while (count < max) {
        size_t more;
        uint64_t damaged_seq;
        enum status status = outbox_fetch(&writer->outbox, lane, after, writer->state.next_seq,
                                          max - count, records + count, &more, &damaged_seq);
        count += more;
        if (status == ST_OK) {
            writer->fetch_damage = 0;
            break;
        }
        if (damaged_seq != 0) {
            after = damaged_seq;
            status = drop_damaged(writer, lane, damaged_seq);
        }
        if (status == ST_OK || status == ST_FULL) continue;
        writer_distrust(writer, status, &writer->fetch_damage);
        break;
    }
    if (lane == LANE_ALARM) {
        if (count < max) writer->has_no_alarm_left = true;
        note_offered_alarms(writer, records, count);
        return count;
    }
    if (count < max) writer->is_caught_up = true;
    return count > 0 ? note_offered(writer, records, count) : 0;
}
