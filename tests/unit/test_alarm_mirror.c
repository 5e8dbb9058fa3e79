/* alarm_mirror: what a broker that keeps the last message of each topic is left with. */
#include "alarm_mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALARMS = 700 };

struct world {
    struct alarm_view alarms[ALARMS];
    size_t count;
    struct kept {
        char state[ALARM_STATE_SIZE]; /* "": nothing is kept */
        char device[64], name[ALARM_ID_SIZE];
    } kept[ALARMS];
    size_t publishes, room;          /* how many more are taken */
    size_t at_begin, at_end, marked; /* publishes when the marks came; alarms by the second one */
    struct alarm_mirror mirror;
};

static size_t list(void *context, size_t *cursor, struct alarm_view *views, size_t max)
{
    struct world *world = context;
    size_t count = 0;
    for (; count < max && *cursor < world->count; count++)
        views[count] = world->alarms[(*cursor)++];
    return count;
}

static bool find(void *context, const char *alarm, struct alarm_view *view)
{
    struct world *world = context;
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->alarms[i].alarm, alarm) != 0) continue;
        *view = world->alarms[i];
        return true;
    }
    return false;
}

static enum status publish(void *context, const char *device, const char *name, const char *json,
                           size_t size)
{
    struct world *world = context;
    if (world->room == 0) return ST_AGAIN;
    world->room--;
    world->publishes++;
    int number = atoi(device + 1);
    struct kept *kept = &world->kept[number];
    (void)snprintf(kept->device, sizeof kept->device, "%s", device);
    (void)snprintf(kept->name, sizeof kept->name, "%s", name);
    kept->state[0] = '\0';
    if (size == 0) return ST_OK;
    const char *state = strstr(json, "\"state\":\"");
    assert_non_null(state);
    assert_non_null(strstr(json, "\"gateway\":\"line-7\""));
    assert_int_equal(sscanf(state, "\"state\":\"%7[A-Z]", kept->state), 1);
    return ST_OK;
}

static enum status mark(void *context, const char *json, size_t size)
{
    struct world *world = context;
    assert_int_equal(strlen(json), size);
    if (world->room == 0) return ST_AGAIN;
    const char *alarms = strstr(json, "\"alarms\":");
    assert_non_null(strstr(json, "\"type\":\"alarm-refresh\",\"gateway\":\"line-7\""));
    assert_true((strstr(json, "\"phase\":\"end\"") != NULL) == (alarms != NULL));
    *(alarms != NULL ? &world->at_end : &world->at_begin) = world->publishes;
    if (alarms != NULL) world->marked = (size_t)atoi(alarms + strlen("\"alarms\":"));
    return ST_OK;
}

static void set(struct world *world, size_t number, const char *state, uint32_t occurrence)
{
    struct alarm_view *view = &world->alarms[number];
    (void)snprintf(view->device, sizeof view->device, "d%zu", number);
    (void)snprintf(view->alarm, sizeof view->alarm, "d%zu/hot/H", number);
    (void)snprintf(view->state, sizeof view->state, "%s", state);
    view->occurrence = occurrence;
    if (number >= world->count) world->count = number + 1;
}

static void change(struct world *world, size_t number, const char *state, uint64_t ticket)
{
    set(world, number, state, 1);
    alarm_mirror_note(&world->mirror, world->alarms[number].alarm, world->alarms[number].device,
                      ticket);
}

static int set_up(void **state)
{
    static struct world world;
    memset(&world, 0, sizeof world);
    for (size_t i = 0; i < 10; i++) set(&world, i, "NORM", 0);
    const struct alarm_mirror_host host = {.gateway = "line-7",
                                           .list = list,
                                           .find = find,
                                           .publish = publish,
                                           .mark = mark,
                                           .context = &world};
    alarm_mirror_init(&world.mirror, &host);
    world.room = SIZE_MAX;
    *state = &world;
    return 0;
}

static void test_a_state_leaves_after_its_commit(void **state)
{
    struct world *world = *state;
    change(world, 3, "UNACK", 7);
    alarm_mirror_pump(&world->mirror, 6);
    assert_int_equal(world->publishes, 0);
    alarm_mirror_pump(&world->mirror, 7);
    assert_int_equal(world->publishes, 1);
    assert_string_equal(world->kept[3].state, "UNACK");
    assert_string_equal(world->kept[3].name, "hot/H");
    alarm_mirror_pump(&world->mirror, 8);
    assert_int_equal(world->publishes, 1);
}

static void test_a_newer_change_holds_the_older_one_back_until_it_is_durable(void **state)
{
    struct world *world = *state;
    change(world, 3, "UNACK", 7);
    change(world, 3, "ACKED", 9);
    alarm_mirror_pump(&world->mirror, 8);
    assert_int_equal(world->publishes, 0);
    alarm_mirror_pump(&world->mirror, 9);
    assert_string_equal(world->kept[3].state, "ACKED");
    assert_int_equal(world->publishes, 1);
}

static void test_what_could_not_leave_leaves_later(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < 10; i++) change(world, i, "UNACK", 1);
    world->room = 4;
    alarm_mirror_pump(&world->mirror, 1);
    assert_int_equal(world->publishes, 4);
    world->room = SIZE_MAX;
    alarm_mirror_pump(&world->mirror, 1);
    assert_int_equal(world->publishes, 10);
    for (size_t i = 0; i < 10; i++) assert_string_equal(world->kept[i].state, "UNACK");
}

static void test_each_connection_says_what_is_not_normal_first_and_all_that_ever_was(void **state)
{
    struct world *world = *state;
    set(world, 1, "NORM", 4);
    set(world, 2, "SHLVD", 0);
    set(world, 3, "UNACK", 1);
    for (size_t round = 0; round < 3; round++) {
        assert_true(alarm_mirror_connect(&world->mirror) == (round == 0));
        memset(world->kept, 0, sizeof world->kept); /* the broker comes back with nothing */
        alarm_mirror_pump(&world->mirror, 0);
        assert_int_equal(world->publishes, 3 * round + 3);
        assert_int_equal(world->at_begin, 3 * round);
        assert_int_equal(world->at_end, 3 * round + 2);
        assert_int_equal(world->marked, 2);
        assert_string_equal(world->kept[1].state, "NORM");
        assert_string_equal(world->kept[2].state, "SHLVD");
        assert_string_equal(world->kept[3].state, "UNACK");
    }
}

static void test_a_connection_lost_in_the_middle_begins_anew(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < 10; i++) set(world, i, "UNACK", 1);
    (void)alarm_mirror_connect(&world->mirror);
    world->room = 5;
    alarm_mirror_pump(&world->mirror, 0);
    assert_int_equal(world->publishes, 5);
    assert_int_equal(world->marked, 0);
    memset(world->kept, 0, sizeof world->kept);
    (void)alarm_mirror_connect(&world->mirror);
    world->room = SIZE_MAX;
    alarm_mirror_pump(&world->mirror, 0);
    assert_int_equal(world->marked, 10);
    for (size_t i = 0; i < 10; i++) assert_string_equal(world->kept[i].state, "UNACK");
}

static void test_what_went_away_is_looked_for_at_the_next_connection(void **state)
{
    struct world *world = *state;
    assert_true(alarm_mirror_connect(&world->mirror));
    assert_false(alarm_mirror_connect(&world->mirror));
    alarm_mirror_note(&world->mirror, "d99/hot/H", "d99", 1); /* there is no such alarm any more */
    alarm_mirror_pump(&world->mirror, 1);
    assert_int_equal(world->publishes, 1);
    assert_true(alarm_mirror_connect(&world->mirror)); /* the empty message may not have arrived */
}

static void test_a_scan_leaves_out_what_is_not_durable_yet(void **state)
{
    struct world *world = *state;
    set(world, 2, "ACKED", 1);
    change(world, 3, "UNACK", 7);
    (void)alarm_mirror_connect(&world->mirror);
    alarm_mirror_pump(&world->mirror, 6);
    assert_int_equal(world->publishes, 1);
    assert_string_equal(world->kept[3].state, "");
    alarm_mirror_pump(&world->mirror, 7);
    assert_string_equal(world->kept[3].state, "UNACK");
}

static void test_more_changes_than_places_make_a_scan_of_everything_durable(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ALARMS; i++) change(world, i, i % 2 == 0 ? "UNACK" : "NORM", i + 1);
    alarm_mirror_pump(&world->mirror, ALARMS - 1);
    for (size_t i = ALARM_MIRROR_CHANGES; i < ALARMS; i++)
        assert_string_equal(world->kept[i].state, "");
    world->room = 5;
    while (world->mirror.phase != ALARM_MIRROR_IDLE) {
        alarm_mirror_pump(&world->mirror, ALARMS);
        world->room = 5;
    }
    for (size_t i = 0; i < ALARMS; i++)
        assert_string_equal(world->kept[i].state, i % 2 == 0 ? "UNACK" : "NORM");
}

static void test_what_is_no_longer_configured_is_emptied(void **state)
{
    struct world *world = *state;
    (void)strcpy(world->kept[500].state, "UNACK");
    (void)strcpy(world->kept[3].state, "UNACK");
    (void)alarm_mirror_connect(&world->mirror);
    alarm_mirror_compare(&world->mirror, "d3", "hot/H");
    alarm_mirror_compare(&world->mirror, "d500", "hot/H");
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    alarm_mirror_compare(&world->mirror, "d501", long_name);
    alarm_mirror_compare(&world->mirror, long_name, "hot/H");
    alarm_mirror_pump(&world->mirror, 0);
    assert_string_equal(world->kept[500].state, "");
    assert_string_equal(world->kept[500].name, "hot/H");
    assert_int_equal(world->publishes, 1);
}

static void test_strangers_beyond_the_places_are_looked_for_again(void **state)
{
    struct world *world = *state;
    (void)alarm_mirror_connect(&world->mirror);
    for (int i = 100; i < 101 + ALARM_MIRROR_CHANGES; i++) {
        char device[16];
        (void)snprintf(device, sizeof device, "d%d", i);
        alarm_mirror_compare(&world->mirror, device, "hot/H");
    }
    alarm_mirror_pump(&world->mirror, 0);
    assert_int_equal(world->publishes, ALARM_MIRROR_CHANGES);
    assert_true(alarm_mirror_connect(&world->mirror));
}

#define WITH_WORLD(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(test_a_state_leaves_after_its_commit),
        WITH_WORLD(test_a_newer_change_holds_the_older_one_back_until_it_is_durable),
        WITH_WORLD(test_what_could_not_leave_leaves_later),
        WITH_WORLD(test_each_connection_says_what_is_not_normal_first_and_all_that_ever_was),
        WITH_WORLD(test_a_connection_lost_in_the_middle_begins_anew),
        WITH_WORLD(test_what_went_away_is_looked_for_at_the_next_connection),
        WITH_WORLD(test_a_scan_leaves_out_what_is_not_durable_yet),
        WITH_WORLD(test_more_changes_than_places_make_a_scan_of_everything_durable),
        WITH_WORLD(test_what_is_no_longer_configured_is_emptied),
        WITH_WORLD(test_strangers_beyond_the_places_are_looked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
