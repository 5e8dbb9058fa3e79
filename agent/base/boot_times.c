/* Invariant: a boot that is in the list keeps what is said there of where its times lie. */
#include "base/boot_times.h"

#include "base/pack.h"

#include <string.h>

#define TIME_MAX_MS (INT64_C(1) << 43) /* year 2248 */

enum { VERSION = 1 };

const struct boot_time *boot_times_find(const struct boot_times *times, uint32_t boot)
{
    for (size_t i = 0; i < times->count; i++)
        if (times->boots[i].boot == boot) return &times->boots[i];
    return NULL;
}

bool boot_times_is_open(const struct boot_times *times, uint32_t boot)
{
    if (boot != times->boot) return false;
    return !times->is_durable || boot_times_find(times, boot) == NULL;
}

int64_t boot_times_shift_ms(const struct boot_times *times, uint32_t boot,
                            enum clock_quality *clock)
{
    const struct boot_time *known = times != NULL ? boot_times_find(times, boot) : NULL;
    *clock = known != NULL ? known->clock : CLOCK_UNSET;
    return *clock != CLOCK_UNSET ? known->begin_ms - UPTIME_BASE_MS : -UPTIME_BASE_MS;
}

static void add(struct boot_times *times, const struct boot_time *added)
{
    if (times->count == BOOT_TIMES_MAX) {
        times->count--;
        memmove(times->boots, times->boots + 1, times->count * sizeof *times->boots);
    }
    times->boots[times->count++] = *added;
}

void boot_times_decide(struct boot_times *times, enum clock_quality clock, int64_t begin_ms)
{
    const struct boot_time *known = boot_times_find(times, times->boot);
    if (known != NULL) {
        times->boots[known - times->boots].begin_ms = begin_ms;
        return;
    }
    times->is_durable = false;
    add(times, &(struct boot_time){.boot = times->boot, .clock = clock, .begin_ms = begin_ms});
}

size_t boot_times_encode(const struct boot_times *times, uint8_t *bytes)
{
    struct pack_writer writer = {.bytes = bytes, .capacity = BOOT_TIMES_BYTES};
    pack_put_u8(&writer, BOOT_TIMES_TAG);
    pack_put_u8(&writer, VERSION);
    pack_put_u8(&writer, (uint8_t)times->count);
    for (size_t i = 0; i < times->count; i++) {
        pack_put_varint(&writer, times->boots[i].boot);
        pack_put_u8(&writer, (uint8_t)times->boots[i].clock);
        pack_put_signed(&writer, times->boots[i].begin_ms);
    }
    return writer.size;
}

/* A former boot of which nothing was learned is as good as forgotten. */
enum status boot_times_decode(struct boot_times *times, const void *bytes, size_t size)
{
    struct pack_reader reader = {.bytes = bytes, .size = size};
    struct boot_times read = {.boot = times->boot};
    uint8_t tag = pack_get_u8(&reader), version = pack_get_u8(&reader);
    size_t count = pack_get_u8(&reader);
    if (tag != BOOT_TIMES_TAG || version != VERSION || count > BOOT_TIMES_MAX) return ST_CORRUPT;
    for (size_t i = 0; i < count; i++) {
        struct boot_time boot = {.boot = pack_get_varint32(&reader)};
        uint8_t clock = pack_get_u8(&reader);
        boot.clock = (enum clock_quality)clock;
        boot.begin_ms = pack_get_signed(&reader);
        if (clock > CLOCK_TRUSTED || boot.begin_ms < 0 || boot.begin_ms > TIME_MAX_MS)
            return ST_CORRUPT;
        if (boot.boot == read.boot || clock != CLOCK_UNSET) add(&read, &boot);
    }
    if (reader.is_short || reader.at != size) return ST_CORRUPT;
    read.is_concerned = read.is_durable = boot_times_find(&read, read.boot) != NULL;
    *times = read;
    return ST_OK;
}
