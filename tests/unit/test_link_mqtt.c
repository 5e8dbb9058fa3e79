/* link_mqtt and uplink_mqtt: options are held to the rules, reason codes have names, and a link
 * that cannot work is refused at once. */
#include "uplink/link_mqtt.h"

#include "uplink/uplink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct problems {
    size_t count;
    char field[32];
};

static void take_problem(void *context, const char *field_name, const char *problem)
{
    struct problems *problems = context;
    assert_non_null(problem);
    problems->count++;
    strncpy(problems->field, field_name, sizeof problems->field - 1);
}

static struct uplink_mqtt_options default_options(void)
{
    struct uplink_mqtt_options options = {0};
    assert_int_equal(field_set_defaults(&uplink_mqtt_option_table, &options), ST_OK);
    strcpy(options.mqtt.broker, "mqtt://127.0.0.1:1");
    return options;
}

static void assert_topic_problems(const char *topic, size_t expected)
{
    struct uplink_mqtt_options options = default_options();
    strcpy(options.topic, topic);
    struct problems problems = {0};
    const struct field_report report = {.add = take_problem, .context = &problems};
    uplink_mqtt_option_table.check(&options, &report);
    assert_int_equal(problems.count, expected);
    if (expected > 0) assert_string_equal(problems.field, "topic");
}

static void test_defaults(void **state)
{
    (void)state;
    struct uplink_mqtt_options options = default_options();
    assert_string_equal(options.topic, "isotherm/{gateway}");
    assert_int_equal(options.in_flight, 20);
    assert_int_equal(options.pacing.rate, 0);
    assert_false(options.retain);
    assert_int_equal(options.mqtt.version, MQTT_VERSION_5);
}

static void test_topic_prefix_is_checked(void **state)
{
    (void)state;
    assert_topic_problems("isotherm/{gateway}", 0);
    assert_topic_problems("plant-4", 0);
    assert_topic_problems("", 1);
    assert_topic_problems("a/+/b", 1);
    assert_topic_problems("a/#", 1);
    assert_topic_problems("$SYS/a", 1);
    assert_topic_problems("/a", 1);
    assert_topic_problems("a/", 1);
}

static void test_reasons_have_names(void **state)
{
    (void)state;
    assert_string_equal(link_mqtt_reason_name(0x10), "no matching subscribers");
    assert_string_equal(link_mqtt_reason_name(0x87), "not authorized");
    assert_string_equal(link_mqtt_reason_name(0x97), "quota exceeded");
    assert_null(link_mqtt_reason_name(0x42));
    assert_ptr_equal(link_mqtt.reason_name, link_mqtt_reason_name);
}

static void ignore(void *context)
{
    (void)context;
}

static void ignore_loss(void *context, const char *reason)
{
    (void)context;
    assert_non_null(reason);
}

static void ignore_answer(void *context, int message_id, int reason)
{
    (void)context;
    (void)message_id;
    (void)reason;
}

static enum status open_link(struct loop *loop, const struct uplink_mqtt_options *options,
                             struct link **link)
{
    const struct link_settings settings = {.loop = loop,
                                           .part = "test",
                                           .client_id = "test",
                                           .death_topic = "t/status",
                                           .death_payload = "{}"};
    const struct link_events events = {ignore, ignore_loss, ignore_answer, NULL};
    return link_mqtt.open(link, &options->mqtt, &settings, &events);
}

static void test_unusable_broker_is_refused(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_open(&loop), ST_OK);
    struct uplink_mqtt_options options = default_options();
    strcpy(options.mqtt.broker, "carrier-pigeon://roof");
    struct link *link = (struct link *)loop;
    assert_int_equal(open_link(loop, &options, &link), ST_INVALID);
    assert_null(link);
    loop_close(loop);
}

static void test_nothing_is_taken_before_the_connection(void **state)
{
    (void)state;
    struct loop *loop;
    assert_int_equal(loop_open(&loop), ST_OK);
    struct uplink_mqtt_options options = default_options();
    struct link *link;
    assert_int_equal(open_link(loop, &options, &link), ST_OK);
    const struct link_message message = {.topic = "t", .payload = "{}", .size = 2};
    int message_id = 0;
    assert_false(link_mqtt.is_connected(link));
    assert_int_equal(link_mqtt.publish(link, &message, &message_id), ST_CLOSED);
    link_mqtt.close(link);
    link_mqtt.close(NULL);
    loop_close(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_topic_prefix_is_checked),
        cmocka_unit_test(test_reasons_have_names),
        cmocka_unit_test(test_unusable_broker_is_refused),
        cmocka_unit_test(test_nothing_is_taken_before_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
