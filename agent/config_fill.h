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

/* A port that is named as in the board's profile becomes its path, and the driver's option rs485
 * follows the profile where it was not written. */
void config_resolve_port(struct config_tree *tree, const struct config *config,
                         struct config_source *source, const struct config_node *options);

/* Holds the limits of the board against what was written, and lowers defaults to them. */
void config_apply_board(struct config_tree *tree, const struct config_node *root,
                        struct config *config);

/* Holds what is planned for the whole process against limits.memory and the board.  After
 * everything else, when there is no error. */
void config_check_memory(struct config_tree *tree, const struct config_node *root,
                         const struct config *config, int64_t planned_bytes);

/* What several parts of the configuration must be together, and what follows from it: defaults
 * that depend on other values are set. */
void config_finish(struct config_tree *tree, const struct config_node *root, struct config *config);

#endif
