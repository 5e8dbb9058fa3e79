/* Invariant: after this no limit is above the board's, and none is above what it was before. */
#include "config_fill.h"

#include <stdio.h>
#include <string.h>

/* A limit of the board and the value of the configuration that it bounds. */
struct bound {
    const char *group, *key;
    int64_t most;   /* 0: none */
    int64_t *value; /* of the configuration */
    bool is_bytes;
};

static const struct config_node *find(const struct config_node *map, const char *key)
{
    return map != NULL && map->kind == CONFIG_MAP ? config_node_find(map, key) : NULL;
}

static void describe(const struct bound *bound, int64_t number, char *words, size_t capacity)
{
    const struct field like = {.type = bound->is_bytes ? FIELD_BYTES : FIELD_INTEGER};
    struct text text;
    text_init(&text, words, capacity);
    field_add_number(&text, &like, number);
}

static void apply(struct config_tree *tree, const struct config_node *root,
                  const struct board *board, const struct bound *bound)
{
    if (bound->most == 0 || *bound->value <= bound->most) return;
    const struct config_node *written = find(find(root, bound->group), bound->key);
    if (written == NULL) {
        *bound->value = bound->most;
        return;
    }
    char asked[48], most[48];
    describe(bound, *bound->value, asked, sizeof asked);
    describe(bound, bound->most, most, sizeof most);
    config_node_report(tree, written, "%s: %s, but the board %s allows at most %s", bound->key,
                       asked, board->name, most);
}

void config_apply_board(struct config_tree *tree, const struct config_node *root,
                        struct config *config)
{
    const struct board *board = &config->board;
    const struct bound bounds[] = {
        {"limits", "devices", board->limits.devices, &config->limits.devices, false},
        {"limits", "payload", board->limits.payload_bytes, &config->limits.payload_bytes, true},
        {"store", "budget", board->limits.store_bytes, &config->store.budget_bytes, true},
    };
    if (find(find(root, "store"), "storage") == NULL) config->store.storage = board->storage;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        apply(tree, root, board, &bounds[i]);
}

static void report_unknown_port(struct config_tree *tree, const struct board *board,
                                const struct config_node *node, const char *name)
{
    const char *nearest = NULL;
    char names[128];
    struct text known;
    size_t shortest = SIZE_MAX;
    text_init(&known, names, sizeof names);
    for (size_t i = 0; i < board->port_count; i++) {
        size_t distance = field_name_distance(name, board->ports[i].name);
        if (known.size > 0) text_add(&known, ", ");
        text_add(&known, board->ports[i].name);
        if (distance >= shortest) continue;
        shortest = distance;
        nearest = board->ports[i].name;
    }
    if (nearest != NULL)
        config_node_report(tree, node,
                           "port: the board %s has no port \"%.32s\"; did you mean \"%s\"?",
                           board->name, name, nearest);
    else
        config_node_report(tree, node,
                           "port: \"%.32s\" is neither a path such as /dev/ttyUSB0 nor a port of "
                           "the board %s, which has %s",
                           name, board->name, board->port_count > 0 ? names : "none with a name");
}

static void set_option(struct config_tree *tree, struct config_source *source,
                       const struct config_node *place, const char *name, const char *text)
{
    char problem[200];
    const struct field *field = field_find(source->driver->options, name);
    if (field == NULL) return;
    if (field_set_text(field, source->options, text, problem, sizeof problem) != ST_OK)
        config_node_report(tree, place, "%s: of the board's profile: %s", name, problem);
}

static void warn(struct config_tree *tree, const struct config_node *place, const char *port,
                 const char *problem, const char *detail)
{
    config_tree_report(tree, place->file, place->line, place->column, true, "port: %s %s%s", port,
                       problem, detail);
}

/* What whoever installs must do or avoid, whether the port was written as a name or as a path. */
static void warn_of_traps(struct config_tree *tree, const struct board_port *port,
                          const struct config_node *place, const struct config_node *options)
{
    const struct config_node *parity = find(options, "parity");
    if (!port->has_parity && parity != NULL && parity->kind == CONFIG_SCALAR &&
        strcmp(parity->text, "none") != 0)
        warn(tree, parity, port->name, "has no parity on this board", "");
    if (port->rs485 == BOARD_RS485_COMMAND)
        warn(tree, place, port->name,
             "is switched to RS-485 by a command, to be run before: ", port->command);
    if (port->is_console)
        warn(tree, place, port->name,
             "carries the system's console as shipped; take the console off it first", "");
}

void config_resolve_port(struct config_tree *tree, const struct config *config,
                         struct config_source *source, const struct config_node *options)
{
    const struct board *board = &config->board;
    const struct field *field = field_find(source->driver->options, "port");
    const struct config_node *place = find(options, "port");
    if (field == NULL || field->type != FIELD_TEXT || place == NULL || place->is_bad) return;
    char *path = field_member(field, source->options);
    if (path[0] == '\0') return;
    const struct board_port *port = board_find_path(board, path);
    if (strchr(path, '/') == NULL) {
        port = board_find_port(board, path);
        if (port == NULL) {
            if (config->board_found.is_missing) return; /* said already */
            report_unknown_port(tree, board, place, path);
            return;
        }
        set_option(tree, source, place, "port", port->path);
        if (port->rs485 == BOARD_RS485_IOCTL && find(options, "rs485") == NULL)
            set_option(tree, source, place, "rs485", "kernel");
    }
    if (port != NULL) warn_of_traps(tree, port, place, options);
}
