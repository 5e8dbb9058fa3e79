/* Invariant: an alarm whose newest event is not durable yet is in `changes` or lies before
 * scan_ticket, so its state is not published. */
#include "alarm_mirror.h"

#include "alarm_request.h"

#include <stdio.h>
#include <string.h>

enum { VIEWS_A_TURN = 512 };

void alarm_mirror_init(struct alarm_mirror *mirror, const struct alarm_mirror_host *host)
{
    memset(mirror, 0, sizeof *mirror);
    mirror->host = *host;
}

static struct alarm_mirror_change *find_change(struct alarm_mirror *mirror, const char *alarm)
{
    for (size_t i = 0; i < mirror->count; i++)
        if (strcmp(mirror->changes[i].alarm, alarm) == 0) return &mirror->changes[i];
    return NULL;
}

static void begin_scan(struct alarm_mirror *mirror, bool scans_normal, uint64_t ticket)
{
    mirror->scans_normal = scans_normal || (mirror->is_scanning && mirror->scans_normal);
    mirror->is_scanning = true;
    mirror->cursor = 0;
    if (ticket > mirror->scan_ticket) mirror->scan_ticket = ticket;
}

void alarm_mirror_note(struct alarm_mirror *mirror, const char *alarm, const char *device,
                       uint64_t ticket)
{
    struct alarm_mirror_change *change = find_change(mirror, alarm);
    if (change == NULL && mirror->count == ALARM_MIRROR_CHANGES) {
        begin_scan(mirror, true, ticket);
        return;
    }
    if (change == NULL) {
        change = &mirror->changes[mirror->count++];
        (void)snprintf(change->alarm, sizeof change->alarm, "%s", alarm);
        (void)snprintf(change->device, sizeof change->device, "%s", device);
    }
    change->ticket = ticket;
}

bool alarm_mirror_connect(struct alarm_mirror *mirror)
{
    bool is_first = !mirror->has_connected;
    mirror->has_connected = true;
    begin_scan(mirror, is_first, 0);
    return is_first;
}

/* The alarm's own part of its id: behind the device and the slash. */
static const char *name_of(const char *alarm, const char *device)
{
    size_t size = strlen(device);
    bool begins = size > 0 && strncmp(alarm, device, size) == 0 && alarm[size] == '/';
    return begins ? alarm + size + 1 : alarm;
}

void alarm_mirror_compare(struct alarm_mirror *mirror, const char *device, const char *name)
{
    char alarm[ALARM_ID_SIZE];
    struct alarm_view view;
    int size = snprintf(alarm, sizeof alarm, "%s/%s", device, name);
    if (size < 0 || (size_t)size >= sizeof alarm || strlen(device) >= LIMIT_DEVICE_ID_SIZE) return;
    if (mirror->host.find(mirror->host.context, alarm, &view)) return;
    if (mirror->count == ALARM_MIRROR_CHANGES)
        mirror->has_connected = false; /* compared again at the next connection */
    else
        alarm_mirror_note(mirror, alarm, device, 0);
}

/* False: not now. */
static bool publish(struct alarm_mirror *mirror, const char *alarm, const char *device,
                    const struct alarm_view *view)
{
    char json[ALARM_ANSWER_BYTES];
    struct text text;
    text_init(&text, json, sizeof json);
    if (view != NULL) alarm_request_write_view(&text, NULL, view, mirror->host.gateway);
    const char *level = device[0] != '\0' ? device : mirror->host.gateway;
    enum status status =
        mirror->host.publish(mirror->host.context, level, name_of(alarm, device), json, text.size);
    if (status == ST_AGAIN || status == ST_CLOSED) return false;
    if (status == ST_OK)
        mirror->published++;
    else
        mirror->lost++;
    return true;
}

/* False: no more can be published now. */
static bool pump_changes(struct alarm_mirror *mirror, uint64_t durable_ticket)
{
    for (size_t i = 0; i < mirror->count;) {
        struct alarm_mirror_change *change = &mirror->changes[i];
        struct alarm_view view;
        if (change->ticket > durable_ticket) {
            i++;
            continue;
        }
        bool is_there = mirror->host.find(mirror->host.context, change->alarm, &view);
        if (!publish(mirror, change->alarm, change->device, is_there ? &view : NULL)) return false;
        *change = mirror->changes[--mirror->count];
    }
    return true;
}

static bool is_wanted(struct alarm_mirror *mirror, const struct alarm_view *view)
{
    if (find_change(mirror, view->alarm) != NULL) return false; /* its turn comes there */
    if (strcmp(view->state, "NORM") != 0) return true;
    return mirror->scans_normal && view->occurrence > 0;
}

static void pump_scan(struct alarm_mirror *mirror)
{
    for (size_t seen = 0; seen < VIEWS_A_TURN; seen++) {
        struct alarm_view view;
        size_t cursor = mirror->cursor;
        if (mirror->host.list(mirror->host.context, &cursor, &view, 1) == 0) {
            mirror->is_scanning = mirror->scans_normal = false;
            return;
        }
        if (is_wanted(mirror, &view) && !publish(mirror, view.alarm, view.device, &view)) return;
        mirror->cursor = cursor;
    }
}

void alarm_mirror_pump(struct alarm_mirror *mirror, uint64_t durable_ticket)
{
    if (!pump_changes(mirror, durable_ticket)) return;
    if (mirror->is_scanning && mirror->scan_ticket <= durable_ticket) pump_scan(mirror);
}
