/* drain: the centre is away for a second to a week and comes back.  What waited comes at the
 * configured rate and no faster, alarms before it; nothing is lost, nothing counted twice. */
#include "simulation/world.h"
#include "uplink/link.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    RATE = 10,
    BURST = RATE * 11 / 10 + 1,
    SPAN_MS = 10000, /* in which the rate is measured */
    PUBLISHES = 1 << 20,
    ALARM_SOON_MS = 2 * 21000 + 5000, /* two commits, each of which may stall for 21 s */
    MONO_OFFSET_MS = 1000             /* of the gateway's monotonic clock to the universe's */
};

struct published {
    int64_t at_ms, mono_ms; /* when it left; of an alarm: when it happened */
    uint64_t seq;
    bool is_alarm, is_replay;
};

/* What left the gateway, in its order. */
struct witness {
    struct published *list;
    size_t count;
};

static int64_t read_field(const char *payload, const char *name)
{
    char wanted[32];
    (void)snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *found = strstr(payload, wanted);
    return found == NULL ? -1 : strtoll(found + strlen(wanted), NULL, 10);
}

static void note(void *context, const struct link_message *message)
{
    struct witness *witness = context;
    int64_t seq = read_field(message->payload, "seq");
    if (seq < 0) return; /* a birth */
    assert_true(witness->count < PUBLISHES);
    witness->list[witness->count++] =
        (struct published){.at_ms = virtual_time_now_ms(),
                           .mono_ms = read_field(message->payload, "mono_ms"),
                           .seq = (uint64_t)seq,
                           .is_alarm = strstr(message->payload, "\"type\":\"alarm\"") != NULL,
                           .is_replay = message->is_replay};
}

/* Alarms may leave at any time; the others keep to the rate in every span. */
static void check_rate(const struct witness *witness)
{
    size_t first = 0, count = 0;
    for (size_t i = 0; i < witness->count; i++) {
        if (witness->list[i].is_alarm) continue;
        count++;
        for (; witness->list[first].at_ms <= witness->list[i].at_ms - SPAN_MS; first++)
            if (!witness->list[first].is_alarm) count--;
        assert_in_range(count, 1, RATE * SPAN_MS / 1000 + BURST);
    }
}

/* From `begin` on: those that waited leave first, and the history in its order. */
static void check_order(const struct witness *witness, size_t begin, size_t alarms)
{
    uint64_t last_alarm = 0, last_history = 0;
    assert_true(witness->count >= begin + alarms);
    for (size_t i = begin; i < witness->count; i++) {
        const struct published *one = &witness->list[i];
        assert_true(one->is_alarm || i >= begin + alarms);
        if (!one->is_alarm && !one->is_replay) continue;
        uint64_t *last = one->is_alarm ? &last_alarm : &last_history;
        assert_true(one->seq > *last);
        *last = one->seq;
    }
}

/* One that happens after the connection came up passes all that still waits. */
static size_t check_new_alarms(const struct witness *witness, size_t begin)
{
    size_t count = 0;
    for (size_t i = begin; i < witness->count; i++) {
        const struct published *one = &witness->list[i];
        int64_t happened_ms = one->mono_ms - MONO_OFFSET_MS;
        if (!one->is_alarm || happened_ms < witness->list[begin].at_ms) continue;
        count++;
        assert_in_range(one->at_ms - happened_ms, 0, ALARM_SOON_MS);
    }
    return count;
}

static uint64_t count_waiting(struct world *world, enum lane lane)
{
    return store_count(world->flow.store).waiting[lane];
}

static void be_away(uint64_t seed, int64_t away_ms)
{
    struct witness witness = {calloc(PUBLISHES, sizeof *witness.list), 0};
    assert_non_null(witness.list);
    struct world_options options = {.seed = seed,
                                    .devices = 20,
                                    .every_ms = MINUTE,
                                    .window_ms = 10 * MINUTE,
                                    .lateness_ms = 10 * SECOND,
                                    .grace_ms = 10 * SECOND,
                                    .commit_every_ms = 30 * SECOND,
                                    .grain_ms = 20 * SECOND,
                                    .rate = RATE,
                                    .published = note,
                                    .witness = &witness};
    struct world *world = world_open(&options);
    world_run(world, HOUR);
    centre_cut_off(&world->centre);
    world_run(world, away_ms);
    uint64_t waiting = count_waiting(world, LANE_WINDOW);
    uint64_t alarms = count_waiting(world, LANE_ALARM);
    if (away_ms >= HOUR) assert_true(alarms > 0 && waiting > 100);
    size_t begin = witness.count;
    int64_t up_ms = virtual_time_now_ms();
    virtual_time_set_grain(0);
    centre_heal(&world->centre);
    /* Twice as long as the rate takes, if nothing new came, and to connect before. */
    world_run(world, (int64_t)waiting * 2000 / RATE + 3 * MINUTE);
    assert_in_range(count_waiting(world, LANE_WINDOW), 0, 60); /* a moment's new ones at most */
    int64_t took_ms = 0;
    for (size_t i = begin; i < witness.count; i++)
        if (witness.list[i].is_replay) took_ms = witness.list[i].at_ms - up_ms;
    if (waiting > BURST) assert_true(took_ms >= (int64_t)(waiting - BURST) * 1000 / RATE);
    virtual_time_set_grain(options.grain_ms);
    check_rate(&witness);
    check_order(&witness, begin, (size_t)alarms);
    size_t fresh = check_new_alarms(&witness, begin);
    printf("  away for %" PRId64 " s: %" PRIu64 " alarms and %" PRIu64
           " records waited, gone after %" PRId64 " s; %zu new alarms meanwhile\n",
           away_ms / 1000, alarms, waiting, took_ms / 1000, fresh);
    world_verify(world);
    assert_int_equal(world->oracle.promised, world->readings);
    assert_int_equal(world->oracle.named, 0);
    world_finish(world);
    free(witness.list);
}

static void go_through_all(uint64_t seed)
{
    static const int64_t away_ms[] = {SECOND, 10 * SECOND, MINUTE, 10 * MINUTE,
                                      HOUR,   6 * HOUR,    DAY};
    for (size_t i = 0; i < sizeof away_ms / sizeof *away_ms; i++) be_away(seed, away_ms[i]);
}

static void test_centre_away_for_a_second_to_a_day(void **state)
{
    (void)state;
    world_repeat(1, go_through_all);
}

static void stay_away_a_week(uint64_t seed)
{
    be_away(seed, 7 * DAY);
}

static void test_centre_away_for_a_week(void **state)
{
    (void)state;
    world_repeat(1, stay_away_a_week);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_centre_away_for_a_second_to_a_day),
        cmocka_unit_test(test_centre_away_for_a_week),
    };
    return cmocka_run_group_tests_name("drain", tests, NULL, NULL);
}
