/* mqtt_client: options held against each other; the rest needs a broker (tests/conformance). */
#include "base/mqtt_client.h"
#include "base/mqtt_client_setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        int port;
        bool is_tls;
    } cases[] = {
        {"mqtt://broker", "broker", 1883, false},
        {"mqtts://broker/", "broker", 8883, true},
        {"mqtt://10.0.0.1:65535", "10.0.0.1", 65535, false},
        {"mqtt://[::1]:1884", "::1", 1884, false},
        {"tcp://broker", NULL, 0, false},
        {"broker", NULL, 0, false},
        {"mqtt://", NULL, 0, false},
        {"mqtt://broker:0", NULL, 0, false},
        {"mqtt://broker:65536", NULL, 0, false},
        {"mqtt://broker:99999999999999999999", NULL, 0, false},
        {"mqtt://broker:-1", NULL, 0, false},
        {"mqtt://broker:", NULL, 0, false},
        {"mqtt://broker:1883x", NULL, 0, false},
        {"mqtt://user:secret@broker", NULL, 0, false},
        {"mqtt://[::1", NULL, 0, false},
        {"mqtt://broker/path", NULL, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqtt_address address;
        const char *problem = NULL;
        enum status status = mqtt_address_parse(cases[i].url, &address, &problem);
        if (cases[i].host == NULL) {
            assert_int_equal(status, ST_INVALID);
            assert_non_null(problem);
            continue;
        }
        assert_int_equal(status, ST_OK);
        assert_string_equal(address.host, cases[i].host);
        assert_int_equal(address.port, cases[i].port);
        assert_int_equal(address.is_tls, cases[i].is_tls);
    }
}

static void note(void *context, const char *field_name, const char *problem)
{
    (void)problem;
    (void)snprintf(context, 64, "%s", field_name);
}

static void assert_complains(const struct mqtt_options *options, const char *field_name)
{
    char found[64] = "";
    const struct field_report report = {.add = note, .context = found};
    mqtt_options_check(options, &report);
    assert_string_equal(found, field_name);
}

static void test_options_are_held_against_each_other(void **state)
{
    (void)state;
    const struct mqtt_options good = {.broker = "mqtts://b", .backoff_max_ms = 1};
    assert_complains(&good, "");
    struct mqtt_options options = good;
    (void)strcpy(options.broker, "b");
    assert_complains(&options, "broker");
    options = good;
    (void)strcpy(options.cert_file, "x");
    assert_complains(&options, "key_file");
    options = good;
    (void)strcpy(options.password_file, "x");
    assert_complains(&options, "username");
    options = good;
    (void)strcpy(options.broker, "mqtt://b");
    (void)strcpy(options.ca_file, "x");
    assert_complains(&options, "ca_file");
    options = good;
    options.backoff_min_ms = 2;
    assert_complains(&options, "retry_max");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_options_are_held_against_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
