#include "base/clock.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(time_t) == 8, "build 32-bit targets with _TIME_BITS=64");

static int64_t read_ms(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) return 0;
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *context)
{
    (void)context;
    return read_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *context)
{
    (void)context;
    return read_ms(CLOCK_MONOTONIC);
}

struct clock clock_system(void)
{
    return (struct clock){.wall_ms = system_wall_ms, .mono_ms = system_mono_ms, .context = 0};
}

int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->context);
}

int64_t clock_mono_ms(const struct clock *clock)
{
    return clock->mono_ms(clock->context);
}

bool clock_is_synchronised(void)
{
    struct timex state = {.modes = 0};
    int result = adjtimex(&state);
    return result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

uint32_t clock_boot_number(void)
{
    char id[64];
    uint32_t number = UINT32_C(2166136261); /* FNV-1a */
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, id, sizeof id);
    if (fd >= 0) (void)close(fd);
    if (size <= 0) size = getrandom(id, sizeof id, GRND_NONBLOCK);
    for (ssize_t i = 0; i < size; i++)
        number = (number ^ (unsigned char)id[i]) * UINT32_C(16777619);
    return number != 0 ? number : 1;
}
