/* config: what a correct configuration gives. */
#include "support/config_case.h"

static const char shape[] =
    "gateway: line-7\n"
    "store:   {path: /var/lib/isotherm/isotherm.db, budget: 256 MiB, commit_every: 1s}\n"
    "limits:  {devices: 1000}\n"
    "windows: [{size: 10s}, {size: 1min}, {size: 15min, every: 1min}]\n"
    "lateness: 30s\n"
    "sources:\n"
    "  - mqtt:   {broker: \"mqtt://127.0.0.1:1883\", subscribe: [{topic: "
    "\"factory/+line/+device/temperature\", value: /temp, time: /ts, unit: C}]}\n"
    "  - coap:   {listen: \"coap://127.0.0.1:5683\", path: \"t/{device}\"}\n"
    "  - serial: {port: /dev/ttyUSB0, baud: 115200, line: \"{device},{value}\"}\n"
    "alarms:  [{name: hot, devices: \"oven-*\", high: 250, deadband: 5, on_delay: 10s}]\n"
    "uplink:  {mqtt: {broker: \"mqtt://127.0.0.1:1884\"}}\n";

static void *option(const struct config_source *source, const char *name)
{
    const struct field *field = field_find(source->driver->options, name);
    assert_non_null(field);
    return field_member(field, source->options);
}

static void test_shape_is_accepted(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, shape);
    case_print(&test);
    const struct config *config = &test.config;
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.problems.count, 0);
    assert_string_equal(config->gateway, "line-7");
    assert_string_equal(config->store.path, "/var/lib/isotherm/isotherm.db");
    assert_int_equal(config->store.budget_bytes, 256 << 20);
    assert_int_equal(config->store.commit_every_ms, 1000);
    assert_int_equal(config->limits.devices, 1000);
    assert_int_equal(config->window_count, 3);
    assert_int_equal(config->windows[0].size_ms, 10000);
    assert_int_equal(config->windows[0].every_ms, 10000);
    assert_int_equal(config->windows[2].size_ms, 900000);
    assert_int_equal(config->windows[2].every_ms, 60000);
    assert_int_equal(config->lateness_ms, 30000);
    assert_int_equal(config->alarm_count, 1);
    assert_string_equal(config->alarms[0].name, "hot");
    assert_string_equal(config->alarms[0].devices, "oven-*");
    assert_true(config->alarms[0].has_high);
    assert_false(config->alarms[0].has_low);
    assert_int_equal(config->alarms[0].high_micro, 250000000);
    assert_int_equal(config->alarms[0].deadband_micro, 5000000);
    assert_int_equal(config->alarms[0].on_delay_ms, 10000);
    assert_true(config->has_uplink);
    assert_string_equal(config->uplink.mqtt.broker, "mqtt://127.0.0.1:1884");
    assert_string_equal(config->control_socket, "/var/lib/isotherm/isotherm.db.sock");
    case_close(&test);
}

static void test_sources_get_their_drivers_and_options(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, shape);
    const struct config_source *sources = test.config.sources;
    assert_int_equal(test.config.source_count, 3);
    assert_string_equal(sources[0].name, "mqtt[0]");
    assert_string_equal(sources[1].name, "coap[0]");
    assert_string_equal(sources[2].name, "serial[0]");
    assert_string_equal(option(&sources[0], "broker"), "mqtt://127.0.0.1:1883");
    assert_string_equal(option(&sources[2], "port"), "/dev/ttyUSB0");
    int64_t baud = 0;
    memcpy(&baud, option(&sources[2], "baud"), sizeof baud);
    assert_int_equal(baud, 115200);
    const struct field *list = field_find(sources[0].driver->options, "subscribe");
    char *first = option(&sources[0], "subscribe");
    size_t count = 0;
    memcpy(&count, (char *)sources[0].options + list->count_offset, sizeof count);
    assert_int_equal(count, 1);
    assert_string_equal(field_member(field_find(list->fields, "topic"), first),
                        "factory/+line/+device/temperature");
    case_close(&test);
}

static void test_names_of_sources(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "sources:\n"
                    "- mqtt: {broker: \"mqtt://a\", subscribe: [{topic: a/+device}]}\n"
                    "- mqtt: {name: hall, broker: \"mqtt://a\", subscribe: [{topic: a/+device}]}\n"
                    "- mqtt: {broker: \"mqtt://a\", subscribe: [{topic: a/+device}]}\n");
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.sources[0].name, "mqtt[0]");
    assert_string_equal(test.config.sources[1].name, "hall");
    assert_string_equal(test.config.sources[2].name, "mqtt[2]");
    assert_false(test.config.has_uplink);
    case_assert_problem(&test, 0,
                        "a.yaml:1:1: warning: no uplink: summaries and alarms wait in the store");
    case_close(&test);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config_case test;
    char host[256] = "";
    case_run(&test, CASE_REST);
    const struct config *config = &test.config;
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.problems.count, 0);
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    assert_string_equal(config->gateway, host);
    assert_int_equal(config->window_count, 1);
    assert_int_equal(config->windows[0].size_ms, 60000);
    assert_int_equal(config->windows[0].every_ms, 60000);
    assert_int_equal(config->limits.admission, ADMISSION_REFUSE);
    assert_int_equal(config->limits.payload_bytes, LIMIT_PAYLOAD_DEFAULT);
    assert_int_equal(config->times.future_ms, 300000);
    assert_int_equal(config->times.past_ms, INT64_C(366) * 86400000);
    assert_int_equal(config->grace_ms, 5000);
    assert_int_equal(config->expected_every_ms, 0);
    assert_int_equal(config->alarm_count, 0);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    case_close(&test);
}

static void test_no_windows_are_none_only_when_written(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "windows: []\n" CASE_REST);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.config.window_count, 0);
    case_close(&test);
    case_run(&test, "windows:\n" CASE_REST);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.config.window_count, 1);
    case_close(&test);
}

static void test_windows_by_count_and_other_forms(void **state)
{
    (void)state;
    struct config_case test;
    case_run(&test, "windows: [{count: 100}, {count: 100, every_count: 10}]\n"
                    "times: {past: 0, future: 0}\n"
                    "limits: {admission: evict}\n"
                    "log: {level: debug}\n"
                    "control: {socket: /run/isotherm.sock}\n"
                    "store:\n"
                    "alarms: # none\n"
                    "gateway: 7\n" CASE_REST);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.config.windows[0].every_count, 100);
    assert_int_equal(test.config.windows[1].every_count, 10);
    assert_int_equal(test.config.windows[1].every_ms, 0);
    assert_int_equal(test.config.times.past_ms, 0);
    assert_int_equal(test.config.limits.admission, ADMISSION_EVICT);
    assert_int_equal(test.config.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(test.config.control_socket, "/run/isotherm.sock");
    assert_string_equal(test.config.gateway, "7");
    struct stream_options options = config_stream_options(&test.config);
    assert_int_equal(options.devices, 1000);
    assert_int_equal(options.admission, ADMISSION_EVICT);
    assert_int_equal(options.window_count, 2);
    assert_int_equal(options.windows[1].every_count, 10);
    assert_int_equal(options.lateness_ms, 30000);
    case_close(&test);
}

static void test_variables_are_expanded_inside_scalars_only(void **state)
{
    (void)state;
    struct config_case test;
    assert_int_equal(setenv("ISOTHERM_T_GATEWAY", "line-9", 1), 0);
    assert_int_equal(setenv("ISOTHERM_T_EVIL", "x\nlimits: {devices: 7}", 1), 0);
    assert_int_equal(setenv("ISOTHERM_T_DEVICES", "55", 1), 0);
    assert_int_equal(setenv("ISOTHERM_T_EMPTY", "", 1), 0);
    assert_int_equal(unsetenv("ISOTHERM_T_NONE"), 0);
    case_run(&test,
             "gateway: ${ISOTHERM_T_GATEWAY}\n"
             "limits: {devices: \"${ISOTHERM_T_DEVICES}\"}\n"
             "lateness: ${ISOTHERM_T_NONE:-1}${ISOTHERM_T_EMPTY:-0}s\n"
             "store: {path: \"/a$$b/$x/${ISOTHERM_T_EVIL}/${ISOTHERM_T_NONE:-}$\"}\n"
             "# ${ISOTHERM_T_NONE}\n"
             "alarms: [{name: hot, devices: '${ISOTHERM_T_GATEWAY}/*', high: 1}]\n" CASE_REST);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.gateway, "line-9");
    assert_int_equal(test.config.limits.devices, 55);
    assert_int_equal(test.config.lateness_ms, 10000);
    assert_string_equal(test.config.store.path, "/a$b/$x/x\nlimits: {devices: 7}/$");
    assert_string_equal(test.config.alarms[0].devices, "line-9/*");
    case_close(&test);
}

static void test_directory_is_merged_in_order_of_names(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml",
               "gateway: one\nlimits: {devices: 5, payload: 1 KiB}\n"
               "windows: [{size: 10s}]\nlateness: 1s\n" CASE_REST);
    case_write(&test, "conf.d/20.yaml", "gateway: three\nwindows: [{size: 1h}]\n");
    case_write(&test, "conf.d/10.yaml",
               "gateway: two\nlimits: {devices: 6}\nwindows: [{size: 1min}]\n");
    case_write(&test, "conf.d/30.yaml", "# nothing here\n");
    case_write(&test, "conf.d/40.yml", "not: read\n");
    case_write(&test, "conf.d/.hidden.yaml", "not: read\n");
    case_load(&test);
    case_print(&test);
    assert_int_equal(test.status, ST_OK);
    assert_string_equal(test.config.gateway, "three");
    assert_int_equal(test.config.limits.devices, 6);
    assert_int_equal(test.config.limits.payload_bytes, 1024);
    assert_int_equal(test.config.lateness_ms, 1000);
    assert_int_equal(test.config.window_count, 3);
    assert_int_equal(test.config.windows[0].size_ms, 10000);
    assert_int_equal(test.config.windows[1].size_ms, 60000);
    assert_int_equal(test.config.windows[2].size_ms, 3600000);
    case_close(&test);
}

static void test_empty_main_file_with_a_directory(void **state)
{
    (void)state;
    struct config_case test;
    case_open(&test);
    case_make_directory(&test, "conf.d");
    case_write(&test, "a.yaml", "\xef\xbb\xbf# see conf.d\n");
    case_write(&test, "conf.d/all.yaml", CASE_REST);
    case_load(&test);
    assert_int_equal(test.status, ST_OK);
    assert_int_equal(test.config.source_count, 1);
    case_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape_is_accepted),
        cmocka_unit_test(test_sources_get_their_drivers_and_options),
        cmocka_unit_test(test_names_of_sources),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_no_windows_are_none_only_when_written),
        cmocka_unit_test(test_windows_by_count_and_other_forms),
        cmocka_unit_test(test_variables_are_expanded_inside_scalars_only),
        cmocka_unit_test(test_directory_is_merged_in_order_of_names),
        cmocka_unit_test(test_empty_main_file_with_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
