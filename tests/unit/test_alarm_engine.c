/* The alarm engine as a whole: many devices at once, noise, clocks that step, little room,
 * restarts with another configuration, damaged journals. */
#include "support/alarm_rig.h"

#define HOT(rule) .name = rule, .devices = "*", .high_micro = 80000000, .has_high = true

static size_t count_lines(const struct alarm_rig *rig, const char *part)
{
    size_t count = 0;
    for (const char *at = rig->text; (at = strstr(at, part)) != NULL; at++) count++;
    return count;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void test_flood_begins_at_the_tenth_and_the_outer_limit_calls_whenever(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {HOT("t"), .high_high_micro = 200000000, .has_high_high = true}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    for (int i = 0; i < 12; i++) {
        char device[8];
        (void)snprintf(device, sizeof device, "d%d", i);
        alarm_rig_pass_until(rig, 10 * i);
        alarm_rig_read(rig, device, 90);
        alarm_rig_step(rig);
    }
    alarm_rig_pass_until(rig, 200);
    alarm_rig_read(rig, "d12", 300);
    alarm_rig_step(rig);
    assert_int_equal(count_lines(rig, " RAISE "), 14); /* with the inner limit of the last */
    assert_int_equal(count_lines(rig, "/t/H RAISE NORM>UNACK #1 calls"), 10);
    assert_int_equal(count_lines(rig, "90 d9/t/H RAISE NORM>UNACK #1 calls flood"), 1);
    assert_int_equal(count_lines(rig, "100 d10/t/H RAISE NORM>UNACK #1 flood"), 1);
    assert_int_equal(count_lines(rig, "d12/t/HH RAISE NORM>UNACK #1 calls flood"), 1);
    assert_int_equal(count_lines(rig, "90 gw/flood/flood FLOOD NORM>UNACK #1 flood by d9/t/H"), 1);
    assert_int_equal(count_lines(rig, "FLOOD UNACK>UNACK"), 1); /* at 150 */
    alarm_rig_pass_until(rig, 2000);
    assert_int_equal(count_lines(rig, "FLOOD UNACK>NORM"), 1);
    struct alarm_counts counts = alarm_engine_count(rig->engine);
    assert_int_equal(counts.floods, 1);
    assert_int_equal(counts.annunciations, 11);
    assert_int_equal(counts.held_back, 3);
    assert_int_equal(counts.slot_peak, 11);
    assert_true(counts.flood_ms > 500000);
    alarm_rig_close(rig);
}

static void test_a_thousand_devices_at_once_lose_nothing(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t"), .on_delay_ms = 10000, .group = "hall"}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    rig->room = 16384; /* a batch holds only some of them */
    char device[8];
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(device, sizeof device, "d%d", (i + 500) % 1000);
        if (!alarm_rig_has_room(rig, 2048))
            alarm_rig_commit(rig); /* as the stream asks before it takes it */
        alarm_rig_read(rig, device, 90);
    }
    alarm_rig_pass_until(rig, 9);
    assert_int_equal(rig->event_count, 0);
    alarm_rig_set_time(rig, 10);
    for (int i = 0; i < 1000; i++) {
        alarm_engine_advance(rig->engine, &rig->now);
        alarm_rig_commit(rig);
    }
    alarm_rig_pass_until(rig, 20);
    assert_int_equal(count_lines(rig, " RAISE "), 1000);
    assert_int_equal(count_lines(rig, " first"), 1);
    /* All crossed in the same millisecond: the table's order decides, and the rest says so. */
    assert_int_equal(count_lines(rig, "d500/t/H RAISE NORM>UNACK #1 calls first"), 1);
    assert_int_equal(count_lines(rig, "by d500/t/H"), 999);
    assert_int_equal(count_lines(rig, "RAISE NORM>UNACK #1 calls"), 10);
    assert_int_equal(alarm_engine_count_active(rig->engine), 1000);
    rig->room = 0;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(device, sizeof device, "d%d", i);
        alarm_rig_read(rig, device, 20);
    }
    assert_int_equal(count_lines(rig, " CLEAR "), 1000);
    assert_int_equal(alarm_engine_count_active(rig->engine), 0);
    struct alarm_counts counts = alarm_engine_count(rig->engine);
    assert_int_equal(counts.annunciations + counts.held_back, 1000);
    alarm_rig_close(rig);
}

static void play_noise(const struct alarm_rule *rule, const char *expected)
{
    struct alarm_rig *rig = alarm_rig_open(rule, 1);
    uint64_t random = 88172645463325252U;
    for (int64_t second = 0; second < 86400; second += 10) {
        alarm_rig_pass_until(rig, second);
        int64_t noise = (int64_t)(next_random(&random) % 400001) - 200000;
        alarm_rig_read(rig, "o", 80 + (double)noise / 1000000);
        alarm_rig_commit(rig);
        rig->journal_size = 0;
    }
    assert_int_equal(rig->event_count, 1);
    assert_non_null(strstr(rig->text, expected));
    alarm_rig_close(rig);
}

static void test_noise_around_a_limit_for_a_day_is_one_alarm(void **state)
{
    (void)state;
    const struct alarm_rule delayed = {HOT("t"), .deadband_micro = 1000000, .on_delay_ms = 60000,
                                       .off_delay_ms = 60000};
    play_noise(&delayed, "o/t/H RAISE NORM>UNACK #1 calls");
    const struct alarm_rule bare = {HOT("t"), .deadband_micro = 500000};
    play_noise(&bare, "o/t/H RAISE NORM>UNACK #1 calls");
}

/* The same readings under a clock that steps at random and under one that does not. */
static void test_steps_of_the_wall_clock_open_and_close_nothing(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {HOT("t"), .deadband_micro = 1000000, .on_delay_ms = 30000, .off_delay_ms = 20000},
        {.name = "r", .devices = "*", .rise_micro = 3000000, .has_rise = true, .period_ms = 60000},
        {.name = "n", .devices = "*", .no_data_ms = 60000},
        {.name = "s", .devices = "*", .stuck_ms = 90000}};
    struct alarm_rig *straight = alarm_rig_open(rules, 4), *stepped = alarm_rig_open(rules, 4);
    uint64_t random = 1, steps = 99;
    for (int64_t second = 0; second < 20000; second += 5) {
        if (next_random(&steps) % 20 == 0) {
            stepped->wall_offset_ms =
                (int64_t)(next_random(&steps) % 4000000000000) - 1000000000000;
        }
        alarm_rig_pass_until(straight, second);
        alarm_rig_pass_until(stepped, second);
        uint64_t draw = next_random(&random);
        if (second / 1000 % 4 == 3) continue; /* silent for a while */
        double value = second / 1000 % 4 == 2 ? 70 : 75 + (double)(draw % 10);
        alarm_rig_read(straight, "o", value);
        alarm_rig_set_time(stepped, second);
        alarm_rig_read(stepped, "o", value);
        straight->journal_size = stepped->journal_size = 0;
    }
    assert_true(straight->event_count > 20);
    assert_string_equal(stepped->text, straight->text);
    alarm_rig_close(straight);
    alarm_rig_close(stepped);
}

static void test_without_room_nothing_happens_and_nothing_is_forgotten(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t"), .on_delay_ms = 10000}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_read(rig, "o", 90);
    rig->room = 100;
    alarm_rig_pass_until(rig, 60);
    struct alarm_command command = {.verb = ALARM_SHELVE, .alarm = "o/t/H", .shelve_ms = 1000};
    assert_int_equal(alarm_engine_command(rig->engine, &command, &rig->now, NULL), ALARM_BUSY);
    alarm_rig_read(rig, "o", 20); /* came too late to unmake what the delay had decided */
    assert_int_equal(rig->event_count, 0);
    rig->room = 0;
    alarm_rig_pass_until(rig, 62);
    assert_int_equal(count_lines(rig, "RAISE"), 1);
    alarm_rig_close(rig);
}

static void test_a_shelf_ends_by_the_wall_clock_after_a_restart_if_it_is_trusted(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t")}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 o 81\n10 shelve o/t/H 3600\n100 end\n");
    alarm_rig_commit(rig);
    rig->base_mono_ms = 5000; /* a power cut: another monotonic clock */
    rig->options.boot = 8;
    rig->wall_offset_ms = 2 * 3600 * 1000;
    alarm_rig_set_time(rig, 0);
    alarm_rig_restart(rig);
    assert_int_equal(count_lines(rig, "0 o/t/H EXPIRE SHLVD>UNACK #1 calls"), 1);
    alarm_rig_close(rig);
}

static void test_a_shelf_goes_on_counting_while_the_clock_is_not_trusted(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t")}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 o 81\n10 shelve o/t/H 3600\n1810 end\n");
    alarm_rig_commit(rig);
    rig->base_mono_ms = 5000;
    rig->options.boot = 8;
    rig->now.clock = CLOCK_UNSET;
    rig->wall_offset_ms = -RIG_T0_MS; /* it is 1970 */
    alarm_rig_set_time(rig, 0);
    alarm_rig_restart(rig);
    alarm_rig_pass_until(rig, 600);
    assert_int_equal(count_lines(rig, "EXPIRE"), 0);
    alarm_rig_pass_until(rig, 1900); /* what was left, and what may have been lost of it */
    assert_int_equal(count_lines(rig, "EXPIRE SHLVD>UNACK"), 1);
    alarm_rig_close(rig);

    rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 o 81\n10 shelve o/t/H 3600\n110 end\n");
    rig->options.boot = 8;
    rig->now.clock = CLOCK_HELD;
    alarm_rig_restart(rig);
    alarm_rig_pass_until(rig, 200);
    rig->wall_offset_ms = 2 * 3600 * 1000;
    rig->now.clock = CLOCK_TRUSTED;
    alarm_rig_pass_until(rig, 202);
    assert_int_equal(count_lines(rig, "EXPIRE SHLVD>UNACK #1 calls"), 1);
    alarm_rig_close(rig);
}

static void test_what_is_no_longer_configured_says_so_once(void **state)
{
    (void)state;
    const struct alarm_rule before[] = {{HOT("t")}, {HOT("u"), .needs_ack = true}};
    const struct alarm_rule after[] = {{HOT("t"), .deadband_micro = 2000000}};
    struct alarm_rig *rig = alarm_rig_open(before, 2);
    alarm_rig_play(rig, "0 o 81\n5 p 20\n10 ack o/t/H 1\n");
    alarm_rig_commit(rig);
    rig->options.rules = after;
    rig->options.rule_count = 1;
    alarm_rig_set_time(rig, 20);
    alarm_rig_restart(rig);
    assert_int_equal(count_lines(rig, "20 o/u/H CONFIG UNACK>removed #1"), 1);
    alarm_rig_restart(rig);
    alarm_rig_restart(rig);
    assert_int_equal(count_lines(rig, "removed"), 1);
    assert_int_equal(alarm_engine_count_active(rig->engine), 1);
    alarm_rig_play(rig, "30 o 79\n40 o 77\n");
    assert_int_equal(count_lines(rig, "40 o/t/H CLEAR ACKED>NORM #1"), 1);
    alarm_rig_close(rig);
}

static void test_another_limit_is_applied_and_named_as_the_cause(void **state)
{
    (void)state;
    const struct alarm_rule before[] = {{HOT("t")}};
    const struct alarm_rule after[] = {
        {.name = "t", .devices = "*", .high_micro = 90000000, .has_high = true}};
    struct alarm_rig *rig = alarm_rig_open(before, 1);
    alarm_rig_play(rig, "0 o 85\n");
    rig->options.rules = after;
    alarm_rig_restart(rig);
    alarm_rig_play(rig, "10 o 85\n");
    assert_int_equal(count_lines(rig, "CLEAR UNACK>NORM #1 by config"), 1);
    alarm_rig_close(rig);
}

static void test_a_named_device_that_never_speaks_is_missed(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{.name = "n", .devices = "freezer", .no_data_ms = 60000},
                                       {.name = "n2", .devices = "hall/oven", .no_data_ms = 60000}};
    struct alarm_rig *rig = alarm_rig_open(rules, 2);
    alarm_engine_advance(rig->engine, &rig->now);
    alarm_rig_pass_until(rig, 40);
    alarm_rig_read(rig, "l1/freezer", -18); /* it is this one that was meant */
    alarm_rig_pass_until(rig, 90);
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(count_lines(rig, "60 hall/oven/n2/no_data RAISE"), 1);
    alarm_rig_pass_until(rig, 120);
    assert_int_equal(count_lines(rig, "100 l1/freezer/n/no_data RAISE"), 1);
    alarm_rig_restart(rig);
    alarm_rig_pass_until(rig, 300);
    assert_int_equal(rig->event_count, 2);
    alarm_rig_close(rig);
}

static void test_overrides_count_for_the_devices_they_fit(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {HOT("t"),
         .overrides = {{.devices = "big-*", .levels = {.high_micro = 90000000, .has_high = true}},
                       {.devices = "slow", .levels = {.on_delay_ms = 5000, .has_on_delay = true}}},
         .override_count = 2}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 o 85\n0 big-1 85\n0 slow 85\n1 big-1 91\n10 end\n");
    assert_string_equal(rig->text, "0 o/t/H RAISE NORM>UNACK #1 calls\n"
                                   "1 big-1/t/H RAISE NORM>UNACK #1 calls\n"
                                   "5 slow/t/H RAISE NORM>UNACK #1 calls\n");
    alarm_rig_close(rig);
}

static void test_windows_are_judged_once_and_in_order(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("avg"), .basis = ALARM_ON_AVERAGE, .window_ms = 60000},
                                       {.name = "min",
                                        .devices = "*",
                                        .low_micro = 5000000,
                                        .has_low = true,
                                        .basis = ALARM_ON_MINIMUM,
                                        .window_ms = 60000}};
    struct alarm_rig *rig = alarm_rig_open(rules, 2);
    uint32_t source = alarm_engine_find_source(rig->engine, "o", &rig->now);
    alarm_rig_read(rig, "o", 200); /* no reading is judged by these rules */
    assert_int_equal(rig->event_count, 0);
    struct alarm_window window = {.size_ms = 60000,
                                  .start_ms = 120000,
                                  .average_micro = 81000000,
                                  .min_micro = 4000000,
                                  .max_micro = 99000000};
    alarm_engine_add_window(rig->engine, source, &window, &rig->now);
    assert_int_equal(rig->event_count, 2);
    window.start_ms = 60000; /* an older one, revised */
    window.average_micro = 20000000;
    alarm_engine_add_window(rig->engine, source, &window, &rig->now);
    window.start_ms = 180000;
    window.size_ms = 300000; /* of another kind */
    alarm_engine_add_window(rig->engine, source, &window, &rig->now);
    assert_int_equal(rig->event_count, 2);
    alarm_rig_restart(rig);
    source = alarm_engine_find_source(rig->engine, "o", &rig->now);
    window.size_ms = 60000;
    window.start_ms = 120000; /* the newest, revised */
    alarm_engine_add_window(rig->engine, source, &window, &rig->now);
    assert_int_equal(count_lines(rig, "o/avg/H CLEAR"), 1);
    alarm_rig_close(rig);
}

static void test_troubles_of_the_agent_are_alarms_of_the_gateway(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {.name = "link", .devices = "*", .trouble = ALARM_UPLINK_DOWN, .on_delay_ms = 30000},
        {.name = "disk", .devices = "*", .trouble = ALARM_OUTBOX_FULL, .trouble_mark = 80}};
    struct alarm_rig *rig = alarm_rig_open(rules, 2);
    for (int64_t second = 0; second < 100; second++) {
        alarm_rig_pass_until(rig, second);
        alarm_engine_judge_trouble(rig->engine, ALARM_UPLINK_DOWN, 0, second >= 10 && second < 60,
                                   &rig->now);
        alarm_engine_judge_trouble(rig->engine, ALARM_OUTBOX_FULL, second * 1000000, false,
                                   &rig->now);
    }
    assert_string_equal(rig->text, "40 gw/link/agent RAISE NORM>UNACK #1 calls\n"
                                   "60 gw/link/agent CLEAR UNACK>NORM #1\n"
                                   "80 gw/disk/agent RAISE NORM>UNACK #1 calls\n");
    alarm_rig_close(rig);
}

static void test_a_condition_judged_elsewhere_raises_here(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{.name = "h", .devices = "*", .is_unusual = true}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    uint32_t source = alarm_engine_find_source(rig->engine, "o", &rig->now);
    uint32_t alarm = alarm_engine_find(rig->engine, source, "h", ALARM_UNUSUAL);
    assert_int_not_equal(alarm, ALARM_NONE);
    alarm_engine_judge(rig->engine, alarm, true, 5, 4, 3, &rig->now);
    assert_int_equal(rig->event_count, 1);
    assert_int_equal(rig->events[0].value_micro, 5);
    assert_int_equal(rig->events[0].limit_micro, 4);
    alarm_rig_restart(rig);
    alarm_engine_judge(rig->engine, alarm, false, 1, 4, 3, &rig->now);
    assert_int_equal(count_lines(rig, "o/h/unusual CLEAR UNACK>NORM #1"), 1);
    alarm_rig_close(rig);
}

static void test_an_evicted_device_leaves_no_alarm_behind(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t"), .group = "g"}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 o 81\n1 p 81\n");
    alarm_engine_remove_source(rig->engine, alarm_engine_find_source(rig->engine, "o", &rig->now),
                               &rig->now);
    assert_int_equal(count_lines(rig, "o/t/H CONFIG UNACK>removed #1"), 1);
    assert_int_equal(alarm_engine_count_active(rig->engine), 1);
    alarm_rig_restart(rig);
    assert_int_equal(alarm_engine_count_active(rig->engine), 1);
    alarm_rig_play(rig, "10 o 81\n");
    assert_int_equal(count_lines(rig, "10 o/t/H RAISE NORM>UNACK #1 calls"), 1);
    alarm_rig_close(rig);
}

static void test_census_and_list_agree(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t"), .priority = ALARM_PRIORITY_HIGH}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 a 81\n0 b 81\n0 c 20\n0 d 81\n10 ack a/t/H 1\n20 shelve b/t/H 600\n"
                        "30 oos d/t/H\n86500 end\n");
    alarm_rig_pass_until(rig, 86500);
    struct alarm_census census;
    alarm_engine_take_census(rig->engine, &census);
    assert_int_equal(census.alarms, 4);
    assert_int_equal(census.active, 3);
    assert_int_equal(census.standing, 3);
    assert_int_equal(census.by_state[ALARM_ACKED], 1);
    assert_int_equal(census.by_state[ALARM_UNACK], 1); /* the shelf has ended */
    assert_int_equal(census.by_state[ALARM_OOSRV], 1);
    assert_true(census.longest_active_ms == 86500000);
    assert_true(census.longest_out_of_service_ms == 86470000);
    assert_int_equal(census.day.count, 3);
    assert_int_equal(census.day.calls, 4);
    assert_string_equal(census.month.top[0].alarm, "b/t/H");
    assert_int_equal(census.month.top[0].calls, 2);
    assert_int_equal(census.month.top[0].ever, 2);
    struct alarm_view views[3];
    size_t cursor = 0;
    assert_int_equal(alarm_engine_list(rig->engine, &cursor, views, 3), 3);
    assert_string_equal(views[0].alarm, "a/t/H");
    assert_string_equal(views[0].state, "ACKED");
    assert_string_equal(views[1].actor, "anna");
    assert_true(views[0].is_standing);
    assert_int_equal(alarm_engine_list(rig->engine, &cursor, views, 3), 1);
    assert_string_equal(views[0].alarm, "d/t/H");
    assert_string_equal(views[0].reason, "test");
    assert_int_equal(alarm_engine_list(rig->engine, &cursor, views, 3), 0);
    struct alarm_counts counts = alarm_engine_count(rig->engine);
    assert_int_equal(counts.acks, 1);
    assert_int_equal(counts.ack_total_ms, 10000);
    assert_int_equal(counts.by_priority[ALARM_PRIORITY_HIGH], 4);
    assert_true(counts.slots == 144);
    alarm_rig_restart(rig);
    struct alarm_counts after = alarm_engine_count(rig->engine);
    after.unwatched = counts.unwatched;
    assert_memory_equal(&after, &counts, sizeof counts);
    alarm_rig_close(rig);
}

static void test_figures_survive_and_balance(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {HOT("t"), .realarm_ms = 600000, .realarm_count = 2, .priority = ALARM_PRIORITY_HIGH}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 a 81\n0 b 81\n10 ack a/t/H 1\n700 ack a/t/H 1\n710 ack x/t/H 1\n"
                        "720 reset a/t/H 1\n730 b 20\n740 b 81\n1000 a 20\n");
    alarm_rig_pass_until(rig, 30 * 3600); /* past a midnight, and b has stood for a day */
    struct alarm_counts before = alarm_engine_count(rig->engine);
    struct alarm_census census;
    alarm_engine_take_census(rig->engine, &census);
    assert_int_equal(before.realarms, 1);
    assert_int_equal(before.realarm_most, 1);
    assert_true(before.active_longest_ms == 1000000);
    assert_int_equal(before.annunciations, 3 + before.realarms);
    assert_int_equal(before.commands[ALARM_UNKNOWN], 1);
    assert_int_equal(before.commands[ALARM_NOT_APPLICABLE], 1);
    assert_int_equal(before.acks, 2);
    assert_true(before.ack_longest_ms == 90000);
    uint64_t calls = 0;
    for (size_t i = 0; i < census.month.count; i++) calls += census.month.top[i].ever;
    assert_int_equal(calls, before.annunciations);
    assert_int_equal(census.month.calls, before.annunciations);
    assert_true(census.run_ms >= 30 * 3600000);
    alarm_rig_restart(rig);
    struct alarm_counts after = alarm_engine_count(rig->engine);
    assert_memory_equal(&after, &before, sizeof before);
    struct alarm_census again;
    alarm_engine_advance(rig->engine, &rig->now);
    alarm_engine_take_census(rig->engine, &again);
    assert_int_equal(again.month.calls, census.month.calls);
    alarm_rig_close(rig);
}

static void test_what_stands_is_counted_at_midnight(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {{HOT("t")}};
    struct alarm_rig *rig = alarm_rig_open(rules, 1);
    alarm_rig_play(rig, "0 a 81\n0 b 81\n10 c 81\n");
    alarm_rig_pass_until(rig, 86000);
    assert_int_equal(alarm_engine_count(rig->engine).standing_at_midnight, 0);
    alarm_rig_pass_until(rig, 2 * 86400);
    assert_int_equal(alarm_engine_count(rig->engine).standing_at_midnight, 3);
    alarm_rig_play(rig, "172900 a 20\n172901 b 20\n");
    alarm_rig_pass_until(rig, 3 * 86400);
    assert_int_equal(alarm_engine_count(rig->engine).standing_at_midnight, 1);
    assert_int_equal(alarm_engine_count(rig->engine).standing_peak, 3);
    alarm_rig_play(rig, "259300 wall -86400\n259301 wall 86400\n"); /* no midnight twice */
    alarm_rig_restart(rig);
    assert_int_equal(alarm_engine_count(rig->engine).standing_peak, 3);
    alarm_rig_close(rig);
}

static void test_damaged_entries_are_refused_or_harmless(void **state)
{
    (void)state;
    const struct alarm_rule rules[] = {
        {HOT("t"), .group = "g", .on_delay_ms = 5000},
        {.name = "r", .devices = "*", .rise_micro = 1000000, .has_rise = true, .period_ms = 10000}};
    struct alarm_rig *rig = alarm_rig_open(rules, 2);
    alarm_rig_play(rig, "0 o 81\n10 o 90\n20 shelve o/t/H 600\n30 p 85\n");
    alarm_rig_commit(rig);
    size_t size = rig->journal_size;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, rig->journal, size);
    uint64_t random = 4711;
    size_t refused = 0;
    for (int round = 0; round < 3000; round++) {
        memcpy(rig->journal, bytes, size);
        struct alarm_engine *engine;
        const struct alarm_sink sink = {.has_room = alarm_rig_has_room,
                                        .emit = alarm_rig_emit,
                                        .journal = alarm_rig_journal,
                                        .context = rig};
        assert_int_equal(alarm_engine_open(&engine, &rig->options, &sink), ST_OK);
        for (size_t at = 0; at < size;) {
            uint16_t entry;
            memcpy(&entry, bytes + at, sizeof entry);
            at += sizeof entry;
            rig->journal[at + next_random(&random) % entry] ^=
                (uint8_t)(1U << next_random(&random) % 8);
            if (alarm_engine_restore(engine, rig->journal + at, entry) != ST_OK) refused++;
            at += entry;
        }
        struct alarm_engine *before = rig->engine;
        rig->engine = engine;
        rig->journal_size = size;
        rig->event_count = rig->text_size = 0;
        alarm_engine_advance(engine, &rig->now);
        alarm_rig_read(rig, "o", 95);
        alarm_rig_commit(rig);
        rig->engine = before;
        alarm_engine_close(engine);
    }
    assert_true(refused > 1000);
    free(bytes);
    alarm_rig_close(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_begins_at_the_tenth_and_the_outer_limit_calls_whenever),
        cmocka_unit_test(test_a_thousand_devices_at_once_lose_nothing),
        cmocka_unit_test(test_noise_around_a_limit_for_a_day_is_one_alarm),
        cmocka_unit_test(test_steps_of_the_wall_clock_open_and_close_nothing),
        cmocka_unit_test(test_without_room_nothing_happens_and_nothing_is_forgotten),
        cmocka_unit_test(test_a_shelf_ends_by_the_wall_clock_after_a_restart_if_it_is_trusted),
        cmocka_unit_test(test_a_shelf_goes_on_counting_while_the_clock_is_not_trusted),
        cmocka_unit_test(test_what_is_no_longer_configured_says_so_once),
        cmocka_unit_test(test_another_limit_is_applied_and_named_as_the_cause),
        cmocka_unit_test(test_a_named_device_that_never_speaks_is_missed),
        cmocka_unit_test(test_overrides_count_for_the_devices_they_fit),
        cmocka_unit_test(test_windows_are_judged_once_and_in_order),
        cmocka_unit_test(test_troubles_of_the_agent_are_alarms_of_the_gateway),
        cmocka_unit_test(test_a_condition_judged_elsewhere_raises_here),
        cmocka_unit_test(test_an_evicted_device_leaves_no_alarm_behind),
        cmocka_unit_test(test_census_and_list_agree),
        cmocka_unit_test(test_figures_survive_and_balance),
        cmocka_unit_test(test_what_stands_is_counted_at_midnight),
        cmocka_unit_test(test_damaged_entries_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
