/* The bare baseline: a libmosquitto subscriber that only counts.
 *   bench_subscriber PORT QOS READINGS    prints "ready", then "done" after READINGS messages */
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct counting {
    long count;
    bool is_subscribed;
};

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message)
{
    struct counting *counting = context;
    (void)client;
    (void)message;
    counting->count++;
}

static void on_subscribe(struct mosquitto *client, void *context, int message_id, int count,
                         const int *granted)
{
    struct counting *counting = context;
    (void)client;
    (void)message_id;
    (void)count;
    (void)granted;
    counting->is_subscribed = true;
}

/* One poll, then everything that is readable: the same way of reading as the agent's. */
static int turn(struct mosquitto *client)
{
    struct pollfd waiting = {.fd = mosquitto_socket(client), .events = POLLIN};
    if (mosquitto_want_write(client)) waiting.events |= POLLOUT;
    if (poll(&waiting, 1, 1000) < 0) return 1;
    if (waiting.revents & POLLOUT && mosquitto_loop_write(client, 1) != 0) return 1;
    for (int i = 0; i < 64 && (waiting.revents & POLLIN); i++) {
        if (mosquitto_loop_read(client, 1) != 0) return 1;
        waiting.events = POLLIN;
        if (poll(&waiting, 1, 0) <= 0) break;
    }
    return mosquitto_loop_misc(client);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 64;
    struct counting counting = {0};
    if (mosquitto_lib_init() != 0) return 1;
    struct mosquitto *client = mosquitto_new("bench-subscriber", true, &counting);
    if (client == NULL) return 1;
    (void)mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    (void)mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 250);
    mosquitto_message_callback_set(client, on_message);
    mosquitto_subscribe_callback_set(client, on_subscribe);
    if (mosquitto_connect(client, "127.0.0.1", atoi(argv[1]), 60) != 0) return 1;
    if (mosquitto_subscribe(client, NULL, "factory/+/+/temperature", atoi(argv[2])) != 0) return 1;
    while (!counting.is_subscribed)
        if (turn(client) != 0) return 1;
    (void)puts("ready");
    (void)fflush(stdout);
    while (counting.count < atol(argv[3]))
        if (turn(client) != 0) return 1;
    (void)puts("done");
    (void)fflush(stdout);
    (void)pause(); /* so that the caller can read what was used */
    return 0;
}
