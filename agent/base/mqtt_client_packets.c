/* Invariant: no packet is handed to the library before its length was looked at (plain TCP), and
 * nothing is written to the socket while acknowledgements are held. */
#include "base/mqtt_client_state.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    PACKETS_PER_ROUND = 64, /* then other work gets its turn */
    STALL_MS = 20,          /* wait for the rest of a fixed header */
    STALL_TRIES = 500
};

bool mqtt_packets_are_held(const struct mqtt_client *client)
{
    return client->state == CLIENT_UP && client->is_held && client->settings.holds_acknowledgements;
}

int mqtt_packets_write(struct mqtt_client *client)
{
    if (mqtt_packets_are_held(client)) return MOSQ_ERR_SUCCESS;
    return mosquitto_loop_write(client->handle, 1);
}

enum peek { PEEK_GO, PEEK_NOTHING, PEEK_UNCLEAR, PEEK_TOO_LONG };

/* Looks at the fixed header of the next packet before the library allocates what it announces. */
static enum peek peek_packet(struct mqtt_client *client)
{
    unsigned char header[5];
    ssize_t size =
        recv(mosquitto_socket(client->handle), header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return PEEK_NOTHING;
    if (size <= 0) return PEEK_GO; /* the library finds the same and says why */
    client->first_byte = header[0];
    uint32_t length = 0;
    for (ssize_t i = 1; i < size; i++) {
        length |= (uint32_t)(header[i] & 0x7f) << (7 * (i - 1));
        if (header[i] & 0x80) continue;
        return length > client->settings.packet_limit_bytes ? PEEK_TOO_LONG : PEEK_GO;
    }
    return size == (ssize_t)sizeof header ? PEEK_GO : PEEK_UNCLEAR;
}

/* Whether the next packet may be read; *rc is the library's error when it must not ever. */
static bool may_read(struct mqtt_client *client, int *rc)
{
    if (client->is_paused && client->state == CLIENT_UP) return false;
    if (!client->can_peek || client->is_inside_packet) return true;
    switch (peek_packet(client)) {
    case PEEK_GO:
        client->stall_tries = 0;
        return true;
    case PEEK_NOTHING:
        return false;
    case PEEK_UNCLEAR:
        /* Left unread, else a trickled header would slip past; so poll must look away a while. */
        if (++client->stall_tries > STALL_TRIES) {
            mqtt_state_set_reason(client, "the broker does not finish the header of a packet");
            *rc = MOSQ_ERR_PROTOCOL;
            return false;
        }
        client->is_stalled = true;
        loop_timer_again(client->stall_timer, STALL_MS, 0);
        return false;
    case PEEK_TOO_LONG:
        break;
    }
    log_limited(client->settings.log, LOG_LEVEL_WARN, client->settings.part, "packet-too-long",
                "the broker sends a packet longer than %u bytes; dropping the connection",
                client->settings.packet_limit_bytes);
    mqtt_state_set_reason(client, "the broker sent a packet that is too long");
    client->waits_longest = true;
    *rc = MOSQ_ERR_OVERSIZE_PACKET;
    return false;
}

/* The library reads about one packet a call and tells by errno that nothing more is there; our
 * callbacks leave errno at 0 for that.  A TLS record already decrypted is seen in no other way. */
int mqtt_packets_read(struct mqtt_client *client)
{
    int rc = MOSQ_ERR_SUCCESS;
    for (int i = 0; i < PACKETS_PER_ROUND && may_read(client, &rc); i++) {
        errno = 0;
        rc = mosquitto_loop_read(client->handle, 1);
        bool is_drained = errno == EAGAIN || errno == EWOULDBLOCK;
        client->is_inside_packet = is_drained;
        if (rc != MOSQ_ERR_SUCCESS || client->is_abandoned || client->wants_reconnect) break;
        if (client->wants_flush) {
            client->wants_flush = false;
            rc = mosquitto_loop_write(client->handle, 1);
        }
        if (rc != MOSQ_ERR_SUCCESS || is_drained) break;
    }
    return rc;
}

void mqtt_packets_end_stall(struct mqtt_client *client)
{
    client->is_stalled = false;
}
