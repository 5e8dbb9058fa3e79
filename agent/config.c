/* Invariant: all files are read before anything is judged, and everything is judged before
 * config_load returns, so that one run shows every problem. */
#include "config.h"

#include "board_find.h"
#include "config_fill.h"
#include "config_learned.h"
#include "config_tables.h"
#include "config_tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char conf_dir[] = "conf.d";

/* The directory beside the main file.  False when the path does not fit. */
static bool make_directory_path(const char *path, char *directory, size_t capacity)
{
    const char *slash = strrchr(path, '/');
    int prefix = slash != NULL ? (int)(slash - path) + 1 : 0;
    int size = snprintf(directory, capacity, "%.*s%s", prefix, path, conf_dir);
    return size > 0 && (size_t)size < capacity;
}

static int is_configuration(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return entry->d_name[0] != '.' && size > 5 && strcmp(entry->d_name + size - 5, ".yaml") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum status worse(enum status a, enum status b)
{
    return a == ST_OK || (a == ST_INVALID && b != ST_OK) ? b : a;
}

static enum status read_on_top(struct config_tree *tree, const char *path, struct config_node *root)
{
    struct config_node *over = NULL;
    enum status status = config_tree_read(tree, path, &over);
    if (over != NULL && over != root) config_tree_merge(root, over);
    return status;
}

static enum status read_directory(struct config_tree *tree, const char *directory,
                                  struct config_node *root)
{
    struct dirent **entries = NULL;
    enum status status = ST_OK;
    int count = scandir(directory, &entries, is_configuration, compare_names);
    if (count < 0 && errno == ENOENT) return ST_OK;
    if (count < 0) {
        config_tree_report(tree, directory, 0, 0, false, "cannot be read: %s", strerror(errno));
        return ST_IO;
    }
    for (int i = 0; i < count; i++) {
        char path[LIMIT_PATH_SIZE + sizeof entries[i]->d_name + 1];
        (void)snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        status = worse(status, read_on_top(tree, path, root));
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* *root is the merged whole; NULL when the main file cannot be used. */
static enum status read_all(struct config_tree *tree, const char *path, struct config_node **root)
{
    char directory[LIMIT_PATH_SIZE];
    enum status status = config_tree_read(tree, path, root);
    if (status == ST_IO) return status;
    struct config_node *base = *root != NULL ? *root : config_tree_add_map(tree);
    if (base == NULL) return ST_INVALID;
    if (make_directory_path(path, directory, sizeof directory)) {
        enum status directory_status = read_directory(tree, directory, base);
        if (status == ST_OK) *root = base;
        status = worse(status, directory_status);
    }
    return status;
}

static bool is_before(const struct config_problem *a, const struct config_problem *b,
                      const char *main_file)
{
    int order = strcmp(a->file, b->file);
    if (order != 0 && strcmp(a->file, main_file) == 0) return true;
    if (order != 0 && strcmp(b->file, main_file) == 0) return false;
    if (order != 0) return order < 0;
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* In the order in which a person reads the files. */
static void sort_problems(struct config_problems *problems, const char *main_file)
{
    size_t kept = problems->count < problems->capacity ? problems->count : problems->capacity;
    for (size_t i = 1; i < kept; i++) {
        struct config_problem moved = problems->items[i];
        size_t at = i;
        while (at > 0 && is_before(&moved, &problems->items[at - 1], main_file)) {
            problems->items[at] = problems->items[at - 1];
            at--;
        }
        problems->items[at] = moved;
    }
}

/* The board comes first: ports of sources are named by it. */
static void find_board(struct config_tree *tree, const struct config_node *root,
                       const struct board_search *search, struct config *config)
{
    const struct config_node *place =
        root->kind == CONFIG_MAP ? config_node_find(root, "board") : NULL;
    bool is_written = place != NULL && place->kind == CONFIG_SCALAR && !place->is_null;
    const char *name = is_written && place->text[0] != '\0' ? place->text : "auto";
    if (search->name != NULL) {
        name = search->name;
        place = NULL;
    }
    enum status status =
        board_find(tree, search, name, place, &config->board, &config->board_found);
    if (status != ST_OK && status != ST_NOT_FOUND)
        config_node_report(tree, root, "board: %s", status_text(status));
}

enum status config_load(struct config *config, const char *path, struct config_problems *problems)
{
    const struct config_purpose purpose = {.boards = board_search_default()};
    return config_load_for(config, path, &purpose, problems);
}

enum status config_load_for(struct config *config, const char *path,
                            const struct config_purpose *purpose, struct config_problems *problems)
{
    struct config_tree tree;
    struct config_node *root = NULL;
    *config = (struct config){0};
    problems->count = 0;
    enum status status = config_tree_init(&tree, problems);
    if (status == ST_OK) status = field_set_defaults(&config_table, config);
    if (status != ST_OK) {
        config_tree_report(&tree, path, 0, 0, false, "%s",
                           status == ST_NO_MEMORY ? "out of memory"
                                                  : "a built-in default is wrong");
    } else {
        status = read_all(&tree, path, &root);
    }
    if (root != NULL) {
        find_board(&tree, root, &purpose->boards, config);
        config_fill_group(&tree, &config_table, root, config, NULL);
        config_finish(&tree, root, config);
        if (purpose->plan_bytes != NULL && tree.errors == 0)
            config_check_memory(&tree, root, config, purpose->plan_bytes(config));
    }
    if (status == ST_OK && tree.errors > 0) status = ST_INVALID;
    sort_problems(problems, path);
    config_tree_fini(&tree);
    return status;
}

void config_fini(struct config *config)
{
    for (size_t i = 0; i < config->source_count; i++) free(config->sources[i].options);
    config->source_count = 0;
    config_free_models(config);
}

struct stream_options config_stream_options(const struct config *config)
{
    struct stream_options options = {
        .devices = (size_t)config->limits.devices,
        .admission = config->limits.admission,
        .window_count = config->window_count,
        .lateness_ms = config->lateness_ms,
        .grace_ms = config->grace_ms,
        .future_ms = config->times.future_ms,
        .past_ms = config->times.past_ms,
        .expected_every_ms = config->expected_every_ms,
        .alarms = config->alarms,
        .alarm_count = config->alarm_count,
        .habit = config_habit_options(config),
    };
    memcpy(options.windows, config->windows, sizeof options.windows);
    memcpy(options.gateway, config->gateway, sizeof options.gateway);
    return options;
}
