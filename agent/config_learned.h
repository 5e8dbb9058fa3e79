/* config_learned: what the configuration says about learned alarms.  Loop thread, at start. */
#ifndef ISOTHERM_CONFIG_LEARNED_H
#define ISOTHERM_CONFIG_LEARNED_H

#include "config.h"
#include "config_tree.h"

extern const struct field_table config_habit_table;   /* fills struct config_habit */
extern const struct field_table config_unusual_table; /* fills struct alarm_habit */

struct habit_options config_habit_options(const struct config *config);

/* Reads the models that the alarms in that list name, and reports what is wrong with them.  The
 * models are the configuration's; released with config_free_models. */
void config_load_models(struct config_tree *tree, const struct config_node *list,
                        struct config *config);
void config_free_models(struct config *config);

/* Bytes that the models have allocated. */
size_t config_model_bytes(const struct config *config);

#endif
