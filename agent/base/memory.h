/* memory: what is allocated at start is had at start.  Pure. */
#ifndef ISOTHERM_BASE_MEMORY_H
#define ISOTHERM_BASE_MEMORY_H

#include <stddef.h>

/* Keeps the C library from changing its mind: large blocks always come from the system and go back
 * to it, so that what is needed only while starting is not kept.  Once, before anything is
 * allocated.  Does nothing where the library has no such choice. */
void memory_prepare(void);

/* Gives back what was freed. */
void memory_trim(void);

/* Writes a zero into every page of a block of zeroes, so that the system has to provide the memory
 * now and it is not found missing later.  A memset right behind malloc would not do: compilers
 * make one calloc of the two, which provides nothing. */
void memory_touch(void *bytes, size_t size);

#endif
