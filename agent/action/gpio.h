/* gpio: one output line of a GPIO chip, through the kernel's character device (5.10 or newer);
 * needs no library.  The kernel gives the line back when the descriptor is closed.  Blocks as long
 * as the chip's driver does; any thread. */
#ifndef ISOTHERM_ACTION_GPIO_H
#define ISOTHERM_ACTION_GPIO_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the line as an output with that level.  A descriptor to close, or -1 with errno (ENOSYS:
 * built without the kernel's header for it). */
int gpio_open_line(const char *chip, uint32_t line, bool is_active_low, bool is_on);

/* 0, or -1 with errno. */
int gpio_set_line(int line_fd, bool is_on);

#endif
