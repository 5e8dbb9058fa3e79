/* status_print: the agent's answers for a person to read. */
#ifndef ISOTHERM_STATUS_PRINT_H
#define ISOTHERM_STATUS_PRINT_H

#include <stdbool.h>
#include <stddef.h>

/* Prints one line of JSON that the agent answered, about a device or about all of the agent.  What
 * is not JSON, and in a program without ISOTHERM_TOOLS everything, is printed as it came. */
void status_print(const char *line, size_t size, bool is_of_device);

#endif
