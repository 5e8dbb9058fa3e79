/* Invariant: nothing here changes what any byte holds. */
#include "base/memory.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { PAGE_LEAST_BYTES = 4096 };

#ifdef __GLIBC__
enum { LARGE_BYTES = 128 * 1024, ARENAS = 2 };

void memory_prepare(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
    (void)mallopt(M_ARENA_MAX, ARENAS); /* one for the loop, one for the store */
}

void memory_trim(void)
{
    (void)malloc_trim(0);
}
#else
void memory_prepare(void)
{
}

void memory_trim(void)
{
}
#endif

void memory_touch(void *bytes, size_t size)
{
    volatile unsigned char *at = bytes;
    for (size_t i = 0; i < size; i += PAGE_LEAST_BYTES) at[i] = 0;
    if (size > 0) at[size - 1] = 0;
}
