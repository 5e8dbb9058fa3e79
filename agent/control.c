/* Invariant: a client costs one fixed slot; whatever it does or leaves undone, the agent neither
 * waits for it nor allocates for it. */
#include "control.h"

#include "alarm_front.h"
#include "alarm_request.h"
#include "report.h"
#include "uplink/encode_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CLIENTS = 8,
    REQUEST_SIZE = 1536,
    OUTPUT_SIZE = 64 * 1024,
    LINE_SIZE = 2048,
    GROUPS = 64,
    ALARMS_A_TURN = 4096,
    DEADLINE_MS = 10000 /* for a request to arrive and an answer to be taken */
};

enum wants { WANTS_REQUEST, WANTS_STATUS, WANTS_DEVICES, WANTS_TAIL, WANTS_ALARMS, WANTS_ANSWER };

struct client {
    struct control *control;
    struct loop_watch *watch; /* NULL: the slot is free */
    int fd;
    enum wants wants;
    bool wants_readings, wants_records;
    char request[REQUEST_SIZE];
    size_t request_size;
    size_t next_device;
    size_t alarm_cursor;
    bool wants_normal; /* alarms in Normal too */
    uint64_t ticket;   /* of WANTS_ANSWER: nothing is written before it is durable */
    bool is_complete;  /* all of the answer is in output */
    uint64_t lost_lines;
    int64_t since_mono_ms;
    char output[OUTPUT_SIZE];
    size_t start, end; /* of what is not yet written */
};

struct control {
    struct control_subject subject;
    struct sockaddr_un address;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct client clients[CLIENTS];
};

static void client_close(struct client *client)
{
    if (client->watch == NULL) return;
    loop_watch_stop(&client->watch);
    (void)close(client->fd);
}

static size_t client_room(struct client *client)
{
    if (client->start > 0 && client->end - client->start < OUTPUT_SIZE / 2) {
        memmove(client->output, client->output + client->start, client->end - client->start);
        client->end -= client->start;
        client->start = 0;
    }
    return OUTPUT_SIZE - client->end;
}

static void client_add_line(struct client *client, const char *line, size_t size)
{
    if (client_room(client) < size + 1) {
        client->lost_lines++;
        return;
    }
    memcpy(client->output + client->end, line, size);
    client->end += size;
    client->output[client->end++] = '\n';
}

static void add_status(struct client *client)
{
    const struct control_subject *subject = &client->control->subject;
    struct text text;
    text_init(&text, client->output, OUTPUT_SIZE - 1);
    report_status(&text, subject->flow, subject->epoch, subject->started_mono_ms);
    client->start = 0;
    client->end = text.size;
    client->output[client->end++] = '\n';
    client->is_complete = true;
}

static void add_devices(struct client *client)
{
    struct flow *flow = client->control->subject.flow;
    int64_t now_mono_ms = clock_mono_ms(&flow->host.clock);
    size_t limit = (size_t)flow->config->limits.devices;
    char line[LINE_SIZE];
    while (client->next_device < limit && client_room(client) > LINE_SIZE) {
        struct stream_device device;
        size_t index = client->next_device++;
        if (!stream_get_device(flow->stream, index, now_mono_ms, &device)) continue;
        struct text text;
        text_init(&text, line, sizeof line);
        report_device(&text, &device);
        client_add_line(client, line, text.size);
    }
    client->is_complete = client->next_device >= limit;
}

static void add_alarms(struct client *client)
{
    struct alarm_view view;
    char line[LINE_SIZE];
    for (size_t seen = 0; seen < ALARMS_A_TURN && client_room(client) > LINE_SIZE; seen++) {
        const struct alarm_front *front = client->control->subject.flow->front;
        client->is_complete = alarm_front_list(front, &client->alarm_cursor, &view, 1) == 0;
        if (client->is_complete) break;
        if (!client->wants_normal && strcmp(view.state, "NORM") == 0) continue;
        struct text text;
        text_init(&text, line, sizeof line);
        alarm_request_write_view(&text, NULL, &view, NULL);
        client_add_line(client, line, text.size);
    }
}

static void take_command(struct client *client, const char *json)
{
    struct flow *flow = client->control->subject.flow;
    struct ucred peer;
    socklen_t size = sizeof peer;
    char name[32] = "local";
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
        (void)snprintf(name, sizeof name, "uid %u", (unsigned)peer.uid);
    struct text text;
    text_init(&text, client->output, OUTPUT_SIZE - 1);
    client->ticket = alarm_front_take_local(flow->front, json, strlen(json), name, &text);
    client->start = 0;
    client->end = text.size;
    client->output[client->end++] = '\n';
    client->is_complete = true;
}

/* What is said of an alarm may be said once it is durable. */
static bool is_held(const struct client *client)
{
    const struct flow *flow = client->control->subject.flow;
    return client->wants == WANTS_ANSWER && client->ticket > flow->host.durable_ticket;
}

static void client_watch(struct client *client)
{
    unsigned events = LOOP_READABLE;
    bool has_more = client->wants == WANTS_ALARMS && !client->is_complete;
    if ((client->end > client->start || has_more) && !is_held(client)) events |= LOOP_WRITABLE;
    loop_watch_update(client->watch, events);
}

/* Writes what can be written; closes a client that has its answer or is gone. */
static void client_write(struct client *client)
{
    while (!is_held(client)) {
        if (client->start == client->end) {
            client->start = client->end = 0;
            if (client->wants == WANTS_DEVICES && !client->is_complete) add_devices(client);
            if (client->wants == WANTS_ALARMS && !client->is_complete) add_alarms(client);
            if (client->start == client->end) break;
        }
        ssize_t written = send(client->fd, client->output + client->start,
                               client->end - client->start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (written < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (written < 0) {
            client_close(client);
            return;
        }
        client->start += (size_t)written;
    }
    if (client->is_complete && client->start == client->end && !is_held(client))
        client_close(client);
    else
        client_watch(client);
}

static void client_obey(struct client *client)
{
    char *request = client->request;
    request[strcspn(request, "\r\n")] = '\0';
    client->wants_readings = strcmp(request, "tail readings") == 0;
    client->wants_records = strcmp(request, "tail records") == 0;
    if (strcmp(request, "tail all") == 0) client->wants_readings = client->wants_records = true;
    if (client->wants_readings || client->wants_records) {
        client->wants = WANTS_TAIL;
    } else if (strcmp(request, "status") == 0) {
        client->wants = WANTS_STATUS;
        add_status(client);
    } else if (strcmp(request, "devices") == 0) {
        client->wants = WANTS_DEVICES;
        add_devices(client);
    } else if (strcmp(request, "alarms") == 0 || strcmp(request, "alarms all") == 0) {
        client->wants = WANTS_ALARMS;
        client->wants_normal = strcmp(request, "alarms all") == 0;
        add_alarms(client);
    } else if (strncmp(request, "command ", 8) == 0) {
        client->wants = WANTS_ANSWER;
        take_command(client, request + 8);
    } else {
        static const char answer[] = "{\"error\":\"unknown request\"}";
        client_add_line(client, answer, sizeof answer - 1);
        client->is_complete = true;
    }
    client_write(client);
}

static void on_client(void *context, int fd, unsigned events)
{
    struct client *client = context;
    if (events & LOOP_READABLE) {
        char *into = client->request + client->request_size;
        size_t room = REQUEST_SIZE - 1 - client->request_size;
        ssize_t size = recv(fd, into, room, MSG_DONTWAIT);
        bool is_gone = size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
        if (is_gone || (client->wants != WANTS_REQUEST && size > 0)) {
            client_close(client);
            return;
        }
        if (size > 0) client->request_size += (size_t)size;
        client->request[client->request_size] = '\0';
        bool is_whole = strchr(client->request, '\n') != NULL;
        if (client->wants == WANTS_REQUEST && is_whole) {
            client_obey(client);
            return;
        }
        if (client->request_size >= REQUEST_SIZE - 1) {
            client_close(client);
            return;
        }
    }
    if (events & LOOP_WRITABLE) client_write(client);
}

/* With more groups than fit, those that fit would be none: then the first one has to do. */
static bool is_in_group(int fd, gid_t group)
{
    gid_t groups[GROUPS];
    socklen_t size = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) return false;
    for (size_t i = 0; i < size / sizeof groups[0]; i++)
        if (groups[i] == group) return true;
    return false;
}

static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid() ||
           is_in_group(fd, getegid());
}

static void turn_away(struct control *control, int fd, const char *answer)
{
    log_limited(control->subject.flow->host.log, LOG_LEVEL_WARN, "control", answer,
                "a client was turned away: %s", answer);
    (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

static void on_connection(void *context, int listening_fd, unsigned events)
{
    struct control *control = context;
    struct flow *flow = control->subject.flow;
    (void)events;
    int fd = accept4(listening_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (!is_allowed(fd)) {
        turn_away(control, fd, CONTROL_DENIED);
        return;
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->watch != NULL) continue;
        memset(client, 0, offsetof(struct client, output));
        client->start = client->end = 0;
        client->control = control;
        client->fd = fd;
        client->since_mono_ms = clock_mono_ms(&flow->host.clock);
        client->watch = loop_watch_start(flow->host.loop, fd, LOOP_READABLE, on_client, client);
        if (client->watch != NULL) return;
    }
    turn_away(control, fd, CONTROL_BUSY);
}

static void tail_line(struct client *client, const char *line, size_t size)
{
    if (client->lost_lines > 0 && client_room(client) > LINE_SIZE) {
        char note[64];
        struct text text;
        text_init(&text, note, sizeof note);
        text_json_open(&text, NULL, '{');
        text_json_uint(&text, "lost_lines", client->lost_lines);
        text_json_close(&text, '}');
        client->lost_lines = 0;
        client_add_line(client, note, text.size);
    }
    bool was_empty = client->start == client->end;
    client_add_line(client, line, size);
    if (was_empty) client_watch(client); /* written when the loop comes round */
}

static bool wants(const struct client *client, bool is_reading)
{
    if (client->watch == NULL || client->wants != WANTS_TAIL) return false;
    return is_reading ? client->wants_readings : client->wants_records;
}

static void on_reading(void *context, const struct flow_source *source,
                       const struct reading *reading, int64_t arrival_ms)
{
    struct control *control = context;
    char line[LINE_SIZE];
    struct text text;
    text.size = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        if (!wants(&control->clients[i], true)) continue;
        if (text.size == 0) {
            text_init(&text, line, sizeof line);
            text_json_open(&text, NULL, '{');
            text_json_string(&text, "device", reading->device);
            text_json_micro(&text, "value", reading->value_micro);
            int64_t time_ms = reading->has_event_time ? reading->event_ms : arrival_ms;
            encode_json_add_time(&text, "time", time_ms);
            text_json_string(&text, "source", source->intake.name);
            text_json_close(&text, '}');
        }
        tail_line(&control->clients[i], line, text.size);
    }
}

static void on_record(void *context, const struct record *record)
{
    struct control *control = context;
    const struct encode_json_origin origin = {.gateway = control->subject.flow->config->gateway,
                                              .epoch = control->subject.epoch,
                                              .boot_times = &control->subject.flow->boot_times};
    char line[LIMIT_RECORD_JSON];
    size_t size = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        if (!wants(&control->clients[i], false)) continue;
        if (size == 0) size = encode_json_record(record, &origin, false, line, sizeof line);
        if (size > 0) tail_line(&control->clients[i], line, size);
    }
}

/* Answers to commands may have waited for it. */
static void on_committed(void *context)
{
    struct control *control = context;
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->watch != NULL && client->wants == WANTS_ANSWER) client_write(client);
    }
}

/* Turns away who has connected and then neither asks nor takes the answer. */
static void on_timer(void *context)
{
    struct control *control = context;
    int64_t now_mono_ms = clock_mono_ms(&control->subject.flow->host.clock);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->watch == NULL || client->wants == WANTS_TAIL || is_held(client)) continue;
        if (now_mono_ms - client->since_mono_ms > DEADLINE_MS) client_close(client);
    }
}

static enum status listen_at(struct control *control, const char *path, struct log *log)
{
    struct sockaddr_un *address = &control->address;
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return ST_INVALID;
    memcpy(address->sun_path, path, strlen(path) + 1);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->fd < 0) return ST_IO;
    const struct sockaddr *generic = (const struct sockaddr *)address;
    /* EAGAIN: somebody listens, but has more callers than it can take at once. */
    if (connect(control->fd, generic, sizeof *address) == 0 || errno == EAGAIN) {
        log_write(log, LOG_LEVEL_ERROR, "control", "another agent already listens at %s", path);
        address->sun_path[0] = '\0'; /* not ours to remove */
        return ST_IO;
    }
    struct stat found;
    if (lstat(path, &found) == 0 && S_ISSOCK(found.st_mode)) (void)unlink(path);
    mode_t mask = umask(0117);
    int result = bind(control->fd, generic, sizeof *address);
    (void)umask(mask); /* leaves errno alone */
    if (result == 0) result = listen(control->fd, CLIENTS);
    if (result == 0) return ST_OK;
    bool is_missing = errno == ENOENT;
    log_limited(log, LOG_LEVEL_ERROR, "control", "listen", "cannot listen at %s: %s", path,
                strerror(errno));
    address->sun_path[0] = '\0';
    return is_missing ? ST_AGAIN : ST_IO;
}

size_t control_size_bytes(void)
{
    return sizeof(struct control);
}

size_t control_client_bytes(void)
{
    return sizeof(struct client);
}

enum status control_open(struct control **result, const char *path,
                         const struct control_subject *subject)
{
    struct control *control = calloc(1, sizeof *control);
    *result = control;
    if (control == NULL) return ST_NO_MEMORY;
    control->subject = *subject;
    control->fd = -1;
    struct flow *flow = subject->flow;
    enum status status = listen_at(control, path, flow->host.log);
    if (status == ST_OK) {
        control->watch =
            loop_watch_start(flow->host.loop, control->fd, LOOP_READABLE, on_connection, control);
        control->timer =
            loop_timer_start(flow->host.loop, DEADLINE_MS, DEADLINE_MS, on_timer, control);
        if (control->watch == NULL || control->timer == NULL) status = ST_FULL;
    }
    if (status == ST_OK)
        flow->watcher = (struct flow_watcher){.reading = on_reading,
                                              .record = on_record,
                                              .committed = on_committed,
                                              .context = control};
    if (status == ST_OK) return ST_OK;
    control_close(control);
    *result = NULL;
    return status;
}

void control_close(struct control *control)
{
    if (control == NULL) return;
    control->subject.flow->watcher = (struct flow_watcher){0};
    for (size_t i = 0; i < CLIENTS; i++) client_close(&control->clients[i]);
    loop_watch_stop(&control->watch);
    loop_timer_stop(&control->timer);
    if (control->fd >= 0) (void)close(control->fd);
    if (control->address.sun_path[0] != '\0') (void)unlink(control->address.sun_path);
    free(control);
}
