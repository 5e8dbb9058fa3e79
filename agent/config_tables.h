/* config_tables: the rows of the whole configuration; drivers, store and uplink bring their own.
 * Pure. */
#ifndef ISOTHERM_CONFIG_TABLES_H
#define ISOTHERM_CONFIG_TABLES_H

#include "base/field.h"
#include "config.h"

/* Fills struct config. */
extern const struct field_table config_table;

/* Stands for the options of a source, which only the registry knows: a list whose rows have this
 * table holds groups with one key, the name of a driver. */
extern const struct field_table config_source_table;

/* The `name:` that every source may have beside its driver's options. */
extern const struct field config_source_name;

/* Whether a gateway, alarm or source may be called that: 1 or more of A-Z a-z 0-9 . _ - */
bool config_is_name(const char *name);

#endif
