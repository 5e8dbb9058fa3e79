/* The counterpart is two sensors, one per instance, that repeat a request until it is answered and
 * come back after 5.03, as CoAP wants it, only faster. */
#include "conformance/conformance.h"
#include "support/coap_peer.h"
#include "support/free_port.h"

#include "base/field.h"
#include "drivers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { INSTANCES = 2, REQUESTS = 64, TICK_MS = 5, REPEAT_TICKS = 40, SUCCESS = 204, LATER = 503 };

struct request {
    uint16_t message_id;
    char payload[32];
    int ticks_left; /* until it is sent again; stops at an empty ACK */
    bool is_acknowledged;
};

struct sensor {
    struct coap_peer peer;
    uint16_t port;
    uint16_t next_message_id;
    struct request requests[REQUESTS];
    size_t request_count;
};

struct sensors {
    struct loop_timer *timer;
    struct sensor of[INSTANCES];
};

static void send_request(struct sensor *sensor, struct request *request)
{
    struct coap_peer_request post =
        coap_peer_post(request->message_id, "t/oven-1", request->payload);
    request->ticks_left = REPEAT_TICKS;
    coap_peer_send(&sensor->peer, &post);
}

/* The token is made from the message id, so that it finds the request of a separate answer. */
static struct request *find_request(struct sensor *sensor, const struct coap_peer_message *message)
{
    uint16_t id = message->message_id;
    if (message->token_size == 3) id = (uint16_t)(message->token[1] << 8 | message->token[2]);
    for (size_t i = 0; i < sensor->request_count; i++)
        if (sensor->requests[i].message_id == id) return &sensor->requests[i];
    return NULL;
}

static void take_message(struct sensor *sensor, const struct coap_peer_message *message)
{
    struct request *request = find_request(sensor, message);
    if (message->type == COAP_PEER_CON) coap_peer_acknowledge(&sensor->peer, message->message_id);
    if (request == NULL) return;
    if (message->code == 0) request->ticks_left = 0;
    if (message->code == SUCCESS) request->is_acknowledged = true;
    if (message->code == LATER) {
        request->message_id = sensor->next_message_id++;
        send_request(sensor, request);
    }
}

static void on_tick(void *context)
{
    struct sensors *sensors = context;
    for (int i = 0; i < INSTANCES; i++) {
        struct sensor *sensor = &sensors->of[i];
        struct coap_peer_message message;
        for (int n = 0; n < REQUESTS && coap_peer_receive(&sensor->peer, &message); n++)
            take_message(sensor, &message);
        for (size_t n = 0; n < sensor->request_count; n++) {
            struct request *request = &sensor->requests[n];
            if (request->is_acknowledged || request->ticks_left == 0) continue;
            if (--request->ticks_left == 0) send_request(sensor, request);
        }
    }
}

static void start(void *counterpart, struct loop *loop)
{
    struct sensors *sensors = counterpart;
    memset(sensors, 0, sizeof *sensors);
    for (int i = 0; i < INSTANCES; i++) {
        sensors->of[i].port = free_port(SOCK_DGRAM);
        coap_peer_open(&sensors->of[i].peer, "127.0.0.1", sensors->of[i].port);
    }
    sensors->timer = loop_timer_start(loop, TICK_MS, TICK_MS, on_tick, sensors);
    assert_non_null(sensors->timer);
}

static void stop(void *counterpart)
{
    struct sensors *sensors = counterpart;
    loop_timer_stop(&sensors->timer);
    for (int i = 0; i < INSTANCES; i++) coap_peer_close(&sensors->of[i].peer);
}

static void set_listen(void *options, const char *url)
{
    char problem[128];
    const struct field *field = field_find(driver_coap.options, "listen");
    assert_int_equal(field_set_text(field, options, url, problem, sizeof problem), ST_OK);
}

static void set_options(void *counterpart, int instance, void *options)
{
    const struct sensors *sensors = counterpart;
    char url[64];
    snprintf(url, sizeof url, "coap://127.0.0.1:%u", sensors->of[instance].port);
    assert_int_equal(field_set_defaults(driver_coap.options, options), ST_OK);
    set_listen(options, url);
}

static void break_options(void *counterpart, void *options)
{
    (void)counterpart;
    set_listen(options, "coap://sensors.example");
}

static void send_reading(void *counterpart, int instance, int64_t value_micro)
{
    struct sensor *sensor = &((struct sensors *)counterpart)->of[instance];
    assert_true(sensor->request_count < REQUESTS);
    struct request *request = &sensor->requests[sensor->request_count++];
    *request = (struct request){.message_id = sensor->next_message_id++};
    snprintf(request->payload, sizeof request->payload, "%lld.%06lld",
             (long long)(value_micro / 1000000), (long long)(value_micro % 1000000));
    send_request(sensor, request);
}

static void send_garbage(void *counterpart, int instance)
{
    struct sensor *sensor = &((struct sensors *)counterpart)->of[instance];
    struct coap_peer_request post =
        coap_peer_post(sensor->next_message_id++, "t/oven-1", "\x01\xfe{garbage");
    coap_peer_send(&sensor->peer, &post);
}

static size_t count_acknowledged(void *counterpart, int instance)
{
    const struct sensor *sensor = &((struct sensors *)counterpart)->of[instance];
    size_t count = 0;
    for (size_t i = 0; i < sensor->request_count; i++) count += sensor->requests[i].is_acknowledged;
    return count;
}

int main(void)
{
    struct sensors sensors = {0};
    const struct conformance_case the_case = {
        .driver = &driver_coap,
        .device = "oven-1",
        .garbage_verdict = VERDICT_NOT_NUMBER,
        .counterpart = &sensors,
        .start = start,
        .stop = stop,
        .set_options = set_options,
        .break_options = break_options,
        .send_reading = send_reading,
        .send_garbage = send_garbage,
        .count_acknowledged = count_acknowledged,
    };
    return conformance_run(&the_case);
}
