/* config_fill: from nodes to structs, through the field tables.  Loop thread, at start. */
#ifndef ISOTHERM_CONFIG_FILL_H
#define ISOTHERM_CONFIG_FILL_H

#include "base/field.h"
#include "config_tree.h"

/* Fills `options`, which holds the defaults, from a map (or from nothing written) and reports
 * every problem: unknown and missing keys, values that do not fit, and what the table's own check
 * finds when all else is right.  The key `skip` is the caller's; NULL: none. */
void config_fill_group(struct config_tree *tree, const struct field_table *table,
                       const struct config_node *node, void *options, const char *skip);

/* Sets one scalar. */
void config_fill_scalar(struct config_tree *tree, const struct field *field,
                        const struct config_node *node, void *options);

/* Fills config->sources from the list of sources; their options are allocated here and released
 * with config_fini. */
void config_fill_sources(struct config_tree *tree, const struct config_node *list,
                         struct config *config);

/* What several parts of the configuration must be together, and what follows from it: defaults
 * that depend on other values are set. */
void config_finish(struct config_tree *tree, const struct config_node *root, struct config *config);

#endif
