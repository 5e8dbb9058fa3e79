/* service: what the manager hears, and that it hears no WATCHDOG=1 while a part is stuck.  The
 * parts of the flow are stand-ins that say what the test wants; the clock is the test's. */
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- stand-ins ---- */

struct store {
    struct store_counts counts;
    bool is_committing;
};

struct uplink {
    struct uplink_counts counts;
};

struct store_counts store_count(const struct store *store)
{
    return store->counts;
}

bool store_is_committing(const struct store *store)
{
    return store->is_committing;
}

struct uplink_counts uplink_count(const struct uplink *uplink)
{
    return uplink->counts;
}

struct verdict_counts flow_count_verdicts(const struct flow *flow)
{
    (void)flow;
    return (struct verdict_counts){.by = {[VERDICT_OK] = 7}};
}

static int64_t test_now_ms(void *context)
{
    return *(const int64_t *)context;
}

/* ---- a manager and a flow ---- */

struct rig {
    struct service service;
    struct flow flow;
    struct config config;
    struct store store;
    struct uplink uplink;
    struct log log;
    struct loop *loop;
    int64_t now_ms;
    int manager_fd;
};

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "isotherm-service-%d",
                        (int)getpid());
    rig->manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t used = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)size;
    if (bind(rig->manager_fd, (struct sockaddr *)&address, used) != 0) return -1;
    address.sun_path[0] = '@';
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    setenv("WATCHDOG_USEC", "4000", 1); /* looked at each millisecond */
    unsetenv("WATCHDOG_PID");
    struct clock clock = {.wall_ms = test_now_ms, .mono_ms = test_now_ms, .context = &rig->now_ms};
    log_init(&rig->log, clock, -1, LOG_LEVEL_ERROR);
    rig->flow.config = &rig->config;
    rig->flow.host.clock = clock;
    rig->flow.store = &rig->store;
    rig->flow.uplink = &rig->uplink;
    rig->uplink.counts.state = UPLINK_UP;
    *state = rig;
    return loop_open(&rig->loop) == ST_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    service_close(&rig->service);
    loop_close(rig->loop);
    close(rig->manager_fd);
    free(rig);
    return 0;
}

/* The newest message, since one turn of the loop may look twice; "" when there is none. */
static const char *hear(struct rig *rig, char *bytes, size_t capacity)
{
    bytes[0] = '\0';
    for (ssize_t size; (size = recv(rig->manager_fd, bytes, capacity - 1, 0)) > 0;)
        bytes[size] = '\0';
    return bytes;
}

static void start(struct rig *rig)
{
    char bytes[512];
    service_open(&rig->service, &rig->log);
    assert_int_equal(service_start(&rig->service, rig->loop, &rig->flow), ST_OK);
    assert_non_null(strstr(hear(rig, bytes, sizeof bytes), "READY=1\n"));
}

/* The message of the next look, `passed_ms` of the test's clock later. */
static const char *look(struct rig *rig, int64_t passed_ms, char *bytes, size_t capacity)
{
    (void)hear(rig, bytes, capacity); /* what was said before */
    rig->now_ms += passed_ms;
    do {
        loop_run_once(rig->loop, true);
    } while (hear(rig, bytes, capacity)[0] == '\0');
    return bytes;
}

/* Whether the watchdog is still fed after so many minutes more. */
static bool is_fed_after(struct rig *rig, int minutes)
{
    char bytes[512];
    for (int i = 0; i < minutes * 4; i++) look(rig, 15000, bytes, sizeof bytes);
    return strstr(bytes, "WATCHDOG=1") != NULL;
}

static void the_manager_hears_how_it_is(void **state)
{
    struct rig *rig = *state;
    char bytes[512];
    rig->store.counts.waiting[LANE_WINDOW] = 3;
    start(rig);
    assert_string_equal(look(rig, 5000, bytes, sizeof bytes),
                        "WATCHDOG=1\nSTATUS=0 of 0 sources connected, 7 readings taken, "
                        "3 records waiting, uplink up");
    rig->store.counts.is_failing = true;
    assert_non_null(strstr(look(rig, 5000, bytes, sizeof bytes), ", commits fail"));
    service_stop(&rig->service);
    assert_non_null(strstr(hear(rig, bytes, sizeof bytes), "STOPPING=1\n"));
}

static void a_long_start_asks_for_more_time(void **state)
{
    struct rig *rig = *state;
    char bytes[512];
    service_open(&rig->service, &rig->log);
    service_wait(&rig->service, "no disk yet", 20000);
    assert_string_equal(hear(rig, bytes, sizeof bytes),
                        "EXTEND_TIMEOUT_USEC=20000000\nSTATUS=no disk yet");
}

static void a_commit_that_never_ends_starves_the_watchdog(void **state)
{
    struct rig *rig = *state;
    char bytes[512];
    start(rig);
    rig->store.is_committing = true;
    assert_true(is_fed_after(rig, 1));
    assert_false(is_fed_after(rig, 2));
    assert_string_equal(look(rig, 5000, bytes, sizeof bytes), "STATUS=store makes no progress");
}

static void commits_that_fail_and_are_tried_again_feed_it(void **state)
{
    struct rig *rig = *state;
    char bytes[512];
    start(rig);
    rig->store.is_committing = true;
    for (int i = 0; i < 100; i++) {
        rig->store.counts.failed_commits++;
        assert_non_null(strstr(look(rig, 15000, bytes, sizeof bytes), "WATCHDOG=1"));
    }
}

static void a_source_that_is_held_without_reason_starves_it(void **state)
{
    struct rig *rig = *state;
    rig->flow.source_count = 1;
    rig->flow.sources[0].is_open = rig->flow.sources[0].is_paused = true;
    start(rig);
    assert_true(is_fed_after(rig, 1));
    assert_false(is_fed_after(rig, 2));
}

static void a_connection_that_is_tried_again_for_ever_feeds_it(void **state)
{
    struct rig *rig = *state;
    char bytes[512];
    start(rig);
    rig->uplink.counts.state = UPLINK_DOWN;
    for (int i = 0; i < 400; i++) {
        if (i % 4 == 0) rig->uplink.counts.losses++;
        assert_non_null(strstr(look(rig, 15000, bytes, sizeof bytes), "WATCHDOG=1"));
    }
}

static void an_attempt_that_never_ends_starves_it(void **state)
{
    struct rig *rig = *state;
    start(rig);
    rig->uplink.counts.state = UPLINK_CONNECTING;
    assert_true(is_fed_after(rig, 14));
    assert_false(is_fed_after(rig, 2));
}

static void records_that_nobody_sends_starve_it(void **state)
{
    struct rig *rig = *state;
    start(rig);
    rig->store.counts.waiting[LANE_WINDOW] = 3;
    rig->uplink.counts.parked = 1;
    assert_true(is_fed_after(rig, 14));
    assert_false(is_fed_after(rig, 2));
}

static void records_that_the_centre_leaves_unanswered_feed_it(void **state)
{
    struct rig *rig = *state;
    start(rig);
    rig->store.counts.waiting[LANE_WINDOW] = 3;
    rig->uplink.counts.in_flight = 3;
    assert_true(is_fed_after(rig, 20));
}

static void without_uplink_nothing_is_expected_of_it(void **state)
{
    struct rig *rig = *state;
    rig->flow.uplink = NULL;
    start(rig);
    rig->store.counts.waiting[LANE_WINDOW] = 3;
    assert_true(is_fed_after(rig, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_manager_hears_how_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_start_asks_for_more_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_never_ends_starves_the_watchdog, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(commits_that_fail_and_are_tried_again_feed_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_source_that_is_held_without_reason_starves_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_is_tried_again_for_ever_feeds_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_attempt_that_never_ends_starves_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_that_nobody_sends_starve_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_that_the_centre_leaves_unanswered_feed_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_uplink_nothing_is_expected_of_it, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
