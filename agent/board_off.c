/* Stands in for the profiles of boards in a build without them.  Invariant: nothing is assumed of
 * the machine, and who names a board or one of its ports is told. */
#include "board_find.h"
#include "config_fill.h"

#include <string.h>

const struct field_table board_table = {
    FIELD_HELP("Not compiled into this program."),
    .left_out = "ISOTHERM_BOARDS",
};

struct board_search board_search_default(void)
{
    return (struct board_search){.name = NULL};
}

enum status board_find(struct config_tree *tree, const struct board_search *search,
                       const char *name, const struct config_node *place, struct board *board,
                       struct board_found *found)
{
    static const char problem[] =
        "board: not compiled into this program (ISOTHERM_BOARDS was OFF); write what its profile "
        "says into the configuration";
    (void)search;
    *board = (struct board){.name = "unknown"};
    *found = (struct board_found){.is_automatic = strcmp(name, "auto") == 0};
    if (found->is_automatic) return ST_OK;
    found->is_missing = true;
    if (place != NULL)
        config_node_report(tree, place, "%s", problem);
    else
        config_tree_report(tree, "command line", 0, 0, false, "%s", problem);
    return ST_NOT_FOUND;
}

void config_apply_board(struct config_tree *tree, const struct config_node *root,
                        struct config *config)
{
    (void)tree;
    (void)root;
    (void)config;
}

void config_resolve_port(struct config_tree *tree, const struct config *config,
                         struct config_source *source, const struct config_node *options)
{
    (void)config;
    const struct field *field = field_find(source->driver->options, "port");
    const struct config_node *place = config_node_find(options, "port");
    if (field == NULL || field->type != FIELD_TEXT || place == NULL || place->is_bad) return;
    const char *path = field_member(field, source->options);
    if (path[0] != '\0' && strchr(path, '/') == NULL)
        config_node_report(tree, place,
                           "port: \"%.32s\" is no path such as /dev/ttyUSB0, and boards are not "
                           "compiled into this program (ISOTHERM_BOARDS was OFF)",
                           path);
}
