/* Invariant: of no packet does the library take in more than the limit (plain TCP): its length was
 * looked at before, or its bytes are counted; and nothing is written to the socket while
 * acknowledgements are held. */
#include "base/mqtt_client_state.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum {
    PACKETS_PER_ROUND = 64, /* then other work gets its turn */
    STALL_MS = 20,          /* wait for the rest of a fixed header */
    STALL_TRIES = 3
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

static void refuse_length(struct mqtt_client *client, int *rc)
{
    log_limited(client->settings.log, LOG_LEVEL_WARN, client->settings.part, "packet-too-long",
                "the broker sends a packet longer than %u bytes; dropping the connection",
                client->settings.packet_limit_bytes);
    mqtt_state_set_reason(client, "the broker sent a packet that is too long");
    client->waits_longest = true;
    *rc = MOSQ_ERR_OVERSIZE_PACKET;
}

/* Counts what the library is about to read of a packet whose length was not seen. */
static bool may_read_unseen(struct mqtt_client *client, int *rc)
{
    int size = 0;
    if (!client->is_unseen) return true;
    if (ioctl(mosquitto_socket(client->handle), FIONREAD, &size) == 0 && size > 0)
        client->unseen_bytes += (unsigned)size;
    if (client->unseen_bytes <= client->settings.packet_limit_bytes) return true;
    refuse_length(client, rc);
    return false;
}

/* A header cut in two is left unread for a moment, so that its length is seen in one piece.  Not
 * for long: with all but a byte read the kernel may go on telling the broker that there is no
 * room, because that byte holds a large buffer, and the rest would never come. */
static bool may_read_unclear(struct mqtt_client *client)
{
    if (++client->stall_tries <= STALL_TRIES) {
        mqtt_packets_rest(client, STALL_MS);
        return false;
    }
    client->stall_tries = 0;
    client->is_unseen = true;
    client->unseen_bytes = 0;
    return true;
}

/* Whether the next packet may be read; *rc is the library's error when it must not ever. */
static bool may_read(struct mqtt_client *client, int *rc)
{
    if (client->is_paused && client->state == CLIENT_UP) return false;
    if (!client->can_peek) return true;
    if (client->is_inside_packet) return may_read_unseen(client, rc);
    client->is_unseen = false;
    switch (peek_packet(client)) {
    case PEEK_GO:
        client->stall_tries = 0;
        return true;
    case PEEK_NOTHING:
        client->is_draining = false;
        return false;
    case PEEK_UNCLEAR:
        return may_read_unclear(client);
    case PEEK_TOO_LONG:
        break;
    }
    refuse_length(client, rc);
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
        client->is_draining = !is_drained;
        if (rc != MOSQ_ERR_SUCCESS || client->is_abandoned || client->wants_reconnect) break;
        if (client->wants_flush) {
            client->wants_flush = false;
            rc = mosquitto_loop_write(client->handle, 1);
        }
        if (rc != MOSQ_ERR_SUCCESS || is_drained) break;
    }
    return rc;
}

void mqtt_packets_rest(struct mqtt_client *client, int64_t wait_ms)
{
    client->is_resting = true;
    loop_timer_again(client->rest_timer, wait_ms, 0);
}

bool mqtt_packets_coalesce(struct mqtt_client *client)
{
    if (client->state != CLIENT_UP || client->settings.coalesce_ms == 0 || client->is_draining)
        return false;
    client->is_draining = true; /* from the end of the rest on */
    if (client->hurry_until_mono_ms > clock_mono_ms(&client->clock)) return false;
    mqtt_packets_rest(client, client->settings.coalesce_ms);
    return true;
}
