/* Counts what our own code allocates while it is watched: the linker leads malloc, calloc and
 * realloc here for everything but the shared libraries. */
#include "simulation/allocation.h"

#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool is_watched;
static uint64_t count_seen;

uint64_t allocation_count(void)
{
    return count_seen;
}

void allocation_watch(bool is_watching)
{
    is_watched = is_watching;
}

void *__wrap_malloc(size_t size)
{
    count_seen += is_watched;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    count_seen += is_watched;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    count_seen += is_watched;
    return __real_realloc(block, size);
}
