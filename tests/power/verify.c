/* Invariant: nothing here looks at the model and the store through the same code. */
#include "power/world.h"

enum { FETCH = 64 };

/* Which of the two possible points the store is at. */
static const struct model_point *find_point(const struct world *world)
{
    uint64_t batch = world->writer.state.batch;
    if (batch == world->reported.batch) return &world->reported;
    assert_int_equal(batch, world->pending.batch); /* all or nothing of the one under way */
    return &world->pending;
}

/* What was not committed is gone; it must not have left the house. */
static void roll_back(struct world *world, const struct model_point *point)
{
    for (uint64_t seq = point->next_seq; seq < world->next_seq; seq++)
        assert_false(world->records[seq - 1].was_delivered);
    for (uint64_t seq = 1; seq < point->next_seq; seq++) {
        struct model_record *record = &world->records[seq - 1];
        if (record->acknowledged_in <= point->batch) continue;
        /* Much of it is deleted ahead of the batch's own transaction. */
        record->may_be_gone = true;
        record->acknowledged_in = 0;
    }
    world->taken = point->taken;
    world->next_seq = point->next_seq;
    world->journal.count = point->entry_count;
    world->reported = world->pending = *point;
}

/* Only what was acknowledged may be gone. */
static void verify_gone(struct world *world, enum lane lane, uint64_t from, uint64_t to)
{
    for (uint64_t seq = from; seq < to; seq++) {
        struct model_record *model = &world->records[seq - 1];
        if (model->lane != lane || model->acknowledged_in != 0) continue;
        assert_true(model->may_be_gone);
        model->acknowledged_in = world->reported.batch > 0 ? world->reported.batch : 1;
    }
}

/* Without noting that anything was handed out, as writer_fetch does. */
static size_t read_lane(struct world *world, enum lane lane, uint64_t after, struct record *records)
{
    size_t count;
    uint64_t damaged_seq;
    if (world->writer.connection != NULL &&
        outbox_fetch(&world->writer.outbox, lane, after, world->writer.state.next_seq, FETCH,
                     records, &count, &damaged_seq) == ST_OK)
        return count;
    return writer_fetch(&world->writer, lane, after, FETCH, records);
}

static uint64_t verify_lane(struct world *world, enum lane lane)
{
    static struct record fetched[FETCH];
    uint64_t after = 0, total = 0;
    size_t count;
    do {
        count = read_lane(world, lane, after, fetched);
        for (size_t i = 0; i < count; i++) {
            uint64_t seq = fetched[i].seq;
            verify_gone(world, lane, after + 1, seq);
            after = seq;
            assert_true(seq < world->next_seq);
            const struct model_record *model = &world->records[seq - 1];
            uint8_t bytes[RECORD_CODEC_MAX];
            size_t size = record_codec_encode(&fetched[i], bytes, sizeof bytes);
            assert_int_equal(model->acknowledged_in, 0);
            assert_true(model->lane == lane && size == model->size);
            assert_memory_equal(bytes, model->bytes, size);
        }
        total += count;
    } while (count == FETCH);
    verify_gone(world, lane, after + 1, world->next_seq);
    return total;
}

static void verify_counters(const struct world *world, uint64_t waiting)
{
    struct store_counts counts;
    writer_count(&world->writer, &counts);
    assert_int_equal(counts.waiting[LANE_ALARM] + counts.waiting[LANE_WINDOW], waiting);
    assert_int_equal(counts.written, world->next_seq - 1);
    assert_int_equal(counts.acknowledged, counts.written - waiting);
    assert_int_equal(counts.dropped, 0);
}

/* The stream that the store gave back, against one made from everything ever journalled. */
static void verify_stream(struct world *world)
{
    struct stream *whole = world_new_stream(world);
    for (size_t i = 0; i < world->journal.count; i++) {
        const struct model_entry *entry = &world->journal.entries[i];
        assert_int_equal(stream_restore(whole, entry->bytes, entry->size), ST_OK);
    }
    world_dump(world, whole, &world->other_dump);
    stream_close(whole);
    world_dump(world, world->stream, &world->dump);
    assert_int_equal(world->dump.count, world->other_dump.count);
    for (size_t i = 0; i < world->dump.count; i++) {
        const struct model_entry *found = &world->dump.entries[i];
        assert_int_equal(found->size, world->other_dump.entries[i].size);
        assert_memory_equal(found->bytes, world->other_dump.entries[i].bytes, found->size);
    }
    assert_int_equal(stream_count(world->stream).accepted, world->taken);
    assert_int_equal(stream_count(world->stream).unrestored, 0);
}

void verify_restart(struct world *world)
{
    assert_true(world->slow_opens <= 1);
    assert_false(world->found.was_set_aside);
    if (world->epoch[0] != '\0' && world->reported.batch > 0)
        assert_string_equal(world->found.epoch, world->epoch);
    memcpy(world->epoch, world->found.epoch, sizeof world->epoch);
    roll_back(world, find_point(world));
    assert_int_equal(world->found.next_seq, world->next_seq);
    if (world->taken > 0) assert_int_equal(world->restored_taken, world->taken);
    assert_int_equal(world->foreign_entries, 0);
    uint64_t waiting = verify_lane(world, LANE_ALARM) + verify_lane(world, LANE_WINDOW);
    verify_counters(world, waiting);
    verify_stream(world);
    /* From here on the state found is the beginning. */
    memcpy(world->journal.entries, world->dump.entries,
           world->dump.count * sizeof *world->dump.entries);
    world->journal.count = world->dump.count;
    world->reported.entry_count = world->pending.entry_count = world->dump.count;
}

/* Readings in the newest revision of each of the first kind of windows, and those it missed. */
void verify_delivered(struct world *world)
{
    uint64_t readings = 0;
    for (uint64_t seq = world->next_seq - 1; seq > 0; seq--) {
        const struct model_record *record = &world->records[seq - 1];
        assert_true(record->was_delivered && record->acknowledged_in != 0);
        readings += record->missed;
        bool is_newest = record->revision > 0;
        for (uint64_t later = seq + 1; is_newest && later < world->next_seq; later++) {
            const struct model_record *other = &world->records[later - 1];
            is_newest = other->revision == 0 || other->device != record->device ||
                        other->start_ms != record->start_ms;
            if (!is_newest) assert_true(other->revision > record->revision);
        }
        if (is_newest) readings += record->count;
    }
    assert_int_equal(readings, world->taken);
}

void verify_genuine(struct world *world)
{
    static struct record fetched[FETCH];
    assert_int_equal(world->foreign_entries, 0);
    for (enum lane lane = 0; lane < LANE_COUNT; lane++) {
        uint64_t after = 0;
        for (size_t count = FETCH; count == FETCH;) {
            count = writer_fetch(&world->writer, lane, after, FETCH, fetched);
            for (size_t i = 0; i < count; i++) {
                uint8_t bytes[RECORD_CODEC_MAX];
                size_t size = record_codec_encode(&fetched[i], bytes, sizeof bytes);
                assert_true(fetched[i].seq > after);
                after = fetched[i].seq;
                assert_true(world_knows_hash(world, world_hash(after, bytes, size)));
            }
        }
    }
}
