/* Publishes readings of many devices as fast as the broker takes them, or at a given rate:
 *   bench_publisher PORT READINGS DEVICES QOS RATE     (RATE 0: as fast as possible) */
#include <mosquitto.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { IN_FLIGHT = 500 };

struct publishing {
    long acknowledged;
    bool is_connected;
};

static void on_connect(struct mosquitto *client, void *context, int code)
{
    (void)client;
    ((struct publishing *)context)->is_connected = code == 0;
}

static void on_publish(struct mosquitto *client, void *context, int message_id)
{
    (void)client;
    (void)message_id;
    ((struct publishing *)context)->acknowledged++;
}

static void wait_for_turn(struct timespec *next, long rate)
{
    next->tv_nsec += 1000000000 / rate;
    if (next->tv_nsec >= 1000000000) {
        next->tv_nsec -= 1000000000;
        next->tv_sec++;
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static int publish_all(struct mosquitto *client, const struct publishing *state, long readings,
                       long devices, int qos, long rate)
{
    struct timespec next, wall;
    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    for (long i = 0; i < readings; i++) {
        char topic[64], payload[96];
        (void)snprintf(topic, sizeof topic, "factory/line/d%04ld/temperature", i % devices);
        int64_t time_ms =
            (int64_t)wall.tv_sec * 1000 - readings / devices * 1000 + i / devices * 1000;
        int size =
            snprintf(payload, sizeof payload, "{\"temp\":%ld.%02ld,\"ts\":%lld,\"unit\":\"C\"}",
                     20 + i % 7, i % 100, (long long)time_ms);
        if (mosquitto_publish(client, NULL, topic, size, payload, qos, false) != 0) return 1;
        while (i - state->acknowledged > IN_FLIGHT || mosquitto_want_write(client))
            if (mosquitto_loop(client, i - state->acknowledged > IN_FLIGHT ? 100 : 0, 1) != 0)
                return 1;
        if (rate > 0) wait_for_turn(&next, rate);
        if (rate > 0 && qos > 0 && mosquitto_loop(client, 0, 1) != 0) return 1;
    }
    while (state->acknowledged < readings)
        if (mosquitto_loop(client, 100, 1) != 0) return 1;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 6) return 64;
    struct publishing state = {0};
    if (mosquitto_lib_init() != 0) return 1;
    struct mosquitto *client = mosquitto_new("bench-publisher", true, &state);
    if (client == NULL) return 1;
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_publish_callback_set(client, on_publish);
    (void)mosquitto_max_inflight_messages_set(client, 0);
    if (mosquitto_connect(client, "127.0.0.1", atoi(argv[1]), 60) != 0) return 1;
    while (!state.is_connected)
        if (mosquitto_loop(client, 50, 1) != 0) return 1;
    int code =
        publish_all(client, &state, atol(argv[2]), atol(argv[3]), atoi(argv[4]), atol(argv[5]));
    (void)mosquitto_disconnect(client);
    /* Until the broker hangs up: it has then read everything. */
    while (mosquitto_loop(client, 1000, 1) == 0) continue;
    mosquitto_destroy(client);
    return code;
}
