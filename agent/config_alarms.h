/* config_alarms: the keys of `alarms` and what must hold among them.  Pure. */
#ifndef ISOTHERM_CONFIG_ALARMS_H
#define ISOTHERM_CONFIG_ALARMS_H

#include "base/field.h"
#include "config.h"
#include "config_tree.h"

extern const struct field_table config_alarm_table;

/* What concerns several rules, or a rule and the windows. */
void config_check_alarms(struct config_tree *tree, const struct config_node *root,
                         const struct config *config);

#endif
