/* alarm_event: every enumerator has its word here, and the tables are as long as the enums. */
#include "alarm/alarm_event.h"

#include "base/text.h"

#include <string.h>

static const struct {
    const char *word, *id;
} kinds[] = {
    [ALARM_SENSOR_FAULT] = {"sensor_fault", "sensor_fault"},
    [ALARM_HIGH_HIGH] = {"high_high", "HH"},
    [ALARM_HIGH] = {"high", "H"},
    [ALARM_LOW_LOW] = {"low_low", "LL"},
    [ALARM_LOW] = {"low", "L"},
    [ALARM_RISE] = {"rise", "rise"},
    [ALARM_FALL] = {"fall", "fall"},
    [ALARM_STUCK] = {"stuck", "stuck"},
    [ALARM_NO_DATA] = {"no_data", "no_data"},
    [ALARM_UNUSUAL] = {"unusual", "unusual"},
    [ALARM_SOURCE_SILENT] = {"source_silent", "source_silent"},
    [ALARM_AGENT] = {"agent", "agent"},
    [ALARM_FLOOD] = {"flood", "flood"},
};

static const char *const states[] = {"NORM",  "UNACK", "ACKED", "RTNUN", "LATUN",
                                     "LATAK", "SHLVD", "DSUPR", "OOSRV", "removed"};

static const struct {
    const char *text, *verb;
} triggers[] = {
    [TRIGGER_RAISE] = {"RAISE", "raised"},
    [TRIGGER_CLEAR] = {"CLEAR", "cleared"},
    [TRIGGER_ACK] = {"ACK", "acknowledged"},
    [TRIGGER_RESET] = {"RESET", "reset"},
    [TRIGGER_SHELVE] = {"SHELVE", "shelved"},
    [TRIGGER_UNSHELVE] = {"UNSHELVE", "unshelved"},
    [TRIGGER_EXPIRE] = {"EXPIRE", "unshelved in time"},
    [TRIGGER_SUPPRESS] = {"SUPPRESS", "suppressed by design"},
    [TRIGGER_UNSUPPRESS] = {"UNSUPPRESS", "no longer suppressed"},
    [TRIGGER_OOS] = {"OOS", "taken out of service"},
    [TRIGGER_RETURN] = {"RETURN", "returned to service"},
    [TRIGGER_REALARM] = {"REALARM", "raised again"},
    [TRIGGER_CONFIG] = {"CONFIG", "changed by the configuration"},
    [TRIGGER_FLOOD] = {"FLOOD", "reported"},
};

static const char *const priorities[] = {"low", "medium", "high", "critical"};

_Static_assert(sizeof kinds / sizeof *kinds == ALARM_KIND_COUNT, "a word for each");
_Static_assert(sizeof states / sizeof *states == ALARM_STATE_COUNT, "a word for each");
_Static_assert(sizeof triggers / sizeof *triggers == TRIGGER_COUNT, "a word for each");
_Static_assert(sizeof priorities / sizeof *priorities == ALARM_PRIORITY_COUNT, "a word for each");

const char *alarm_kind_word(enum alarm_kind kind)
{
    return kinds[kind].word;
}

const char *alarm_kind_id(enum alarm_kind kind)
{
    return kinds[kind].id;
}

const char *alarm_state_text(enum alarm_state state)
{
    return states[state];
}

const char *alarm_trigger_text(enum alarm_trigger trigger)
{
    return triggers[trigger].text;
}

const char *alarm_trigger_verb(enum alarm_trigger trigger)
{
    return triggers[trigger].verb;
}

const char *alarm_priority_text(enum alarm_priority priority)
{
    return priorities[priority];
}

const char *alarm_quality_text(const char *kind, bool is_uncertain)
{
    if (!is_uncertain) return "good";
    return strcmp(kind, kinds[ALARM_SENSOR_FAULT].word) == 0 ? "bad" : "uncertain";
}

void alarm_id_write(char *id, const char *device, const char *rule, const char *kind_id)
{
    struct text text;
    text_init(&text, id, ALARM_ID_SIZE);
    text_add(&text, device);
    text_add_char(&text, '/');
    text_add(&text, rule);
    text_add_char(&text, '/');
    text_add(&text, kind_id);
}

size_t alarm_event_bytes(const struct alarm_event *event)
{
    enum { FRAME_BYTES = 40 + LIMIT_DEVICE_ID_SIZE, NUMBERS = 17, FLAGS = 10, TEXTS = 9 };
    return FRAME_BYTES + NUMBERS * 10 + FLAGS + TEXTS + strlen(event->name) + strlen(event->kind) +
           strlen(event->id) + strlen(event->group) + strlen(event->cause) + strlen(event->actor) +
           strlen(event->reason) + strlen(event->command) + strlen(event->list);
}
