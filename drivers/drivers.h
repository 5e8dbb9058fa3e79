/* drivers: the drivers by name, for the registry and for tests of a single one. */
#ifndef ISOTHERM_DRIVERS_H
#define ISOTHERM_DRIVERS_H

#include "driver.h"

extern const struct driver driver_mqtt, driver_coap, driver_serial, driver_replay, driver_template;

#endif
