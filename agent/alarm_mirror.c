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

static void begin_scan(struct alarm_mirror *mirror, uint64_t ticket)
{
    mirror->phase = ALARM_MIRROR_BEGIN;
    mirror->refresh++;
    mirror->refreshed = 0;
    mirror->cursor = 0;
    if (ticket > mirror->scan_ticket) mirror->scan_ticket = ticket;
}

void alarm_mirror_note(struct alarm_mirror *mirror, const char *alarm, const char *device,
                       uint64_t ticket)
{
    struct alarm_mirror_change *change = find_change(mirror, alarm);
    if (change == NULL && mirror->count == ALARM_MIRROR_CHANGES) {
        begin_scan(mirror, ticket);
        mirror->is_compared = false; /* it may be one that went away */
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
    bool must_compare = !mirror->is_compared;
    mirror->is_compared = true;
    begin_scan(mirror, 0);
    return must_compare;
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
        mirror->is_compared = false; /* again at the next connection */
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
    if (view == NULL) mirror->is_compared = false; /* it may not arrive */
    return true;
}

/* False: not now. */
static bool publish_mark(struct alarm_mirror *mirror)
{
    char json[256];
    struct text text;
    bool is_end = mirror->phase == ALARM_MIRROR_END;
    text_init(&text, json, sizeof json);
    text_json_open(&text, NULL, '{');
    text_json_int(&text, "schema", 1);
    text_json_string(&text, "type", "alarm-refresh");
    text_json_string(&text, "gateway", mirror->host.gateway);
    text_json_uint(&text, "refresh", mirror->refresh);
    text_json_string(&text, "phase", is_end ? "end" : "begin");
    if (is_end) text_json_uint(&text, "alarms", mirror->refreshed);
    text_json_close(&text, '}');
    enum status status = mirror->host.mark(mirror->host.context, json, text.size);
    if (status == ST_AGAIN || status == ST_CLOSED) return false;
    mirror->phase = is_end ? ALARM_MIRROR_NORMAL : ALARM_MIRROR_RAISED;
    mirror->cursor = 0;
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
    bool is_normal = strcmp(view->state, "NORM") == 0;
    if (find_change(mirror, view->alarm) != NULL) return false; /* its turn comes there */
    if (mirror->phase == ALARM_MIRROR_RAISED) return !is_normal;
    return is_normal && view->occurrence > 0;
}

/* False: not now, or enough for this turn. */
static bool pump_list(struct alarm_mirror *mirror)
{
    for (size_t seen = 0; seen < VIEWS_A_TURN; seen++) {
        struct alarm_view view;
        size_t cursor = mirror->cursor;
        if (mirror->host.list(mirror->host.context, &cursor, &view, 1) == 0) {
            mirror->phase =
                mirror->phase == ALARM_MIRROR_RAISED ? ALARM_MIRROR_END : ALARM_MIRROR_IDLE;
            return true;
        }
        if (is_wanted(mirror, &view)) {
            if (!publish(mirror, view.alarm, view.device, &view)) return false;
            if (mirror->phase == ALARM_MIRROR_RAISED) mirror->refreshed++;
        }
        mirror->cursor = cursor;
    }
    return false;
}

void alarm_mirror_pump(struct alarm_mirror *mirror, uint64_t durable_ticket)
{
    if (!pump_changes(mirror, durable_ticket)) return;
    while (mirror->phase != ALARM_MIRROR_IDLE && mirror->scan_ticket <= durable_ticket) {
        bool is_mark = mirror->phase == ALARM_MIRROR_BEGIN || mirror->phase == ALARM_MIRROR_END;
        if (is_mark ? !publish_mark(mirror) : !pump_list(mirror)) return;
    }
}
