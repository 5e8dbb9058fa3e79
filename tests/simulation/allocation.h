/* allocation: whether our own code allocates while it runs. */
#ifndef ISOTHERM_TESTS_ALLOCATION_H
#define ISOTHERM_TESTS_ALLOCATION_H

#include <stdbool.h>
#include <stdint.h>

/* Allocations by our own code while it was watched, since the program began. */
uint64_t allocation_count(void);
void allocation_watch(bool is_watching);

#endif
