/* Invariant: after this every value has its final form; no reader asks again for a default. */
#include "config_fill.h"

#include "alarm_desk.h"
#include "config_alarms.h"
#include "config_learned.h"
#include "config_tables.h"
#include "ledger.h"
#include "repeat.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where `name` was written, else where the whole was. */
static const struct config_node *place_of(const struct config_node *map, const char *name)
{
    const struct config_node *child = map->kind == CONFIG_MAP ? config_node_find(map, name) : NULL;
    return child != NULL ? child : map;
}

static const struct config_node *item_of(const struct config_node *list, size_t index)
{
    const struct config_node *item = list->first;
    for (size_t i = 0; i < index && item != NULL; i++) item = item->next;
    return item != NULL ? item : list;
}

static void finish_gateway(struct config_tree *tree, const struct config_node *root,
                           struct config *config)
{
    if (config_node_find(root, "gateway") != NULL) {
        if (config->gateway[0] == '\0' && tree->errors > 0) return;
        if (config_is_name(config->gateway)) return;
        config_node_report(tree, place_of(root, "gateway"),
                           "gateway: must be letters, digits, . _ -");
        return;
    }
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
    if (strlen(host) < sizeof config->gateway && config_is_name(host)) {
        memcpy(config->gateway, host, strlen(host) + 1);
        return;
    }
    config_node_report(tree, root,
                       "gateway: the host name \"%.64s\" cannot serve as the default; set gateway",
                       host);
}

static void finish_socket(struct config_tree *tree, const struct config_node *root,
                          struct config *config)
{
    if (config->control_socket[0] != '\0') return;
    int size = snprintf(config->control_socket, sizeof config->control_socket, "%s.sock",
                        config->store.path);
    if (size > 0 && (size_t)size < sizeof config->control_socket) return;
    config->control_socket[0] = '\0';
    config_node_report(tree, place_of(place_of(root, "store"), "path"),
                       "path: with .sock behind it, longer than the %zu bytes the path of a "
                       "socket may have; set control: {socket: ...}",
                       sizeof config->control_socket - 1);
}

static void check_panes(struct config_tree *tree, const struct config *config,
                        const struct window_spec *window, const struct config_node *node)
{
    int64_t every_ms = window->every_ms;
    /* Too much overlap alone was reported with the window. */
    if (every_ms <= 0 || window->size_ms / every_ms > LIMIT_PANES) return;
    int64_t late_panes = (config->lateness_ms + every_ms - 1) / every_ms;
    int64_t panes = window->size_ms / every_ms + late_panes + 1;
    if (panes <= LIMIT_PANES) return;
    config_node_report(tree, node,
                       "with this lateness the window needs %lld panes for each device, where at "
                       "most %d are possible; use a larger every or a smaller lateness",
                       (long long)panes, LIMIT_PANES);
}

static bool is_same_window(const struct window_spec *a, const struct window_spec *b)
{
    bool is_set = a->size_ms > 0 || a->size_count > 0;
    return is_set && a->size_ms == b->size_ms && a->every_ms == b->every_ms &&
           a->size_count == b->size_count && a->every_count == b->every_count;
}

static void finish_windows(struct config_tree *tree, const struct config_node *root,
                           struct config *config)
{
    const struct config_node *list = place_of(root, "windows");
    if (config->window_count == 0 && list->count == 0) return;
    for (size_t i = 0; i < config->window_count; i++) {
        struct window_spec *window = &config->windows[i];
        if (window->every_ms == 0) window->every_ms = window->size_ms;
        if (window->every_count == 0) window->every_count = window->size_count;
        check_panes(tree, config, window, item_of(list, i));
        for (size_t j = 0; j < i; j++) {
            if (!is_same_window(&config->windows[j], window)) continue;
            config_node_report(tree, item_of(list, i), "the same window as in line %u",
                               item_of(list, j)->line);
            break;
        }
    }
}

static void check_action_names(struct config_tree *tree, const struct config_node *root,
                               const struct config *config)
{
    const struct config_node *list = place_of(root, "actions");
    for (size_t i = 0; i < config->action_count; i++) {
        const char *name = config->actions[i].name;
        for (size_t j = 0; j < i; j++) {
            if (name[0] == '\0' || strcmp(config->actions[j].name, name) != 0) continue;
            config_node_report(tree, place_of(item_of(list, i), "name"),
                               "name: the action in line %u is called \"%s\" too",
                               item_of(list, j)->line, name);
            break;
        }
    }
}

/* What the flow keeps free in each batch. */
static int64_t reserve_bytes(const struct config *config)
{
    size_t bytes = LEDGER_BYTES + ALARM_DESK_ROOM_BYTES;
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *source = &config->sources[i];
        if (source->driver->repeat_keys == NULL) continue;
        bytes += repeat_room_bytes(source->driver->repeat_keys(source->options));
    }
    return (int64_t)bytes;
}

struct store_options config_store_options(const struct config *config)
{
    enum { LEAST_ENTRY_BYTES = 256 };
    struct store_options options = config->store;
    struct stream_options stream = config_stream_options(config);
    /* With room for the changes of every device beside. */
    int64_t least_bytes = 2 * (int64_t)stream_room_bytes(&stream) + reserve_bytes(config) +
                          (int64_t)stream.devices * LEAST_ENTRY_BYTES;
    if (options.batch_bytes < least_bytes) options.batch_bytes = least_bytes;
    for (size_t i = 0; i < stream.window_count; i++) {
        const struct window_spec *window = &stream.windows[i];
        if (window->size_count > 0) continue;
        options.kinds.kinds[options.kinds.count++] =
            (struct store_kind){.size_ms = window->size_ms,
                                .every_ms = window->every_ms,
                                .settle_ms = stream_settle_ms(&stream, i)};
    }
    return options;
}

static void check_budget(struct config_tree *tree, const struct config_node *root,
                         const struct config *config)
{
    if (tree->errors > 0) return; /* what follows from the values needs good values */
    struct store_options options = config_store_options(config);
    int64_t least_bytes = store_least_budget(options.batch_bytes);
    if (options.budget_bytes >= least_bytes) return;
    config_node_report(tree, place_of(place_of(root, "store"), "budget"),
                       "budget: these windows, alarms and devices need at least %lld MiB",
                       (long long)((least_bytes + 1048575) / 1048576));
}

/* Where most of the memory was asked for. */
static const struct config_node *place_of_memory(const struct config_node *root)
{
    const struct config_node *limits = place_of(root, "limits");
    const struct config_node *devices = place_of(limits, "devices");
    return devices != limits ? devices : place_of(root, "windows");
}

void config_check_memory(struct config_tree *tree, const struct config_node *root,
                         const struct config *config, int64_t planned_bytes)
{
    enum { KIB = 1024 };
    int64_t most = config->limits.memory_bytes, board = config->board.limits.memory_bytes;
    bool is_board = board > 0 && (most == 0 || board < most);
    if (is_board) most = board;
    if (most == 0 || planned_bytes <= most) return;
    config_node_report(tree, place_of_memory(root),
                       "memory: this configuration takes %" PRId64
                       " KiB, where %s%s allows %" PRId64
                       " KiB; fewer devices, shorter windows or less lateness take less (isotherm "
                       "plan shows what takes how much)",
                       planned_bytes / KIB, is_board ? "the board " : "limits.memory",
                       is_board ? config->board.name : "", most / KIB);
}

void config_finish(struct config_tree *tree, const struct config_node *root, struct config *config)
{
    const struct config_node *windows = config_node_find(root, "windows");
    if (windows == NULL || windows->is_null) {
        config->windows[0] = (struct window_spec){.size_ms = 60000};
        config->window_count = 1;
    }
    config_apply_board(tree, root, config);
    finish_gateway(tree, root, config);
    finish_socket(tree, root, config);
    finish_windows(tree, root, config);
    config_check_alarms(tree, root, config);
    config_load_models(tree, place_of(root, "alarms"), config);
    check_action_names(tree, root, config);
    check_budget(tree, root, config);
    const struct config_node *uplink = config_node_find(root, "uplink");
    if (uplink != NULL) return;
    config_tree_report(tree, root->file, root->line, root->column, true,
                       "no uplink: summaries and alarms wait in the store");
}
