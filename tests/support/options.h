/* options: fills the options of a driver by name, as the configuration does.  Tests only. */
#ifndef ISOTHERM_TESTS_OPTIONS_H
#define ISOTHERM_TESTS_OPTIONS_H

#include "driver.h"

/* Sets the zeroed options to their defaults, then each `name`, `text` of the list, ended by NULL.
 * Fails the test when a name is not known or a text does not fit. */
void options_set(const struct driver *driver, void *options, const char *const *names_and_texts);

#endif
