/* Stands in for alarm_unusual.c in a build without learned alarms.  Invariant: no rule asks for
 * one, since the configuration refuses it; what another build learned is passed over. */
#include "alarm/alarm_unusual.h"

enum status alarm_unusual_open(struct alarm_engine *engine, size_t sources)
{
    (void)engine;
    (void)sources;
    return ST_OK;
}

void alarm_unusual_close(struct alarm_engine *engine)
{
    (void)engine;
}

size_t alarm_unusual_size_bytes(const struct alarm_options *options, size_t sources)
{
    (void)options;
    (void)sources;
    return 0;
}

void alarm_unusual_admit(struct alarm_engine *engine, uint32_t source)
{
    (void)engine;
    (void)source;
}

void alarm_unusual_remove(struct alarm_engine *engine, uint32_t source)
{
    (void)engine;
    (void)source;
}

void alarm_unusual_judge(struct alarm_engine *engine, uint32_t index, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    (void)engine;
    (void)index;
    (void)value_micro;
    (void)event_ms;
    (void)is_of_device;
    (void)now;
}

void alarm_unusual_learn(struct alarm_engine *engine, uint32_t source, int64_t value_micro,
                         int64_t event_ms, bool is_of_device, const struct alarm_now *now)
{
    (void)engine;
    (void)source;
    (void)value_micro;
    (void)event_ms;
    (void)is_of_device;
    (void)now;
}

void alarm_unusual_explain(const struct alarm_engine *engine, uint32_t index,
                           struct alarm_event *event)
{
    (void)engine;
    (void)index;
    (void)event;
}

size_t alarm_unusual_reserved_bytes(const struct alarm_engine *engine)
{
    (void)engine;
    return 0;
}

void alarm_unusual_flush(struct alarm_engine *engine)
{
    (void)engine;
}

bool alarm_unusual_is_first(const struct alarm_engine *engine, uint32_t index)
{
    (void)engine;
    (void)index;
    return false;
}

void alarm_unusual_write_whole(struct alarm_engine *engine, uint32_t source)
{
    (void)engine;
    (void)source;
}

enum status alarm_unusual_restore(struct alarm_engine *engine, const char *source,
                                  struct pack_reader *reader)
{
    (void)engine;
    (void)source;
    (void)reader;
    return ST_OK;
}
